"""Attention inside of windows, as exporters spell it out, read by structure from its Softmax."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from . import linear, moving
from .graph_index import Graph, attributes_of
from .linear import Linear
from .matching import Mismatch, constant, maker, need
from .windows import Windows, windows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto

MOST = 1 << 26
"""Numbers of a mask."""


@dataclass(frozen=True)
class Part:
    """Queries, keys or values: the first of their columns of what a linear layer makes."""

    linear: Linear
    column: int


@dataclass
class Attention:
    """One that was found. `inside` are its nodes between the layers of q, k, v and `result`."""

    source: str  # tokens in their own order
    parts: list[Part]
    windows: Windows
    heads: int
    depth: int
    scale: float
    biases: list[str]  # that are the same in all windows
    mask: float
    projection: Linear
    result: str
    inside: set[int] = field(default_factory=set)


class Finder:
    """Looks for attentions in one graph; what it learns of masks is kept."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._fixed: set[str] = set(graph.constants)
        for node in graph.nodes:
            if all(not name or name in self._fixed for name in node.input):
                self._fixed.update(node.output)
        self._masks: dict[tuple[str, Windows], float] = {}
        self._split: dict[str, NDArray[Any]] = {}

    def find(self, softmax: NodeProto) -> Attention:
        """Raises Mismatch, and what a node without its attributes or operands raises."""
        graph = self.graph
        shape = moving.sizes(graph, softmax.output[0])
        axis = attributes_of(softmax).get("axis", -1 if graph.opset >= 13 else 1)
        need(len(shape) in (4, 5) and axis in (-1, len(shape) - 1) and shape[-1] == shape[-2])
        inside: set[int] = {graph.makers[softmax.output[0]]}
        (weighed,) = self._readers(softmax.output[0])
        while weighed.op_type == "Reshape":
            need(moving.sizes(graph, weighed.output[0])[-3:] == shape[-3:])
            inside.add(graph.makers[weighed.output[0]])
            (weighed,) = self._readers(weighed.output[0])
        need(weighed.op_type == "MatMul" and weighed.input[0] != weighed.input[1])
        inside.add(graph.makers[weighed.output[0]])
        products, scale, fixed = self._scores(softmax.input[0], inside)
        size, heads, count, depth = moving.sizes(graph, weighed.output[0])
        queries, factor = self._operand(products.input[0], (size, heads, count, depth), False, inside)
        keys, other = self._operand(products.input[1], (size, heads, count, depth), True, inside)
        values, same = self._operand(weighed.input[1], (size, heads, count, depth), False, inside)
        need(same == 1)
        parts = [queries, keys, values]
        cut = parts[0].linear.source
        need(all(part.linear.source == cut for part in parts))
        source, rows = moving.rows_behind(graph, cut)
        channels = moving.sizes(graph, source)[-1]
        tokens = int(np.prod(moving.sizes(graph, source)[:-1], dtype=np.int64))
        need(moving.sizes(graph, cut)[-1] == channels and rows.size == size * count)
        windows, images = self._windows(rows.reshape(size, count), tokens)
        projection = self._projection(weighed.output[0], (size, heads, count, depth), inside)
        result, back, nodes = moving.rows_ahead(graph, projection.result)
        inside |= nodes
        need(moving.sizes(graph, result)[-1] == moving.sizes(graph, projection.result)[-1])
        # each token's result lies where the token did
        need(back.size == tokens and bool((rows.reshape(-1)[back.reshape(-1)] == np.arange(tokens)).all()))
        biases, mask = self._added(fixed, windows, images, heads)
        found = Attention(
            source, parts, windows, heads, depth, scale * factor * other, biases, mask, projection, result, inside
        )
        self._check_readers(found)
        return found

    def _readers(self, name: str) -> list[NodeProto]:
        need(name not in self.graph.outputs)
        return [self.graph.nodes[index] for index in self.graph.readers.get(name, [])]

    def _check_readers(self, found: Attention) -> None:
        """Nobody else reads what is between."""
        graph = self.graph
        for index in found.inside:
            for name in graph.nodes[index].output:
                if name != found.result:
                    need(name not in graph.outputs and found.inside.issuperset(graph.readers.get(name, [])))

    # --- from the softmax to the products ---

    def _scores(self, name: str, inside: set[int]) -> tuple[NodeProto, float, list[str]]:
        """The product of queries and keys, the factor that follows it, and what is added behind that."""
        graph = self.graph
        fixed: list[str] = []
        scale = 1.0
        while True:
            node = maker(graph, name)
            inside.add(graph.makers[name])
            if node.op_type == "MatMul":
                return node, scale, fixed
            if node.op_type == "Add":
                need(scale == 1)  # what is added is not scaled
                (name,) = (each for each in node.input if each not in self._fixed)
                fixed += [part for each in node.input if each in self._fixed for part in self._addends(each)]
            elif node.op_type == "Reshape":
                name = node.input[0]
                need(moving.sizes(graph, name)[-3:] == moving.sizes(graph, node.output[0])[-3:])
            else:
                name, factor = self._scaled(node)
                scale *= factor

    def _addends(self, name: str) -> list[str]:
        node = self.graph.maker(name)
        if node is None or node.op_type != "Add":
            return [name]
        return [part for each in node.input for part in self._addends(each)]

    def _scaled(self, node: NodeProto) -> tuple[str, float]:
        """What a Mul or Div by a number multiplies, and by what."""
        need(node.op_type in ("Mul", "Div") and len(node.input) == 2)
        (number,) = (name for name in node.input if name in self.graph.constants)
        (other,) = (name for name in node.input if name not in self.graph.constants)
        value = constant(self.graph, number)
        need(value.size == 1 and (node.op_type == "Mul" or node.input[1] == number))
        factor = float(value.item())
        need(np.isfinite(factor) and factor != 0)
        return other, factor if node.op_type == "Mul" else 1 / factor

    # --- from the products to the linear layers ---

    def _operand(
        self, name: str, shape: tuple[int, int, int, int], transposed: bool, inside: set[int]
    ) -> tuple[Part, float]:
        """Which columns of a linear layer the operand is, head by head, and its factor."""
        graph = self.graph
        size, heads, count, depth = shape
        scale = 1.0
        chain: list[tuple[NodeProto, str]] = []
        while True:
            node = maker(graph, name)
            if node.op_type in ("Mul", "Div"):
                inside.add(graph.makers[name])
                before, factor = self._scaled(node)
                scale *= factor
                chain.append((node, name))
                name = before
            elif moving.moves(node):
                inside.add(graph.makers[name])
                chain.append((node, name))
                (name,) = moving.moved_from(node)
            else:
                break
        layer = self._linear(name, inside)
        whole = moving.places_of(moving.sizes(graph, name))
        array = whole
        for node, after in reversed(chain):
            if moving.moves(node):
                array = moving.move(graph, node, [array])[after]
        wide = whole.reshape(size, count, whole.shape[-1])
        column = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
        need(0 <= column <= wide.shape[-1] - heads * depth)
        expected = wide[..., column : column + heads * depth].reshape(size, count, heads, depth).swapaxes(1, 2)
        if transposed:
            expected = expected.swapaxes(2, 3)
        need(moving.is_same_view(array, expected))
        return Part(layer, column), scale

    def _linear(self, name: str, inside: set[int]) -> Linear:
        """The linear layer that makes the value: MatMul and perhaps Add, or Gemm."""
        graph = self.graph
        result, bias = name, ""
        node = maker(graph, name)
        inside.add(graph.makers[name])
        if node.op_type == "Add":
            (bias,) = (each for each in node.input if each in graph.constants)
            (name,) = (each for each in node.input if each not in graph.constants)
            node = maker(graph, name)
            inside.add(graph.makers[name])
            need(node.op_type == "MatMul")
        return linear.layer(graph, node, bias, result)

    def _projection(self, name: str, shape: tuple[int, int, int, int], inside: set[int]) -> Linear:
        """The layer that reads the heads side by side."""
        graph = self.graph
        size, heads, count, depth = shape
        whole = moving.places_of([size, count, heads * depth])
        array = whole.reshape(size, count, heads, depth).swapaxes(1, 2)
        (node,) = self._readers(name)
        while moving.moves(node):
            inside.add(graph.makers[node.output[0]])
            array = moving.move(graph, node, [array])[node.output[0]]
            (node,) = self._readers(node.output[0])
        need(array.shape[-1] == heads * depth)
        need(moving.is_same_view(array.reshape(whole.shape), whole))
        projection = linear.layer_from(graph, node)
        inside |= {graph.makers[node.output[0]], graph.makers[projection.result]}
        return projection

    # --- windows and what is added ---

    def _windows(self, rows: NDArray[Any], tokens: int) -> tuple[Windows, int]:
        """The windows of one image, and how many images there are. The first one's are those without a later token."""
        for images in (1, *range(2, min(len(rows), 64) + 1)):
            if len(rows) % images or tokens % images:
                continue
            each = rows.reshape(images, len(rows) // images, -1)
            offsets = np.arange(images)[:, None, None] * (tokens // images)
            if bool((np.where(each < 0, -1, each - offsets) == each[:1]).all()):
                try:
                    return windows_of(each[0], tokens // images), images
                except Mismatch:
                    continue
        raise Mismatch

    def _added(self, names: list[str], windows: Windows, images: int, heads: int) -> tuple[list[str], float]:
        """What is the same in all windows of that which is added to the products, and the number of the mask."""
        biases: list[str] = []
        mask: float | None = None
        for name in names:
            shape = self._shape(name)
            need(len(shape) <= 5)
            shape = [1] * (4 - len(shape)) + shape
            need(shape[-3] in (1, heads) and all(size == windows.side**2 for size in shape[-2:]))
            if all(size == 1 for size in shape[:-3]):
                biases.append(name)
                continue
            need(mask is None)
            try:
                mask = self._mask(name, windows, images)
            except Mismatch:
                mask = self._mask_and_bias(name, windows, images)
                biases.append(name)
        return biases, mask or 0.0

    def _shape(self, name: str) -> list[int]:
        if name in self.graph.constants:
            return self.graph.array_shape(name)
        return moving.sizes(self.graph, name)

    def _mask(self, name: str, windows: Windows, images: int) -> float:
        """The number that the mask adds where the shift alone brings tokens together; elsewhere it must add 0."""
        known = self._masks.get((name, windows))
        if known is not None:
            return known
        parted = windows.parted()
        need(int(np.prod(self._shape(name), dtype=np.int64)) in (parted.size, images * parted.size))
        found = self.value(name).reshape(-1, *parted.shape)
        number = float(found.min())
        need(number <= 0 and found.dtype == np.float32)
        need(bool((found == np.where(parted, np.float32(number), np.float32(0))).all()))
        self._masks[name, windows] = number
        return number

    def _mask_and_bias(self, name: str, windows: Windows, images: int) -> float:
        """The same of a mask that a bias was added to, which is kept for `bias`."""
        parted = windows.parted()[None, :, None]
        places = parted.shape[-1]
        need(int(np.prod(self._shape(name), dtype=np.int64)) <= MOST)
        found = self.value(name).reshape(-1, len(parted[0]), self._shape(name)[-3], places, places)
        need(len(found) in (1, images) and found.dtype == np.float32)
        most = found.max((0, 1), keepdims=True)
        with np.errstate(invalid="ignore"):  # infinity less infinity
            number = round(float(np.nanmin(found - most)), 2)
            bias = np.where(parted.all(1, keepdims=True), np.float32(0) if np.isinf(number) else most - number, most)
        need(number <= 0 and not np.isnan(bias).any())
        expected = np.where(parted, bias + np.float32(number), bias)
        need(bool(np.isclose(found, expected, rtol=0, atol=1e-4).all()))
        self._split[name] = bias[0, 0]
        return number

    def bias(self, name: str) -> NDArray[Any]:
        """(1 or heads, tokens, tokens): what is the same in all windows, of a name in `Attention.biases`."""
        found = self._split[name] if name in self._split else self.value(name)
        return found.reshape(-1, *found.shape[-2:])

    def value(self, name: str) -> NDArray[Any]:
        """What nodes of constants give."""
        graph = self.graph
        if name in graph.constants:
            return constant(graph, name)
        from onnx import TensorProto, helper, numpy_helper
        from onnx.reference import ReferenceEvaluator

        nodes: set[int] = set()
        waiting = [name]
        while waiting:
            index = graph.makers.get(waiting.pop())
            if index is not None and index not in nodes:
                nodes.add(index)
                waiting += [each for each in graph.nodes[index].input if each]
        chain = [graph.nodes[index] for index in sorted(nodes)]
        for node in chain:
            for each in node.output:
                need(int(np.prod([size or 0 for size in graph.shapes.get(each, [])], dtype=np.int64)) <= MOST)
        used = {each for node in chain for each in node.input if each in graph.constants}
        tensors = [numpy_helper.from_array(graph.array(each), each) for each in used]
        result = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        model = helper.make_model(
            helper.make_graph(chain, "fixed", [], [result], tensors),
            opset_imports=[helper.make_opsetid("", graph.opset)],
        )
        try:
            (value,) = ReferenceEvaluator(model).run([name], {})
        except Exception as exc:  # the reference does not know this op, or this use of it
            raise Mismatch from exc
        return np.asarray(value)
