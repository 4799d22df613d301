"""Models of any size, and of shapes that no picture fits."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from rmbg_fast import ModelSpec, Session, errors
from rmbg_fast._runtime import library
from support.tiny_models import SIZE, mean_of_channels, tiny


def test_a_model_of_any_size(tmp_path: Path) -> None:
    path = tmp_path / "any.onnx"
    shape = [1, 3, "height", "width"]
    graph = helper.make_graph(
        mean_of_channels(),
        "any",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, "height", "width"])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    recipe = {"minmax": "none", "rounding": "none", "mean": (0, 0, 0)}
    spec = ModelSpec.for_file(path, like="isnet-general-use", size=(96, 64), dynamic=32, **recipe)
    session = Session(spec, device="cpu")
    for height, width in ((64, 32), (96, 64)):  # multiples of 32: nothing is resized
        image = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
        np.testing.assert_allclose(session.mask(image, dtype="float32"), image.mean(2) / 255, rtol=0, atol=1e-6)
    for size in ((5, 7), (200, 33), (70, 45)):  # below, above, between
        assert session.mask(np.zeros((*size, 3), np.uint8), on_empty="ignore").shape == size
    with pytest.raises(errors.ModelError, match="size"):
        Session(dataclasses.replace(tiny(tmp_path / "fixed.onnx", mean_of_channels()), dynamic=32), device="cpu")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": [1, 3, 64, 64]}, "correct `size`"),
        ({"shape": [1, 1, SIZE, SIZE]}, "wants 1 channels: only RGB, 3 channels"),
        ({"shape": [1, 4, SIZE, SIZE]}, "wants 4 channels: only RGB, 3 channels"),
        ({"shape": [1, SIZE, SIZE, 3]}, "layout is NHWC, channels last: export it as NCHW"),
        ({"shape": ["n", "h", "w", 3]}, "layout is NHWC"),
        ({"shape": [8, 3, SIZE, SIZE]}, "batch is fixed at 8"),
        ({"shape": [3, SIZE, SIZE]}, r"an image is \[batch, 3, height, width\]"),
    ],
)
def test_a_model_of_another_shape(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    spec = tiny(tmp_path / "odd.onnx", mean_of_channels(), **options)
    with pytest.raises(errors.ModelError, match=message):
        Session(spec, device="cpu")


def test_an_output_that_is_no_mask(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    spec = tiny(tmp_path / "rgb.onnx", [helper.make_node("Relu", ["input"], ["output"])])
    with pytest.raises(errors.ModelError, match="not one mask"):
        Session(spec, device="cpu").remove(photo)


def test_a_json_file_beside_a_model_that_stays_as_it_is(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    path = tmp_path / "shapeless.onnx"
    spec = tiny(path, mean_of_channels())  # the checker refuses an output without a shape
    path.with_suffix(".json").write_text('{"mine": 1}')
    session = Session(spec, device="cpu")
    assert session.details["graph"] == str(path)
    assert session.mask(photo).shape == photo.shape[:2]


def test_the_runtime_s_functions_are_where_we_say() -> None:
    testing = pytest.importorskip("rmbg_fast._testing", reason="published wheels are without it")
    assert testing.check_slots(str(library.find())) == []
