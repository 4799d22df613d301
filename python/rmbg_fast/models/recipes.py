"""How pictures are fed to networks, by name: recipes.toml as data. It says what each field means."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import ModelError, OptionError
from .suggest import meant

REQUIRED = ("resample", "rounding", "mean", "std", "minmax", "mask_resample", "mask_rounding")
DEFAULTS: dict[str, Any] = {
    "divide_by_max": False, "alpha": "straight", "empty_below": 0.05, "empty": "transparent",
}  # fmt: skip
FIELDS = (*REQUIRED, *DEFAULTS)
"""Of a recipe; those of rembg leave std, and the newer one mean, to the model."""


def names() -> list[str]:
    """The recipes that recipes.toml knows."""
    return list(_tables())


def get(name: str) -> dict[str, Any]:
    """The fields of a recipe, those with a default included. Raises ModelError for a name that there is not."""
    if not isinstance(name, str) or name not in _tables():
        raise ModelError(f"no recipe is called {name!r}{meant(str(name), names())}")
    return {**DEFAULTS, **_tables()[name], "recipe": name}


def changes(recipe: str | Mapping[str, Any]) -> dict[str, Any]:
    """What `Session(recipe=...)` changes in a model's row: a recipe's name, or a mapping of fields, which may start
    from a named one: {"recipe": "rembg", "alpha": "straight"}. Raises OptionError.
    """
    try:
        if isinstance(recipe, str):
            return get(recipe)
        if not isinstance(recipe, Mapping):
            raise ModelError(f"it is {recipe!r}, neither a name ({', '.join(names())}) nor a mapping of fields")
        fields = dict(recipe)
        start = get(fields.pop("recipe")) if "recipe" in fields else {}
        known = (*FIELDS, "activation")
        for key in fields:
            if key not in known:
                raise ModelError(f"there is no field {key!r}{meant(str(key), known)}")
        return {**start, **fields}
    except ModelError as exc:
        raise OptionError(f"recipe: {exc}") from exc


@lru_cache(maxsize=1)
def _tables() -> dict[str, dict[str, Any]]:
    import tomllib

    return tomllib.loads(Path(__file__).with_name("recipes.toml").read_text(encoding="utf-8"))
