"""Arrays in the stand-in's memory, as another library would make and take them: by a stream of its own."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from support import stand_in
from support.exporters import CUDA, Exporter, read_capsule

_pointer = ctypes.c_uint64


class Gpu:
    """One GPU of the stand-in, as the current one of this thread."""

    def __init__(self, number: int = 0) -> None:
        self.number, self._driver = number, stand_in.driver()

    def __enter__(self) -> ctypes.CDLL:
        self._driver.cuCtxPushCurrent_v2(ctypes.c_void_p(self.number + 1))
        return self._driver

    def __exit__(self, *_: object) -> None:
        self._driver.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))


def free_bytes() -> int:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    with Gpu() as driver:
        assert driver.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total)) == 0
    return free.value


class Memory:
    """A copy of what `values` looks into, layout included, which arrives only when its stream is waited for."""

    def __init__(self, values: NDArray[Any], gpu: int = 0, *, stream: int | None = None) -> None:
        self.values = values
        whole = values
        while isinstance(whole.base, np.ndarray):
            whole = whole.base
        self._whole = np.ascontiguousarray(whole)
        assert self._whole.strides == whole.strides
        self._gpu = Gpu(gpu)
        base, own = _pointer(), _pointer()
        with self._gpu as driver:
            assert driver.cuMemAlloc_v2(ctypes.byref(base), ctypes.c_size_t(max(whole.nbytes, 1))) == 0
            if stream is None:
                assert driver.cuStreamCreate(ctypes.byref(own), 1) == 0
            self._stream = own.value if stream is None else stream
            source = ctypes.c_void_p(self._whole.ctypes.data)
            bytes_ = ctypes.c_size_t(whole.nbytes)
            assert driver.cuMemcpyHtoDAsync_v2(base, source, bytes_, ctypes.c_void_p(self._stream)) == 0
        self._owned = own.value
        self._base = base.value
        self.address = base.value + values.ctypes.data - whole.ctypes.data

    def __del__(self) -> None:
        with self._gpu as driver:
            driver.cuMemFree_v2(_pointer(self._base))
            if self._owned:
                driver.cuStreamDestroy_v2(_pointer(self._owned))

    def make_wait(self, stream: int) -> None:
        """What the stream is given from here on finds the samples there."""
        event = ctypes.c_void_p()
        with self._gpu as driver:
            assert driver.cuEventCreate(ctypes.byref(event), 2) == 0
            assert driver.cuEventRecord(event, ctypes.c_void_p(self._stream)) == 0
            assert driver.cuStreamWaitEvent(ctypes.c_void_p(stream), event, 0) == 0
            assert driver.cuEventDestroy_v2(event) == 0

    def now(self) -> NDArray[Any]:
        """What lies there."""
        with self._gpu as driver:
            assert driver.cuStreamSynchronize(ctypes.c_void_p(self._stream)) == 0
        raw = (ctypes.c_char * self._whole.nbytes).from_address(self._base)
        whole = np.frombuffer(raw, self._whole.dtype).reshape(self._whole.shape)
        offset = self.address - self._base
        return np.ndarray(
            self.values.shape,
            self.values.dtype,
            whole,
            offset,
            self.values.strides,  # type: ignore[arg-type]
        ).copy()


class ByDLPack(Memory):
    """As torch and CuPy show it."""

    def __init__(
        self, values: NDArray[Any], gpu: int = 0, *, version: int | None = 1, flags: int = 0, **fields: Any
    ) -> None:
        super().__init__(values, gpu)
        self._device = (CUDA, gpu)
        told = {"data": self.address, "device_type": CUDA, "device_id": gpu, **fields}
        self._exporter = Exporter(values, version=version, flags=flags, **told)
        self.streams: list[int] = []

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._device

    def __dlpack__(self, *, stream: int | None = None, **options: Any) -> Any:
        if self._exporter.version is None and options:
            raise TypeError("no options in those days")
        assert stream is not None
        self.streams.append(stream)
        self.make_wait(stream)
        return self._exporter.capsule


class ByInterface(Memory):
    """As Numba and older CuPy show it."""

    def __init__(self, values: NDArray[Any], gpu: int = 0, *, read_only: bool = False, **fields: Any) -> None:
        super().__init__(values, gpu, stream=fields.pop("by", None))
        self._fields = {
            "shape": values.shape,
            "typestr": values.dtype.str,
            "data": (self.address, read_only),
            "strides": None if values.flags.c_contiguous else values.strides,
            "version": 3,
            "stream": self._stream,
            **fields,
        }

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {name: value for name, value in self._fields.items() if value != "left out"}


def taken(array: Any, *, version: tuple[int, int] | None = (1, 0)) -> NDArray[Any]:
    """What a consumer of the capsule finds; it lets go of it at the end."""
    return read_capsule(array.__dlpack__(stream=2, max_version=version))
