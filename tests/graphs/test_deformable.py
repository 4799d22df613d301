"""Deformable convolutions that were spelled out are found again, and nothing else is taken for one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, NodeProto, numpy_helper

from rmbg_fast._graphs.prepare import run
from rmbg_fast._graphs.request import Request
from rmbg_fast._runtime import library
from support.deformable_graphs import Case, gathered, inputs, sampled
from support.tiny_graphs import ops, saved

library.load()
needs_operator = pytest.mark.skipif(not library.has_deform_conv(), reason="this ONNX Runtime has no DeformConv")

CASES = {
    "as in BiRefNet": Case(kernel=(7, 7), pad=(3, 3), size=(9, 8)),
    "3 x 3": Case(),
    "one tap": Case(kernel=(1, 1), pad=(0, 0)),
    "no mask, no bias": Case(masked=False, biased=False),
    "stride, dilation": Case(kernel=(2, 3), stride=(2, 1), pad=(1, 2), dilation=(1, 2)),
    "one row": Case(size=(1, 5)),
}
GROUPS = {"groups": Case(groups=2), "groups, no mask": Case(groups=4, masked=False)}
STYLES: dict[str, Callable[[Case], ModelProto]] = {"gathered": gathered, "sampled": sampled}
ALL = [(style, name) for style in STYLES for name in (CASES if style == "sampled" else {**CASES, **GROUPS})]


def recovered(folder: Path, model: ModelProto) -> ModelProto:
    made, steps = run(saved(folder, model), Request("y", deformable=True))
    assert made is not None
    assert [step.skipped for step in steps] == [""] * len(steps)
    return made


def ran(model: ModelProto, case: Case) -> Any:
    return library.python_session(model.SerializeToString()).run(["y"], inputs(case))[0]


@needs_operator
@pytest.mark.parametrize(("style", "name"), ALL)
def test_a_chain_becomes_the_operator(tmp_path: Path, style: str, name: str) -> None:
    case = {**CASES, **GROUPS}[name]
    model = STYLES[style](case)
    made = recovered(tmp_path, model)
    assert ops(made) == ["DeformConv", "Relu"]
    assert made.opset_import[0].version == 19
    np.testing.assert_allclose(ran(made, case), ran(model, case), rtol=0, atol=2e-5)


def test_nothing_is_changed_where_the_runtime_lacks_it(tmp_path: Path) -> None:
    made, _ = run(saved(tmp_path, gathered(Case())), Request("y"))
    assert made is not None
    assert ops(made).count("GatherND") == 4
    assert made.opset_import[0].version == 16


def replace_constant(model: ModelProto, name: str, change: Callable[[Any], Any]) -> None:
    (tensor,) = (each for each in model.graph.initializer if each.name == name)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), name))


def nodes(model: ModelProto, op: str) -> list[NodeProto]:
    return [node for node in model.graph.node if node.op_type == op]


def attribute(node: NodeProto, name: str) -> Any:
    return next(each for each in node.attribute if each.name == name)


def move_one_position(model: ModelProto) -> None:
    def moved(grid: Any) -> Any:
        grid = grid.copy()
        grid[0, 0, 4, 1, 2, 3] += 0.5
        return grid

    replace_constant(model, nodes(model, "Add")[0].input[0], moved)


def pad_by_repeating(model: ModelProto) -> None:
    attribute(nodes(model, "Pad")[0], "mode").s = b"edge"


def pad_with_ones(model: ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.float32(1), "one"))
    nodes(model, "Pad")[0].input.append("one")


def clip_one_too_far(model: ModelProto) -> None:
    replace_constant(model, nodes(model, "Clip")[0].input[2], lambda last: last - 1)


def swap_two_neighbours(model: ModelProto) -> None:
    first, second, *_ = nodes(model, "Concat")
    first.input[0], second.input[0] = second.input[0], first.input[0]


def exchange_rows_and_columns(model: ModelProto) -> None:
    first, *_ = nodes(model, "Concat")
    first.input[:] = reversed(first.input)


def next_but_one(model: ModelProto) -> None:
    replace_constant(model, nodes(model, "Add")[1].input[1], lambda one: one + 1)


def lay_taps_otherwise(model: ModelProto) -> None:
    attribute(nodes(model, "Transpose")[-1], "perm").ints[:] = [0, 1, 4, 3, 5, 2]


def overlap(model: ModelProto) -> None:
    attribute(nodes(model, "Conv")[0], "strides").ints[:] = [3, 2]


GATHERED = [
    move_one_position, pad_by_repeating, pad_with_ones, clip_one_too_far, swap_two_neighbours,
    exchange_rows_and_columns, next_but_one, lay_taps_otherwise, overlap,
]  # fmt: skip


@pytest.mark.parametrize("change", GATHERED)
def test_what_is_not_quite_a_gathered_chain_is_left_alone(tmp_path: Path, change: Callable[[ModelProto], None]) -> None:
    model = gathered(Case())
    change(model)
    made, _ = run(saved(tmp_path, model), Request("y", deformable=True))
    assert made is None or "DeformConv" not in ops(made)


def repeat_the_edge(model: ModelProto) -> None:
    attribute(nodes(model, "GridSample")[2], "padding_mode").s = b"border"


def sample_the_nearest(model: ModelProto) -> None:
    attribute(nodes(model, "GridSample")[0], "mode").s = b"nearest"


def align_corners(model: ModelProto) -> None:
    attribute(nodes(model, "GridSample")[8], "align_corners").i = 1


def take_another_offset(model: ModelProto) -> None:
    replace_constant(model, nodes(model, "Gather")[3].input[1], lambda channel: channel + 2)


def take_another_mask(model: ModelProto) -> None:
    node = nodes(model, "Slice")[1]
    replace_constant(model, node.input[1], lambda start: start + 1)
    replace_constant(model, node.input[2], lambda end: end + 1)


def divide_by_another_size(model: ModelProto) -> None:
    replace_constant(model, nodes(model, "Div")[0].input[1], lambda size: size + 1)


def shift_one_tap(model: ModelProto) -> None:
    replace_constant(model, nodes(model, "Add")[2].input[0], lambda line: line + 1)


SAMPLED = [
    repeat_the_edge, sample_the_nearest, align_corners, take_another_offset, take_another_mask,
    divide_by_another_size, shift_one_tap,
]  # fmt: skip


@pytest.mark.parametrize("change", SAMPLED)
def test_what_is_not_quite_a_sampled_chain_is_left_alone(tmp_path: Path, change: Callable[[ModelProto], None]) -> None:
    model = sampled(Case())
    change(model)
    assert "DeformConv" not in ops(recovered(tmp_path, model))
