"""The messages that docs/cuda.md explains are the ones that users see."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROVOKED = """
import json, os, sys
from collections.abc import Callable
from pathlib import Path
import numpy as np
from rmbg_fast import Session, _core, errors
from rmbg_fast._runtime import gpu, library
from support import small_network, stand_in

said = []
def hear(call: Callable[[], object]) -> None:
    try:
        call()
    except errors.RmbgError as exc:
        said.append(gpu._explained(str(exc), 13))

folder = Path(sys.argv[1])
spec = small_network.saved(folder)
host = Session(spec, device="cpu", optimize=False)
hear(lambda: Session(spec, device="cuda"))
hear(lambda: Session(spec, device="cuda", provider_options={"speed": 1}))
said.append(gpu._explained(_core.open_library("libcublasLt.so.13"), 13))
_core.use_cuda_driver(str(folder / "libcuda.so.1"))
hear(lambda: _core.cuda_device(0))

stand_in.use(folder)
from support.device_arrays import ByDLPack, ByInterface
hear(lambda: _core.cuda_device(2))
class Tensor(ByDLPack): ...
hear(lambda: host.remove(Tensor(np.zeros((9, 9, 3), np.uint8))))
session = stand_in.session(spec)
os.environ["RMBG_FAST_STAND_IN_DEVICES"] = "2"
hear(lambda: session.remove(Tensor(np.zeros((9, 9, 3), np.uint8), 1)))
picture = ByInterface(np.zeros((500, 500, 3), np.uint8))
os.environ["RMBG_FAST_STAND_IN_BYTES"] = "1000000"
hear(lambda: session.remove(picture, on_empty="ignore"))
print(json.dumps(said))
"""


def explained() -> list[str]:
    """The first column of the table: each a message, or the beginning of one, or its middle."""
    page = (ROOT / "docs/cuda.md").read_text(encoding="utf-8")
    table = page.split("## What the messages mean", 1)[1].split("\n## ", 1)[0]
    return [message.removesuffix(" ...") for message in re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)]


@pytest.mark.skipif(sys.platform != "linux", reason="the stand-in for the driver is built for Linux")
def test_what_the_page_explains_is_said(tmp_path: Path) -> None:
    """In a process of its own, which sees GPUs of the stand-in; here there may be real ones, and their libraries."""
    paths = [str(ROOT / "tests"), *(path for path in sys.path if path)]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROVOKED), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    said = [message.replace(f"{tmp_path}/", "") for message in json.loads(done.stdout)]
    messages = explained()
    assert len(messages) == len(said) == 8
    for message in messages:
        assert any(message in one for one in said), (message, said)
