"""The measured tables of README and docs are what the results of the benchmarks say."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not (ROOT / "benches" / "results").is_dir(), reason="no results here")
sys.path.append(str(ROOT / "scripts"))
import make_tables  # noqa: E402

RESULTS = [*sorted((ROOT / "benches" / "results").glob("*/*.json")), *make_tables.SHIPPED.values()]
ROWS = [
    {"picture": "1920 x 1080", "program": "one", "whole, ms": 600.4, "MB": 1},
    {"picture": "1920 x 1080", "program": "two", "whole, ms": 2149, "MB": 2},
]


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    document = {
        "machine": {"cpu": "A processor", "cores": 2, "caches": {"L2": "1M"}, "platform": "Linux"},
        "software": {"tier": "avx2", "network tier": "avx2", "packages": {"numpy": "2.0"}},
        "date": "2026-01-02",
        "quick": False,
        "load": {"before": 0.0, "other programs, cores": 0.02},
        "tables": {"a call": ROWS},
    }
    monkeypatch.setattr(make_tables, "RESULTS", tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "calls.json").write_text(json.dumps(document))
    return document


def test_pages_say_what_was_measured() -> None:
    stale = [
        page.name
        for page in make_tables.pages()
        if make_tables.made(page.read_text("utf-8")) != page.read_text("utf-8")
    ]
    assert stale == [], "run python scripts/make_tables.py"


def test_pages_have_tables_that_are_made() -> None:
    assert sum("<!-- table: " in page.read_text("utf-8") for page in make_tables.pages()) >= 2


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_results_tell_the_machine_and_how_busy_it_was(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["subject"] == path.stem
    assert not document["quick"], "a trial run is no result"
    assert "cores" in make_tables.caption(document)
    assert "other programs, cores" in document["load"]
    assert all(isinstance(row, dict) for rows in document["tables"].values() for row in rows)


def test_a_table_has_the_columns_that_are_asked_for(results: dict[str, Any]) -> None:
    page = "before\n<!-- table: here/calls a call; program; MB -->\nolder\n<!-- end -->\nafter\n"
    made = make_tables.made(page)
    assert "\n| program | MB |\n| --- | --- |\n| one | 1 |\n| two | 2 |\n\n<!-- end -->\nafter" in made
    assert "older" not in made
    assert make_tables.made(made) == made


def test_a_figure_stands_in_a_sentence_or_a_cell(results: dict[str, Any]) -> None:
    page = "| a | <!-- figure: here/calls a call; 1920 x 1080, two; whole, ms; s -->9 s | b |\n"
    assert make_tables.made(page) == page.replace("9 s", "2.1 s")


@pytest.mark.parametrize(
    ("others", "words"), [(0.02, ""), (1.26, "other programs took 1.3 cores"), (None, "not known")]
)
def test_what_else_the_machine_did_is_said(results: dict[str, Any], others: float | None, words: str) -> None:
    results["load"]["other programs, cores"] = others
    said = make_tables.caption(results)
    assert words in said
    assert ("trust the ratios" in said) == bool(words)


def test_an_unknown_table_is_an_error(results: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        make_tables.made("<!-- table: here/calls another -->\n<!-- end -->\n")
