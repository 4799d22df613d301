"""Run a benchmark as on a CPU without AVX-512, for all libraries alike.

    python benches/without_avx512.py benches/inference.py [its options]

`RMBG_FAST_TIER=avx2` holds back this package alone, and ONNX Runtime, OpenCV and the others go on with AVX-512. Here
the CPU itself denies it: Linux on x86-64 with a C compiler, and a CPU whose CPUID instruction can be made to fault
(`cpuid_fault` in /proc/cpuinfo). Clock, caches and ports stay those of this CPU, which is not the same as another's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

MARK = "RMBG_FAST_BENCH_WITHOUT_AVX512"
"""Set while AVX-512 is hidden, for what a saved result says of its machine."""


def main() -> int:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "hide_avx512.so"
        source = Path(__file__).with_name("hide_avx512.c")
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-O2", "-Wall", "-shared", "-fPIC", source, "-o", library], check=True)
        hidden = {**os.environ, "LD_PRELOAD": str(library), MARK: "1"}
        return subprocess.run([sys.executable, *sys.argv[1:]], env=hidden, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
