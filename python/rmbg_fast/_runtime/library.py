"""Finds ONNX Runtime's shared library in the installed package, without importing that package."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from .. import _core
from .._storage import folders
from ..errors import ModelError, RuntimeNotFoundError

_PATTERNS = {
    "win32": ("onnxruntime.dll",),
    "darwin": ("libonnxruntime.dylib", "libonnxruntime.*.dylib"),
}
_LINUX = ("libonnxruntime.so", "libonnxruntime.so.*")


def find() -> Path:
    """The library's full path. Raises `RuntimeNotFoundError` where no package, or no library in it, is there."""
    spec = importlib.util.find_spec("onnxruntime")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeNotFoundError(
            "ONNX Runtime is not installed: `pip install 'rmbg-fast[cpu]'`, or `pip install 'rmbg-fast[gpu]'` for CUDA"
        )
    folders = [Path(folder) / "capi" for folder in spec.submodule_search_locations]
    for folder in folders:
        for pattern in _PATTERNS.get(sys.platform, _LINUX):
            for path in sorted(folder.glob(pattern)):
                return path
    raise RuntimeNotFoundError(
        f"the onnxruntime package has no shared library in {folders[0]}: rmbg-fast needs onnxruntime 1.20 or later"
    )


def _without_telemetry() -> None:
    """ONNX Runtime's official builds send events to Microsoft unless this is set when they start (its Privacy.md)."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def load() -> None:
    """Load the library into this process, once. Raises `RuntimeNotFoundError`.

    Its telemetry is off unless the environment says otherwise (`ORT_DISABLE_TELEMETRY=0`).
    """
    if _core.runtime_info() is None:
        _without_telemetry()
        _core.load_runtime(folders.native(find()))


def has_deform_conv() -> bool:
    """Does the loaded runtime compute DeformConv? ONNX Runtime does since 1.25."""
    info = _core.runtime_info()
    return info is not None and tuple(map(int, info["version"].split(".")[:2])) >= (1, 25)


def python_session(content: bytes, threads: int | None = None) -> Any:
    """An `onnxruntime.InferenceSession` of a model on the CPU, for work beside the sessions that users run.

    Raises `RuntimeNotFoundError` where the package is missing, `ModelError` where it refuses the model.
    """
    _without_telemetry()
    try:
        import onnxruntime
    except ImportError as exc:
        raise RuntimeNotFoundError(f"ONNX Runtime cannot be imported ({exc}): `pip install 'rmbg-fast[cpu]'`") from exc
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: it warns of each constant that it folds
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # its own classes, which derive from nothing better
        raise ModelError(f"ONNX Runtime cannot load the model: {' '.join(str(exc).split())}") from exc
