"""The formats that results are written in, and how Pillow writes each."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias

from PIL import Image

from ..errors import OptionError, OutputError
from .metadata import Metadata

Compress: TypeAlias = Literal["fast", "small"]


@dataclass(frozen=True)
class Format:
    """A file format for results: the suffixes that name it (the first is used for new names), and how Pillow writes it.

    `options` are for a picture with alpha and for masks, `opaque` for one over a background colour, `small` what
    `compress="small"` changes of them. Those that are not Pillow's (`pillow` is "") are written in `writing`.
    """

    name: str
    suffixes: tuple[str, ...]
    alpha: bool
    options: dict[str, Any]
    opaque: dict[str, Any] = field(default_factory=dict)
    small: dict[str, Any] = field(default_factory=dict)
    pillow: str = ""


# Lossy chroma would let the black under alpha 0 bleed into the rim: WebP and JPEG XL keep a cut-out exactly, and AVIF,
# which Pillow writes only with loss, keeps full chroma. Levels by measure, on a cut-out of 1080p (PNG of the core: 0.89
# MB): WebP method 0, quality 0 takes 103 ms and 0.75 MB, method 1, quality 50 takes 743 ms and 0.48 MB; JPEG XL effort
# 1 takes 30 ms and 0.56 MB, effort 2 303 ms and 0.51 MB, effort 3 more of both.
_PHOTO = {"quality": 95, "subsampling": 0}
FORMATS = {
    known.name: known
    for known in (
        Format("png", (".png",), True, {"compress_level": 1}, small={"compress_level": 6}, pillow="PNG"),
        Format(
            "webp", (".webp",), True, {"lossless": True, "quality": 0, "method": 0}, {"quality": 90},
            {"quality": 50, "method": 1}, "WEBP",
        ),
        Format("tiff", (".tif", ".tiff"), True, {"compression": "tiff_adobe_deflate"}, pillow="TIFF"),
        Format(
            "avif", (".avif",), True, {"quality": 90, "subsampling": "4:4:4", "speed": 8}, small={"speed": 6},
            pillow="AVIF",
        ),
        Format("jxl", (".jxl",), True, {"lossless": True, "effort": 1}, small={"effort": 2}, pillow="JXL"),
        Format("jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"), False, _PHOTO, pillow="JPEG"),
        Format("bmp", (".bmp",), False, {}, pillow="BMP"),
        Format("rgba", (".rgba",), True, {}),
        Format("npy", (".npy",), True, {}),
    )
}  # fmt: skip
_SUFFIXES = {suffix: known for known in FORMATS.values() for suffix in known.suffixes}


def check_compression(value: str) -> None:
    """Raises OptionError for another word than "fast" and "small"."""
    if value not in ("fast", "small"):
        raise OptionError(f"compress must be 'fast' or 'small', not {value!r}")


def output_format(name: str | None, target: str | os.PathLike[str] | None = None) -> Format:
    """The format called `name` ("png", "webp", "tiff", "avif", "jxl", "jpeg" or "jpg", "bmp", "rgba", "npy"), else by
    `target`'s suffix.

    Raises OptionError for one that is unknown, or that needs another package, which it names.
    """
    suffix = f".{name.lower()}" if name is not None else Path(target or "").suffix.lower()
    known = _SUFFIXES.get(suffix) or FORMATS.get(suffix[1:])
    if known is None:
        what = f"format {name!r}" if name is not None else f"the suffix of {os.fspath(target or '')!r}"
        raise OptionError(f"{what} is none that results are written in: choose from {', '.join(FORMATS)}")
    if known.pillow and not _written(known):
        raise OptionError(f"{known.name} needs {_PACKAGES.get(known.name, 'a Pillow that can write it')}")
    return known


_PACKAGES = {
    "avif": "Pillow 11.3 or later: pip install -U pillow",
    "webp": "a Pillow with WebP: pip install -U pillow",
    "jxl": "one more package: pip install pillow-jxl-plugin",
}


def _written(known: Format) -> bool:
    """Whether Pillow can write it. Its plugin for JPEG XL is imported for that, and registers itself with Pillow."""
    Image.preinit()
    if known.pillow not in Image.SAVE:
        Image.init()  # all of its plugins, which take a while to be imported
    if known.name == "jxl" and known.pillow not in Image.SAVE:
        with suppress(ImportError):
            import_module("pillow_jxl")
    return known.pillow in Image.SAVE


def encode(image: Image.Image, metadata: Metadata, known: Format, compress: Compress = "fast") -> bytes:
    """The bytes of an image file that Pillow writes. Raises OptionError where the format has no alpha."""
    opaque = image.mode == "RGB"
    if not known.alpha and image.has_transparency_data:
        raise OptionError(
            f"{known.name.upper()} holds no transparency: give a background colour, or choose PNG or WebP"
        )
    options = known.opaque if opaque and known.opaque else known.options
    small = known.small if compress == "small" and options is known.options else {}
    options = {**options, **small, **metadata.pillow_info()}
    if known.name == "png" and metadata.colour:
        from PIL import PngImagePlugin

        options["pnginfo"] = chunks = PngImagePlugin.PngInfo()
        for kind, body in metadata.colour:
            chunks.add(kind, body)
    buffer = io.BytesIO()
    try:
        image.save(buffer, known.pillow, **options)
    except (OSError, ValueError, MemoryError) as exc:
        reason = str(exc) or "not enough memory"
        raise OutputError(f"{image.width} x {image.height} pixels cannot be written as {known.name}: {reason}") from exc
    return buffer.getvalue()
