"""A type checker knows what comes out of a call, and refuses options that are not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def test_pyright(tmp_path: Path) -> None:
    """What editors show. The package fetches the checker itself, which is written in JavaScript."""
    pytest.importorskip("pyright")
    source = Path(rmbg_fast.__file__).parents[1]
    settings: dict[str, Any] = {"typeCheckingMode": "strict", "include": [os.path.relpath(USE, tmp_path)]}
    if source.name != "site-packages":
        settings["extraPaths"] = [str(source)]
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(run.stdout[run.stdout.index("{") :])
    found = {error["range"]["start"]["line"] + 1 for error in report["generalDiagnostics"]}
    assert sorted(found) == lines_refused(), run.stdout + run.stderr
