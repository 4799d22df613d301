"""The stand-in for a GPU's driver (tests/cpp/stand_in_driver.cpp), compiled once a run of the tests."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from rmbg_fast import ModelSpec, _core, _loading, models
from rmbg_fast._runtime import library

ROOT = Path(__file__).parents[2]


def compiler() -> str:
    found = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if found is None or not (ROOT / "cpp").is_dir():
        pytest.skip("the stand-in for a GPU needs a C++ compiler and the sources")
    return found


@cache
def _built(folder: Path) -> Path:
    target = folder / "libstand_in.so"
    command = [compiler(), "-std=c++20", "-O2", "-ffp-contract=off", "-shared", "-fPIC", f"-I{ROOT / 'cpp'}"]
    subprocess.run([*command, str(ROOT / "tests/cpp/stand_in_driver.cpp"), "-o", str(target)], check=True)
    return target


def use(folder: Path) -> None:
    """From here on this process sees one GPU, played by the CPU."""
    _core.use_cuda_driver(str(_built(folder)))


def remover(spec: ModelSpec, *, runs: int = 2) -> _core.Remover:
    """A model whose tensors go through the stand-in's memory; the CPU runs it."""
    library.load()
    place = _loading.Place("stand-in", 0, (), runs)
    return _loading.load(models.ensure(spec), spec, place, 1, network=False)[0]
