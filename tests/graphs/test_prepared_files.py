"""The files of a prepared model with our own convolutions: damaged, copied, with and without."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from rmbg_fast import Session, _core
from rmbg_fast._graphs import loading, prepare, prepared
from rmbg_fast.errors import ModelError, ModelFileError
from support.network_graphs import modnet, ops, resnet, saved, spec_of


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return saved(tmp_path, resnet())


def made(source: Path) -> list[Path]:
    """The prepared model: graph, weights, manifest."""
    ready = prepare.prepare(source, output=0, network=True)
    return [ready, ready.with_suffix(".weights"), ready.with_suffix(".json")]


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 4)


def changed_in_secret(file: Path) -> None:
    """Size and time stay."""
    content = bytearray(file.read_bytes())
    status = file.stat()
    content[len(content) // 2] ^= 0x40
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def changed(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x40
    time = file.stat().st_mtime_ns + 10**9
    file.write_bytes(content)
    os.utime(file, ns=(time, time))


@pytest.mark.parametrize("damage", [cut, changed, changed_in_secret, Path.unlink])
@pytest.mark.parametrize("place", [0, 1])
def test_damaged_files_are_made_anew(source: Path, damage: Any, place: int) -> None:
    files = made(source)
    contents = [file.read_bytes() for file in files[:2]]
    damage(files[place])
    with (
        pytest.warns(RuntimeWarning, match=f"{files[place].name}: is not what was written")
        if damage is not Path.unlink
        else nullcontext()
    ):
        assert made(source) == files
    assert [file.read_bytes() for file in files[:2]] == contents


@pytest.mark.parametrize(
    "manifest",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}", b'{"files": {}}', b'{"files": []}', b'{"files": {"x": {}}}',
     b'{"files": {"model.onnx": 3}}'],
)  # fmt: skip
def test_damaged_manifest_is_made_anew(source: Path, manifest: bytes) -> None:
    files = made(source)
    wanted = prepared.details(files[0])
    files[2].write_bytes(manifest)
    assert made(source) == files
    assert prepared.details(files[0]) == wanted
    assert len(wanted["convolutions"]["replaced"]) > 5


@pytest.mark.parametrize("convolutions", [None, [], {}, 3])
def test_manifest_without_convolutions(tmp_path: Path, convolutions: Any) -> None:
    """The files are there; what was done to the graph is not."""
    spec = spec_of(tmp_path, modnet(), 48)
    wanted = Session(spec, device="cpu").details
    manifest = Path(wanted["graph"]).with_suffix(".json")
    state = {**json.loads(manifest.read_text()), "convolutions": convolutions}
    if convolutions is None:
        del state["convolutions"]
    manifest.write_text(json.dumps(state))
    assert Session(spec, device="cpu").details == wanted


def test_copied_files_are_kept(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache folder of another machine, or of an image: the files are as they were written, only their times not."""
    files = made(source)
    for file in files:
        os.utime(file, ns=(10**18, 10**18))
    assert made(source) == files
    assert [file.stat().st_mtime_ns for file in files[:2]] == [10**18] * 2, "made anew"
    elsewhere = tmp_path / "copy"
    shutil.copytree(files[0].parent, elsewhere / "prepared")
    monkeypatch.setenv("RMBG_FAST_HOME", str(elsewhere))
    times = [(elsewhere / "prepared" / file.name).stat().st_mtime_ns for file in files[:2]]
    copied = made(source)
    assert copied == [elsewhere / "prepared" / file.name for file in files]
    assert [file.stat().st_mtime_ns for file in copied[:2]] == times, "made anew"


def test_with_and_without_network_are_two_files(source: Path) -> None:
    plain, own = (prepare.prepare(source, output=0, network=network) for network in (False, True))
    assert plain != own
    assert "Network" not in ops(onnx.load(plain))
    assert not plain.with_suffix(".weights").exists()
    assert "Network" in ops(onnx.load(own))
    assert own.with_suffix(".weights").stat().st_size > own.stat().st_size
    assert prepared.details(plain) == {"convolutions": {"replaced": [], "left": []}}


def test_zeroed_megabyte_of_large_weights_is_seen(tmp_path: Path) -> None:
    """Only samples of a large file are read at each start, near enough to each other."""
    ready = tmp_path / "large.onnx"
    weights = ready.with_suffix(".weights")
    ready.write_bytes(b"graph")
    weights.write_bytes(np.random.default_rng(1).bytes(64 << 20))
    state = {file.name: prepared._state(file) for file in (ready, weights)}
    prepared._note(ready, {"source": "", "files": state, "convolutions": {"replaced": [], "left": []}})
    assert prepared.is_ready(ready)
    status = weights.stat()
    with open(weights, "r+b") as stream:
        stream.seek(17 << 20)
        stream.write(bytes(1 << 20))
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.warns(RuntimeWarning, match=r"large\.weights: is not what was written"):
        assert not prepared.is_ready(ready)


def test_wrong_row_does_not_discard_the_prepared_graph(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, modnet(), 48)
    graph = Path(Session(spec, device="cpu").details["graph"])
    before = {file.name: file.stat().st_mtime_ns for file in graph.parent.iterdir()}
    for _ in range(2):
        with pytest.raises(ModelError, match="size"):
            Session(dataclasses.replace(spec, size=(64, 64)), device="cpu")
    assert {file.name: file.stat().st_mtime_ns for file in graph.parent.iterdir()} == before


@pytest.mark.filterwarnings("ignore:.*it is made anew")
def test_graph_that_the_runtime_refuses_is_made_anew_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(tmp_path, modnet(), 48)
    graph = Path(Session(spec, device="cpu").details["graph"])
    made: list[Path] = []
    real = prepare._make
    monkeypatch.setattr(prepare, "_make", lambda *given: made.append(given[-1]) or real(*given))

    def refused(path: Path, prepared: bool) -> None:
        raise ModelFileError("no")

    for _ in range(2):  # by a runtime that is too old, say
        with pytest.raises(ModelFileError):
            loading.load(Path(str(spec.path)), spec, refused, widen=True, network=bool(_core.network_tier()))
    assert made == [graph]
    assert Session(spec, device="cpu").mask(np.zeros((9, 9, 3), np.uint8), on_empty="ignore").shape == (9, 9)
