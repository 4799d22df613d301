"""BiRefNet on the CPU, with our network and with ONNX Runtime: time, processor time, masks, memory, the longest steps.

    python benches/birefnet.py [--graph NAME ...] [--threads N ...] [--rounds N] [--photos N] [--quick] [--save MACHINE]

NAME is a skeleton of benches/graphs, filled with random weights: `birefnet-lite-published` (deformable convolutions
spelled out with GatherND), `birefnet-lite-converted` (with GridSample), `birefnet-published` and `birefnet-converted`
(RMBG-2.0's size, 10 GB in ONNX Runtime). "ONNX Runtime" is the same session with `optimize=False`. Times are of one
process, interleaved, medians of ROUNDS after a call that warms up; memory is of a process each. Where other programs
run too, trust the processor time more than the other.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import recording
from inference import PHOTOS, photo
from timing import in_turns

from rmbg_fast import ModelSpec, Session, _core, _testing
from rmbg_fast._graphs import onnx_graph, regions, skeleton
from rmbg_fast._graphs.graph_index import attributes_of

GRAPHS = Path(__file__).parent / "graphs"
MEMORY = """
import sys, json
import numpy as np
from pathlib import Path
from rmbg_fast import ModelSpec, Session

path, optimize = json.loads(sys.argv[1])
spec = ModelSpec.for_file(path, like="birefnet-general-lite", input=0, output=0)
session = Session(spec, device="cpu", threads=2, optimize=optimize)
session.mask(np.zeros((512, 512, 3), np.uint8) + np.arange(512, dtype=np.uint8)[:, None], on_empty="ignore")
fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")]))
"""


def main() -> None:
    options = recording.parser(__doc__)
    options.add_argument("--graph", nargs="+", default=["birefnet-lite-published", "birefnet-lite-converted"])
    options.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--photos", type=int, default=6, help="whose masks are compared")
    asked = options.parse_args()
    if asked.quick:
        asked.threads, asked.rounds, asked.photos = [2], 1, 1
    run = recording.Run("birefnet", quick=asked.quick)
    with tempfile.TemporaryDirectory() as folder:
        specs = {name: filled(name, Path(folder)) for name in asked.graph}
        run.show("memory", [memory(name, spec, way) for name, spec in specs.items() for way in (False, True)])
        calls = ((name, spec, threads) for name, spec in specs.items() for threads in asked.threads)
        run.show("speed", [{"model": name} | speed(spec, threads, asked.rounds) for name, spec, threads in calls])
        run.show("masks", [{"model": name} | masks(spec, PHOTOS[: asked.photos]) for name, spec in specs.items()])
        for name, spec in specs.items():
            run.show(f"steps {name}", steps(spec))
    run.save(asked.save)


def filled(name: str, folder: Path) -> ModelSpec:
    path = folder / f"{name}.onnx"
    onnx.save(skeleton.load(GRAPHS / f"{name}.onnx.xz"), path)
    return ModelSpec.for_file(path, like="birefnet-general-lite", input=0, output=0)


def speed(spec: ModelSpec, threads: int, rounds: int) -> dict[str, Any]:
    image = photo("astronaut")

    def call(optimize: bool) -> Callable[[], tuple[float, float]]:
        session = Session(spec, device="cpu", threads=threads, optimize=optimize)

        def timed() -> tuple[float, float]:
            begun = time.perf_counter(), time.process_time()
            session.mask(image, on_empty="ignore")
            return time.perf_counter() - begun[0], time.process_time() - begun[1]

        return timed

    taken = in_turns({"theirs": call(False), "ours": call(True)}, rounds)
    theirs, ours = (np.median(np.array(taken[who]), axis=0) for who in ("theirs", "ours"))
    row: dict[str, Any] = {"threads": threads}
    for place, kind in enumerate(("s", "processor s")):
        row[f"ONNX Runtime, {kind}"] = float(theirs[place])
        row[f"rmbg-fast, {kind}"] = float(ours[place])
        row["times as fast" if place == 0 else "of the processor time"] = float(theirs[place] / ours[place])
    return row


def masks(spec: ModelSpec, names: list[str]) -> dict[str, Any]:
    """How far float32 masks are apart, in grey levels of 255."""
    theirs, ours = (Session(spec, device="cpu", optimize=optimize) for optimize in (False, True))
    largest, means = 0.0, []
    for name in names:
        found = [session.mask(photo(name), dtype="float32", on_empty="ignore") for session in (theirs, ours)]
        apart = np.abs(found[0] - found[1]) * 255
        assert apart.max() <= 0.05, f"masks of {name} are {apart.max()} levels apart"
        largest = max(largest, float(apart.max()))
        means.append(float(apart.mean()))
    return {"photos": len(names), "largest difference, levels of 255": largest, "mean": float(np.mean(means))}


def memory(name: str, spec: ModelSpec, optimize: bool) -> dict[str, Any]:
    case = json.dumps([str(spec.path), optimize])
    Session(spec, device="cpu", optimize=optimize)  # the graph is prepared
    output = subprocess.run([sys.executable, "-c", MEMORY, case], capture_output=True, text=True, check=True).stdout
    after, most = json.loads(output)
    who = "rmbg-fast" if optimize else "ONNX Runtime"
    return {"model": name, "who": who, "resident after a run, MB": after, "at most, MB": most}


def steps(spec: ModelSpec) -> list[dict[str, Any]]:
    """The twelve longest steps of our own network, on one thread, with random inputs."""
    path = Session(spec, device="cpu").details["graph"]
    model = onnx.load(path)
    shapes = {name: onnx_graph.shape(known) for name, known in onnx_graph.types(model).items()}
    weights = next(onnx.numpy_helper.to_array(each) for each in model.graph.initializer if each.name == regions.WEIGHTS)
    random = np.random.default_rng(0)
    rows = []
    for node in model.graph.node:
        if node.op_type != regions.OPERATOR:
            continue
        bare = _testing.BareNetwork(attributes_of(node)["plan"], weights, _core.network_tier(), 1)
        inputs = [random.standard_normal(shapes[name], dtype=np.float32) for name in node.input[1:]]
        bare.run(inputs)
        rows += bare.profile(inputs)
    longest = sorted(rows, key=lambda row: -row["milliseconds"])[:12]
    kept = ("algorithm", "channels", "height", "window")
    return [{**{key: str(row[key]) for key in kept}, "ms": row["milliseconds"]} for row in longest]


if __name__ == "__main__":
    main()
