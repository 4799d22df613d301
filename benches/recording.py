"""What a run of a benchmark leaves behind: its tables, the machine, and whether that was quiet meanwhile.

Each benchmark prints its tables; with `--save MACHINE` they also become `benches/results/MACHINE/SUBJECT.json`, from
which `scripts/make_tables.py` makes those of README and docs. MACHINE is a name for the machine, such as `zen5-2cores`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

from caption import caption
from tables import table
from without_avx512 import MARK

import rmbg_fast

RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    "rmbg-fast",
    "numpy",
    "pillow",
    "onnxruntime",
    "onnxruntime-gpu",
    "opencv-python-headless",
    "opencv-python",
    "cykooz-resizer",
    "torch",
    "rembg",
    "pymatting",
)
Rows = list[dict[str, Any]]


def parser(description: str | None) -> argparse.ArgumentParser:
    """With the options of all benchmarks."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="measure little, to see that it runs")
    made.add_argument("--save", metavar="MACHINE", help="write benches/results/MACHINE/SUBJECT.json")
    return made


class Run:
    """To be made before anything is measured: from then on it watches what else takes the processor."""

    def __init__(self, subject: str, *, quick: bool) -> None:
        self.subject, self.quick = subject, quick
        self.tables: dict[str, Rows] = {}
        self._begun = _clocks()
        self._credited = 0.0
        self._load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None

    def show(self, title: str, rows: Rows) -> None:
        """Print a table and keep it."""
        self.tables[title] = rows
        print(f"\n## {title}\n\n{table(rows)}", flush=True)

    def credit(self, seconds: float) -> None:
        """Processor time of processes that are the benchmark's own and not its children."""
        self._credited += seconds

    def document(self) -> dict[str, Any]:
        busy, own, wall = (now - then for now, then in zip(_clocks(), self._begun, strict=True))
        own += self._credited
        return {
            "subject": self.subject,
            "command": " ".join(["python", *sys.argv]),
            "date": date.today().isoformat(),
            "quick": self.quick,
            "machine": machine(),
            "software": software(),
            "load": {"before": self._load, "other programs, cores": max(0.0, busy - own) / wall if busy else None},
            "tables": self.tables,
        }

    def save(self, name: str | None) -> None:
        """Where `name` is None, nothing."""
        if name is None:
            print(f"\n{caption(self.document())}")
            return
        self.write(RESULTS / name / f"{self.subject}.json")

    def write(self, target: Path) -> None:
        document = self.document()
        print(f"\n{caption(document)}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        print(f"saved: {target}; `python scripts/make_tables.py` writes it into README and docs")


def machine() -> dict[str, Any]:
    info = rmbg_fast.build_info()
    hidden = {"hidden": "AVX-512"} if MARK in os.environ else {}
    return {"cpu": _cpu(), **hidden, "cores": info["threads"], "caches": _caches(), "platform": info["platform"]}


def software() -> dict[str, Any]:
    info = rmbg_fast.build_info()
    versions = {name: found for name in PACKAGES if (found := installed(name))}
    tiers = {"tier": info["active_tier"], "network tier": info["network_tier"]}
    return {"python": info["python"], "compiler": info["compiler"], **tiers, "packages": versions}


def installed(package: str) -> str:
    """The version of a package, "" where it is missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _cpu() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text(encoding="utf-8").splitlines() if known.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _caches() -> dict[str, str]:
    """Of the first core, as Linux tells them: L1 for data, L2, L3."""
    found = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            found[f"L{level}"] = size
    return found


def _clocks() -> tuple[float, float, float]:
    """Seconds: of all processors busy (0 where no system tells), of this process and its children, of the wall."""
    own = os.times()
    stat = Path("/proc/stat")
    busy = 0.0
    if stat.is_file():
        user, nice, system, _, _, irq, softirq, steal, *_ = (int(field) for field in stat.read_text().split()[1:11])
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return busy, sum(own[:4]), time.monotonic()
