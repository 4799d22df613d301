"""Which models there are, how each wants to be fed, and where its file is. A new model is a new row of models.toml."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from . import cache, metadata, recipes
from .errors import ModelDownloadError, ModelError, OptionError
from .ops import Alpha, MaskResample, MaskRounding, MinMaxOrder, Resample, Rounding
from .places import FILES, ModelFile
from .rows import FIELDS, Row, checked
from .suggest import meant

Progress = Callable[[int, int | None], None]
"""Called with the bytes that have arrived and the bytes in all (None: unknown); raise in it to stop the download."""


class LicenseWarning(UserWarning):
    """The licence of the weights that are about to be used forbids commercial use."""


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

    def row(self) -> dict[str, Any]:
        """The keys of models.toml that describe this model, wherever its file lies: what `metadata.write` takes."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _OF_ITS_PLACE}

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
        return _from_row(file.stem, row, where=str(file), path=file)


_OF_ITS_PLACE = ("name", "files", "path")
_CHECKS = {**FIELDS, "files": FILES}
_RECIPE = ("size", "dynamic", "activation", *recipes.FIELDS, "recipe", "input", "output")
_REQUIRED = ("size", "activation", *recipes.REQUIRED)


def names() -> list[str]:
    """The names of the models that models.toml knows, the default one first."""
    return list(_rows())


def get(name_or_path: str | os.PathLike[str] | ModelSpec) -> ModelSpec:
    """The spec of a model.

    - A name of `names()` gives that row.
    - The path of a .onnx file gives the row in the TOML file beside it (`portrait.onnx`, `portrait.toml`), which has
      the keys of models.toml at its top level, and may start from another model: `like = "isnet-general-use"`.
      Without that file it gives the row that `rmbg-fast convert` has written into the model (metadata.py); without
      that it is refused: a recipe is never guessed. `ModelSpec.for_file` gives one in Python instead.
    - A ModelSpec is returned as it is.

    Raises ModelError: unknown name, no such file, no row, or a row with a bad key or value.
    """
    if isinstance(name_or_path, ModelSpec):
        return name_or_path
    if not isinstance(name_or_path, str | os.PathLike):
        raise ModelError(f"a model is a name, the path of a .onnx file or a ModelSpec, not {name_or_path!r}")
    name = os.fspath(name_or_path)
    if isinstance(name_or_path, str) and name in _rows():
        return _spec(name)
    if name.lower().endswith(".onnx"):
        return _beside(Path(name))
    raise ModelError(f"no model is called {name!r}{meant(name, _rows())} (a file of your own must end in .onnx)")


def path(name: str | os.PathLike[str] | ModelSpec) -> Path:
    """Where the model's file lies on this machine. Downloads nothing; raises ModelError if it is not there."""
    spec = get(name)
    found = _present(spec)
    if found is None:
        raise ModelError(
            f"{spec.name} is not on this machine (or is damaged); get it with: rmbg-fast models pull {spec.name}"
        )
    return found


def pull(name: str | os.PathLike[str] | ModelSpec, progress: Progress | None = None) -> Path:
    """Download the model's file unless it is there, and return where it is.

    `progress` is called with (bytes so far, bytes in all or None); without it a terminal shows a bar where tqdm is
    installed. Safe in many threads and processes at once. An interrupted download goes on where it stopped. Weights
    that may not be used commercially give one LicenseWarning a process. Raises ModelDownloadError that names each place
    and why it failed (ChecksumError if a place sent another file), or that RMBG_FAST_OFFLINE is set.
    """
    return ensure(get(name), progress)


def ensure(spec: ModelSpec, progress: Progress | None = None) -> Path:
    """`pull`, of a spec."""
    found = _present(spec)
    if found is None:
        if spec.path is not None:
            raise ModelError(f"{spec.path}: there is no such model file (it was there before)")
        if not spec.files:
            raise ModelError(f"{spec.name}: its row names neither a path nor files to download")
        if cache.offline():
            raise ModelDownloadError(
                f"{spec.name} is not on this machine and RMBG_FAST_OFFLINE forbids to download it; put "
                f"{' or '.join(file.filename for file in spec.files)} into {folder()}"
            )
    _notice(spec)
    if found is None:
        from . import download

        found = download.fetch(spec, folder(), progress)
    return found


def folder() -> Path:
    """The folder that downloaded models lie in. It need not exist yet."""
    return cache.home() / "models"


def _present(spec: ModelSpec) -> Path | None:
    if spec.path is not None:
        return spec.path if spec.path.is_file() else None
    places = ((file, folder() / file.filename) for file in spec.files)
    return next((path for file, path in places if file.is_whole(path)), None)


_noticed: set[str] = set()


def _notice(spec: ModelSpec) -> None:
    if spec.commercial or spec.name in _noticed:
        return
    _noticed.add(spec.name)
    warnings.warn(
        f"the licence of {spec.title or spec.name} ({spec.license}) forbids commercial use; see {spec.homepage}",
        LicenseWarning,
        stacklevel=4,
    )


# --- rows: TOML or keyword arguments -> ModelSpec ---


@lru_cache(maxsize=1)
def _rows() -> dict[str, Row]:
    import tomllib

    return tomllib.loads(Path(__file__).with_name("models.toml").read_text(encoding="utf-8"))


@lru_cache
def _spec(name: str) -> ModelSpec:
    return _from_row(name, _rows()[name], where=name)


def _beside(model: Path) -> ModelSpec:
    import tomllib

    if not model.is_file():
        raise ModelError(f"{model}: there is no such model file")
    toml = model.with_suffix(".toml")
    try:
        row, where = tomllib.loads(toml.read_text(encoding="utf-8")), toml
    except FileNotFoundError as exc:
        own = metadata.read(model)
        if own is None:
            raise ModelError(
                f"{model}: how to feed this model (size, resample, mean, std, activation, min-max, ...) is never "
                f"guessed. Either write {model.stem}.toml beside it, with the keys of a row (for instance "
                f'like = "isnet-general-use" and size = [1024, 1024]), or pass ModelSpec.for_file({model.name!r}, '
                f'like="isnet-general-use", size=(1024, 1024)) as the model, or make it with `rmbg-fast convert`, '
                f"which writes the row into the file"
            ) from exc
        row, where = own, model
    except (OSError, ValueError) as exc:  # ValueError: not TOML, not UTF-8
        raise ModelError(f"{toml}: cannot be read as TOML: {exc}") from exc
    return _from_row(model.stem, row, where=str(where), path=model)


def _from_row(name: str, row: Row, *, where: str, path: Path | None = None) -> ModelSpec:
    values = dict(row)
    like = values.pop("like", None)
    start: dict[str, Any] = {}
    if like is not None:
        if not isinstance(like, str) or like not in _rows():
            raise ModelError(f"{where}: like = {like!r} must be one of {', '.join(_rows())}")
        model = _spec(like)
        start = {key: getattr(model, key) for key in _RECIPE}
    if "recipe" in values:
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
