"""What gets a name is on the disk before, so that no crash of the machine leaves a name without its content."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from rmbg_fast._graphs import prepare
from rmbg_fast._storage import writing
from rmbg_fast.errors import OutputError
from support.network_graphs import resnet, saved


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What is done to files, by their numbers in the file system, in order."""
    done: list[tuple[str, int]] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(handle: int) -> None:
        assert os.fstat(handle).st_size > 0, "what is buffered has been written"
        done.append(("fsync", os.fstat(handle).st_ino))
        real_fsync(handle)

    def replace(source: Path, target: Path) -> None:
        done.append(("rename", os.stat(source).st_ino))
        real_replace(source, target)

    monkeypatch.setattr(writing.os, "fsync", fsync)
    monkeypatch.setattr(writing.os, "replace", replace)
    return done


def test_model_is_on_the_disk_before_it_has_its_name(tmp_path: Path, steps: list[tuple[str, int]]) -> None:
    writing.write(tmp_path / "model.onnx", b"content", to_the_disk=True)
    number = (tmp_path / "model.onnx").stat().st_ino
    assert steps == [("fsync", number), ("rename", number)]


def test_a_disk_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    target = tmp_path / "model.onnx"
    target.write_bytes(b"old")
    monkeypatch.setattr(writing.os, "fsync", fail)
    with pytest.raises(OutputError, match="Input/output error"):
        writing.write(target, b"content", to_the_disk=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"model.onnx": b"old"}


def test_result_does_not_wait_for_the_disk_but_is_whole_when_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int]]
) -> None:
    sizes: list[int] = []
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        sizes.append(os.stat(source).st_size)
        real(source, target)

    monkeypatch.setattr(writing.os, "replace", replace)
    writing.write(tmp_path / "out.png", b"content")
    assert steps == [("rename", (tmp_path / "out.png").stat().st_ino)]
    assert sizes == [7]


def test_prepared_files_too_and_their_manifest_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int]]
) -> None:
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "home"))
    source = saved(tmp_path, resnet())
    ready = prepare.prepare(source, output=0, network=True)
    numbers = [ready.with_suffix(suffix).stat().st_ino for suffix in (".weights", ".onnx", ".json")]
    of_these = [step for step in steps if step[1] in numbers]
    assert of_these == [(step, number) for number in numbers for step in ("fsync", "rename")]
