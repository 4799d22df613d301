"""How a process ends, forks and divides itself with native calls under way: each in an interpreter of its own."""

from __future__ import annotations

import importlib.util
import os
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from support import processes

LIMIT = 60  # seconds: what hangs is killed

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no os.fork on this system")

# A module-level object that gives the GIL away while the interpreter is ending: daemon threads then come back.
LAST_BREATH = """
import threading, time

class Last:
    def __del__(self, sleep=time.sleep):
        sleep(0.3)

def forever(work):
    def loop():
        while True:
            work()
    return loop

def leave_at_work(*work, threads=4):
    for _ in range(threads):
        for one in work:
            threading.Thread(target=forever(one), daemon=True).start()
    time.sleep(0.5)

last = Last()
"""


run = partial(processes.run, limit=LIMIT)


@pytest.fixture(scope="module")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mask after some tens of milliseconds in ONNX Runtime."""
    weights = np.random.default_rng(0).normal(size=(8, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["input", "weights"], ["wide"], pads=[1, 1, 1, 1]),
        helper.make_node("MaxPool", ["wide"], ["pooled"], kernel_shape=[9, 9], pads=[4, 4, 4, 4]),
        helper.make_node("ReduceMean", ["pooled"], ["output"], axes=[1], keepdims=1),
    ]
    shape = [1, 3, 256, 256]
    graph = helper.make_graph(
        nodes,
        "slow",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    path = tmp_path_factory.mktemp("models") / "slow.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    return path


SESSION = """
import sys
import numpy as np
from rmbg_fast import ModelSpec, Session
spec = ModelSpec.for_file(sys.argv[1], like="isnet-general-use", size=(256, 256))
session = Session(spec, device="cpu", threads=2)
picture = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
"""


def test_daemon_threads_inside_ops_do_not_fail_the_exit() -> None:
    script = """
import numpy as np
from rmbg_fast import ops
picture = np.zeros((300, 400, 3), np.uint8)
mask = np.random.default_rng(0).random((64, 64), dtype=np.float32)
leave_at_work(
    lambda: ops.preprocess(picture, size=(256, 256), mean=(0, 0, 0), std=(1, 1, 1), threads=2),
    lambda: ops.cutout(picture, mask, threads=2),
)
"""
    done = run(LAST_BREATH + script)
    assert (done.returncode, done.stderr) == (0, "")


def test_daemon_threads_inside_a_session_do_not_fail_the_exit(slow_model: Path) -> None:
    done = run(LAST_BREATH + SESSION + "leave_at_work(lambda: session.remove(picture))\n", slow_model)
    assert (done.returncode, done.stderr) == (0, "")


def test_exit_status_survives_calls_under_way(slow_model: Path) -> None:
    script = LAST_BREATH + SESSION + "print('flushed')\nleave_at_work(lambda: session.remove(picture))\nsys.exit(7)\n"
    done = run(script, slow_model)
    assert (done.returncode, done.stdout, done.stderr) == (7, "flushed\n", "")


# Forks, waits for the child no longer than it should take, and prints its exit status.
FORK = """
import os, signal, time

def child_of(work, limit=30):
    child = os.fork()
    if child == 0:
        work()
        sys.exit(5)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        gone, status = os.waitpid(child, os.WNOHANG)
        if gone:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hangs"
"""


@needs_fork
def test_forked_child_leaves_after_the_runtime_was_loaded() -> None:
    script = """
import sys
from rmbg_fast._runtime import library
library.load()
print(child_of(lambda: print("in the child")))
"""
    done = run(FORK + script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "in the child\n5\n", "")


@needs_fork
def test_forked_child_works_with_the_session_of_its_parent_and_leaves(slow_model: Path) -> None:
    script = """
before = session.remove(picture)
def work():
    assert np.array_equal(session.remove(picture), before)
    again = Session(spec, device="cpu", threads=2)
    assert np.array_equal(again.remove(picture), before)
print(child_of(work))
assert np.array_equal(session.remove(picture), before)
"""
    done = run(SESSION + FORK + script, slow_model)
    assert (done.returncode, done.stdout, done.stderr) == (0, "5\n", "")


@needs_fork
def test_forked_child_and_its_parent_both_run_the_kernels_on_threads() -> None:
    script = """
import sys
import numpy as np
from rmbg_fast import ops
picture = np.random.default_rng(0).integers(0, 256, (700, 500, 3), dtype=np.uint8)
def tensor():
    return ops.preprocess(picture, size=(512, 512), mean=(0, 0, 0), std=(1, 1, 1), threads=4)
before = tensor()
def work():
    for _ in range(20):
        assert np.array_equal(tensor(), before)
for _ in range(3):
    print(child_of(work))
work()
"""
    done = run(FORK + script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "5\n5\n5\n", "")


@pytest.mark.parametrize("isolated", [True, False])
@pytest.mark.parametrize("module", ["rmbg_fast.ops", "rmbg_fast.session", "rmbg_fast._core"])
def test_sub_interpreter_refuses_the_import_at_once(module: str, isolated: bool) -> None:
    name = "_interpreters" if importlib.util.find_spec("_interpreters") else "_xxsubinterpreters"
    script = f"""
import {name} as interpreters
import sys
text = '''
try:
    import {module}
except ImportError as error:
    print(error, flush=True)
'''
if sys.version_info < (3, 13):
    interpreters.run_string(interpreters.create(isolated={isolated}), text)
else:
    interpreters.run_string(interpreters.create("isolated" if {isolated} else "legacy"), text)
"""
    done = run(script)
    assert done.returncode == 0
    assert "sub-interpreter" in done.stdout
