"""`rmbg-fast serve` as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from support.service import Served


class Command:
    """`rmbg-fast serve`, of which every line is kept."""

    def __init__(self, *options: str, model: str = "u2netp", **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rmbg_fast", "serve", "--port", "0", "--model", model, *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment},
        )  # fmt: skip
        self.told: list[str] = []
        self.logged: list[str] = []
        streams = (self.process.stderr, self.told), (self.process.stdout, self.logged)
        self._readers = [threading.Thread(target=_collect, args=pair, daemon=True) for pair in streams]
        for reader in self._readers:
            reader.start()

    def wait_for(self, pattern: str, *, times: int = 1) -> re.Match[str]:
        end = time.monotonic() + 60
        while len(found := re.findall(pattern, text := "".join(self.told))) < times:
            assert time.monotonic() < end, text
            assert self.process.poll() is None, text
            time.sleep(0.01)
        assert found
        match = re.search(pattern, text)
        assert match is not None
        return match

    @property
    def here(self) -> Served:
        port = int(self.wait_for(r"http://127\.0\.0\.1:(\d+)/")[1])
        return Served(None, port)  # type: ignore[arg-type]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Its exit status, once all that it has said is here."""
        code = self.process.wait(60)
        for reader in self._readers:
            reader.join()
        return code


def _collect(stream: IO[str], lines: list[str]) -> None:
    with stream:
        lines.extend(stream)


@contextmanager
def command(*options: str, model: str = "u2netp", **environment: str) -> Iterator[Command]:
    running = Command(*options, model=model, **environment)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            try:
                running.process.wait(40)
            except subprocess.TimeoutExpired:
                running.process.kill()
        running.ended()


def workers_of(running: Command) -> list[int]:
    """The processes that serve, as Linux tells of them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(words[1]) == running.process.pid and b"spawn_main" in line:
            found.append(int(folder.name))
    return found
