"""Failures: exit code 1 and a line for each, and no file is left half written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rmbg_fast._cli import main
from rmbg_fast._storage import writing as storage
from rmbg_fast.errors import DeviceError, ModelError, OptionError, RmbgError, RuntimeNotFoundError
from support.left_half import lines, photo, tree

pytestmark = pytest.mark.usefixtures("session")


def test_bad_images_do_not_stop_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    good = photo("p/a-good.png")
    photo("p/z-good.jpg")
    photo("p/constant.png", size=(13, 13))
    photo("p/defect.png", size=(14, 14))
    Path("p/empty.png").touch()
    Path("p/text.jpg").write_text("hello")
    Path("p/cut.png").write_bytes(good[:50])
    Path("p/broken.png").symlink_to("nowhere.png")
    assert main.main(["remove", "p", "-o", "out"]) == 1
    assert [path for path in tree() if path.startswith("out")] == ["out/a-good.png", "out/z-good.png"]
    found = lines(capsys)
    assert all(line.startswith("rmbg-fast: ") for line in found)
    reasons = {line.split(": ", 2)[1]: line.split(": ", 2)[2] for line in found}
    assert len(found) == len(reasons) == 6
    assert reasons["p/broken.png"] == "no such file"
    assert reasons["p/constant.png"] == "the mask has one constant value"
    assert reasons["p/defect.png"] == "unexpected ZeroDivisionError: a defect"
    assert reasons["p/empty.png"] == "is empty, 0 bytes"
    assert reasons["p/cut.png"].startswith("cannot be decoded")
    assert reasons["p/text.jpg"].startswith("is no image")


def test_missing_files_and_empty_folders(capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.jpg")
    Path("empty").mkdir()
    assert main.main(["remove", "absent.jpg", "a.jpg", "empty"]) == 1
    assert sorted(lines(capsys)) == [
        "rmbg-fast: absent.jpg: no such file",
        "rmbg-fast: empty: no image files in this folder",
    ]
    assert tree() == ["a-cutout.png", "a.jpg"]
    assert main.main(["remove", "empty"]) == 1


def test_unreadable_folder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    photo("p/a.jpg")
    photo("p/locked/b.jpg")
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if os.path.basename(os.fspath(path)) == "locked":
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert main.main(["remove", "p", "-o", "out"]) == 1
    monkeypatch.undo()
    assert lines(capsys) == ["rmbg-fast: p/locked: cannot be read: Permission denied"]


def test_output_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.jpg")
    photo("b.jpg")
    assert main.main(["remove", "a.jpg", "-o", "absent/a.png"]) == 1
    assert main.main(["remove", "a.jpg", "b.jpg", "-o", "b.jpg/out"]) == 1
    real = storage.write

    def full(target: Any, data: bytes, **_: object) -> None:
        if "a-cutout" in str(target):
            raise OSError(28, "No space left on device")
        real(target, data)

    monkeypatch.setattr(storage, "write", full)
    assert main.main(["remove", "a.jpg", "b.jpg"]) == 1
    found = lines(capsys)
    assert len(found) == 4
    assert "there is no folder absent" in found[0]
    assert "the folder cannot be made" in found[1]
    assert "No space left" in found[3]
    assert tree() == ["a.jpg", "b-cutout.png", "b.jpg"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelError("no model is called 'x'"), 1),
        (DeviceError("no libcudart.so.12"), 1),
        (RuntimeNotFoundError("ONNX Runtime is not installed"), 1),
        (OptionError("device 'gpu' is unknown"), 2),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_no_session(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    photo("a.jpg")
    monkeypatch.setattr("rmbg_fast.session.Session", fail)
    assert main.main(["remove", "a.jpg"]) == code
    found = lines(capsys)
    if isinstance(error, RmbgError):
        assert found == [f"rmbg-fast: {error}"]
    assert tree() == ["a.jpg"]


def test_interrupted_run_keeps_whole_files(monkeypatch: pytest.MonkeyPatch) -> None:
    photo("a.jpg")
    photo("b.jpg")
    replace, calls = os.replace, []

    def interrupt(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(*arguments)

    monkeypatch.setattr(os, "replace", interrupt)
    assert main.main(["remove", "a.jpg", "b.jpg"]) == 130
    assert sorted({*tree()} - {"a.jpg", "b.jpg"}) in (["a-cutout.png"], ["b-cutout.png"])  # of the lane that was first


def test_closed_pipe_is_quiet() -> None:
    """`rmbg-fast models list | true` as a process: no traceback, not even at exit."""
    script = "import sys; from rmbg_fast._cli import main; sys.exit(main.main(['models', 'list']))"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", script], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.returncode == 1
    assert done.stderr == b""
