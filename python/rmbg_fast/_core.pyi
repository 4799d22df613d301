from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__version__: str

def compiler() -> str: ...
def tiers() -> dict[str, bool]: ...
def active_tier() -> str: ...
def set_tier(name: str) -> None: ...
def from_dlpack(value: Any) -> NDArray[Any]: ...
def new_array(dtype: str, shape: Sequence[int]) -> NDArray[Any]: ...
def trim() -> int: ...
def idle_bytes() -> int: ...
def from_arrow(schema: Any, array: Any, width: int, height: int) -> NDArray[Any]: ...
def copy_pixels(pixels: NDArray[Any], out: NDArray[Any] | None, threads: int) -> NDArray[Any]: ...
def preprocess(
    image: NDArray[Any],
    size: tuple[int, int],
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    resample: str,
    rounding: str,
    divide_by_max: bool,
    bgr: bool,
    dtype: str,
    out: NDArray[Any] | None,
    threads: int,
) -> NDArray[Any]: ...
def minmax(mask: NDArray[Any], size: tuple[int, int] | None, resample: str, threads: int) -> tuple[float, float]: ...
def sigmoid(mask: NDArray[Any], out: NDArray[Any] | None, threads: int) -> NDArray[Any]: ...
def resize_mask(
    mask: NDArray[Any],
    size: tuple[int, int],
    range: tuple[float, float] | None,
    resample: str,
    rounding: str,
    dtype: str,
    out: NDArray[Any] | None,
    threads: int,
) -> NDArray[Any]: ...
def blend(
    image: NDArray[Any],
    alpha: NDArray[Any],
    mode: str,
    background: tuple[int, int, int] | None,
    behind: NDArray[Any] | None,
    threshold: int | None,
    out: NDArray[Any] | None,
    threads: int,
) -> NDArray[Any]: ...
def subject_box(alpha: NDArray[Any]) -> tuple[int, int, int, int] | None: ...
def cutout(
    image: NDArray[Any],
    mask: NDArray[Any],
    minmax: str,
    resample: str,
    rounding: str,
    mode: str,
    background: tuple[int, int, int] | None,
    behind: NDArray[Any] | None,
    threshold: int | None,
    out: NDArray[Any] | None,
    threads: int,
) -> NDArray[Any]: ...
def estimate_foreground(
    image: NDArray[Any], alpha: NDArray[Any], radii: tuple[int, int, int], out: NDArray[Any] | None, threads: int
) -> NDArray[Any]: ...
def png_encode(pixels: NDArray[Any], *, chunks: Sequence[tuple[bytes, bytes]], threads: int) -> bytes: ...
def png_filter(pixels: NDArray[Any], *, threads: int) -> NDArray[Any]: ...
def png_unfilter(filtered: NDArray[Any], pixel_bytes: int, out: NDArray[Any]) -> int: ...  # rows done
def network_tiers() -> dict[str, bool]: ...
def network_tier() -> str: ...
def load_runtime(path: str | bytes) -> None: ...
def open_library(path: str | bytes) -> str: ...  # the loader's complaint, "" for success
def use_cuda_driver(path: str) -> None: ...
def cuda_device(id: int) -> dict[str, Any]: ...
def check_device(
    device: str,
    device_id: int,
    provider_options: list[tuple[str, str | bytes]],
    cuda_options: list[tuple[str, str]],
) -> None: ...
def runtime_info() -> dict[str, Any] | None: ...

class Recipe:
    def __init__(
        self,
        *,
        size: tuple[int, int],
        dynamic: int,
        resample: str,
        rounding: str,
        divide_by_max: bool,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        sigmoid: bool,
        minmax: str,
        mask_resample: str,
        mask_rounding: str,
        empty_below: float,
        empty_is_opaque: bool,
    ) -> None: ...

class Remover:
    def __init__(
        self,
        path: str | bytes,
        recipe: Recipe,
        device: str,
        device_id: int,
        threads: int,
        input: str | int,
        output: str | int,
        provider_options: Sequence[tuple[str, str | bytes]] = ...,
        cuda_options: list[tuple[str, str]] = ...,
        runs: int = ...,
    ) -> None: ...
    def remove(
        self,
        image: NDArray[Any],
        alpha: str,
        background: tuple[int, int, int] | None,
        behind: NDArray[Any] | None,
        threshold: int | None,
        foreground: str,
        strict: bool,
        out: NDArray[Any] | None,
    ) -> tuple[NDArray[Any], dict[str, float], dict[str, Any]]: ...
    def mask(
        self,
        image: NDArray[Any],
        dtype: str,
        strict: bool,
        out: NDArray[Any] | None,
        size: tuple[int, int] | None = ...,
    ) -> tuple[NDArray[Any], dict[str, float], dict[str, Any]]: ...
    def predict(
        self,
        image: NDArray[Any],
        alpha: str,
        background: tuple[int, int, int] | None,
        behind: NDArray[Any] | None,
        threshold: int | None,
        foreground: str,
        strict: bool,
    ) -> tuple[NDArray[Any], NDArray[Any], dict[str, float], dict[str, Any]]: ...
    def gather(self, most: int, milliseconds: float) -> None: ...
    def gathered(self) -> tuple[int, int]: ...
    @property
    def provider(self) -> str: ...

def set_cores(cores: int) -> None: ...

class Call:
    @property
    def number(self) -> int: ...
    def leave(self) -> None: ...
    def cancel(self) -> None: ...
    def give_up(self) -> None: ...
    def __enter__(self) -> Call: ...
    def __exit__(self, *error: object) -> None: ...

class Gate:
    def __init__(self, slots: int, queue: int) -> None: ...
    @property
    def slots(self) -> int: ...
    def join(
        self, weight: int, bulk: bool, for_lane: bool, head_start: float, timeout: float | None, signals: bool
    ) -> Call: ...
    def next(self) -> int | None: ...
    def close(self) -> None: ...
    def counts(self) -> dict[str, int]: ...

class DeviceArray:
    """See `rmbg_fast.DeviceArray`."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def device(self) -> int: ...
    @property
    def __cuda_array_interface__(self) -> dict[str, Any]: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...
    def __dlpack__(
        self,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any: ...
    def copy_to_host(self) -> NDArray[Any]: ...
    def part(self, left: int, top: int, right: int, bottom: int) -> DeviceArray: ...

class DeviceView:
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...

class DeviceCall:
    def __init__(self, remover: Remover) -> None: ...
    @property
    def device(self) -> int: ...
    def view(self, value: Any) -> DeviceView: ...
    def remove(
        self,
        image: DeviceView,
        alpha: str,
        background: tuple[int, int, int] | None,
        threshold: int | None,
        foreground: str,
        strict: bool,
        out: DeviceView | None,
    ) -> tuple[DeviceArray | None, dict[str, float], dict[str, Any]]: ...
    def predict(
        self,
        image: DeviceView,
        alpha: str,
        background: tuple[int, int, int] | None,
        threshold: int | None,
        foreground: str,
        strict: bool,
    ) -> tuple[DeviceArray, DeviceArray, dict[str, float], dict[str, Any]]: ...
    def mask(
        self, image: DeviceView, dtype: str, strict: bool, out: DeviceView | None
    ) -> tuple[DeviceArray | None, dict[str, float], dict[str, Any]]: ...
