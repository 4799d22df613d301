"""What each field of a model's row may be. A check returns the value, or raises ValueError with what it must be."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import ModelError

Row = Mapping[str, Any]
Check = Callable[[Any], Any]


def checked(where: str, key: str, value: Any, check: Check) -> Any:
    """The value as `check` returns it. Raises ModelError that begins with `where` and `key`."""
    at = f"{where}: {key}" if where else key
    try:
        return check(value)
    except ModelError as exc:  # of something inside the value
        raise ModelError(f"{at}: {exc}") from exc
    except ValueError as exc:
        raise ModelError(f"{at} = {value!r} must be {exc}") from exc


def table(value: Row, checks: Mapping[str, Check]) -> dict[str, Any]:
    """A table inside a row, each key of it checked."""
    return {key: checked("", key, item, checks[key]) for key, item in value.items()}


def is_(test: Callable[[Any], bool], wanted: str) -> Check:
    def check(value: Any) -> Any:
        if not test(value):
            raise ValueError(wanted)
        return value

    return check


def one_of(*choices: str) -> Check:
    return is_(lambda value: isinstance(value, str) and value in choices, "one of " + ", ".join(map(repr, choices)))


def matches(pattern: str, wanted: str) -> Check:
    return is_(lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None, wanted)


def numbers(count: int, test: Callable[[Any], bool], wanted: str) -> Check:
    def check(value: Any) -> Any:
        if not isinstance(value, list | tuple) or len(value) != count or not all(map(test, value)):
            raise ValueError(wanted)
        return tuple(value)

    return check


def is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_finite_number(value: Any) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool) and math.isfinite(value)


def list_of(noun: str, check: Check, *, least: int) -> Check:
    def check_list(value: Any) -> Any:
        if not isinstance(value, list | tuple) or len(value) < least:
            raise ValueError(f"a list of {noun}s" + f", at least {least}" * (least > 0))
        return tuple(checked("", f"{noun} {number}", item, check) for number, item in enumerate(value, 1))

    return check_list


_text = is_(lambda value: isinstance(value, str), "a string")
_flag = is_(lambda value: isinstance(value, bool), "true or false")
_tensor = is_(lambda value: is_int(value) or (isinstance(value, str) and value != ""), "a name or an index")
_sides = numbers(2, lambda value: is_int(value) and 1 <= value <= 16383, "[height, width], each 1 to 16383")
_pillow = ("pillow-bilinear", "pillow-bicubic", "pillow-lanczos")

FIELDS: dict[str, Check] = {
    "name": is_(lambda value: isinstance(value, str) and value != "", "a name"),
    "size": _sides,
    "dynamic": is_(
        lambda value: is_int(value) and 0 <= value <= 1024, "0, or what the sides are multiples of, to 1024"
    ),
    "resample": one_of("bilinear", "bilinear-topleft", "triangle", *_pillow),
    "rounding": one_of("none", "truncate", "nearest"),
    "mean": numbers(3, is_finite_number, "three numbers"),
    "std": numbers(3, lambda value: is_finite_number(value) and value > 0, "three numbers above 0"),
    "activation": one_of("none", "sigmoid"),
    "minmax": one_of("none", "before", "after"),
    "mask_resample": one_of("bilinear", "bilinear-topleft", "bilinear-corners", "bicubic", "nearest", *_pillow),
    "mask_rounding": one_of("truncate", "nearest"),
    "divide_by_max": _flag,
    "alpha": one_of("straight", "premultiplied"),
    "empty_below": is_(lambda value: is_finite_number(value) and 0 <= value <= 1, "a number from 0 to 1"),
    "empty": one_of("transparent", "opaque"),
    "recipe": _text,
    "input": _tensor,
    "output": _tensor,
    "title": _text,
    "license": _text,
    "commercial": _flag,
    "homepage": _text,
    "path": is_(lambda value: value is None or isinstance(value, Path), "a Path or None"),
}
