"""`rmbg-fast cache`: what is stored, whose it is, and what may go."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rmbg_fast
from rmbg_fast import models
from rmbg_fast._cli import main
from rmbg_fast._graphs import prepare
from rmbg_fast._storage import digests, locks


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RMBG_FAST_OFFLINE", "1")
    monkeypatch.setattr(digests, "_known", {})
    return tmp_path / "home"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A model of the user's own, with files of his beside it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copyfile(models.path("u2netp"), folder / "mine.onnx")
    with open(folder / "mine.onnx", "ab") as model:
        model.write(b"\x1a\x00")  # another content: an empty domain
    (folder / "mine.toml").write_text('like = "u2netp"\n')
    (folder / "notes.json").write_text("{}")
    return folder / "mine.onnx"


def run(model: Any) -> Path:
    """The prepared graph that a session of the model runs."""
    made = rmbg_fast.Session(model, device="cpu")
    assert made.mask(np.zeros((9, 9, 3), np.uint8), on_empty="ignore").shape == (9, 9)
    return Path(made.details["graph"])


def shown(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main.main(["cache", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def clean(*options: str) -> None:
    assert main.main(["cache", "clean", *options]) == 0


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_stored_yet(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["cache"]) == 0
    assert f"{home}: 0.0 MB in all" in capsys.readouterr().out
    clean()
    assert not home.exists()
    assert not any((tmp_path / "tmp").iterdir())


def test_prepared_graphs_with_their_models_and_sizes(
    mine: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graphs = {"u2netp": run("u2netp"), str(mine): run(mine)}
    found = shown(capsys)
    by_model = {entry["model"]: entry for entry in found["entries"] if entry["kind"] == "prepared"}
    assert by_model.keys() == graphs.keys()
    for model, graph in graphs.items():
        assert by_model[model]["needed"]
        assert set(by_model[model]["files"]) == set(map(str, graph.parent.glob(f"{graph.stem}.*")))
        assert by_model[model]["bytes"] == sum(os.path.getsize(file) for file in by_model[model]["files"])
    assert found["folder"] == str(home)
    assert found["bytes"] == sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    assert found["unneeded_bytes"] == 0
    assert main.main(["cache"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(
        line.startswith("prepared graph  u2netp ") and line.endswith(f"yes     {graphs['u2netp']}") for line in lines
    )


def test_graph_of_a_model_that_is_gone_goes(mine: Path, home: Path) -> None:
    kept, left = run("u2netp"), run(mine)
    clean()
    assert left.exists(), "its model is there"
    mine.unlink()
    clean("--dry-run")
    assert left.exists()
    clean()
    assert not list(left.parent.glob(f"{left.stem}.*"))
    assert kept.exists()
    assert len(list((home / "digests").iterdir())) == 1
    assert run("u2netp") == kept


def test_graph_of_what_a_file_held_before_goes(mine: Path) -> None:
    before = run(mine)
    with open(mine, "ab") as model:
        model.write(b"\x1a\x00")
    after = run(mine)
    clean()
    assert not before.exists()
    assert after.exists()


def test_graphs_of_another_version_go(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(prepare, "VERSION", "0.0")
    monkeypatch.setattr(prepare, "PREPARE_VERSION", 0)
    old = run("u2netp")
    monkeypatch.setattr(prepare, "VERSION", "1.1")
    monkeypatch.setattr(prepare, "PREPARE_VERSION", 1)
    new = run("u2netp")
    kinds = {entry["kind"]: entry["needed"] for entry in shown(capsys)["entries"] if str(old) in entry["files"]}
    assert kinds == {"older": False}
    clean()
    assert not old.exists()
    assert new.exists()


OLD_MANIFEST = json.dumps({"files": {}, "convolutions": {"replaced": [], "left": []}})
OLD_STAMP = json.dumps({"size": 1, "mtime_ns": 1, "sha256": "1"})


def leave_old_files(model: Path) -> set[str]:
    """What versions that prepared models beside them left."""
    stem = f"{model.stem}.0123456789ab.prepared"
    old = {
        f"{stem}.onnx": "graph",
        f"{stem}.weights": "weights",
        f"{stem}.json": OLD_MANIFEST,
        f"{model.stem}.ba9876543210.prepared.onnx": "of the very first version",
        f"{model.name}.stamp": OLD_STAMP,
    }
    for name, content in old.items():
        (model.parent / name).write_text(content)
    return set(old)


def test_what_older_versions_left_in_the_cache_folder_goes(home: Path) -> None:
    (home / "models").mkdir(parents=True)
    (home / "prepared").mkdir()
    leave_old_files(home / "models" / "isnet-general-use-fp16.onnx")
    leave_old_files(home / "prepared" / "mine.onnx")
    (home / "models" / "by-hand.onnx").write_text("not in models.toml")
    clean()
    assert tree(home) == {"models/by-hand.onnx"}


@pytest.mark.parametrize("known", [True, False])
def test_what_older_versions_left_beside_a_model_goes(mine: Path, known: bool) -> None:
    old = leave_old_files(mine)
    stranger = mine.with_name("other.0123456789ab.prepared.json")
    stranger.write_text('{"files": ["of", "somebody", "else"]}')
    lonely = mine.with_name("other.0123456789ab.prepared.weights")
    lonely.write_text("no model and no manifest beside it")
    mine.with_name("another.onnx.stamp").write_text("not a stamp of ours")
    before = tree(mine.parent)
    if known:
        run(mine)
        clean()
    else:
        clean()
        assert tree(mine.parent) == before, "nobody said that it is there"
        clean(str(mine.parent))
    assert tree(mine.parent) == before - old


def test_unfinished_downloads_go_unless_somebody_is_at_work(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = home / "models"
    (folder / "u2net.onnx.package").mkdir(parents=True)
    (folder / "u2net.onnx.package" / "x.tgz").write_bytes(b"12345")
    for name in ("u2net.onnx.part", "busy.onnx.part", "dead.onnx.lock"):
        (folder / name).write_bytes(b"123")
    with locks.locked(folder / "busy.onnx"):
        clean()
        assert tree(folder) == {"busy.onnx.part", "busy.onnx.lock"}
        assert "busy.onnx.part: stays: somebody is at work on it" in capsys.readouterr().err
    clean()
    assert list(folder.iterdir()) == []


def test_temporary_files_of_killed_writers_go(home: Path) -> None:
    dead, alive = (home / "prepared" / f".rmbg-fast-{number:012x}.tmp" for number in (1, 2))
    dead.parent.mkdir(parents=True)
    for file in (dead, alive):
        file.write_bytes(b"1")
    os.utime(dead, (1, 1))
    clean()
    assert list(dead.parent.iterdir()) == [alive]


def test_all_takes_the_models_too_and_says_so(mine: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "models").mkdir(parents=True)
    (home / "tensorrt").mkdir()
    (home / "models" / "isnet-general-use-fp16.onnx").write_bytes(b"model")
    (home / "models" / "by-hand.onnx").write_bytes(b"the user's")
    (home / "tensorrt" / "a.engine").write_bytes(b"engine")
    run(mine)
    before = tree(home)
    clean()
    assert tree(home) == before
    clean("--all", "--dry-run")
    assert tree(home) == before
    assert (
        "the models go too, and are downloaded again when they are needed: isnet-general-use" in capsys.readouterr().err
    )
    clean("--all")
    assert tree(home) == {"models/by-hand.onnx"}
    assert tree(mine.parent) == {"mine.onnx", "mine.toml", "notes.json"}
    assert models.path("u2netp").is_file(), "the embedded one is a part of the package"


def test_what_cannot_be_removed_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "models").mkdir(parents=True)
    (home / "models" / "u2net.onnx.stamp").write_text(OLD_STAMP)

    def refused(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refused)
    assert main.main(["cache", "clean"]) == 1
    said = capsys.readouterr()
    assert "u2net.onnx.stamp: cannot be removed: Permission denied" in said.err
    assert "0.0 MB removed" in said.out


def test_temporary_prepared_graphs_are_shown_and_go(
    home: Path, tmp_path: Path, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write_bytes(b"")  # no folder can be made there
    with pytest.warns(RuntimeWarning, match="may not last"):
        graph = run(mine)
    assert tmp_path / "tmp" in graph.parents
    home.unlink()
    (entry,) = [entry for entry in shown(capsys)["entries"] if entry["kind"] == "prepared"]
    assert str(graph) in entry["files"]
    assert entry["model"] == str(mine)
    clean()
    assert graph.exists()
    mine.unlink()
    clean()
    assert not graph.exists()
