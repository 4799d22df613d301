"""Torch's tensors as inputs and `out`, and our results as tensors: the same memory, proved by its address."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

from rmbg_fast import Session, errors, ops, reference
from support import small_network

torch = pytest.importorskip("torch")

PHOTO = np.random.default_rng(0).integers(0, 256, (14, 11, 3), np.uint8)
ALPHA = np.random.default_rng(1).integers(0, 256, (14, 11), np.uint8)
MASK = np.random.default_rng(2).random((5, 6), np.float32)
SIZE = {"size": (9, 8)}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return Session(small_network.saved(tmp_path_factory.mktemp("model")), device="cpu")


@pytest.mark.parametrize("module", [ops, reference])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_preprocess_writes_to_a_tensor(module: Any, dtype: str) -> None:
    batch = torch.full((3, 3, 9, 8), 7, dtype=getattr(torch, dtype))
    address = batch.data_ptr()
    for i in (0, 2):
        row = batch[i : i + 1]
        assert module.preprocess(torch.from_numpy(PHOTO), out=row, dtype=dtype, **SIZE) is row
    expected = ops.preprocess(PHOTO, dtype=dtype, **SIZE)
    assert batch.data_ptr() == address
    np.testing.assert_array_equal(batch[:1].numpy(), expected, strict=True)
    np.testing.assert_array_equal(batch[2:].numpy(), expected, strict=True)
    assert (batch[1] == 7).all()


def test_out_may_be_a_crop_of_a_larger_tensor() -> None:
    canvas = torch.full((20, 30, 4), 9, dtype=torch.uint8)
    crop = canvas[3:17, 5:16]
    assert ops.cutout(PHOTO, MASK, out=crop) is crop
    np.testing.assert_array_equal(canvas[3:17, 5:16].numpy(), ops.cutout(PHOTO, MASK))
    crop.fill_(9)
    assert (canvas == 9).all()
    plane = torch.zeros(20, 30, dtype=torch.uint16)
    ops.resize_mask(torch.from_numpy(MASK), (14, 11), dtype="uint16", out=plane[:14, 2:13])
    np.testing.assert_array_equal(plane[:14, 2:13].numpy(), ops.resize_mask(MASK, (14, 11), dtype="uint16"))


def test_tensors_are_read_where_they_lie_at_any_strides() -> None:
    planar = torch.from_numpy(PHOTO.transpose(2, 0, 1).copy())
    for image in (
        planar.permute(1, 2, 0),
        torch.from_numpy(PHOTO),
        torch.from_numpy(np.pad(PHOTO, 2))[2:-2, 2:-2, 2:5],
    ):
        np.testing.assert_array_equal(ops.preprocess(image, **SIZE), ops.preprocess(PHOTO, **SIZE))
        np.testing.assert_array_equal(ops.blend(image, torch.from_numpy(ALPHA)), ops.blend(PHOTO, ALPHA))
        np.testing.assert_array_equal(ops.cutout(image, torch.from_numpy(MASK).T), ops.cutout(PHOTO, MASK.T))
    assert ops.minmax(torch.from_numpy(MASK)) == ops.minmax(MASK)
    with pytest.raises(errors.ImageError, match=r"not uint8 of shape \(3, 14, 11\)"):
        ops.preprocess(planar, **SIZE)
    with pytest.raises(errors.ImageError, match=r"not float32 of shape \(3, 14, 11\)"):
        ops.preprocess(planar / 255, **SIZE)
    with pytest.raises(errors.ImageError, match="bfloat16"):
        ops.minmax(torch.from_numpy(MASK).to(torch.bfloat16))
    with pytest.raises(errors.ImageError, match="detach"):
        ops.minmax(torch.from_numpy(MASK.copy()).requires_grad_())


def strange() -> dict[str, tuple[Any, str]]:
    """Tensors that have no memory for the result, and what the error says."""
    shape = (1, 3, 9, 8)
    whole = torch.zeros(shape)
    return {
        "meta": (torch.empty(shape, device="meta"), "meta"),
        "requires grad": (torch.zeros(shape, requires_grad=True), "detach"),
        "of a graph": (torch.zeros(shape, requires_grad=True) * 2, "detach"),
        "parameter": (torch.nn.Parameter(whole.clone()), "detach"),
        "conjugate": (torch.zeros(shape, dtype=torch.complex64).conj(), "conjugate"),
        "negative": (torch.zeros(shape, dtype=torch.complex64).conj().imag, "resolve_neg"),
        "sparse": (torch.zeros(shape).to_sparse(), "strided"),
        "bfloat16": (whole.to(torch.bfloat16), "bfloat16"),
        "float64": (whole.double(), "not float64"),
        "shape": (whole[0], r"not float32 of shape \(3, 9, 8\)"),
        "channels last": (whole.contiguous(memory_format=torch.channels_last), "packed"),
        "cropped": (torch.zeros(1, 3, 9, 9)[..., :8], "packed"),
        "expanded": (torch.zeros(1, 1, 9, 8).expand(shape), "packed"),
    }


@pytest.mark.parametrize("name", strange())
def test_tensors_that_cannot_take_it(name: str) -> None:
    out, words = strange()[name]
    with pytest.raises(errors.OptionError, match=words) as caught:
        ops.preprocess(PHOTO, out=out, **SIZE)
    assert caught.type is errors.OptionError
    with pytest.raises(errors.OptionError, match="out"):
        reference.preprocess(PHOTO, out=out, **SIZE)
    if name == "requires grad":
        ops.preprocess(PHOTO, out=out.detach(), **SIZE)
        np.testing.assert_array_equal(out.detach().numpy(), ops.preprocess(PHOTO, **SIZE))


@pytest.mark.parametrize("module", [ops, reference])
def test_out_that_overlaps_is_refused(module: Any) -> None:
    canvas = torch.zeros(14, 22, 4, dtype=torch.uint8)
    left, right = canvas[:, :11], canvas[:, 11:]
    with pytest.raises(errors.OptionError, match="overlap"):
        module.cutout(left, MASK, out=left)
    with pytest.raises(errors.OptionError, match="overlap"):
        module.cutout(canvas.numpy()[:, :11], MASK, out=left)
    rows = torch.zeros(1, 11, 4, dtype=torch.uint8).expand(14, 11, 4)
    with pytest.raises(errors.OptionError, match="out"):
        module.cutout(PHOTO, MASK, out=rows)
    assert not canvas.any()
    assert not rows.any()
    module.cutout(left.clone(), MASK, out=right)


def test_results_become_tensors_without_a_copy(session: Session) -> None:
    results = [
        ops.preprocess(PHOTO, **SIZE),
        ops.preprocess(PHOTO, dtype="float16", **SIZE),
        ops.resize_mask(MASK, (14, 11)),
        ops.resize_mask(MASK, (14, 11), dtype="float32"),
        ops.blend(PHOTO, ALPHA),
        ops.cutout(PHOTO, MASK),
        ops.cutout(PHOTO.astype(np.uint16), MASK),
        ops.estimate_foreground(PHOTO, ALPHA, radii=(4, 2, 1)),
        session.remove(PHOTO, on_empty="ignore"),
        session.mask(PHOTO, dtype="float32", on_empty="ignore"),
    ]
    while results:
        result = results.pop()
        tensor, kept = torch.from_dlpack(result), result.copy()
        assert tensor.data_ptr() == result.ctypes.data
        assert tuple(tensor.shape) == result.shape
        del result
        gc.collect()
        np.testing.assert_array_equal(tensor.numpy(), kept, strict=True)


def test_a_session_with_tensors(session: Session) -> None:
    image = torch.from_numpy(PHOTO)
    wanted = session.remove(PHOTO, on_empty="ignore")
    result = session.remove(image, on_empty="ignore")
    assert isinstance(result, np.ndarray)
    np.testing.assert_array_equal(result, wanted)
    out = torch.zeros(14, 11, 4, dtype=torch.uint8)
    assert session.remove(image, on_empty="ignore", out=out) is out
    np.testing.assert_array_equal(out.numpy(), wanted)
    plane = torch.zeros(14, 11)
    assert session.mask(image, dtype="float32", on_empty="ignore", out=plane) is plane
    np.testing.assert_array_equal(plane.numpy(), session.mask(PHOTO, dtype="float32", on_empty="ignore"))
    with pytest.raises(errors.ImageError, match="channels first"):
        session.remove(image.permute(2, 0, 1))
    with pytest.raises(errors.ImageError, match="uint8"):
        session.remove(image / 255)
    with pytest.raises(errors.ImageError, match="meta"):
        session.mask(image.to("meta"))
    with pytest.raises(errors.OptionError, match="overlap"):
        session.remove(out, on_empty="ignore", out=out)
