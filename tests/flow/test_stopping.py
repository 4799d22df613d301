"""Runs that would never end are stopped: by a deadline, by the task that waits for them, by Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rmbg_fast import Session
from rmbg_fast.errors import DeadlineError
from support import flow_models, processes
from support.parallel import in_threads


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Session:
    spec = flow_models.endless(tmp_path_factory.mktemp("endless"))
    return Session(spec, device="cpu", threads=1, optimize=False, slots=2)


def test_deadline_stops_the_run_of_the_main_thread(endless: Session) -> None:
    out = np.full((40, 60, 4), 7, np.uint8)
    for call in (endless.remove, endless.predict):
        with pytest.raises(DeadlineError, match="deadline"):
            call(flow_models.picture(), timeout=0.3)
    with pytest.raises(TimeoutError):
        endless.remove(flow_models.picture(), timeout=0.3, out=out)
    assert (out == 7).all()
    assert endless.stats.running == 0


def test_deadlines_stop_the_runs_of_other_threads(endless: Session) -> None:
    before = endless.stats.late

    def late(_: int) -> None:
        with pytest.raises(DeadlineError):
            endless.mask(flow_models.picture(), timeout=0.5)

    in_threads(4, late)  # two of them wait for their turn in vain
    assert endless.stats.late == before + 4
    assert endless.stats.running == endless.stats.waiting == 0


def test_cancelled_task_stops_its_run(endless: Session) -> None:
    async def impatient() -> None:
        tasks = [asyncio.create_task(endless.aremove(flow_models.picture())) for _ in range(4)]
        while endless.stats.running < 2:
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends)
        while endless.stats.running:  # for ever, if the runs went on
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(impatient(), 60))


def test_deadline_of_a_task_stops_its_run(endless: Session) -> None:
    async def late() -> None:
        calls = [endless.aremove(flow_models.picture(), timeout=0.3) for _ in range(4)]
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(end, DeadlineError) for end in ends)

    asyncio.run(asyncio.wait_for(late(), 60))


def test_waiting_for_a_task_no_longer_stops_its_run(endless: Session) -> None:
    async def bored() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(endless.aremove(flow_models.picture()), 0.3)
        while endless.stats.running:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(bored(), 60))


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to another process on Windows")
@pytest.mark.parametrize("waits", [False, True], ids=["runs", "waits"])
def test_ctrl_c_stops_the_main_thread(waits: bool, tmp_path: Path) -> None:
    script = """
import sys, threading, time
import numpy as np
from rmbg_fast import ModelSpec, Session
spec = ModelSpec.for_file(sys.argv[1], like="isnet-general-use", size=(32, 32), input="x", output="y")
session = Session(spec, device="cpu", threads=1, optimize=False, slots=1)
picture = np.zeros((40, 60, 3), np.uint8)
if sys.argv[2] == "True":
    threading.Thread(target=lambda: session.remove(picture), daemon=True).start()
    while not session.stats.running:
        time.sleep(0.01)
threading.Timer(1, lambda: print("now", flush=True)).start()
try:
    session.remove(picture)
except KeyboardInterrupt:
    print("interrupted", session.stats.cancelled, flush=True)
"""
    path = Path(str(flow_models.endless(tmp_path).path))
    run = [sys.executable, "-W", "ignore", "-c", script, str(path), str(waits)]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True, preexec_fn=processes.heeds) as process:
        assert process.stdout
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGINT)
        try:
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert out == "interrupted 1\n"
    assert process.returncode == 0
