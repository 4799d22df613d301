"""Bars on standard error, where that is a terminal and tqdm is installed."""

from __future__ import annotations

import sys
from typing import Any


def bar(**options: Any) -> Any | None:
    """A bar of tqdm's with these options, which its caller closes; None where there is nobody to see one."""
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(file=sys.stderr, **options)
