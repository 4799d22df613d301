"""rembg's names of models, and the folders in which it keeps their files."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import models
from .._storage import folders
from ..errors import ModelError, OptionError
from ..models import ModelSpec
from ..models.spec import from_row

_OURS = {  # rembg's name: that of our row
    "birefnet-general": "birefnet-general",
    "birefnet-general-lite": "birefnet-general-lite",
    "birefnet-general-fp16": "birefnet-general",  # made of that file there; here a GPU computes it in float16 anyhow
    "birefnet-portrait": "birefnet-portrait",
    "isnet-general-use": "isnet-general-use",
    "silueta": "silueta",
    "u2net": "u2net",
    "u2netp": "u2netp",
    "bria-rmbg": "rmbg-2.0",
}
_LIKE = {"u2net_custom": "u2net", "dis_custom": "isnet-general-use", "ben_custom": "isnet-general-use"}
_NOT_THERE = {
    "sam": "it segments what a prompt points at, with two networks",
    "u2net_cloth_seg": "its result is three pictures, one for each kind of clothing",
    "withoutbg": "it sends the picture to a service",
    "atlascloud": "it sends the picture to a service",
}


def names() -> list[str]:
    """rembg's names of the models that there are here."""
    return [*_OURS, *_rows(), *_LIKE]


def downloadable() -> list[str]:
    """Of these, those that need no file of one's own."""
    return [*_OURS, *_rows()]


def spec_of(name: str, model_path: str | os.PathLike[str] | None = None) -> ModelSpec:
    """The model that rembg calls so, fed as rembg feeds it, with the file that rembg would read where it is there.

    `model_path` is that of the models of one's own. Raises OptionError and ModelError; downloads nothing.
    """
    if name in _LIKE:
        if model_path is None:
            raise OptionError(f"{name} is a model of your own: give model_path, its .onnx file")
        return ModelSpec.for_file(Path(model_path).expanduser(), like=_LIKE[name]).with_recipe("rembg")
    if name in _NOT_THERE:
        raise OptionError(f"{name} is not there: {_NOT_THERE[name]}; rembg itself has it")
    if name not in _OURS and name not in _rows():
        raise OptionError(f"no model of rembg is called {name!r}; there are {', '.join(names())}")
    spec = models.get(_OURS[name]) if name in _OURS else from_row(name, _rows()[name], where=name)
    spec = spec.with_recipe("rembg")
    found = next((path for path in _places(name, spec) if path.is_file()), None)
    return spec if found is None else replace(spec, path=found, files=())


def fetched(name: str, spec: ModelSpec) -> ModelSpec:
    """The model with its file on this machine: fetched into rembg's folder where U2NET_HOME or REMBG_HOME names one,
    or else into this package's own. Raises as `models.pull` does."""
    try:
        models.path(spec)
        return spec
    except ModelError:
        home = _named_home()
        if home is None or folders.offline():
            models.pull(spec)
            return spec
    from ..models import download

    return replace(spec, path=download.fetch(spec, home / "models" / name), files=())


def _places(name: str, spec: ModelSpec) -> list[Path]:
    """Where rembg 2.0.86 looks, and the versions before it did."""
    own = (_named_home() or _home("rembg", ".rembg")) / "models" / name
    named = os.environ.get("U2NET_HOME")
    older = Path(named).expanduser() if named else _home(".u2net", ".u2net")
    filenames = dict.fromkeys([f"{name}.onnx", *(file.filename for file in spec.files)])
    return [*(own / filename for filename in filenames), older / f"{name}.onnx"]


def _named_home() -> Path | None:
    named = os.environ.get("U2NET_HOME") or os.environ.get("REMBG_HOME")
    return Path(named).expanduser() if named else None


def _home(beneath_data: str, beneath_user: str) -> Path:
    data = os.environ.get("XDG_DATA_HOME")
    return Path(data).expanduser() / beneath_data if data else Path(os.path.expanduser("~")) / beneath_user


@lru_cache(maxsize=1)
def _rows() -> dict[str, dict[str, Any]]:
    import tomllib

    rows = tomllib.loads(Path(__file__).with_name("models.toml").read_text(encoding="utf-8"))
    return {name: {**row, "commercial": True} for name, row in rows.items()}
