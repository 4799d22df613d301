"""Preparing shows a bar on a terminal, of one step a pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest

from rmbg_fast._graphs import prepare
from rmbg_fast._graphs.passes import PASSES
from rmbg_fast._runtime import terminal
from support.small_network import network


class Bar:
    steps = 0
    closed = False

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def update(self) -> None:
        self.steps += 1


def test_a_step_each_pass_and_none_when_the_graph_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars: list[tuple[Bar, dict[str, Any]]] = []

    def bar(**options: Any) -> Bar:
        bars.append((Bar(), options))
        return bars[-1][0]

    monkeypatch.setattr(terminal, "bar", bar)
    source = tmp_path / "small.onnx"
    onnx.save(network(), source)
    for _ in range(2):
        prepare.prepare(source, output="y")
    ((made, options),) = bars
    assert made.steps == options["total"] == 1 + len(PASSES)
    assert made.closed
    assert "small.onnx" in options["desc"]


def test_no_bar_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal.sys, "stderr", None)
    assert terminal.bar(total=1) is None
