"""Chains of nodes, found by their structure: what a chain needs is asked for, and `Mismatch` ends the search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .graph_index import Graph, only_reader, text

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto


class Mismatch(Exception):
    """The nodes are not such a chain."""


NO_CHAIN = (Mismatch, KeyError, ValueError, IndexError)
"""KeyError: a node lacks an attribute that the chain's has; the others: it has more or fewer operands or axes."""


def need(holds: bool) -> None:
    if not holds:
        raise Mismatch


def pair(values: Any) -> tuple[int, int]:
    first, second = values
    return int(first), int(second)


def is_plain(attributes: dict[str, Any]) -> bool:
    """Is it a convolution of one group, without padding or dilation?"""
    return (
        attributes.get("group", 1) == 1
        and not any(attributes.get("pads", ()))
        and set(attributes.get("dilations", ())) <= {1}
        and text(attributes.get("auto_pad"), "NOTSET") in ("NOTSET", "VALID")
    )


def known(graph: Graph, name: str, rank: int) -> list[int]:
    """The shape of a float32 value; an open batch is 0."""
    shape = graph.shapes.get(name)
    if shape is None or len(shape) != rank or None in shape[1:]:
        raise Mismatch
    return [size or 0 for size in shape]


def constant(graph: Graph, name: str) -> NDArray[Any]:
    if name not in graph.constants:
        raise Mismatch
    array: NDArray[Any] = graph.array(name)
    return array


def maker(graph: Graph, name: str) -> NodeProto:
    node = graph.maker(name)
    if node is None:
        raise Mismatch
    return node


def moved(graph: Graph, name: str, ops: tuple[str, ...]) -> tuple[list[NodeProto], str]:
    """The nodes that made the value, the last one first, and what the first of them read."""
    nodes = []
    for op in ops:
        node = maker(graph, name)
        need(node.op_type == op)
        nodes.append(node)
        name = node.input[0]
    return nodes, name


def past_reshapes(graph: Graph, name: str) -> NodeProto:
    node = maker(graph, name)
    while node.op_type == "Reshape":
        node = maker(graph, node.input[0])
    return node


def operands(graph: Graph, name: str, op: str) -> list[tuple[str, str]]:
    """Both orders of a node's two operands."""
    node = maker(graph, name)
    need(node.op_type == op and len(node.input) == 2)
    first, second = node.input
    return [(first, second), (second, first)]


def factors(graph: Graph, name: str) -> list[str]:
    node = past_reshapes(graph, name)
    need(node.op_type == "Mul")
    return list(node.input)


def summands(graph: Graph, name: str) -> tuple[list[str], set[str]]:
    """What a tree of Add and Sum adds up, and the sums in it."""
    parts: list[str] = []
    inner = {name}
    waiting = [name]
    while waiting:
        name = waiting.pop()
        node = graph.maker(name)
        if node is not None and node.op_type in ("Add", "Sum") and (name in inner or only_reader(graph, name)):
            inner.add(name)
            waiting.extend(node.input)
        else:
            parts.append(name)
    return parts, inner


def single(graph: Graph, node: NodeProto) -> tuple[int, int]:
    """Axis and index of a Slice that takes one."""
    need(node.op_type == "Slice" and 4 <= len(node.input) <= 5)
    start, end, axis, *step = (constant(graph, name) for name in node.input[1:])
    need(all(each.size == 1 for each in (start, end, axis, *step)))
    need(int(end.item()) == int(start.item()) + 1 and all(int(each.item()) == 1 for each in step))
    return int(axis.item()), int(start.item())
