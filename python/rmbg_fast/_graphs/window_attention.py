"""Attention inside of windows, spelled out by an exporter, becomes one node that knows tokens by number.

A linear layer does the same to each token, wherever that lies. So those of queries, keys and values move before the
padding, the roll and the cut into windows, and the projection behind their reverse: all of that goes. The node
`WindowAttention` (cpp/net/attention.hpp) takes what is left: gather, scores, softmax, weighted sums, scatter.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from . import deferred, graph_index, linear, onnx_graph
from .matching import NO_CHAIN
from .network_plan import bits
from .onnx_graph import FLOAT
from .regions import DOMAIN, import_domain
from .request import Request
from .weights import BLOCK, up

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

    from .attention_chain import Attention, Finder
    from .linear import Linear

OPERATOR = "WindowAttention"
_VERSION = 1  # kWindowsVersion
_MOST_SIDE, _MOST_CHANNELS = 64, 1 << 14  # of decode_windows


def attend_in_windows(model: ModelProto, request: Request) -> None:
    """Chains that stand for attention in windows become linear layers of tokens and a `WindowAttention` between."""
    if not request.network or all(node.op_type != "Softmax" for node in model.graph.node):
        return
    from .attention_chain import Finder

    graph = model.graph
    finder = Finder(graph_index.of(model))
    found: dict[str, Attention] = {}
    for node in finder.graph.nodes:
        if node.op_type == "Softmax":
            try:
                each = finder.find(node)
            except NO_CHAIN:
                continue
            if _fits(each):
                found[each.result] = each
    if not found:
        return
    writer = _Writer(model, finder)
    nodes: list[NodeProto] = []
    for node in graph.node:
        each_found = [found[name] for name in node.output if name in found]
        nodes += writer.nodes_of(each_found[0]) if each_found else [node]
    onnx_graph.set_nodes(graph, nodes)
    onnx_graph.sweep(graph)
    import_domain(model)


def _fits(found: Attention) -> bool:
    channels = found.heads * found.depth
    return found.depth % BLOCK == 0 and found.windows.side <= _MOST_SIDE and channels <= _MOST_CHANNELS


class _Writer:
    def __init__(self, model: ModelProto, finder: Finder) -> None:
        self._graph = model.graph
        self._finder = finder
        self._shapes = finder.graph.shapes
        self._made: dict[object, str] = {}  # constants, by what they are of

    def nodes_of(self, found: Attention) -> list[NodeProto]:
        from onnx import helper

        result, channels = found.result, found.heads * found.depth
        leading = [size or 0 for size in self._shapes[found.source][:-1]]
        qkv, attended = f"{result}.qkv", f"{result}.attended"
        windows = found.windows
        plan = [_VERSION, windows.height, windows.width, windows.side, windows.shift, found.heads, found.depth]
        inputs = [self._places(found), qkv, self._qkv_bias(found)]
        nodes = [
            helper.make_node("MatMul", [found.source, self._qkv(found)], [qkv], name=qkv),
            helper.make_node(
                OPERATOR, inputs, [attended], name=attended, domain=DOMAIN,
                plan=[*plan, bits(found.scale), bits(found.mask)],
            ),
        ]  # fmt: skip
        # Nobody else can tell the shape of what our own node makes.
        self._graph.value_info.append(helper.make_tensor_value_info(attended, FLOAT, [*leading, channels]))
        shape = [size or 0 for size in self._shapes[result]]
        outputs = [f"{result}.projected"] if found.projection.bias else []
        outputs += [f"{result}.tokens"] if shape[:-1] != leading else []
        outputs = [*outputs, result]
        nodes.append(helper.make_node("MatMul", [attended, self._weight(found.projection)], outputs[:1]))
        if found.projection.bias:
            nodes.append(helper.make_node("Add", [outputs[0], found.projection.bias], outputs[1:2]))
        if shape[:-1] != leading:
            import numpy as np

            size = self._constant(("shape", *shape), f"{result}.shape", np.array(shape, np.int64))
            nodes.append(helper.make_node("Reshape", [outputs[-2], size], [result]))
        return nodes

    # --- constants: one for what is the same, however many nodes read it ---

    def _constant(self, key: object, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        if key not in self._made:
            self._made[key] = name
            self._graph.initializer.append(numpy_helper.from_array(values, name))
        return self._made[key]

    def _deferred(self, key: object, name: str, dims: list[int], values: deferred.Values) -> str:
        if key not in self._made:
            self._made[key] = name
            self._graph.initializer.append(deferred.tensor(name, FLOAT, dims, values))
        return self._made[key]

    def _weight(self, layer: Linear) -> str:
        if not layer.transposed:
            return layer.weight
        graph = self._finder.graph
        return self._deferred(("transposed", layer.weight), f"{layer.weight}.transposed", [*linear.sizes(graph, layer)],
                              partial(_contiguous, linear.matrix(graph, layer)))  # fmt: skip

    def _qkv(self, found: Attention) -> str:
        channels = found.heads * found.depth
        layer = found.parts[0].linear
        if _is_joint(found):
            return self._weight(layer)
        graph = self._finder.graph
        matrices = [(linear.matrix(graph, part.linear), part.column, channels) for part in found.parts]
        inputs, _ = linear.sizes(graph, layer)
        key = ("qkv", *((part.linear.weight, part.column) for part in found.parts))
        return self._deferred(key, f"{layer.weight}.qkv", [inputs, 3 * channels], partial(_side_by_side, matrices))

    def _qkv_bias(self, found: Attention) -> str:
        import numpy as np

        channels = found.heads * found.depth
        first = found.parts[0].linear.bias
        if first and _is_joint(found):
            return first
        parts = [
            self._finder.graph.array(part.linear.bias)[part.column : part.column + channels]
            if part.linear.bias
            else np.zeros(channels, np.float32)
            for part in found.parts
        ]
        key = ("qkv bias", channels, *((part.linear.bias, part.column) for part in found.parts))
        return self._constant(key, f"{found.result}.qkv.bias", np.concatenate(parts))

    def _places(self, found: Attention) -> str:
        """What is added by place in the window: (heads, tokens, tokens in whole blocks)."""
        count = found.windows.side**2
        dims = [found.heads, count, up(count)]
        key = ("places", *dims, *found.biases)
        values = partial(_in_blocks, self._finder, found.biases, dims)
        return self._deferred(key, f"{found.result}.places", dims, values)


def _is_joint(found: Attention) -> bool:
    """Are the three the columns of one layer, in this order?"""
    channels = found.heads * found.depth
    return len({part.linear.result for part in found.parts}) == 1 and [part.column for part in found.parts] == [
        0,
        channels,
        2 * channels,
    ]


def _contiguous(matrix: deferred.Values) -> NDArray[Any]:
    import numpy as np

    return np.ascontiguousarray(matrix())


def _side_by_side(matrices: list[tuple[deferred.Values, int, int]]) -> NDArray[Any]:
    import numpy as np

    return np.concatenate([matrix()[:, column : column + count] for matrix, column, count in matrices], 1)


def _in_blocks(finder: Finder, biases: list[str], dims: list[int]) -> NDArray[Any]:
    import numpy as np

    count = dims[1]
    made = np.full(dims, -np.inf, np.float32)
    made[..., :count] = 0
    for name in biases:
        made[..., :count] += finder.bias(name)
    return made
