"""AVX-512 is hidden from this package and from others, and from the processes that a benchmark starts."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

FLAGS = Path("/proc/cpuinfo")
ASK = """
import subprocess, sys
import numpy
from rmbg_fast import build_info
from numpy._core._multiarray_umath import __cpu_features__ as features
print(build_info()["network_tier"], build_info()["active_tier"], features["AVX512F"], features["AVX2"])
if len(sys.argv) < 2:
    subprocess.run([sys.executable, __file__, "again"], check=True)
"""


@pytest.mark.skipif(platform.machine() != "x86_64" or not FLAGS.is_file(), reason="for Linux on x86-64")
def test_no_library_sees_avx512(tmp_path: Path) -> None:
    flags = FLAGS.read_text(encoding="utf-8").split()
    if "cpuid_fault" not in flags or "avx2" not in flags:
        pytest.skip("CPUID does not fault here")
    asking = tmp_path / "ask.py"
    asking.write_text(ASK)
    tool = Path(__file__).with_name("without_avx512.py")
    run = subprocess.run([sys.executable, tool, asking], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["avx2 avx2 False True"] * 2, run.stderr
