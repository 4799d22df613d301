"""The one file that every wheel must pass: needs the wheel and pytest, no network, no other file of this repository."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import rmbg_fast
from rmbg_fast import _core, ops, reference
from rmbg_fast.models import ModelSpec

HEIGHT, WIDTH = 37, 53  # no multiple of any vector


@pytest.fixture(params=[name for name, runs_here in _core.tiers().items() if runs_here])
def tier(request: pytest.FixtureRequest) -> Iterator[str]:
    before = _core.active_tier()
    _core.set_tier(request.param)
    yield request.param
    _core.set_tier(before)


def picture(channels: int) -> NDArray[np.uint8]:
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
    return np.random.default_rng(channels).integers(0, 256, shape, dtype=np.uint8)


def matte() -> NDArray[np.float32]:
    return np.random.default_rng(7).normal(size=(16, 24)).astype(np.float32)


def same(actual: NDArray[np.generic], expected: NDArray[np.generic]) -> None:
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    assert actual.tobytes() == expected.tobytes()


def test_version_is_that_of_the_installed_package() -> None:
    assert rmbg_fast.__version__ == _core.__version__ == version("rmbg-fast")


def test_build_info_says_what_runs() -> None:
    info = rmbg_fast.build_info()
    assert {"version", "compiler", "tiers", "active_tier", "runtime", "threads"} <= info.keys()
    assert info["version"] == version("rmbg-fast")
    assert info["tiers"]["reference"]
    assert info["tiers"][info["active_tier"]]
    assert info["network_tier"] == "" or info["network_tiers"][info["network_tier"]]
    assert info["threads"] >= 1


def test_command_prints_its_version() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "rmbg_fast", "--version"], capture_output=True, text=True, check=True, timeout=120
    )
    assert run.stdout.strip() == f"rmbg-fast {version('rmbg-fast')}"


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("rounding", ["none", "truncate", "nearest"])
@pytest.mark.parametrize("resample", ["bilinear", "triangle"])
@pytest.mark.usefixtures("tier")
def test_preprocess_equals_the_reference(resample: ops.Resample, rounding: ops.Rounding, channels: int) -> None:
    image, std = picture(channels), (0.229, 0.224, 0.225)
    same(
        ops.preprocess(image, size=(16, 24), std=std, resample=resample, rounding=rounding),
        reference.preprocess(image, size=(16, 24), std=std, resample=resample, rounding=rounding),
    )


@pytest.mark.usefixtures("tier")
def test_minmax_equals_the_reference_and_ignores_what_is_not_finite() -> None:
    mask = matte()
    mask[0, 0], mask[3, 5], mask[-1, -1] = np.nan, np.inf, -np.inf
    finite = mask[np.isfinite(mask)]
    assert ops.minmax(mask) == reference.minmax(mask) == (finite.min(), finite.max())


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("resample", ["bilinear", "bicubic", "nearest"])
@pytest.mark.usefixtures("tier")
def test_resize_mask_equals_the_reference(resample: ops.MaskResample, dtype: str) -> None:
    mask, size = matte(), (HEIGHT, WIDTH)
    same(
        ops.resize_mask(mask, size, range=(-1.0, 1.0), resample=resample, dtype=dtype),  # type: ignore[arg-type]
        reference.resize_mask(mask, size, range=(-1.0, 1.0), resample=resample, dtype=dtype),  # type: ignore[arg-type]
    )


BLENDS = [{}, {"mode": "premultiplied"}, {"background": (255, 128, 0)}, {"threshold": 128}]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("options", BLENDS, ids=str)
@pytest.mark.usefixtures("tier")
def test_blend_equals_the_reference(options: dict[str, object], channels: int) -> None:
    image, alpha = picture(channels), picture(1)[::-1].copy()
    same(ops.blend(image, alpha, **options), reference.blend(image, alpha, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("options", BLENDS, ids=str)
@pytest.mark.usefixtures("tier")
def test_cutout_equals_the_reference(options: dict[str, object]) -> None:
    same(
        ops.cutout(picture(3), matte(), **options),  # type: ignore[arg-type]
        reference.cutout(picture(3), matte(), **options),  # type: ignore[arg-type]
    )


@pytest.mark.skipif(find_spec("onnxruntime") is None, reason="the extra 'cpu' or 'gpu' is not installed")
def test_session_runs_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "home"))
    spec = ModelSpec.for_file(
        red_channel_model(tmp_path), like="isnet-general-use", size=(8, 8), mean=(0.0, 0.0, 0.0), minmax="none"
    )
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, 4:, 0] = 255
    session = rmbg_fast.Session(spec, device="cpu", threads=1)
    assert np.array_equal(session.mask(image), image[..., 0])
    cut = session.remove(image)
    assert np.array_equal(cut, np.dstack([image, image[..., 0]]))


def red_channel_model(folder: Path) -> Path:
    """A model at 8x8 whose mask is the image's red channel."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = np.array([1, 0, 0], np.float32).reshape(1, 3, 1, 1)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weight"], ["matte"])],
        "red",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("matte", TensorProto.FLOAT, [1, 1, 8, 8])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "red.onnx"
    onnx.save(model, path)
    return path
