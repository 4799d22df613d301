"""The stand-in for a GPU's driver (tests/cpp/stand_in_driver.cpp), compiled once a run of the tests."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rmbg_fast import ModelSpec, Session, _core, _loading, models
from rmbg_fast._runtime import library

ROOT = Path(__file__).parents[2]
_built: list[Path] = []


def compiler() -> str:
    found = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if found is None or not (ROOT / "cpp").is_dir():
        pytest.skip("the stand-in for a GPU needs a C++ compiler and the sources")
    return found


def use(folder: Path) -> Path:
    """From here on this process sees GPUs, played by the CPU. The library lies in `folder`, where it is the first."""
    if not _built:
        target = folder / "libstand_in.so"
        if not target.exists():
            command = [compiler(), "-std=c++20", "-O2", "-ffp-contract=off", "-shared", "-fPIC", f"-I{ROOT / 'cpp'}"]
            subprocess.run([*command, str(ROOT / "tests/cpp/stand_in_driver.cpp"), "-o", str(target)], check=True)
        _built.append(target)
    _core.use_cuda_driver(str(_built[0]))
    return _built[0]


def built() -> Path:
    """The library."""
    return _built[0]


@cache
def driver() -> ctypes.CDLL:
    """The same library, for what other libraries would do on the GPU."""
    return ctypes.CDLL(str(built()))


def remover(spec: ModelSpec, *, runs: int = 2) -> _core.Remover:
    """A model whose tensors go through the stand-in's memory; the CPU runs it."""
    library.load()
    device = _loading.Device("stand-in", 0, (), runs)
    return _loading.load(models.ensure(spec), spec, device, 1, network=False)[0]


def session(spec: ModelSpec, *, runs: int = 2, **options: Any) -> Session:
    """A session that runs on the stand-in's first GPU."""
    made = Session(spec, device="cpu", optimize=False, **options)
    made._open = remover(made.model, runs=runs)
    return made
