"""A model's graph made ready once, and kept in the cache folder: see PASSES in passes.py.

A prepared model is `<key>.onnx`, with the weights of our own convolutions, where it has such, in `<key>.weights`, which
the runtime maps into memory: processes share it. `<key>.json` is written last: without it, or where it does not
describe what lies there, the model is made anew.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._storage import digests, folders, locks, writing
from ..errors import ModelError
from . import onnx_graph, regions
from .network_plan import VERSION as PLAN_VERSION
from .passes import LIMIT, NOTE, PASSES, keep_output
from .request import Request

if TYPE_CHECKING:
    from onnx import ModelProto

PREPARE_VERSION = 2
"""Raise it whenever a pass changes what it makes: it is a part of the cached file's name."""


@dataclass(frozen=True)
class PassResult:
    """What a pass left: its name, the nodes and bytes of the graph after it, and why it was skipped, if it was."""

    name: str
    nodes: int
    bytes: int
    skipped: str = ""


Watch = Callable[[PassResult, "ModelProto"], None]


def prepare(
    source: Path, *, output: str | int, widen: bool = True, network: bool = False, narrow: bool = False
) -> Path:
    """The graph of `source` made ready: `output` is its only output, with `widen` its float16 is float32, and with
    `network` our own convolutions run what they are faster at; with `narrow` its float32 is float16, where a GPU gains
    by that (see narrow.py).

    The result is made once and kept in the cache folder as `prepared/<key>.onnx`; the key holds the original's sha256
    and what was asked for, so that it is found wherever the original lies and whatever it is called. It has the one
    output, so that its index is 0, and masks that differ by less than 1/255. The original is never changed. It is
    returned itself where nothing safe can be done: a graph of 2 GB or more, with weights in other files, or one that
    onnx's checker does not accept to begin with.
    Raises ModelError: not a readable ONNX file, no such output, or nowhere to write.
    """
    source = Path(source)
    request = Request(output, widen, network, narrow)
    try:
        if source.stat().st_size >= LIMIT:
            return source
        key = _key(digests.sha256(source), request)
    except OSError as exc:
        raise ModelError(f"{source}: cannot be read: {exc.strerror or exc}") from exc
    target = folders.home() / "prepared" / f"{key}.onnx"
    if _is_ready(target):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locks.locked(target):
            if not _is_ready(target) and not _make(source, request, target):
                return source
            return target
    except OSError as exc:
        raise _unwritten(target, exc) from exc


def discard(ready: Path) -> None:
    """Forget a prepared model, so that the next `prepare` makes it anew."""
    _manifest(ready).unlink(missing_ok=True)


def details(ready: Path) -> dict[str, Any]:
    """What was done to a prepared model: `convolutions`, a dict of the names `replaced` (by ours) and `left`.

    Empty where another process has just discarded it.
    """
    try:
        return {"convolutions": _manifest_of(ready)["convolutions"]}
    except FileNotFoundError:
        return {}


def run(source: Path, request: Request, watch: Watch | None = None) -> tuple[ModelProto | None, list[PassResult]]:
    """The graph of `source` after PASSES, and a PassResult for the original and for each pass.

    A pass that fails, or whose graph the checker refuses, is skipped and its step says why. The model is None where
    the original is to be left as it is (see `prepare`). `watch` is called after each pass with its step and the model,
    which it must not change; after a failure all passes are run, and watched, once more from the start.
    Raises ModelError: unreadable, no such output.
    """
    skipped: dict[str, str] = {}
    while True:  # from the start again after a failure: rare, and no copy of the weights is held meanwhile
        model = _load(source)
        reason, full = _untouchable(model)
        reason = reason or skipped.get(keep_output.__name__, "")  # else an index would mean two things
        steps = [PassResult("original", len(model.graph.node), model.ByteSize(), reason)]
        if reason:
            return None, steps
        for step in PASSES:
            if step.__name__ not in skipped:
                try:
                    step(model, request)
                    onnx_graph.check(model, full=full)
                except (ModelError, MemoryError):
                    raise
                except Exception as exc:
                    skipped[step.__name__] = str(exc) or type(exc).__name__
                    break
            note = skipped.get(step.__name__, "")
            steps.append(PassResult(step.__name__, len(model.graph.node), model.ByteSize(), note))
            if watch is not None:
                watch(steps[-1], model)
        else:
            return model, steps


def _make(source: Path, request: Request, target: Path) -> bool:
    model, steps = run(source, request)
    if model is None:
        return False
    for step in steps:
        if step.skipped:
            warnings.warn(f"{source}: {step.name} was left out: {step.skipped}", RuntimeWarning, stacklevel=4)
    files = [target]
    weights = _take_weights(model, target.with_suffix(".weights"))
    if weights is not None:
        files.append(target.with_suffix(".weights"))
        writing.replace(files[1], weights)
    writing.replace(target, model.SerializeToString())
    noted = {entry.key: entry.value for entry in model.metadata_props}
    convolutions = json.loads(noted.get(NOTE, '{"replaced": [], "left": []}'))
    state = {"files": {file.name: _state(file) for file in files}, "convolutions": convolutions}
    writing.replace(_manifest(target), json.dumps(state).encode("utf-8"))
    return True


def _take_weights(model: ModelProto, target: Path) -> bytes | None:
    """The weights of our convolutions, which the model then only refers to."""
    from onnx.external_data_helper import set_external_data

    for tensor in model.graph.initializer:
        if tensor.name == regions.WEIGHTS:
            content: bytes = tensor.raw_data
            set_external_data(tensor, location=target.name, offset=0, length=len(content))
            tensor.ClearField("raw_data")
            return content
    return None


# --- which files they are ---


def _manifest(ready: Path) -> Path:
    return ready.with_suffix(".json")


def _manifest_of(ready: Path) -> dict[str, Any]:
    """Raises OSError, ValueError, TypeError, KeyError or AttributeError where it is not what `_make` writes."""
    manifest = json.loads(_manifest(ready).read_text(encoding="utf-8"))
    known = manifest["convolutions"]
    for name in [*known["replaced"], *known["left"]]:
        name.encode()
    return {"files": dict(manifest["files"]), "convolutions": known}


def _is_ready(ready: Path) -> bool:
    """Does all that belongs to a prepared model lie there as it was written?"""
    try:
        files = _manifest_of(ready)["files"]
        return bool(files) and all(_is_as_written(ready.with_name(name), state) for name, state in files.items())
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return False


def _is_as_written(file: Path, state: dict[str, Any]) -> bool:
    status = file.stat()
    if status.st_size != state["size"]:
        return False
    return (
        digests.same_time(status.st_mtime_ns, state["mtime_ns"]) or digests.of(file) == state["sha256"]
    )  # copied, or changed


def _state(file: Path) -> dict[str, Any]:
    status = file.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": digests.of(file)}


def _key(sha256: str, request: Request) -> str:
    return hashlib.sha256(repr((PREPARE_VERSION, PLAN_VERSION, sha256, request)).encode()).hexdigest()[:12]


def _unwritten(target: Path, exc: OSError) -> ModelError:
    return ModelError(
        f"{target}: the prepared model cannot be written: {exc.strerror or exc}; free space there or point "
        f"RMBG_FAST_HOME to a folder that can be written"
    )


# --- reading the original ---


def _load(source: Path) -> ModelProto:
    import onnx

    try:
        model = onnx.load(source, load_external_data=False)
    except Exception as exc:  # protobuf's own error, or the file system's
        raise ModelError(f"{source}: cannot be read as an ONNX model: {exc}") from exc
    if not model.graph.output or not model.graph.node:
        raise ModelError(f"{source}: is no ONNX model (it has no nodes or no output)")
    for graph in onnx_graph.graphs(model):
        del graph.value_info[:]  # hints only, which converters leave stale
    onnx_graph.sort(model.graph)
    return model


def _untouchable(model: ModelProto) -> tuple[str, bool]:
    """Why the model must stay as it is, or "", and whether it stands up to the checker's full test (with inference)."""
    from onnx import TensorProto

    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in onnx_graph.tensors(model)):
        return "its weights lie in other files", False
    for full in (True, False):
        try:
            onnx_graph.check(model, full=full)
            return "", full
        except Exception as exc:
            refusal = str(exc)
    return f"onnx's checker does not accept it: {refusal}", False
