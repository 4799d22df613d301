"""What compiling a graph needs to know of its nodes: who makes and reads what, shapes, attributes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import onnx_graph

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

Shape = list[int | None]


@dataclass
class Graph:
    """What compiling needs to know of a model: its nodes, by what they make and who reads it, constants and shapes."""

    nodes: list[NodeProto]
    constants: dict[str, TensorProto]
    shapes: dict[str, Shape]  # None where a size is not known; float32 values only
    outputs: set[str]
    opset: int
    makers: dict[str, int] = field(default_factory=dict)
    readers: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for index, node in enumerate(self.nodes):
            for name in node.output:
                self.makers[name] = index
            for name in onnx_graph.uses(node):
                self.readers.setdefault(name, []).append(index)

    def array(self, name: str) -> Any:
        return onnx_graph.array(self.constants[name])

    def array_shape(self, name: str) -> list[int]:
        return list(self.constants[name].dims)

    def maker(self, name: str) -> NodeProto | None:
        index = self.makers.get(name)
        return None if index is None else self.nodes[index]


def of(model: ModelProto) -> Graph:
    """The index of a model's graph, with the shapes that can be inferred."""
    graph = model.graph
    shapes: dict[str, Shape] = {}
    for name, known in onnx_graph.types(model).items():
        if known.elem_type == onnx_graph.FLOAT and known.HasField("shape"):
            shapes[name] = [dim.dim_value if dim.dim_value > 0 else None for dim in known.shape.dim]
    return Graph(
        list(graph.node),
        {tensor.name: tensor for tensor in graph.initializer},
        shapes,
        {output.name for output in graph.output},
        onnx_graph.opset(model),
    )


def attributes_of(node: NodeProto) -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def text(value: Any, default: str) -> str:
    return default if value is None else value.decode() if isinstance(value, bytes) else str(value)


def is_map(graph: Graph, name: str) -> bool:
    """Is it a computed float32 N x C x H x W tensor of a known number of channels?"""
    shape = graph.shapes.get(name)
    return name not in graph.constants and shape is not None and len(shape) == 4 and shape[1] is not None


def only_reader(graph: Graph, name: str) -> bool:
    return name not in graph.outputs and len(graph.readers.get(name, [])) == 1


def limits(graph: Graph, node: NodeProto) -> tuple[float, float] | None:
    if node.op_type == "Relu":
        return 0.0, math.inf
    attributes = attributes_of(node)  # opset 6 has the limits here, later ones as inputs
    found = [attributes.get("min", -math.inf), attributes.get("max", math.inf)]
    for place, name in enumerate(node.input[1:3]):
        if name:
            if name not in graph.constants:
                return None
            found[place] = float(graph.array(name))
    return (found[0], found[1]) if found[0] <= found[1] else None


def factor(graph: Graph, node: NodeProto) -> float | None:
    """The number that a Mul multiplies a value by, if that is what it does."""
    numbers = [name for name in node.input if name in graph.constants and math.prod(graph.array_shape(name)) == 1]
    if node.op_type != "Mul" or len(numbers) != 1 or len(graph.array_shape(numbers[0])) > 4:
        return None
    return float(graph.array(numbers[0]).reshape(()))


def resize_size(graph: Graph, node: NodeProto) -> tuple[int, int, float, float] | None:
    """Height and width of the output, or its scale: what is not used is 0.

    None: neither is known, or the runtime, which computes with float32, may come to another size or other pixels.
    """
    attributes = attributes_of(node)
    aligned = text(attributes.get("coordinate_transformation_mode"), "half_pixel") == "align_corners"
    nearest = not aligned and text(attributes.get("mode"), "nearest") == "nearest"
    before, after = graph.shapes[node.input[0]][2:], graph.shapes[node.output[0]][2:]
    if len(node.input) > 2 and node.input[2] in graph.constants and graph.array(node.input[2]).size == 4:
        scales = [float(scale) for scale in graph.array(node.input[2])[2:]]
        if all(_is_plain_scale(size, scale, nearest) for size, scale in zip(before, scales, strict=True)):
            return 0, 0, scales[0], scales[1]
        return None
    (height, width), (new_height, new_width) = before, after
    if height is None or width is None or new_height is None or new_width is None:
        return None
    if nearest and (new_height % height or new_width % width):
        return None
    return new_height, new_width, 0.0, 0.0


def _is_plain_scale(size: int | None, scale: float, nearest: bool) -> bool:
    import numpy as np

    if not 1e-4 <= scale <= 1e4:
        return False
    if scale == int(scale):
        return True
    if size is None or nearest:
        return False
    result = int(size * scale)  # where the size stays, the runtime copies
    return result == int(np.float32(size) * np.float32(scale)) and result != size
