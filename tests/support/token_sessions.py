"""A graph of tokens inside of a model from picture to mask, run by a session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, numpy_helper

from rmbg_fast import ModelSpec, Session
from support.network_graphs import node, random, saved


def assert_session_runs(folder: Path, made: ModelProto, operator: str, *, side: int, channels: int) -> None:
    """`made`, from x to y, (1, side * side, channels), gives a session ONNX Runtime's mask, by way of `operator`."""
    made.graph.node.extend(
        [
            node("Transpose", "y", "t", perm=[0, 2, 1]),
            node("Reshape", "t map", "m"),
            node("Conv", "m one", "c"),
            node("Sigmoid", "c", "mask"),
        ]
    )
    made.graph.node.insert(0, node("Reshape", "flat tokens", "x"))
    made.graph.node.insert(0, node("Transpose", "wide", "flat", perm=[0, 2, 3, 1]))
    made.graph.node.insert(0, node("Conv", "picture w", "wide"))
    for name, values in {
        "map": np.array([1, channels, side, side]),
        "tokens": np.array([1, side * side, channels]),
        "one": random(1, channels, 1, 1) / 8,
        "w": random(channels, 3, 1, 1),
    }.items():
        made.graph.initializer.append(numpy_helper.from_array(values, name))
    for value, name, shape in (
        (made.graph.input[0], "picture", [1, 3, side, side]),
        (made.graph.output[0], "mask", [1, 1, side, side]),
    ):
        value.name = name
        del value.type.tensor_type.shape.dim[:]
        for size in shape:
            value.type.tensor_type.shape.dim.add(dim_value=size)
    spec = ModelSpec.for_file(saved(folder, made), like="isnet-general-use", size=(side, side))
    own, plain = (Session(spec, device="cpu", threads=2, optimize=optimize) for optimize in (True, False))
    assert operator in [one.op_type for one in onnx.load(own.details["graph"]).graph.node]
    photo = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    masks = [session.mask(photo, dtype="float32", on_empty="ignore") for session in (own, plain)]
    assert np.ptp(masks[0]) > 0.5
    assert np.abs(masks[0] - masks[1]).max() < 1e-4
