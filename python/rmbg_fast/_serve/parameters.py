"""The options of a request: what its query may say, how that is read, and how the OpenAPI document puts it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from .._images.colours import parse_colour
from ..errors import OptionError
from .problems import Problem


@dataclass(frozen=True)
class Parameter:
    """`parse` raises ValueError, whose text goes on after the parameter's name."""

    name: str
    about: str
    schema: Mapping[str, Any]
    parse: Callable[[str], Any]


def number(name: str, about: str, least: int, most: int) -> Parameter:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or len(text) > 9 or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return Parameter(name, about, {"type": "integer", "minimum": least, "maximum": most}, parse)


def word(name: str, about: str, words: Iterable[str], default: str | None = None) -> Parameter:
    known = list(words)

    def parse(text: str) -> str:
        if text not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return text

    schema = {"type": "string", "enum": known}
    return Parameter(name, about, schema if default is None else {**schema, "default": default}, parse)


def _colour(text: str) -> tuple[int, int, int]:
    # Only colours: the library would take the path of a picture, too.
    return parse_colour(text)


def _margin(text: str) -> bool | int:
    if text in ("true", "false"):
        return text == "true"
    return int(_MARGIN.parse(text))


_MOST = 1 << 16
_MARGIN = number("crop", "", 0, _MOST)
FORMATS = ("png", "webp", "jpeg", "avif", "mask-png", "rgba", "npy")
MASKS = ("png", "webp", "npy")

MODEL = Parameter("model", "One of those of `GET /v1/models`; the first if none is named.", {"type": "string"}, str)
CROP = Parameter(
    "crop",
    "Trim the result to the subject: `true`, or a margin in pixels.",
    {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0, "maximum": _MOST}]},
    _margin,
)
THRESHOLD = number("threshold", "Hard edge: opaque from this alpha on.", 1, 255)
MAX_SIDE = number("max_side", "Scale a picture with a longer side down to so many pixels first.", 1, _MOST)
REMOVE = (
    MODEL,
    word("format", "Of the result; it goes before `Accept`. `rgba` is four bytes a pixel, row by row.", FORMATS),
    Parameter(
        "background",
        "Colour to put behind the subject: a CSS name, `#rrggbb`, or `rgb(r, g, b)`.",
        {"type": "string", "example": "white"},
        _colour,
    ),
    THRESHOLD,
    word("alpha", "Of the colours; by default as the model's recipe says.", ("straight", "premultiplied")),
    word("foreground", "`estimate` takes the background's colour out of soft edges.", ("keep", "estimate"), "keep"),
    CROP,
    MAX_SIDE,
)
MASK = (MODEL, word("format", "Of the mask; it goes before `Accept`.", MASKS), THRESHOLD, CROP, MAX_SIDE)


def parsed(query: QueryParams, known: Iterable[Parameter]) -> dict[str, Any]:
    """The values by name. Raises Problem, 422, for a name that is not known, twice there, or has a wrong value."""
    by_name = {parameter.name: parameter for parameter in known}
    values: dict[str, Any] = {}
    for name, text in query.multi_items():
        if name not in by_name:
            raise Problem(422, f"there is no option {name!r}: choose from {', '.join(by_name)}", parameter=name)
        if name in values:
            raise Problem(422, f"{name} is given more than once", parameter=name)
        try:
            values[name] = by_name[name].parse(text)
        except OptionError as exc:
            raise Problem(422, f"{name}: {exc}", parameter=name) from exc
        except ValueError as exc:
            raise Problem(422, f"{name} {exc}, not {text!r}", parameter=name) from exc
    return values
