"""The three standard streams, any of which may be closed, full, or none at all (`2>&-`, a service, pythonw)."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any, cast

from ..errors import ImageError, OutputError


def settle() -> None:
    """Give each of them that is missing a stand-in, so that no file opened later takes its number, and what a library
    prints to standard error cannot land in a picture. What is read from or written to the first two still fails."""
    for number, (name, mode, opposite) in enumerate((("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY))):
        if getattr(sys, name) is None:
            setattr(sys, name, _stand_in(number, mode, opposite))
    if sys.stderr is None:
        sys.stderr = _stand_in(2, "w", os.O_WRONLY)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # The names of files need not be text. Where their bytes can be had back, these are printed, as `ls` does.
        same = sys.platform != "win32" and codecs.lookup(sys.stdout.encoding).name == "utf-8"
        sys.stdout.reconfigure(errors="surrogateescape" if same else "backslashreplace")


def _stand_in(number: int, mode: str, flags: int) -> Any:
    """The null device, opened the wrong way round where each use is to fail as that of a closed file does."""
    null = os.open(os.devnull, flags)
    try:
        os.fstat(number)  # somebody else's by now
    except OSError:
        os.dup2(null, number)
        os.close(null)
        null = number
    return open(null, mode, encoding="utf-8", errors="backslashreplace", closefd=False)


def read_bytes() -> bytes:
    """All of standard input. Raises ImageError."""
    try:
        return _binary(sys.stdin).read()
    except (OSError, ValueError) as exc:
        raise ImageError(f"standard input cannot be read: {_reason(exc)}") from exc


def read_exactly(count: int) -> bytes:
    """So many bytes of standard input; fewer where it ends before. Raises ImageError."""
    try:
        return _binary(sys.stdin).read(count)
    except (OSError, ValueError) as exc:
        raise ImageError(f"standard input cannot be read: {_reason(exc)}") from exc


def lines_of(name: str) -> Iterator[str]:
    """The lines of a file, or of standard input for "-", as they come: names of files. Raises ImageError."""
    try:
        if name == "-":
            for line in _binary(sys.stdin):
                yield os.fsdecode(line)
            return
        with open(name, "rb") as file:
            for line in file:
                yield os.fsdecode(line)
    except (OSError, ValueError) as exc:
        raise ImageError(f"{'standard input' if name == '-' else name} cannot be read: {_reason(exc)}") from exc


def write_bytes(data: bytes | memoryview) -> None:
    """To standard output. Raises OutputError, BrokenPipeError where nobody reads on."""
    try:
        file = _binary(sys.stdout)
        file.write(data)
        file.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as exc:
        discard_output()
        raise OutputError(f"standard output cannot be written: {_reason(exc)}") from exc


def flush_output() -> None:
    """Raises OutputError, BrokenPipeError where nobody reads on."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as exc:
        discard_output()
        raise OutputError(f"standard output cannot be written: {_reason(exc)}") from exc


def discard_output() -> None:
    """What is still buffered has nowhere to go: the interpreter shall not try again when it ends."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def tell(line: str) -> None:
    """A line on standard error, if anybody listens."""
    with suppress(OSError, ValueError):
        if sys.stderr is not None:  # for which print() would take standard output
            print(line, file=sys.stderr, flush=True)


def _binary(stream: Any) -> IO[bytes]:
    if stream is None:
        raise ValueError("it is closed")
    return cast(IO[bytes], stream.buffer)


def _reason(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or str(exc)
