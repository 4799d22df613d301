"""A type checker knows what comes out of a call, and refuses options that are not there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import rmbg_fast

USE = Path(__file__).with_name("typed_use.py")


def lines_refused() -> list[int]:
    return [number for number, line in enumerate(USE.read_text().splitlines(), 1) if line.endswith("# refused")]


def test_mypy(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--no-pretty",
        "--cache-dir",
        str(tmp_path),
    ]
    source = Path(rmbg_fast.__file__).parents[1]
    environment = dict(os.environ)
    if source.name != "site-packages":  # where mypy looks by itself, and refuses to be told
        environment["MYPYPATH"] = str(source)
    options = ["--config-file=", "--follow-imports=silent", "--explicit-package-bases", str(USE)]
    run = subprocess.run([*command, *options], capture_output=True, text=True, env=environment, check=False)
    found = {int(line.split(":")[1]) for line in run.stdout.splitlines() if ": error:" in line}
    assert sorted(found) == lines_refused(), run.stdout + run.stderr
