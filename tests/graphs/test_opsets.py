"""Graphs brought up to a later opset give what they gave."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import NodeProto

from rmbg_fast._graphs.opsets import raise_opset
from support.tiny_graphs import model, node, ran

GRAPHS: dict[str, tuple[list[NodeProto], dict[str, Any]]] = {
    "Split into equal parts": ([node("Split", "x", "a b", axis=1), node("Sub", "a b", "y")], {}),
    "Split by sizes": ([node("Split", "x sizes", "a b", axis=1), node("Sub", "a b", "y")], {"sizes": np.array([1, 1])}),
    "mean over axes": ([node("ReduceMean", "x", "y", axes=[2, 3])], {}),
    "maximum of all": ([node("ReduceMax", "x", "y", keepdims=1)], {}),
    "Pad": ([node("Pad", "x edges", "y", mode="edge")], {"edges": np.array([0, 0, 1, 2, 0, 0, 0, 1])}),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("opset", [13, 17])
def test_the_result_is_the_same(name: str, opset: int) -> None:
    nodes, weights = GRAPHS[name]
    made = model([NodeProto.FromString(each.SerializeToString()) for each in nodes], ["y"], weights, opset=opset)
    before = ran(made)
    assert raise_opset(made, 19)
    onnx.checker.check_model(made, full_check=True)
    assert made.opset_import[0].version == 19
    np.testing.assert_array_equal(ran(made), before)


@pytest.mark.parametrize("opset", [9, 12])
def test_older_graphs_are_left_alone(opset: int) -> None:
    made = model([node("Relu", "x", "y")], ["y"], opset=opset)
    before = made.SerializeToString()
    assert not raise_opset(made, 19)
    assert made.SerializeToString() == before


def test_an_operator_that_changed_its_meaning_is_left_alone() -> None:
    regions = {"boxes": np.array([[0, 0, 2, 2]], np.float32), "batch": np.array([0])}
    made = model([node("RoiAlign", "x boxes batch", "y")], ["y"], regions, opset=13)
    assert not raise_opset(made, 19)


def test_a_later_graph_needs_nothing() -> None:
    made = model([node("Relu", "x", "y")], ["y"], opset=20)
    assert raise_opset(made, 19)
    assert made.opset_import[0].version == 20
