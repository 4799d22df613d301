"""Objects with `__dlpack__` whose capsules are written here by hand, field by field."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

CPU, CUDA, PINNED = 1, 2, 3
READ_ONLY, COPIED = 1, 2
_NAMES = (b"dltensor_versioned", b"dltensor")  # the capsule keeps the pointer
_CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _Managed(ctypes.Structure):
    _fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


class _ManagedVersioned(ctypes.Structure):
    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    )


_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)


class Exporter:
    """Shares `array`; the fields of the tensor and of its version may be told otherwise. `version` None: from before
    there were versions, when `__dlpack__` took no arguments. `given_back` counts the calls of the deleter."""

    def __init__(self, array: NDArray[Any], *, version: int | None = 1, flags: int = 0, **fields: Any) -> None:
        self.array, self.version, self.given_back = array, version, 0
        self._deleter = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(self._delete)
        count = max(array.ndim, 1)
        self._shape = (ctypes.c_int64 * count)(*array.shape)
        self._strides = (ctypes.c_int64 * count)(*(stride // array.itemsize for stride in array.strides))
        tensor = _Tensor(
            data=array.ctypes.data,
            device_type=CPU,
            ndim=array.ndim,
            code=_CODES[array.dtype.kind],
            bits=array.itemsize * 8,
            lanes=1,
            shape=self._shape,
            strides=self._strides,
        )
        for name, value in fields.items():
            setattr(tensor, name, value)
        deleter = ctypes.cast(self._deleter, ctypes.c_void_p)
        self._managed = (
            _Managed(tensor, None, deleter)
            if version is None
            else _ManagedVersioned(version, 0, None, deleter, flags, tensor)
        )
        self.capsule = _new_capsule(ctypes.addressof(self._managed), _NAMES[version is None], None)

    def _delete(self, _: int) -> None:
        self.given_back += 1

    def __dlpack__(self, **options: Any) -> Any:
        if self.version is None and options:
            raise TypeError("no options in those days")
        return self.capsule


def read_capsule(capsule: Any) -> NDArray[Any]:
    """A copy of a capsule's tensor, by its own fields, whatever device it names; then its deleter is called."""
    name = _get_name(capsule)
    pointer = _get_pointer(capsule, name)
    managed = (_Managed if name == b"dltensor" else _ManagedVersioned).from_address(pointer)
    tensor = managed.tensor
    assert (tensor.device_type, tensor.lanes) == (CUDA, 1)
    kind = next(kind for kind, code in _CODES.items() if code == tensor.code)
    dtype = np.dtype(f"{kind}{tensor.bits // 8}")
    shape = tuple(tensor.shape[: tensor.ndim])
    strides = tuple(stride * dtype.itemsize for stride in tensor.strides[: tensor.ndim])
    extent = sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True)) + dtype.itemsize
    raw = (ctypes.c_char * extent).from_address(tensor.data + tensor.byte_offset)
    result = np.ndarray(shape, dtype, raw, 0, strides).copy()
    assert _set_name(capsule, _USED) == 0
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(managed.deleter)(pointer)
    return result


_USED = b"used"  # the capsule keeps the pointer
_get_name = ctypes.pythonapi.PyCapsule_GetName
_get_name.restype, _get_name.argtypes = ctypes.c_char_p, (ctypes.py_object,)
_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype, _get_pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
_set_name = ctypes.pythonapi.PyCapsule_SetName
_set_name.restype, _set_name.argtypes = ctypes.c_int, (ctypes.py_object, ctypes.c_char_p)
