"""models: the rows, a user's own file, and every way that a row can be wrong; cache: where things lie."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path
from typing import Any

import pytest

from rmbg_fast import models
from rmbg_fast._storage import folders, locks
from rmbg_fast.errors import ModelDownloadError, ModelError, OptionError
from rmbg_fast.models import LicenseWarning, ModelSpec, recipes, registry, spec
from support.parallel import in_threads

RECIPE: dict[str, Any] = {
    "size": [8, 16],
    "resample": "triangle",
    "rounding": "none",
    "mean": [0.1, 0.2, 0.3],
    "std": [1, 1, 1],
    "activation": "sigmoid",
    "minmax": "none",
    "mask_resample": "nearest",
    "mask_rounding": "nearest",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RMBG_FAST_OFFLINE", raising=False)
    monkeypatch.setattr(registry, "_noticed", set())
    return tmp_path / "home"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "portrait.onnx"
    path.write_bytes(b"weights")
    return path


def test_default_model_comes_first():
    assert models.names()[0] == "isnet-general-use"


ROWS = [
    ("isnet-general-use", (1024, 1024), "isnet", "none"),
    ("rmbg-1.4", (1024, 1024), "rmbg-1.4", "none"),
    ("rmbg-2.0", (1024, 1024), "rmbg-2.0", "none"),
    ("u2net", (320, 320), "u2net", "none"),
    ("u2netp", (320, 320), "u2net", "none"),
    ("silueta", (320, 320), "u2net", "none"),
    ("birefnet-general", (1024, 1024), "birefnet", "sigmoid"),
    ("birefnet-general-lite", (1024, 1024), "birefnet", "sigmoid"),
    ("birefnet-portrait", (1024, 1024), "birefnet", "sigmoid"),
    ("birefnet-matting", (1024, 1024), "birefnet", "sigmoid"),
    ("birefnet-hr", (2048, 2048), "birefnet", "sigmoid"),
    ("birefnet-lite-2k", (2560, 1440), "birefnet", "sigmoid"),
    ("birefnet-dynamic", (2304, 2304), "birefnet", "sigmoid"),
]


@pytest.mark.parametrize(("name", "size", "recipe", "activation"), ROWS)
def test_rows_hold_the_official_recipes(name: str, size: tuple[int, int], recipe: str, activation: str):
    assert set(models.names()) == {case[0] for case in ROWS}
    spec = models.get(name)
    assert (spec.size, spec.recipe, spec.activation) == (size, recipe, activation)
    for field, value in recipes.get(recipe).items():
        assert getattr(spec, field) == (tuple(value) if isinstance(value, list) else value)
    assert spec.license
    assert spec.commercial is not (name.startswith("rmbg") or name == "silueta")
    assert bool(spec.files) is (spec.dynamic == 0)


def test_a_model_takes_another_recipe():
    spec = models.get("isnet-general-use")
    theirs = spec.with_recipe("rembg")
    assert (theirs.resample, theirs.alpha, theirs.recipe) == ("pillow-lanczos", "premultiplied", "rembg")
    assert (theirs.mean, theirs.std) == ((0.5, 0.5, 0.5), (1, 1, 1))  # the model's own
    older = spec.with_recipe("rembg-2.0.63")
    assert (older.mean, older.std) == ((0.485, 0.456, 0.406), (1, 1, 1))
    assert (theirs.size, theirs.files, theirs.activation) == (spec.size, spec.files, spec.activation)
    mixed = spec.with_recipe({"recipe": "rembg", "alpha": "straight", "minmax": "after"})
    assert (mixed.resample, mixed.alpha, mixed.minmax) == ("pillow-lanczos", "straight", "after")
    assert spec.with_recipe({"mask_resample": "bicubic"}).mask_resample == "bicubic"
    assert models.get("rmbg-2.0").with_recipe("rmbg-2.0") == models.get("rmbg-2.0")


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_is_a_row_s(name: str):
    for model in models.names():
        assert models.get(model).with_recipe(name).recipe == name


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("rembgg", r"recipe: no recipe is called 'rembgg'; did you mean rembg\?"),
        (7, "recipe: it is 7, neither a name"),
        ({"recipe": "no"}, "recipe: no recipe is called 'no'"),
        ({"mask_resampel": "nearest"}, r"there is no field 'mask_resampel'; did you mean mask_resample"),
        ({"minmax": True}, "minmax = True must be one of 'none', 'before', 'after'"),
        ({"std": [0, 1, 1]}, "std = .* must be three numbers above 0"),
        ({"empty_below": 2}, "empty_below = 2 must be a number from 0 to 1"),
        ({"size": [8, 8]}, "there is no field 'size'"),
    ],
)
def test_recipes_that_make_no_sense(recipe: Any, message: str):
    with pytest.raises(OptionError, match=message):
        models.get("u2netp").with_recipe(recipe)


def test_get_returns_a_spec_as_it_is():
    spec = models.get("u2netp")
    assert models.get(spec) is spec


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("isnet", "no model is called 'isnet'.*isnet-general-use"),
        ("rmbg1.4", r"did you mean rmbg-1\.4"),
        ("", "no model is called ''"),
        ("nowhere.onnx", "nowhere.onnx: there is no such model file"),
        (Path("weights.pt"), "must end in .onnx"),
        (3, "not 3"),
        (None, "not None"),
    ],
)
def test_unknown_model_is_named(name: Any, message: str):
    with pytest.raises(ModelError, match=message):
        models.get(name)


def test_own_file_without_a_row_is_refused_with_both_ways_to_give_one(own: Path):
    with pytest.raises(ModelError, match=r"portrait\.toml(.|\n)*ModelSpec\.for_file"):
        models.get(own)


def test_own_file_with_a_row_in_toml(own: Path):
    own.with_suffix(".toml").write_text('like = "isnet-general-use"\nsize = [512, 256]\noutput = "mask"\n')
    spec = models.get(str(own))
    assert spec == dataclasses.replace(
        models.get("isnet-general-use"), name="portrait", path=own, size=(512, 256), output="mask",
        title="", license="", homepage="", files=(),
    )  # fmt: skip
    assert models.path(spec) == models.ensure(spec) == own


def test_own_file_with_a_row_in_python(own: Path):
    spec = ModelSpec.for_file(own, **RECIPE)
    assert (spec.name, spec.path, spec.size, spec.input) == ("portrait", own, (8, 16), 0)
    assert ModelSpec.for_file(own, like="rmbg-2.0", minmax="after").mask_resample == "pillow-bicubic"


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


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("yes", True), ("0", False), ("Off", False), ("", False)])
def test_offline_switch(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool):
    monkeypatch.setenv("RMBG_FAST_OFFLINE", value)
    assert folders.offline() is expected


def test_home_is_in_the_users_cache_unless_named(monkeypatch: pytest.MonkeyPatch, home: Path):
    assert folders.home() == home
    monkeypatch.delenv("RMBG_FAST_HOME")
    assert folders.home().name == "rmbg-fast"
    assert folders.home().is_absolute()


def test_lock_lets_one_in_and_leaves_no_file(tmp_path: Path):
    inside, most, done = 0, 0, 0
    guard = threading.Lock()

    def work(_: int) -> None:
        nonlocal inside, most, done
        for _ in range(20):
            with locks.locked(tmp_path / "target"):
                with guard:
                    inside += 1
                    most = max(most, inside)
                with guard:
                    inside -= 1
                    done += 1

    in_threads(4, work)
    assert (done, most) == (80, 1)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_vanishes_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may delete a file between two looks at it."""
    file = models.get("u2net").files[0]
    monkeypatch.setattr(Path, "is_file", lambda self: True)
    assert not file.is_whole(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match=r"gone\.onnx: cannot be read: No such file"):
        models.get(tmp_path / "gone.onnx")
