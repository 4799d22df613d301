"""Calls of a session on a GPU, alone and from several threads, wherever their pictures lie."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from timing import calls_per_second, repeated

from rmbg_fast import Session

SIZES = {"1080p": (1080, 1920), "12 MP": (3000, 4000)}


def median_call(gpu: Session, image: Any, out: Any, seconds: float) -> tuple[float, dict[str, float]]:
    """Milliseconds of a call, and of its stages."""

    def call() -> dict[str, float]:
        gpu.remove(image, out=out, on_empty="ignore")
        return gpu.timings

    ms, stages = repeated(call, seconds)
    keys = ("preprocess", "inference", "postprocess")
    return ms, {key: float(np.median([stage[key] for stage in stages])) for key in keys}


def throughput(gpu: Session, image: Any, outs: Sequence[Any], seconds: float) -> float:
    """Images a second, with a thread for each of `outs`."""
    return calls_per_second([partial(gpu.remove, image, out=out, on_empty="ignore") for out in outs], seconds)
