"""Linear layers and what stands around them are found however they are written, and nothing else is taken for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, helper, numpy_helper

from rmbg_fast._graphs import recognised
from rmbg_fast._graphs.prepare import run
from rmbg_fast._graphs.request import Request
from support.linear_graphs import Block, export
from support.network_graphs import node, ops, random, saved
from support.network_runs import assert_close, by_reference, by_runtime

FOUND = ["LinearLayers"]
BLOCKS = {
    "block": Block(),
    "two images": Block(tokens=(2, 9)),
    "a map": Block(tokens=(1, 3, 5)),
    "multiplied": Block(gelu="multiplied"),
    "halved sum": Block(gelu="halved sum"),
    "one node": Block(gelu="one node"),
    "without LayerNorm": Block(norm=False),
    "without residual": Block(residual=False, outputs=48),
    "without biases": Block(biased=False),
    "GELU alone": Block(norm=False, residual=False),
    "one layer": Block(hidden=0),
    "one layer and a residual": Block(hidden=0, norm=False),
    "patch merging": Block(hidden=0, residual=False, biased=False, inputs=64, outputs=32),
}


def passed(folder: Path, model: ModelProto) -> ModelProto:
    made, steps = run(saved(folder, model), Request("y", network=True))
    assert made is not None
    assert [step.skipped for step in steps] == [""] * len(steps)
    return made


def check(folder: Path, model: ModelProto, feeds: dict[str, Any]) -> ModelProto:
    made = passed(folder, model)
    assert_close(by_reference(made, feeds)["y"], by_runtime(model, feeds)["y"])
    return made


@pytest.mark.parametrize("name", BLOCKS)
def test_the_chain_becomes_one_node(tmp_path: Path, name: str) -> None:
    block = BLOCKS[name]
    assert ops(check(tmp_path, export(block), block.feeds())) == FOUND


def test_the_report_counts_them(tmp_path: Path) -> None:
    model = export(Block())
    made = passed(tmp_path, model)
    lines = recognised.report(recognised.operators(model), recognised.operators(made), made)
    assert lines[0] == "linear layers: 1 pairs with GELU, 0 single (1 with LayerNorm); left: 0 MatMul, 0 Gemm, 0 GELU"


def nodes(model: ModelProto, op: str) -> list[NodeProto]:
    return [node for node in model.graph.node if node.op_type == op]


def changed(model: ModelProto, name: str, values: Any) -> None:
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(values, np.float32), name))


def constant_of(model: ModelProto, node: NodeProto) -> str:
    (name,) = (name for name in node.input if name.startswith("c"))
    return name


def test_gemm_of_either_order_is_a_layer(tmp_path: Path) -> None:
    for transposed in (0, 1):
        block = Block(tokens=(13,))
        model = export(block)
        for number, product in enumerate(nodes(model, "MatMul")):
            (bias,) = (node for node in model.graph.node if node.op_type == "Add" and product.output[0] in node.input)
            place = list(model.graph.node).index(product)
            weight = f"w{number}"
            values = next(numpy_helper.to_array(t) for t in model.graph.initializer if t.name == product.input[1])
            model.graph.initializer.append(numpy_helper.from_array((values.T if transposed else values).copy(), weight))
            inputs = [product.input[0], weight, constant_of(model, bias)]
            model.graph.node.insert(place, helper.make_node("Gemm", inputs, [bias.output[0]], transB=transposed))
            model.graph.node.remove(product)
            model.graph.node.remove(bias)
        assert ops(check(tmp_path, model, block.feeds())) == FOUND


def test_a_residual_behind_a_reshape_is_added(tmp_path: Path) -> None:
    model = export(Block(tokens=(6, 7)))
    last = model.graph.node[-1]
    model.graph.initializer.append(numpy_helper.from_array(np.array([42, 32]), "shape"))
    for name, reshaped in ((last.input[1], "flat"), ("x", "other")):
        model.graph.node.insert(len(model.graph.node) - 1, helper.make_node("Reshape", [name, "shape"], [reshaped]))
    last.input[:] = ["other", "flat"]
    del model.graph.output[0].type.tensor_type.shape.dim[0]
    assert ops(check(tmp_path, model, Block(tokens=(6, 7)).feeds())) == ["Reshape", "LinearLayers"]


# --- nearly such a chain ---

Change = Callable[[ModelProto], None]


def another_root(model: ModelProto) -> None:
    changed(model, constant_of(model, nodes(model, "Div")[0]), 1.5)


def another_sum(model: ModelProto) -> None:
    (erf,) = nodes(model, "Erf")
    plus = next(node for node in nodes(model, "Add") if erf.output[0] in node.input)
    changed(model, constant_of(model, plus), 0.75)


def another_half(model: ModelProto) -> None:
    changed(model, constant_of(model, nodes(model, "Mul")[1]), 0.25)


def divided_by_the_value(model: ModelProto) -> None:
    (div,) = nodes(model, "Div")
    div.input[:] = [div.input[1], div.input[0]]


def another_factor(model: ModelProto) -> None:
    """Of the product with 1 + erf: erf itself."""
    product = nodes(model, "Mul")[0]
    product.input[0] = nodes(model, "Erf")[0].output[0]


def hidden_read_elsewhere(model: ModelProto) -> None:
    _also_read(model, nodes(model, "MatMul")[1].input[0])


def before_gelu_read_elsewhere(model: ModelProto) -> None:
    _also_read(model, nodes(model, "Div")[0].input[0])


def _also_read(model: ModelProto, name: str) -> None:
    model.graph.node[-1].output[0] = "before"
    model.graph.node.append(helper.make_node("ReduceMax", [name], ["most"], keepdims=0))
    model.graph.node.append(helper.make_node("Add", ["before", "most"], ["y"]))


NEARLY: list[Change] = [
    another_root, another_sum, another_half, divided_by_the_value, another_factor, hidden_read_elsewhere,
    before_gelu_read_elsewhere,
]  # fmt: skip


@pytest.mark.parametrize("change", NEARLY, ids=lambda each: each.__name__)
def test_another_function_between_two_layers_is_left(tmp_path: Path, change: Change) -> None:
    """They are a layer each: the first with its LayerNorm, the second with its residual."""
    block = Block()
    model = export(block)
    change(model)
    made = check(tmp_path, model, block.feeds())
    assert ops(made).count("LinearLayers") == 2
    assert ops(made).count("Erf") == 1
    wanted = by_runtime(export(block), block.feeds())["y"]
    assert not np.array_equal(by_runtime(model, block.feeds())["y"], wanted)


def test_gelu_of_tanh_is_left(tmp_path: Path) -> None:
    block = Block(gelu="tanh")
    assert ops(check(tmp_path, export(block), block.feeds())) == ["LinearLayers", "Gelu", "LinearLayers"]


def test_a_normalisation_of_another_axis_is_left(tmp_path: Path) -> None:
    block = Block(tokens=(1, 21))
    model = export(block)
    (norm,) = nodes(model, "LayerNormalization")
    next(attribute for attribute in norm.attribute if attribute.name == "axis").i = 1
    for name in norm.input[1:]:
        changed(model, name, random(21, 32))
    assert ops(check(tmp_path, model, block.feeds())) == ["LayerNormalization", "LinearLayers"]


def test_a_normalised_value_that_others_read_is_left(tmp_path: Path) -> None:
    """As what is added: then it is made anyway."""
    block = Block()
    model = export(block)
    model.graph.node[-1].input[0] = nodes(model, "LayerNormalization")[0].output[0]
    assert ops(check(tmp_path, model, block.feeds())) == ["LayerNormalization", "LinearLayers"]


def test_a_sum_of_another_shape_is_no_residual(tmp_path: Path) -> None:
    block = Block(tokens=(2, 9))
    model = export(block)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 9, 32]), "shape"))
    model.graph.node.insert(0, helper.make_node("ReduceMax", ["x", "first"], ["one"], keepdims=1))
    model.graph.initializer.append(numpy_helper.from_array(np.array([0]), "first"))
    model.graph.node[-1].input[0] = "one"
    assert ops(check(tmp_path, model, block.feeds())) == ["ReduceMax", "LinearLayers", "Add"]


def test_channels_of_no_whole_blocks_are_left(tmp_path: Path) -> None:
    for block in (Block(inputs=24, outputs=24), Block(hidden=40)):
        made = check(tmp_path, export(block), block.feeds())
        assert "LinearLayers" not in ops(made)


def test_a_layer_by_itself_is_left(tmp_path: Path) -> None:
    block = Block(hidden=0, norm=False, residual=False)
    assert ops(check(tmp_path, export(block), block.feeds())) == ["MatMul", "Add"]


def test_unknown_sizes_are_left(tmp_path: Path) -> None:
    model = export(Block())
    for dim in model.graph.input[0].type.tensor_type.shape.dim[:2]:
        dim.Clear()
    made = passed(tmp_path, model)
    assert "LinearLayers" not in ops(made)
    for count in (5, 30):
        feeds = {"x": random(2, count, 32)}
        assert_close(by_reference(made, feeds)["y"], by_runtime(model, feeds)["y"])


def test_two_passes_share_their_weights(tmp_path: Path) -> None:
    """The same block twice, its constants written twice, small ones too."""
    from onnx import compose

    one, two = export(Block()), compose.add_prefix(export(Block()), "again.")
    one.graph.node[-1].output[0] = one.graph.output[0].name = "middle"
    joined = compose.merge_models(one, two, io_map=[("middle", "again.x")])
    joined.graph.node[-1].output[0] = joined.graph.output[0].name = "y"
    made = check(tmp_path, joined, Block().feeds())
    assert ops(made) == FOUND * 2
    assert len(made.graph.initializer) == 1


def test_other_numbers_of_a_shared_layer_are_kept(tmp_path: Path) -> None:
    """The same matrices behind another bias are other weights."""
    from onnx import compose

    one, two = export(Block()), compose.add_prefix(export(Block()), "again.")
    changed(two, "again." + constant_of(export(Block()), export(Block()).graph.node[2]), random(80, seed=99))
    one.graph.node[-1].output[0] = one.graph.output[0].name = "middle"
    joined = compose.merge_models(one, two, io_map=[("middle", "again.x")])
    joined.graph.node[-1].output[0] = joined.graph.output[0].name = "y"
    made = check(tmp_path, joined, Block().feeds())
    assert len(made.graph.initializer) == 2


def test_the_node_is_where_all_it_reads_is_there(tmp_path: Path) -> None:
    """The residual is made after the first layer."""
    block = Block()
    model = export(block)
    model.graph.node.insert(len(model.graph.node) - 1, node("Sigmoid", "x", "late"))
    model.graph.node[-1].input[0] = "late"
    assert ops(check(tmp_path, model, block.feeds())) == ["Sigmoid", "LinearLayers"]
