"""Several processes behind one port."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from support import flow_models, small_network
from support.serve_command import Command, command, workers_of

PHOTO = flow_models.png(3)
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at /proc")


def ready(running: Command, count: int) -> None:
    """Waits until so many processes take requests."""
    end = time.monotonic() + 60
    while f"rmbg_fast_ready {count}.0".encode() not in running.here.ask("/metrics").body:
        assert time.monotonic() < end
        time.sleep(0.05)


def weights_of(pid: int) -> set[str]:
    """The files of prepared weights that a process has mapped."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {line.split()[-1] for line in lines if "/prepared/" in line}


def test_they_share_the_port_the_counts_and_the_weights() -> None:
    with command("--workers", "2") as running:
        ready(running, 2)
        pids = workers_of(running)
        assert len(pids) == 2
        here = running.here
        answers = [here.ask("/v1/remove", PHOTO) for _ in range(20)]
        assert {answer.status for answer in answers} == {200}
        assert b'rmbg_fast_requests_total{route="/v1/remove",status="200"} 20.0' in here.ask("/metrics").body
        mapped = [weights_of(pid) for pid in pids]
        assert mapped[0] == mapped[1] != set()
        assert running.end() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_one_that_is_killed_is_replaced_and_the_others_go_on() -> None:
    with command("--workers", "2") as running:
        ready(running, 2)
        here = running.here
        first = workers_of(running)
        answers: list[Any] = []
        lost: list[OSError] = []
        stop = threading.Event()

        def client() -> None:
            while not stop.is_set():
                try:
                    answers.append(here.ask("/v1/remove", PHOTO))
                except OSError as exc:  # what the killed one had taken
                    lost.append(exc)

        threads = [threading.Thread(target=client) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        os.kill(first[0], signal.SIGKILL)
        running.wait_for(r"was ended by SIGKILL; another takes its place")
        time.sleep(0.5)
        stop.set()
        for thread in threads:
            thread.join()
        ready(running, 2)
        assert {answer.status for answer in answers} == {200}
        assert len(lost) <= 4
        second = workers_of(running)
        assert len(second) == 2
        assert first[1] in second
        assert running.end() == 0


def test_a_model_that_vanishes_harms_only_who_comes_later(tmp_path: Path) -> None:
    model = Path(small_network.saved(tmp_path).path)
    with command("--workers", "2", model=str(model)) as running:
        ready(running, 2)
        model.unlink()
        assert running.here.ask("/v1/remove", PHOTO).status == 200
        os.kill(workers_of(running)[0], signal.SIGKILL)
        running.wait_for(r"ended with exit status 3")
        assert running.here.ask("/v1/remove", PHOTO).status == 200
        assert running.end() == 0


def test_ctrl_c_and_a_second_signal() -> None:
    with command("--workers", "2") as running:
        ready(running, 2)
        assert running.end(signal.SIGINT) == 0


def test_they_end_with_the_process_that_started_them() -> None:
    with command("--workers", "2") as running:
        ready(running, 2)
        pids = workers_of(running)
        running.process.kill()
        end = time.monotonic() + 30
        while any(Path(f"/proc/{pid}").exists() for pid in pids):
            assert time.monotonic() < end
            time.sleep(0.05)
