"""What the command says on the way: stages, a bar, notes."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from rmbg_fast._cli import main
from support.left_half import LeftHalf, lines, photo

pytestmark = pytest.mark.usefixtures("session")


def test_verbose_names_the_stages(capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.jpg")
    assert main.main(["remove", "a.jpg", "-v"]) == 0
    (line,) = lines(capsys)
    assert re.fullmatch(
        r"a\.jpg -> a-cutout\.png: decode \d+ ms, infer 2 ms, encode \d+ ms, write \d+ ms, in all \d+ ms", line
    )


@pytest.mark.parametrize(("images_in", "terminal", "bar"), [(4, True, True), (3, True, False), (4, False, False)])
def test_bar(
    images_in: int, terminal: bool, bar: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tqdm")
    for number in range(images_in):
        photo(f"p/{number}.png", size=(13, 13) if number == 0 else (8, 6))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert main.main(["remove", "p"]) == 1
    shown = capsys.readouterr().err
    assert ("image/s" in shown) is bar
    assert "rmbg-fast: p/0.png: the mask has one constant value" in shown


def test_no_bar_without_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        photo(f"p/{number}.png")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert main.main(["remove", "p"]) == 0


@pytest.mark.parametrize("mask", ["", " --mask"])
@pytest.mark.parametrize(
    ("choice", "code", "line"),
    [
        ("", 0, ["rmbg-fast: note: empty.png: there is no subject"]),
        (" --on-empty ignore", 0, []),
        (" --on-empty raise", 1, ["rmbg-fast: empty.png: there is no subject"]),
    ],
)
def test_pictures_without_a_subject(
    choice: str, code: int, line: list[str], mask: str, capsys: pytest.CaptureFixture[str]
) -> None:
    photo("empty.png", size=(12, 12))
    photo("full.png")
    assert main.main(["remove", *f"empty.png full.png -o out/{choice}{mask}".split()]) == code
    assert lines(capsys) == line
    assert Path("out/full.png").exists()
    assert Path("out/empty.png").exists() is (code == 0)


@pytest.mark.filterwarnings("default")
def test_warnings_are_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def warn(*_: Any, **__: Any) -> LeftHalf:
        warnings.warn("the licence forbids commercial use", UserWarning, stacklevel=1)
        return LeftHalf("m", device="cpu", threads=None, recipe=None)

    photo("a.jpg")
    monkeypatch.setattr("rmbg_fast.session.Session", warn)
    assert main.main(["remove", "a.jpg"]) == 0
    assert lines(capsys) == ["rmbg-fast: note: the licence forbids commercial use"]
