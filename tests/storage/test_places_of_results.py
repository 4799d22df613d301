"""Where a result is written: into a folder that is there, or that is made for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmbg_fast._storage import writing
from rmbg_fast.errors import OutputError


def test_folder_is_made_where_it_may_be(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "out.png"
    with pytest.raises(OutputError, match="there is no folder"):
        writing.write(target, b"content")
    assert not list(tmp_path.iterdir())
    for content in (b"content", b"other"):
        writing.write(target, content, makes_folder=True)
        assert target.read_bytes() == content
    assert list(target.parent.iterdir()) == [target]


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="the folder cannot be made"):
        writing.write(tmp_path / "file" / "out.png", b"content", makes_folder=True)
    assert (tmp_path / "file").read_bytes() == b""


def test_names_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    writing.write("out.png", b"content", makes_folder=True)
    assert (tmp_path / "out.png").read_bytes() == b"content"
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
