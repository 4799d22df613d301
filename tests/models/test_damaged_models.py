"""A model file of the right size with other bytes is found by `models check` and by whoever prepares it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from rmbg_fast import ModelSpec, Session, models
from rmbg_fast._cli import main
from rmbg_fast._storage import digests
from rmbg_fast.errors import ChecksumError, ModelDownloadError, ModelError
from support.model_server import CONTENT, OTHER, Server, spec

PHOTO = np.random.default_rng(4).integers(0, 256, (40, 50, 3), np.uint8)
EMBEDDED = models.path("u2netp")


def put(home: Path, content: bytes) -> Path:
    path = home / "models" / "model.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_whole_file(server: Server, home: Path) -> None:
    path = put(home, CONTENT)
    assert models.check(spec(server.url)) == (path, False)
    assert server.asked == []


def test_damaged_file_is_fetched_anew(server: Server, home: Path) -> None:
    path = put(home, OTHER)
    with pytest.warns(RuntimeWarning, match=r"model\.onnx: is damaged; model is fetched anew"):
        assert models.check(spec(server.url)) == (path, True)
    assert path.read_bytes() == CONTENT
    assert models.check(spec(server.url)) == (path, False)


def test_damaged_file_that_cannot_be_fetched_stays(server: Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(home, OTHER)
    server.content = OTHER
    with pytest.warns(RuntimeWarning, match="is damaged"), pytest.raises(ChecksumError, match="another file came"):
        models.check(spec(server.url))
    monkeypatch.setenv("RMBG_FAST_OFFLINE", "1")
    with pytest.raises(ModelDownloadError, match=r"model\.onnx: is damaged, and RMBG_FAST_OFFLINE forbids"):
        models.check(spec(server.url))
    assert path.read_bytes() == OTHER


def test_nothing_to_check(server: Server, home: Path, own: Path) -> None:
    with pytest.raises(ModelError, match="is not on this machine"):
        models.check(spec(server.url))
    mine = ModelSpec.for_file(own, like="u2netp")
    assert models.check(mine) == (own, False)


def test_command(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["models", "check"]) == 0
    assert capsys.readouterr().out == f"{EMBEDDED}  whole\n"
    row = models.get("isnet-general-use").files[0]
    path = home / "models" / row.filename
    path.parent.mkdir(parents=True)
    with open(path, "wb") as stream:
        stream.truncate(row.bytes)
    monkeypatch.setenv("RMBG_FAST_OFFLINE", "1")
    assert main.main(["models", "check"]) == 1
    told = capsys.readouterr()
    assert f"{EMBEDDED}  whole" in told.out
    assert f"{path}: is damaged, and RMBG_FAST_OFFLINE forbids" in told.err
    assert main.main(["models", "check", "u2netp"]) == 0
    assert main.main(["models", "check", "rmbg-1.4"]) == 1


@pytest.fixture
def real(server: Server) -> ModelSpec:
    """The embedded model, as one to be downloaded."""
    server.content = EMBEDDED.read_bytes()
    digest = "sha256:" + hashlib.sha256(server.content).hexdigest()
    return spec(server.url, digest=digest, bytes=len(server.content))


def damage(path: Path) -> None:
    with open(path, "r+b") as stream:
        stream.seek(1 << 20)
        stream.write(bytes(1 << 20))


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
@pytest.mark.parametrize("optimize", [True, False])
def test_session_of_a_damaged_file(server: Server, home: Path, real: ModelSpec, algorithm: str, optimize: bool) -> None:
    path = put(home, server.content)
    damage(path)
    digest = f"{algorithm}:{digests.of(EMBEDDED, algorithm)}"
    (file,) = real.files
    damaged = spec(*file.places, digest=digest, bytes=file.bytes)
    with pytest.warns(RuntimeWarning, match=r"model\.onnx: is damaged; model is fetched anew"):
        session = Session(damaged, device="cpu", optimize=optimize)
    wanted = Session("u2netp", device="cpu", optimize=optimize).mask(PHOTO, dtype="float32", on_empty="ignore")
    np.testing.assert_array_equal(session.mask(PHOTO, dtype="float32", on_empty="ignore"), wanted)
    assert path.read_bytes() == server.content
    assert len(server.asked) == 1


def test_graph_that_was_prepared_before_the_damage_serves(server: Server, home: Path, real: ModelSpec) -> None:
    path = put(home, server.content)
    before = Session(real, device="cpu")
    damage(path)
    after = Session(real, device="cpu")
    assert after.details == before.details
    assert server.asked == []
    with pytest.warns(RuntimeWarning, match="is damaged"):
        assert models.check(real) == (path, True)
