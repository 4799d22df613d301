"""What a bug report needs to say about this installation."""

from __future__ import annotations

import platform
import sys
from typing import Any

from .. import _core
from ..errors import RuntimeNotFoundError
from . import library, threads


def build_info() -> dict[str, Any]:
    """Version, compiler, kernel tiers (name -> whether this CPU runs it), the active tier, ONNX Runtime and threads.

    Keys: `version`, `python`, `platform`, `compiler`, `tiers`, `active_tier`, `network_tiers` and `network_tier` (of
    our own convolutions; "" where ONNX Runtime runs the network), `runtime` (a dict of `path`, `version`
    and `api_version`, or None where it cannot be loaded), `runtime_error` (why not, or None) and `threads`
    (what a session takes where nothing else is asked for).
    """
    error = None
    try:
        library.load()
    except RuntimeNotFoundError as exc:
        error = str(exc)
    return {
        "version": _core.__version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "compiler": _core.compiler(),
        "tiers": _core.tiers(),
        "active_tier": _core.active_tier(),
        "network_tiers": _core.network_tiers(),
        "network_tier": _core.network_tier(),
        "runtime": _core.runtime_info(),
        "runtime_error": error,
        "threads": threads.chosen(None),
    }
