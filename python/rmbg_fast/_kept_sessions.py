"""The one-line call, with sessions that are kept for the next one."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Unpack, overload

from numpy.typing import NDArray
from PIL import Image

from . import models
from ._call import strict_of
from ._images import reading
from ._kept import Kept
from ._loading import device_of
from ._options import Model, Recipe, RemoveOptions
from ._runtime import threads as thread_count
from .errors import DeviceError
from .models import ModelSpec
from .session import Session, _Array, _File, _Out, tell

_KEPT_SESSIONS = 2  # a loaded IS-Net takes about half a gigabyte


@overload
def remove(image: _Array, *, out: _Out, **options: Unpack[RemoveOptions]) -> _Out: ...
@overload
def remove(image: _File, **options: Unpack[RemoveOptions]) -> Image.Image: ...
@overload
def remove(image: bytes | bytearray, **options: Unpack[RemoveOptions]) -> bytes: ...
@overload
def remove(image: memoryview, **options: Unpack[RemoveOptions]) -> bytes | NDArray[Any]: ...
@overload
def remove(image: _Array, *, out: None = None, **options: Unpack[RemoveOptions]) -> NDArray[Any]: ...
def remove(image: reading.ImageInput, *, model: Model = "isnet-general-use", **options: Any) -> Any:
    """Cut the subject out with a session that is kept for the next call.

    `device`, `threads`, `optimize`, `recipe` and `provider_options` are `Session`'s, the other options those of
    `Session.remove`.
    """
    names = ("device", "threads", "optimize", "recipe", "provider_options")
    chosen = {name: options.pop(name) for name in names if name in options}
    on_empty = options.pop("on_empty", "warn")
    strict_of(on_empty)
    session = _kept_session(model, **chosen)
    result = session.remove(image, **options, on_empty="raise" if on_empty == "raise" else "ignore")
    tell(session.scene, on_empty, stacklevel=3)
    return result


_kept: Kept[Session] = Kept(_KEPT_SESSIONS)
_files: dict[str, Hashable] = {}  # models of one's own, as they were last seen
_without_gpu: set[Hashable] = set()  # of what `device="auto"` has tried on one, in vain


def _kept_session(
    model: Model,
    device: str = "auto",
    threads: int | None = None,
    optimize: bool = True,
    recipe: Recipe | None = None,
    provider_options: Mapping[str, Any] | None = None,
) -> Session:
    """The session of these options. It is the same whether they are given or left to what they default to."""
    spec = models.get(model)
    spec = spec if recipe is None else spec.with_recipe(recipe)
    kind, number = device_of(device)
    count = thread_count.chosen(threads)

    def kept(place: str, tuned: Mapping[str, Any] | None) -> Session:
        key = (
            replace(spec, path=None),
            _file_of(spec),
            place,
            count,
            bool(optimize),
            repr(sorted((tuned or {}).items())),
        )
        if key in _without_gpu:
            raise DeviceError("it was tried before")
        make = partial(Session, spec, device=place, threads=count, optimize=optimize, provider_options=tuned)
        try:
            return _kept.get(key, make)
        except DeviceError:
            if kind == "auto":
                _without_gpu.add(key)
            raise

    if kind == "auto":
        try:
            return kept("cuda:0", provider_options)
        except DeviceError:
            return kept("cpu", None)
    return kept("cpu" if kind == "cpu" else f"{kind}:{number}", provider_options)


def _file_of(spec: ModelSpec) -> Hashable:
    """Which file of one's own it is, and whether it was changed."""
    if spec.path is None:
        return None
    path = os.path.realpath(spec.path)
    try:
        status = os.stat(path)
        _files[path] = (path, status.st_size, status.st_mtime_ns)
    except OSError:
        pass  # a model that is loaded does not need its file; of another, Session will complain
    return _files.get(path, path)
