"""The linear layers of a transformer's block as exporters write them: LayerNorm, two layers with GELU, a residual."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto

from support import network_graphs
from support.network_graphs import Array, model, node, random


@dataclass(frozen=True)
class Block:
    tokens: tuple[int, ...] = (1, 21)
    inputs: int = 32
    hidden: int = 80  # 0: one layer
    outputs: int = 32
    norm: bool = True
    biased: bool = True
    residual: bool = True
    gelu: str = "divided"

    def feeds(self) -> dict[str, Array]:
        return {"x": random(*self.tokens, self.inputs)}


class Export(network_graphs.Export):
    def linear(self, x: str, inputs: int, outputs: int, *, biased: bool) -> str:
        weight = random(inputs, outputs, seed=len(self.nodes)) / np.float32(inputs**0.5)
        y = self.op("MatMul", f"{x} {self.constant(weight)}")
        return self.op("Add", f"{self.constant(random(outputs, seed=len(self.nodes)))} {y}") if biased else y


def _divided(made: Export, x: str) -> str:
    """torch's: x (1 + erf(x / sqrt 2)) 0.5."""
    erf = made.op("Erf", made.op("Div", f"{x} {made.constant(math.sqrt(2))}"))
    product = made.op("Mul", f"{x} {made.op('Add', f'{erf} {made.constant(1.0)}')}")
    return made.op("Mul", f"{product} {made.constant(0.5)}")


def _multiplied(made: Export, x: str) -> str:
    """transformers', written out: x 0.5 (1 + erf(x sqrt 0.5))."""
    half = made.op("Mul", f"{x} {made.constant([0.5])}")
    erf = made.op("Erf", made.op("Mul", f"{made.constant(math.sqrt(0.5))} {x}"))
    return made.op("Mul", f"{half} {made.op('Add', f'{made.constant(1.0)} {erf}')}")


def _halved_sum(made: Export, x: str) -> str:
    """x (0.5 (1 + erf))."""
    erf = made.op("Erf", made.op("Div", f"{x} {made.constant(math.sqrt(2))}"))
    half = made.op("Mul", f"{made.constant(0.5)} {made.op('Add', f'{erf} {made.constant(1.0)}')}")
    return made.op("Mul", f"{half} {x}")


GELUS: dict[str, Callable[[Export, str], str]] = {
    "divided": _divided,
    "multiplied": _multiplied,
    "halved sum": _halved_sum,
    "one node": lambda made, x: made.op("Gelu", x),
    "tanh": lambda made, x: made.op("Gelu", x, approximate="tanh"),
}


def export(block: Block) -> ModelProto:
    """From x to y."""
    made = Export()
    x = "x"
    if block.norm:
        scale, shift = (made.constant(random(block.inputs, seed=seed)) for seed in (1, 2))
        x = made.op("LayerNormalization", f"x {scale} {shift}", axis=-1, epsilon=1e-5)
    if block.hidden:
        x = GELUS[block.gelu](made, made.linear(x, block.inputs, block.hidden, biased=block.biased))
    y = made.linear(x, block.hidden or block.inputs, block.outputs, biased=block.biased)
    made.nodes.append(node("Add", f"x {y}", "y") if block.residual else node("Identity", y, "y"))
    return model(made.nodes, made.weights, {"x": [*block.tokens, block.inputs]}, ["y"], opset=20)
