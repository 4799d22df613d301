"""rembg's own command and `rmbg-fast rembg`, with the same words and the same model file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from support import real_rembg

pytest.importorskip("rembg.cli", reason="rembg[cli] is not installed: pip install '.[compare]'", exc_type=ImportError)

THEIRS = [sys.executable, "-c", "from rembg.cli import main; main()"]
OURS = [sys.executable, "-m", "rmbg_fast", "rembg"]
PHOTO = np.ascontiguousarray(data.chelsea()[::3, ::3])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """rembg's folder of models."""
    folder = tmp_path_factory.mktemp("home")
    real_rembg.session("u2netp", folder)
    return folder


def run(command: list[str], home: Path, folder: Path, given: bytes = b"") -> None:
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        command, cwd=folder, input=given, capture_output=True, timeout=300, check=False,
        env={**os.environ, "U2NET_HOME": str(home), "OMP_NUM_THREADS": "2"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()


def run_here(words: list[str], home: Path, folder: Path) -> None:
    """rembg's command in this process: it takes seconds to import."""
    from rembg.cli import main

    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("U2NET_HOME", str(home))
        patch.setenv("OMP_NUM_THREADS", "2")
        patch.chdir(folder)
        main(words, standalone_mode=False)


def same(folder: Path, wanted: set[str], levels: int = 2) -> None:
    names = [{str(path.relative_to(folder / one)) for path in (folder / one).rglob("*.*")} for one in ("a", "b")]
    assert names[0] == names[1] == wanted
    for name in wanted:
        theirs, ours = (Image.open(folder / one / name) for one in ("a", "b"))
        assert theirs.format == ours.format == "PNG"
        assert theirs.mode == ours.mode
        apart = real_rembg.apart(np.asarray(ours), np.asarray(theirs), seen=True)
        assert (apart > levels).mean() < 2e-4, name


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "u2netp"],
        ["--model", "u2netp", "-om", "-ppm"],
        ["-m", "u2netp", "-bgc", "250", "10", "20", "255", "-x", '{"putalpha": true}'],
        ["-m", "u2netp", "--alpha-matting", "-af", "220", "-ab", "20", "-ae", "4"],
    ],
    ids=["plain", "mask", "colour and extras", "matting"],
)
def test_file(words: list[str], home: Path, tmp_path: Path) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "in.jpg", quality=95)
    words = ["i", *words, str(tmp_path / "in.jpg"), "out.png"]
    run_here(words, home, tmp_path / "a")
    run([*OURS, *words], home, tmp_path / "b")
    same(tmp_path, {"out.png"})


def test_folder(home: Path, tmp_path: Path) -> None:
    for name in ("in/one.jpg", "in/two.PNG", "in/deep/three.webp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PHOTO).save(tmp_path / name)
    (tmp_path / "in" / "note.txt").write_text("no picture")
    words = ["p", "-m", "u2netp", "-om", str(tmp_path / "in"), "out"]
    run_here(words, home, tmp_path / "a")
    run([*OURS, *words], home, tmp_path / "b")
    same(tmp_path, {"out/one.png", "out/two.png", "out/three.png"})


def test_frames(home: Path, tmp_path: Path) -> None:
    frames = np.stack([PHOTO, PHOTO[::-1], PHOTO[:, ::-1]])
    words = ["b", "-m", "u2netp", "-om", "-o", "frame-%03u.png", str(PHOTO.shape[1]), str(PHOTO.shape[0])]
    for folder, command in (("a", THEIRS), ("b", OURS)):
        run([*command, *words], home, tmp_path / folder, frames.tobytes())
    same(tmp_path, {f"frame-{number:03}.png" for number in range(3)})
