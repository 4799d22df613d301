"""Our own convolutions: kernels against float64, whole graphs against onnxruntime, what is taken and what is left."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from parallel import in_threads
from PIL import Image

from rmbg_fast import ModelSpec, Session, _core, errors, graphs, network, nodes, passes, prepare
from rmbg_fast.plan import NO_CLAMP, Compiler, bits

Array = NDArray[np.float32]

F16, F32, F64 = TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.DOUBLE
TIERS = [name for name, runs in _core.network_tiers().items() if runs]
FAST = TIERS[-1]
PRECISION = 2e-5  # of the largest value
CAT = Path(__file__).parents[1] / "docs" / "cat.jpg"


def random(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape, np.float32)


# --- building graphs ---


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    """Names are separated by spaces; `-` is an input that is left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op, names, outputs.split(), **attributes)


def model(
    nodes: list[NodeProto],
    weights: dict[str, NDArray[Any]],
    inputs: dict[str, list[Any]],
    outputs: list[str],
    *,
    kind: int = F32,
    opset: int = 18,
) -> ModelProto:
    rank = len(next(iter(inputs.values())))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, [f"{name}{i}" for i in range(rank)]) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


@dataclass
class Builder:
    """A graph that grows layer by layer, with random weights that keep values near 1."""

    nodes: list[NodeProto] = field(default_factory=list)
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)

    def op(self, kind: str, inputs: str, channels: int, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(node(kind, inputs, name, **attributes))
        self.channels[name] = channels
        return name

    def constant(self, array: NDArray[Any]) -> str:
        name = f"w{len(self.weights)}"
        self.weights[name] = array
        return name

    def conv(self, x: str, channels: int, size: int = 3, *, dilation: int = 1, stride: int = 1, group: int = 1) -> str:
        depth = self.channels[x] // group
        weights = random(channels, depth, size, size, seed=len(self.nodes)) * np.float32((2 / depth) ** 0.5 / size)
        bias = random(channels, seed=len(self.nodes)) * np.float32(0.1)
        names = f"{x} {self.constant(weights)} {self.constant(bias)}"
        pads = [dilation * (size // 2)] * 4
        strides, dilations = [stride] * 2, [dilation] * 2
        return self.op("Conv", names, channels, pads=pads, strides=strides, dilations=dilations, group=group)

    def norm(self, x: str) -> str:
        count = self.channels[x]
        scale, shift, mean = (random(count, seed=seed) * np.float32(0.1) for seed in (1, 2, 3))
        names = [self.constant(array) for array in (scale + 1, shift, mean, np.abs(mean) + 1)]
        return self.op("BatchNormalization", " ".join([x, *names]), count, epsilon=1e-3)

    def relu(self, x: str) -> str:
        return self.op("Relu", x, self.channels[x])

    def add(self, a: str, b: str) -> str:
        return self.op("Add", f"{a} {b}", self.channels[a])

    def concat(self, *names: str) -> str:
        return self.op("Concat", " ".join(names), sum(self.channels[name] for name in names), axis=1)

    def pool(self, x: str) -> str:
        return self.op("MaxPool", x, self.channels[x], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)

    def resize(self, x: str, height: int, width: int) -> str:
        """As exporters write it, for any batch."""
        begin, end = self.constant(np.array([0])), self.constant(np.array([2]))
        first = self.op("Slice", f"{self.op('Shape', x, 0)} {begin} {end}", 0)
        sizes = self.op("Concat", f"{first} {self.constant(np.array([height, width]))}", 0, axis=0)
        return self.op("Resize", f"{x} - - {sizes}", self.channels[x], mode="linear")

    def model(self, output: str, shape: list[Any], **options: Any) -> ModelProto:
        self.nodes[-1].output[0] = "output"
        return model(self.nodes, self.weights, {"input": shape}, ["output"], **options)


# --- running them ---


@dataclass(frozen=True)
class Compiled:
    plan: list[int]
    weights: Array
    inputs: list[str]
    outputs: list[str]

    def run(self, feeds: dict[str, Array], *, tier: str = FAST, threads: int = 1) -> dict[str, Array]:
        made = _core.BareNetwork(self.plan, self.weights, tier, threads)
        results = made.run([feeds[name] for name in self.inputs])
        return dict(zip(self.outputs, results, strict=True))

    def algorithms(self, feeds: dict[str, Array]) -> list[str]:
        made = _core.BareNetwork(self.plan, self.weights, FAST, 1)
        return [row["algorithm"] for row in made.profile([feeds[name] for name in self.inputs])]

    def same_everywhere(self, feeds: dict[str, Array]) -> dict[str, Array]:
        """The results, which no tier and no number of threads changes by a bit."""
        wanted = self.run(feeds)
        for tier in TIERS:
            for threads in (1, 3):
                results = self.run(feeds, tier=tier, threads=threads)
                assert all(np.array_equal(results[name], wanted[name]) for name in wanted), (tier, threads)
        return wanted


def graph_of(made: ModelProto) -> nodes.Graph:
    shapes: dict[str, nodes.Shape] = {
        name: [dim.dim_value if dim.dim_value > 0 else None for dim in known.shape.dim]
        for name, known in graphs.types(made).items()
        if known.elem_type == F32
    }
    constants = {tensor.name: tensor for tensor in made.graph.initializer}
    outputs = {output.name for output in made.graph.output}
    return nodes.Graph(list(made.graph.node), constants, shapes, outputs, graphs.opset(made))


def compiled(made: ModelProto) -> Compiled:
    """The whole graph as one network, worth it or not."""
    graph = graph_of(made)
    for one in graph.nodes:
        assert network._supported(graph, one), one.op_type
    weights: list[Array] = []
    region = Compiler(graph, list(range(len(graph.nodes))), weights).compile()
    return Compiled(region.plan, np.concatenate(weights or [np.zeros(1, np.float32)]), region.inputs, region.outputs)


def by_runtime(made: ModelProto | Path, feeds: dict[str, Any]) -> dict[str, Array]:
    source = str(made) if isinstance(made, Path) else made.SerializeToString()
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


class Network(OpRun):
    """A `Network` node for onnx's reference evaluator."""

    op_domain = network.DOMAIN

    def _run(self, weights: Array, *inputs: Array, plan: Any = None) -> tuple[Array, ...]:
        return tuple(_core.BareNetwork(list(plan), weights, FAST, 2).run(list(inputs)))


def by_reference(made: ModelProto, feeds: dict[str, Any]) -> dict[str, Array]:
    names = [output.name for output in made.graph.output]
    results = ReferenceEvaluator(made, new_ops=[Network]).run(names, feeds)
    return dict(zip(names, (np.asarray(result) for result in results), strict=True))


def by_parts(ready: ModelProto, feeds: dict[str, Array]) -> Array:
    """Node by node: a `Network` by BareNetwork, others by onnxruntime (onnx's reference has other cubics)."""
    values: dict[str, Any] = dict(feeds)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in ready.graph.initializer}
    for one in ready.graph.node:
        if one.op_type == "Network":
            plan = list(one.attribute[0].ints)
            inputs = [values[name] for name in one.input[1:]]
            results = _core.BareNetwork(plan, constants[one.input[0]], FAST, 1).run(inputs)
        else:
            used = {name: constants[name] for name in one.input if name in constants}
            shapes = {name: list(values[name].shape) for name in one.input if name in values}
            alone = model([one], used, shapes, list(one.output))
            results = list(by_runtime(alone, {name: values[name] for name in shapes}).values())
        values.update(zip(one.output, results, strict=True))
    return np.asarray(values[ready.graph.output[0].name])


def saved(folder: Path, made: ModelProto) -> Path:
    path = folder / "model.onnx"
    onnx.save(made, path)
    return path


def prepared(folder: Path, made: ModelProto, **options: Any) -> ModelProto:
    ready = prepare.prepare(saved(folder, made), output=0, network=True, **options)
    return onnx.load(ready)


def ops(made: ModelProto) -> list[str]:
    return [one.op_type for one in made.graph.node]


def assert_close(result: NDArray[Any], wanted: NDArray[Any], precision: float = PRECISION, scale: float = 0) -> None:
    assert result.shape == wanted.shape
    assert np.abs(result - wanted).max() <= precision * max(np.abs(wanted).max(), scale)


# --- single convolutions, against float64 ---


def convolve(x: Array, weights: Array, bias: Array, window: dict[str, Any]) -> NDArray[np.float64]:
    top, left, bottom, right = window["pads"]
    wide = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (top, bottom), (left, right)))
    (step_y, step_x), (rate_y, rate_x) = window["strides"], window["dilations"]
    size_y, size_x = weights.shape[2:]
    height = (wide.shape[2] - rate_y * (size_y - 1) - 1) // step_y + 1
    width = (wide.shape[3] - rate_x * (size_x - 1) - 1) // step_x + 1
    total = np.zeros((x.shape[0], height, width, weights.shape[0]))
    for j in range(size_y):
        for i in range(size_x):
            rows = slice(j * rate_y, j * rate_y + (height - 1) * step_y + 1, step_y)
            columns = slice(i * rate_x, i * rate_x + (width - 1) * step_x + 1, step_x)
            seen = np.ascontiguousarray(wide[:, :, rows, columns].transpose(0, 2, 3, 1))
            total += seen @ weights[:, :, j, i].astype(np.float64).T
    return total.transpose(0, 3, 1, 2) + bias[:, None, None]


ENDS = ["", "relu", "clip", "add", "relu add", "add relu", "clip add relu", "relu add clip"]


@dataclass(frozen=True)
class Case:
    """A convolution of the concatenated `depths`; `end` is what follows it."""

    depths: list[int]
    channels: int
    height: int
    width: int
    batch: int = 1
    kernel: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (1, 1, 1, 1)
    end: str = ""
    bias: bool = True

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the output."""
        room = [self.height + self.pads[0] + self.pads[2], self.width + self.pads[1] + self.pads[3]]
        reach = [rate * (size - 1) + 1 for rate, size in zip(self.dilations, self.kernel, strict=True)]
        height, width = ((r - e) // s + 1 for r, e, s in zip(room, reach, self.strides, strict=True))
        return height, width

    @property
    def window(self) -> dict[str, Any]:
        return {"strides": self.strides, "dilations": self.dilations, "pads": self.pads}

    def model(self) -> ModelProto:
        inputs = {f"x{i}": [self.batch, depth, self.height, self.width] for i, depth in enumerate(self.depths)}
        weights = {"w": self.weights, **({"b": self.offsets} if self.bias else {})}
        nodes = [node("Concat", " ".join(inputs), "x", axis=1), node("Conv", "x w b" if self.bias else "x w", "c0")]
        nodes[1].attribute.extend(helper.make_attribute(name, value) for name, value in self.window.items())
        if len(self.depths) == 1:
            del nodes[0]
            nodes[0].input[0] = "x0"
        for number, step in enumerate(self.end.split()):
            before, after = f"c{number}", f"c{number + 1}"
            if step == "relu":
                nodes.append(node("Relu", before, after))
            elif step == "clip":
                weights |= {"low": np.array(-0.25, np.float32), "high": np.array(0.5, np.float32)}
                nodes.append(node("Clip", f"{before} low high", after))
            else:
                inputs["r"] = [self.batch, self.channels, *self.size]
                nodes.append(node("Add", f"{before} r", after))
        return model(nodes, weights, inputs, [nodes[-1].output[0]])

    @property
    def weights(self) -> Array:
        return random(self.channels, sum(self.depths), *self.kernel, seed=1)

    @property
    def offsets(self) -> Array:
        return random(self.channels, seed=2)

    def feeds(self) -> dict[str, Array]:
        inputs = {f"x{i}": random(self.batch, n, self.height, self.width, seed=i) for i, n in enumerate(self.depths)}
        if "add" in self.end:
            inputs["r"] = random(self.batch, self.channels, *self.size, seed=9)
        return inputs

    def reference(self, feeds: dict[str, Array]) -> tuple[NDArray[np.float64], float]:
        """The result, and the largest value before it was clamped."""
        x = np.concatenate([feeds[f"x{i}"] for i in range(len(self.depths))], axis=1)
        y = convolve(x, self.weights, self.offsets if self.bias else np.zeros(self.channels, np.float32), self.window)
        largest = float(np.abs(y).max())
        for step in self.end.split():
            y = y + feeds["r"] if step == "add" else np.maximum(y, 0) if step == "relu" else np.clip(y, -0.25, 0.5)
        return y, largest

    def check(self) -> Compiled:
        made, feeds = compiled(self.model()), self.feeds()
        (result,) = made.same_everywhere(feeds).values()
        assert_close(result, *self.reference(feeds)[:1], scale=self.reference(feeds)[1])
        return made


@st.composite
def cases(draw: st.DrawFn, *, winograd: bool) -> Case:
    some = draw(st.integers(1, 3))
    depths = draw(st.lists(st.integers(1, 70 // some), min_size=some, max_size=some))
    side = st.integers(1, 27)
    if winograd:
        kernel, strides = (3, 3), (1, 1)
        dilations = (draw(st.sampled_from([1, 1, 2, 4, 8])),) * 2
    else:
        one = st.sampled_from([1, 2, 4, 8])
        kernel = draw(st.sampled_from([(1, 1), (3, 3), (3, 1), (1, 3), (2, 2), (5, 5), (4, 7)]))
        strides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
        dilations = draw(st.tuples(one, one))
    most = max(rate * (size - 1) for rate, size in zip(dilations, kernel, strict=True))
    pad = st.one_of(st.just(dilations[0]), st.integers(0, most + 2))
    case = Case(
        depths=depths,
        channels=draw(st.integers(1, 70)),
        height=draw(side),
        width=draw(side),
        batch=draw(st.integers(1, 3)),
        kernel=kernel,
        strides=strides,
        dilations=dilations,
        pads=draw(st.tuples(pad, pad, pad, pad)),
        end=draw(st.sampled_from(ENDS)),
        bias=draw(st.booleans()),
    )
    if min(case.size) < 1:
        reject()
    return case


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases(winograd=True))
def test_square_convolutions_of_any_size(case: Case) -> None:
    case.check()


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(cases(winograd=False))
def test_convolutions_with_any_window(case: Case) -> None:
    case.check()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("channels", [3, 40])
def test_every_end_of_a_convolution(end: str, channels: int) -> None:
    Case([20], channels, 13, 18, batch=2, end=end).check()


@pytest.mark.parametrize(
    ("case", "algorithm"),
    [
        (Case([32], 32, 8, 8, batch=2), "winograd F4"),
        (Case([17, 3], 33, 56, 55), "winograd"),
        (Case([24], 40, 30, 29, batch=2, end="relu"), "winograd F6"),
        (Case([16, 16], 20, 83, 77, end="add relu"), "winograd F6"),
        (Case([16], 140, 84, 60, dilations=(2, 2), pads=(2, 2, 2, 2)), "winograd F6"),
        (Case([64], 32, 64, 61, dilations=(8, 8), pads=(8, 8, 8, 8)), "winograd"),
        (Case([70], 70, 1, 1, batch=3), "direct"),
        (Case([3], 64, 40, 37, strides=(2, 2)), "direct"),
        (Case([2, 1], 18, 21, 17), "direct"),
        (Case([66], 34, 21, 17, kernel=(1, 1), pads=(0, 0, 0, 0)), "direct"),
        (Case([70], 1, 33, 35), "dot"),
        (Case([5, 40], 4, 33, 35, end="clip"), "dot"),
    ],
    ids=str,
)
def test_every_way_to_do_a_convolution(case: Case, algorithm: str) -> None:
    made = case.check()
    assert any(row.startswith(algorithm) for row in made.algorithms(case.feeds())), made.algorithms(case.feeds())


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depths", [[1], [4, 2], [3, 1, 1, 1, 1, 1], [20], [4, 16]])
def test_outputs_of_few_channels(depths: list[int], channels: int) -> None:
    """As planes where the input has many, from planes where it has few."""
    Case(depths, channels, 11, 14, batch=2, end="relu").check()
    Case(depths, channels, 11, 14, kernel=(1, 1), pads=(0, 0, 0, 0)).check()


def test_not_a_number_and_infinity_stay() -> None:
    case = Case([20], 20, 9, 9, kernel=(1, 1), pads=(0, 0, 0, 0), end="relu")
    feeds = case.feeds()
    feeds["x0"][0, 0, 0, 0] = np.nan
    made = compiled(case.model())
    for tier in TIERS:
        (result,) = made.run(feeds, tier=tier).values()
        assert np.isnan(result[0, :, 0, 0]).all()
        assert np.isfinite(result[0, :, 1:]).all()


def test_inputs_of_other_shapes_are_refused() -> None:
    made = compiled(Case([20, 3], 20, 9, 9, end="add").model())
    good = {"x0": random(1, 20, 9, 9), "x1": random(1, 3, 9, 9), "r": random(1, 20, 9, 9)}
    for name, shape in {"x0": (1, 21, 9, 9), "x1": (1, 3, 9, 8), "r": (1, 20, 8, 9)}.items():
        with pytest.raises((errors.OptionError, errors.InferenceError)):
            made.run({**good, name: random(*shape)})
    with pytest.raises(errors.InferenceError):
        made.run({name: random(0, *array.shape[1:]) for name, array in good.items()})
    network_of = _core.BareNetwork(made.plan, made.weights, FAST, 1)
    with pytest.raises(errors.OptionError, match="number of inputs"):
        network_of.run([good["x0"]])


# --- pools and resizes, against onnxruntime ---


@pytest.mark.parametrize("ceil", [0, 1])
@pytest.mark.parametrize(
    ("kernel", "strides", "pads"),
    [
        ([2, 2], [2, 2], [0, 0, 0, 0]),
        ([3, 3], [2, 2], [1, 1, 1, 1]),
        ([3, 3], [2, 2], [0, 0, 1, 1]),
        ([3, 2], [1, 3], [2, 1, 0, 1]),
        ([5, 5], [1, 1], [2, 2, 2, 2]),
        ([1, 1], [2, 2], [0, 0, 0, 0]),
    ],
)
def test_max_pools(kernel: list[int], strides: list[int], pads: list[int], ceil: int) -> None:
    """Of an input, and of a convolution that may do it on the way."""
    attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads, "ceil_mode": ceil}
    nodes = [
        node("MaxPool", "x", "p", **attributes),
        node("Conv", "x w", "c", pads=[1, 1, 1, 1]),
        node("MaxPool", "c", "q", **attributes),
        node("Relu", "c2", "r"),
        node("MaxPool", "r", "s", **attributes),
    ]
    nodes.insert(3, node("Conv", "x w", "c2", pads=[1, 1, 1, 1]))
    for height, width in [(5, 5), (6, 9), (21, 34), (30, 15)]:
        made = model(nodes, {"w": random(20, 18, 3, 3)}, {"x": [2, 18, height, width]}, ["p", "q", "s"])
        feeds = {"x": random(2, 18, height, width)}
        wanted = by_runtime(made, feeds)
        results = compiled(made).same_everywhere(feeds)
        assert np.array_equal(results["p"], wanted["p"])
        assert_close(results["q"], wanted["q"])
        assert_close(results["s"], wanted["s"])


COORDINATES = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]
BLENDS = ["linear", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
SIZES = [((7, 9), (14, 27)), ((7, 9), (16, 20)), ((12, 15), (5, 8)), ((12, 16), (6, 4)), ((5, 6), (5, 6)),
         ((1, 1), (6, 5)), ((6, 5), (1, 1)), ((11, 6), (5, 13))]  # fmt: skip
SCALES = [((7, 9), (2.0, 3.0)), ((7, 9), (2.25, 1.75)), ((12, 15), (0.5, 0.625)), ((11, 6), (0.375, 2.5)),
          ((5, 6), (1.0, 1.0)), ((1, 1), (4.0, 5.0))]  # fmt: skip
TIED_SIZES = [((20, 7), (46, 1)), ((7, 10), (19, 22)), ((14, 14), (4, 34)), ((7, 20), (34, 28)), ((7, 25), (58, 28))]
TIED_SCALES = [((7, 9), (2.3, 1.7)), ((12, 15), (0.5, 0.6)), ((11, 6), (0.4, 2.5))]


def resize_model(blend: str, coordinates: str, size: tuple[int, int], last: list[str], target: Any) -> ModelProto:
    """Blocks and planes resized to outputs, and blocks that a Winograd convolution samples on its way in."""
    attributes: dict[str, Any] = {"mode": "linear" if blend == "linear" else "nearest"}
    attributes["coordinate_transformation_mode"] = coordinates
    if blend != "linear":
        attributes["nearest_mode"] = blend
    by_size = isinstance(target[0], int)
    weights: dict[str, NDArray[Any]] = {"w": random(24, 20, 3, 3), "v": random(24, 3, 3, 3)}
    for name, channels in (("many", 20), ("few", 3)):
        weights[name] = np.array([1, channels, *target], np.int64) if by_size else np.array([1, 1, *target], np.float32)
    read = "- - {}" if by_size else "- {}"
    nodes = [
        node("Resize", f"x {read.format('many')}", "a", **attributes),
        node("Resize", f"z {read.format('few')}", "b", **attributes),
        node("Resize", f"x {read.format('many')}", "c", **attributes),
        node("Conv", "c w", "d", pads=[1, 1, 1, 1]),
        node("Resize", f"z {read.format('few')}", "e", **attributes),
        node("Conv", "e v", "f", pads=[1, 1, 1, 1]),
    ]
    made = model(nodes, weights, {"x": [1, 20, *size], "z": [1, 3, *size]}, last)
    graphs.sweep(made.graph)
    return made


def is_taken(blend: str, coordinates: str, size: tuple[int, int], target: Any) -> bool:
    made = resize_model(blend, coordinates, size, ["a"], target)
    graph = graph_of(made)
    return network._supported(graph, graph.nodes[0])


def check_resizes(blend: str, coordinates: str, cases: list[tuple[tuple[int, int], Any]]) -> None:
    for size, target in cases:
        if not is_taken(blend, coordinates, size, target):
            continue
        made = resize_model(blend, coordinates, size, ["a", "b", "d", "f"], target)
        feeds = {"x": random(1, 20, *size), "z": random(1, 3, *size)}
        wanted = by_runtime(made, feeds)
        results = compiled(made).run(feeds, threads=2)
        for name in wanted:
            assert results[name].shape == wanted[name].shape, (name, size, target)
            bound = PRECISION * np.abs(wanted[name]).max() if blend == "linear" or name in "df" else 0
            difference = float(np.abs(results[name] - wanted[name]).max())
            assert difference <= bound, (name, size, target)


@pytest.mark.parametrize("cases", [SIZES, SCALES], ids=["sizes", "scales"])
@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("blend", BLENDS)
def test_resizes(blend: str, coordinates: str, cases: Any) -> None:
    check_resizes(blend, coordinates, cases)


@pytest.mark.parametrize("cases", [TIED_SIZES, TIED_SCALES], ids=["sizes", "scales"])
@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("blend", BLENDS)
def test_resizes_whose_positions_are_rounded(blend: str, coordinates: str, cases: Any) -> None:
    """Positions at or beside a whole or a half pixel: which is the nearest is a matter of float32 arithmetic."""
    check_resizes(blend, coordinates, cases)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("blend", BLENDS)
def test_resizes_by_whole_factors_are_taken(blend: str, coordinates: str) -> None:
    for target in [(14, 27), (2.0, 3.0), (7, 9), (1.0, 1.0)]:
        assert is_taken(blend, coordinates, (7, 9), target)


@pytest.mark.parametrize("size", [(16, 20), (5, 4)])
def test_linear_resizes_to_any_size_are_taken(size: tuple[int, int]) -> None:
    assert is_taken("linear", "half_pixel", (7, 9), size)


@pytest.mark.parametrize(
    ("blend", "size", "target"),
    [
        ("linear", (8, 8), (1.05, 1.0)),  # the runtime copies what keeps its size, whatever the scale
        ("linear", (10, 10), (0.7, 0.7)),  # 7 with float32, 6.9999999 with float64
        ("floor", (7, 9), (19, 27)),  # which pixel is the nearest may hang on the last bit
        ("floor", (7, 9), (2.3, 2.0)),
    ],
)
def test_resizes_that_hang_on_rounding_are_left(blend: str, size: tuple[int, int], target: Any) -> None:
    assert not is_taken(blend, "asymmetric", size, target)


def test_convolution_samples_a_resized_input() -> None:
    made = compiled(resize_model("linear", "half_pixel", (9, 10), ["d"], (18, 27)))
    assert "resize" not in made.algorithms({"x": random(1, 20, 9, 10), "z": random(1, 3, 9, 10)})
    made.same_everywhere({"x": random(1, 20, 9, 10), "z": random(1, 3, 9, 10)})


# --- whole graphs ---


def rsu(b: Builder, x: str, channels: int, middle: int, sizes: list[tuple[int, int]]) -> str:
    """A block of U2-Net: down through ceil pools, up by bilinear resizes, a sum at the end."""
    first = b.relu(b.conv(x, channels))
    downs, y = [], first
    for number in range(len(sizes)):
        y = b.relu(b.conv(y if number == 0 else b.pool(y), middle))
        downs.append(y)
    y = b.relu(b.conv(y, middle, dilation=2))
    for number in reversed(range(len(sizes))):
        if number < len(sizes) - 1:
            y = b.resize(y, *sizes[number])
        y = b.relu(b.conv(b.concat(y, downs[number]), middle if number else channels))
    return b.add(y, first)


def halves(height: int, width: int, count: int) -> list[tuple[int, int]]:
    sizes = [(height, width)]
    for _ in range(count - 1):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def u2net(height: int = 43, width: int = 38, batch: Any = 1) -> ModelProto:
    b = Builder(channels={"input": 3})
    sizes = halves(height, width, 5)
    one = rsu(b, "input", 24, 12, sizes[:4])
    two = rsu(b, b.pool(one), 32, 16, sizes[1:4])
    three = rsu(b, b.pool(two), 40, 16, sizes[2:4])
    up = rsu(b, b.concat(b.resize(three, *sizes[1]), two), 32, 16, sizes[1:4])
    top = rsu(b, b.concat(b.resize(up, *sizes[0]), one), 24, 12, sizes[:4])
    sides = [b.conv(top, 1), b.resize(b.conv(up, 1), height, width), b.resize(b.conv(three, 1), height, width)]
    b.op("Sigmoid", b.conv(b.concat(*sides), 1, 1), 1)
    return b.model("output", [batch, 3, height, width])


def resnet(height: Any = 37, width: Any = 50, batch: Any = 1) -> ModelProto:
    b = Builder(channels={"input": 3})
    y = b.relu(b.norm(b.conv("input", 20, 7, stride=2)))
    y = b.op("MaxPool", y, 20, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for channels, stride in [(20, 1), (36, 2), (36, 1)]:
        short = y if stride == 1 else b.norm(b.conv(y, channels, 1, stride=stride))
        y = b.relu(b.norm(b.conv(y, channels, stride=stride)))
        y = b.relu(b.add(b.norm(b.conv(b.relu(b.norm(b.conv(y, channels))), channels)), short))
    b.op("Sigmoid", b.conv(y, 1, 1), 1)
    return b.model("output", [batch, 3, height, width])


def modnet(height: int = 48, width: int = 48, batch: Any = 1) -> ModelProto:
    """With nodes that stay the runtime's between: each stage of convolutions is a region of its own."""
    b = Builder(channels={"input": 3})
    limits = " ".join(b.constant(np.array(limit, np.float32)) for limit in (0, 6))
    low = b.op("Clip", f"{b.conv('input', 16)} {limits}", 16)
    y = b.conv(b.pool(b.relu(b.conv(low, 24))), 24)
    ones, zeros = b.constant(np.ones(24, np.float32)), b.constant(np.zeros(24, np.float32))
    y = b.op("InstanceNormalization", f"{y} {ones} {zeros}", 24)
    y = b.conv(b.relu(b.conv(y, 24)), 24)
    y = b.relu(b.conv(y, 24, group=24))
    y = b.relu(b.conv(y, 32))
    weighed = b.op("Sigmoid", b.conv(b.op("GlobalAveragePool", y, 32), 32, 1), 32)
    y = b.op("Mul", f"{y} {weighed}", 32)
    y = b.relu(b.conv(b.concat(b.resize(b.conv(y, 16), height, width), low), 24))
    b.op("Sigmoid", b.conv(b.conv(y, 16), 1), 1)
    return b.model("output", [batch, 3, height, width])


WHOLE = ["Network", "Sigmoid"]
NETWORKS = {"u2net": (u2net, WHOLE), "resnet": (resnet, WHOLE), "modnet": (modnet, [])}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_give_what_the_runtime_gives(tmp_path: Path, name: str) -> None:
    build, left = NETWORKS[name]
    made = build()
    ready = prepared(tmp_path, made)
    assert ops(ready) == left or not left
    shape = [dim.dim_value for dim in made.graph.input[0].type.tensor_type.shape.dim]
    feeds = {"input": random(*shape)}
    wanted = by_runtime(made, feeds)["output"]
    assert np.ptp(wanted) > 0.1
    assert_close(by_reference(ready, feeds)["output"], wanted)


def test_network_is_the_same_everywhere(tmp_path: Path) -> None:
    ready = prepared(tmp_path, u2net())
    (weights,) = (numpy_helper.to_array(tensor) for tensor in ready.graph.initializer if tensor.name == network.WEIGHTS)
    (one,) = (one for one in ready.graph.node if one.op_type == "Network")
    made = Compiled(list(one.attribute[0].ints), weights, list(one.input[1:]), list(one.output))
    made.same_everywhere({"input": random(2, 3, 43, 38)})


def test_nodes_that_we_do_not_run_make_several_regions(tmp_path: Path) -> None:
    kinds = ops(prepared(tmp_path, modnet()))
    assert kinds.count("Network") >= 3
    assert {"InstanceNormalization", "GlobalAveragePool", "Conv", "Mul"} < set(kinds)


@pytest.mark.parametrize(
    "made",
    [u2net(batch="n"), modnet(batch="n"), resnet(batch="n"), resnet(height="h", width="w", batch="n")],
    ids=["u2net", "modnet", "resnet", "resnet of any size"],
)
def test_any_batch(tmp_path: Path, made: ModelProto) -> None:
    ready = prepared(tmp_path, made)
    assert "Network" in ops(ready)
    _, _, height, width = (dim.dim_value or 41 for dim in made.graph.input[0].type.tensor_type.shape.dim)
    for batch in (1, 2):
        feeds = {"input": random(batch, 3, height, width)}
        assert_close(by_reference(ready, feeds)["output"], by_runtime(made, feeds)["output"])


def test_sizes_that_are_computed_split_no_region(tmp_path: Path) -> None:
    """With a batch of any size they stay a Shape, a Slice and a Concat, of which nothing is needed in the end."""
    assert ops(prepared(tmp_path, u2net(batch="n"))) == WHOLE


def test_batch_norms_are_folded(tmp_path: Path) -> None:
    assert "BatchNormalization" not in ops(prepared(tmp_path, resnet()))


# --- what is not taken ---

SQUARE = {"w": random(16, 16, 3, 3) / 12}


def conv(inputs: str, output: str, **attributes: Any) -> NodeProto:
    return node("Conv", inputs, output, **{"pads": [1, 1, 1, 1], **attributes})


REFUSED: dict[str, tuple[list[NodeProto], dict[str, NDArray[Any]], dict[str, Any]]] = {
    "group": ([conv("x v", "y", group=4)], {"v": random(16, 4, 3, 3)}, {}),
    "1x1": ([conv("x v", "y", pads=[0] * 4)], {"v": random(16, 16, 1, 1)}, {}),
    "stride": ([conv("x w", "y", strides=[2, 2])], {}, {}),
    "few channels": ([conv("x v", "y")], {"v": random(4, 16, 3, 3)}, {}),
    "auto_pad": ([node("Conv", "x w", "y", auto_pad="SAME_UPPER")], {}, {}),
    "float16": ([conv("x v", "y")], {"v": SQUARE["w"].astype(np.float16)}, {"kind": F16}),
    "double": ([conv("x v", "y")], {"v": SQUARE["w"].astype(np.float64)}, {"kind": F64}),
    "computed weights": ([node("Relu", "w", "v"), node("Neg", "x", "n"), node("Conv", "n x", "y")], {}, {}),
    "rank 3": ([node("Conv", "x v", "y")], {"v": random(16, 16, 3)}, {"shape": [1, 16, 12]}),
}
ODD_RESIZES: list[dict[str, Any]] = [
    {"mode": "cubic"},
    {"mode": "linear", "antialias": 1},
    {"mode": "linear", "coordinate_transformation_mode": "half_pixel_symmetric"},
]


@pytest.mark.parametrize("name", REFUSED)
def test_graphs_that_stay_as_they_are(tmp_path: Path, name: str) -> None:
    nodes, weights, options = REFUSED[name]
    shape = options.pop("shape", [16, 16, 12, 12])
    made = model(nodes, {**({} if "v" in weights else SQUARE), **weights}, {"x": shape}, ["y"], **options)
    path = saved(tmp_path, made)
    left = [prepare.prepare(path, output=0, widen=False, network=own) for own in (False, True)]
    assert left[0] != left[1]
    assert onnx.load(left[0]).graph == onnx.load(left[1]).graph
    assert prepare.details(left[1])["convolutions"]["replaced"] == []
    assert len(prepare.details(left[1])["convolutions"]["left"]) == 1
    assert not left[1].with_suffix(".weights").exists()
    feeds = {"x": random(*shape).astype(helper.tensor_dtype_to_np_dtype(options.get("kind", F32)))}
    if options.get("kind") == F64:  # the runtime has no such convolution
        result, wanted = by_reference(onnx.load(left[1]), feeds)["y"], by_reference(made, feeds)["y"]
    else:
        result, wanted = by_runtime(left[1], feeds)["y"], by_runtime(made, feeds)["y"]
    assert np.array_equal(result, wanted)


def taken_but(between: list[NodeProto], weights: dict[str, NDArray[Any]]) -> ModelProto:
    """Convolutions that are taken before (`a`, also `a2`) and behind (`b`) what is not."""
    nodes = [conv("x w", "a"), conv("a w", "a2"), *between, conv("b w", "c"), node("Relu", "c", "y")]
    return model(nodes, {**SQUARE, **weights}, {"x": [1, 16, 12, 13]}, ["y"])


@pytest.mark.parametrize(
    ("between", "weights"),
    [
        *(([node("Resize", "a2 - - s", "b", **odd)], {"s": np.array([1, 16, 18, 20])}) for odd in ODD_RESIZES),
        ([node("MaxPool", "a2", "b", kernel_shape=[3, 3], auto_pad="SAME_UPPER")], {}),
        ([node("MaxPool", "a2", "b", kernel_shape=[3, 3], dilations=[2, 2])], {}),
        ([node("Add", "a2 s", "b")], {"s": random(1, 16, 1, 1)}),
        ([node("ReduceMean", "a2 axes", "m", keepdims=1), node("Add", "m a", "b")], {"axes": np.array([2, 3])}),
        ([node("Neg", "a2", "m"), node("Clip", "m low", "b")], {"low": np.array(-1, np.float32)}),
        ([node("Concat", "a a2", "m", axis=2), node("Neg", "m", "b")], {}),
    ],
    ids=["cubic", "antialias", "symmetric", "same", "dilated", "constant", "broadcast", "clip", "rows"],
)
def test_nodes_that_stay_between(tmp_path: Path, between: list[NodeProto], weights: dict[str, NDArray[Any]]) -> None:
    made = taken_but(between, weights)
    ready = prepared(tmp_path, made)
    assert [kind for kind in ops(ready) if kind != "Network"] == [one.op_type for one in between]
    assert ops(ready).count("Network") == 2
    feeds = {"x": random(1, 16, 12, 13)}
    assert_close(by_parts(ready, feeds), by_runtime(made, feeds)["y"])


def test_a_concatenation_that_others_read_stays(tmp_path: Path) -> None:
    weights = {**SQUARE, "v": random(16, 32, 3, 3) / 17}
    nodes = [conv("x w", "a"), conv("a w", "b"), node("Concat", "a b", "c", axis=1), conv("c v", "d"),
             node("ReduceMean", "c axes", "m", keepdims=1), node("Add", "d m", "y")]  # fmt: skip
    made = model(nodes, {**weights, "axes": np.array([1, 2, 3])}, {"x": [1, 16, 12, 13]}, ["y"])
    ready = prepared(tmp_path, made)
    assert "Concat" in ops(ready)
    assert "Network" in ops(ready)
    feeds = {"x": random(1, 16, 12, 13)}
    assert_close(by_reference(ready, feeds)["y"], by_runtime(made, feeds)["y"])


SHARED = [conv("x w", "a"), node("Relu", "a", "b"), conv("b w", "c"), node("Add", "c b", "d"), node("Relu", "d", "e"),
          node("Concat", "e b", "f", axis=1), conv("f v", "g"), conv("g o", "h"), conv("h u", "y")]  # fmt: skip


@pytest.mark.parametrize("also", [*"abcdefgh", "ab", "de", "ce", "abcdefgh"])
def test_values_between_that_are_outputs_too(also: str) -> None:
    weights = {**SQUARE, "v": random(16, 32, 3, 3) / 17, "o": random(2, 16, 3, 3) / 12, "u": random(16, 2, 3, 3) / 4}
    made = model(SHARED, weights, {"x": [2, 16, 12, 13]}, ["y", *also])
    feeds = {"x": random(2, 16, 12, 13)}
    wanted = by_runtime(made, feeds)
    passes.compile_network(made, passes.Plan(0, network=True))
    assert set(ops(made)) <= {"Network", "Relu"}  # a Relu stays where others see what was before it
    results = by_reference(made, feeds)
    for name, value in wanted.items():
        assert_close(results[name], value)


def test_a_value_under_two_names_is_left() -> None:
    """A Concat of one value is that value; both are outputs."""
    nodes = [conv("x v", "a"), node("Concat", "a", "b", axis=1)]
    made = model(nodes, {"v": random(16, 16, 3, 3)}, {"x": [1, 16, 9, 9]}, ["a", "b"])
    assert not network._supported(graph_of(made), made.graph.node[1])


def test_value_read_inside_a_subgraph(tmp_path: Path) -> None:
    """`a` is read by a Relu and, out of sight, by the branches of an If."""

    def branch(op: str, name: str) -> onnx.GraphProto:
        value = helper.make_tensor_value_info(name, F32, [1, 16, 12, 13])
        return helper.make_graph([node(op, "a", name)], name, [], [value])

    choice = helper.make_node("If", ["yes"], ["d"], then_branch=branch("Neg", "t"), else_branch=branch("Abs", "f"))
    nodes = [conv("x w", "a"), node("Relu", "a", "b"), conv("b w", "c"), node("ReduceSum", "c", "sum", keepdims=0),
             node("Less", "sum large", "yes"), choice, node("Mul", "c d", "y")]  # fmt: skip
    made = model(nodes, {**SQUARE, "large": np.array(1e9, np.float32)}, {"x": [1, 16, 12, 13]}, ["y"])
    feeds = {"x": random(1, 16, 12, 13)}
    ready = prepared(tmp_path, made)
    assert "Network" in ops(ready)
    assert_close(by_reference(ready, feeds)["y"], by_runtime(made, feeds)["y"])


@pytest.mark.parametrize("swapped", [False, True])
def test_sums_of_convolutions(swapped: bool) -> None:
    """Two convolutions that each could take the other as its residual, a sum with itself, a sum of sums."""
    add = node("Add", "b a" if swapped else "a b", "c")
    nodes = [conv("x w", "a"), conv("x v", "b"), add, node("Relu", "c", "d"), conv("d w", "e"), node("Add", "e e", "f"),
             conv("f w", "g"), node("Relu", "g", "h"), node("Add", "h x", "i"), node("Add", "i d", "j"),
             node("Clip", "j low", "k"), conv("k w", "l"), node("Add", "x l", "y")]  # fmt: skip
    weights = {**SQUARE, "v": random(16, 16, 3, 3, seed=5) / 12, "low": np.array(-0.5, np.float32)}
    made = model(nodes, weights, {"x": [1, 16, 17, 13]}, ["y"])
    feeds = {"x": random(1, 16, 17, 13)}
    assert_close(compiled(made).same_everywhere(feeds)["y"], by_runtime(made, feeds)["y"])


def test_planes_and_blocks_concatenated() -> None:
    """Three channels of the input in planes, three of a pool in a block, one and twenty of convolutions."""
    pool = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [node("MaxPool", "x", "p", **pool), node("Concat", "x p", "q", axis=1), conv("q w", "a"), conv("a v", "b"),
             node("Concat", "b x p a", "r", axis=1), conv("r u", "c"), conv("q t", "d"),
             node("Concat", "d b", "e", axis=-3), node("Concat", "e c", "f", axis=1), conv("f s", "y")]  # fmt: skip
    shapes = {"w": (20, 6), "v": (1, 20), "u": (18, 27), "t": (2, 6), "s": (17, 21)}
    weights = {name: random(*shape, 3, 3) / 9 for name, shape in shapes.items()}
    made = model(nodes, weights, {"x": [2, 3, 14, 13]}, ["y", "d"])
    feeds = {"x": random(2, 3, 14, 13)}
    results, wanted = compiled(made).same_everywhere(feeds), by_runtime(made, feeds)
    assert_close(results["y"], wanted["y"])
    assert_close(results["d"], wanted["d"])


def test_inverted_limits_stay_the_runtime_s(tmp_path: Path) -> None:
    weights = {**SQUARE, "low": np.array(1, np.float32), "high": np.array(-1, np.float32)}
    made = model([conv("x w", "a"), node("Clip", "a low high", "y")], weights, {"x": [1, 16, 12, 12]}, ["y"])
    assert ops(prepared(tmp_path, made)) == ["Network", "Clip"]


def test_limits_as_attributes() -> None:
    clips = [node("Clip", "a", "b", min=-0.5, max=0.25), node("Clip", "c", "y", max=0.5)]
    nodes = [conv("x w", "a"), clips[0], conv("b w", "c"), clips[1]]
    made = model(nodes, SQUARE, {"x": [1, 16, 12, 12]}, ["y"], opset=10)
    feeds = {"x": random(1, 16, 12, 12)}
    assert_close(compiled(made).run(feeds)["y"], by_runtime(made, feeds)["y"])


# --- the files ---


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return saved(tmp_path, resnet())


def made(source: Path) -> list[Path]:
    """The prepared model: graph, weights, manifest."""
    ready = prepare.prepare(source, output=0, network=True)
    return [ready, ready.with_suffix(".weights"), ready.with_suffix(".json")]


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 4)


def changed(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x40
    time = file.stat().st_mtime_ns + 10**9
    file.write_bytes(content)
    os.utime(file, ns=(time, time))


@pytest.mark.parametrize("damage", [cut, changed, Path.unlink])
@pytest.mark.parametrize("place", [0, 1])
def test_damaged_files_are_made_anew(source: Path, damage: Any, place: int) -> None:
    files = made(source)
    contents = [file.read_bytes() for file in files[:2]]
    damage(files[place])
    assert made(source) == files
    assert [file.read_bytes() for file in files[:2]] == contents


@pytest.mark.parametrize(
    "manifest",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}", b'{"files": {}}', b'{"files": []}', b'{"files": {"x": {}}}',
     b'{"files": {"model.onnx": 3}}'],
)  # fmt: skip
def test_damaged_manifest_is_made_anew(source: Path, manifest: bytes) -> None:
    files = made(source)
    wanted = prepare.details(files[0])
    files[2].write_bytes(manifest)
    assert made(source) == files
    assert prepare.details(files[0]) == wanted
    assert len(wanted["convolutions"]["replaced"]) > 5


@pytest.mark.parametrize("convolutions", [None, [], {}, 3])
def test_manifest_without_convolutions(grey_and_clear: ModelSpec, convolutions: Any) -> None:
    """The files are there; what was done to the graph is not."""
    wanted = Session(grey_and_clear, device="cpu").details
    manifest = Path(wanted["graph"]).with_suffix(".json")
    state = {**json.loads(manifest.read_text()), "convolutions": convolutions}
    if convolutions is None:
        del state["convolutions"]
    manifest.write_text(json.dumps(state))
    assert Session(grey_and_clear, device="cpu").details == wanted


def test_copied_files_are_kept(source: Path, tmp_path: Path) -> None:
    files = made(source)
    for file in files:
        os.utime(file, ns=(10**18, 10**18))
    assert made(source) == files
    assert [file.stat().st_mtime_ns for file in files] == [10**18] * 3
    elsewhere = tmp_path / "copy"
    elsewhere.mkdir()
    for file in (source, *files):
        shutil.copyfile(file, elsewhere / file.name)
    copied = elsewhere / files[0].name
    os.utime(copied, ns=(10**18, 10**18))
    assert made(elsewhere / source.name)[0] == copied
    assert copied.stat().st_mtime_ns == 10**18


def test_with_and_without_network_are_two_files(source: Path) -> None:
    plain, own = (prepare.prepare(source, output=0, network=network) for network in (False, True))
    assert plain != own
    assert "Network" not in ops(onnx.load(plain))
    assert not plain.with_suffix(".weights").exists()
    assert "Network" in ops(onnx.load(own))
    assert own.with_suffix(".weights").stat().st_size > own.stat().st_size
    assert prepare.details(plain) == {"convolutions": {"replaced": [], "left": []}}


# --- sessions ---


def spec_of(folder: Path, made: ModelProto, size: int) -> ModelSpec:
    return ModelSpec.for_file(saved(folder, made), like="isnet-general-use", size=(size, size))


@pytest.fixture
def grey_and_clear(tmp_path: Path) -> ModelSpec:
    return spec_of(tmp_path, modnet(), 48)


def photo(seed: int = 5) -> NDArray[np.uint8]:
    small = np.random.default_rng(seed).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((45, 70), Image.Resampling.BILINEAR))


@pytest.mark.parametrize("build", [u2net, modnet])
def test_session_with_and_without_our_own(tmp_path: Path, build: Any) -> None:
    spec = spec_of(tmp_path, build(height=48, width=48), 48)
    own, plain = (Session(spec, device="cpu", threads=2, optimize=optimize) for optimize in (True, False))
    assert own.details["graph"] != plain.details["graph"]
    masks = [session.mask(photo(), dtype="float32") for session in (own, plain)]
    assert np.abs(masks[0] - masks[1]).max() < 1e-3  # the range of values is stretched to 0..1
    assert np.ptp(masks[0]) > 0.9


def test_details_name_the_convolutions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RMBG_FAST_CONV", raising=False)
    original = modnet()
    for number, one in enumerate(original.graph.node):
        one.name = f"{one.op_type}_{number}" if number % 2 else ""
    known = {one.name or one.output[0] for one in original.graph.node if one.op_type == "Conv"}
    spec = spec_of(tmp_path, original, 48)
    details = Session(spec, device="cpu").details
    assert details["tier"] == _core.network_tier() != ""
    replaced, left = details["convolutions"]["replaced"], details["convolutions"]["left"]
    assert sorted([*replaced, *left]) == sorted(known)
    graph = onnx.load(details["graph"], load_external_data=False).graph
    assert left == [one.name or one.output[0] for one in graph.node if one.op_type == "Conv"]
    assert len(left) == 2  # with group, and 1x1 of a mean
    details["convolutions"]["left"].clear()
    plain = Session(spec, device="cpu", optimize=False).details
    assert plain["tier"] == ""
    assert plain["convolutions"] == {"replaced": [], "left": []}


def test_environment_turns_it_off(grey_and_clear: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Session(grey_and_clear, device="cpu", optimize=False)
    monkeypatch.setenv("RMBG_FAST_CONV", "off")
    off = Session(grey_and_clear, device="cpu")
    assert off.details == plain.details
    assert np.array_equal(off.mask(photo()), plain.mask(photo()))


def test_environment_names_the_tier(grey_and_clear: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    masks = []
    for tier in TIERS:
        monkeypatch.setenv("RMBG_FAST_CONV", tier)
        session = Session(grey_and_clear, device="cpu")
        assert session.details["tier"] == tier
        masks.append(session.mask(photo(), dtype="float32"))
    assert all(np.array_equal(mask, masks[0]) for mask in masks)
    missing = [name for name, runs in _core.network_tiers().items() if not runs]
    for name in ["sse", "AVX2", *missing]:
        monkeypatch.setenv("RMBG_FAST_CONV", name)
        with pytest.raises(errors.OptionError, match=f"'{name}'"):
            Session(grey_and_clear, device="cpu")


def test_graph_without_work_for_us_has_no_tier(tmp_path: Path) -> None:
    b = Builder(channels={"input": 3})
    b.conv("input", 1, 1)
    details = Session(spec_of(tmp_path, b.model("output", [1, 3, 32, 32]), 32), device="cpu").details
    assert details["tier"] == ""
    assert details["convolutions"] == {"replaced": [], "left": ["output"]}


def test_threads_share_a_session(grey_and_clear: ModelSpec) -> None:
    session = Session(grey_and_clear, device="cpu", threads=2)
    photos = [photo(seed) for seed in range(4)]
    wanted = [session.mask(image, dtype="float32") for image in photos]
    assert not np.array_equal(wanted[0], wanted[1])

    def same(number: int) -> bool:
        masks = (session.mask(photos[number], dtype="float32") for _ in range(15))
        return all(np.array_equal(mask, wanted[number]) for mask in masks)

    assert in_threads(4, same) == [True] * 4


def as_if_written(ready: Path) -> None:
    """Make the manifest describe what lies there now."""
    manifest = ready.with_suffix(".json")
    state = json.loads(manifest.read_text())
    state["files"] = {name: prepare._state(ready.with_name(name)) for name in state["files"]}
    manifest.write_text(json.dumps(state))


@pytest.mark.parametrize("damage", ["no graph", "another plan", "fewer weights"])
def test_session_makes_a_graph_anew_that_it_cannot_load(grey_and_clear: ModelSpec, damage: str) -> None:
    before = Session(grey_and_clear, device="cpu")
    wanted, ready = before.mask(photo()), Path(before.details["graph"])
    good = ready.read_bytes()
    del before
    graph = onnx.load(ready, load_external_data=False)
    if damage == "another plan":
        next(one for one in graph.graph.node if one.op_type == "Network").attribute[0].ints[0] += 1
    if damage == "fewer weights":
        ready.with_suffix(".weights").write_bytes(b"\0" * 64)
    ready.write_bytes(b"no graph" if damage == "no graph" else graph.SerializeToString())
    as_if_written(ready)
    after = Session(grey_and_clear, device="cpu")
    assert np.array_equal(after.mask(photo()), wanted)
    assert after.details["tier"] == _core.network_tier()
    assert ready.read_bytes() == good


def test_real_masks_with_and_without_our_own(isnet_session: Session) -> None:
    image = np.asarray(Image.open(CAT).convert("RGB"))
    details = isnet_session.details
    assert details["tier"] == _core.network_tier()
    assert len(details["convolutions"]["replaced"]) > 100
    plain = Session("isnet-general-use", device="cpu", optimize=False)
    assert plain.details["convolutions"]["replaced"] == []
    masks = [session.mask(image, dtype="float32").astype(np.float64) for session in (isnet_session, plain)]
    difference = np.abs(masks[0] - masks[1])
    assert difference.max() < 1 / 255
    assert difference.mean() < 0.05 / 255
    assert np.ptp(masks[0]) > 0.9


# --- damaged plans ---


@pytest.fixture(scope="module")
def whole() -> Compiled:
    """A plan with steps of all kinds."""
    nodes = [conv("x w", "a"), node("Relu", "a", "b"), node("MaxPool", "b", "c", kernel_shape=[2, 2], strides=[2, 2]),
             conv("c w", "d"), node("Add", "d d", "e"), node("Resize", "e - - s", "f", mode="linear"),
             node("Concat", "f b", "g", axis=1), conv("g v", "h"), node("Resize", "h - t", "i", mode="nearest"),
             conv("c w", "j"), node("Add", "j e", "k")]  # fmt: skip
    weights = {**SQUARE, "v": random(2, 32, 3, 3), "s": np.array([1, 16, 8, 9]), "t": np.float32([1, 1, 2, 2])}
    return compiled(model(nodes, weights, {"x": [1, 16, 8, 9]}, ["i", "k"]))


def refused(plan: list[int], weights: Array) -> None:
    with pytest.raises(errors.ModelError, match="damaged"):
        _core.BareNetwork(plan, weights, FAST, 1)


def test_plan_of_another_length_or_version(whole: Compiled) -> None:
    for length in range(len(whole.plan)):
        refused(whole.plan[:length], whole.weights)
    refused([*whole.plan, 0], whole.weights)
    for version in (0, 2, -1, 2**62):
        refused([version, *whole.plan[1:]], whole.weights)
    refused(whole.plan, whole.weights[:-17])
    refused(whole.plan, whole.weights[:0])


@pytest.mark.parametrize("number", [-1, 2**20 + 1, 2**31, 2**32, 2**53, 2**63 - 1, -(2**63)])
def test_absurd_numbers(whole: Compiled, number: int) -> None:
    """Refused, but for the limits of a clamp and scales, which are the bits of a float."""
    taken = 0
    for place in range(len(whole.plan)):
        plan = [*whole.plan[:place], number, *whole.plan[place + 1 :]]
        with suppress(errors.ModelError):
            _core.BareNetwork(plan, whole.weights, FAST, 1)
            taken += 1
    assert taken < len(whole.plan) / 4


@settings(max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_plans_that_are_a_little_wrong(whole: Compiled, data: st.DataObject) -> None:
    """What is not refused runs, or says why it cannot. The scales have a test of their own."""
    plan, begin = list(whole.plan), unused_scales(whole.plan)
    places = st.integers(1, len(plan) - 1).filter(lambda place: place not in (begin, begin + 1))
    for place in data.draw(st.lists(places, min_size=1, max_size=2)):
        plan[place] += data.draw(st.sampled_from([-16, -3, -2, -1, 1, 2, 3, 16]))
    with suppress(errors.ModelError, errors.InferenceError):
        _core.BareNetwork(plan, whole.weights, FAST, 1).run([random(1, 16, 8, 9)])


def unused_scales(plan: list[int]) -> int:
    """Where the scales of the resize to 8 x 9 lie."""
    return next(place + 2 for place in range(len(plan)) if plan[place : place + 6] == [8, 9, 0, 0, 0, 0])


@pytest.mark.parametrize("scale", [float("nan"), -1.0, float("inf"), 5e-324, 2.0])
@pytest.mark.parametrize("offset", [0, 1])
def test_scales_beside_sizes(whole: Compiled, scale: float, offset: int) -> None:
    """Not run: a position that is no number leads anywhere in memory."""
    plan = list(whole.plan)
    plan[unused_scales(plan) + offset] = bits(scale)
    refused(plan, whole.weights)


def test_weights_whose_count_overflows() -> None:
    """16 inputs of 2^20 channels, 2^20 taps and outputs: 2^64 weights are not none."""
    wide, ends = 2**20, [bits(value) for value in NO_CLAMP]
    window = [1024, 1024, 1, 1, 1, 1, 1023, 1023, 0, 0]
    step = [0, 16, *[1] * 16, 2, *window, 0, 0, *ends, -1, *ends]
    plan = [1, 4, 0, wide, 1, wide, 1, wide, 0, wide, 1, 0, 1, 3, 3, 4, 1, 0, 1, *step, 5, 1, 2, 3]
    refused(plan, np.zeros(wide, np.float32))
