"""Too little memory ends in an error that says so and discards nothing; and little is enough."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rmbg_fast._graphs import memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is kept and /proc tells of memory there")

CHILD = """
import resource, sys
import numpy, onnx, onnx.checker, onnx.external_data_helper, onnx.shape_inference
import rmbg_fast
from rmbg_fast._graphs import loading
from rmbg_fast._runtime import library

def of_proc(key, file="status"):
    return next(int(line.split()[1]) << 10 for line in open(f"/proc/self/{file}") if line.startswith(key))

rmbg_fast.Session  # imports what a session needs
library.load()
model, more, *_ = sys.argv[1:]
if int(more):
    limit = of_proc("VmSize") + (int(more) << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
before = of_proc("VmRSS")
try:
    made = rmbg_fast.Session(model, device="cpu", threads=1) if len(sys.argv) == 3 else loading.prepare.prepare(
        model, output=0, network=True)
    print("made", of_proc("VmHWM") - before)
except rmbg_fast.RmbgError as exc:
    print(type(exc).__name__, isinstance(exc, MemoryError), exc)
"""


def child(model: Path | str, more: int = 0, *options: str) -> list[str]:
    """What loading the model comes to in a process that may have so many more MiB: "made" or the name of an error."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(model), str(more), *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        # One arena, whose size does not hang on the number of threads.
        env={**os.environ, "MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, f"{done.returncode} {done.stderr}"
    return done.stdout.split()


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 96 MiB, all weights of convolutions that become ours."""
    path = tmp_path_factory.mktemp("heavy") / "heavy.onnx"
    channels, layers = 512, 11
    random = np.random.default_rng(3)
    sizes = [(channels, 3), *[(channels, channels)] * (layers - 1), (1, channels)]
    weights = [
        numpy_helper.from_array(random.standard_normal((*size, 3, 3), np.float32) / 100, f"w{i}")
        for i, size in enumerate(sizes)
    ]
    nodes = [
        helper.make_node("Conv", [f"v{i}", f"w{i}"], [f"v{i + 1}"], pads=[1, 1, 1, 1]) for i in range(len(weights))
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, count, 32, 32])
        for name, count in (("v0", 3), (f"v{len(nodes)}", 1))
    ]
    graph = helper.make_graph(nodes, "heavy", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    path.with_suffix(".toml").write_text('like = "u2netp"\nsize = [32, 32]\n')
    return path


@pytest.mark.parametrize("more", [2, 16, 28, 40])
@pytest.mark.parametrize("name", ["u2netp", "heavy"])
def test_too_little_is_said(name: str, more: int, heavy: Path, home: Path) -> None:
    what, is_memory_error, *words = child(heavy if name == "heavy" else name, more)
    assert (what, is_memory_error) == ("OutOfMemoryError", "True"), words
    assert "too little memory" in " ".join(words)
    assert [file for file in home.rglob("*") if file.is_file() and file.parent.name == "prepared"] == []


@pytest.mark.parametrize("more", [56, 72, 96])
def test_a_little_more_works_or_says_so(more: int, heavy: Path) -> None:
    assert child(heavy, more)[0] in ("made", "OutOfMemoryError")


def test_nothing_that_is_there_is_discarded(heavy: Path, home: Path) -> None:
    assert child(heavy)[0] == "made"
    before = {file: file.stat().st_mtime_ns for file in (home / "prepared").iterdir()}
    assert len(before) == 3
    for more in (2, 24, 48, 64):
        assert child(heavy, more)[0] in ("made", "OutOfMemoryError")
        assert {file: file.stat().st_mtime_ns for file in (home / "prepared").iterdir()} == before, more


def test_preparing_takes_less_memory_than_two_and_a_half_times_the_file(heavy: Path) -> None:
    what, peak = child(heavy, 0, "prepare only")
    assert what == "made"
    assert int(peak) < 2.5 * heavy.stat().st_size


@pytest.mark.parametrize(
    ("error", "lacking"),
    [
        (MemoryError(), True),
        (OSError(12, "Cannot allocate memory"), True),
        (OSError(28, "No space left on device"), False),
        (RuntimeError("std::bad_alloc"), True),
        (SystemError("<built-in method> returned NULL without setting an exception"), True),
        (type("EncodeError", (Exception,), {})("Failed to serialize proto"), True),
        (ValueError("no such output"), False),
    ],
)
def test_what_tells_of_a_lack(error: Exception, lacking: bool) -> None:
    assert memory.is_lacking(error) is lacking


def test_need() -> None:
    memory.need(1 << 20)
    with pytest.raises(MemoryError):
        memory.need(1 << 60)
