"""Where the file of a row is looked for, when it is fetched, and what is said of its licence."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmbg_fast import models
from rmbg_fast.errors import ModelDownloadError, ModelError
from rmbg_fast.models import LicenseWarning, ModelSpec
from support.rows import RECIPE

pytestmark = pytest.mark.usefixtures("home")


def test_path_downloads_nothing_and_tells_the_command():
    with pytest.raises(ModelError, match="rmbg-fast models pull silueta"):
        models.path("silueta")


def test_any_file_of_the_row_serves_unless_its_size_is_wrong(home: Path):
    folder = home / "models"
    folder.mkdir(parents=True)
    (folder / "isnet-general-use-fp16.onnx").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="damaged"):
        models.path("isnet-general-use")
    with open(folder / "isnet-general-use.onnx", "wb") as put_there_by_hand:
        put_there_by_hand.truncate(models.get("isnet-general-use").files[1].bytes)
    assert models.pull("isnet-general-use").name == "isnet-general-use.onnx"


def test_offline_names_the_switch_the_file_and_the_folder(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RMBG_FAST_OFFLINE", "1")
    with pytest.raises(ModelDownloadError, match=r"RMBG_FAST_OFFLINE.*silueta\.onnx") as caught:
        models.pull("silueta")
    assert str(home / "models") in str(caught.value)
    assert not home.exists()


def test_licence_notice_once_a_process(home: Path, recwarn: pytest.WarningsRecorder):
    (home / "models").mkdir(parents=True)
    for name in ("rmbg-2.0", "u2netp"):
        file = models.get(name).files[0]
        with open(home / "models" / file.filename, "wb") as sparse:
            sparse.truncate(file.bytes)
    for name in ("rmbg-2.0", "rmbg-2.0", "u2netp"):
        models.pull(name)
    assert [str(w.message) for w in recwarn if w.category is LicenseWarning] == [
        "the licence of BRIA RMBG 2.0 (CC-BY-NC-4.0) forbids commercial use; see https://huggingface.co/briaai/RMBG-2.0"
    ]


def test_own_file_that_went_away(own: Path):
    spec = ModelSpec.for_file(own, **RECIPE)
    own.unlink()
    with pytest.raises(ModelError, match="no such model file"):
        models.ensure(spec)
