"""One picture on its way through a session."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from numpy.typing import NDArray

from . import _core
from ._arguments import whole_of, word_of
from ._buffers import on_gpu, out_of
from ._choices import Alpha
from ._images import reading, writing
from ._images.arrays import Pixels, cropped
from ._images.backgrounds import Ground
from ._on_device import OnDevice
from ._options import Background, Crop, Foreground, OnEmpty
from ._scene import Scene, Timings
from .errors import OptionError


class Blend(NamedTuple):
    """How the mask makes the cut-out: options of `Session.remove`."""

    background: Background | Ground | None
    alpha: Alpha | None
    threshold: int | None
    foreground: Foreground


class Call:
    """One picture on its way through a session: decoded at the beginning, encoded at the end, timed all along."""

    def __init__(
        self,
        remover: Callable[[], _core.Remover],
        last: threading.local,
        graph: str,
        threads: int,
        alpha: Alpha,
        image: reading.ImageInput,
        on_empty: OnEmpty,
        truncated: reading.Truncated,
        crop: Crop,
        max_side: int | None = None,
        output: writing.Output | None = None,
        as_file: bool = False,
        *,
        draft: tuple[int, int] | None = None,
    ) -> None:
        self._last, self._graph, self._alpha = last, graph, alpha
        self._last.timings, self._last.scene = {}, None
        self.strict = strict_of(on_empty)
        self._margin = margin_of(crop)
        start = time.perf_counter()
        self._output = output or writing.Output()
        self.runner: Any  # takes the picture where it lies, and `out` there too
        self.out_of: Callable[[Any], Any] = out_of
        if on_gpu(image):
            self.runner = OnDevice(remover(), image, max_side)
            self.source, self.out_of = reading.Source(self.runner.pixels, "array"), self.runner.out_of
        else:
            deep = True if as_file else None
            source = reading.read(
                image, deep=deep, truncated=truncated, max_side=max_side, draft=draft, threads=threads
            )
            self.source = replace(source, kind="bytes") if as_file else source
            self.runner = remover()  # asked for only now: the session may have been closed meanwhile
        if self._output.format is not None and self.source.kind != "bytes":
            raise OptionError("`format` is that of bytes, for an image that came as bytes; this one did not")
        self._decode = (time.perf_counter() - start) * 1e3

    def mask(self, dtype: str | None = None, out: Any = None) -> tuple[Any, Scene]:
        """The mask, of this dtype or as deep as the picture, and the scene. Raises OptionError."""
        self.check_out(out)
        how = dtype or self.source.pixels.dtype.name, self.strict, self.out_of(out)
        size = {} if self.source.full is None else {"size": self.source.full}
        plane, *seen = self.runner.mask(self.source.pixels, *how, **size)
        _, scene, _ = self.end(None, *seen)
        return self.trimmed(plane, scene.box), scene

    def remove(self, blend: Blend, out: Any = None) -> tuple[Any, Scene, Timings]:
        """The cut-out, of the kind that came in, the scene and all timings. Raises OptionError."""
        how = self._as_core_takes(blend)
        return self.end(*self.runner.remove(self.source.pixels, *how, self.strict, self.out_of(out)))

    def predict(self, blend: Blend) -> tuple[Any, Any, Scene, Timings]:
        """The cut-out, the mask, the scene and all timings. Raises OptionError."""
        how = self._as_core_takes(blend)
        pixels, mask, *seen = self.runner.predict(self.source.pixels, *how, self.strict)
        cutout, scene, timings = self.end(pixels, *seen)
        return cutout, self.trimmed(mask, scene.box), scene, timings

    def _as_core_takes(
        self, blend: Blend
    ) -> tuple[str, tuple[int, int, int] | None, NDArray[Any] | None, int | None, str]:
        background, alpha, threshold, foreground = blend
        ground = None
        if background is not None:
            ground = (background if isinstance(background, Ground) else Ground(background)).under(self.source)
        if alpha is None:
            alpha = self._alpha if ground is None else "straight"
        limit = None if threshold is None else whole_of(threshold, "threshold")
        colour, picture = (ground, None) if isinstance(ground, tuple) else (None, ground)
        return word_of(alpha, "alpha"), colour, picture, limit, word_of(foreground, "foreground")

    def end(self, pixels: Pixels | None, stages: dict[str, float], seen: dict[str, Any]) -> tuple[Any, Scene, Timings]:
        """The result of the kind that came in, for a cut-out; the scene; and all timings."""
        timings = {"decode": self._decode, **stages}
        start = time.perf_counter()
        result = None
        least, largest = seen["range"]
        if not least <= largest:  # none is finite: damaged weights, most likely
            seen["empty"] += f"; the model is {self._graph}"
        scene = Scene(**seen)
        if pixels is not None:
            self.source = replace(self.source, pixels=pixels)  # the photo's memory may go
            result = writing.finish(self.source, self.trimmed(pixels, scene.box), self._output)
            timings["encode"] = (time.perf_counter() - start) * 1e3
        self._last.scene, self._last.timings = scene, timings
        return result, scene, dict(timings)

    def check_out(self, out: object) -> None:
        """Raises OptionError."""
        if out is not None and self._margin is not None:
            raise OptionError("`out` takes whole results: it does not go with crop")

    def trimmed(self, pixels: Any, box: tuple[int, int, int, int] | None) -> Any:
        """What `crop` leaves."""
        return pixels if self._margin is None or box is None else cropped(pixels, box, self._margin)


def strict_of(on_empty: str) -> bool:
    if on_empty not in ("warn", "raise", "ignore"):
        raise OptionError(f"on_empty must be one of 'warn', 'raise', 'ignore', not {on_empty!r}")
    return on_empty == "raise"


def margin_of(crop: Crop) -> int | None:
    if crop is None or crop is False:
        return None
    margin = 0 if crop is True else whole_of(crop, "crop")
    if margin < 0:
        raise OptionError(f"crop must be True or a margin of at least 0 pixels, not {crop}")
    return margin
