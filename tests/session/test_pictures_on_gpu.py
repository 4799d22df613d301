"""Pictures that lie in a GPU's memory, which the stand-in plays: the bits of the host, by streams, on the GPU again."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rmbg_fast import DeviceArray, ModelSpec, Session, models
from support import device_arrays, stand_in
from support.device_arrays import ByDLPack, ByInterface, taken
from support.parallel import in_threads

RANDOM = np.random.default_rng(3)
PHOTO = RANDOM.integers(0, 256, (45, 61, 3), np.uint8)
CALM = {"on_empty": "ignore"}


@pytest.fixture(scope="module")
def host(spec: ModelSpec) -> Session:
    return Session(spec, device="cpu", optimize=False)


PICTURES: dict[str, NDArray[Any]] = {
    "RGB": PHOTO,
    "grey": PHOTO[:, :, 0].copy(),
    "grey, one channel": PHOTO[:, :, :1].copy(),
    "RGBA": np.dstack([PHOTO, PHOTO[::-1, :, 1]]),
    "planes": PHOTO.transpose(2, 0, 1).copy().transpose(1, 2, 0),
    "a crop": np.pad(PHOTO, ((2, 2), (3, 3), (0, 0)))[2:-2, 3:-3],
    "mirrored": PHOTO.copy()[:, ::-1],
    "every second row": PHOTO.copy()[::2],
    "16 bits": PHOTO.astype(np.uint16) * 257,
    "one pixel": PHOTO[:1, :1].copy(),
}


@pytest.mark.parametrize("show", [ByDLPack, ByInterface])
@pytest.mark.parametrize("name", PICTURES)
def test_every_layout(gpu: Session, host: Session, name: str, show: Any) -> None:
    image = PICTURES[name]
    result = gpu.remove(show(image), **CALM)
    assert isinstance(result, DeviceArray)
    wanted = host.remove(image, **CALM)
    np.testing.assert_array_equal(result.copy_to_host(), wanted, strict=True)
    seen, known = gpu.scene, host.scene
    assert seen is not None
    assert known is not None
    assert (seen.box, seen.empty) == (known.box, known.empty)
    assert seen.range == known.range
    assert seen.coverage == pytest.approx(known.coverage, abs=1e-6)
    assert set(gpu.timings) == set(host.timings)
    for dtype in ("uint8", "uint16", "float32"):
        mask = gpu.mask(show(image), dtype=dtype, **CALM).copy_to_host()
        np.testing.assert_array_equal(mask, host.mask(image, dtype=dtype, **CALM), strict=True)


@pytest.mark.parametrize("recipe", models.recipes.names())
def test_every_recipe(spec: ModelSpec, recipe: str) -> None:
    gpu, host = stand_in.session(spec, recipe=recipe), Session(spec, device="cpu", optimize=False, recipe=recipe)
    for name in ("RGB", "RGBA", "16 bits"):
        got, wanted = gpu.predict(ByDLPack(PICTURES[name]), **CALM), host.predict(PICTURES[name], **CALM)
        np.testing.assert_array_equal(got.cutout.copy_to_host(), wanted.cutout, strict=True)
        np.testing.assert_array_equal(got.mask.copy_to_host(), wanted.mask, strict=True)
        assert got.scene.box == wanted.scene.box
        assert got.scene.range == wanted.scene.range


FIELDS = [
    {"resample": resample, "mask_resample": mask, "minmax": minmax, "activation": activation}
    for resample, mask, minmax, activation in [
        ("bilinear", "bilinear", "after", "none"),
        ("bilinear-topleft", "bilinear-topleft", "before", "sigmoid"),
        ("triangle", "bilinear-corners", "after", "sigmoid"),
        ("pillow-bilinear", "pillow-lanczos", "before", "none"),
        ("pillow-bicubic", "pillow-bicubic", "after", "none"),
        ("pillow-lanczos", "nearest", "none", "sigmoid"),
        ("triangle", "bicubic", "after", "none"),
    ]
]


@pytest.mark.filterwarnings("ignore::rmbg_fast.ActivationWarning")
@pytest.mark.parametrize("fields", FIELDS, ids=lambda fields: "-".join(fields.values()))
def test_every_filter(spec: ModelSpec, fields: dict[str, str]) -> None:
    gpu, host = stand_in.session(spec, recipe=fields), Session(spec, device="cpu", optimize=False, recipe=fields)
    for image in (PHOTO, PHOTO[:9, :13].copy()):
        for dtype in ("uint8", "float32"):
            mask = gpu.mask(ByInterface(image), dtype=dtype, **CALM).copy_to_host()
            np.testing.assert_array_equal(mask, host.mask(image, dtype=dtype, **CALM), strict=True)
        cutout = gpu.remove(ByInterface(image), **CALM).copy_to_host()
        np.testing.assert_array_equal(cutout, host.remove(image, **CALM), strict=True)


@pytest.mark.parametrize(
    "options",
    [{"background": "#408020"}, {"background": (1, 2, 3), "threshold": 90}, {"alpha": "premultiplied"}, {"crop": 3}],
    ids=str,
)
def test_options(gpu: Session, host: Session, options: dict[str, Any]) -> None:
    for name in ("RGB", "RGBA", "16 bits"):
        got = gpu.remove(ByDLPack(PICTURES[name]), **options, **CALM).copy_to_host()
        np.testing.assert_array_equal(got, host.remove(PICTURES[name], **options, **CALM), strict=True)


def test_a_picture_without_a_subject(spec: ModelSpec) -> None:
    for opaque in (False, True):
        recipe = {"empty_below": 1, "empty": "opaque" if opaque else "transparent"}
        gpu, host = stand_in.session(spec, recipe=recipe), Session(spec, device="cpu", optimize=False, recipe=recipe)
        for dtype in ("uint8", "float32"):
            mask = gpu.mask(ByDLPack(PHOTO), dtype=dtype, **CALM).copy_to_host()
            np.testing.assert_array_equal(mask, host.mask(PHOTO, dtype=dtype, **CALM), strict=True)
            assert (mask == (np.iinfo(np.uint8).max if dtype == "uint8" else 1) * opaque).all()
        assert gpu.scene == host.scene


def test_streams_are_waited_for(gpu: Session, host: Session) -> None:
    """Samples that are still on their way, on the stream of whoever made the picture."""
    wanted = host.remove(PHOTO, **CALM)
    late = ByDLPack(PHOTO)
    np.testing.assert_array_equal(gpu.remove(late, **CALM).copy_to_host(), wanted)
    assert len(late.streams) == 1
    assert late.streams[0] > 2
    old = ByDLPack(PHOTO, version=None)
    np.testing.assert_array_equal(gpu.remove(old, **CALM).copy_to_host(), wanted)
    for stream in (1, 2):
        busy = ByInterface(PHOTO, by=stream, stream=stream)
        np.testing.assert_array_equal(gpu.remove(busy, **CALM).copy_to_host(), wanted)
    silent = ByInterface(PHOTO, by=1, stream="left out", version=2)
    np.testing.assert_array_equal(gpu.remove(silent, **CALM).copy_to_host(), wanted)


@pytest.mark.parametrize("show", [ByDLPack, ByInterface])
def test_out_on_the_gpu(gpu: Session, host: Session, show: Any) -> None:
    image = show(PHOTO)
    out = show(np.zeros((45, 61, 4), np.uint8))
    assert gpu.remove(image, out=out, **CALM) is out
    np.testing.assert_array_equal(out.now(), host.remove(PHOTO, **CALM))
    canvas = np.full((60, 70, 4), 9, np.uint8)
    part = show(canvas[5:50, 4:65])
    assert gpu.remove(show(PHOTO), out=part, **CALM) is part
    np.testing.assert_array_equal(part.now(), host.remove(PHOTO, **CALM))
    plane = show(np.zeros((45, 61), np.float32))
    assert gpu.mask(show(PHOTO), dtype="float32", out=plane, **CALM) is plane
    np.testing.assert_array_equal(plane.now(), host.mask(PHOTO, dtype="float32", **CALM))


def test_results_are_taken_by_others(gpu: Session, host: Session) -> None:
    wanted = host.remove(PHOTO, **CALM)
    result = gpu.remove(ByDLPack(PHOTO), **CALM)
    assert (result.shape, result.dtype, result.device) == ((45, 61, 4), np.uint8, 0)
    assert result.__dlpack_device__() == (2, 0)
    assert repr(result) == "<rmbg_fast.DeviceArray (45, 61, 4) uint8 on GPU 0>"
    for version in (None, (0, 8), (1, 0), (1, 3)):
        np.testing.assert_array_equal(taken(result, version=version), wanted, strict=True)
    shown = result.__cuda_array_interface__
    assert shown["data"][1] is False
    assert (shown["shape"], shown["typestr"], shown["version"]) == ((45, 61, 4), "|u1", 3)
    assert shown.get("stream") is None
    for refused in ({"dl_device": (1, 0)}, {"copy": True}):
        with pytest.raises(BufferError):
            result.__dlpack__(**refused)
    part = result.part(10, 5, 30, 20)
    np.testing.assert_array_equal(taken(part), wanted[5:20, 10:30])
    again = gpu.mask(result, **CALM)  # a result is a picture, too
    np.testing.assert_array_equal(again.copy_to_host(), host.mask(wanted, **CALM))


def test_memory_is_given_back(gpu: Session) -> None:
    image = ByDLPack(PHOTO)
    gpu.remove(image, **CALM)
    gc.collect()
    before = device_arrays.free_bytes()
    results = [gpu.remove(ByInterface(PHOTO), **CALM) for _ in range(3)]
    assert device_arrays.free_bytes() < before
    capsule, part = results[0].__dlpack__(), results[1].part(0, 0, 5, 5)
    del results
    gc.collect()
    held = device_arrays.free_bytes()
    assert held < before
    del capsule  # which nobody took
    assert device_arrays.free_bytes() > held
    del part
    gc.collect()
    assert device_arrays.free_bytes() == before


def test_many_threads(gpu: Session, host: Session) -> None:
    names = ["RGB", "RGBA", "16 bits", "planes"]
    wanted = {name: host.remove(PICTURES[name], **CALM) for name in names}

    def one(index: int) -> bool:
        name = names[index % len(names)]
        on_gpu = gpu.remove(ByDLPack(PICTURES[name]), **CALM).copy_to_host()
        from_host = gpu.remove(PICTURES[name], **CALM)
        return np.array_equal(on_gpu, wanted[name]) and np.array_equal(from_host, wanted[name])

    assert all(in_threads(24, one))
