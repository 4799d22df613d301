"""Images out: pixels become the kind of picture that came in, or a file."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import _core
from .._runtime import threads as thread_count
from .._storage.writing import write
from ..errors import ImageWarning, OutputError
from . import formats, png_small
from .arrays import Pixels
from .depth import to_8_bit
from .metadata import Metadata, of_pillow
from .pillow_memory import pixels_of
from .reading import Source


@dataclass(frozen=True)
class Output:
    """How results are written: the file format of bytes, "fast" or "small", and by how many threads (None: by default).

    Raises OptionError.
    """

    format: str | None = None
    compress: formats.Compress = "fast"
    threads: int | None = None

    def __post_init__(self) -> None:
        formats.check_compression(self.compress)
        if self.format is not None:
            formats.output_format(self.format)


_DEFAULT = Output()


def finish(source: Source, pixels: Pixels, output: Output = _DEFAULT) -> Image.Image | Pixels | bytes:
    """Give `pixels` back as the kind that `source` came in as: ndarray, PIL image (also for paths) or a file's bytes.

    PNG bytes and arrays hold 8 or 16 bits a sample, as `pixels` do; PIL images 8.
    """
    if source.kind == "array":
        return pixels
    if source.kind == "bytes":
        return encode(pixels, source.metadata, formats.output_format(output.format or "png"), output)
    _warn(source.metadata)
    return _to_pil(pixels, source.metadata)


def encode(pixels: Pixels, metadata: Metadata, known: formats.Format, output: Output = _DEFAULT) -> bytes:
    """The bytes of an image file of `pixels`, shaped (H, W), (H, W, 3) or (H, W, 4).

    PNG and NPY keep uint16 as 16 bits a sample; in the other formats it is rounded to 8. Raises as `formats.encode`
    does.
    """
    if known.name == "png":
        return encode_png(pixels, metadata.png_chunks(), compress=output.compress, threads=output.threads)
    if known.name == "npy":
        return _npy(pixels)
    if known.name == "rgba":
        return _rgba(pixels)
    _warn(metadata)
    return formats.encode(_to_pil(pixels, metadata), metadata, known, output.compress)


def encode_png(
    pixels: NDArray[Any],
    chunks: Sequence[tuple[bytes, bytes]] = (),
    *,
    compress: formats.Compress = "fast",
    threads: int | None = None,
) -> bytes:
    """The bytes of a PNG file of `pixels`, uint8 or uint16 of shape (H, W), (H, W, 2), (H, W, 3) or (H, W, 4).

    `chunks`, types and bodies, stand before the image data. The core writes it, on `threads` threads, None: as many as
    there are by default; the bytes do not depend on their number. "small" leaves the core's filtered rows to libdeflate
    (the package `deflate`), or else to zlib: on one thread and several times slower.
    """
    count = thread_count.chosen(threads)
    if compress == "small":
        return png_small.encode(pixels, chunks, count)
    return _core.png_encode(pixels, chunks=chunks, threads=count)


def _npy(pixels: Pixels) -> bytes:
    """A file as `numpy.save` writes it."""
    file = io.BytesIO()
    np.save(file, pixels, allow_pickle=False)
    return file.getvalue()


def _rgba(pixels: Pixels) -> bytes:
    """Four bytes a pixel, row by row, nothing else; grey as its colour, and alpha 255 where there is none."""
    narrow = to_8_bit(pixels) if pixels.dtype == np.uint16 else pixels
    if narrow.ndim == 3 and narrow.shape[2] == 4:
        return narrow.tobytes()
    rgba = np.full((*narrow.shape[:2], 4), 255, np.uint8)
    rgba[..., :3] = narrow if narrow.ndim == 3 else narrow[..., None]
    return rgba.tobytes()


def _warn(metadata: Metadata) -> None:
    if metadata.unsaid:
        warnings.warn(f"{metadata.unsaid}: only a PNG file keeps them", ImageWarning, stacklevel=3)


def _to_pil(pixels: Pixels, metadata: Metadata) -> Image.Image:
    image = Image.fromarray(to_8_bit(pixels) if pixels.dtype == np.uint16 else pixels)
    image.info.update(metadata.pillow_info())
    return image


def save(
    image: Image.Image,
    target: str | os.PathLike[str] | IO[bytes],
    *,
    format: str | None = None,
    compress: formats.Compress = "fast",
) -> None:
    """Write a result to a path (whole or not at all) or to a binary file object, with its ICC profile and resolution.

    `format` defaults to the path's suffix, and to PNG for a file object. Cut-outs and masks are written without loss
    but as AVIF and JPEG. Raises OptionError for the format, OutputError when writing fails.
    """
    output = Output(None, compress)
    if isinstance(target, (str, os.PathLike)):
        write(target, _encode_pil(image, formats.output_format(format, target), output))
        return
    data = _encode_pil(image, formats.output_format(format or "png"), output)
    try:
        target.write(data)
    except (OSError, ValueError) as exc:
        raise OutputError(f"the result could not be written to the file object: {exc}") from exc


def _encode_pil(image: Image.Image, known: formats.Format, output: Output) -> bytes:
    metadata = of_pillow(image.info)
    plain = image.mode in ("L", "LA", "RGB", "RGBA") and "transparency" not in image.info and 0 not in image.size
    if known.name == "png" and plain:
        return encode_png(pixels_of(image), metadata.png_chunks(), compress=output.compress)
    if not known.pillow:
        kept = image if plain and image.mode != "LA" else image.convert("RGBA")
        return encode(pixels_of(kept), metadata, known)
    return formats.encode(image, metadata, known, output.compress)
