"""The options of a session and of its calls, as types: an editor completes them, a type checker refuses others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, TypedDict

from ._choices import Alpha
from ._images.formats import Compress
from ._images.reading import ImageInput, Truncated
from .flow.admission import Priority
from .models import ModelSpec

Model: TypeAlias = str | os.PathLike[str] | ModelSpec
Recipe: TypeAlias = str | Mapping[str, Any]
OnEmpty: TypeAlias = Literal["warn", "raise", "ignore"]
Foreground: TypeAlias = Literal["keep", "estimate"]
Background: TypeAlias = str | tuple[int, int, int] | ImageInput
Crop: TypeAlias = bool | int | None


class SessionOptions(TypedDict, total=False):
    """See `Session`."""

    device: str
    threads: int | None
    optimize: bool
    recipe: Recipe | None
    provider_options: Mapping[str, Any] | None


class CutOptions(TypedDict, total=False):
    """What a cut-out is like: see `Session.remove`."""

    background: Background | None
    alpha: Alpha | None
    threshold: int | None
    foreground: Foreground
    on_empty: OnEmpty
    crop: Crop
    truncated: Truncated
    max_side: int | None
    format: str | None
    compress: Compress


class CallOptions(CutOptions, total=False):
    """See `Session.remove`."""

    timeout: float | None
    priority: Priority


class RemoveOptions(CallOptions, SessionOptions, total=False):
    """See `remove`."""

    model: Model
