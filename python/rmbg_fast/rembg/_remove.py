"""rembg's `remove`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL import UnidentifiedImageError as _PillowError

from .._arguments import whole_of
from .._images import reading, writing
from .._images.depth import to_8_bit
from .._images.metadata import Metadata
from .._images.sizes import pixels_of
from ..errors import ImageError, OptionError
from . import _cutouts
from ._cutouts import Levels
from ._post_process import post_process
from ._session import RembgSession, default_session

Data: TypeAlias = bytes | Image.Image | NDArray[Any]


class UnidentifiedImageError(ImageError, _PillowError):
    """The bytes are no image, or a damaged one. Pillow's error of that name, which rembg raises, is a base of it."""


@overload
def remove(data: bytes, *args: Any, **options: Any) -> bytes: ...
@overload
def remove(data: Image.Image, *args: Any, **options: Any) -> Image.Image: ...
@overload
def remove(data: NDArray[Any], *args: Any, **options: Any) -> NDArray[np.uint8]: ...
def remove(
    data: Data,
    alpha_matting: bool = False,
    alpha_matting_foreground_threshold: int = 240,
    alpha_matting_background_threshold: int = 10,
    alpha_matting_erode_size: int = 10,
    session: Any = None,
    only_mask: bool = False,
    post_process_mask: bool = False,
    decontaminate: bool = False,
    vitmatte: bool = False,
    vitmatte_model: str | None = None,
    bgcolor: Sequence[int] | None = None,
    force_return_bytes: bool = False,
    *args: Any,
    **kwargs: Any,
) -> Data:
    """Cut the subject out as rembg does: RGBA whose colours are multiplied by the mask, of the kind that came in: bytes
    (PNG), a PIL image or an array of uint8. What came in is not changed.

    `session` is one of `new_session`, or an object with rembg's `predict`; None: of bria-rmbg, kept for the next call,
    with `kwargs` as `new_session` takes them. `only_mask` gives the mask alone. `post_process_mask` smooths it and
    makes it 0 or 255. `alpha_matting` finds alpha anew with pymatting, if that is installed, between the thresholds
    and `alpha_matting_erode_size` pixels around. `putalpha=True` (in kwargs) leaves the colours as they are,
    `decontaminate` takes the background's out of them. `bgcolor`, four numbers 0..255, is put behind; the result is
    still RGBA. `force_return_bytes` gives PNG bytes whatever came in. Raises ValueError for another kind, and for a
    value that an option cannot take; `UnidentifiedImageError` for bytes that are no image.
    """
    if vitmatte or vitmatte_model is not None:
        raise OptionError("vitmatte is not there: use alpha_matting, decontaminate or a larger model")
    if not isinstance(data, (bytes, Image.Image, np.ndarray)) and not force_return_bytes:
        raise OptionError(f"{type(data).__name__} is not supported: give bytes, a PIL image or an array")
    put_alpha = bool(kwargs.pop("putalpha", False))
    colour = None if bgcolor is None else _colour(bgcolor)
    if session is None:
        session = default_session(**kwargs)
    elif not callable(getattr(session, "predict", None)):
        raise OptionError(f"session must be one of new_session, not {session!r}")
    matting = None
    if alpha_matting:
        numbers = (alpha_matting_foreground_threshold, alpha_matting_background_threshold, alpha_matting_erode_size)
        matting = _cutouts.Matting(*(whole_of(number, "an option of alpha matting") for number in numbers))
    own = isinstance(session, RembgSession)
    with session.turn(pixels_of(data)) if own else nullcontext():
        source, opaque = _read(data)
        pixels: Levels = source.pixels  # type: ignore[assignment]
        source = replace(source, kind="bytes") if force_return_bytes else source
        if only_mask:
            source = replace(source, metadata=Metadata(dpi=source.metadata.dpi))  # a mask has no colours
        as_it_is = own and opaque and not (only_mask or post_process_mask or decontaminate or matting or put_alpha)
        if as_it_is:
            results = [session.session.remove(pixels, alpha="premultiplied", on_empty="ignore")]
        else:
            masks = [session.mask(pixels)] if own else _foreign(session, source, args, kwargs)
            if post_process_mask:
                masks = [post_process(mask) for mask in masks]
            if only_mask:
                results = masks
            else:
                results = [_cutout(pixels, mask, opaque, matting, put_alpha, decontaminate) for mask in masks]
        result = _one_above_the_other(results, pixels)
        if colour is not None and not only_mask:
            result = _cutouts.over(result, colour)
        return writing.finish(source, result)


def _read(data: Any) -> tuple[reading.Source, bool]:
    """Its pixels of 8 bits, and whether it is known to be opaque. Raises UnidentifiedImageError and ImageError."""
    if isinstance(data, np.ndarray):
        if data.dtype == np.bool_:
            data = data.astype(np.uint8) * np.uint8(255)
        if data.ndim == 3 and data.shape[2] == 2 and data.dtype == np.uint8:  # grey and alpha
            grey = np.repeat(data[..., :1], 3, 2)
            data = np.concatenate([grey, data[..., 1:]], 2)
        source = reading.read(data)
        if source.pixels.dtype == np.uint16:
            source = replace(source, pixels=to_8_bit(source.pixels))
    else:
        try:
            source = reading.read(data, deep=False)
        except ImageError as exc:
            if isinstance(data, Image.Image):
                raise
            raise UnidentifiedImageError(str(exc)) from exc
    pixels = source.pixels
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return source, True
    jpeg = isinstance(data, (bytes, bytearray)) and data.startswith(b"\xff\xd8")
    return source, jpeg or bool((pixels[..., 3] == 255).all())


def _foreign(session: Any, source: reading.Source, args: Any, kwargs: Any) -> list[Levels]:
    """The masks of a session that is not one of ours."""
    image = Image.fromarray(np.asarray(source.pixels))
    return [
        np.asarray(mask if mask.mode == "L" else mask.convert("L")) for mask in session.predict(image, *args, **kwargs)
    ]


def _cutout(
    pixels: Levels,
    mask: Levels,
    opaque: bool,
    matting: _cutouts.Matting | None,
    put_alpha: bool,
    decontaminate: bool,
) -> Levels:
    if matting is not None:
        try:
            return matting.cutout(pixels, mask)
        except OptionError:
            raise
        except ValueError:  # nothing is certain: the mask's own alpha
            decontaminate = True
    if put_alpha:
        return _cutouts.put_alpha(pixels, mask)
    if decontaminate:
        return _cutouts.decontaminated(pixels, mask)
    return _cutouts.plain(pixels, mask, opaque=opaque)


def _one_above_the_other(results: list[Levels], pixels: Levels) -> Levels:
    """A session of several masks gives as many pictures, in one; RGBA then, also of masks."""
    if len(results) == 1:
        return results[0]
    if not results:
        return pixels
    return np.concatenate([np.asarray(Image.fromarray(one).convert("RGBA")) for one in results])


def _colour(bgcolor: Any) -> tuple[int, int, int, int]:
    try:
        levels = [min(max(whole_of(level, "bgcolor"), 0), 255) for level in bgcolor]
        red, green, blue, alpha = levels if len(levels) == 4 else (*levels, 255)
    except (TypeError, ValueError) as exc:
        raise OptionError(f"bgcolor must be four whole numbers, red, green, blue and alpha, not {bgcolor!r}") from exc
    return red, green, blue, alpha
