"""Where files lie, and the switch that keeps the network out."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmbg_fast._storage import folders


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("yes", True), ("0", False), ("Off", False), ("", False)])
def test_offline_switch(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool):
    monkeypatch.setenv("RMBG_FAST_OFFLINE", value)
    assert folders.offline() is expected


def test_home_is_in_the_users_cache_unless_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path))
    assert folders.home() == tmp_path
    monkeypatch.delenv("RMBG_FAST_HOME")
    assert folders.home().name == "rmbg-fast"
    assert folders.home().is_absolute()
