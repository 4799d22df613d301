"""Names of files that are no text: printed as they are where their bytes can be had back, escaped elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems want names that are text")


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("utf-8:strict", b"/\xff\xc3\xa9/"), ("ascii:strict", rb"/\udcff\xe9/")],
)
def test_path_of_a_model(tmp_path: Path, encoding: str, shown: bytes) -> None:
    home = os.fsencode(tmp_path) + b"/\xff\xc3\xa9"
    os.makedirs(home + b"/models")
    with open(home + b"/models/isnet-general-use-fp16.onnx", "wb") as file:
        file.truncate(88188479)
    env = {**os.environb, b"RMBG_FAST_HOME": home, b"PYTHONIOENCODING": encoding.encode(), b"PYTHONUTF8": b"1"}
    for command in (["models", "path", "isnet-general-use"], ["cache"]):
        done = subprocess.run(
            [sys.executable, "-m", "rmbg_fast", *command], env=env, capture_output=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert shown + b"models/isnet-general-use-fp16.onnx" in done.stdout
