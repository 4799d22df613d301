"""Images out: pixels become the kind of picture that came in, or a file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import _core
from .._runtime import threads
from .._storage.writing import write
from ..errors import ImageWarning, OutputError
from . import formats
from .arrays import Pixels
from .depth import to_8_bit
from .metadata import Metadata, of_pillow
from .pillow_memory import pixels_of
from .reading import Source


def finish(source: Source, pixels: Pixels) -> Image.Image | Pixels | bytes:
    """Give `pixels` back as the kind that `source` came in as: ndarray, PIL image (also for paths) or PNG bytes.

    PNG bytes and arrays hold 8 or 16 bits a sample, as `pixels` do; PIL images 8.
    """
    if source.kind == "array":
        return pixels
    if source.kind == "bytes":
        return encode(pixels, source.metadata, formats.FORMATS["png"])
    _warn(source.metadata)
    return _to_pil(pixels, source.metadata)


def encode(pixels: Pixels, metadata: Metadata, known: formats.Format) -> bytes:
    """The bytes of an image file of `pixels`, shaped (H, W), (H, W, 3) or (H, W, 4).

    PNG keeps uint16 as 16 bits a sample; in the other formats it is rounded to 8. Raises as `formats.encode` does.
    """
    if known.name == "png":
        return encode_png(pixels, metadata.png_chunks())
    _warn(metadata)
    return formats.encode(_to_pil(pixels, metadata), metadata, known)


def encode_png(pixels: NDArray[Any], chunks: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """The bytes of a PNG file of `pixels`, uint8 or uint16 of shape (H, W), (H, W, 2), (H, W, 3) or (H, W, 4).

    `chunks`, types and bodies, stand before the image data. The core writes it, on as many threads as there are by
    default; the bytes do not depend on their number.
    """
    return _core.png_encode(pixels, chunks=chunks, threads=threads.chosen(None))


def _warn(metadata: Metadata) -> None:
    if metadata.unsaid:
        warnings.warn(f"{metadata.unsaid}: only a PNG file keeps them", ImageWarning, stacklevel=3)


def _to_pil(pixels: Pixels, metadata: Metadata) -> Image.Image:
    image = Image.fromarray(to_8_bit(pixels) if pixels.dtype == np.uint16 else pixels)
    image.info.update(metadata.pillow_info())
    return image


def save(image: Image.Image, target: str | os.PathLike[str] | IO[bytes], *, format: str | None = None) -> None:
    """Write a result to a path (whole or not at all) or to a binary file object, with its ICC profile and resolution.

    `format` defaults to the path's suffix, and to PNG for a file object. Cut-outs and masks are written without loss
    but as AVIF and JPEG. Raises OptionError for the format, OutputError when writing fails.
    """
    if isinstance(target, (str, os.PathLike)):
        write(target, _encode_pil(image, formats.output_format(format, target)))
        return
    data = _encode_pil(image, formats.output_format(format or "png"))
    try:
        target.write(data)
    except (OSError, ValueError) as exc:
        raise OutputError(f"the result could not be written to the file object: {exc}") from exc


def _encode_pil(image: Image.Image, known: formats.Format) -> bytes:
    metadata = of_pillow(image.info)
    plain = image.mode in ("L", "LA", "RGB", "RGBA") and "transparency" not in image.info and 0 not in image.size
    if known.name == "png" and plain:
        return encode_png(pixels_of(image), metadata.png_chunks())
    return formats.encode(image, metadata, known)
