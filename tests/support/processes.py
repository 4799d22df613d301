"""Processes of tests: scripts that run to their end, and commands that Ctrl-C reaches."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial

heeds = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
"""For `preexec_fn`: the background jobs of a shell inherit that SIGINT is ignored."""


def run(script: str, *arguments: object, limit: float) -> subprocess.CompletedProcess[str]:
    """A Python script with its arguments; what hangs is killed after `limit` seconds."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=limit,
    )
