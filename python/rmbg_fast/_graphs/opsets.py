"""A graph brought up to a later opset, for an operator that is not there before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import onnx_graph

if TYPE_CHECKING:
    from onnx import ModelProto

_AXES_BECAME_AN_INPUT = {
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSumSquare",
}  # fmt: skip
_CHANGED_THEIR_MEANING = {"RoiAlign"}  # between 13 and 19, without an attribute that keeps the old one


def raise_opset(model: ModelProto, opset: int) -> bool:
    """Bring a model of opset 13 or later up to `opset`, at most 19; False, and nothing changed, where that is not safe.

    Between 13 and 19 operators gained types and attributes whose defaults are the old behaviour, but for two changes of
    18: the axes of reductions became an input, and a Split into equal parts says how many.
    """
    import numpy as np
    from onnx import helper, numpy_helper

    current = onnx_graph.opset(model)
    if current >= opset:
        return True
    nodes = list(onnx_graph.nodes(model))
    if not 13 <= current <= opset <= 19 or model.functions or any(n.op_type in _CHANGED_THEIR_MEANING for n in nodes):
        return False
    if current < 18 <= opset:
        for number, node in enumerate(nodes):
            if node.domain not in ("", "ai.onnx"):
                continue
            if node.op_type == "Split" and len(node.input) < 2:
                node.attribute.append(helper.make_attribute("num_outputs", len(node.output)))
            elif node.op_type in _AXES_BECAME_AN_INPUT:
                for attribute in [each for each in node.attribute if each.name == "axes"]:
                    name = f"{node.output[0]}.axes.{number}"
                    model.graph.initializer.append(numpy_helper.from_array(np.array(attribute.ints, np.int64), name))
                    node.input.append(name)
                    node.attribute.remove(attribute)
    for item in model.opset_import:
        if item.domain in ("", "ai.onnx"):
            item.version = opset
    model.ir_version = max(model.ir_version, 9)  # that of opset 19
    return True
