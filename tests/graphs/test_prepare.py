"""The cache of prepared graphs: what makes a new one, where it may lie, and which models are left alone."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from rmbg_fast._graphs import passes, prepare
from rmbg_fast._storage import digests, writing
from rmbg_fast.errors import ChecksumError, ModelError
from support.tiny_graphs import (
    F16,
    float16_model,
    model,
    node,
    resize_model,
    saved,
)


def test_prepared_once_and_then_without_onnx(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch):
    path = saved(tmp_path, float16_model())
    before = path.read_bytes()
    ready = prepare.prepare(path, output="y")
    assert ready.parent == home / "prepared"
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"home", path.name}, "nothing beside the user's own file"
    assert {file.name for file in ready.parent.iterdir()} == {ready.name, ready.with_suffix(".json").name}
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setattr(digests, "of", None)
    assert prepare.prepare(path, output="y") == ready


def test_each_recipe_and_each_content_has_its_own_file(tmp_path: Path):
    path = saved(tmp_path, float16_model())
    first = {prepare.prepare(path, output=0), prepare.prepare(path, output=0, widen=False)}
    status = path.stat()
    saved(tmp_path, resize_model())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert len({*first, prepare.prepare(path, output=0)}) == 3


@pytest.mark.parametrize("note", [b"", b"[]", b"\xff", b'{"size": 1, "mtime_ns": 1, "sha256": "1", "path": "x"}'])
def test_damaged_note_of_the_digest_is_made_anew(tmp_path: Path, home: Path, note: bytes):
    path = saved(tmp_path, resize_model())
    ready = prepare.prepare(path, output=0)
    (file,) = (home / "digests").iterdir()
    file.write_bytes(note)
    digests._known.clear()
    assert prepare.prepare(path, output=0) == ready
    assert file.read_bytes() != note


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder of temporary files, for this test alone; what was warned of before counts no more."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(prepare, "_warned", set())
    return tmp_path / "tmp"


def test_full_disk_leaves_nothing_half_written(
    tmp_path: Path, home: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
):
    path = saved(tmp_path, resize_model())

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.os, "replace", full)
    with pytest.warns(RuntimeWarning, match=r"runs as it is.*No space left on device; free space.*RMBG_FAST_HOME"):
        assert prepare.prepare(path, output=0, network=True) == path
    assert prepare.prepare(path, output=0) == path
    assert [file for file in (*home.rglob("*"), *temporary.rglob("*")) if file.is_file()] == []


@pytest.mark.parametrize("network", [False, True])
def test_place_where_nothing_can_be_written(tmp_path: Path, home: Path, temporary: Path, network: bool):
    """A file in the way of the folder: as on a read-only disk, and also for root."""
    path = saved(tmp_path, resize_model())
    home.write_bytes(b"")
    if not network:
        assert prepare.prepare(path, output=0) == path
        return
    with pytest.warns(RuntimeWarning, match="the prepared model lies in .*, which may not last: .*home") as caught:
        ready = prepare.prepare(path, output=0, network=True)
    assert temporary in ready.parents
    assert len(caught) == 1
    assert prepare.prepare(path, output=0, network=True) == ready
    assert ready.parent.parent.stat().st_mode & 0o077 == 0 or sys.platform == "win32"


@pytest.mark.skipif(sys.platform == "win32", reason="the folder is the user's own there")
def test_another_user_s_temporary_folder_is_not_taken(tmp_path: Path, home: Path, temporary: Path):
    path = saved(tmp_path, resize_model())
    home.write_bytes(b"")
    planted = temporary / f"rmbg-fast-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="runs as it is"):
        assert prepare.prepare(path, output=0, network=True) == path
    assert list(planted.iterdir()) == []


def test_name_too_long_for_a_longer_one(tmp_path: Path):
    path = tmp_path / ("m" * 250 + ".onnx")
    onnx.save(resize_model(), path)
    assert prepare.prepare(path, output=0).is_file()


def test_another_digest_is_refused_and_nothing_made(tmp_path: Path, home: Path):
    path = saved(tmp_path, resize_model())
    for kind, digits in (("sha256", 64), ("md5", 32)):
        with pytest.raises(ChecksumError, match=rf"model\.onnx: is damaged: its {kind} is \w{{{digits}}} and not 12"):
            prepare.prepare(path, output=0, digest=f"{kind}:12")
    assert not (home / "prepared").exists()


def test_change_that_keeps_size_and_time_is_seen_when_a_graph_is_made(tmp_path: Path):
    path = saved(tmp_path, float16_model())
    digest = digests.sha256(path)
    status = path.stat()
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(ChecksumError):
        prepare.prepare(path, output=0, digest=f"sha256:{digest}")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08", bytes(range(256))])
def test_file_that_is_no_model(tmp_path: Path, content: bytes):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.onnx: "):
        prepare.prepare(path, output=0)


def test_truncated_model(tmp_path: Path):
    path = saved(tmp_path, resize_model())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cannot be read as an ONNX model"):
        prepare.prepare(path, output=0)


def test_missing_file(tmp_path: Path):
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        prepare.prepare(tmp_path / "model.onnx", output=0)


def test_weights_in_other_files_are_left_alone(tmp_path: Path):
    made = model([node("Add", "x w", "y")], ["y"], {"w": np.ones([1, 2, 4, 4], np.float32)})
    path = tmp_path / "model.onnx"
    onnx.save(made, path, save_as_external_data=True, size_threshold=0)
    assert prepare.prepare(path, output=0) == path


def test_graph_that_the_checker_refuses_is_left_alone(tmp_path: Path):
    path = saved(tmp_path, model([node("Neg", "nothing", "y")], ["y"]))
    assert prepare.prepare(path, output=0) == path


def test_model_over_the_limit_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = saved(tmp_path, resize_model())
    monkeypatch.setattr(prepare, "LIMIT", 100)
    assert prepare.prepare(path, output=0) == path


def test_widening_over_the_limit_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = model([node("Add", "x w", "y")], ["y"], {"w": np.ones([1, 2, 4, 4], np.float16)}, kind=F16)
    path = saved(tmp_path, made)
    monkeypatch.setattr(passes, "LIMIT", path.stat().st_size + 32)
    with pytest.warns(RuntimeWarning, match="widen_float16 was left out: .* over 2 GB"):
        ready = prepare.prepare(path, output=0)
    assert onnx.load(ready).graph.initializer[0].data_type == F16
