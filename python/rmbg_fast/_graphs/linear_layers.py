"""Linear layers of tokens with LayerNorm, GELU and residual around them become one node each.

The node `LinearLayers` (cpp/net/linear_layers.hpp) takes a tile of tokens through all of it in the cache. Its weights
are packed when the prepared model is written, and read where they lie in that file; ONNX Runtime packs those of a
MatMul anew for each node, in memory of its own.
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
from .weights import BLOCK

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

    from .graph_index import Graph
    from .linear_chain import Chain

OPERATOR = "LinearLayers"
_VERSION = 1  # kLinearLayersVersion
_MOST_CHANNELS = 1 << 15  # of decode_linear_layers


def fuse_linear_layers(model: ModelProto, request: Request) -> None:
    """Layers with a LayerNorm before them, a residual behind, or a second one behind a GELU, become `LinearLayers`."""
    if not request.network or all(node.op_type not in ("MatMul", "Gemm") for node in model.graph.node):
        return
    from .linear_chain import find

    graph = graph_index.of(model)
    found: dict[int, Chain] = {}  # by the last node
    taken: set[int] = set()
    for index, node in enumerate(graph.nodes):
        if index in taken or node.op_type not in ("MatMul", "Gemm"):
            continue
        try:
            chain = find(graph, node)
        except NO_CHAIN:
            continue
        if _fits(graph, chain) and taken.isdisjoint(chain.inside):
            found[graph.makers[chain.result]] = chain
            taken |= chain.inside
    if not found:
        return
    writer = _Writer(model, graph)
    nodes: list[NodeProto] = []
    for index, node in enumerate(graph.nodes):
        if index in found:
            nodes.append(writer.node_of(found[index]))
        elif index not in taken:
            nodes.append(node)
    onnx_graph.set_nodes(model.graph, nodes)
    onnx_graph.sweep(model.graph)
    import_domain(model)


def _fits(graph: Graph, chain: Chain) -> bool:
    counts = [count for layer in chain.layers for count in linear.sizes(graph, layer)]
    return all(count % BLOCK == 0 and 0 < count <= _MOST_CHANNELS for count in counts)


class _Writer:
    def __init__(self, model: ModelProto, graph: Graph) -> None:
        self._model = model
        self._graph = graph
        self._made: dict[object, str] = {}  # weights, by what they are of: backbones run twice

    def node_of(self, chain: Chain) -> NodeProto:
        from onnx import helper

        graph = self._graph
        counts = [linear.sizes(graph, layer) for layer in chain.layers]
        hidden = counts[0][1] if len(counts) > 1 else 0
        epsilon = chain.norm.epsilon if chain.norm else 0.0
        plan = [_VERSION, counts[0][0], hidden, counts[-1][1], int(chain.norm is not None), bits(epsilon)]
        inputs = [self._weights(chain), chain.source, *([chain.residual] if chain.residual else [])]
        shape = [size or 0 for size in graph.shapes[chain.result]]
        self._model.graph.value_info.append(helper.make_tensor_value_info(chain.result, FLOAT, shape))
        return helper.make_node(OPERATOR, inputs, [chain.result], name=chain.result, domain=DOMAIN, plan=plan)

    def _weights(self, chain: Chain) -> str:
        """LayerNorm's scale and shift, then each layer."""
        graph = self._graph
        parts: list[deferred.Values] = []
        key: list[object] = []  # small ones by their values: they are not shared
        size = 0
        if chain.norm:
            channels = linear.sizes(graph, chain.layers[0])[0]
            both = [self._values(chain.norm.scale, channels), self._values(chain.norm.shift, channels)]
            parts += [partial(_same, each) for each in both]
            key += [each.tobytes() for each in both]
            size += 2 * channels
        for layer in chain.layers:
            inputs, outputs = linear.sizes(graph, layer)
            bias = self._values(layer.bias, outputs)
            parts.append(partial(_packed, linear.matrix(graph, layer), bias))
            key += [layer.weight, layer.transposed, bias.tobytes()]
            size += (inputs + 1) * outputs
        name = self._made.setdefault(tuple(key), f"{chain.result}.weights")
        if name == f"{chain.result}.weights":
            made = deferred.tensor(name, FLOAT, [size], deferred.Joined(parts))
            self._model.graph.initializer.append(made)
        return name

    def _values(self, name: str, count: int) -> NDArray[Any]:
        """Those of a vector; zeros where there is none."""
        import numpy as np

        return self._graph.array(name).astype(np.float32) if name else np.zeros(count, np.float32)


def _same(values: NDArray[Any]) -> NDArray[Any]:
    return values


def _packed(matrix: deferred.Values, bias: NDArray[Any]) -> NDArray[Any]:
    """(inputs, outputs), (outputs) -> [outputs / 16][inputs + 1][16]: the bias is the last row."""
    import numpy as np

    rows = np.concatenate([matrix(), bias[None]])
    return np.ascontiguousarray(rows.reshape(len(rows), -1, BLOCK).swapaxes(0, 1)).reshape(-1)
