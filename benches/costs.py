"""What a photo costs with each model on this machine's CPU, in rembg and in rmbg-fast: seconds and memory.

    python benches/costs.py [--model NAME ...] [--quick] [--save]

`--save` writes what `rmbg-fast models list` and docs/choose.md show (python/rmbg_fast/models/costs.json); models that
were not asked for keep their figures. Each program runs in a process of its own, on two threads: one call, then the one
that counts, then its resident memory. Models whose weights are not here get random ones of the same graph, which cost
the same: BiRefNet's from benches/graphs, U2-Net's from u2net.py. rembg needs 12 GB for birefnet-general-lite and more
than 14 GB for birefnet-general.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import onnx
import recording
import u2net

from rmbg_fast import ModelSpec, Session, models
from rmbg_fast._graphs import prepare, skeleton

GRAPHS = Path(__file__).parent / "graphs"
TARGET = Path(models.__file__).with_name("costs.json")
LIKE = {
    "isnet-general-use": ["rmbg-1.4"],
    "u2netp": [],
    "u2net": [],
    "birefnet-general-lite": [],
    "birefnet-general": ["birefnet-portrait", "birefnet-matting", "rmbg-2.0"],
}
"""The models that are measured, and those with the same network."""
CALLS = """
import json, os, sys, time
from pathlib import Path
import numpy as np

who, name, file = sys.argv[1:]
photo = np.zeros((1080, 1920, 3), np.uint8) + np.arange(1920, dtype=np.uint8)[None, :, None]
if who == "rembg":
    import rembg

    session = rembg.new_session(name, providers=["CPUExecutionProvider"])
    call = lambda: rembg.remove(photo, session=session)
else:
    from rmbg_fast import ModelSpec, Session

    spec = ModelSpec.for_file(Path(file), like=name, input=0, output=0)
    session = Session(spec, device="cpu", threads=2)
    call = lambda: session.remove(photo, on_empty="ignore")
for _ in range(2):
    begun = time.perf_counter(), time.process_time()
    call()
    taken = time.perf_counter() - begun[0], time.process_time() - begun[1]
fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([*taken, int(fields["VmRSS"].split()[0]) / 1024]))
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", nargs="+", default=list(LIKE), choices=list(LIKE), metavar="NAME")
    options.add_argument(
        "--without-rembg", nargs="*", default=[], metavar="NAME", help="what rembg is not asked to run"
    )
    options.add_argument("--quick", action="store_true", help="the smallest model alone, to see that it runs")
    options.add_argument("--save", action="store_true", help=f"write {TARGET.name}")
    asked = options.parse_args()
    run = recording.Run("costs", quick=asked.quick)
    rows = {row["model"]: row for row in known()}
    with tempfile.TemporaryDirectory() as folder:
        for name in ["u2netp"] if asked.quick else asked.model:
            rows[name] = measured(name, Path(folder), with_rembg=name not in asked.without_rembg)
    run.show("costs", [rows[name] for name in LIKE if name in rows])
    if asked.save:
        run.write(TARGET)


def known() -> recording.Rows:
    rows: recording.Rows = json.loads(TARGET.read_text(encoding="utf-8"))["tables"]["costs"] if TARGET.exists() else []
    return rows


def measured(name: str, folder: Path, *, with_rembg: bool) -> dict[str, Any]:
    file = file_of(name, folder)
    Session(ModelSpec.for_file(file, like=name, input=0, output=0), device="cpu")  # the graph is prepared
    row: dict[str, Any] = {"model": name, "as much": ", ".join(LIKE[name])}
    for who in ("rembg", "rmbg-fast")[not with_rembg :]:
        seconds, processor, megabytes = ran(who, name, file, folder)
        row |= {f"{who}, s": seconds, f"{who}, processor s": processor, f"{who}, MB": megabytes}
    file.unlink()
    return row


def file_of(name: str, folder: Path) -> Path:
    """The model under the name that rembg looks for."""
    target = folder / f"{name}.onnx"
    if name in ("isnet-general-use", "u2netp"):
        onnx.save(onnx.load(prepare.prepare(models.pull(name), output=0)), target)  # float32, and no weights beside
    elif name == "u2net":
        onnx.save(u2net.u2net(u2net.U2NET, 320), target)
    else:
        graph = "birefnet-lite-published" if name.endswith("lite") else "birefnet-published"
        onnx.save(skeleton.load(GRAPHS / f"{graph}.onnx.xz"), target)
    return target


def ran(who: str, name: str, file: Path, folder: Path) -> tuple[float, float, float]:
    """Seconds, processor seconds and megabytes of a process that runs nothing else."""
    around = {**os.environ, "U2NET_HOME": str(folder), "MODEL_CHECKSUM_DISABLED": "1", "OMP_NUM_THREADS": "2"}
    case = [sys.executable, "-c", CALLS, who, name, str(file)]
    printed = subprocess.run(case, stdout=subprocess.PIPE, text=True, check=True, env=around).stdout
    seconds, processor, megabytes = json.loads(printed.splitlines()[-1])
    return seconds, processor, megabytes


if __name__ == "__main__":
    main()
