"""A loaded model, and the one-line call that keeps one at hand."""

from __future__ import annotations

import copy
import os
import re
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from . import _core, models
from ._arguments import dtype_name, whole_of, word_of
from ._buffers import Buffer, given, out_of
from ._images import colours, reading, writing
from ._runtime import gpu, library
from ._runtime import threads as thread_count
from .errors import DeviceError, ModelError, OptionError
from .models import ModelSpec

Model = str | os.PathLike[str] | ModelSpec
Recipe = str | Mapping[str, Any]
OnEmpty = Literal["warn", "raise", "ignore"]
_KEPT_SESSIONS = 2  # by `remove`; a loaded IS-Net takes about half a gigabyte


class EmptyMaskWarning(UserWarning):
    """The model found no subject in the picture; the result is what its row says of such pictures."""


class Session:
    """One model, ready to run. Safe to use from many threads at once; nothing holds the GIL while it works.

    `model`: a name of `models.names()`, the path of an `.onnx` file with a row beside it, or a `ModelSpec`; it is
    fetched if it is not there yet. `device`: "cpu", "cuda", "cuda:N", "tensorrt", "tensorrt:N", or "auto", which takes
    CUDA where it can be had; an explicit GPU that cannot be had raises `DeviceError`. `provider_options` are those of
    the GPU's provider, as {"enable_cuda_graph": True}; docs/cuda.md lists them. `warm_up` runs the model once, so that
    the first call is as fast as later ones. `threads`: how many a call may use; None: what
    affinity and container allow. `optimize`: False leaves all convolutions to ONNX Runtime, as the environment variable
    RMBG_FAST_CONV=off does; otherwise our own do the work on a CPU with AVX2 or NEON, where the graph lets them (see
    `details`), and a GPU computes in float16 what gains by that. `recipe` feeds the model in another way than its row
    says: a name of `recipes.names()`, such as "rembg" to reproduce that tool's results, or a mapping of fields,
    {"mask_resample": "bilinear"}. Raises also `ModelError`,
    `RuntimeNotFoundError` and `OptionError`.
    """

    def __init__(
        self,
        model: Model = "isnet-general-use",
        *,
        device: str = "auto",
        threads: int | None = None,
        optimize: bool = True,
        recipe: Recipe | None = None,
        provider_options: Mapping[str, Any] | None = None,
        warm_up: bool = False,
    ) -> None:
        kind, number = _device(device)
        options, runs = gpu.options_of("cuda" if kind == "auto" else kind, provider_options)
        count = thread_count.chosen(threads)
        spec = models.get(model)
        self._spec = spec if recipe is None else spec.with_recipe(recipe)
        library.load()
        source = models.ensure(self._spec)
        self._fallback = ""
        if kind != "cpu":
            try:
                place = _Place("cuda" if kind == "auto" else kind, number, tuple(options), runs)
                self._remover, self._details = _on_gpu(source, self._spec, place, count, narrow=optimize)
            except DeviceError as exc:
                if kind != "auto":
                    raise
                kind, self._fallback = "cpu", str(exc)
        if kind == "cpu":
            tier = _core.network_tier() if optimize else ""
            self._remover, self._details = _load(source, self._spec, _CPU, count, network=bool(tier))
            self._details["tier"] = tier if self._details["convolutions"]["replaced"] else ""
        self._last = threading.local()
        if warm_up:
            self._remover.mask(np.zeros((64, 64, 3), np.uint8), "uint8", False, None)

    @property
    def model(self) -> ModelSpec:
        """The model's row, with the recipe in use."""
        return self._spec

    @property
    def provider(self) -> str:
        """What runs the model: "CPUExecutionProvider", "CUDAExecutionProvider" or "TensorrtExecutionProvider"."""
        return self._remover.provider

    @property
    def fallback_reason(self) -> str:
        """Why `device="auto"` took the CPU; empty where it did not have to."""
        return self._fallback

    @property
    def details(self) -> dict[str, Any]:
        """How the model runs: `graph`, the path of the file in use; `convolutions`, the names of those `replaced` by
        our own and of those `left` to ONNX Runtime; `tier`, what our own run on ("avx2", "avx512", "neon"; "": none);
        `runs_at_once`, how many runs a GPU is given at a time, while other threads prepare theirs (0: it is the CPU).
        """
        return copy.deepcopy(self._details)

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds of the stages of this thread's last call: decode, preprocess, inference, postprocess, encode."""
        return dict(getattr(self._last, "timings", {}))

    @property
    def scene(self) -> dict[str, Any]:
        """What this thread's last call saw: `coverage`, the mean alpha of the mask (0..1); `range`, the smallest and
        largest value of the mask, unstretched, at the size at which the recipe stretches it; `empty`, why there was no
        subject ("": there was one). Empty after a call that raised.
        """
        return dict(getattr(self._last, "scene", {}))

    def remove(
        self,
        image: reading.ImageInput,
        *,
        background: str | tuple[int, int, int] | None = None,
        alpha: Literal["straight", "premultiplied"] | None = None,
        threshold: int | None = None,
        foreground: Literal["keep", "estimate"] = "keep",
        on_empty: OnEmpty = "warn",
        out: NDArray[Any] | Buffer | None = None,
    ) -> Any:
        """Cut the subject out. The result is of the kind that came in: a path, file or PIL image gives a PIL image, an
        array or a tensor a NumPy array (uint8 or uint16, as it came), bytes give PNG bytes, of 16 bits where a 16-bit
        PNG came in (a PIL image holds 8 bits a channel).

        RGBA with straight alpha (colour 0 where alpha is 0) or premultiplied, by default as the recipe says (straight,
        but for "rembg"); RGB over `background` where one is given: a name, "#rrggbb" or three values 0..255, in sRGB as
        in CSS, which becomes the same colour of the picture's profile.
        `threshold`, 1..255, makes alpha binary. `foreground="estimate"` takes the background's colour out of soft edges
        (see `ops.estimate_foreground`). `on_empty`: where the model finds no subject, the result is transparent (or
        opaque, as its row says, and where the mask is of about one value above 0.5), with an `EmptyMaskWarning` or
        without; or `ModelOutputError` is raised and `out` stays as it is. `out`, for an array in, takes the result and
        is what is returned: an array or tensor as in `rmbg_fast.ops`, (H, W, 4), or (H, W, 3) with a background. Raises
        `ImageError`, `OptionError`, `ModelOutputError` and `InferenceError`.
        """
        strict = _strict(on_empty)
        self._last.timings, self._last.scene = {}, {}
        colour = None if background is None else colours.parse_colour(background)
        start = time.perf_counter()
        source = reading.read(image)
        if out is not None and source.kind != "array":
            raise OptionError("`out` takes the result for an array only; this image came as something else")
        if colour is not None:
            colour = source.metadata.colour_of(colour)
        decoded = time.perf_counter()
        if alpha is None:
            alpha = self._spec.alpha if colour is None else "straight"
        word_of(alpha, "alpha")
        word_of(foreground, "foreground")
        limit = None if threshold is None else whole_of(threshold, "threshold")
        target = out_of(out)
        pixels, timings, scene = self._remover.remove(source.pixels, alpha, colour, limit, foreground, strict, target)
        done = time.perf_counter()
        result = given(writing.finish(source, pixels), out)
        self._last.scene = scene
        self._last.timings = {
            "decode": (decoded - start) * 1e3,
            **timings,
            "encode": (time.perf_counter() - done) * 1e3,
        }
        _tell(scene, on_empty)
        return result

    def mask(
        self,
        image: reading.ImageInput,
        *,
        dtype: DTypeLike = "uint8",
        on_empty: OnEmpty = "warn",
        out: NDArray[Any] | Buffer | None = None,
    ) -> NDArray[Any]:
        """The subject's alpha as an array of the image's height and width: 0..255, 0..65535 or 0..1 as `dtype`,
        uint8, uint16 or float32, says.

        It is the model's own: an alpha that the image brings is not multiplied in. `on_empty` and `out` are `remove`'s,
        `out` for an image of any kind. Raises as that does.
        """
        strict = _strict(on_empty)
        self._last.timings, self._last.scene = {}, {}
        start = time.perf_counter()
        source = reading.read(image)
        decoded = time.perf_counter()
        plane, timings, scene = self._remover.mask(source.pixels, dtype_name(dtype), strict, out_of(out))
        self._last.timings = {"decode": (decoded - start) * 1e3, **timings}
        self._last.scene = scene
        _tell(scene, on_empty)
        return given(plane, out)


def remove(image: reading.ImageInput, *, model: Model = "isnet-general-use", **options: Any) -> Any:
    """Cut the subject out with a session that is kept for the next call.

    `device`, `threads`, `optimize` and `recipe` are `Session`'s, the other options those of `Session.remove`.
    """
    chosen = {name: options.pop(name) for name in ("device", "threads", "optimize") if name in options}
    recipe = options.pop("recipe", None)
    key = os.fspath(model) if isinstance(model, os.PathLike) else model
    if recipe is not None:
        key = models.get(key).with_recipe(recipe)
    on_empty = options.pop("on_empty", "warn")
    _strict(on_empty)
    with _guard:  # two first calls at once load one model
        session = _kept(key, **chosen)
    result = session.remove(image, **options, on_empty="raise" if on_empty == "raise" else "ignore")
    _tell(session.scene, on_empty)
    return result


_guard = threading.Lock()


@lru_cache(maxsize=_KEPT_SESSIONS)
def _kept(model: str | ModelSpec, device: str = "auto", threads: int | None = None, optimize: bool = True) -> Session:
    return Session(model, device=device, threads=threads, optimize=optimize)


def _strict(on_empty: str) -> bool:
    if on_empty not in ("warn", "raise", "ignore"):
        raise OptionError(f"on_empty must be one of 'warn', 'raise', 'ignore', not {on_empty!r}")
    return on_empty == "raise"


def _tell(scene: Mapping[str, Any], on_empty: str) -> None:
    if scene["empty"] and on_empty == "warn":
        warnings.warn(scene["empty"], EmptyMaskWarning, stacklevel=3)


def _device(device: str) -> tuple[str, int]:
    match = re.fullmatch(r"(cpu|auto|cuda|tensorrt)(?::(\d{1,3}))?", device) if isinstance(device, str) else None
    if not match or (match[2] and match[1] in ("cpu", "auto")):
        raise OptionError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:N' or 'tensorrt', not {device!r}")
    return match[1], int(match[2] or 0)


@dataclass(frozen=True)
class _Place:
    """Where a model runs."""

    device: str
    number: int = 0
    options: tuple[tuple[str, str], ...] = ()
    runs: int = 0


_CPU = _Place("cpu")


def _on_gpu(
    source: Path, spec: ModelSpec, place: _Place, count: int, *, narrow: bool
) -> tuple[_core.Remover, dict[str, Any]]:
    if place.device == "tensorrt":
        place = replace(place, options=(*place.options, *gpu.tensorrt_cache()))
    gpu.check(place.device, place.number, list(place.options))
    return _load(source, spec, place, count, narrow=narrow)


def _load(
    source: Path, spec: ModelSpec, place: _Place, count: int, *, network: bool = False, narrow: bool = False
) -> tuple[_core.Remover, dict[str, Any]]:
    from ._graphs import prepare

    # A CPU's kernels compute in float32 anyhow; a GPU's are made for float16.
    wanted = partial(prepare.prepare, source, output=spec.output, widen=place == _CPU, network=network, narrow=narrow)
    ready = wanted()
    try:
        return _remover(ready, spec, place, count, prepared=ready != source)
    except DeviceError:
        raise
    except ModelError:
        if ready == source:
            raise
        prepare.discard(ready)  # it may have been damaged on disk: once more from the source
        ready = wanted()
        return _remover(ready, spec, place, count, prepared=ready != source)


def _remover(
    path: Path, spec: ModelSpec, place: _Place, count: int, *, prepared: bool
) -> tuple[_core.Remover, dict[str, Any]]:
    from ._graphs.prepare import details

    output = 0 if prepared else spec.output  # a prepared graph has but the one
    remover = _core.Remover(
        str(path),
        spec.core_recipe(),
        place.device,
        place.number,
        count,
        spec.input,
        output,
        list(place.options),
        [],
        place.runs,
    )
    done = details(path) if prepared else {}  # a .json beside the original is the user's
    plain = {"graph": str(path), "tier": "", "convolutions": {"replaced": [], "left": []}, "runs_at_once": place.runs}
    return remover, {**plain, **done}
