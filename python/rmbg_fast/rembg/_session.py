"""rembg's sessions."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .._images.arrays import Pixels
from .._kept import Kept
from .._loading import PROVIDERS
from ..errors import DeviceError, OptionError
from ..models import ModelSpec
from ..session import Session
from . import _models

Provider: TypeAlias = str | tuple[str, Mapping[str, Any]]

_DEVICES = {  # by the names of ONNX Runtime's providers
    "CPUExecutionProvider": "cpu",
    "CUDAExecutionProvider": "cuda",
    "TensorrtExecutionProvider": "tensorrt",
    **{f"{name}ExecutionProvider": device for device, (name, _) in PROVIDERS.items()},
}


class RembgSession:
    """One model as rembg feeds it, safe to use from many threads at once. `session` is what runs it."""

    def __init__(self, model_name: str, session: Session) -> None:
        self.model_name = model_name
        self.session = session

    def __repr__(self) -> str:
        return f"<rmbg_fast.rembg session {self.model_name!r}, {self.session.provider}>"

    def name(self) -> str:
        """rembg's name of the model."""
        return self.model_name

    def predict(self, img: Image.Image, *args: Any, **kwargs: Any) -> list[Image.Image]:
        """The mask of a picture, as a list of one image of mode L. Other arguments are ignored, as they are there."""
        return [Image.fromarray(self.mask(np.asarray(img.convert("RGB"))))]

    def mask(self, pixels: Pixels) -> NDArray[np.uint8]:
        """uint8, shape (H, W)."""
        return self.session.mask(pixels, on_empty="ignore")

    def turn(self, pixels: int | None) -> AbstractContextManager[None]:
        """The session's turn for a picture of so many pixels: it is decoded only then, and a flood waits in order."""
        return self.session._ready().held(pixels, None, "interactive", set())


def new_session(
    model_name: str = "bria-rmbg",
    *args: Any,
    sess_opts: Any = None,
    providers: Sequence[Provider] | None = None,
    **kwargs: Any,
) -> RembgSession:
    """A session of a model by rembg's name for it; `sessions.sessions_names` lists them.

    The file is the one in rembg's folders (U2NET_HOME, REMBG_HOME) where it is there, or else fetched. Of `sess_opts`,
    ONNX Runtime's, `intra_op_num_threads` counts; without, OMP_NUM_THREADS. `providers` are tried in order, and the
    CPU last; without, a GPU is taken where there is one. `kwargs`: `model_path`, the .onnx file of the models of one's
    own (u2net_custom, dis_custom, ben_custom). Raises OptionError, a ValueError, for a name that there is not, and what
    `rmbg_fast.Session` raises.
    """
    if not isinstance(model_name, str):
        raise OptionError(f"model_name must be the name of a model, not {model_name!r}")
    spec = _models.fetched(model_name, _models.spec_of(model_name, kwargs.get("model_path")))
    threads = getattr(sess_opts, "intra_op_num_threads", 0) or None
    return RembgSession(model_name, _on_first(spec, providers, threads))


def model(name: str) -> ModelSpec:
    """A model by rembg's name, fed as rembg feeds it, its file on this machine: what `rmbg_fast.Session` takes. Raises
    as `new_session` does."""
    return replace(_models.fetched(name, _models.spec_of(name)), name=name)


def default_session(**kwargs: Any) -> RembgSession:
    """That of `remove` without one, kept for the next call."""
    place = tuple(os.environ.get(name) for name in ("U2NET_HOME", "REMBG_HOME", "OMP_NUM_THREADS"))
    return _kept.get((place, repr(sorted(kwargs.items()))), lambda: new_session(**kwargs))


_kept: Kept[RembgSession] = Kept(2)


def _on_first(spec: ModelSpec, providers: Sequence[Provider] | None, threads: int | None) -> Session:
    """On the first of the providers that can be had."""
    if providers is None:
        return Session(spec, threads=threads)
    for provider in providers:
        name, options = (provider, {}) if isinstance(provider, str) else (provider[0], dict(provider[1]))
        device = _DEVICES.get(name)
        if device == "cpu":
            break
        try:
            if device is None:
                raise DeviceError("there is no such provider")
            number = options.pop("device_id", None) if device in ("cuda", "tensorrt") else None
            place = device if number is None else f"{device}:{int(number)}"
            return Session(spec, device=place, threads=threads, provider_options=options or None)
        except DeviceError as exc:
            warnings.warn(f"{name} cannot be had: {exc}", RuntimeWarning, stacklevel=3)
    return Session(spec, device="cpu", threads=threads)
