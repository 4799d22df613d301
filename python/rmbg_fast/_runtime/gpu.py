"""What a session on a GPU needs beside ONNX Runtime: NVIDIA's libraries, found and loaded, and the providers' options.

The `nvidia-*` wheels put their libraries into folders that no loader looks into. They are opened here by full path, in
an order in which each finds those that it needs among the ones already open; after that ONNX Runtime's CUDA provider
finds them by name, and LD_LIBRARY_PATH need not be set.
"""

from __future__ import annotations

import importlib.util
import mmap
import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import _core
from .._storage import folders
from ..errors import DeviceError, OptionError
from . import library

RUNS_AT_ONCE = 3
"""Runs that a session lets in on a GPU: while one computes, the others' tensors travel and their kernels are queued."""

_DEFAULTS = {"cuda": {"prefer_nhwc": "1"}}  # docs/cuda.md has what it gains

_BOOL = ("0", "1")
_OWN = {"runs_at_once": range(1, 17)}
_CUDA: dict[str, Any] = {
    "gpu_mem_limit": range(1 << 20, 1 << 48),
    "arena_extend_strategy": ("kNextPowerOfTwo", "kSameAsRequested"),
    "cudnn_conv_algo_search": ("EXHAUSTIVE", "HEURISTIC", "DEFAULT"),
    "cudnn_conv_use_max_workspace": _BOOL,
    "use_tf32": _BOOL,
    "prefer_nhwc": _BOOL,
    "enable_cuda_graph": _BOOL,
}
_TENSORRT: dict[str, Any] = {
    "trt_fp16_enable": _BOOL,
    "trt_max_workspace_size": range(1 << 20, 1 << 48),
    "trt_builder_optimization_level": range(6),
}
KNOWN: dict[str, dict[str, Any]] = {"cuda": {**_OWN, **_CUDA}, "tensorrt": {**_OWN, **_TENSORRT}}
"""By device: the names of the options that `Session(provider_options=...)` takes, and their values."""

# What the CUDA provider needs, in the order of loading: the library, its version with CUDA 12 and 13, the wheel.
_LIBRARIES = (
    ("cudart", "12", "13", "nvidia-cuda-runtime"),
    ("nvrtc", "12", "13", "nvidia-cuda-nvrtc"),
    ("cublasLt", "12", "13", "nvidia-cublas"),
    ("cublas", "12", "13", "nvidia-cublas"),
    ("cufft", "11", "12", "nvidia-cufft"),
    ("curand", "10", "10", "nvidia-curand"),
    ("cudnn", "9", "9", "nvidia-cudnn"),
)
_OPTIONAL = ("cufft", "nvrtc")  # no session of ours calls these; where a provider needs them it says so


def options_of(device: str, given: Mapping[str, Any] | None) -> tuple[list[tuple[str, str]], int]:
    """The provider's options as text, and how many runs at once. Raises OptionError, which lists what is known; the
    options of other providers than NVIDIA's are those of the runtime that is installed, which judges them."""
    if given is not None and not isinstance(given, Mapping):
        raise OptionError(f"provider_options must be a mapping of names to values, not {type(given).__name__}")
    if device not in KNOWN and device != "cpu":
        return [(str(name), str(value)) for name, value in (given or {}).items()], 0
    known = KNOWN.get(device, {})
    chosen = dict(_DEFAULTS.get(device, {}))
    for name, value in (given or {}).items():
        if name not in known:
            names = ", ".join(known) or "none: the CPU has no such options"
            raise OptionError(f"provider_options of device {device!r} has no {name!r}; known: {names}")
        text = str(int(value)) if isinstance(value, bool) else str(value)
        allowed = known[name]
        if isinstance(allowed, range):
            if not re.fullmatch(r"\d{1,15}", text) or int(text) not in allowed:
                raise OptionError(f"provider_options[{name!r}] must be {allowed[0]} to {allowed[-1]}, not {value!r}")
        elif text not in allowed:
            raise OptionError(f"provider_options[{name!r}] must be one of {', '.join(allowed)}, not {value!r}")
        chosen[name] = text
    runs = int(chosen.pop("runs_at_once", RUNS_AT_ONCE))
    if chosen.get("enable_cuda_graph") == "1":
        runs = 1  # a recorded graph belongs to one set of tensors
    return list(chosen.items()), runs


def check(device: str, number: int, options: list[tuple[str, str | bytes]]) -> None:
    """Load what the device needs, and see that it is there. Raises DeviceError, with the wheel to install."""
    info = _core.runtime_info()
    version = _cuda_version(Path(info["path"])) if info is not None else 0
    missing = _load(version) if version else []
    try:
        _core.check_device(device, number, options, [])
    except DeviceError as exc:
        raise DeviceError(_explained(str(exc), version)) from exc
    for name, complaint in missing:
        if name not in _OPTIONAL:
            raise DeviceError(_explained(complaint, version))


def engines() -> Path:
    """The folder of the engines that TensorRT has built. It need not exist yet."""
    return folders.home() / "tensorrt"


def tensorrt_cache() -> list[tuple[str, str | bytes]]:
    """Engines take minutes to build: they are kept in the cache folder, where it can be written."""
    folder = engines()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        warnings.warn(f"TensorRT's engines are built anew each time: {exc}", RuntimeWarning, stacklevel=2)
        return []
    return [("trt_engine_cache_enable", "1"), ("trt_engine_cache_path", folders.native(folder))]


def first_there() -> str:
    """ "cuda" where a session on the first GPU can be had, else "cpu"."""
    library.load()
    try:
        check("cuda", 0, [])
    except DeviceError:
        return "cpu"
    return "cuda"


def _cuda_version(runtime: Path) -> int:
    """The CUDA that the provider beside ONNX Runtime's library was built for, by the name of what it links; 0: none."""
    windows = sys.platform == "win32"
    provider = runtime.with_name(f"{'' if windows else 'lib'}onnxruntime_providers_cuda.{'dll' if windows else 'so'}")
    try:
        with open(provider, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found = re.search(rb"cudart64_(\d+)\.dll" if windows else rb"libcublas\.so\.(\d+)", content)
            return int(found[1]) if found else 0
    except (OSError, ValueError):
        return 0


def _load(version: int) -> list[tuple[str, str]]:
    """Open all that can be had; return those that cannot, with the loader's complaint."""
    places = _folders()
    open_already = _mapped()
    missing = []
    for stem, with_12, with_13, _ in _LIBRARIES:
        name = _file_name(stem, with_13 if version >= 13 else with_12)
        if name in open_already:
            continue
        complaint = ""
        for folder in places:
            if (folder / name).is_file():
                complaint = _core.open_library(folders.native(folder / name))
                if not complaint:
                    if stem == "cudnn":
                        _open_all(folder, f"{name[: name.index('cudnn')]}cudnn_*")
                    break
        else:
            complaint = complaint or _core.open_library(name)
            if complaint:
                missing.append((stem, complaint))
    return missing


def _open_all(folder: Path, pattern: str) -> None:
    """Open a library's parts, which need each other in an order of their own."""
    left = sorted(path for path in folder.glob(pattern) if re.search(r"\.so\.\d+$|\.dll$", path.name))
    while left:
        still = [path for path in left if _core.open_library(folders.native(path))]
        if len(still) == len(left):
            return  # whoever needs one of them says so
        left = still


def _file_name(stem: str, version: str) -> str:
    return f"{stem}64_{version}.dll" if sys.platform == "win32" else f"lib{stem}.so.{version}"


def _folders() -> list[Path]:
    """Where the `nvidia-*` wheels keep libraries: nvidia/<name>/lib, or nvidia/cu13/lib for most of CUDA 13."""
    spec = importlib.util.find_spec("nvidia")
    inside = "bin" if sys.platform == "win32" else "lib"
    roots = spec.submodule_search_locations if spec is not None and spec.submodule_search_locations else []
    found = []
    for root in map(Path, roots):
        for folder in sorted(root.glob(f"*/{inside}")):
            found += [folder, *(sorted(path for path in folder.iterdir() if path.is_dir()))]
    return found


def _mapped() -> set[str]:
    """The libraries that this process has open, by file name: PyTorch may have brought its own."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            return {line.rsplit("/", 1)[1].strip() for line in maps if "/lib" in line}
    except OSError:
        return set()


def _explained(message: str, version: int) -> str:
    """The message with what to do about it."""
    if "libcuda.so" in message or "nvcuda.dll" in message:
        return f"{message}: install the GPU's driver (in a container: start it with the NVIDIA Container Toolkit)"
    found = re.search(r"(?:lib)?(cudart|nvrtc|cublasLt|cublas|cufft|curand|cudnn)\w*(?:\.so|64_)", message)
    if found is None:
        return message
    wheel = next(wheel for stem, _, _, wheel in _LIBRARIES if stem == found[1])
    if version < 13:
        wheel += "-cu12"
    elif wheel == "nvidia-cudnn":
        wheel += "-cu13"
    return f"{message}: pip install {wheel}, or pip install 'onnxruntime-gpu[cuda,cudnn]' for all of them"
