"""A model's row: how it wants to be fed, what its licence is, and which files hold it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from .. import _core
from .._choices import Alpha, MaskResample, MaskRounding, MinMaxOrder, Resample, Rounding
from ..errors import ModelError, OptionError
from . import recipes
from .fields import FIELDS, Row, checked
from .places import FILES, ModelFile
from .suggest import meant

EMBEDDED = "u2netp"
"""The model whose file is a part of the package."""
WAY_ON = f'The model {EMBEDDED} is a part of the package and needs no download: model="{EMBEDDED}", --model {EMBEDDED}'
"""The end of the message where another cannot be had."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A model: its recipe (recipes.toml says what each field means), its licence and its files.

    Every way to make one checks every field and raises ModelError that names the model, the field and what it may be.
    `size` is (height, width). `dynamic` is 0, or makes the network run at the picture's own size, each side cut down to
    a multiple of it and to at most `size`. `recipe` is the name of the recipe that the fields began with, for people to
    read. `path` is set for a user's own .onnx file only; `files` is empty then. `commercial` is False where the licence
    forbids commercial use.
    """

    name: str
    size: tuple[int, int]
    resample: Resample
    rounding: Rounding
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    activation: Literal["none", "sigmoid"]
    minmax: MinMaxOrder
    mask_resample: MaskResample
    mask_rounding: MaskRounding
    dynamic: int = 0
    divide_by_max: bool = False
    alpha: Alpha = "straight"
    empty_below: float = 0.05
    empty: Literal["transparent", "opaque"] = "transparent"
    recipe: str = ""
    input: str | int = 0
    output: str | int = 0
    title: str = ""
    license: str = ""
    commercial: bool = True
    homepage: str = ""
    files: tuple[ModelFile, ...] = ()
    path: Path | None = None

    def __post_init__(self) -> None:
        for key, check in _CHECKS.items():
            object.__setattr__(self, key, checked(self.name, key, getattr(self, key), check))
        if self.dynamic > min(self.size):
            raise ModelError(f"{self.name}: dynamic = {self.dynamic} must not be larger than a side of size")

    def row(self) -> dict[str, Any]:
        """The keys of models.toml that describe this model, wherever its file lies: what `metadata.write` takes."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _OF_ITS_PLACE}

    def core_recipe(self) -> _core.Recipe:
        """What the core has to know of the model."""
        return _core.Recipe(
            size=self.size,
            dynamic=self.dynamic,
            resample=self.resample,
            rounding=self.rounding,
            divide_by_max=self.divide_by_max,
            mean=self.mean,
            std=self.std,
            sigmoid=self.activation == "sigmoid",
            minmax=self.minmax,
            mask_resample=self.mask_resample,
            mask_rounding=self.mask_rounding,
            empty_below=self.empty_below,
            empty_is_opaque=self.empty == "opaque",
        )

    def with_recipe(self, recipe: str | Mapping[str, Any]) -> ModelSpec:
        """The same model, fed as a named recipe or a mapping of fields says (see `recipes.changes`).

        What the graph leaves to do (activation) stays unless it is named. Raises OptionError.
        """
        try:
            return replace(self, **recipes.changes(recipe))
        except ModelError as exc:
            raise OptionError(f"recipe: {exc}") from exc

    @classmethod
    def for_file(cls, path: str | os.PathLike[str], *, like: str | None = None, **row: Any) -> ModelSpec:
        """The spec of a user's own .onnx file: the fields given here, the rest of the recipe that of the model `like`.

        Without `like` every field of the recipe that has no default must be given. Raises ModelError.
        """
        file = Path(path)
        if not file.is_file():
            raise ModelError(f"{file}: there is no such model file")
        if like is not None:
            row = {"like": like, **row}
        return from_row(file.stem, row, where=str(file), path=file)


_OF_ITS_PLACE = ("name", "files", "path")
_CHECKS = {**FIELDS, "files": FILES}
_RECIPE = ("size", "dynamic", "activation", *recipes.FIELDS, "recipe", "input", "output")
_REQUIRED = ("size", "activation", *recipes.REQUIRED)


@lru_cache(maxsize=1)
def rows() -> dict[str, Row]:
    """The rows of models.toml, the default model first."""
    import tomllib

    return tomllib.loads(Path(__file__).with_name("models.toml").read_text(encoding="utf-8"))


@lru_cache
def spec_of(name: str) -> ModelSpec:
    """The spec of a row of models.toml."""
    return from_row(name, rows()[name], where=name)


def from_row(name: str, row: Row, *, where: str, path: Path | None = None) -> ModelSpec:
    """The spec that a row describes. Raises ModelError, which begins with `where`."""
    values = dict(row)
    like = values.pop("like", None)
    start: dict[str, Any] = {}
    if like is not None:
        if not isinstance(like, str) or like not in rows():
            raise ModelError(f"{where}: like = {like!r} must be one of {', '.join(rows())}")
        model = spec_of(like)
        start = {key: getattr(model, key) for key in _RECIPE}
    if "recipe" in values and not values.keys() >= set(recipes.REQUIRED):  # else it is but a name, for people to read
        try:
            start |= recipes.get(values["recipe"])
        except ModelError as exc:
            raise ModelError(f"{where}: {exc}") from exc
    values = start | values
    known = {field.name for field in fields(ModelSpec)} - {"name", "path"} - ({"files"} if path else set())
    for key in values:
        if key not in known:
            raise ModelError(f"{where}: there is no key {key!r}{meant(key, known)}")
    for key in _REQUIRED:
        if key not in values:
            raise ModelError(f"{where}: the key {key!r} is missing")
    # Checked here by the row's own place, so that a message names the TOML file; the spec then checks by its name.
    values = {key: checked(where, key, value, _CHECKS[key]) for key, value in values.items()}
    return ModelSpec(name=name, path=path, **values)
