"""The path of a GPU's sessions, driven by the stand-in for a driver: memory, transfers and threads, but no GPU."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from rmbg_fast import ModelSpec, Session
from support import stand_in
from support.parallel import in_threads


def picture(height: int = 70, width: int = 90) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 255, (height, width, 3), np.uint8)


@pytest.mark.parametrize("runs", [1, 2])
def test_tensors_go_through_the_device(spec: ModelSpec, runs: int) -> None:
    on_device = stand_in.remover(spec, runs=runs)
    on_host = Session(spec, device="cpu", optimize=False)
    for size in [(70, 90), (20, 31), (70, 90)]:
        wanted = on_host.remove(picture(*size), on_empty="ignore")
        got, _, scene = on_device.remove(picture(*size), "straight", None, None, None, "keep", False, None)
        assert np.array_equal(got, wanted)
        assert scene["coverage"] == on_host.scene.coverage


def test_more_threads_than_runs(spec: ModelSpec) -> None:
    on_device = stand_in.remover(spec, runs=2)
    wanted = on_device.mask(picture(), "uint8", False, None)[0]
    results = in_threads(24, lambda _: on_device.mask(picture(), "uint8", False, None)[0])
    assert all(np.array_equal(result, wanted) for result in results)


def test_a_device_without_memory(spec: ModelSpec, tmp_path: Path) -> None:
    """In a process of its own, for its memory is counted from the first call on."""
    code = f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        import numpy as np
        from rmbg_fast import errors
        from support import stand_in
        from support.small_network import saved
        folder = Path({str(tmp_path)!r})
        stand_in.use(folder)
        remover = stand_in.remover(saved(folder))
        try:
            remover.mask(np.zeros((9, 9, 3), np.uint8), "uint8", False, None)
        except errors.InferenceError as exc:
            assert "no memory left" in str(exc), exc
        else:
            raise AssertionError("it found memory")
        """
    environment = {**os.environ, "RMBG_FAST_STAND_IN_BYTES": "4096"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
