"""A loaded model, and the one-line call that keeps one at hand."""

from __future__ import annotations

import copy
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import IO, Any, TypeAlias, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from . import _core, models
from ._arguments import dtype_name
from ._buffers import Buffer, SupportsDLPack, given
from ._call import Blend, Call
from ._choices import Alpha
from ._images import reading, writing
from ._images.formats import Compress
from ._images.sizes import pixels_of
from ._loading import CPU, Device, device_of, load, load_on_device
from ._memory import trim
from ._options import Background, CallOptions, Crop, CutOptions, Foreground, Model, OnEmpty, Recipe
from ._runtime import gpu, library
from ._runtime import threads as thread_count
from ._scene import Result, Scene, Timings, doubt
from .errors import DeviceError, OptionError, SessionClosedError
from .flow import OnError, Outcome, Priority, Stats, admission, mapped
from .flow import lanes as gate_lanes
from .models import ModelSpec

_File: TypeAlias = str | os.PathLike[str] | IO[bytes] | Image.Image
_Array: TypeAlias = NDArray[Any] | SupportsDLPack
Item = TypeVar("Item")
_Out = TypeVar("_Out", bound=NDArray[Any] | Buffer)


class EmptyMaskWarning(UserWarning):
    """The model found no subject in the picture; the result is what its row says of such pictures."""


class ActivationWarning(UserWarning):
    """The mask's values cannot be what the model's row says of them: its `activation` is wrong, and so is the mask."""


class Session:
    """One model, ready to run. Safe to use from many threads at once; nothing holds the GIL while it works.

    `model`: a name of `models.names()`, the path of an `.onnx` file with a row beside it, or a `ModelSpec`; it is
    fetched if it is not there yet. `device`: "cpu", "cuda", "cuda:N", "tensorrt", "tensorrt:N", or "auto", which takes
    CUDA where it can be had; or a provider of the installed ONNX Runtime: "openvino", "coreml", "directml", "qnn",
    "xnnpack". A device that was asked for and cannot be had raises `DeviceError`. `provider_options` are those of
    the provider, as {"enable_cuda_graph": True}; docs/cuda.md lists CUDA's. `warm_up` runs the model once, so that
    the first call is as fast as later ones. `threads`: how many a call may use; None: what the
    environment variable RMBG_FAST_THREADS or else OMP_NUM_THREADS says, or else what affinity and container allow.
    `optimize`: False leaves all convolutions to ONNX Runtime, as the environment variable
    RMBG_FAST_CONV=off does; otherwise our own do the work on a CPU with AVX2 or NEON, where the graph lets them (see
    `details`), and a GPU computes in float16 what gains by that. `recipe` feeds the model in another way than its row
    says: a name of `models.recipes.names()`, such as "rembg" to reproduce that tool's results, or a mapping of fields,
    {"mask_resample": "bilinear"}. Raises also `ModelError`, `RuntimeNotFoundError` and `OptionError`.

    A session works on `slots` calls at a time and lets the others wait in order, so that a flood of pictures takes no
    more memory than so many; None: as many as there are cores, two for a network of more than 512 x 512. A picture of
    more than 25 megapixels takes several. `max_queued_requests` may wait, None: any number; one more raises
    `QueueFullError`. A lone call uses all `threads`, many at once share the cores.

    A session is pickled as what it was made from: another process (spawn, joblib, Ray) loads the model again and shares
    the memory of its weights. `close()`, or the end of a `with` block, gives the memory back once the calls under way
    have ended; what is asked of the session later raises `SessionClosedError`.
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
        slots: int | None = None,
        max_queued_requests: int | None = None,
    ) -> None:
        self._made_from = {
            "model": model,
            "device": device,
            "threads": threads,
            "optimize": optimize,
            "recipe": recipe,
            "provider_options": provider_options,
            "warm_up": warm_up,
            "slots": slots,
            "max_queued_requests": max_queued_requests,
        }
        kind, number = device_of(device)
        options, runs = gpu.options_of("cuda" if kind == "auto" else kind, provider_options)
        self._threads = thread_count.chosen(threads)
        spec = models.get(model)
        self._spec = spec if recipe is None else spec.with_recipe(recipe)
        library.load()
        source = models.ensure(self._spec)
        self._fallback = ""
        self._open: _core.Remover | None = None
        self._process = os.getpid()
        if kind != "cpu":
            try:
                wanted = Device("cuda" if kind == "auto" else kind, number, tuple(options), runs)
                self._open, self._details = load_on_device(source, self._spec, wanted, self._threads, narrow=optimize)
            except DeviceError as exc:
                if kind != "auto":
                    raise
                self._fallback = str(exc)
        if self._open is None:
            tier = _core.network_tier() if optimize else ""
            self._open, self._details = load(source, self._spec, CPU, self._threads, network=bool(tier))
            self._details["tier"] = tier if self._details["convolutions"]["replaced"] else ""
        self._last = threading.local()
        cores = thread_count.chosen(None)
        _core.set_cores(cores)
        if slots is None:
            slots = admission.slots_for(self._spec.size, cores, self._details["runs_at_once"])
        self._admission = admission.Admission(slots, max_queued_requests)
        self._lanes = gate_lanes.Lanes(self._admission)
        self._undoubted = threading.Lock()  # taken by whoever warns of the activation, for good
        if warm_up:
            self.warm_up()

    def __repr__(self) -> str:
        state = "closed" if self._open is None else f"{self._open.provider}, {self._threads} threads"
        recipe = f", recipe {self._spec.recipe!r}" if self._spec.recipe else ""
        return f"<rmbg_fast.Session {self._spec.name!r}{recipe}, {state}>"

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Session], tuple[dict[str, Any]]]:
        return _made_again, (self._made_from,)

    def close(self) -> None:
        """Give the model's memory back, once the calls under way have ended, and what is kept for the next results.
        Closing twice does no harm."""
        self._open = None
        self._lanes.close()
        trim()

    @property
    def _remover(self) -> _core.Remover:
        if self._open is None:
            raise SessionClosedError(f"this session of {self._spec.name} is closed: make a new one")
        if self._process != os.getpid():
            self._load_again()
        return self._open

    def _load_again(self) -> None:
        """In a forked child, which has none of the threads that its parent's runtime waits for."""
        with _guard:
            if self._process != os.getpid():
                again = _made_again(self._made_from)
                self._open, self._details, self._process = again._open, again._details, os.getpid()
                self._admission, self._lanes = again._admission, again._lanes

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
    def stats(self) -> Stats:
        """What it has to do, and what it has done since it was made."""
        return (self._admission if self._open is None else self._ready()).stats()

    def warm_up(self) -> None:
        """Run the model once on a black picture, so that the next call is as fast as later ones."""
        self.mask(np.zeros((64, 64, 3), np.uint8), on_empty="ignore")
        self._last.timings, self._last.scene = {}, None

    @property
    def timings(self) -> Timings:
        """Milliseconds of the stages of this thread's last call; empty before the first, and after one that raised."""
        return dict(getattr(self._last, "timings", {}))

    @property
    def scene(self) -> Scene | None:
        """What this thread's last call saw; None before the first, and after one that raised."""
        return getattr(self._last, "scene", None)

    @overload
    def remove(self, image: _Array, *, out: _Out, **options: Unpack[CallOptions]) -> _Out: ...
    @overload
    def remove(self, image: _File, **options: Unpack[CallOptions]) -> Image.Image: ...
    @overload
    def remove(self, image: bytes | bytearray, **options: Unpack[CallOptions]) -> bytes: ...
    @overload
    def remove(self, image: memoryview, **options: Unpack[CallOptions]) -> bytes | NDArray[Any]: ...
    @overload
    def remove(self, image: _Array, *, out: None = None, **options: Unpack[CallOptions]) -> NDArray[Any]: ...
    def remove(
        self,
        image: reading.ImageInput,
        *,
        background: Background | None = None,
        alpha: Alpha | None = None,
        threshold: int | None = None,
        foreground: Foreground = "keep",
        on_empty: OnEmpty = "warn",
        crop: Crop = None,
        truncated: reading.Truncated = "refuse",
        max_side: int | None = None,
        format: str | None = None,
        compress: Compress = "fast",
        out: NDArray[Any] | Buffer | None = None,
        timeout: float | None = None,
        priority: Priority = "interactive",
    ) -> Any:
        """Cut the subject out. The result is of the kind that came in: a path, file or PIL image gives a PIL image, an
        array or a tensor a NumPy array (uint8 or uint16, as it came), bytes give PNG bytes, of 16 bits where a 16-bit
        PNG came in (a PIL image holds 8 bits a channel). A `memoryview` of one dimension is the bytes of a file, one
        with a shape is pixels.

        RGBA with straight alpha (colour 0 where alpha is 0) or premultiplied, by default as the recipe says (straight,
        but for "rembg"); RGB over `background` where one is given: a name, "#rrggbb" or three values 0..255, in sRGB as
        in CSS, which becomes the same colour of the picture's profile; or a picture of any kind that `image` may be,
        which covers the photo as CSS `background-size: cover` does, in the middle.
        `threshold`, 1..255, makes alpha binary. `foreground="estimate"` takes the background's colour out of soft edges
        (see `ops.estimate_foreground`). `on_empty`: where the model finds no subject, the result is transparent (or
        opaque, as its row says, and where the mask is of about one value above 0.5), with an `EmptyMaskWarning` or
        without; or `ModelOutputError` is raised and `out` stays as it is. `out`, for an array in, takes the result and
        is what is returned: an array or tensor as in `rmbg_fast.ops`, (H, W, 4), or (H, W, 3) with a background. A
        picture in the memory of the session's GPU, shown by DLPack or `__cuda_array_interface__`, gives a `DeviceArray`
        there; its `out` lies there too.

        `crop=True`, or a number of pixels as margin, trims the result to the subject's box (`Scene.box`); without a
        subject it stays whole. `truncated="accept"` takes a file whose end is missing, with an `ImageWarning`; what is
        missing is grey. A background must be whole.

        `max_side`: a picture with a longer side is scaled down to it first; the result has that size. Of a JPEG file
        no more is decoded than that takes. For bytes in, `format` is what the result's are: "png", "webp", "avif",
        "jxl", "tiff", "rgba" (four bytes a pixel), "npy", and over a background "jpeg" and "bmp"; and `compress` says
        "fast" or "small", which takes several times as long.

        `timeout`: seconds until it must be done, waiting for its turn included; later it is stopped, and raises
        `DeadlineError`. `priority`: "bulk" lets all "interactive" calls go first. Raises `ImageError`, `OptionError`,
        `ModelOutputError`, `InferenceError`, `QueueFullError` and `SessionClosedError`.
        """
        with self._ready().admitted(image, timeout, priority):
            result, scene, _ = self._cut(
                image,
                background,
                alpha,
                threshold,
                foreground,
                on_empty,
                crop,
                truncated,
                max_side,
                format,
                compress,
                out,
            )
        self._tell(scene, on_empty)
        return result

    def _cut(
        self,
        image: reading.ImageInput,
        background: Background | None = None,
        alpha: Alpha | None = None,
        threshold: int | None = None,
        foreground: Foreground = "keep",
        on_empty: OnEmpty = "warn",
        crop: Crop = None,
        truncated: reading.Truncated = "refuse",
        max_side: int | None = None,
        format: str | None = None,
        compress: Compress = "fast",
        out: NDArray[Any] | Buffer | None = None,
        as_file: bool = False,
    ) -> tuple[Any, Scene, Timings]:
        """`remove`, when it is its turn; `as_file` gives the bytes of a file whatever came in."""
        output = writing.Output(format, compress, self._threads)
        call = self._call(image, on_empty, truncated, crop, max_side, output, as_file)
        call.check_out(out)
        if out is not None and call.source.kind != "array":
            raise OptionError("`out` takes the result for an array only; this image came as something else")
        cutout, scene, timings = call.remove(Blend(background, alpha, threshold, foreground), out)
        return given(cutout, out), scene, timings

    def _turn(self, pixels: int | None, calls: set[_core.Call]) -> AbstractContextManager[None]:
        """The turn of a picture of so many pixels, as bulk work: calls that are made inside do not wait again."""
        return self._ready().held(pixels, None, "bulk", calls)

    def _ready(self) -> admission.Admission:
        """Its gate, once it is clear that there is a model behind it in this process."""
        assert self._remover
        return self._admission

    async def aremove(
        self,
        image: reading.ImageInput,
        *,
        timeout: float | None = None,
        priority: Priority = "interactive",
        **options: Unpack[CutOptions],
    ) -> Any:
        """`remove` for asyncio: the work is done on the session's own threads, as many as it has slots, and calls that
        wait need none. A call whose task is cancelled, or whose `timeout` has passed, leaves the queue or is stopped.
        Options, result and errors are those of `remove`.
        """
        on_empty = options.get("on_empty", "warn")
        self._ready()
        work = partial(self._cut, image, **options)
        result, scene, _ = await self._lanes.run(work, pixels_of(image), timeout=timeout, priority=priority)
        self._tell(scene, on_empty)
        return result

    def map(
        self,
        items: Iterable[Item],
        *,
        lanes: int | None = None,
        ahead: int | None = None,
        ordered: bool = True,
        on_error: OnError = "yield",
        **options: Unpack[CutOptions],
    ) -> Iterator[Outcome[Item, Any]]:
        """`remove` for many images, of which `lanes` (None: as many as there are slots) are worked on side by side,
        each from its bytes to its result by one thread. Gives an `Outcome` for each: `item`, and `result` or `error`.

        `items` may be any iterable, also an endless one: it is read no more than `ahead` items, by default four for
        each lane, before they are worked on, and less where their headers say that they would take more than half a
        gigabyte. `ordered=False` gives outcomes as they end. `on_error="raise"` raises the first error in place of
        giving it. The other options are `remove`'s; `format`, "png" or another, gives the bytes of a file, whatever
        kind of image came in. It is bulk work: interactive calls go first. Who stops iterating stops what is under way.
        Raises OptionError.
        """
        as_file = options.get("format") is not None
        writing.Output(options.get("format"), options.get("compress", "fast"))  # is it right?
        calls: set[_core.Call] = set()

        def work(item: Any, pixels: int | None) -> Any:
            with self._turn(pixels, calls):
                result, scene, _ = self._cut(item, **options, as_file=as_file)
            self._tell(scene, options.get("on_empty", "warn"))
            return result

        def cancel() -> None:
            for call in tuple(calls):
                call.cancel()

        count = self._ready().gate.slots if lanes is None else lanes
        return mapped(items, work, lanes=count, ahead=ahead, ordered=ordered, on_error=on_error, cancel=cancel)

    def mask(
        self,
        image: reading.ImageInput,
        *,
        dtype: DTypeLike = "uint8",
        on_empty: OnEmpty = "warn",
        crop: Crop = None,
        truncated: reading.Truncated = "refuse",
        max_side: int | None = None,
        draft: bool = False,
        out: NDArray[Any] | Buffer | None = None,
        timeout: float | None = None,
        priority: Priority = "interactive",
    ) -> NDArray[Any]:
        """The subject's alpha as an array of the image's height and width: 0..255, 0..65535 or 0..1 as `dtype`,
        uint8, uint16 or float32, says. A `DeviceArray` for a picture on the GPU.

        It is the model's own: an alpha that the image brings is not multiplied in. `draft` decodes a JPEG file no
        larger than the model needs it, which is faster and changes the mask a little. The other options are `remove`'s,
        `out` for an image of any kind. Raises as that does.
        """
        with self._ready().admitted(image, timeout, priority):
            call = self._call(image, on_empty, truncated, crop, max_side, draft=draft)
            plane, scene = call.mask(dtype_name(dtype), out)
        self._tell(scene, on_empty)
        return given(plane, out)

    @overload
    def predict(self, image: _File, **options: Unpack[CallOptions]) -> Result[Image.Image]: ...
    @overload
    def predict(self, image: bytes | bytearray, **options: Unpack[CallOptions]) -> Result[bytes]: ...
    @overload
    def predict(self, image: memoryview, **options: Unpack[CallOptions]) -> Result[bytes | NDArray[Any]]: ...
    @overload
    def predict(self, image: _Array, **options: Unpack[CallOptions]) -> Result[NDArray[Any]]: ...
    def predict(
        self,
        image: reading.ImageInput,
        *,
        background: Background | None = None,
        alpha: Alpha | None = None,
        threshold: int | None = None,
        foreground: Foreground = "keep",
        on_empty: OnEmpty = "warn",
        crop: Crop = None,
        truncated: reading.Truncated = "refuse",
        max_side: int | None = None,
        format: str | None = None,
        compress: Compress = "fast",
        timeout: float | None = None,
        priority: Priority = "interactive",
    ) -> Result[Any]:
        """The cut-out and the mask of one inference, with what the model saw and how long it took.

        The options are those of `remove`; `crop` trims both. The mask is uint8, or uint16 for a picture of 16 bits. The
        result's `scene` and `timings` are its own, whichever thread looks at them. Raises as `remove` does.
        """
        with self._ready().admitted(image, timeout, priority):
            output = writing.Output(format, compress, self._threads)
            call = self._call(image, on_empty, truncated, crop, max_side, output)
            cutout, mask, scene, timings = call.predict(Blend(background, alpha, threshold, foreground))
        self._tell(scene, on_empty)
        return Result(cutout, mask, scene, timings)

    def _call(self, *options: Any, draft: bool = False) -> Call:
        """`options` as `Call` takes them, from the image on."""
        own = (lambda: self._remover), self._last, self._details["graph"], self._threads, self._spec.alpha
        return Call(*own, *options, draft=self._spec.size if draft and not self._spec.dynamic else None)

    def _tell(self, scene: Scene, on_empty: str) -> None:
        """Warn the caller of one's caller of what is wrong with the mask: with the row only once."""
        tell(scene, on_empty, stacklevel=4)
        why = doubt(self._spec.activation, *scene.range)
        if why and self._undoubted.acquire(blocking=False):
            other = {"sigmoid": "none", "none": "sigmoid"}[self._spec.activation]
            warnings.warn(
                f'{self._spec.name}: activation = "{self._spec.activation}" looks wrong, its {why}; try '
                f'recipe={{"activation": "{other}"}}, or write it into the row',
                ActivationWarning,
                stacklevel=3,
            )


_guard = threading.Lock()  # of sessions that load again


def _made_again(arguments: dict[str, Any]) -> Session:
    return Session(**arguments)


def tell(scene: Scene | None, on_empty: str, *, stacklevel: int) -> None:
    if scene is not None and scene.empty and on_empty == "warn":
        warnings.warn(scene.empty, EmptyMaskWarning, stacklevel=stacklevel)
