"""A model as one file for the page: what its network is, the weights, and the recipe (web/module/model.js reads it).

    8 bytes      "RMBGFAST"
    4, 4         the version of the format, the bytes of the header; little-endian, as all that follows
    header       a JSON object, with spaces behind it up to a multiple of 64 bytes in all
    plan         `plan` int64 numbers (see _graphs/network_plan.py)
    weights      `weights` float32 numbers, in `parts` of [bytes of a number, count]: those of 2 bytes are float16

The header also has `name`, `title`, `license`, `commercial` and `homepage` of the model's row; `recipe`, the name of
its own, and `recipes`, by name the numbers of each (see `recipe_numbers`); and `sha256`, of all that follows it.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from .. import _choices, models
from .._graphs import prepare, regions
from .._graphs.request import Request
from .._storage import writing
from ..errors import ModelError, OutputError
from ..models import ModelSpec, recipes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

    Floats = NDArray[np.float32]

MAGIC = b"RMBGFAST"
VERSION = 1
SUFFIX = ".rmbg"
_ALIGNED = 64
_PART = 1 << 16  # numbers that are float16 or float32 together
_GUIDE = "browser-guide"


def write(spec: ModelSpec, target: Path) -> dict[str, Any]:
    """Write the file of a model, which is fetched where it is not here, and give its header.

    Raises ModelError where our network is not the whole graph, OutputError.
    """
    pieces = _pieces(models.ensure(spec), spec)
    header = next(pieces)
    try:
        with writing.replaced(target) as stream:
            stream.write(header)
            stream.writelines(pieces)
    except OSError as exc:
        raise OutputError(f"{target}: cannot be written: {exc.strerror or exc}") from exc
    return dict(json.loads(header[len(MAGIC) + 8 :]))


def _pieces(source: Path, spec: ModelSpec) -> Iterator[bytes]:
    """The header, then all that follows it."""
    plan, weights, sigmoid = _network(source, spec)
    parts = list(_parts(weights))
    body = [struct.pack(f"<{len(plan)}q", *plan), *(part.tobytes() for part in parts)]
    digest = hashlib.sha256()
    for block in body:
        digest.update(block)
    spec = replace(spec, activation="sigmoid") if sigmoid else spec
    own = spec.recipe or spec.name
    header = {
        **{key: getattr(spec, key) for key in ("name", "title", "license", "commercial", "homepage")},
        "recipe": own,
        "recipes": {own: recipe_numbers(spec), _GUIDE: recipe_numbers(replace(spec, **recipes.changes(_GUIDE)))},
        "plan": len(plan),
        "weights": weights.size,
        "parts": _counts(parts),
        "sha256": digest.hexdigest(),
    }
    text = json.dumps(header).encode("ascii")
    text += b" " * (-(len(MAGIC) + 8 + len(text)) % _ALIGNED)
    yield MAGIC + struct.pack("<II", VERSION, len(text)) + text
    yield from body


def recipe_numbers(spec: ModelSpec) -> list[float]:
    """The recipe, as cpp/web/exports.cpp reads it: words as their place among those of the core."""

    def position(words: Any, word: str) -> int:
        return get_args(words).index(word)

    return [
        *spec.size,
        spec.dynamic,
        position(_choices.Resample, spec.resample),
        position(_choices.Rounding, spec.rounding),
        int(spec.divide_by_max),
        *spec.mean,
        *spec.std,
        int(spec.activation == "sigmoid"),
        position(_choices.MinMaxOrder, spec.minmax),
        position(_choices.MaskResample, spec.mask_resample),
        int(spec.mask_rounding == "nearest"),
        spec.empty_below,
        int(spec.empty == "opaque"),
    ]


def _network(source: Path, spec: ModelSpec) -> tuple[list[int], Floats, bool]:
    """The plan, its weights, and whether a sigmoid follows it."""
    from onnx import helper

    model, steps = prepare.run(source, Request(spec.output, network=True))
    if model is None:
        raise ModelError(f"{spec.name}: cannot be made ready for a page: {steps[0].skipped}")
    networks = [node for node in model.graph.node if node.domain == regions.DOMAIN]
    others = [node for node in model.graph.node if node.domain != regions.DOMAIN]
    sigmoid = len(others) == 1 and _ends_in_sigmoid(model, others[0])
    if len(networks) != 1 or (others and not sigmoid):
        kinds = ", ".join(sorted({node.op_type for node in others}))
        raise ModelError(f"{spec.name}: cannot run in a page, for our own network does not cover {kinds or 'it whole'}")
    (plan,) = (attribute for attribute in networks[0].attribute if attribute.name == "plan")
    return list(helper.get_attribute_value(plan)), _weights(model), sigmoid


def _ends_in_sigmoid(model: ModelProto, node: NodeProto) -> bool:
    return node.op_type == "Sigmoid" and node.output[0] == model.graph.output[0].name


def _weights(model: ModelProto) -> Floats:
    from onnx import numpy_helper

    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == regions.WEIGHTS)
    values: Floats = numpy_helper.to_array(tensor)
    return values


def _parts(weights: Floats) -> Iterator[NDArray[Any]]:
    """The weights in pieces, as float16 those that lose nothing by it."""
    import numpy as np

    for begin in range(0, weights.size, _PART):
        piece = weights[begin : begin + _PART]
        with np.errstate(over="ignore"):
            half = piece.astype("<f2")
        yield half if np.array_equal(half.astype(np.float32), piece) else piece.astype("<f4")


def _counts(parts: list[NDArray[Any]]) -> list[list[int]]:
    """Neighbours of one kind are counted together."""
    counts: list[list[int]] = []
    for part in parts:
        if counts and counts[-1][0] == part.itemsize:
            counts[-1][1] += part.size
        else:
            counts.append([part.itemsize, part.size])
    return counts
