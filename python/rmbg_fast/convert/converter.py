"""The converter: a torch model becomes an ONNX file that says itself how it wants to be fed.

The file is written only when ONNX Runtime gives torch's mask of a photo.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import models, ops
from .._images import reading
from .._images.arrays import Pixels
from .._storage import writing as storage
from ..errors import ModelError, OptionError
from ..models import metadata, onnx_file
from .sources import Say, TorchModel, load, megabytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPSET = 17
OPSETS = range(14, 21)  # what the exporter writes and the networks need
TOLERANCE = 1e-3


_BIREFNETS = {"": 1024, "_lite": 1024, "-portrait": 1024, "-matting": 1024, "_dynamic": 1024, "_512x512": 512,
              "_HR": 2048, "_HR-matting": 2048}  # fmt: skip

KNOWN: dict[str, dict[str, Any]] = {
    "briaai/RMBG-1.4": {"like": "rmbg-1.4"},
    "briaai/RMBG-2.0": {"like": "rmbg-2.0"},
} | {
    f"ZhengPeng7/BiRefNet{variant}": {
        "like": "birefnet-general",
        "size": [side, side],
        "title": f"BiRefNet{variant}".replace("_", " "),
        "homepage": f"https://huggingface.co/ZhengPeng7/BiRefNet{variant}",
    }
    for variant, side in _BIREFNETS.items()
}
"""The rows of known Hugging Face ids, over those of the models that they are like."""


@dataclass(frozen=True)
class Report:
    """What came of it: the file, its size in bytes, the row in it, and the largest and the mean difference, over a
    photo's mask of 0..1, between torch and ONNX Runtime."""

    path: Path
    bytes: int
    row: dict[str, Any]
    largest: float
    mean: float


def convert(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    like: str | None = None,
    row: Mapping[str, Any] | None = None,
    opset: int = OPSET,
    dynamic_batch: bool = True,
    trust_remote_code: bool = False,
    photo: reading.ImageInput | None = None,
    tolerance: float = TOLERANCE,
    say: Say = print,
) -> Report:
    """Convert a torch model to the ONNX file `output`, which `Session(output)` then takes as it is.

    `source`: a Hugging Face id, a folder in that layout, or the state dict of IS-Net or RMBG-1.4 (see sources.py).
    `like`: the model of `models.names()` whose recipe and licence this one has; known ids have theirs. `row`: keys of
    models.toml over that (size, activation, license, ...). `opset`: 14 to 20. `dynamic_batch`: any number of images at
    once, else one; height and width are the row's size. `trust_remote_code`: lets the code that comes with a model be
    executed. `photo` is what the two are compared on (default: scikit-image's cat, or else a made picture); a mask that
    differs by more than `tolerance` (of 0..1) at any pixel is refused. `say` is given the lines of progress.

    An existing `output` is replaced only when all is well. Raises OptionError, ModelError, ModelDownloadError,
    OutputError, ImageError, and RmbgError where a package of the extra `convert` is missing.
    """
    from .._runtime import library

    try:
        source, target = os.fspath(source), Path(output)
    except TypeError as exc:
        raise OptionError(f"the model to convert and the file to write are names: {exc}") from exc
    _check_options(source, target, opset, tolerance)
    library.find()  # said now rather than after minutes of work
    if row is not None and not isinstance(row, Mapping):
        raise OptionError(f"row must be a mapping of keys of models.toml, not {row!r}")
    overrides = {**KNOWN.get(source, {}), **({"like": like} if like is not None else {}), **(row or {})}
    full = _row(overrides, source)  # here and with the photo: what is wrong is found before the download
    height, width = full["size"]
    tensor = ops.preprocess(
        _photo(photo, say), size=(height, width), mean=full["mean"], std=full["std"], threads=os.cpu_count() or 1
    )
    model = load(source, trust_remote_code=trust_remote_code, say=say)
    if "activation" not in overrides:
        full["activation"] = "sigmoid" if model.logits else "none"
    say(f"licence: {full['license'] or 'unknown'}" + ("" if full["commercial"] else ", which forbids commercial use"))

    from . import export

    count = sum(parameter.numel() for parameter in model.network.parameters())
    say(f"{model.name}: {count / 1e6:.1f} million parameters; torch runs it at {height} x {width}")
    raw = export.run(model, tensor)
    _check_activation(raw, full["activation"], model, asked="activation" in overrides)
    made = export.export(model, (height, width), opset=opset, dynamic_batch=dynamic_batch)
    metadata.write(made, full)
    nodes = len(made.graph.node)
    content = made.SerializeToString()
    say(f"exported: opset {opset}, {nodes} nodes, {megabytes(len(content))}; now ONNX Runtime")
    del model, made  # up to a gigabyte each
    session, sigmoid = library.python_session(content), full["activation"] == "sigmoid"
    largest, mean = _difference(session, tensor, raw, sigmoid)
    say(
        f"torch and ONNX Runtime differ by {largest:.2g} at most and {mean:.2g} on average, of a mask of 0..1 "
        f"({largest * 255:.2g} and {mean * 255:.2g} grey levels)"
    )
    if not largest <= tolerance:  # NaN too
        raise ModelError(f"{source}: the two masks differ by more than {tolerance:g}: {target} is not written")
    if dynamic_batch:
        _check_pair(session, tensor, raw, sigmoid, tolerance, source)
    storage.write(target, content, to_the_disk=True)
    if target.with_suffix(".toml").exists():
        say(f"note: {target.with_suffix('.toml')} lies beside it and goes before the row inside")
    say(f"{target}: {megabytes(len(content))}")
    return Report(target, len(content), full, largest, mean)


def _check_options(source: str, target: Path, opset: int, tolerance: float) -> None:
    if not source:
        raise OptionError("the name of the model to convert is empty")
    onnx_file.check_target(target, [])
    if not isinstance(opset, int) or opset not in OPSETS:
        raise OptionError(f"opset must be {OPSETS[0]} to {OPSETS[-1]}, not {opset!r}")
    if not isinstance(tolerance, float | int) or not 0 < tolerance < 1:
        raise OptionError(f"the tolerance is a difference of masks of 0..1, not {tolerance!r}")


def _row(overrides: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The row to write: every key of a recipe in full, so that it does not change with the next version."""
    like = overrides.get("like")
    if like not in models.names():
        raise OptionError(
            f"{source}: which recipe and licence do these weights have? Give --like one of {', '.join(models.names())}"
            + (f", not {like!r}" if like is not None else "")
        )
    same = models.get(KNOWN.get(source, overrides)["like"])  # another recipe gives a known model no other licence
    about = {key: getattr(same, key) for key in ("title", "license", "commercial", "homepage")}
    names = {"input": "input", "output": "output", "dynamic": 0}  # the graph that is made has one size
    spec = models.from_row("row", {**about, **overrides, **names}, where=source)
    return spec.row()


def _check_activation(raw: NDArray[Any], activation: str, model: TorchModel, *, asked: bool) -> None:
    """Does the mask look as the row says? What a model's output means is never guessed from it."""
    low, high = float(raw.min()), float(raw.max())
    if not np.isfinite((low, high)).all():
        raise ModelError(f"{model.name}: torch's mask of the photo has values that are no numbers")
    inside = -1e-6 <= low <= high <= 1 + 1e-6
    if activation == "none" and not inside:
        raise ModelError(
            f"{model.name}: its mask of the photo reaches from {low:.3g} to {high:.3g}, where 0..1 is expected: these "
            f'seem to be logits, whose row has activation = "sigmoid"'
        )
    if activation == "sigmoid" and inside and not asked:
        raise ModelError(
            f"{model.name}: its mask of the photo reaches from {low:.3g} to {high:.3g}, which looks as if the sigmoid "
            f'were inside: set activation to "none" or, where these are logits, to "sigmoid"'
        )


def _photo(photo: reading.ImageInput | None, say: Say) -> Pixels:
    if photo is not None:
        return reading.read(photo).pixels
    from .._images import sample

    pixels, real = sample.picture()
    if not real:
        say("scikit-image is not installed: the comparison is on a made picture; better give a photo of your own")
    return pixels


def _difference(session: Any, tensor: NDArray[Any], raw: NDArray[Any], sigmoid: bool) -> tuple[float, float]:
    """The largest and the mean difference of ONNX Runtime's mask of the first image to torch's."""
    try:
        (masks,) = session.run(None, {"input": tensor})
    except Exception as exc:  # ONNX Runtime's own
        raise ModelError(f"ONNX Runtime cannot run the exported graph: {exc}") from exc
    difference = np.abs(_mask(masks[:1], sigmoid) - _mask(raw, sigmoid))
    return float(difference.max()), float(difference.mean())


def _check_pair(
    session: Any, tensor: NDArray[Any], raw: NDArray[Any], sigmoid: bool, tolerance: float, source: str
) -> None:
    """Tracing makes a number of a batch that the model's code counts: does the graph take two images at once?"""
    refusal: Exception | None = None
    try:
        largest, _ = _difference(session, np.concatenate((tensor, tensor[..., ::-1])), raw, sigmoid)
    except ModelError as exc:
        largest, refusal = np.inf, exc
    if not largest <= tolerance:
        raise ModelError(
            f"{source}: the exported graph is right for one image, but not for two at once: make it for one with "
            f"--fixed-batch (in Python: dynamic_batch=False)"
        ) from refusal


def _mask(raw: NDArray[Any], sigmoid: bool) -> NDArray[np.float64]:
    values = raw.astype(np.float64)
    return 0.5 + 0.5 * np.tanh(values / 2) if sigmoid else values  # the sigmoid, without overflow
