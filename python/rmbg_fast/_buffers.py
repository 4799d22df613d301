"""Memory of the caller's as NumPy arrays, without a copy: arrays, DLPack, the buffer protocol."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from . import _core
from .errors import ImageError, OptionError


class SupportsDLPack(Protocol):
    """An array that other libraries can look into, such as a torch tensor."""

    def __dlpack__(self, *args: Any, **kwargs: Any) -> Any: ...


Buffer: TypeAlias = memoryview | SupportsDLPack
_Result = TypeVar("_Result")


def array_of(value: Any, what: str) -> NDArray[Any]:
    """An input, whose shape and dtype are checked by who takes it. Raises ImageError."""
    try:
        return _view(value)
    except BufferError as exc:
        raise ImageError(f"{what} cannot be read: {exc}") from exc


def out_of(value: Any) -> NDArray[Any] | None:
    """The memory that is to take a result, checked by who writes it. Raises OptionError."""
    try:
        return None if value is None else _view(value)
    except BufferError as exc:
        raise OptionError(f"`out` cannot take the result: {exc}") from exc


def given(result: _Result, out: Any) -> _Result:
    """What is returned: the caller's own `out`, which has the result, or else the result."""
    return result if out is None else cast(_Result, out)


def _view(value: Any) -> NDArray[Any]:
    """Raises BufferError, in words that go on from the name of the value."""
    if isinstance(value, np.ndarray):
        return value
    try:
        _refuse_device(value)
        if hasattr(value, "__dlpack__"):
            if callable(getattr(value, "is_neg", None)) and value.is_neg():  # torch exports it without the sign
                raise BufferError("the tensor's negation is still pending: use tensor.resolve_neg()")
            return _core.from_dlpack(value)
        return np.asarray(memoryview(value))
    except BufferError:
        raise
    except Exception as exc:  # it is others' code that runs here
        kind = type(value).__name__
        raise BufferError(f"{kind} is no array in the CPU's memory (NumPy, DLPack, buffer protocol): {exc}") from exc


ELSEWHERE = "copy it there first, with tensor.cpu(), cupy.asnumpy(array) or array.copy_to_host()"
_CUDA, _CUDA_MANAGED = 2, 13  # DLPack's numbers of these devices


def on_gpu(value: Any) -> bool:
    """Whether its memory is a GPU's: asked before an export, which would make the GPU wait."""
    try:
        device = value.__dlpack_device__()[0] if hasattr(value, "__dlpack_device__") else 0
        return device in (_CUDA, _CUDA_MANAGED) or (device == 0 and hasattr(value, "__cuda_array_interface__"))
    except Exception:  # it is others' code that runs here, and whoever reads the value hears of it
        return False


def _refuse_device(value: Any) -> None:
    """Raises BufferError where the memory is a GPU's."""
    if on_gpu(value):
        kind = type(value).__name__
        raise BufferError(f"{kind} lies in a GPU's memory, and it has to be in the CPU's memory: {ELSEWHERE}")
