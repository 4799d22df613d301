"""Swin's attention in windows as two kinds of exporters spell it out, between a normalisation and a residual."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from support import network_graphs
from support.network_graphs import model, node, random


@dataclass(frozen=True)
class Case:
    height: int = 9
    width: int = 11
    window: int = 4
    shift: int = 0
    heads: int = 2
    depth: int = 16
    images: int = 1
    mask: float = -100.0
    biased: bool = True

    @property
    def channels(self) -> int:
        return self.heads * self.depth

    @property
    def padded(self) -> tuple[int, int]:
        return -(-self.height // self.window) * self.window, -(-self.width // self.window) * self.window

    @property
    def count(self) -> int:
        return self.padded[0] * self.padded[1] // self.window**2

    def feeds(self) -> dict[str, NDArray[np.float32]]:
        return {"x": random(self.images, self.height * self.width, self.channels)}


class Export(network_graphs.Export):
    kind = np.int64

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case

    def reshape(self, x: str, *shape: int) -> str:
        return self.op("Reshape", f"{x} {self.constant(shape)}")

    def transpose(self, x: str, *perm: int) -> str:
        return self.op("Transpose", x, perm=perm)

    def slice(self, x: str, start: int, end: int, axis: int) -> str:
        return self.op("Slice", f"{x} {self.constant([start])} {self.constant([end])} {self.constant([axis])}")

    def linear(self, x: str, inputs: int, outputs: int) -> str:
        weight = self.constant(random(inputs, outputs, seed=len(self.nodes)) / np.float32(inputs**0.5), np.float32)
        y = self.op("MatMul", f"{x} {weight}")
        if not self.case.biased:
            return y
        return self.op("Add", f"{self.constant(random(outputs, seed=len(self.nodes)), np.float32)} {y}")

    def rolled(self, x: str, by: int) -> str:
        for axis in (1, 2):
            x = self.op("Concat", f"{self.slice(x, by, 2**62, axis)} {self.slice(x, 0, by, axis)}", axis=axis)
        return x

    # --- the chain ---

    def cut(self) -> str:
        """Tokens of each window, normalised, (windows, side * side, channels)."""
        case = self.case
        ones = [self.constant(np.ones(case.channels), np.float32), self.constant(np.zeros(case.channels), np.float32)]
        return self.windows(self.op("LayerNormalization", f"x {' '.join(ones)}", axis=-1), case.channels)

    def windows(self, x: str, channels: int) -> str:
        case = self.case
        height, width = case.padded
        x = self.reshape(x, case.images, case.height, case.width, channels)
        if (height, width) != (case.height, case.width):
            pads = [0, 0, 0, 0, 0, height - case.height, width - case.width, 0]
            x = self.op("Pad", f"{x} {self.constant(pads)}")
        if case.shift:
            x = self.rolled(x, case.shift)
        side = case.window
        x = self.reshape(x, case.images, height // side, side, width // side, side, channels)
        x = self.reshape(self.transpose(x, 0, 1, 3, 2, 4, 5), -1, side, side, channels)
        return self.reshape(x, -1, side * side, channels)

    def put_back(self, x: str, *, residual: bool = True) -> None:
        """The reverse, and the residual."""
        case = self.case
        height, width = case.padded
        side = case.window
        x = self.reshape(x, -1, side, side, case.channels)
        x = self.reshape(x, case.images, height // side, width // side, side, side, case.channels)
        x = self.reshape(self.transpose(x, 0, 1, 3, 2, 4, 5), case.images, height, width, case.channels)
        if case.shift:
            x = self.rolled(x, -case.shift)
        if (height, width) != (case.height, case.width):
            x = self.slice(self.slice(x, 0, case.height, 1), 0, case.width, 2)
        x = self.reshape(x, case.images, case.height * case.width, case.channels)
        self.nodes.append(node("Add", f"x {x}", "y") if residual else node("Identity", x, "y"))

    def regions(self) -> NDArray[np.float32]:
        """(windows, side * side): the part of the map that each token is of."""
        case = self.case
        height, width = case.padded
        regions = np.zeros((height, width), np.float32)
        edges = (slice(0, -case.window), slice(-case.window, -case.shift), slice(-case.shift, None))
        for number, (rows, columns) in enumerate([(rows, columns) for rows in edges for columns in edges]):
            regions[rows, columns] = number
        side = case.window
        cut = regions.reshape(height // side, side, width // side, side).swapaxes(1, 2)
        return cut.reshape(-1, side * side)

    def bias(self) -> str:
        side = self.case.window**2
        return self.constant(random(1, self.case.heads, side, side), np.float32)

    def model(self) -> ModelProto:
        case = self.case
        shape = [case.images, case.height * case.width, case.channels]
        return model(self.nodes, self.weights, {"x": list(shape)}, ["y"])


def by_views(case: Case) -> ModelProto:
    """As the authors' code comes out: one layer for queries, keys and values, the mask a constant of all windows."""
    made = Export(case)
    gathered = _attended(made, made.linear(made.cut(), case.channels, 3 * case.channels))
    made.put_back(made.linear(gathered, case.channels, case.channels))
    return made.model()


def scores_alone(case: Case, bias: NDArray[np.float32]) -> ModelProto:
    """What lies between the layers: from queries, keys and values of all tokens, still without `bias`, to y."""
    made = Export(case)
    x = made.op("Add", f"{made.windows('x', 3 * case.channels)} {made.constant(bias, np.float32)}")
    made.put_back(_attended(made, x), residual=False)
    return model(made.nodes, made.weights, {"x": [case.images, case.height * case.width, 3 * case.channels]}, ["y"])


def _attended(made: Export, qkv: str) -> str:
    case = made.case
    side = case.window**2
    qkv = made.transpose(made.reshape(qkv, -1, side, 3, case.heads, case.depth), 2, 0, 3, 1, 4)
    q, k, v = (made.op("Gather", f"{qkv} {made.constant(part)}", axis=0) for part in range(3))
    q = made.op("Mul", f"{q} {made.constant(case.depth**-0.5, np.float32)}")
    scores = made.op("MatMul", f"{q} {made.transpose(k, 0, 1, 3, 2)}")
    scores = made.op("Add", f"{scores} {made.bias()}")
    if case.shift:
        regions = made.regions()
        apart = regions[:, :, None] != regions[:, None, :]
        mask = made.constant(np.where(apart, case.mask, 0)[None, :, None], np.float32)
        scores = made.reshape(scores, case.images, case.count, case.heads, side, side)
        scores = made.reshape(made.op("Add", f"{scores} {mask}"), -1, case.heads, side, side)
    weights = made.op("Softmax", scores, axis=-1)
    joined = made.transpose(made.op("MatMul", f"{weights} {v}"), 0, 2, 1, 3)
    return made.reshape(joined, -1, side, case.channels)


def by_layers(case: Case) -> ModelProto:
    """As transformers' Swin comes out: a layer each, the root of the scale on both sides, the mask computed."""
    made = Export(case)
    side, channels = case.window**2, case.channels
    cut = made.cut()

    def heads(x: str) -> str:
        return made.reshape(x, case.images * case.count, side, case.heads, case.depth)

    q = made.transpose(heads(made.linear(cut, channels, channels)), 0, 2, 1, 3)
    k = made.transpose(heads(made.linear(cut, channels, channels)), 0, 2, 3, 1)
    v = made.transpose(heads(made.linear(cut, channels, channels)), 0, 2, 1, 3)
    added = made.bias()
    if case.shift:
        regions = made.regions()
        rows, columns = (made.constant(each, np.float32) for each in (regions[:, None, :], regions[:, :, None]))
        apart = made.op("Sub", f"{rows} {columns}")
        zero = made.constant(0.0, np.float32)
        same = made.op("Equal", f"{apart} {zero}")
        mask = made.op("Where", f"{made.op('Not', same)} {made.constant(case.mask, np.float32)} {apart}")
        mask = made.op("Unsqueeze", f"{mask} {made.constant([1])}")
        if case.images > 1:
            mask = made.op("Concat", " ".join([mask] * case.images), axis=0)
        added = made.op("Add", f"{added} {mask}")
    root = case.depth**-0.25
    q, k = (made.op("Mul", f"{x} {made.constant(root, np.float32)}") for x in (q, k))
    scores = made.op("Add", f"{made.op('MatMul', f'{q} {k}')} {added}")
    weights = made.op("Softmax", scores, axis=-1)
    joined = made.op("MatMul", f"{weights} {v}")
    joined = made.transpose(made.reshape(joined, case.images * case.count, case.heads, side, case.depth), 0, 2, 1, 3)
    made.put_back(made.linear(made.reshape(joined, case.images * case.count, side, channels), channels, channels))
    return made.model()
