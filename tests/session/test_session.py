"""What goes into a session and comes out of it: arrays, options, recipes, devices, threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

import rmbg_fast
from rmbg_fast import ModelSpec, Session, errors, ops
from support.parallel import in_threads


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [None, 3, 4])
def test_arrays_of_every_kind(grey_model: ModelSpec, dtype: Any, channels: int | None) -> None:
    session = Session(grey_model, device="cpu")
    shape = (31, 47) if channels is None else (31, 47, channels)
    image = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    result = session.remove(image)
    assert result.dtype == dtype
    assert result.shape == (31, 47, 4)
    assert session.remove(image, background="white").shape == (31, 47, 3)
    assert set(np.unique(session.remove(image, threshold=128)[..., 3])) <= {0, np.iinfo(dtype).max}
    out = np.empty_like(result)
    assert session.remove(image, out=out) is out
    assert np.array_equal(out, result)
    for mask_type in ("uint8", "uint16", "float32"):
        assert session.mask(image, dtype=mask_type).dtype == np.dtype(mask_type)


def test_many_threads_share_a_session(grey_model: ModelSpec, photo: NDArray[np.uint8]) -> None:
    session = Session(grey_model, device="cpu", threads=2)
    wanted = session.remove(photo)

    def same(_: int) -> bool:
        return all(np.array_equal(session.remove(photo), wanted) for _ in range(20))

    assert in_threads(6, same) == [True] * 6
    assert session.timings["inference"] > 0


def test_remove_keeps_its_session(grey_model: ModelSpec, photo: NDArray[np.uint8]) -> None:
    first = rmbg_fast.remove(photo, model=grey_model, device="cpu")
    assert grey_model.path is not None
    for file in grey_model.path.parent.glob("*.onnx"):
        file.unlink()
    assert np.array_equal(rmbg_fast.remove(photo, model=grey_model, device="cpu"), first)


def test_a_recipe_of_another_name(grey_model: ModelSpec, photo: NDArray[np.uint8]) -> None:
    own = Session(grey_model, device="cpu")
    theirs = Session(grey_model, device="cpu", recipe="rembg")
    assert theirs.model.recipe == "rembg"
    alpha = theirs.mask(photo)
    assert not np.array_equal(alpha, own.mask(photo))
    cut = theirs.remove(photo)
    top = photo.astype(int) * alpha[..., None]
    assert np.array_equal(cut[..., :3], (top + 127) // 255)  # premultiplied, as rembg's
    assert np.array_equal(theirs.remove(photo, alpha="straight")[..., :3], np.where(alpha[..., None] > 0, photo, 0))
    assert theirs.remove(photo, background="white").shape[2] == 3
    assert np.array_equal(rmbg_fast.remove(photo, model=grey_model, device="cpu", recipe="rembg"), cut)
    again = rmbg_fast.remove(photo, model=grey_model, device="cpu", recipe={"recipe": "rembg", "alpha": "straight"})
    assert np.array_equal(again[..., 3], alpha)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [None, 3, 4])
def test_estimated_colours(grey_model: ModelSpec, dtype: Any, channels: int | None) -> None:
    session = Session(grey_model, device="cpu", threads=2)
    top = np.iinfo(dtype).max
    shape = (70, 45) if channels is None else (70, 45, channels)
    image = np.random.default_rng(1).integers(0, top, shape, endpoint=True).astype(dtype)
    kept, cut = session.remove(image), session.remove(image, foreground="estimate")
    alpha = kept[..., 3]
    assert np.array_equal(cut[..., 3], alpha)
    assert not np.array_equal(cut, kept)
    rgb = np.ascontiguousarray(image[..., :3]) if channels else np.dstack([image] * 3)
    own = ops.estimate_foreground(rgb, np.ascontiguousarray(alpha))
    assert np.array_equal(cut[..., :3], np.where(alpha[..., None] > 0, own, 0))
    over = session.remove(image, foreground="estimate", background="white")
    assert np.array_equal(over, ops.blend(own, alpha, background=(255, 255, 255)))
    with pytest.raises(errors.OptionError, match="foreground must be one of 'keep', 'estimate'"):
        session.remove(image, foreground="no")  # type: ignore[arg-type]


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cpu:1", "CUDA", "", 0, None])
def test_unknown_devices(grey_model: ModelSpec, device: Any) -> None:
    with pytest.raises(errors.OptionError, match="device"):
        Session(grey_model, device=device)


def test_explicit_cuda_fails_loudly(grey_model: ModelSpec) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(errors.DeviceError, match="onnxruntime_providers_cuda"):
        Session(grey_model, device="cuda")
    session = Session(grey_model, device="auto")
    assert session.provider == "CPUExecutionProvider"
    assert "onnxruntime_providers_cuda" in session.fallback_reason


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_thread_counts(grey_model: ModelSpec, threads: Any) -> None:
    with pytest.raises(errors.OptionError, match="threads"):
        Session(grey_model, threads=threads)


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": "soft"},
        {"threshold": 0},
        {"threshold": 256},
        {"background": "no such colour"},
        {"background": (0, 0, 256)},
        {"background": "white", "alpha": "premultiplied"},
        {"out": np.zeros((70, 45, 3), np.uint8)},
        {"out": np.zeros((70, 45, 4), np.float32)},
    ],
)
def test_options_that_make_no_sense(grey_model: ModelSpec, photo: NDArray[np.uint8], options: dict[str, Any]) -> None:
    with pytest.raises(errors.OptionError):
        Session(grey_model, device="cpu").remove(photo, **options)
