"""The command without a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.left_half import LeftHalf


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[LeftHalf]]:
    """Every test runs in an empty folder, with LeftHalf for Session, and must leave no temporary file."""
    LeftHalf.made.clear()
    monkeypatch.setattr("rmbg_fast.session.Session", LeftHalf)
    monkeypatch.chdir(tmp_path)
    yield LeftHalf
    assert not list(tmp_path.rglob("*.tmp"))
