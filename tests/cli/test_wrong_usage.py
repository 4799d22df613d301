"""Wrong usage: exit code 2 before any work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rmbg_fast._cli import main
from support.left_half import LeftHalf, photo, tree

pytestmark = pytest.mark.usefixtures("session")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "usage"),
        ("remove", "--from-file"),
        ("remove a.jpg --threshold 0", "1..255, not '0'"),
        ("remove a.jpg --threshold 256", "1..255, not '256'"),
        ("remove a.jpg --threshold x", "not 'x'"),
        ("remove a.jpg --threads 0", "at least 1"),
        ("remove a.jpg --background whitish", "is no opaque colour"),
        ("remove a.jpg --alpha none", "premultiplied"),
        ("remove a.jpg --format gif", "format 'gif'"),
        ("remove a.jpg --format jpeg", "jpeg holds no transparency: add --background"),
        ("remove a.jpg -o out.jpg", "jpeg holds no transparency: add --background"),
        ("remove a.jpg -o out.bmp", "bmp holds no transparency"),
        ("remove a.jpg -o out.xyz", "suffix of 'out.xyz'"),
        ("remove a.jpg -o out", "suffix of 'out'"),
        ("remove a.jpg --mask --background red", "--mask"),
        ("remove a.jpg --mask --alpha premultiplied", "--mask"),
        ("remove a.jpg --draft", "--mask"),
        ("remove a.jpg b.jpg -o b.jpg", "b.jpg: is a file"),
        ("remove p -o a.jpg", "a.jpg: is a file"),
        ("remove a.jpg - -o out/", "'-' stands for one image"),
        ("remove a.jpg b.jpg -o -", "'-' stands for one image"),
        ("remove p -o -", "'-' stands for one image"),
        ("remove a.jpg -o a.jpg --background red", "a.jpg would overwrite the source a.jpg"),
        ("remove a.jpg -o ./p/../a.jpg --background red", "would overwrite the source"),
        ("remove a.jpg -o link.png", "link.png would overwrite the source a.jpg"),
        ("remove a.jpg -o hard.png", "hard.png would overwrite the source a.jpg"),
        ("remove c.png -o .", "would overwrite the source c.png"),
        ("remove p -o p", "would overwrite the source p/q.png"),
        ("remove a.jpg a-cutout.png", "would overwrite the source a-cutout.png"),
        ("remove a-cutout.png a.jpg", "would overwrite the source a-cutout.png"),
        ("remove p/bare p/../p/bare -o out", "would both be written to"),
        ("remove / -o -", "'-' stands for one image"),
        ("remove /", "name the output folder"),
        ("remove EMPTY", "a file name is empty"),
        ("remove a.jpg -o EMPTY", "a file name is empty"),
        ("models", "ACTION"),
        ("models pull", "NAME"),
    ],
)
def test_wrong_usage(arguments: str, message: str, session: type[LeftHalf], capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.jpg", "b.jpg", "c.png", "a-cutout.png", "p/q.png"):
        photo(name)
    Path("p/bare").write_bytes(Path("a.jpg").read_bytes())
    Path("link.png").symlink_to("a.jpg")
    os.link("a.jpg", "hard.png")
    before = {name: Path(name).read_bytes() for name in tree()}
    assert main.main([argument.replace("EMPTY", "") for argument in arguments.split()]) == 2
    assert message in capsys.readouterr().err
    assert {name: Path(name).read_bytes() for name in tree()} == before
    assert session.made == []
