"""The commands beside `remove`: models, info, demo, --version."""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from rmbg_fast._cli import main
from rmbg_fast.errors import ModelError
from support.left_half import lines, load, tree

pytestmark = pytest.mark.usefixtures("session")


def test_models_list(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "home"))
    assert main.main(["models", "list"]) == 0
    table, about = capsys.readouterr().out.split("\n\n")
    head, *lines_of = table.splitlines()
    assert head.split()[:2] == ["NAME", "LICENCE"]
    assert head.endswith("PROCESSOR TIME  MEMORY")
    rows = {line.split()[0]: line for line in lines_of}
    assert re.fullmatch(r".* Apache-2\.0 +yes +88 MB +no +[0-9.]+ s +[0-9.]+ GB", rows["isnet-general-use"])
    assert rows["birefnet-dynamic"].endswith(" -")  # nobody's file: nothing is known
    assert set(rows) >= {"rmbg-1.4", "rmbg-2.0", "u2netp"}
    assert "cores" in about


def test_models_list_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["models", "list", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    found = {model["name"]: model for model in printed["models"]}
    assert found["isnet-general-use"]["license"] == "Apache-2.0"
    assert found["isnet-general-use"]["commercial"] is True
    assert found["rmbg-1.4"]["cost"] == found["isnet-general-use"]["cost"]  # the same network
    for name in ("isnet-general-use", "u2netp", "birefnet-general-lite"):
        cost = found[name]["cost"]
        assert cost["processor_seconds"] > 0, name
        assert cost["megabytes"] > 10, name
    assert found["birefnet-dynamic"]["cost"] is None
    assert printed["measured_on"]


def test_models_pull_and_path(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> Path:
        if name == "bad":
            raise ModelError("no model is called 'bad'")
        return Path("models", f"{name}.onnx")

    for action in ("pull", "path"):
        monkeypatch.setattr(f"rmbg_fast.models.{action}", found)
        assert main.main(["models", action, "one"]) == 0
        assert main.main(["models", action, "bad", "two"]) == 1
        captured = capsys.readouterr()
        assert captured.out.splitlines() == [str(Path("models/one.onnx")), str(Path("models/two.onnx"))]
        assert captured.err.splitlines() == ["rmbg-fast: no model is called 'bad'"]


def test_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"1.2.3 of {name}")
    assert main.main(["--version"]) == 0
    assert capsys.readouterr().out == "rmbg-fast 1.2.3 of rmbg-fast\n"


def test_info(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"version": "1", "tiers": ["avx2", "baseline"], "runtime": None}
    from rmbg_fast._runtime import build_info as module

    monkeypatch.setattr(module, "build_info", lambda: facts)
    assert main.main(["info"]) == 0
    assert capsys.readouterr().out.splitlines() == ["version  1", "tiers    avx2, baseline", "runtime  -"]
    assert main.main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == facts


def test_demo_without_scikit_image(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    assert main.main(["demo"]) == 1
    assert "pip install 'rmbg-fast[demo]'" in lines(capsys)[0]
    assert tree() == []


def test_demo(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("skimage")
    assert main.main(["demo", "-o", "new/out"]) == 0
    names = ["cat.png", "cat-mask.png", "cat-cutout.png", "cat-side-by-side.png"]
    assert [Path(line).name for line in capsys.readouterr().out.splitlines()[:4]] == names
    cat, mask, cutout, both = (load(Path("new/out", name)) for name in names)
    assert (cat.mode, mask.mode, cutout.mode, both.size) == ("RGB", "L", "RGBA", (2 * cat.width, cat.height))
    board = np.asarray(both)[:, cat.width + cat.width // 2 :]
    assert set(np.unique(board)) == {190, 235}
