"""Images in: the one place where a picture of any kind becomes pixels.

EXIF orientation is applied exactly once and the ICC profile travels to the result. Nothing else does: EXIF, XMP and
text blocks of the photo (position, camera, date) are left behind.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .._buffers import SupportsDLPack, array_of
from ..errors import ImageError, ImageTooLargeError
from . import png16
from .depth import to_8_bit

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
Kind: TypeAlias = Literal["path", "pil", "array", "bytes"]
ImageInput: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any] | SupportsDLPack
)

_ORIENTATION = 0x0112
_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Source:
    """An image as pixels, with what it takes to give a result of the same kind back.

    `pixels` is uint8 or uint16 (arrays and PNG files alone keep 16 bits), of shape (H, W), (H, W, 3) or (H, W, 4), RGB
    order with straight alpha, upright. An array's rows may have any stride. `icc` is an RGB profile or None.
    """

    pixels: Pixels
    kind: Kind
    icc: bytes | None


def read(image: ImageInput, *, deep: bool | None = None) -> Source:
    """Turn a path, image bytes, a binary file object, a PIL image or an array (NumPy, DLPack) into pixels.

    Arrays are passed on without a copy; PIL images are not changed and files are left open. The first frame of an
    animation is taken. `deep` says whether the 16 bits of a PNG file are kept; None: those of bytes are, which give
    bytes back, but not those of paths and file objects, as the PIL image that these give holds no more than 8. Colours
    of 16 bits in other formats (TIFF) are cut down to 8: Pillow decodes no more; give an array to keep them. Raises
    ImageError, or ImageTooLargeError beyond Pillow's guard against decompression bombs.
    """
    if hasattr(image, "__dlpack__"):
        return Source(_check_array(array_of(image, "the array")), "array", None)
    if isinstance(image, Image.Image):
        return _from_pil(image, "pil", "the PIL image")
    if isinstance(image, (bytes, bytearray, memoryview)):
        return _from_file(io.BytesIO(bytes(image)), "bytes", "the image bytes", deep is not False)
    if isinstance(image, (str, os.PathLike)):
        name = os.fsdecode(image)
        with _open(name) as file:
            return _from_file(file, "path", name, bool(deep))
    if isinstance(image, io.TextIOBase):
        raise ImageError("the file object is in text mode: open it in binary mode, 'rb'")
    if callable(getattr(image, "read", None)):
        return _from_file(image, "path", "the file object", bool(deep))
    raise ImageError(
        f"{type(image).__module__}.{type(image).__qualname__} is no image: give a path, image bytes, "
        "a binary file object, a PIL image or an array (NumPy, torch, DLPack) of uint8 or uint16"
    )


def _check_array(array: NDArray[Any]) -> Pixels:
    shape, dtype = array.shape, array.dtype
    if dtype == np.bool_:
        raise ImageError("the array is bool: convert it with array.astype(numpy.uint8) * 255")
    if dtype.kind == "f":
        raise ImageError(
            f"the array is {dtype}: convert it to uint8, values of 0..1 with (array * 255).round().astype(numpy.uint8) "
            "or (tensor * 255).round().to(torch.uint8)"
        )
    if dtype.kind != "u" or dtype.itemsize > 2:
        raise ImageError(f"the array is {dtype}: convert it to uint8 or uint16")
    if 0 in shape:
        raise ImageError(f"the array is empty: its shape is {shape}")
    if len(shape) == 3 and shape[2] == 1:
        array = array[:, :, 0]
    elif len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] not in (3, 4):
        raise ImageError(
            f"the array has shape {shape}, channels first: use array.transpose(1, 2, 0) or tensor.permute(1, 2, 0)"
        )
    elif len(shape) == 4:
        raise ImageError(f"the array has shape {shape}: give one image at a time, of shape (H, W, 3)")
    elif len(shape) != 2 and not (len(shape) == 3 and shape[2] in (3, 4)):
        raise ImageError(f"the array has shape {shape}: give (H, W), (H, W, 3) or (H, W, 4)")
    native = np.asarray(array).astype(dtype.newbyteorder("="), copy=False)
    return cast(Pixels, native)


def _open(name: str) -> IO[bytes]:
    if not name:
        raise ImageError("the path is empty")
    try:
        return open(name, "rb")
    except FileNotFoundError as exc:
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
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as exc:
        raise ImageTooLargeError(
            f"{name}: too many pixels: {exc or 'not enough memory'} (PIL.Image.MAX_IMAGE_PIXELS sets the limit)"
        ) from exc
    except Exception as exc:
        raise ImageError(f"{name}: cannot be decoded, the file is damaged or cut short: {exc}") from exc


def _from_file(file: IO[bytes], kind: Kind, name: str, deep: bool) -> Source:
    with _decoding(name):
        if not (hasattr(file, "seekable") and file.seekable()):
            file = io.BytesIO(file.read())
        try:
            image: Image.Image = Image.open(file)
        except UnidentifiedImageError as exc:
            image = _open_unidentified(file, name, exc)
        if image.format == "EPS":  # Pillow would hand the file, a program, to Ghostscript
            raise ImageError(f"{name}: EPS is not supported: convert it to PNG first")
        if deep and image.format == "PNG" and 0 not in image.size:
            file.seek(0)
            if png16.is_deep(file.read(png16.HEAD_BYTES)):
                file.seek(0)
                return _from_deep_png(file.read(), kind)
    return _from_pil(image, kind, name)


def _open_unidentified(file: IO[bytes], name: str, cause: Exception) -> Image.Image:
    file.seek(0)
    head = file.read(12)
    if not head:
        raise ImageError(f"{name}: is empty, 0 bytes") from cause
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
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and heif.size[0] * heif.size[1] > 2 * limit:
        raise ImageTooLargeError(f"{name}: too many pixels: {heif.size} (PIL.Image.MAX_IMAGE_PIXELS sets the limit)")
    opened: Image.Image = heif.to_pillow()
    return opened


def _from_pil(image: Image.Image, kind: Kind, name: str) -> Source:
    if 0 in image.size:
        raise ImageError(f"{name}: is empty: {image.width} x {image.height} pixels")
    with _decoding(name):
        image.load()  # before the orientation is asked for: TIFF is turned, and its tag dropped, while loading
        orientation = _orientation(image)
        icc = image.info.get("icc_profile")
        straight = _to_straight(image, icc, name)
        if orientation in _TRANSPOSES:
            straight = straight.transpose(_TRANSPOSES[orientation])
        pixels = np.asarray(straight)
    return Source(cast(Pixels, pixels), kind, _rgb_profile(icc))


def _from_deep_png(data: bytes, kind: Kind) -> Source:
    """16-bit PNG, opened by Pillow before, which has checked its size. A grey profile is dropped, the values stay:
    LittleCMS through Pillow converts 8 bits only."""
    png = png16.decode(data)
    about = Image.open(io.BytesIO(png.about))
    pixels = png.pixels
    orientation = _orientation(about)
    if orientation in _TRANSPOSES:
        planes = [Image.fromarray(plane) for plane in np.moveaxis(np.atleast_3d(pixels), -1, 0)]
        turned = [np.asarray(plane.transpose(_TRANSPOSES[orientation])) for plane in planes]
        pixels = np.dstack(turned) if pixels.ndim == 3 else turned[0]
    return Source(pixels, kind, _rgb_profile(about.info.get("icc_profile")))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block is no reason to refuse the pixels
        return 1


def _colour_space(icc: object) -> bytes | None:
    return icc[16:20] if isinstance(icc, bytes) and len(icc) >= 128 else None


def _rgb_profile(icc: object) -> bytes | None:
    return cast(bytes, icc) if _colour_space(icc) == b"RGB " else None


def _to_straight(image: Image.Image, icc: object, name: str) -> Image.Image:
    """Convert any mode to L, RGB or RGBA with 8 bits a channel."""
    if image.mode == "F":
        raise ImageError(f"{name}: holds 32-bit float pixels: scale them to 0..255 and convert to 8 bits first")
    if image.mode.startswith("I"):
        return _from_16_bit(image, name)
    if image.mode == "La":  # Pillow has no direct way from here to RGBA
        image = image.convert("LA")
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    if image.mode in ("CMYK", "L") and _colour_space(icc) in (b"CMYK", b"GRAY"):
        return _to_srgb(image, cast(bytes, icc))
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _from_16_bit(image: Image.Image, name: str) -> Image.Image:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise ImageError(f"{name}: holds 32-bit values beyond 0..65535: scale them to 8 or 16 bits first")
    grey = to_8_bit(values)
    transparent = image.info.get("transparency")
    if transparent is None:
        return Image.fromarray(grey)
    alpha = np.where(values == transparent, 0, 255).astype(np.uint8)
    return Image.fromarray(np.dstack([grey, grey, grey, alpha]))


def _to_srgb(image: Image.Image, icc: bytes) -> Image.Image:
    """Convert CMYK or grey through its own profile, which cannot travel with an RGB result."""
    from PIL import ImageCms

    try:
        return cast(
            Image.Image,
            ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(icc)),
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            ),
        )
    except (ImageCms.PyCMSError, ImportError, OSError):  # a damaged profile, or a Pillow without LittleCMS
        return image if image.mode == "L" else image.convert("RGB")
