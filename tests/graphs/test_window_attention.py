"""Attention in windows is found however it is spelled out, and nothing else is taken for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, helper, numpy_helper

from rmbg_fast._graphs import folding, recognised
from rmbg_fast._graphs.prepare import run
from rmbg_fast._graphs.request import Request
from support.attention_graphs import Case, by_layers, by_views
from support.network_graphs import ops, saved
from support.network_runs import assert_close, by_reference, by_runtime

INF = float("-inf")
CASES = {
    "padded": Case(),
    "padded, shifted": Case(shift=2),
    "whole windows": Case(height=8, width=12),
    "whole windows, shifted": Case(height=8, width=12, shift=2),
    "windows of 7": Case(height=15, width=22, window=7, shift=3, heads=3, depth=32),
    "windows of 12": Case(height=30, width=24, window=12, shift=6, heads=1, depth=32),
    "one window": Case(height=4, width=4),
    "narrower than a window": Case(height=9, width=3),
    "one window, shifted": Case(height=4, width=4, shift=1),
    "one window, minus infinity": Case(height=4, width=4, shift=1, mask=INF),
    "minus infinity": Case(shift=1, mask=INF),
    "two images": Case(shift=2, images=2),
    "two images, whole windows": Case(height=8, width=8, images=2),
    "without biases of layers": Case(shift=2, biased=False),
}
STYLES: dict[str, Callable[[Case], ModelProto]] = {"views": by_views, "layers": by_layers}
FOUND = ["LinearLayers", "WindowAttention", "LinearLayers"]


def passed(folder: Path, model: ModelProto) -> ModelProto:
    made, steps = run(saved(folder, model), Request("y", network=True))
    assert made is not None
    assert [step.skipped for step in steps] == [""] * len(steps)
    return made


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", CASES)
def test_the_chain_becomes_one_node(tmp_path: Path, style: str, name: str) -> None:
    case = CASES[name]
    model = STYLES[style](case)
    made = passed(tmp_path, model)
    assert ops(made) == FOUND
    feeds = case.feeds()
    assert_close(by_reference(made, feeds)["y"], by_runtime(model, feeds)["y"])


def test_masks_too_large_to_fold_are_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "_FOLD_LIMIT", 1 << 10)
    case = Case(shift=2)
    model = by_layers(case)
    made = passed(tmp_path, model)
    assert ops(made) == FOUND
    assert_close(by_reference(made, case.feeds())["y"], by_runtime(model, case.feeds())["y"])


def test_the_report_names_it(tmp_path: Path) -> None:
    for style in STYLES.values():
        model = style(Case(shift=2))
        made = passed(tmp_path, model)
        lines = recognised.report(recognised.operators(model), recognised.operators(made), made)
        assert lines[0] == "attention: 1 with windows of 4 x 4 (1 shifted); left: 0 Softmax"


# --- nearly such a chain ---

Change = Callable[[ModelProto], None]


def nodes(model: ModelProto, op: str) -> list[NodeProto]:
    return [node for node in model.graph.node if node.op_type == op]


def constant(model: ModelProto, name: str) -> Any:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def changed(model: ModelProto, name: str, change: Callable[[Any], Any]) -> None:
    tensor = constant(model, name)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), name))


def halve(model: ModelProto, node: NodeProto, operand: int) -> None:
    """The node reads half of what it read."""
    model.graph.initializer.append(numpy_helper.from_array(np.array(0.5, np.float32), "half"))
    place = list(model.graph.node).index(node)
    model.graph.node.insert(place, helper.make_node("Mul", [node.input[operand], "half"], ["halved"]))
    node.input[operand] = "halved"


def scale_behind_the_bias(model: ModelProto) -> None:
    (softmax,) = nodes(model, "Softmax")
    halve(model, softmax, 0)


def read_the_weights_elsewhere(model: ModelProto) -> None:
    (softmax,) = nodes(model, "Softmax")
    model.graph.node[-1].output[0] = "before"
    model.graph.node.append(helper.make_node("ReduceMax", [softmax.output[0]], ["most"], keepdims=0))
    model.graph.node.append(helper.make_node("Add", ["before", "most"], ["y"]))


def scale_the_values(model: ModelProto) -> None:
    halve(model, nodes(model, "MatMul")[-2], 1)


def softmax_over_queries(model: ModelProto) -> None:
    (softmax,) = nodes(model, "Softmax")
    next(attribute for attribute in softmax.attribute if attribute.name == "axis").i = 2


def another_order_of_windows(model: ModelProto) -> None:
    """Cut column by column, put back row by row."""
    transpose = nodes(model, "Transpose")[0]
    transpose.attribute[0].ints[:] = [0, 3, 1, 2, 4, 5]


def another_padding(model: ModelProto) -> None:
    """Of the first row and column."""
    (pad,) = nodes(model, "Pad")
    changed(model, pad.input[1], lambda pads: np.roll(pads, 4))


def roll_back_by_less(model: ModelProto) -> None:
    last = nodes(model, "Concat")[-1]
    for name in last.input:
        (cut,) = (node for node in model.graph.node if node.output[0] == name)
        place = 1 if numpy_helper.to_array(constant(model, cut.input[1])).item() else 2
        changed(model, cut.input[place], lambda at: at + 1)


def wrong_mask(model: ModelProto) -> None:
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.min() == -100 and values.ndim > 2:
            changed(model, tensor.name, _with_one_more)
            return
    raise AssertionError


def _with_one_more(mask: Any) -> Any:
    mask = mask.copy()
    mask[tuple(np.argwhere(mask == 0)[1])] = -100
    return mask


def bias_of_each_window(model: ModelProto) -> None:
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.ndim == 4 and values.shape[2] == values.shape[3]:
            changed(model, tensor.name, lambda bias: bias * np.linspace(1, 2, 9, dtype=np.float32)[:, None, None, None])
            return
    raise AssertionError


def values_before_keys(model: ModelProto) -> None:
    """The heads of the queries in another order."""
    reshape = nodes(model, "Reshape")
    joined = next(node for node in reshape if len(numpy_helper.to_array(constant(model, node.input[1]))) == 5)
    changed(model, joined.input[1], lambda shape: shape[[0, 1, 2, 4, 3]])
    transpose = next(node for node in nodes(model, "Transpose") if node.input[0] == joined.output[0])
    transpose.attribute[0].ints[:] = [2, 0, 4, 1, 3]


EITHER: list[Change] = [
    scale_behind_the_bias, read_the_weights_elsewhere, scale_the_values, softmax_over_queries,
    another_order_of_windows, another_padding, roll_back_by_less,
]  # fmt: skip
NEARLY = [("views", each) for each in (*EITHER, wrong_mask, values_before_keys)]
NEARLY += [("layers", each) for each in (*EITHER, bias_of_each_window)]


@pytest.mark.parametrize(("style", "change"), NEARLY, ids=lambda each: getattr(each, "__name__", each))
def test_what_is_nearly_such_a_chain_is_left(tmp_path: Path, style: str, change: Change) -> None:
    case = Case(shift=2)
    model = STYLES[style](case)
    change(model)
    made = passed(tmp_path, model)
    assert "WindowAttention" not in ops(made)
    assert ops(made).count("Softmax") == 1
    feeds = case.feeds()
    wanted = by_runtime(model, feeds)["y"]
    assert not np.array_equal(wanted, by_runtime(STYLES[style](case), feeds)["y"])  # it is another function
    assert_close(by_reference(made, feeds)["y"], wanted)


def test_a_depth_of_no_whole_blocks_is_left(tmp_path: Path) -> None:
    for style in STYLES.values():
        assert "Softmax" in ops(passed(tmp_path, style(Case(depth=24))))


def test_two_passes_share_what_they_read(tmp_path: Path) -> None:
    """The same block twice, its constants written twice, as exporters do: each weight is there once."""
    from onnx import compose

    one = by_layers(Case(shift=2))
    two = compose.add_prefix(by_layers(Case(shift=2)), "again.")
    joined = compose.merge_models(one, two, io_map=[("y", "again.x")])
    joined.graph.output[0].name = "y"
    joined.graph.node[-1].output[0] = "y"
    for node in joined.graph.node[:-1]:
        for place, name in enumerate(node.output):
            if name == "y":
                node.output[place] = "middle"
    for node in joined.graph.node:
        node.input[:] = ["middle" if name == "y" else name for name in node.input]
    made = passed(tmp_path, joined)
    assert ops(made) == FOUND * 2
    large = [tensor for tensor in made.graph.initializer if numpy_helper.to_array(tensor).size >= 512]
    assert len(large) == 3  # the layers of q, k and v side by side; the projection; the bias of places
    case = Case(shift=2)
    assert_close(by_reference(made, case.feeds())["y"], by_runtime(joined, case.feeds())["y"])
