"""Every PNG that the specification allows, by every way in: depth x colour type x tRNS x profile x way, compared with a
reader written from the specification (support.png_spec)."""

from __future__ import annotations

import io
import struct
import zlib
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from rmbg_fast._cli import main
from rmbg_fast._images import formats, reading, writing
from rmbg_fast._scene import Scene
from support import icc
from support.png_spec import CHANNELS, GREY, GREY_ALPHA, KINDS, PALETTE, RGB, RGBA, chunk, read, write

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
KEYED = [
    (colour_type, depth, key)
    for colour_type, depth in KINDS
    for key in ("", "plain", "high bits")
    if not key or colour_type not in (GREY_ALPHA, RGBA)  # where the specification forbids tRNS
]
WAYS = ("path", "file", "bytes", "shallow bytes", "PIL", "loaded PIL", "command")


class KeepsAll:
    """A stand-in for Session, to which all is subject; it does one image at a time."""

    stats = SimpleNamespace(slots=1)

    def __init__(self, *_: Any, **__: Any) -> None:
        self.timings: dict[str, float] = {}
        self.scene = Scene(1.0, (0.0, 1.0), "")

    def _turn(self, *_: Any) -> AbstractContextManager[None]:
        return nullcontext()

    def _call(
        self, image: Any, on_empty: str, truncated: Any, crop: None, max_side: None, output: Any, *_: Any, **__: Any
    ) -> Any:
        source = reading.read(image, deep=True)

        def remove(*_: Any) -> Any:
            known = formats.output_format(output.format)
            return writing.encode(rgba(source.pixels), source.metadata, known, output), self.scene, self.timings

        return SimpleNamespace(source=source, remove=remove)


def rgba(pixels: Any) -> Any:
    """Pixels of any shape that `Source` may have, as (H, W, 4)."""
    pixels = np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels
    top = np.full(pixels.shape[:2], np.iinfo(pixels.dtype).max, pixels.dtype)
    return pixels if pixels.shape[2] == 4 else np.dstack([pixels, top])


def through(way: str, data: bytes, folder: Path) -> Any:
    """The pixels (H, W, 4) that `data` has by a way in."""
    path = folder / "odd.png"
    path.write_bytes(data)
    if way == "command":
        out = folder / "out.png"
        assert main.main(["remove", str(path), "-o", str(out)]) == 0
        return rgba(reading.read(out, deep=True).pixels)
    if way.endswith("PIL"):
        with Image.open(path) as image:
            if way == "loaded PIL":
                image.load()
            return rgba(reading.read(image).pixels)
    given: Any = {"path": path, "file": io.BytesIO(data)}.get(way, data)
    return rgba(reading.read(given, deep=False if way == "shallow bytes" else None).pixels)


def picture(colour_type: int, depth: int, key: str, *, before: bytes = b"", interlaced: bool = False) -> bytes:
    """Noise in which each of some colours comes twice, and, where there is a `key`, one that differs from a transparent
    colour in the lowest bit alone."""
    rng = np.random.default_rng(100 * colour_type + depth)
    samples = rng.integers(0, 2**depth, (5, 7, CHANNELS[colour_type]), dtype=np.uint16)
    samples[3:5] = samples[:2]
    samples[0, 0] |= 1
    samples[0, 1:3] = samples[0, 0] ^ 1
    transparent = b""
    if colour_type == PALETTE:
        before += chunk(b"PLTE", rng.bytes(3 * 2**depth))
        transparent = rng.bytes(2**depth // 2) if key else b""
    elif key and colour_type in (GREY, RGB):
        unused = 0 if key == "plain" or depth == 16 else 0x5A << 8  # bits that are to be left out of account
        transparent = b"".join(struct.pack(">H", int(value) | unused) for value in samples[0, 0])
    if transparent:
        before += chunk(b"tRNS", transparent)
    return write(samples, colour_type, depth, before=before, interlaced=interlaced)


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rmbg_fast.session.Session", KeepsAll)


@pytest.mark.parametrize(
    ("colour_type", "depth", "key", "way"),
    [
        (*case, way)
        for case in KEYED
        for way in WAYS
        # Pillow, once it has decoded, has cut samples of 16 bits, and does not mask the key.
        if not (case[2] and way == "loaded PIL" and (case[1] == 16 or case[2] != "plain"))
    ],
)
def test_pixels_are_those_of_the_specification(
    colour_type: int, depth: int, key: str, way: str, tmp_path: Path
) -> None:
    data = picture(colour_type, depth, key)
    expected = read(data)
    found = through(way, data, tmp_path)
    if depth == 16 and way not in ("bytes", "command"):
        expected = np.round(expected / 257).astype(np.uint8)
    # Pillow, where it has decoded already, cuts colours of 16 bits: one level
    limit = 1 if depth == 16 and way == "loaded PIL" else 0
    assert found.dtype == expected.dtype
    assert int(np.abs(found.astype(int) - expected).max()) <= limit


@pytest.mark.parametrize("way", ["path", "bytes", "PIL"])
@pytest.mark.parametrize(("colour_type", "depth"), KINDS)
def test_interlaced_pictures_are_the_same(colour_type: int, depth: int, way: str, tmp_path: Path) -> None:
    plain, interlaced = (picture(colour_type, depth, "plain", interlaced=how) for how in (False, True))
    np.testing.assert_array_equal(through(way, interlaced, tmp_path), through(way, plain, tmp_path))


@pytest.mark.parametrize(
    ("colour_type", "depth", "key", "way"),
    [
        (*case, way)
        for case in KEYED
        for way in WAYS
        if case[0] in (GREY, GREY_ALPHA) and case[2] != "high bits"
        # Results of 16 bits keep their values.
        if case[1] != 16 or (way not in ("bytes", "command") and not case[2])
    ],
)
def test_grey_with_a_grey_profile_is_converted_and_alpha_kept(
    colour_type: int, depth: int, key: str, way: str, tmp_path: Path
) -> None:
    profile = chunk(b"iCCP", b"grey\0\0" + zlib.compress(icc.LINEAR_GREY))
    data = picture(colour_type, depth, key, before=profile)
    linear = read(data) / (65535 if depth == 16 else 255)
    light = linear[..., :3]
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    found = through(way, data, tmp_path) / 255
    np.testing.assert_allclose(found[..., 3], linear[..., 3], atol=1 / 255 if depth == 16 else 0)
    # A level of 8 bits more or less of light is up to 13 of them of sRGB in the dark, where 16 bits were cut first.
    bright = light[..., 0] > 0.02
    np.testing.assert_allclose(found[bright][:, :3], srgb[bright], atol=(8 if depth == 16 else 1.01) / 255)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("colour_type", "depth"), [(RGB, 8), (RGBA, 8), (PALETTE, 4), (RGB, 16)])
def test_an_rgb_profile_changes_no_pixel_and_travels(colour_type: int, depth: int, way: str, tmp_path: Path) -> None:
    profile = chunk(b"iCCP", b"any\0\0" + zlib.compress(icc.DISPLAY_P3))
    data = picture(colour_type, depth, "", before=profile)
    expected = read(data)
    found = through(way, data, tmp_path)
    if found.dtype == np.uint8 and depth == 16:
        expected = expected / 257
    assert np.abs(found.astype(float) - expected).max() <= 1
    if way == "command":
        with Image.open(tmp_path / "out.png") as image:
            assert image.info["icc_profile"] == icc.DISPLAY_P3
        return
    with Image.open(tmp_path / "odd.png") as image:
        source = reading.read(image if "PIL" in way else data)
    assert source.icc == icc.DISPLAY_P3
    result: Any = writing.finish(source, np.zeros((5, 7, 4), np.uint8))
    result = Image.open(io.BytesIO(result)) if isinstance(result, bytes) else result
    assert result.info["icc_profile"] == icc.DISPLAY_P3


@pytest.mark.parametrize("way", ["path", "file", "bytes", "command"])
def test_long_profiles_and_texts_are_no_damage(way: str, tmp_path: Path) -> None:
    long_profile = icc.DISPLAY_P3[:128] + np.random.default_rng(0).bytes(2_000_000)
    text = zlib.compress(b"x" * 3_000_000)
    before = chunk(b"iCCP", b"long\0\0" + zlib.compress(long_profile)) + chunk(b"zTXt", b"Comment\0\0" + text)
    before += chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + text) + chunk(b"tEXt", b"Comment\0" + b"y" * 3_000_000)
    data = picture(RGB, 8, "", before=before)
    np.testing.assert_array_equal(through(way, data, tmp_path), read(data))
    source = reading.read(data)
    assert source.icc == long_profile
    result = reading.read(writing.finish(source, source.pixels))  # type: ignore[arg-type]
    assert result.icc == long_profile
