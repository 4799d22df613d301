"""The command: its options, its processes, and how they end."""

from __future__ import annotations

import json
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
from typing import IO, Any

import pytest

from rmbg_fast._cli.main import main
from support import flow_models
from support.service import Served

PHOTO = flow_models.png(3)
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")


class Command:
    """`rmbg-fast serve`, of which every line is kept."""

    def __init__(self, *options: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rmbg_fast", "serve", "--port", "0", "--model", "u2netp", *options],
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
def command(*options: str, **environment: str) -> Iterator[Command]:
    running = Command(*options, **environment)
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


def test_it_serves_logs_and_ends_with_0() -> None:
    with command("--access-log", RMBG_FAST_SERVE_MAX_BODY="2kB") as running:
        here = running.here
        assert here.ask("/v1/remove", PHOTO[:10]).status == 400
        assert here.ask("/v1/remove?max_side=30", PHOTO).status == 413
        assert here.ask("/v1/remove", flow_models.png(0)[:2000]).status == 400
        assert running.end() == 0
    lines = [json.loads(line) for line in running.logged]
    assert [line["status"] for line in lines] == [400, 413, 400]
    assert lines[1]["path"] == "/v1/remove"
    assert lines[1]["query"] == "max_side=30"


def test_the_check_of_a_container() -> None:
    with command() as running:
        port = str(running.here.port)
        assert main(["serve", "--check", "--port", port]) == 0
    assert main(["serve", "--check", "--port", port]) == 1


def test_a_model_that_is_not_there_ends_it() -> None:
    with command("--model", "none-such.onnx") as running:
        assert running.ended() == 1
    assert "none-such.onnx" in "".join(running.told)


def test_what_it_has_is_finished_after_sigterm() -> None:
    with command() as running:
        here = running.here
        answers: list[Any] = []
        threads = [threading.Thread(target=lambda: answers.append(here.ask("/v1/remove", PHOTO))) for _ in range(12)]
        for thread in threads:
            thread.start()
        while b"rmbg_fast_running{model=\"u2netp\"} 0.0" in here.ask("/metrics").body:
            pass
        assert running.end() == 0
        for thread in threads:
            thread.join()
    assert len(answers) == 12
    assert {answer.status for answer in answers} == {200}
