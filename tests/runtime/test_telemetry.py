"""ONNX Runtime's telemetry stays off: what a process of ours leaves in a home, and whose word counts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_CUT_OUT = """
import os, numpy as np, rmbg_fast
rmbg_fast.Session("u2netp", optimize=False).mask(np.zeros((32, 32, 3), np.uint8))
print(os.environ["ORT_DISABLE_TELEMETRY"])
"""


def _run(home: Path, **environment: str) -> str:
    # Those of continuous integration would keep the telemetry off by themselves.
    kept = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    env |= {"HOME": str(home), "RMBG_FAST_HOME": str(home / "rmbg-fast"), "RMBG_FAST_OFFLINE": "1"}
    run = subprocess.run(
        [sys.executable, "-c", _CUT_OUT], env=env | environment, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="the home is where XDG says")
def test_nothing_of_the_runtime_is_left_in_the_home(tmp_path):
    assert _run(tmp_path) == "1"
    assert {path.name for path in tmp_path.iterdir()} <= {"rmbg-fast"}


@pytest.mark.skipif(sys.platform != "linux", reason="the home is where XDG says")
def test_the_word_of_the_environment_counts(tmp_path):
    assert _run(tmp_path, ORT_DISABLE_TELEMETRY="0") == "0"
