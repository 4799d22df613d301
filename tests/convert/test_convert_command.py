"""`rmbg-fast convert` and the script of that name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from rmbg_fast import convert
from rmbg_fast._cli.main import main
from rmbg_fast.convert import converter

torch = pytest.importorskip("torch")


def test_the_command_passes_everything_on(monkeypatch: pytest.MonkeyPatch):
    given: dict[str, Any] = {}
    monkeypatch.setattr(convert, "convert", lambda *names, **options: given.update(options, names=names))
    words = (
        "convert a/b -o c.onnx --like u2netp --size 64x128 --set license=MIT --set commercial=false --set mean=[0,0,0]"
    )
    words += " --opset 20 --fixed-batch --trust-remote-code --photo cat.jpg --tolerance 0.01"
    assert main(words.split()) == 0
    del given["say"]
    assert given == {
        "names": ("a/b", "c.onnx"), "like": "u2netp", "opset": 20, "dynamic_batch": False, "trust_remote_code": True,
        "row": {"size": (64, 128), "license": "MIT", "commercial": False, "mean": [0, 0, 0]},
        "photo": "cat.jpg", "tolerance": 0.01,
    }  # fmt: skip


def test_the_command_s_defaults_are_the_function_s(monkeypatch: pytest.MonkeyPatch):
    given: dict[str, Any] = {}
    monkeypatch.setattr(convert, "convert", lambda *names, **options: given.update(options))
    assert main(["convert", "a/b", "-o", "c.onnx"]) == 0
    assert (given["opset"], given["tolerance"]) == (converter.OPSET, converter.TOLERANCE)
    assert given["dynamic_batch"] is True
    assert given["trust_remote_code"] is False


@pytest.mark.parametrize("option", ["--size=big", "--size=1x2x3", "--set=license", "--set==MIT", "--opset=new"])
def test_a_bad_option_is_wrong_usage(option: str, capsys: pytest.CaptureFixture[str]):
    assert main(["convert", "a/b", "-o", "c.onnx", option]) == 2
    assert option.split("=")[0] in capsys.readouterr().err


def test_the_script_is_the_command(monkeypatch: pytest.MonkeyPatch):
    path = Path(__file__).parents[2] / "scripts" / "convert_rmbg_to_onnx.py"
    given: list[Any] = []
    monkeypatch.setattr(convert, "convert", lambda *names, **options: given.append((names, options["like"])))
    for words in ([], ["a.pth", "-o", "b.onnx", "--like", "rmbg-1.4"]):
        monkeypatch.setattr(sys, "argv", [str(path), *words])
        with pytest.raises(SystemExit) as ended:
            exec(compile(path.read_text(), path, "exec"), {"__name__": "__main__"})
        assert ended.value.code == 0
    assert given == [(("briaai/RMBG-1.4", "rmbg-1.4.onnx"), None), (("a.pth", "b.onnx"), "rmbg-1.4")]
