"""Pictures that lie on the GPU, by the driver, torch and CuPy: the bits of a host picture's result, and how long it
takes against a host picture and against the way by the host."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gpu_calls import SIZES, median_call, throughput
from gpu_rivals import picture
from numpy.typing import NDArray

from rmbg_fast import Session

Array = NDArray[Any]
WORKERS = 4


class OnGpu:
    """An array on the first GPU by the driver alone, where neither torch nor CuPy is. It stays until the end."""

    def __init__(self, values: Array, driver: str | None) -> None:
        self._cuda = ctypes.CDLL(driver or "libcuda.so.1")
        self._values = np.ascontiguousarray(values)
        self._address, self._context = ctypes.c_uint64(), ctypes.c_void_p()
        bytes_ = ctypes.c_size_t(self._values.nbytes)
        self._check(self._cuda.cuInit(0))
        self._check(self._cuda.cuDevicePrimaryCtxRetain(ctypes.byref(self._context), 0))
        self._here(self._cuda.cuMemAlloc_v2, ctypes.byref(self._address), bytes_)
        pointer = ctypes.c_void_p(self._values.ctypes.data)
        self._here(self._cuda.cuMemcpyHtoDAsync_v2, self._address, pointer, bytes_, None)
        self.__cuda_array_interface__ = {
            "shape": values.shape,
            "typestr": values.dtype.str,
            "data": (self._address.value, False),
            "version": 3,
            "stream": 1,
        }

    def numpy(self) -> Array:
        result = np.empty_like(self._values)
        pointer, bytes_ = ctypes.c_void_p(result.ctypes.data), ctypes.c_size_t(result.nbytes)
        self._here(self._cuda.cuMemcpyDtoHAsync_v2, pointer, self._address, bytes_, None)
        return result

    def _here(self, function: Any, *arguments: Any) -> None:
        """With the GPU as this thread's; waits."""
        self._check(self._cuda.cuCtxPushCurrent_v2(self._context))
        try:
            self._check(function(*arguments))
            self._check(self._cuda.cuStreamSynchronize(None))
        finally:
            self._cuda.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))

    @staticmethod
    def _check(result: int) -> None:
        if result != 0:
            raise RuntimeError(f"CUDA error {result}")


@dataclass
class Way:
    """How a picture comes to the session, and its result back to NumPy."""

    who: str
    given: Callable[[Array], Any]
    numpy: Callable[[Any], Array]
    bare: Callable[[Any], Array] | None = None  # of a DeviceArray
    more: dict[str, Callable[[Session, Array, Array], bool]] = field(default_factory=dict)


def ways(driver: str | None) -> Iterator[Way]:
    yield Way("the host", np.array, np.asarray)
    yield Way("the driver", lambda values: OnGpu(values, driver), OnGpu.numpy, lambda made: made.copy_to_host())
    if driver is None:
        yield from torch_way()
        yield from cupy_way()


def torch_way() -> Iterator[Way]:
    try:
        import torch

        if not torch.cuda.is_available():
            return
    except ImportError:
        return

    def late(gpu: Session, image: Array, wanted: Array) -> bool:
        """A picture that its own stream has still to make when the session is called."""
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            tensor = torch.zeros(image.shape, dtype=torch.uint8, device="cuda")
            pinned = torch.from_numpy(image).pin_memory()
            torch.cuda._sleep(200_000_000)
            tensor.copy_(pinned, non_blocking=True)
            result = gpu.remove(tensor, on_empty="ignore")
        return bool((torch.from_dlpack(result).cpu().numpy() == wanted).all())

    def planes(gpu: Session, image: Array, wanted: Array) -> bool:
        """Channels first, as decoders on the GPU give it."""
        tensor = torch.from_numpy(image).permute(2, 0, 1).contiguous().cuda().permute(1, 2, 0)
        return bool((torch.from_dlpack(gpu.remove(tensor, on_empty="ignore")).cpu().numpy() == wanted).all())

    yield Way(
        "torch",
        lambda values: torch.from_numpy(values).cuda(),
        lambda tensor: tensor.cpu().numpy(),
        lambda made: torch.from_dlpack(made).cpu().numpy(),
        {"late on its stream": late, "channels first": planes},
    )


def cupy_way() -> Iterator[Way]:
    try:
        import cupy
    except ImportError:
        return
    yield Way("cupy", cupy.asarray, cupy.asnumpy, lambda made: cupy.asnumpy(cupy.from_dlpack(made)))


def rows(gpu: Session, seconds: float, driver: str | None) -> list[dict[str, Any]]:
    """One row a picture and a way; `same`: the host picture's result, bit for bit, into `out` and as a DeviceArray."""
    found: list[dict[str, Any]] = []
    for name, size in SIZES.items():
        image = picture(size)
        wanted = gpu.remove(image, on_empty="ignore")
        for way in ways(driver):
            row: dict[str, Any] = {"picture": name, "lies by": way.who}
            try:
                given = way.given(image)
                outs = [way.given(np.zeros((*size, 4), np.uint8)) for _ in range(WORKERS)]
                gpu.remove(given, out=outs[0], on_empty="ignore")
                row["same"] = bool((way.numpy(outs[0]) == wanted).all())
                if way.bare is not None:
                    row["same"] &= bool((way.bare(gpu.remove(given, on_empty="ignore")) == wanted).all())
                for what, holds in way.more.items():
                    row[what] = holds(gpu, image, wanted)
                ms, stages = median_call(gpu, given, outs[0], seconds)
                row |= {"ms alone": f"{ms:.2f}", **{key: f"{value:.2f}" for key, value in stages.items()}}
                row[f"images/s, {WORKERS}"] = f"{throughput(gpu, given, outs, seconds):.1f}"
            except Exception as exc:  # one library's fault must not cost the others their row
                row["error"] = f"{type(exc).__name__}: {exc}"[:150]
            found.append(row)
    return [{key: row.get(key, "") for key in dict.fromkeys(key for r in found for key in r)} for row in found]
