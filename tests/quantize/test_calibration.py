"""The ranges of activations: fed as a session feeds, means of the extremes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, numpy_helper

from rmbg_fast import ModelSpec, Session, ops
from rmbg_fast._quantize import calibration, quantize
from rmbg_fast.errors import ModelOutputError
from support.quantized import Made, ran
from support.small_network import network, photos, saved


def test_feed_is_what_a_session_feeds(tmp_path: Path) -> None:
    spec = saved(tmp_path)
    photo = photos(tmp_path, 1)[0]
    mask = Session(spec, device="cpu").mask(photo, dtype="float32")
    plane = ran(network(), calibration.feed(spec, photo), ["y"])[0][0, 0]
    assert spec.minmax == "after"
    span = ops.minmax(plane, size=mask.shape)
    wanted = ops.resize_mask(plane, mask.shape, range=span, dtype="float32")
    assert np.abs(mask - wanted).max() * 255 < 0.1


def test_feed_divides_by_the_largest_value(tmp_path: Path) -> None:
    spec = ModelSpec.for_file(saved(tmp_path).path or "", like="u2netp", size=(8, 8))
    assert spec.divide_by_max
    dark = np.full((8, 8, 3), 40, np.uint8)
    fed = calibration.feed(spec, dark)
    wanted = (1 - np.array(spec.mean)) / np.array(spec.std)
    np.testing.assert_allclose(fed[0, :, 0, 0], wanted, rtol=1e-5)


def test_ranges_are_means_of_the_extremes(made: Made, tmp_path: Path) -> None:
    spec, model, ranges = made
    inputs = [calibration.feed(spec, photo) for photo in photos(tmp_path)]
    watched = ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.append(onnx.helper.make_tensor_value_info("concat.out", TensorProto.FLOAT, None))
    values = [ran(watched, image, ["concat.out"])[0] for image in inputs]
    assert ranges["concat.out"] == pytest.approx(
        (np.mean([value.min() for value in values]), np.mean([value.max() for value in values])), abs=1e-5
    )
    assert ranges["x"] == pytest.approx(
        (np.mean([image.min() for image in inputs]), np.mean([image.max() for image in inputs]))
    )
    assert set(ranges) == {"x"} | {name for node in model.graph.node for name in node.output}


def test_activations_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    broken = network()
    weights = next(tensor for tensor in broken.graph.initializer if tensor.name == "deep.b")
    weights.CopyFrom(numpy_helper.from_array(np.full(16, np.inf, np.float32), "deep.b"))
    spec = saved(tmp_path, broken)
    with pytest.raises(ModelOutputError, match="not finite"):
        quantize.to_int8(spec, photos(tmp_path, 1), threads=1)
