"""Sessions for the tests of the engine, and pictures that come when they are told to."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from rmbg_fast import ModelSpec, Session
from support import small_network


def session(folder: Path, **options: Any) -> Session:
    """Of a network that is nearly free."""
    folder.mkdir(exist_ok=True)
    return Session(small_network.saved(folder), device="cpu", **options)


def picture(seed: int = 0, height: int = 40, width: int = 60) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(seed: int = 0) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture(seed)).save(file, "PNG")
    return file.getvalue()


class Late(io.BytesIO):
    """The file of a picture that cannot be read before `come` is set. `begun` is set when that is tried."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(png(seed))
        self.come, self.begun = threading.Event(), threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        self.begun.set()
        assert self.come.wait(60)
        return super().read(size)


def endless(folder: Path) -> ModelSpec:
    """A model that ONNX Runtime would run for years, in many short steps."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Conv", ["state", "weights"], ["next"], pads=[1, 1, 1, 1]),
        ],
        "body",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [1, 3, 32, 32]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [1, 3, 32, 32]),
        ],
    )
    nodes = [
        helper.make_node("Loop", ["times", "true", "x"], ["last"], body=body),
        helper.make_node("ReduceMean", ["last"], ["y"], axes=[1], keepdims=1),
    ]
    weights = np.random.default_rng(0).normal(0, 0.1, (3, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        nodes,
        "endless",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 32, 32])],
        [
            numpy_helper.from_array(np.array(2**50), "times"),
            numpy_helper.from_array(np.array(True), "true"),
            numpy_helper.from_array(weights, "weights"),
        ],
    )
    path = folder / "endless.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    return ModelSpec.for_file(path, like="isnet-general-use", size=(32, 32), input="x", output="y")


def cut(session: Session) -> bytes:
    """The work of another process, which finds it by its name here: `tests` is no package there."""
    result: bytes = session.remove(png(), on_empty="ignore", timeout=120)
    return result
