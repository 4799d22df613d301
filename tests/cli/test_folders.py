"""Folders of many photos: nothing is lost or done twice, whatever breaks and whoever interrupts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rmbg_fast._cli.main import main
from support import processes, small_network

PHOTOS = 500
BROKEN = {f"{number:03}.jpg" for number in range(7, PHOTOS, 50)}
assert len(BROKEN) == 10


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_network.saved(tmp_path_factory.mktemp("model")).path)


def photos(folder: Path, count: int = PHOTOS) -> Path:
    """Small photos in three folders, of which some are broken."""
    random = np.random.default_rng(0)
    for number in range(count):
        path = folder / ("", "a", "a/b")[number % 3] / f"{number:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name in BROKEN:
            path.write_bytes(b"\xff\xd8 broken")
        else:
            Image.fromarray(random.integers(0, 256, (16, 20, 3), dtype=np.uint8)).save(path)
    return folder


def tree(folder: Path) -> dict[str, int]:
    """All files below a folder, and when they were written."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if not path.is_dir()}


def command(*arguments: object) -> list[str]:
    start = [sys.executable, "-m", "rmbg_fast", "remove", "--device", "cpu", "--on-empty", "ignore"]
    return [*start, *map(str, arguments)]


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to another process on Windows")
def test_five_hundred_photos_interrupted_and_resumed(model: str, tmp_path: Path) -> None:
    source, target, report = photos(tmp_path / "photos"), tmp_path / "out", tmp_path / "report.jsonl"
    run = command(source, "-o", target, "--model", model, "--report", report, "--resume")
    with subprocess.Popen(run, stderr=subprocess.PIPE, text=True, preexec_fn=processes.heeds) as process:
        while not report.exists() or report.read_text().count("\n") < 20:
            assert process.poll() is None, process.stderr and process.stderr.read()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    first = tree(target)
    assert 0 < len(first) < PHOTOS - len(BROKEN)

    done = subprocess.run(run, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    wanted = {path.replace(".jpg", ".png") for path in tree(source) if Path(path).name not in BROKEN}
    second = tree(target)
    assert set(second) == wanted  # and nothing half-written among them
    assert all(second[path] == first[path] for path in first)  # none was done twice
    for path in second:
        with Image.open(target / path) as image:
            image.load()
            assert image.size == (20, 16)
    assert all(name in done.stderr for name in BROKEN)
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    outputs = [line["output"] for line in lines if line["error"] is None]
    assert sorted(outputs) == sorted(str(target / path) for path in wanted)
    assert {Path(line["input"]).name for line in lines if line["error"]} == BROKEN
    assert all({"decode", "inference", "encode", "write"} <= line["seconds"].keys() for line in lines if line["output"])


def test_resume_does_what_is_missing_or_older(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = photos(tmp_path / "photos", 6), tmp_path / "out"
    run = command(source, "-o", target, "--model", model, "--jobs", 2)[3:]
    assert main(run) == 0
    before = tree(target)
    (target / "000.png").unlink()
    later = max(before.values()) + 10**9
    os.utime(source / "a" / "001.jpg", ns=(later, later))
    empty = sorted(before)[1]
    (target / empty).write_bytes(b"")  # as the machine's end may leave it
    assert main([*run, "--resume"]) == 0
    after = tree(target)
    changed = {path for path in after if after[path] != before[path]}
    assert changed == {"000.png", str(Path("a", "001.png")), empty}
    assert (target / empty).stat().st_size > 0
    assert "3 done" in capsys.readouterr().err
    os.utime(target / "a" / "001.png", ns=(later, later))
    done = tree(target)
    assert main([*run, "--resume"]) == 0
    assert tree(target) == done


def test_names_from_standard_input(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = photos(tmp_path / "photos", 8)
    names = "\n".join(map(str, sorted(source.rglob("*.jpg")))) + f"\n\n{source / 'missing.jpg'}\n"
    run = command("--from-file", "-", "-o", tmp_path / "out", "--model", model)
    done = subprocess.run(run, input=names, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "missing.jpg: no such file" in done.stderr
    assert set(tree(tmp_path / "out")) == {f"{number:03}.png" for number in range(7)}
    listed = tmp_path / "names.txt"
    listed.write_text(f"{tmp_path / 'out' / '000.png'}\n{source / '000.jpg'}\n{source / '000.jpg'}\n")
    assert main(command("--from-file", listed, "-o", tmp_path / "out", "--model", model)[3:]) == 1
    told = capsys.readouterr().err
    assert "lies among the results" in told


@pytest.mark.parametrize("arguments", [[], ["cat.jpg", "--from-file", "-"]], ids=["neither", "both"])
def test_images_come_from_one_place(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["remove", *arguments]) == 2
    assert "--from-file" in capsys.readouterr().err


def test_report_that_cannot_be_written_is_said_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["remove", str(photos(tmp_path / "photos", 2)), "--report", str(tmp_path / "none" / "r.jsonl")]) == 1
    assert "r.jsonl: cannot be written" in capsys.readouterr().err
    assert not (tmp_path / "photos-cutout").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need a right on Windows")
def test_source_behind_a_linked_result_is_left_alone(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = photos(tmp_path / "photos", 3), tmp_path / "out"
    target.mkdir()
    whole = (source / "a" / "001.jpg").read_bytes()
    (target / "000.png").symlink_to(source / "a" / "001.jpg")
    assert main(command(source, "-o", target, "--model", model)[3:]) == 2
    assert "would overwrite the source" in capsys.readouterr().err
    assert (source / "a" / "001.jpg").read_bytes() == whole
