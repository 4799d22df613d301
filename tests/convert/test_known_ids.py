"""Ids on Hugging Face, which is not asked here: what is fetched, and the row of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rmbg_fast import errors, models
from rmbg_fast.convert import KNOWN, converter

torch = pytest.importorskip("torch")
from support.conversions import run, stand_in  # noqa: E402


def test_an_id_is_fetched_and_has_its_own_row(hub: Path, monkeypatch: pytest.MonkeyPatch):
    import huggingface_hub

    folder = stand_in(hub / "snapshot", file="pytorch_model.bin")
    asked: list[dict[str, Any]] = []

    def fetch(name: str, **options: Any) -> str:
        asked.append({"name": name, **options})
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    monkeypatch.delenv("RMBG_FAST_OFFLINE", raising=False)
    run("ZhengPeng7/BiRefNet_lite", hub / "mine.onnx", trust_remote_code=True)
    spec = models.get(hub / "mine.onnx")
    assert (spec.title, spec.license, spec.commercial, spec.activation) == ("BiRefNet lite", "MIT", True, "sigmoid")
    assert [call["name"] for call in asked] == ["ZhengPeng7/BiRefNet_lite"] * 2  # no safetensors: once more
    assert "*.safetensors" in asked[0]["allow_patterns"]
    assert "*.bin" in asked[1]["allow_patterns"]
    assert not any(call["local_files_only"] for call in asked)


def test_a_download_that_fails_is_explained(hub: Path, monkeypatch: pytest.MonkeyPatch):
    import huggingface_hub

    def fetch(name: str, *, local_files_only: bool, **_: Any) -> str:
        assert local_files_only
        raise OSError("not in the cache\nand more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    monkeypatch.setenv("RMBG_FAST_OFFLINE", "1")
    with pytest.raises(errors.ModelDownloadError, match=r"RMBG-2\.0: cannot be had .*: not in the cache; .*licence"):
        run("briaai/RMBG-2.0", hub / "mine.onnx", trust_remote_code=True)


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_id_has_a_whole_row(name: str):
    row = converter._row(KNOWN[name], name)
    assert row["license"]
    assert row["commercial"] is not name.startswith("briaai/")
    assert row["size"][0] in (512, 1024, 2048)
    assert row["dynamic"] == 0
    again = models.from_row("again", row, where="the file")  # as it is read back
    assert again.row() == row


def test_another_recipe_gives_a_known_id_no_other_licence():
    row = converter._row({**KNOWN["briaai/RMBG-1.4"], "like": "isnet-general-use"}, "briaai/RMBG-1.4")
    assert (row["recipe"], row["commercial"], row["title"]) == ("isnet", False, "BRIA RMBG 1.4")


def test_a_row_of_any_size_becomes_one_of_one_size():
    row = converter._row({"like": "birefnet-dynamic", "size": (64, 64)}, "folder")
    assert (row["size"], row["dynamic"]) == ((64, 64), 0)
