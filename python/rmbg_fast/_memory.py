"""Memory that is kept for the next results."""

from __future__ import annotations

from . import _core


def trim() -> int:
    """Give the memory back to the system that is kept for the next results; how many bytes that were.

    Results of a megabyte or more come from a pool, and return to it when the array dies, so that the next result needs
    no fresh pages. At most 256 MB of it are idle. A closed session gives it back too.
    """
    return _core.trim()
