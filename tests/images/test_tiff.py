"""TIFF in every layout that tifffile writes and Pillow opens: the same pixels as tifffile's, or a refusal."""

from __future__ import annotations

import io
import itertools
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._images import reading
from rmbg_fast.errors import ImageError

tifffile = pytest.importorskip("tifffile")

H, W = 20, 37
COLOURS = {"minisblack": 1, "miniswhite": 1, "rgb": 3}
EXTRAS = ("", "unassalpha", "assocalpha", "unspecified")


def made(bits: int, photometric: str, planar: str, extra: str, **options: Any) -> tuple[bytes, Any]:
    """A file, and what it shows: straight, 0 black, 0..255, of shape (H, W, 3 or 4)."""
    rng = np.random.default_rng(3)
    top = 2**bits - 1
    samples = rng.integers(0, 2**bits, (H, W, COLOURS[photometric] + bool(extra))).astype(f"uint{bits}")
    shown = samples.astype(float) / top
    if extra == "assocalpha":
        samples[..., :-1] = np.round(shown[..., :-1] * shown[..., -1:] * top)
        shown = np.concatenate([samples[..., :-1] / np.maximum(samples[..., -1:], 1), shown[..., -1:]], -1)
    if photometric == "miniswhite":
        shown[..., 0] = 1 - shown[..., 0]
    colours = COLOURS[photometric]
    colour = np.broadcast_to(shown[..., :colours], (H, W, 3))
    shown = np.dstack([colour, shown[..., colours:]]) if extra.endswith("alpha") else colour
    data = np.moveaxis(samples, -1, 0) if planar == "separate" else samples
    if samples.shape[2] == 1:
        data, planar = samples[..., 0], "contig"
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, np.ascontiguousarray(data), photometric=photometric, extrasamples=[extra] if extra else None,
        planarconfig=planar if samples.shape[2] > 1 else None, **options,
    )  # fmt: skip
    return buffer.getvalue(), np.clip(shown, 0, 1) * 255


@pytest.mark.parametrize("photometric", COLOURS)
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("bits", [8, 16])
def test_pixels_are_right_or_refused(bits: int, planar: str, photometric: str) -> None:
    right = 0
    for extra, compression, order, tile in itertools.product(EXTRAS, (None, "zlib"), "<>", (None, (16, 16))):
        try:
            data, expected = made(bits, photometric, planar, extra, compression=compression, byteorder=order, tile=tile)
        except ValueError:  # tifffile knows no such file
            continue
        for given in (data, Image.open(io.BytesIO(data)) if b"II*" in data and extra == "" else data):
            try:
                found = reading.read(given).pixels
            except ImageError:
                continue
            found = np.broadcast_to(np.atleast_3d(found), (H, W, max(3, np.atleast_3d(found).shape[2])))
            case = (extra, compression, order, tile)
            assert found.shape == expected.shape, case
            # Pillow cuts 16 bits, and divides by alpha in 8; what alpha hides may be of any colour
            seen = expected[..., 3] > 100 if extra == "assocalpha" else np.full((H, W), True)
            limit = 4 if extra == "assocalpha" else 1.01
            assert np.abs(found[seen] - expected[seen]).max() <= limit, case
            right += 1
    assert right


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("extra", ["", "unassalpha"])
def test_16_bit_planes_without_compression(extra: str, order: str) -> None:
    data, expected = made(16, "rgb", "separate", extra, byteorder=order, rowsperstrip=3)
    for given in (data, io.BytesIO(data), Image.open(io.BytesIO(data))):
        np.testing.assert_array_equal(reading.read(given).pixels, np.round(expected).astype(np.uint8))


def test_cut_planes_are_refused() -> None:
    data, _ = made(16, "rgb", "separate", "")
    with pytest.raises(ImageError, match="cut short"):
        reading.read(data[:-10])


def test_16_bits_of_which_0_is_white() -> None:
    data, expected = made(16, "miniswhite", "contig", "")
    np.testing.assert_allclose(reading.read(data).pixels, expected[..., 0], atol=0.51)
