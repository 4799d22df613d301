"""From a model's file to the graph that is loaded: prepared, and, where a file was damaged, made or fetched anew."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from .. import models
from ..errors import ChecksumError, ModelFileError
from ..models import ModelSpec
from . import prepare, prepared

T = TypeVar("T")
_made_anew: set[Path] = set()


def load(
    source: Path,
    spec: ModelSpec,
    make: Callable[[Path, bool], T],
    *,
    widen: bool,
    network: bool = False,
    narrow: bool = False,
) -> T:
    """What `make` makes of the graph of `source`, made ready for what is asked: its path, and whether it was prepared.

    A source that is not what its row says is fetched anew. A prepared graph that the runtime refuses is made anew, once
    in a process: what is wrong then would be wrong again. Raises what `make` raises, ModelError (see `prepare`) and
    OutOfMemoryError.
    """
    ready = partial(prepare.prepare, output=spec.output, widen=widen, network=network, narrow=narrow)
    file = models.file_of(spec, source)
    try:
        graph = ready(source, digest=file.digest if file else "")
    except ChecksumError:
        source = models.renew(spec, source)
        graph = ready(source)
    try:
        return make(graph, graph != source)
    except ModelFileError as exc:
        if graph == source or graph in _made_anew:
            raise
        warnings.warn(f"{exc}; it is made anew", RuntimeWarning, stacklevel=5)
    _made_anew.add(graph)
    prepared.discard(graph)
    graph = ready(source)
    return make(graph, graph != source)
