"""What a session holds after its runs: the second takes no more than the first left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.network_graphs import conv, model, node, random, saved

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
SIDE = 512
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from rmbg_fast import ModelSpec, Session

spec = ModelSpec.for_file(Path(sys.argv[1]), like="isnet-general-use", input=0, output=0, size=(512, 512))
session = Session(spec, device="cpu", threads=1)
for _ in range(4):
    session.mask(np.arange(30000, dtype=np.uint8).reshape(100, 100, 3), on_empty="ignore")
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    print(int(status["VmRSS"].split()[0]))
"""


def test_later_runs_take_no_more_memory(tmp_path: Path) -> None:
    """The network's values come to 67 MB and more, so that a second set of them would show."""
    nodes = [conv("x w", "a", pads=[0] * 4), node("Transpose", "a", "b", perm=[0, 2, 3, 1]), node("Sin", "b", "c"),
             node("Transpose", "c", "d", perm=[0, 3, 1, 2]), node("Sin", "d", "e"),
             conv("e v", "y", pads=[0] * 4)]  # fmt: skip
    weights = {"w": random(32, 3, 1, 1), "v": random(1, 32, 1, 1) / np.float32(8)}
    path = saved(tmp_path, model(nodes, weights, {"x": [1, 3, SIDE, SIDE]}, ["y"]))
    script = [sys.executable, "-c", SCRIPT, str(path)]
    printed = subprocess.run(script, stdout=subprocess.PIPE, text=True, check=True).stdout
    first, *later = (int(line) for line in printed.splitlines())
    assert max(later) < first + 16000, printed
