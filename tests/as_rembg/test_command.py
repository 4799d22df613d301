"""`rmbg-fast rembg i|p|b|s|d`: rembg's command line."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import rmbg_fast.rembg as rembg
from rmbg_fast._cli.main import main
from support import processes
from support.pictures import encoded

RNG = np.random.default_rng(23)
FRAMES = RNG.integers(0, 256, (5, 24, 32, 3), dtype=np.uint8)
MODEL = ["-m", "u2netp"]


@pytest.fixture(scope="module")
def session() -> rembg.RembgSession:
    return rembg.new_session("u2netp")


def file(path: Path, seed: int = 0, format: str = "PNG") -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = encoded(Image.fromarray(np.random.default_rng(seed).integers(0, 256, (30, 40, 3), np.uint8)), format)
    path.write_bytes(data)
    return data


def same(path: Path, expected: bytes) -> None:
    np.testing.assert_array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(io.BytesIO(expected))))


# --- i


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {}),
        (["-om", "-ppm"], {"only_mask": True, "post_process_mask": True}),
        (["-bgc", "255", "0", "0", "99"], {"bgcolor": (255, 0, 0, 99)}),
        (["-dc"], {"decontaminate": True}),
        (["-x", '{"putalpha": true}'], {"putalpha": True}),
    ],
)
def test_file(session: Any, tmp_path: Path, words: list[str], options: dict[str, Any]) -> None:
    data = file(tmp_path / "in.png")
    target = tmp_path / "out.jpg"  # rembg writes PNG, whatever the name says
    assert main(["rembg", "i", *MODEL, *words, str(tmp_path / "in.png"), str(target)]) == 0
    assert target.read_bytes().startswith(b"\x89PNG")
    same(target, rembg.remove(data, session=session, **options))


def test_streams(session: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data, out = file(tmp_path / "in.png"), io.BytesIO()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=out, flush=lambda: None, isatty=lambda: False))
    assert main(["rembg", "i", *MODEL]) == 0
    assert out.getvalue() == rembg.remove(data, session=session)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["i", "-m", "nobody", "in.png", "out.png"], 2, "no model of rembg is called"),
        (["i", "-m", "sam", "in.png", "out.png"], 2, "is not there"),
        (["i", *MODEL, "-x", "{", "in.png", "out.png"], 2, "no JSON"),
        (["i", *MODEL, "-x", "[]", "in.png", "out.png"], 2, "an object of JSON"),
        (["i", *MODEL, "-x", '{"only_mask": 1}', "in.png", "out.png"], 2, "not among what goes there"),
        (["i", *MODEL, "-vm", "in.png", "out.png"], 2, "vitmatte is not there"),
        (["i", *MODEL, "nowhere.png", "out.png"], 1, "No such file"),
        (["i", *MODEL, "bad.png", "out.png"], 1, "no image"),
        (["i", *MODEL, "in.png", "in.png"], 2, "would overwrite the source"),
        (["p", *MODEL, "in.png", "out"], 2, "is no folder"),
        (["p", *MODEL, ".", "."], 2, "folder of the sources"),
        (["b", *MODEL, "0", "4"], 2, "at least 1"),
        (["b", *MODEL, "-o", "same.png", "3", "4"], 2, "no place for the frame's number|takes no number"),
        (["d", "nobody"], 1, "no model of rembg is called"),
        (["m"], 2, "found where they lie"),
        (["m", "--dry-run", "--delete-source", "--clean-orphans"], 2, "found where they lie"),
    ],
)
def test_wrong_usage_leaves_nothing(
    words: list[str], code: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    import re

    monkeypatch.chdir(tmp_path)
    before = file(tmp_path / "in.png")
    (tmp_path / "bad.png").write_bytes(b"garbage")
    assert main(["rembg", *words]) == code
    assert re.search(says, capsys.readouterr().err)
    assert {path.name for path in tmp_path.iterdir()} == {"in.png", "bad.png"}
    assert (tmp_path / "in.png").read_bytes() == before


# --- p


def test_folder(session: Any, tmp_path: Path, capsys: Any) -> None:
    """rembg's names, flat; a name that another picture's result has is not taken again."""
    sources, target = tmp_path / "in", tmp_path / "out"
    names = ["a.jpg", "a.png", "b.JPEG", "sub/a.jpg", "sub/c.webp", "sub/deep/a.jpg"]
    data = {
        name: file(
            sources / name, seed, {"jpg": "JPEG", "JPEG": "JPEG", "png": "PNG", "webp": "WEBP"}[name.split(".")[-1]]
        )
        for seed, name in enumerate(names)
    }
    (sources / "note.txt").write_text("x")
    (sources / "bad.png").write_bytes(b"garbage")
    assert main(["rembg", "p", *MODEL, str(sources), str(target)]) == 1
    assert "bad.png" in capsys.readouterr().err
    wanted = {
        "a.png": "a.jpg", "a.png.png": "a.png", "b.png": "b.JPEG", "a.jpg.png": "sub/a.jpg", "c.png": "sub/c.webp",
        "sub-deep-a.jpg.png": "sub/deep/a.jpg",
    }  # fmt: skip
    assert {path.name for path in target.iterdir()} == set(wanted)
    for name, source in wanted.items():
        same(target / name, rembg.remove(data[source], session=session))
    assert {str(path.relative_to(sources)) for path in sources.rglob("*") if path.is_file()} == {
        *names, "note.txt", "bad.png",
    }  # fmt: skip


def test_deleting(tmp_path: Path) -> None:
    """What is deleted has its result; what failed stays."""
    file(tmp_path / "in" / "good.png")
    (tmp_path / "in" / "bad.png").write_bytes(b"garbage")
    assert main(["rembg", "p", "-d", *MODEL, str(tmp_path / "in"), str(tmp_path / "in" / "out")]) == 1
    assert not (tmp_path / "in" / "good.png").exists()
    assert (tmp_path / "in" / "bad.png").exists()
    assert [path.name for path in (tmp_path / "in" / "out").iterdir()] == ["good.png"]


def until(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to another process on Windows")
def test_watching(tmp_path: Path) -> None:
    """What is there, what comes, what is changed; a file that is still being written is waited for. Ctrl-C ends it."""
    sources, target = tmp_path / "in", tmp_path / "out"
    file(sources / "first.png")
    run = [sys.executable, "-m", "rmbg_fast", "rembg", "p", "-w", *MODEL, str(sources), str(target)]
    process = subprocess.Popen(run, stderr=subprocess.PIPE, text=True, preexec_fn=processes.heeds)
    try:
        until((target / "first.png").exists)
        whole = file(tmp_path / "whole.png", seed=2)
        with open(sources / "slow.png", "wb") as slow:  # grows for longer than the pause between two looks
            for start in range(0, len(whole), len(whole) // 6 + 1):
                slow.write(whole[start : start + len(whole) // 6 + 1])
                slow.flush()
                time.sleep(0.25)
        until((target / "slow.png").exists)
        before = (target / "first.png").read_bytes()
        file(sources / "first.png", seed=3)
        until(lambda: (target / "first.png").read_bytes() != before)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, told
    assert "damaged" not in told


# --- b


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> Any:
    out = io.BytesIO()

    def come(data: bytes) -> io.BytesIO:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=out, flush=lambda: None, isatty=lambda: False))
        return out

    return come


def test_frames_to_standard_output(session: Any, frames: Any) -> None:
    out = frames(FRAMES.tobytes())
    assert main(["rembg", "b", *MODEL, "32", "24"]) == 0
    wanted = [rembg.remove(frame, session=session, force_return_bytes=True) for frame in FRAMES]
    assert out.getvalue() == b"".join(wanted)


def test_frames_to_files(session: Any, frames: Any, tmp_path: Path) -> None:
    out = frames(FRAMES.tobytes() + b"a few bytes of one more")
    assert main(["rembg", "b", *MODEL, "-om", "-o", str(tmp_path / "x-%03u.png"), "32", "24"]) == 1
    assert out.getvalue() == b""
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"x-{number:03}.png" for number in range(5)]
    for number, frame in enumerate(FRAMES):
        mask = rembg.remove(frame, session=session, only_mask=True)
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / f"x-{number:03}.png")), mask)


# --- d, s


def test_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    assert main(["rembg", "d", "u2netp"]) == 0
    monkeypatch.setenv("RMBG_FAST_OFFLINE", "1")
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path))
    for name in ("U2NET_HOME", "REMBG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    assert main(["rembg", "d", "u2netp", "u2net"]) == 1
    assert "RMBG_FAST_OFFLINE" in capsys.readouterr().err


def test_server() -> None:
    pytest.importorskip("uvicorn")
    from support.service import Served, form

    process = subprocess.Popen(
        [sys.executable, "-m", "rmbg_fast", "rembg", "s", "-h", "127.0.0.1", "-p", "0", "-t", "1", "--no-ui", *MODEL],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "RMBG_FAST_SERVE_QUEUE": "3"},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "serving u2netp at http://127.0.0.1:" in line
        served = Served(None, int(line.rpartition(":")[2].strip(" /\n")))  # type: ignore[arg-type]
        photo = encoded(Image.fromarray(FRAMES[0]), "PNG")
        body, headers = form(photo, {"model": "u2netp"})
        until(lambda: served.ask("/readyz").status == 200)
        answer = served.ask("/api/remove", body, headers)
        assert answer.status == 200, answer.body
        expected = rembg.remove(photo, session=rembg.new_session("u2netp"))
        np.testing.assert_array_equal(
            np.asarray(Image.open(io.BytesIO(answer.body))), np.asarray(Image.open(io.BytesIO(expected)))
        )
        process.send_signal(signal.SIGTERM)
        logged, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert json.loads(logged.splitlines()[-1])
