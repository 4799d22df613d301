"""Finds ONNX Runtime's shared library in the installed package, without importing that package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from . import _core
from .errors import RuntimeNotFoundError

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


def load() -> None:
    """Load the library into this process, once. Raises `RuntimeNotFoundError`."""
    if _core.runtime_info() is None:
        _core.load_runtime(str(find()))
