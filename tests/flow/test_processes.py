"""Processes that fork, are spawned, or end while the engine is at work."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import socket
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from rmbg_fast import Session
from support import flow_models, processes, small_network

LIMIT = 120  # seconds: what hangs is killed
EXITS = 50

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return flow_models.session(tmp_path_factory.mktemp("processes"), slots=2)


run = partial(processes.run, limit=LIMIT)

START = """
import asyncio, os, sys, threading, time
import numpy as np
from rmbg_fast import ModelSpec, Session
spec = ModelSpec.for_file(sys.argv[1], like="isnet-general-use", size=(32, 32), input="x", output="y")
session = Session(spec, device="cpu", threads=2, slots=2, optimize=False)
picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
"""

# Two calls inside, more of each kind waiting; then the end.
IN_FLIGHT = """
async def many():
    await asyncio.gather(*[session.aremove(picture) for _ in range(3)])
for work in (lambda: session.remove(picture), lambda: asyncio.run(many()), lambda: list(session.map([picture] * 4))):
    threading.Thread(target=work, daemon=True).start()
while session.stats.running < 2 or session.stats.waiting < 3:
    time.sleep(0.01)
print("ends", flush=True)
"""


def test_fifty_exits_with_calls_in_flight(tmp_path: Path) -> None:
    model = flow_models.endless(tmp_path).path
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda _: run(START + IN_FLIGHT, model), range(EXITS)))
    assert {(end.returncode, end.stdout, end.stderr) for end in ends} == {(0, "ends\n", "")}


@needs_fork
def test_workers_that_are_forked_off_a_busy_parent(tmp_path: Path) -> None:
    """As gunicorn does with --preload: the parent's threads are inside the gate, and some wait."""
    script = """
before = session.remove(picture, on_empty="ignore")
def children(count):
    made = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            async def both():
                return await asyncio.gather(*[session.aremove(picture, on_empty="ignore") for _ in range(4)])
            assert all(np.array_equal(one, before) for one in asyncio.run(both()))
            assert np.array_equal(session.remove(picture, on_empty="ignore"), before)
            assert [np.array_equal(each.get(), before) for each in session.map([picture], on_empty="ignore")] == [True]
            assert session.stats.done == 6
            sys.exit(5)
        made.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in made]

stop = threading.Event()
def busy():
    while not stop.is_set():
        session.remove(picture, on_empty="ignore")
threads = [threading.Thread(target=busy) for _ in range(6)]
for thread in threads:
    thread.start()
asyncio.run(session.aremove(picture, on_empty="ignore"))
print(children(4), flush=True)
stop.set()
for thread in threads:
    thread.join()
"""
    done = run(START + script, small_network.saved(tmp_path).path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[5, 5, 5, 5]\n", "")


@needs_fork
def test_gunicorn_with_preload(tmp_path: Path) -> None:
    """Two workers of a master that has loaded the session and used it."""
    pytest.importorskip("gunicorn")
    model = small_network.saved(tmp_path).path
    (tmp_path / "photos.py").write_text(SITE, "utf-8")
    address = tmp_path / "socket"
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--preload",
        "-w",
        "2",
        "--graceful-timeout",
        "5",
        "-b",
        f"unix:{address}",
    ]
    master = subprocess.Popen(
        [*command, "photos:application"],
        cwd=tmp_path,
        env={**os.environ, "MODEL": str(model)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        answers = [asked(address, master) for _ in range(12)]
        assert {answer for _, answer in answers} == {"True"}
        assert master.pid not in {worker for worker, _ in answers}
    finally:
        master.terminate()
        said = master.communicate(timeout=LIMIT)[1]
    assert master.returncode == 0, said
    assert "Traceback" not in said


SITE = """
import os
import numpy as np
from rmbg_fast import ModelSpec, Session
spec = ModelSpec.for_file(os.environ["MODEL"], like="isnet-general-use", size=(32, 32), input="x", output="y")
session = Session(spec, device="cpu", threads=2, optimize=False)
picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
before = session.remove(picture, on_empty="ignore")

def application(environment, start):
    same = np.array_equal(session.remove(picture, on_empty="ignore", timeout=60), before)
    start("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {same}".encode()]
"""


def asked(address: Path, master: subprocess.Popen[str]) -> tuple[int, str]:
    """The process that answered, and what it said."""
    end = time.monotonic() + LIMIT
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.settimeout(LIMIT)
                line.connect(str(address))
                line.sendall(b"GET / HTTP/1.0\r\n\r\n")
                body = b"".join(iter(lambda: line.recv(4096), b"")).split(b"\r\n\r\n")[1]
            worker, answer = body.decode().split()
            return int(worker), answer
        except OSError:  # it does not listen yet
            if master.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.1)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_pools_of_processes(session: Session, method: str) -> None:
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert set(pool.map(flow_models.cut, [session] * 4)) == {flow_models.cut(session)}


def test_joblib(session: Session) -> None:
    joblib = pytest.importorskip("joblib")
    for backend in ("loky", "threading"):
        results = joblib.Parallel(n_jobs=2, backend=backend)(joblib.delayed(flow_models.cut)(session) for _ in range(4))
        assert set(results) == {flow_models.cut(session)}


class Photos:
    """A data set for torch whose samples are cut out by the workers."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> np.ndarray:  # type: ignore[type-arg]
        return np.asarray(self.session.remove(flow_models.picture(index), on_empty="ignore"))


def test_workers_of_a_torch_data_loader(session: Session) -> None:
    data = pytest.importorskip("torch.utils.data")
    loader = data.DataLoader(Photos(session), batch_size=2, num_workers=2)
    samples = np.concatenate([batch.numpy() for batch in loader])
    assert np.array_equal(
        samples, [session.remove(flow_models.picture(index), on_empty="ignore") for index in range(6)]
    )


def test_session_in_use_is_pickled_as_it_was_made(session: Session) -> None:
    again = pickle.loads(pickle.dumps(session))
    assert flow_models.cut(again) == flow_models.cut(session)
    assert (again.stats.slots, again.stats.done) == (2, 1)
