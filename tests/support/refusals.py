"""Commands that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmbg_fast._cli import main


def assert_refused(
    arguments: list[str],
    code: int,
    why: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The command, run in `folder`, ends with `code`, says `why`, and leaves every file as it was."""
    monkeypatch.chdir(folder)
    before = _content(folder)
    assert main.main(arguments) == code
    assert why in capsys.readouterr().err
    assert _content(folder) == before


def _content(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
