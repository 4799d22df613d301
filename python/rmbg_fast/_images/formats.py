"""The formats that results are written in, and how Pillow writes each."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import OptionError, OutputError
from .metadata import Metadata


@dataclass(frozen=True)
class Format:
    """A file format for results: the suffixes that name it (the first is used for new names), and how Pillow writes it.

    `options` are for a picture with alpha and for masks, `opaque` for one over a background colour.
    """

    name: str
    suffixes: tuple[str, ...]
    alpha: bool
    options: dict[str, Any]
    opaque: dict[str, Any] = field(default_factory=dict)


# PNG level 1: on a cut-out of scikit-image's cat (451 x 300) 12 ms and 193 kB, against 35 ms and 178 kB at Pillow's
# level 6; at four times that size 156 ms and 1.8 MB against 466 ms and 1.5 MB. WebP keeps a cut-out exactly, 40 %
# smaller than PNG; lossy chroma would let the black under alpha 0 bleed into the rim. For the same reason AVIF, which
# Pillow writes only with loss, keeps full chroma.
_PHOTO = {"quality": 95, "subsampling": 0}
FORMATS = {
    known.name: known
    for known in (
        Format("png", (".png",), True, {"compress_level": 1}),
        Format("webp", (".webp",), True, {"lossless": True, "quality": 50, "method": 1}, {"quality": 90}),
        Format("tiff", (".tif", ".tiff"), True, {"compression": "tiff_adobe_deflate"}),
        Format("avif", (".avif",), True, {"quality": 90, "subsampling": "4:4:4", "speed": 8}),
        Format("jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"), False, _PHOTO),
        Format("bmp", (".bmp",), False, {}),
    )
}
_SUFFIXES = {suffix: known for known in FORMATS.values() for suffix in known.suffixes}


def output_format(name: str | None, target: str | os.PathLike[str] | None = None) -> Format:
    """The format called `name` ("png", "webp", "tiff", "avif", "jpeg" or "jpg", "bmp"), else by `target`'s suffix.

    Raises OptionError for one that is unknown or that the installed Pillow cannot write.
    """
    suffix = f".{name.lower()}" if name is not None else Path(target or "").suffix.lower()
    known = _SUFFIXES.get(suffix) or FORMATS.get(suffix[1:])
    if known is None:
        what = f"format {name!r}" if name is not None else f"the suffix of {os.fspath(target or '')!r}"
        raise OptionError(f"{what} is none that results are written in: choose from {', '.join(FORMATS)}")
    Image.init()
    if known.name.upper() not in Image.SAVE:
        raise OptionError(f"this Pillow cannot write {known.name.upper()}: choose another format, or a newer Pillow")
    return known


def encode(image: Image.Image, metadata: Metadata, known: Format) -> bytes:
    """The bytes of an image file. Raises OptionError where the format has no alpha."""
    opaque = image.mode == "RGB"
    if not known.alpha and image.has_transparency_data:
        raise OptionError(
            f"{known.name.upper()} holds no transparency: give a background colour, or choose PNG or WebP"
        )
    options = known.opaque if opaque and known.opaque else known.options
    options = {**options, **metadata.pillow_info()}
    if known.name == "png" and metadata.colour:
        from PIL import PngImagePlugin

        options["pnginfo"] = chunks = PngImagePlugin.PngInfo()
        for kind, body in metadata.colour:
            chunks.add(kind, body)
    buffer = io.BytesIO()
    try:
        image.save(buffer, known.name.upper(), **options)
    except (OSError, ValueError, MemoryError) as exc:
        reason = str(exc) or "not enough memory"
        raise OutputError(f"{image.width} x {image.height} pixels cannot be written as {known.name}: {reason}") from exc
    return buffer.getvalue()
