"""Pillow's images read in place, JPEG decoded into our memory, pictures set upright: as Pillow gives them."""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from rmbg_fast import _core, ops
from rmbg_fast._images import pillow_memory, reading
from rmbg_fast.errors import ImageError
from support.jpeg import by_pillow, check_damaged, jpeg

ARROW = hasattr(Image.Image, "__arrow_c_array__")
needs_arrow = pytest.mark.skipif(not ARROW, reason="Pillow before 11.3")
RNG = np.random.default_rng(11)
_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def picture(mode: str, height: int, width: int) -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    shape = (height, width, channels) if channels > 1 else (height, width)
    return Image.fromarray(RNG.integers(0, 256, shape, np.uint8)).copy()


# --- images that are there


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "I;16"])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (5, 1), (37, 53)])
def test_pixels_are_those_of_asarray(mode: str, height: int, width: int) -> None:
    image = picture("L", height, width).convert(mode) if mode in ("P", "1", "I;16") else picture(mode, height, width)
    pixels = pillow_memory.pixels_of(image)
    wanted = np.asarray(image)
    assert pixels.dtype == wanted.dtype
    np.testing.assert_array_equal(pixels, wanted)


@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_images_on_memory_of_an_array(channels: tuple[int, ...]) -> None:
    levels = RNG.integers(0, 256, (40, 30, *channels), np.uint8)
    np.testing.assert_array_equal(pillow_memory.pixels_of(Image.fromarray(levels)), levels)


def test_images_on_a_mapped_file(tmp_path: Path) -> None:
    image = picture("L", 40, 32)
    image.save(tmp_path / "grey.bmp")
    with Image.open(tmp_path / "grey.bmp") as mapped:
        mapped.load()
        np.testing.assert_array_equal(pillow_memory.pixels_of(mapped), np.asarray(image))


@needs_arrow
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_one_block_is_not_copied_and_outlives_its_image(mode: str) -> None:
    image = picture(mode, 40, 30)
    wanted = np.array(image)
    pixels = pillow_memory.pixels_of(image)
    assert not pixels.flags.writeable
    corner = (7,) * len(image.getbands()) if mode != "L" else 7
    image.putpixel((0, 0), corner)
    assert (pixels[0, 0] == 7).all()
    wanted[0, 0] = 7
    del image
    for _ in range(20):  # what was given back would be taken anew
        picture(mode, 40, 30)
    np.testing.assert_array_equal(pixels, wanted)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_several_blocks(mode: str) -> None:
    image = picture(mode, 2100, 2101 if mode != "L" else 8200)
    for threads in (1, 3):
        np.testing.assert_array_equal(pillow_memory.pixels_of(image, threads), np.asarray(image))


@pytest.fixture
def small_blocks() -> Iterator[None]:
    core: Any = Image.core
    before = core.get_block_size()
    core.set_block_size(4096)
    yield
    core.set_block_size(before)


def test_the_callers_own_size_of_blocks(small_blocks: None) -> None:
    image = picture("RGB", 64, 100)
    np.testing.assert_array_equal(pillow_memory.pixels_of(image), np.asarray(image))


def test_an_older_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Image.Image, "__arrow_c_array__", raising=False)
    image = picture("RGB", 12, 10)
    np.testing.assert_array_equal(pillow_memory.pixels_of(image), np.asarray(image))


@needs_arrow
def test_capsules_of_another_kind_are_refused() -> None:
    image: Any = picture("RGBA", 6, 5)
    schema, array = image.__arrow_c_array__()
    for width, height in [(6, 6), (4, 6), (0, 0)]:
        with pytest.raises(BufferError, match="no picture of this size"):
            _core.from_arrow(schema, array, width, height)
    with pytest.raises(ValueError, match="PyCapsule"):
        _core.from_arrow(array, schema, 5, 6)
    _core.from_arrow(schema, array, 5, 6)
    with pytest.raises(BufferError, match="taken already"):
        _core.from_arrow(schema, array, 5, 6)
    wide: Any = Image.new("I", (5, 6))
    with pytest.raises(BufferError, match="no array of bytes"):
        _core.from_arrow(*wide.__arrow_c_array__(), 5, 6)


# --- JPEG files


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 8), (17, 3), (61, 130)])
def test_jpeg_is_what_pillow_decodes(mode: str, progressive: bool, subsampling: int, height: int, width: int) -> None:
    data = jpeg(picture(mode, height, width), progressive=progressive, subsampling=subsampling)
    opened = Image.open(io.BytesIO(data))
    pixels = pillow_memory.decoded(opened)
    assert pixels is not None
    wanted = by_pillow(data)
    np.testing.assert_array_equal(pixels if mode == "L" else pixels[..., :3], wanted)
    assert mode == "L" or pixels.shape[2] == 3 or (pixels[..., 3] == 255).all()
    np.testing.assert_array_equal(np.asarray(opened), wanted)  # it is loaded as any other
    for source in (reading.read(data).pixels, reading.read(io.BytesIO(data)).pixels):
        np.testing.assert_array_equal(source if mode == "L" else source[..., :3], wanted)


def test_an_opened_jpeg_of_the_callers_is_left_as_pillow_has_it() -> None:
    data = jpeg(picture("RGB", 30, 20))
    image = Image.open(io.BytesIO(data))
    np.testing.assert_array_equal(reading.read(image).pixels, by_pillow(data))
    image.putpixel((0, 0), (1, 2, 3))
    assert image.getpixel((0, 0)) == (1, 2, 3)


def test_cmyk_and_what_is_loaded_go_the_usual_way() -> None:
    cmyk = jpeg(picture("RGB", 20, 20).convert("CMYK"))
    assert pillow_memory.decoded(Image.open(io.BytesIO(cmyk))) is None
    np.testing.assert_array_equal(reading.read(cmyk).pixels, np.asarray(Image.open(io.BytesIO(cmyk)).convert("RGB")))
    loaded = Image.open(io.BytesIO(jpeg(picture("RGB", 20, 20))))
    loaded.load()
    assert pillow_memory.decoded(loaded) is None
    assert pillow_memory.decoded(picture("RGB", 4, 4)) is None


def test_a_pillow_without_that_way(monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpeg(picture("RGB", 25, 31))
    monkeypatch.delattr(Image.core, "map_buffer")
    np.testing.assert_array_equal(reading.read(data).pixels[..., :3], by_pillow(data))


@pytest.mark.parametrize("left", [0.3, 0.7, 0.99])
def test_truncated_files_are_refused(left: float, monkeypatch: pytest.MonkeyPatch) -> None:
    data = jpeg(picture("RGB", 200, 200))
    cut = data[: int(len(data) * left)]
    with pytest.raises(ImageError, match="cut short"):
        reading.read(cut)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert pillow_memory.decoded(Image.open(io.BytesIO(cut))) is None
    np.testing.assert_array_equal(reading.read(cut).pixels, by_pillow(cut))


def test_damaged_files_end_as_with_pillow() -> None:
    assert check_damaged(jpeg(picture("RGB", 90, 120)), RNG, files=200, changes=3) > 20


def test_many_threads_decode_at_once() -> None:
    files = [jpeg(picture("RGB", 100 + k, 140)) for k in range(8)]
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(5):
            if not (reading.read(files[k]).pixels[..., :3] == by_pillow(files[k])).all():
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("mode", ["straight", "premultiplied", "binary", "over"])
def test_alpha_255_changes_no_cut_out(mode: str) -> None:
    rgb = RNG.integers(0, 256, (45, 70, 3), np.uint8)
    rgba = np.dstack([rgb, np.full((45, 70), 255, np.uint8)])
    mask = RNG.random((20, 20), np.float32)
    options: dict[str, Any] = {
        "straight": {}, "premultiplied": {"mode": "premultiplied"}, "binary": {"threshold": 90},
        "over": {"background": (9, 200, 31)},
    }[mode]  # fmt: skip
    np.testing.assert_array_equal(ops.cutout(rgba, mask, **options), ops.cutout(rgb, mask, **options))
    for size in [(20, 20), (90, 33)]:
        np.testing.assert_array_equal(ops.preprocess(rgba, size=size), ops.preprocess(rgb, size=size))
    alpha = ops.resize_mask(mask, (45, 70))
    np.testing.assert_array_equal(ops.estimate_foreground(rgba, alpha)[..., :3], ops.estimate_foreground(rgb, alpha))


# --- orientation


@pytest.mark.parametrize("orientation", _TRANSPOSES)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 90), (3, 2), (33, 65), (130, 70)])
def test_upright_is_pillows_transpose(orientation: int, height: int, width: int) -> None:
    for mode, threads in itertools.product(["L", "RGB", "RGBA"], [1, 3]):
        image = picture(mode, height, width)
        wanted = np.asarray(image.transpose(_TRANSPOSES[orientation]))
        for pixels in (np.asarray(image), np.asarray(image).astype(np.uint16) * 257):
            turned = reading.turned(pixels, orientation, threads)
            assert turned.flags.c_contiguous
            np.testing.assert_array_equal(turned, wanted.astype(pixels.dtype) * (257 if pixels.itemsize == 2 else 1))


def test_pixels_are_copied_from_any_layout() -> None:
    wide = RNG.integers(0, 65536, (90, 80, 4), np.uint16)
    for view in (wide[::2, ::-3], wide[..., ::-1], wide[..., 1], wide.transpose(1, 0, 2)[:, ::-1, :3], wide[:, :1, :2]):
        np.testing.assert_array_equal(_core.copy_pixels(view, None, 2), view)
    with pytest.raises(ValueError, match="packed pixels"):
        _core.copy_pixels(wide[:4], np.empty((4, 160, 4), np.uint16)[:, ::2], 1)
