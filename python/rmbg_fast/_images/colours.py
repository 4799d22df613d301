"""The colours that users name."""

from __future__ import annotations

import operator
import re

from ..errors import OptionError


def parse_colour(value: str | tuple[int, int, int]) -> tuple[int, int, int]:
    """Read an opaque colour: a CSS name, "#rgb", "#rrggbb" ("rrggbb" too, as shells eat the #), "rgb(r, g, b)" or three
    integers 0..255. Raises OptionError."""
    problem = f"{value!r} is no opaque colour: give a name such as 'white', '#rrggbb', or three integers 0..255"
    try:
        if isinstance(value, str):
            from PIL import ImageColor

            text = f"#{value}" if re.fullmatch("[0-9a-fA-F]{6}", value) else value.strip()
            parts = tuple(ImageColor.getrgb(text))
            parts = parts[:3] if parts[3:] == (255,) else parts
        else:
            parts = tuple(operator.index(part) for part in value)
    except (TypeError, ValueError) as exc:
        raise OptionError(problem) from exc
    if len(parts) != 3 or not all(0 <= part <= 255 for part in parts):
        raise OptionError(problem)
    return (parts[0], parts[1], parts[2])
