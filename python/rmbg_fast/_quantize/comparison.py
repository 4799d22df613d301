"""A model against the one that it replaces: masks, sizes and times, and what they say in plain sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._runtime import library
from .._storage import folders
from ..models import ModelSpec

if TYPE_CHECKING:
    from onnx import ModelProto

    from ..session import Session

Mask = NDArray[np.float32]
Run = Callable[[Any], tuple[Mask, float]]
"""From an image's pixels to its mask, float32 (H, W) in 0..1, and the milliseconds of the network."""


@dataclass(frozen=True)
class Difference:
    """Two masks: mean and largest absolute difference in grey levels (255 = opaque), and the intersection over union
    of what is at least half opaque (1 where neither has such a pixel)."""

    mean: float
    largest: float
    iou: float


def difference(mask: Mask, reference: Mask) -> Difference:
    """Of two float32 masks of one shape, values 0..1."""
    apart = np.abs(mask.astype(np.float64) - reference) * 255
    ours, theirs = mask >= 0.5, reference >= 0.5
    union = int(np.count_nonzero(ours | theirs))
    return Difference(
        float(apart.mean()), float(apart.max()), np.count_nonzero(ours & theirs) / union if union else 1.0
    )


def run_file(path: Path, spec: ModelSpec, *, threads: int, output: str | int = 0, device: str = "cpu") -> Run:
    """The file as it is, through the path that a Session uses. Raises ModelError."""
    library.load()
    remover = _core.Remover(folders.native(path), spec.core_recipe(), device, 0, threads, spec.input, output)

    def run(pixels: Any) -> tuple[Mask, float]:
        mask, timings, _ = remover.mask(pixels, "float32", False, None)
        return mask, timings["inference"]

    return run


def run_session(session: Session) -> Run:
    def run(pixels: Any) -> tuple[Mask, float]:
        return session.mask(pixels, dtype="float32", on_empty="ignore"), session.timings["inference"]

    return run


def times(runs: Mapping[str, Run], pixels: Any, *, rounds: int = 5) -> dict[str, float]:
    """Milliseconds of each network: medians of `rounds` runs in turn, so that all meet the same load; the first warms
    up."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            _, milliseconds = run(pixels)
            if turn:
                taken[name].append(milliseconds)
    return {name: float(np.median(values)) for name, values in taken.items()}


def verdict(name: str, own: float, replaced: Mapping[str, float]) -> list[str]:
    """Sentences on how `name`, which takes `own` milliseconds, stands to what it replaces."""
    lines = []
    for other, milliseconds in replaced.items():
        if own <= milliseconds:
            lines.append(f"{name} is {milliseconds / own:.2f} times as fast here as {other}.")
        else:
            lines.append(
                f"{name} is SLOWER here than {other}, which it replaces: it takes {own / milliseconds:.2f} times as "
                "long. On this machine keep the original."
            )
    return lines


class Trial:
    """Masks of models that are not files yet: each is written into `folder`, one after the other."""

    def __init__(self, folder: Path, spec: ModelSpec, threads: int) -> None:
        self._path = folder / "trial.onnx"
        self._spec = replace(spec, name="trial", files=(), path=self._path, output=0)
        self._threads = threads

    def run(self, model: ModelProto) -> Run:
        self._path.write_bytes(model.SerializeToString())
        return run_file(self._path, self._spec, threads=self._threads)

    def masks(self, model: ModelProto, images: Sequence[Any]) -> Iterator[Mask]:
        run = self.run(model)
        for pixels in images:
            yield run(pixels)[0]
