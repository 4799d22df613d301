"""The rows of the table of models hold the official recipes, and a user's own file brings its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from rmbg_fast import models
from rmbg_fast.errors import ModelError, OptionError
from rmbg_fast.models import ModelSpec, recipes
from support.rows import RECIPE

pytestmark = pytest.mark.usefixtures("home")


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
