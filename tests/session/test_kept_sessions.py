"""The sessions that `remove` keeps: one for the same options, however they are written."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rmbg_fast
from rmbg_fast import _kept_sessions
from rmbg_fast._kept import Kept
from support.parallel import in_threads

GREY = np.full((9, 9, 3), 128, np.uint8)


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of each session that is loaded."""
    made: list[dict[str, Any]] = []

    class Counted(rmbg_fast.Session):
        def __init__(self, model: Any, **options: Any) -> None:
            made.append(options)
            super().__init__(model, **options)

    monkeypatch.setattr(_kept_sessions, "Session", Counted)
    monkeypatch.setattr(_kept_sessions, "_kept", Kept(2))
    return made


def cut(**options: Any) -> None:
    rmbg_fast.remove(GREY, **{"model": "u2netp", "on_empty": "ignore", **options})


def test_same_options_written_in_other_ways_are_one_session(loaded: list[dict[str, Any]]) -> None:
    cut(device="cpu")
    cut(device="cpu", threads=None)
    cut(device="cpu", optimize=True)
    cut(device="cpu", recipe=None)
    cut(device="cpu", threads=rmbg_fast.build_info()["threads"])
    cut(device="cpu", model=rmbg_fast.models.get("u2netp"))
    assert len(loaded) == 1
    cut(device="cpu", threads=1)
    assert len(loaded) == 2


def test_auto_is_the_device_that_it_takes(loaded: list[dict[str, Any]]) -> None:
    cut()
    here = len(loaded)  # where a GPU cannot be had it was asked for once
    cut(device="cpu" if loaded[-1]["device"] == "cpu" else "cuda")
    cut()
    assert len(loaded) == here


def test_one_file_by_two_paths_and_after_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded: list[dict[str, Any]]
) -> None:
    mine = tmp_path / "mine.onnx"
    shutil.copyfile(rmbg_fast.models.path("u2netp"), mine)
    mine.with_suffix(".toml").write_text('like = "u2netp"\n')
    monkeypatch.chdir(tmp_path)
    cut(model="mine.onnx", device="cpu")
    cut(model=mine, device="cpu")
    assert len(loaded) == 1
    os.utime(mine, ns=(10**18, 10**18))
    cut(model=mine, device="cpu")
    assert len(loaded) == 2


def test_two_first_calls_load_once(loaded: list[dict[str, Any]]) -> None:
    in_threads(4, lambda _: cut(device="cpu"))
    assert len(loaded) == 1


def test_loaded_model_does_not_wait_for_one_that_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    cut(device="cpu")
    begun, end = threading.Event(), threading.Event()
    real = _kept_sessions.Session

    def slow(model: Any, **options: Any) -> Any:
        begun.set()
        assert end.wait(60)
        return real(model, **options)

    monkeypatch.setattr(_kept_sessions, "Session", slow)
    thread = threading.Thread(target=cut, kwargs={"device": "cpu", "threads": 1})
    thread.start()
    assert begun.wait(60)
    cut(device="cpu")
    assert thread.is_alive()
    end.set()
    thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems want names that are text")
@pytest.mark.parametrize("utf8", ["1", "0"])
def test_names_that_are_no_text(tmp_path: Path, utf8: str) -> None:
    """Of the model and of the home: not UTF-8, or not ASCII where Python was told not to assume UTF-8."""
    import subprocess

    folder = os.fsencode(tmp_path) + b"/\xff\xc3\xa9"
    os.mkdir(folder)
    shutil.copyfile(rmbg_fast.models.path("u2netp"), folder + b"/m\xfe.onnx")
    with open(folder + b"/m\xfe.toml", "w") as row:
        row.write('like = "u2netp"\n')
    code = b"""
import os, sys, numpy, rmbg_fast
model = os.fsdecode(sys.argv[1])
made = rmbg_fast.Session(model, device="cpu")
assert made.mask(numpy.zeros((9, 9, 3), numpy.uint8), on_empty="ignore").shape == (9, 9)
assert os.fsencode(made.details["graph"]).startswith(os.environb[b"RMBG_FAST_HOME"])
os.remove(made.details["graph"])
open(model, "wb").write(b"damaged")
try:
    rmbg_fast.Session(model, device="cpu")
except rmbg_fast.RmbgError as exc:
    print(exc, file=sys.stderr)
"""
    env = {**os.environb, b"RMBG_FAST_HOME": folder + b"/home", b"PYTHONUTF8": utf8.encode(), b"LC_ALL": b"C",
           b"PYTHONCOERCECLOCALE": b"0"}  # fmt: skip
    done = subprocess.run(
        [os.fsencode(sys.executable), b"-c", code, folder + b"/m\xfe.onnx"], env=env, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert rb"m\udcfe.onnx" in done.stderr
