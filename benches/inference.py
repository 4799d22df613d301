"""The network alone, with our convolutions and with ONNX Runtime's: time, masks, memory, rounding, where the time goes.

    python benches/inference.py [--quick] [--save MACHINE]

"ONNX Runtime" is the same session with `optimize=False`: the runtime with all its optimizations on the float32 graph
with one output. Times are of one process, interleaved: medians, and the fastest runs, which a busy host disturbs least.
Memory is of a process each. The real model is IS-Net (`isnet-general-use`, fetched if it is not there); U2-Net and
U2-Net small have random weights. `--quick` measures little, to see that it runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import recording
from numpy.typing import NDArray
from skimage import data
from timing import in_turns
from u2net import U2NET, U2NETP, u2net

from rmbg_fast import ModelSpec, Session, _core, _testing, models
from rmbg_fast._graphs import graph_index, onnx_graph, prepare, regions

Array = NDArray[Any]
PHOTOS = ["astronaut", "camera", "cat", "coffee", "coins", "horse", "retina", "rocket"]


def main() -> None:
    options = recording.parser(__doc__).parse_args()
    run = recording.Run("inference", quick=options.quick)
    rounds = 1 if options.quick else 9
    with tempfile.TemporaryDirectory() as folder:
        specs = random_models(Path(folder), quick=options.quick)
        if not options.quick:
            specs = {"IS-Net": models.get("isnet-general-use"), **specs}
        first = next(iter(specs.values()))
        run.show("speed", [row for name, spec in specs.items() for row in speed(name, spec, rounds)])
        run.show("masks", masks(first, PHOTOS[: 2 if options.quick else None]))
        run.show("memory", [memory(first, optimize) for optimize in (False, True)])
        run.show("rounding", rounding(first, 3 if options.quick else 16))
        run.show("profile", profile(first, rounds))
    run.save(options.save)


def random_models(folder: Path, *, quick: bool) -> dict[str, ModelSpec]:
    size = 64 if quick else 320
    specs = {}
    for name, stages in {"U2-Net small": U2NETP, "U2-Net": U2NET}.items():
        if quick and stages is U2NET:
            continue
        path = folder / f"{name}.onnx"
        onnx.save(u2net(stages, size), path)
        specs[name] = ModelSpec.for_file(path, like="u2netp", size=(size, size), input=0, output=0)
    return specs


def photo(name: str) -> Array:
    image = getattr(data, name)()
    gray = image if image.ndim == 2 else None
    if gray is not None:
        image = np.repeat((gray.astype(np.uint8) * (255 if gray.dtype == bool else 1))[..., None], 3, axis=2)
    return np.ascontiguousarray(image[..., :3])


def speed(name: str, spec: ModelSpec, rounds: int) -> list[dict[str, Any]]:
    rows = []
    image = photo("astronaut")
    for threads in (1, 2):

        def inference(optimize: bool, threads: int = threads) -> Callable[[], float]:
            session = Session(spec, device="cpu", threads=threads, optimize=optimize)

            def call() -> float:
                session.mask(image)
                return float(session.timings["inference"])

            return call

        taken = in_turns({"theirs": inference(False), "ours": inference(True)}, rounds).values()
        theirs, ours = (float(np.median(times)) for times in taken)
        row = {"model": name, "threads": threads, "ONNX Runtime, ms": theirs, "rmbg-fast, ms": ours}
        theirs_best, ours_best = (float(min(times)) for times in taken)
        row |= {"times as fast": theirs / ours, "the fastest run of each, ms": f"{theirs_best:.0f}, {ours_best:.0f}"}
        rows.append({**row, "of these": theirs_best / ours_best})
    return rows


def masks(spec: ModelSpec, names: list[str]) -> list[dict[str, Any]]:
    """How far float32 masks are apart, in grey levels of 255."""
    theirs, ours = (Session(spec, device="cpu", optimize=optimize) for optimize in (False, True))
    rows = []
    for name in names:
        image = photo(name)
        apart = np.abs(theirs.mask(image, dtype="float32") - ours.mask(image, dtype="float32")) * 255
        changed = int(np.count_nonzero(theirs.mask(image) != ours.mask(image)))
        row = {"photo": name, "largest": float(apart.max()), "mean": float(apart.mean())}
        rows.append({**row, "8-bit pixels that differ": changed, "of": apart.size})
        assert apart.max() <= 1, f"masks of {name} are {apart.max()} levels apart"
        assert apart.mean() <= 0.05, f"masks of {name} are {apart.mean()} levels apart on average"
    return rows


MEMORY = """
import sys, time, json
import numpy as np
from pathlib import Path
from rmbg_fast import ModelSpec, Session, models

def resident():
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024

name, path, size, optimize = json.loads(sys.argv[1])
spec = ModelSpec.for_file(path, like="u2netp", size=size, input=0, output=0) if path else models.get(name)
warm = Session(spec, device="cpu", threads=2, optimize=optimize)  # the graph is prepared, the files are in memory
del warm
before = resident()
start = time.perf_counter()
session = Session(spec, device="cpu", threads=2, optimize=optimize)
load = time.perf_counter() - start
loaded = resident()
for _ in range(2):
    session.mask(np.zeros((512, 512, 3), np.uint8) + np.arange(512, dtype=np.uint8)[:, None])
files = Path(session.details["graph"])
disk = sum(file.stat().st_size for file in files.parent.glob(files.stem + ".*"))
print(json.dumps([load * 1e3, loaded, resident(), disk / 1e6]))
"""


def memory(spec: ModelSpec, optimize: bool) -> dict[str, Any]:
    case = json.dumps([spec.name, str(spec.path) if spec.path else "", list(spec.size), optimize])
    output = subprocess.run([sys.executable, "-c", MEMORY, case], capture_output=True, text=True, check=True).stdout
    load, loaded, after, disk = json.loads(output)
    return {
        "who": "rmbg-fast" if optimize else "ONNX Runtime",
        "load, ms": load,
        "resident after loading, MB": loaded,
        "resident after a run, MB": after,
        "prepared files, MB": disk,
    }


# --- one convolution at a time ---


def rounding(spec: ModelSpec, count: int) -> list[dict[str, Any]]:
    """The largest error of 3x3 convolutions of the model on noise, relative to the largest output, against float64."""
    plain = onnx.load(prepare.prepare(models.ensure(spec), output=spec.output))
    shapes = {name: onnx_graph.shape(known) for name, known in onnx_graph.types(plain).items()}
    constants = {tensor.name: tensor for tensor in plain.graph.initializer}
    layers: dict[Any, Any] = {}
    for node in plain.graph.node:
        if node.op_type == "Conv" and tuple(constants[node.input[1]].dims[2:]) == (3, 3):
            dilation = next((a.ints[0] for a in node.attribute if a.name == "dilations"), 1)
            stride = next((a.ints[0] for a in node.attribute if a.name == "strides"), 1)
            key = (*constants[node.input[1]].dims[:2], *shapes[node.input[0]][2:], dilation)
            if stride == 1 and key[0] >= 8 and key[1] >= 8:
                layers.setdefault(key, (node, onnx_graph.array(constants[node.input[1]])))
    largest = sorted(layers, key=lambda key: -np.prod(key[:4]))[:count]
    return [rounding_of(key, *layers[key]) for key in largest]


def rounding_of(key: tuple[int, ...], node: Any, weights: Array) -> dict[str, Any]:
    outputs, inputs, height, width, dilation = key
    random = np.random.default_rng(0)
    x = np.maximum(random.normal(size=(1, inputs, height, width)), 0).astype(np.float32)
    bias = np.zeros(outputs, np.float32)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[dilation] * 4, dilations=[dilation] * 2)],
            "layer",
            [onnx.helper.make_tensor_value_info("x", 1, x.shape)],
            [onnx.helper.make_tensor_value_info("y", 1, [1, outputs, height, width])],
            [onnx.numpy_helper.from_array(weights, "w"), onnx.numpy_helper.from_array(bias, "b")],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=9,
    )
    graph = graph_index.Graph(
        list(model.graph.node),
        {tensor.name: tensor for tensor in model.graph.initializer},
        {"x": list(x.shape), "y": [1, outputs, height, width]},
        {"y"},
        17,
    )
    packed: list[Array] = []
    (region,) = regions.compile_regions(graph, packed)
    bare = _testing.BareNetwork(region.plan, np.concatenate(packed), _core.network_tier(), 2)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    results = {"rmbg-fast": bare.run([x])[0], "ONNX Runtime": session.run(None, {"x": x})[0]}
    algorithm = next(step["algorithm"] for step in bare.profile([x]) if step["window"][0] == 3)

    places = [random.integers(0, size, 400) for size in (height, width)]
    padded = np.pad(x[0].astype(np.float64), ((0, 0), (dilation, dilation), (dilation, dilation)))
    exact = np.zeros((outputs, 400))
    for i, j in np.ndindex(3, 3):
        seen = padded[:, places[0] + i * dilation, places[1] + j * dilation]
        exact += weights[:, :, i, j].astype(np.float64) @ seen
    row: dict[str, Any] = {"layer": f"{inputs} -> {outputs}, {height}x{width}, dilation {dilation}", "by": algorithm}
    for who, y in results.items():
        row[who] = float(np.abs(y[0][:, places[0], places[1]] - exact).max() / np.abs(exact).max())
    return row


def bare_network(spec: ModelSpec, tier: str, threads: int, **options: bool) -> tuple[_testing.BareNetwork, Array]:
    """The model's one network, without a runtime around it, and noise for it."""
    model = onnx.load(prepare.prepare(models.ensure(spec), output=spec.output, network=True))
    node = next(node for node in model.graph.node if node.op_type == regions.OPERATOR)
    weights = next(tensor for tensor in model.graph.initializer if tensor.name == regions.WEIGHTS)
    plan = graph_index.attributes_of(node)["plan"]
    bare = _testing.BareNetwork(plan, onnx_graph.array(weights), tier, threads, **options)
    return bare, np.random.default_rng(0).random((1, 3, *spec.size), dtype=np.float32)


def profile(spec: ModelSpec, rounds: int) -> list[dict[str, Any]]:
    """Milliseconds of a run on one thread by kind of step."""
    bare, x = bare_network(spec, _core.network_tier(), 1)
    best: dict[int, tuple[str, float]] = {}
    for _ in range(rounds + 1):
        for index, step in enumerate(bare.profile([x])):
            size = step["height"] if "winograd" in step["algorithm"] else ""
            kind = f"{step['algorithm']} {size}".strip()
            best[index] = (kind, min(step["milliseconds"], best.get(index, ("", np.inf))[1]))
    kinds: Counter[str] = Counter()
    for kind, taken in best.values():
        kinds[kind] += taken  # type: ignore[assignment]
    whole = sum(kinds.values())
    return [
        {"step (side of the output)": kind, "ms": float(taken), "share": float(taken / whole)}
        for kind, taken in kinds.most_common()
        if kind != "none"
    ]


if __name__ == "__main__":
    main()
