"""Graphs run by our own convolutions, by onnxruntime and by onnx's reference, and their results compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from rmbg_fast import _core
from rmbg_fast._graphs import graph_index, onnx_graph, prepare, regions
from rmbg_fast._graphs.network_plan import Compiler
from support.network_graphs import F32, Array, model, saved

_testing = pytest.importorskip("rmbg_fast._testing", reason="published wheels are without it")
BareNetwork = _testing.BareNetwork
TIERS = [name for name, runs in _core.network_tiers().items() if runs]
FAST = TIERS[-1]
PRECISION = 2e-5  # of the largest value


@dataclass(frozen=True)
class Compiled:
    plan: list[int]
    weights: Array
    inputs: list[str]
    outputs: list[str]

    def run(self, feeds: dict[str, Array], *, tier: str = FAST, threads: int = 1) -> dict[str, Array]:
        made = BareNetwork(self.plan, self.weights, tier, threads)
        results = made.run([feeds[name] for name in self.inputs])
        return dict(zip(self.outputs, results, strict=True))

    def algorithms(self, feeds: dict[str, Array]) -> list[str]:
        made = BareNetwork(self.plan, self.weights, FAST, 1)
        return [row["algorithm"] for row in made.profile([feeds[name] for name in self.inputs])]

    def arena(self, feeds: dict[str, Array]) -> int:
        """Bytes that a run works in."""
        return int(BareNetwork(self.plan, self.weights, FAST, 1).arena([feeds[name] for name in self.inputs]))

    def same_everywhere(self, feeds: dict[str, Array]) -> dict[str, Array]:
        """The results, which no tier and no number of threads changes by a bit."""
        wanted = self.run(feeds)
        for tier in TIERS:
            for threads in (1, 3):
                results = self.run(feeds, tier=tier, threads=threads)
                assert all(np.array_equal(results[name], wanted[name]) for name in wanted), (tier, threads)
        return wanted


def graph_of(made: ModelProto) -> graph_index.Graph:
    shapes: dict[str, graph_index.Shape] = {
        name: [dim.dim_value if dim.dim_value > 0 else None for dim in known.shape.dim]
        for name, known in onnx_graph.types(made).items()
        if known.elem_type == F32
    }
    constants = {tensor.name: tensor for tensor in made.graph.initializer}
    outputs = {output.name for output in made.graph.output}
    return graph_index.Graph(list(made.graph.node), constants, shapes, outputs, onnx_graph.opset(made))


def compiled(made: ModelProto) -> Compiled:
    """The whole graph as one network, worth it or not."""
    graph = graph_of(made)
    for one in graph.nodes:
        assert regions._supported(graph, one), one.op_type
    weights: list[Array] = []
    region = Compiler(graph, list(range(len(graph.nodes))), weights).compile()
    return Compiled(region.plan, np.concatenate(weights or [np.zeros(1, np.float32)]), region.inputs, region.outputs)


def prepared(folder: Path, made: ModelProto, **options: Any) -> ModelProto:
    ready = prepare.prepare(saved(folder, made), output=0, network=True, **options)
    return onnx.load(ready)


def by_runtime(made: ModelProto | Path, feeds: dict[str, Any]) -> dict[str, Array]:
    source = str(made) if isinstance(made, Path) else made.SerializeToString()
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


class Network(OpRun):
    """A `Network` node for onnx's reference evaluator."""

    op_domain = regions.DOMAIN

    def _run(self, weights: Array, *inputs: Array, plan: Any = None, deformable: int = 0) -> tuple[Array, ...]:
        return tuple(BareNetwork(list(plan), weights, FAST, 2).run(list(inputs)))


class WindowAttention(OpRun):
    """As `Network`."""

    op_domain = regions.DOMAIN

    def _run(self, bias: Array, qkv: Array, qkv_bias: Array, plan: Any = None) -> tuple[Array]:
        return (_testing.attend(list(plan), bias, qkv, qkv_bias, FAST, 2),)


class LinearLayers(OpRun):
    """As `Network`."""

    op_domain = regions.DOMAIN

    def _run(self, weights: Array, x: Array, *residual: Array, plan: Any = None) -> tuple[Array]:
        added = residual[0] if residual else None
        made = _testing.linear_layers(list(plan), weights, x, added, FAST, 2)
        return (made if added is None else made.reshape(added.shape),)


def by_reference(made: ModelProto, feeds: dict[str, Any]) -> dict[str, Array]:
    names = [output.name for output in made.graph.output]
    results = ReferenceEvaluator(made, new_ops=[Network, WindowAttention, LinearLayers]).run(names, feeds)
    return dict(zip(names, (np.asarray(result) for result in results), strict=True))


def by_parts(ready: ModelProto, feeds: dict[str, Array]) -> Array:
    """Node by node: a `Network` by BareNetwork, others by onnxruntime (onnx's reference has other cubics)."""
    values: dict[str, Any] = dict(feeds)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in ready.graph.initializer}
    for one in ready.graph.node:
        if one.op_type == "Network":
            plan = graph_index.attributes_of(one)["plan"]
            inputs = [values[name] for name in one.input[1:]]
            results = BareNetwork(plan, constants[one.input[0]], FAST, 1).run(inputs)
        else:
            used = {name: constants[name] for name in one.input if name in constants}
            shapes = {name: list(values[name].shape) for name in one.input if name in values}
            alone = model([one], used, shapes, list(one.output))
            results = list(by_runtime(alone, {name: values[name] for name in shapes}).values())
        values.update(zip(one.output, results, strict=True))
    return np.asarray(values[ready.graph.output[0].name])


def assert_close(result: NDArray[Any], wanted: NDArray[Any], precision: float = PRECISION, scale: float = 0) -> None:
    assert result.shape == wanted.shape
    assert np.abs(result - wanted).max() <= precision * max(np.abs(wanted).max(), scale)
