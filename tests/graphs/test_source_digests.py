"""A model is hashed once, not at every start: what is known of it outlives the process, wherever it may be kept."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from rmbg_fast._graphs import prepare
from rmbg_fast._storage import digests
from support.tiny_graphs import resize_model, saved


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read for their digest."""
    read: list[Path] = []
    real = digests.of
    monkeypatch.setattr(digests, "of", lambda file, *kind: read.append(Path(file)) or real(file, *kind))
    return read


def start_anew() -> None:
    """Forget what a process remembers."""
    digests._known.clear()


def prepared(source: Path) -> Path:
    start_anew()
    return prepare.prepare(source, output=0, network=True)


def test_second_start_hashes_nothing(tmp_path: Path, hashed: list[Path]) -> None:
    source = saved(tmp_path, resize_model())
    ready = prepared(source)
    hashed.clear()
    assert prepared(source) == ready
    assert hashed == []


def test_copied_files_are_hashed_once(tmp_path: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    source = saved(tmp_path, resize_model())
    ready = prepared(source)
    elsewhere = tmp_path / "image"
    shutil.copytree(tmp_path / "home", elsewhere)  # without the times
    for file in (elsewhere / "prepared").iterdir():
        os.utime(file, ns=(10**18 + 1, 10**18 + 1))
    monkeypatch.setenv("RMBG_FAST_HOME", str(elsewhere))
    hashed.clear()
    copied = prepared(source)
    assert copied == elsewhere / "prepared" / ready.name
    assert hashed == [copied]
    assert prepared(source) == copied
    assert hashed == [copied]


def test_whole_seconds_of_an_archive_are_the_same_time(tmp_path: Path, hashed: list[Path]) -> None:
    source = saved(tmp_path, resize_model())
    ready = prepared(source)
    hashed.clear()
    for file in (source, ready):
        whole = file.stat().st_mtime_ns // 10**9 * 10**9
        os.utime(file, ns=(whole, whole))
    assert prepared(source) == ready
    assert hashed == []


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "chmod"), reason="modes of folders are POSIX")
def test_folder_of_the_model_that_cannot_be_written(tmp_path: Path, hashed: list[Path]) -> None:
    """As on a read-only disk: nothing is asked of it but to be read."""
    folder = tmp_path / "read only"
    folder.mkdir()
    source = saved(folder, resize_model())
    folder.chmod(0o555)
    try:
        ready = prepared(source)
        hashed.clear()
        assert prepared(source) == ready
        assert hashed == []
        assert list(folder.iterdir()) == [source]
    finally:
        folder.chmod(0o755)


@pytest.mark.filterwarnings("ignore:the prepared model lies in .*, which may not last")
def test_home_that_cannot_be_written(
    tmp_path: Path, home: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    home.write_bytes(b"")
    source = saved(tmp_path, resize_model())
    ready = prepared(source)
    hashed.clear()
    assert prepared(source) == ready
    assert hashed == []


def test_row_that_knows_the_digest_needs_no_other(tmp_path: Path, home: Path, hashed: list[Path]) -> None:
    source = saved(tmp_path, resize_model())
    ready = prepared(source)
    shutil.rmtree(home / "digests")
    known = f"sha256:{digests.sha256(source, fresh=True)}"
    shutil.rmtree(home / "digests")
    start_anew()
    hashed.clear()
    assert prepare.prepare(source, output=0, network=True, digest=known) == ready
    assert hashed == []


def test_temporary_folder_is_not_made_where_the_home_will_do(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    assert home in prepared(saved(tmp_path, resize_model())).parents
    assert list((tmp_path / "tmp").iterdir()) == []
