"""The lines of `rmbg-fast optimize` that say what was recognised."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from rmbg_fast._graphs import prepare, recognised
from rmbg_fast._graphs.request import Request
from rmbg_fast._runtime import library
from support.deformable_graphs import Case, gathered, sampled


def lines(source: Path, *, deformable: bool) -> list[str]:
    model, _ = prepare.run(source, Request("y", network=True, deformable=deformable))
    assert model is not None
    return recognised.report(recognised.operators(onnx.load(source)), recognised.operators(model), model)


@pytest.mark.parametrize(
    ("export", "left"), [(gathered, "4 GatherND, 0 GridSample"), (sampled, "0 GatherND, 9 GridSample")]
)
def test_deformable_convolutions(tmp_path: Path, export, left: str) -> None:
    library.load()
    if not library.has_deform_conv():
        pytest.skip("this ONNX Runtime has no DeformConv")
    source = tmp_path / "deformable.onnx"
    onnx.save(export(Case()), source)
    assert lines(source, deformable=True)[0] == (
        "deformable convolutions: 0 as such, 1 recovered; left: 0 GatherND, 0 GridSample"
    )
    assert lines(source, deformable=False)[0] == f"deformable convolutions: 0 as such, 0 recovered; left: {left}"


def test_deformable_convolutions_inside_a_network_are_recovered_too(tmp_path: Path) -> None:
    library.load()
    if not library.has_deform_conv():
        pytest.skip("this ONNX Runtime has no DeformConv")
    source = tmp_path / "deformable.onnx"
    onnx.save(gathered(Case(channels=32, out=32, size=(24, 24))), source)
    found = lines(source, deformable=True)
    assert found[0] == "deformable convolutions: 0 as such, 1 recovered; left: 0 GatherND, 0 GridSample"
    assert "built-in operators: 1 rmbg_fast.Network" in found


def test_what_is_left_is_counted_most_frequent_first() -> None:
    counts = recognised.Counts({f"Op{number}": number for number in range(1, 11)} | {"rmbg_fast.Network": 3})
    found = recognised.report(counts, counts, onnx.ModelProto())
    assert found == [
        "built-in operators: 3 rmbg_fast.Network",
        "left to ONNX Runtime: 55 nodes: 10 Op10, 9 Op9, 8 Op8, 7 Op7, 6 Op6, 5 Op5, 4 Op4, 3 Op3, 3 others",
    ]
