"""Images in: the one place where a picture of any kind becomes pixels.

EXIF orientation is applied exactly once; what colours mean and the resolution travel to the result (`metadata`).
Nothing else does: EXIF, XMP and text blocks of the photo (position, camera, date) are left behind.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import IO, Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .. import _core
from .._arguments import side_of
from .._buffers import SupportsDLPack, array_of
from .._runtime import threads as thread_count
from ..errors import ImageError, ImageTooLargeError, ImageWarning, OptionError
from . import arrays, fitting, modes, pillow_memory, png, profiles, tiff, turbo
from . import metadata as metadata_of
from .arrays import Pixels
from .depth import to_8_bit
from .metadata import Metadata

Kind: TypeAlias = Literal["path", "pil", "array", "bytes"]
Truncated: TypeAlias = Literal["refuse", "accept"]
ImageInput: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any] | SupportsDLPack
)

_ORIENTATION = 0x0112
# By the TIFF specification: which of them are mirrored after rows and columns have been exchanged.
_UPSIDE_DOWN = (3, 4, 7, 8)
_LEFT_TO_RIGHT = (2, 3, 6, 7)
_ON_ITS_SIDE = (5, 6, 7, 8)
_DRAFT = 3  # halves of the wanted width and height that are decoded at least
_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")


@dataclass(frozen=True)
class Source:
    """An image as pixels, with what it takes to give a result of the same kind back.

    `pixels` is uint8 or uint16 (arrays and PNG files alone keep 16 bits), of shape (H, W), (H, W, 3) or (H, W, 4), RGB
    order with straight alpha, upright, at any strides. A JPEG file's are RGBA with alpha 255: its decoder writes so.
    """

    pixels: Pixels
    kind: Kind
    metadata: Metadata = field(default_factory=Metadata)
    full: tuple[int, int] | None = None
    """Height and width of the picture of which `pixels` are a draft."""

    @property
    def icc(self) -> bytes | None:
        """An RGB profile, or None."""
        return self.metadata.icc


def read(
    image: ImageInput,
    *,
    deep: bool | None = None,
    truncated: Truncated = "refuse",
    max_side: int | None = None,
    draft: tuple[int, int] | None = None,
    threads: int | None = None,
) -> Source:
    """Turn a path, image bytes, a binary file object, a PIL image or an array (NumPy, DLPack) into pixels.

    Bytes and other memory of one dimension are those of a file, memory with a shape is pixels, as in `rmbg_fast.ops`.
    Arrays are passed on without a copy; PIL images are not changed and files are left open. The first frame of an
    animation is taken. `deep` says whether the 16 bits of a PNG file are kept; None: those of bytes are, which give
    bytes back, but not those of paths and file objects, as the PIL image that these give holds no more than 8. Colours
    of 16 bits in other formats (TIFF) are cut down to 8: Pillow decodes no more; give an array to keep them.
    `truncated="accept"` takes a file whose end is missing, with a warning (`ImageWarning`): what is missing is grey.
    `max_side`: a picture with a longer side is scaled down to it (`fitting`); a JPEG file is decoded at 1/2, 1/4 or 1/8
    for that, where this leaves half as many pixels again each way. `draft`, (height, width), has a JPEG file decoded
    so, and leaves it as large as it then is (see `Source.full`). `threads`: how many may work on it; None: as many as
    there are by default. Raises OptionError, ImageError, or ImageTooLargeError beyond Pillow's guard against
    decompression bombs.
    """
    if truncated not in ("refuse", "accept"):
        raise OptionError(f"truncated must be 'refuse' or 'accept', not {truncated!r}")
    limit = None if max_side is None else side_of(max_side)
    how = _How(deep, truncated == "accept", limit, None if limit is not None else draft, thread_count.chosen(threads))
    if hasattr(image, "__dlpack__") or hasattr(image, "__cuda_array_interface__"):
        return _from_array(arrays.check(array_of(image, "the array")), how)
    if isinstance(image, Image.Image):
        return _from_pil(image, "pil", "the PIL image", how)
    if isinstance(image, (str, os.PathLike)):
        name = os.fsdecode(image)
        with _open(name) as file:
            return _from_file(file, "path", name, how)
    if isinstance(image, io.TextIOBase):
        raise ImageError("the file object is in text mode: open it in binary mode, 'rb'")
    if callable(getattr(image, "read", None)):
        file = cast("IO[bytes]", image)
        _check_file_object(file)
        return _from_file(file, "path", "the file object", how)
    view = _view(image)
    if view is not None and view.ndim > 1:
        return _from_array(arrays.check(array_of(view, "the memory")), how)
    if view is not None:
        own = image if isinstance(image, bytes) else view  # bytes are not copied
        return _from_file(io.BytesIO(own), "bytes", "the image bytes", how)
    raise ImageError(
        f"{type(image).__module__}.{type(image).__qualname__} is no image: give a path, image bytes, "
        "a binary file object, a PIL image or an array (NumPy, torch, DLPack) of uint8 or uint16"
    )


@dataclass(frozen=True)
class _How:
    """The options of `read`."""

    deep: bool | None
    accept_cut: bool
    max_side: int | None
    draft: tuple[int, int] | None
    threads: int

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that a picture shall have."""
        return (width, height) if self.max_side is None else fitting.fitted_size(width, height, self.max_side)


def _from_array(pixels: Pixels, how: _How) -> Source:
    return Source(fitting.resized(pixels, how.size(pixels.shape[1], pixels.shape[0]), how.threads), "array")


def _view(image: Any) -> memoryview | None:
    """The memory of an object with the buffer protocol."""
    try:
        return memoryview(image)
    except TypeError:
        return None


def _check_file_object(file: Any) -> None:
    if getattr(file, "closed", False):
        raise ImageError("the file object is a closed file: open it again")
    readable = getattr(file, "readable", None)
    if callable(readable) and not readable():
        raise ImageError("the file object is not open for reading: open it with mode 'rb'")


def _open(name: str) -> IO[bytes]:
    if not name:
        raise ImageError("the path is empty")
    try:
        return open(name, "rb")
    except FileNotFoundError as exc:
        if re.match("[A-Za-z][A-Za-z0-9+.-]+://|data:", name):
            raise ImageError(f"{name}: is a URL, and URLs are not fetched: download it, and give its bytes") from exc
        raise ImageError(f"{name}: no such file") from exc
    except IsADirectoryError as exc:
        raise ImageError(f"{name}: is a folder, not an image") from exc
    except (OSError, ValueError) as exc:
        if os.path.isdir(name):  # Windows reports a folder as "permission denied"
            raise ImageError(f"{name}: is a folder, not an image") from exc
        raise ImageError(f"{name}: cannot be opened: {getattr(exc, 'strerror', None) or exc}") from exc


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Pillow's decoders raise nearly anything on bad data: make it one ImageError that names the image."""
    try:
        yield
    except (ImageError, ImageWarning):  # a warning that the caller wants as an error
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as exc:
        raise ImageTooLargeError(
            f"{name}: too many pixels: {exc or 'not enough memory'} (PIL.Image.MAX_IMAGE_PIXELS sets the limit)"
        ) from exc
    except Exception as exc:
        raise ImageError(f"{name}: cannot be decoded, the file is damaged or cut short: {exc}") from exc


def _from_file(file: IO[bytes], kind: Kind, name: str, how: _How) -> Source:
    with _decoding(name):
        if not (hasattr(file, "seekable") and file.seekable()):
            file = io.BytesIO(file.read())
        file.seek(0)
        head = file.read(len(png.SIGNATURE))
        file.seek(0)
        if head == png.SIGNATURE:
            return _from_png(file.read(), kind, name, how)
        if not how.accept_cut:
            return _from_pil(_open_file(file, name), kind, name, how)
        data = file.read()
    whole = replace(how, accept_cut=False)
    try:
        return _from_file(io.BytesIO(data), kind, name, whole)
    except ImageTooLargeError:
        raise
    except ImageError as refusal:
        try:
            longer = _lengthened(data)
        except Exception:  # it has no beginning either
            raise refusal from None
        source = _from_file(io.BytesIO(longer), kind, name, whole)
    _warn_of_grey(name)
    return source


def _open_file(file: IO[bytes], name: str) -> Image.Image:
    try:
        image: Image.Image = Image.open(file)
    except UnidentifiedImageError as exc:
        image = _open_unidentified(file, name, exc)
    if image.format == "EPS":  # Pillow would hand the file, a program, to Ghostscript
        raise ImageError(f"{name}: EPS is not supported: convert it to PNG first")
    return image


def _lengthened(data: bytes) -> bytes:
    """A file that was cut short, with grey for what is missing: JPEG decoders make it so at an early end of image, and
    formats that store samples as they are get samples. Pillow's own switch for it holds for all threads."""
    if data.startswith(b"\xff\xd8"):
        return data + b"\xff\xd9"
    with Image.open(io.BytesIO(data)) as image:
        return data + b"\x80" * (8 * image.width * image.height)


def _warn_of_grey(name: str) -> None:
    warnings.warn(f"{name}: the file is cut short: what is missing is grey", ImageWarning, stacklevel=4)


def _from_png(data: bytes, kind: Kind, name: str, how: _How) -> Source:
    head = png.header(data[: png.HEADER_BYTES])
    if not (head.width and head.height):
        raise ImageError(f"{name}: is empty: {head.width} x {head.height} pixels")
    _check_size(head.width, head.height)
    picture = png.decode(data, accept_cut=how.accept_cut)
    pixels, icc = picture.pixels, picture.icc
    deep = kind == "bytes" if how.deep is None else how.deep
    if pixels.dtype == np.uint16 and not deep:
        pixels = to_8_bit(pixels)
    kept = metadata_of.of_png(picture.colour, icc)
    if head.grey and profiles.space(icc) == b"GRAY":
        kept = Metadata(dpi=kept.dpi)
        if pixels.dtype == np.uint8:  # LittleCMS through Pillow converts no more: values of 16 bits stay
            pixels = np.asarray(modes.grey_to_srgb(Image.fromarray(pixels), cast(bytes, icc)))
    if picture.cut:
        _warn_of_grey(name)
    return _upright(pixels, _png_orientation(picture.about), kind, kept, how, how.size(head.width, head.height))


def _png_orientation(about: bytes) -> int:
    if not about:
        return 1
    try:
        return _orientation(Image.open(io.BytesIO(about)))
    except Exception:  # damaged metadata is no reason to refuse the pixels
        return 1


def _check_size(width: int, height: int) -> None:
    """Pillow's guard against decompression bombs, for what Pillow does not open."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > 2 * limit:
        raise Image.DecompressionBombError(f"{width} x {height}")
    if limit is not None and width * height > limit:
        text = f"{width} x {height} are many pixels: this could be a decompression bomb"
        warnings.warn(text, Image.DecompressionBombWarning, stacklevel=2)


def _open_unidentified(file: IO[bytes], name: str, cause: Exception) -> Image.Image:
    file.seek(0)
    head = file.read(12)
    if not head:
        raise ImageError(f"{name}: is empty, 0 bytes") from cause
    if head.startswith(_JPEG_XL):
        try:
            import_module("pillow_jxl")  # registers itself with Pillow
        except ImportError as exc:
            raise ImageError(
                f"{name}: is JPEG XL, which needs one more package: pip install pillow-jxl-plugin"
            ) from exc
        file.seek(0)
        return Image.open(file)
    if head[4:8] != b"ftyp":
        raise ImageError(f"{name}: is no image, or of a format that Pillow cannot read") from cause
    if head[8:12] in (b"avif", b"avis"):
        raise ImageError(f"{name}: is AVIF, which this Pillow cannot read: pip install -U pillow") from cause
    try:
        import pillow_heif
    except ImportError as exc:
        raise ImageError(f"{name}: is HEIC, which needs one more package: pip install pillow-heif") from exc
    # Asked directly: registering the plugin with Pillow would change what the caller's own Image.open does.
    file.seek(0)
    heif = pillow_heif.open_heif(file)
    _check_size(*heif.size)
    opened: Image.Image = heif.to_pillow()
    return opened


def _from_pil(image: Image.Image, kind: Kind, name: str, how: _How) -> Source:
    if 0 in image.size:
        raise ImageError(f"{name}: is empty: {image.width} x {image.height} pixels")
    with _decoding(name):
        unread = _unread_png(image)
        if unread is not None:
            return _from_png(unread, kind, name, replace(how, deep=False, accept_cut=False))
        full = image.size
        size = how.size(*full) if kind == "pil" else _drafted(image, how)
        planar = tiff.decode(image)
        if planar is not None:
            pixels = planar if planar.dtype == np.uint8 else to_8_bit(planar)
            return _upright(pixels, _orientation(image), kind, metadata_of.of_pillow(image.info), how, size)
        on_its_side = image.format == "TIFF" and _orientation(image) in _ON_ITS_SIDE
        decoded = None if kind == "pil" else _jpeg(image)
        if decoded is None:
            image.load()  # before the orientation is asked for: TIFF is turned, and its tag dropped, while loading
        icc = image.info.get("icc_profile")
        straight = modes.to_straight(image, icc, name)
        kept = metadata_of.of_pillow(image.info)
        if profiles.space(icc) in (b"CMYK", b"GRAY"):
            kept = Metadata(dpi=kept.dpi)
        kept = kept.turned() if on_its_side else kept
        if decoded is None or straight is not image:
            decoded = pillow_memory.pixels_of(straight, how.threads)
        if on_its_side:
            size = how.size(*straight.size)
        source = _upright(decoded, _orientation(image), kind, kept, how, size)
        if how.draft is None or size == full or on_its_side:
            return source
        return replace(source, full=full if _orientation(image) in _ON_ITS_SIDE else full[::-1])


def _drafted(image: Image.Image, how: _How) -> tuple[int, int]:
    """Has Pillow decode a JPEG file of ours no larger than it is needed. The width and height that its pixels shall
    have."""
    size = how.size(*image.size)
    if image.format not in ("JPEG", "MPO"):
        return size
    least = size
    if how.draft is not None:
        height, width = how.draft[::-1] if _orientation(image) in _ON_ITS_SIDE else how.draft
        least = (min(width, size[0]), min(height, size[1]))
    if least != image.size:
        image.draft(None, (_DRAFT * least[0] // 2, _DRAFT * least[1] // 2))
    return size if how.draft is None else image.size


def _jpeg(image: Image.Image) -> NDArray[np.uint8] | None:
    """The pixels of a JPEG file of ours that is not loaded yet; None: of others."""
    decoded = turbo.decoded(image)
    return pillow_memory.decoded(image) if decoded is None else decoded


def _unread_png(image: Image.Image) -> bytes | None:
    """The file of a PNG that is opened, but not decoded yet: Pillow would lose a transparent colour's depth."""
    file = getattr(image, "fp", None)
    if image.format != "PNG" or not getattr(image, "tile", None) or file is None or image.tell() != 0:
        return None
    place = file.tell()
    try:
        file.seek(0)
        data: bytes = file.read()
    finally:
        file.seek(place)
    return data if data.startswith(png.SIGNATURE) else None


def _upright(pixels: Pixels, orientation: int, kind: Kind, kept: Metadata, how: _How, size: tuple[int, int]) -> Source:
    """`size`: the width and height it shall have, before it is turned."""
    kept = kept.turned() if orientation in _ON_ITS_SIDE else kept
    return Source(turned(fitting.resized(pixels, size, how.threads), orientation, how.threads), kind, kept)


def turned(pixels: Pixels, orientation: int, threads: int) -> Pixels:
    """The picture that EXIF says lies so (1 to 8; others, and 1: it is upright), set upright."""
    upright: Any = pixels
    if orientation in _ON_ITS_SIDE:
        upright = upright.swapaxes(0, 1)
    if orientation in _UPSIDE_DOWN:
        upright = upright[::-1]
    if orientation in _LEFT_TO_RIGHT:
        upright = upright[:, ::-1]
    return pixels if upright is pixels else cast(Pixels, _core.copy_pixels(upright, None, threads))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block is no reason to refuse the pixels
        return 1
