"""A model's graph made ready once, and kept in the cache folder: see PASSES in passes.py, and prepared.py for files."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from .._runtime import library, terminal
from .._storage import digests, folders, locks
from ..errors import ChecksumError, ModelError, OutOfMemoryError
from . import deferred, memory, onnx_graph, prepared
from .network_plan import VERSION as PLAN_VERSION
from .passes import LIMIT, NOTE, PASSES, keep_output
from .request import Request

if TYPE_CHECKING:
    from onnx import ModelProto

FOLDER = "prepared"
PREPARE_VERSION = 10
"""Raise it whenever a pass changes what it makes: it is a part of the cached file's name."""
VERSION = f"{PREPARE_VERSION}.{PLAN_VERSION}"
"""Of the files that are made and looked for; those of another one are leftovers."""


@dataclass(frozen=True)
class PassResult:
    """What a pass left: its name, the nodes of the graph after it, and why it was skipped, if it was."""

    name: str
    nodes: int
    skipped: str = ""


Watch = Callable[[PassResult, "ModelProto"], None]


def prepare(
    source: Path,
    *,
    output: str | int,
    widen: bool = True,
    network: bool = False,
    narrow: bool = False,
    digest: str = "",
) -> Path:
    """The graph of `source` made ready: `output` is its only output, with `widen` its float16 is float32, and with
    `network` our own convolutions run what they are faster at; with `narrow` its float32 is float16, where a GPU gains
    by that (see narrow.py); with either, spelled out deformable convolutions are recovered where the runtime has them.

    The result is made once and kept in the cache folder as `prepared/<key>.onnx`; the key holds the original's sha256
    and what was asked for, so that it is found wherever the original lies and whatever it is called. It has the one
    output, so that its index is 0, and masks that differ by less than 1/255. The original is never changed, and read
    one weight at a time. It is returned itself where nothing safe can be done: a graph of 2 GB or more, with weights in
    other files, or one that onnx's checker does not accept to begin with. Where the cache folder cannot be written, a
    temporary folder takes the result, or else the original is returned, with one warning a process; without `network`
    nothing has to be written, and nothing is said. `digest`, "sha256:..." or "md5:...", is what the original is to
    have; it is compared when the graph is made.
    Raises ModelError: not a readable ONNX file, or no such output; ChecksumError: it has another digest;
    OutOfMemoryError.
    """
    try:
        deformable = (network or narrow) and library.has_deform_conv()
        return _prepared(Path(source), Request(output, widen, network, narrow, deformable), digest)
    except Exception as exc:
        if memory.is_lacking(exc):
            raise OutOfMemoryError(f"{source}: there is too little memory to prepare this model") from exc
        raise


def _prepared(source: Path, request: Request, digest: str) -> Path:
    algorithm, _, wanted = digest.partition(":")
    try:
        if source.stat().st_size >= LIMIT:
            return source
        known = wanted if algorithm == "sha256" else digests.remembered(source)
        found = _found(_key(known, request)) if known else None
        if found is not None:
            return found
        read = digests.sha256(source, fresh=True)  # whatever is remembered: the graph is made from what lies there
        found = _found(_key(read, request)) if algorithm != "sha256" and read != known else None
        if found is not None:
            return found
        compared = read if algorithm in ("", "sha256") else digests.of(source, algorithm)
    except OSError as exc:
        if memory.is_lacking(exc):
            raise
        raise ModelError(f"{source}: cannot be read: {exc.strerror or exc}") from exc
    if wanted and wanted != compared:
        raise ChecksumError(f"{source}: is damaged: its {algorithm} is {compared} and not {wanted}")
    return _made(source, read, request)


def _found(key: str) -> Path | None:
    for folder in folders.places(FOLDER):
        ready = folder / f"{key}.onnx"
        if prepared.is_ready(ready):
            return ready
    return None


def _made(source: Path, digest: str, request: Request) -> Path:
    """The prepared model in the first folder that takes it; the source where it is left as it is, or none does."""
    name = f"{_key(digest, request)}.onnx"
    refused = ""
    for folder in islice(folders.places(FOLDER, make=True), None if request.network else 1):
        target = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with locks.locked(target):
                if not prepared.is_ready(target) and not _make(source, digest, request, target):
                    return source
        except OSError as exc:
            if memory.is_lacking(exc):
                raise
            refused = refused or f"{exc.filename or target}: {exc.strerror or exc}"
            continue
        if refused:
            _warn_once(f"the prepared model lies in {folder}, which may not last: {refused}{_HINT}")
        return target
    if request.network:
        _warn_once(f"{source}: runs as it is, and slower: there is no room to prepare it in: {refused}{_HINT}")
    return source


_HINT = "; free space there or point RMBG_FAST_HOME to a folder that can be written"
_warned: set[str] = set()


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, RuntimeWarning, stacklevel=8)  # whoever made the session


def _key(sha256: str, request: Request) -> str:
    return hashlib.sha256(repr((PREPARE_VERSION, PLAN_VERSION, sha256, request)).encode()).hexdigest()[:24]


def run(source: Path, request: Request, watch: Watch | None = None) -> tuple[ModelProto | None, list[PassResult]]:
    """The graph of `source` after PASSES, and a PassResult for the original and for each pass.

    A pass that fails, or whose graph the checker refuses, is skipped and its step says why. The model is None where
    the original is to be left as it is (see `prepare`). `watch` is called after each pass with its step and the model,
    which it must not change; after a failure all passes are run, and watched, once more from the start.
    Raises ModelError: unreadable, no such output.
    """
    with deferred.scope():
        model, steps = _passed(source, request, watch)
        if model is not None:
            deferred.embed(model.graph)
    return model, steps


def _passed(
    source: Path, request: Request, watch: Watch | None, passed: Callable[[], object] = lambda: None
) -> tuple[ModelProto | None, list[PassResult]]:
    """`run`, with the large weights of the result deferred; `passed` is called when the model is read, and after each
    pass."""
    skipped: dict[str, str] = {}
    while True:  # from the start again after a failure: rare, and no copy of the weights is held meanwhile
        model = _load(source)
        reason, full = _untouchable(model)
        reason = reason or skipped.get(keep_output.__name__, "")  # else an index would mean two things
        steps = [PassResult("original", len(model.graph.node), reason)]
        if reason:
            return None, steps
        passed()
        checked = model.SerializeToString()
        for step in PASSES:
            if step.__name__ not in skipped:
                try:
                    step(model, request)
                    made = model.SerializeToString()
                    if made != checked:
                        onnx_graph.check(model, full=full)
                    checked = made
                except ModelError:
                    raise
                except Exception as exc:
                    if memory.is_lacking(exc):
                        raise
                    skipped[step.__name__] = str(exc) or type(exc).__name__
                    break
            note = skipped.get(step.__name__, "")
            steps.append(PassResult(step.__name__, len(model.graph.node), note))
            passed()
            if watch is not None:
                watch(steps[-1], _whole(model))
        else:
            return model, steps


def _whole(model: ModelProto) -> ModelProto:
    from onnx import ModelProto

    whole = ModelProto()
    whole.CopyFrom(model)
    deferred.embed(whole.graph)
    return whole


def _make(source: Path, digest: str, request: Request, target: Path) -> bool:
    """Write the prepared model; False where the original is to be left as it is."""
    with deferred.scope(), _shown(source) as passed:
        model, steps = _passed(source, request, None, passed)
        if model is None:
            return False
        for step in steps:
            if step.skipped:
                warnings.warn(f"{source}: {step.name} was left out: {step.skipped}", RuntimeWarning, stacklevel=4)
        noted = {entry.key: entry.value for entry in model.metadata_props}
        convolutions = json.loads(noted.get(NOTE, '{"replaced": [], "left": []}'))
        prepared.write(target, model, {"source": digest, "version": VERSION, "convolutions": convolutions})
    return True


@contextmanager
def _shown(source: Path) -> Iterator[Callable[[], object]]:
    """What to call after each step: on a terminal a bar, once that takes more than a second."""
    bar = terminal.bar(total=1 + len(PASSES), desc=f"preparing {source.name}", delay=1, unit="step", leave=False)
    if bar is None:
        yield lambda: None
    else:
        with bar:
            yield bar.update


# --- reading the original ---


_LIBRARIES = 48 << 20  # bytes that onnx and protobuf take, and the passes beside the graph


def _load(source: Path) -> ModelProto:
    memory.need(_LIBRARIES)
    try:
        model = deferred.load(source)
    except Exception as exc:  # protobuf's own error, or the file system's
        if memory.is_lacking(exc):
            raise
        raise ModelError(f"{source}: cannot be read as an ONNX model: {exc}") from exc
    if not model.graph.output or not model.graph.node:
        raise ModelError(f"{source}: is no ONNX model (it has no nodes or no output)")
    # What is not deferred exists several times: in a pass, for the checker, and as what is written.
    large = [deferred.nbytes(tensor) for tensor in model.graph.initializer if deferred.is_deferred(tensor)]
    memory.need(8 * model.ByteSize() + 4 * max(large, default=0))
    for graph in onnx_graph.graphs(model):
        del graph.value_info[:]  # hints only, which converters leave stale
    onnx_graph.sort(model.graph)
    return model


def _untouchable(model: ModelProto) -> tuple[str, bool]:
    """Why the model must stay as it is, or "", and whether it stands up to the checker's full test (with inference)."""
    from onnx import TensorProto

    outside = [tensor for tensor in onnx_graph.tensors(model) if tensor.data_location == TensorProto.EXTERNAL]
    if not all(map(deferred.is_deferred, outside)):
        return "its weights lie in other files", False
    for full in (True, False):
        try:
            onnx_graph.check(model, full=full)
            return "", full
        except Exception as exc:
            if memory.is_lacking(exc):
                raise
            refusal = str(exc)
    return f"onnx's checker does not accept it: {refusal}", False
