"""Every way that a row can be wrong is named, with its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rmbg_fast import models
from rmbg_fast.errors import ModelError
from rmbg_fast.models import ModelSpec, registry, spec
from support.rows import RECIPE

pytestmark = pytest.mark.usefixtures("home")


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"size": 1024}, r"size = 1024 must be \[height, width\]"),
    ({"size": [0, 1024]}, r"size = \[0, 1024\]"),
    ({"size": [True, 1]}, "size"),
    ({"size": [1.0, 1]}, "size"),
    ({"resample": "lanczos"}, "resample = 'lanczos' must be one of 'bilinear', 'bilinear-topleft', 'triangle', "),
    ({"resample": 1}, "resample = 1"),
    ({"rounding": "up"}, "rounding"),
    ({"mean": [0.5, 0.5]}, "mean = .* must be three numbers"),
    ({"mean": [0.5, 0.5, float("nan")]}, "mean"),
    ({"mean": ["0.5"] * 3}, "mean"),
    ({"std": [1, 1, 0]}, "std = .* must be three numbers above 0"),
    ({"activation": "relu"}, "activation"),
    ({"minmax": 1}, "minmax = 1 must be one of"),
    ({"mask_resample": []}, "mask_resample"),
    ({"mask_rounding": "none"}, "mask_rounding"),
    ({"divide_by_max": "no"}, "divide_by_max"),
    ({"input": ""}, "input = '' must be a name or an index"),
    ({"output": 1.5}, "output = 1.5"),
    ({"output": True}, "output = True"),
    ({"license": None}, "license"),
    ({"commercial": "yes"}, "commercial"),
    ({"mask_resampel": "nearest"}, "no key 'mask_resampel'; did you mean mask_resample"),
    ({"name": "other"}, "no key 'name'"),
    ({"like": "isnet"}, "like = 'isnet' must be one of isnet-general-use"),
]


@pytest.mark.parametrize(("fields", "message"), BAD_FIELDS)
def test_bad_field_is_named_with_its_file(own: Path, fields: dict[str, Any], message: str):
    with pytest.raises(ModelError, match=message) as caught:
        ModelSpec.for_file(own, **{**RECIPE, **fields})
    assert str(caught.value).startswith(str(own))


@pytest.mark.parametrize("key", RECIPE)
def test_missing_field_is_named(own: Path, key: str):
    row = {other: value for other, value in RECIPE.items() if other != key}
    with pytest.raises(ModelError, match=f"the key '{key}' is missing"):
        ModelSpec.for_file(own, **row)


GOOD_FILE: dict[str, Any] = {
    "filename": "a.onnx",
    "bytes": 1,
    "digest": "md5:" + "0" * 32,
    "places": [{"url": "https://host/a.onnx"}],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"filename": "../a.onnx"}, "files: file 1: filename = '../a.onnx' must be a bare file name"),
        ({"filename": "a.pt"}, "file 1: filename"),
        ({"bytes": 0}, "file 1: bytes = 0"),
        ({"digest": "sha256:12"}, "file 1: digest = 'sha256:12'"),
        ({"sha256": "12"}, "file 1 = .* must be a table with the keys"),
        ({"places": []}, "places = .* must be a list of places, at least 1"),
        ({"places": [{"url": "ftp://host/a.onnx"}]}, "place 1: url = 'ftp://host/a.onnx' must be https"),
        ({"places": [{"url": "http://host/a.onnx"}]}, "place 1: url"),
        ({"places": [{"npm": "@x/y", "key": "/k"}]}, "place 1: npm = '@x/y' must be .* exact version"),
        ({"places": [{"npm": "--evil@1.0.0", "key": "/k"}]}, "place 1: npm"),
        ({"places": [{"npm": "x@1.0.0"}]}, "place 1 = .* must be { npm"),
        ({"places": [{"wheel": "pack", "member": "a.onnx"}]}, "place 1: wheel = 'pack' must be .* exact version"),
        ({"places": [{"wheel": "--evil==1", "member": "a.onnx"}]}, "place 1: wheel"),
        ({"places": [{"wheel": "x==1", "member": "/a.onnx"}]}, "place 1: member = '/a.onnx' must be a path in the"),
        ({"places": [{"wheel": "x==1"}]}, "place 1 = .* must be .* { wheel"),
    ],
)
def test_bad_file_of_a_row_is_named(monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], message: str):
    for module in (spec, registry):
        monkeypatch.setattr(module, "rows", lambda: {"mine": {**RECIPE, "files": [{**GOOD_FILE, **change}]}})
    spec.spec_of.cache_clear()
    with pytest.raises(ModelError, match=f"mine: .*{message}"):
        models.get("mine")


@pytest.mark.parametrize("content", [b"size = [", b"\xff\xfe"])
def test_broken_toml_is_named(own: Path, content: bytes):
    own.with_suffix(".toml").write_bytes(content)
    with pytest.raises(ModelError, match=r"portrait\.toml: cannot be read as TOML"):
        models.get(own)


def test_a_file_that_vanishes_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may delete a file between two looks at it."""
    file = models.get("u2net").files[0]
    monkeypatch.setattr(Path, "is_file", lambda self: True)
    assert not file.is_whole(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match=r"gone\.onnx: cannot be read: No such file"):
        models.get(tmp_path / "gone.onnx")
