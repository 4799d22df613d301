"""Pictures in a GPU's memory: worked on where they lie, with results that lie there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._arguments import side_of
from ._buffers import ELSEWHERE
from ._images import arrays
from .errors import ImageError, OptionError, RmbgError

_Value = TypeVar("_Value")


class OnDevice:
    """What `_core.Remover` does, for one call whose memory is all on the session's GPU."""

    def __init__(self, remover: _core.Remover, image: Any, max_side: int | None = None) -> None:
        """Raises ImageError: it lies elsewhere, or is no picture; OptionError: it has a longer side."""
        kind = type(image).__name__
        try:
            self._call = _core.DeviceCall(remover)
        except BufferError as exc:
            raise ImageError(
                f"{kind} lies in a GPU's memory, and {exc}: {ELSEWHERE}, or make the session with device='cuda'"
            ) from exc
        try:
            self.pixels = _asked(lambda: self._call.view(image))
        except BufferError as exc:
            raise ImageError(f"{kind} cannot be read: {exc}") from exc
        arrays.check(np.broadcast_to(np.zeros((), self.pixels.dtype), self.pixels.shape))
        if max_side is not None and max(self.pixels.shape[:2]) > side_of(max_side):
            raise OptionError(f"max_side scales pictures in the CPU's memory only: scale it yourself, or {ELSEWHERE}")

    def out_of(self, out: Any) -> _core.DeviceView | None:
        """The memory that is to take a result. Raises OptionError."""
        try:
            return None if out is None else _asked(lambda: self._call.view(out))
        except BufferError as exc:
            raise OptionError(f"`out` cannot take the result: {type(out).__name__}: {exc}") from exc

    def remove(
        self,
        image: _core.DeviceView,
        alpha: str,
        colour: tuple[int, int, int] | None,
        picture: NDArray[Any] | None,
        threshold: int | None,
        foreground: str,
        strict: bool,
        out: _core.DeviceView | None,
    ) -> tuple[Any, dict[str, float], dict[str, Any]]:
        _refuse_picture(picture)
        return self._call.remove(image, alpha, colour, threshold, foreground, strict, out)

    def predict(
        self,
        image: _core.DeviceView,
        alpha: str,
        colour: tuple[int, int, int] | None,
        picture: NDArray[Any] | None,
        threshold: int | None,
        foreground: str,
        strict: bool,
    ) -> tuple[Any, Any, dict[str, float], dict[str, Any]]:
        _refuse_picture(picture)
        return self._call.predict(image, alpha, colour, threshold, foreground, strict)

    def mask(
        self, image: _core.DeviceView, dtype: str, strict: bool, out: _core.DeviceView | None
    ) -> tuple[Any, dict[str, float], dict[str, Any]]:
        return self._call.mask(image, dtype, strict, out)


def _refuse_picture(behind: NDArray[Any] | None) -> None:
    if behind is not None:
        raise OptionError(
            f"a background picture is laid under in the CPU's memory only: {ELSEWHERE}, give a colour, or compose the "
            "result yourself"
        )


def _asked(ask: Callable[[], _Value]) -> _Value:
    """Others' code runs here, which may raise anything: BufferError of it."""
    try:
        return ask()
    except (BufferError, RmbgError):
        raise
    except Exception as exc:
        raise BufferError(str(exc)) from exc
