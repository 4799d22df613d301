"""A file has one subject: what grows beyond these lengths has two."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMITS = {"tests": 300, "benches": 350, "scripts": 300, "python": 500, "cpp": 450}
SOURCES = {".py", ".pyi", ".sh", ".cpp", ".hpp", ".cu"}


@pytest.mark.parametrize("folder", LIMITS)
def test_no_file_is_too_long(folder: str) -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / folder).rglob("*")
        if path.suffix in SOURCES
    }
    assert len(lengths) > 5
    assert {path: length for path, length in lengths.items() if length > LIMITS[folder]} == {}
