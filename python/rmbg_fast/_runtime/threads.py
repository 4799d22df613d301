"""How many threads this process may really use: affinity and cgroup quota, never the host's count alone."""

from __future__ import annotations

import math
import os
from functools import lru_cache
from pathlib import Path

from ..errors import OptionError

_MOST = 4096


def available(root: str | os.PathLike[str] = "/") -> int:
    """Cores that affinity and the container's CPU quota allow, at least 1. `root` holds /proc and /sys."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        cores = os.cpu_count() or 1
    quota = _quota(os.fspath(root))
    return max(1, cores if quota is None else min(cores, math.ceil(quota)))


def chosen(threads: int | None) -> int:
    """`threads`; where it is None, the default: what RMBG_FAST_THREADS says, or else OMP_NUM_THREADS, or else
    `available()`. Raises `OptionError` for a number, or a RMBG_FAST_THREADS, below 1."""
    if threads is None:
        return _from_environment() or available()
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= _MOST:
        raise OptionError(f"threads must be a whole number from 1 to {_MOST}, not {threads!r}")
    return threads


def _from_environment() -> int | None:
    """OMP_NUM_THREADS is others' too and may be a list of numbers: what is no number is passed over."""
    for name in ("RMBG_FAST_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "").strip()
        if text.isdecimal() and 1 <= int(text) <= _MOST:
            return int(text)
        if text and name == "RMBG_FAST_THREADS":
            raise OptionError(f"RMBG_FAST_THREADS must be a whole number from 1 to {_MOST}, not {text!r}")
    return None


@lru_cache
def _quota(root: str) -> float | None:
    """The smallest quota, in cores, of this process's cgroups and those above them; None: no limit."""
    found = [quota for folder in _cgroups(Path(root)) if (quota := _quota_of(folder)) is not None]
    return min(found, default=None)


def _cgroups(root: Path) -> list[Path]:
    base = root / "sys/fs/cgroup"
    folders = [base, base / "cpu", base / "cpu,cpuacct"]
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for mount in [base / controllers, base / "cpu"] if controllers else [base]:
            folders += [mount.joinpath(*parts[: i + 1]) for i in range(len(parts))]
    return folders


def _quota_of(folder: Path) -> float | None:
    words = _read(folder / "cpu.max").split()  # version 2: "quota period" or "max period"
    if len(words) != 2:  # version 1: two files, -1 for no limit
        words = [_read(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    try:
        quota, period = int(words[0]), int(words[1])
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
