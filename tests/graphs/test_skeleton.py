"""Models without their weights: what is kept, what goes, and what filling gives back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from rmbg_fast._graphs import skeleton
from rmbg_fast.errors import ModelError
from support.small_network import network

RANDOM = np.random.default_rng(0)
WEIGHTS = {
    "float32": RANDOM.normal(0.5, 0.25, (8, 4, 3, 3)).astype(np.float32),
    "float16": RANDOM.normal(0, 2, 300).astype(np.float16),
    "int8": RANDOM.integers(-100, 100, (10, 20), dtype=np.int8),
    "uint8": RANDOM.integers(20, 200, (10, 20), dtype=np.uint8),
    "variance": (RANDOM.random(500) + 0.01).astype(np.float32),
}
KEPT = {
    "few": RANDOM.normal(size=63).astype(np.float32),
    "grid": np.mgrid[-3:20, -3:20].astype(np.float32),
    "window": np.where(RANDOM.random((2, 144, 144)) < 0.001, np.float32(-100.5), np.float32(0)).astype(np.float32),
    "shape": RANDOM.integers(0, 1 << 40, 100),
    "bounds": np.array([np.inf, *RANDOM.normal(size=99)], np.float32),
}


def model(values: dict[str, NDArray]) -> ModelProto:
    tensors = [numpy_helper.from_array(each, name) for name, each in values.items()]
    outputs = [helper.make_tensor_value_info(f"{name}_", tensor.data_type, tensor.dims) for name, tensor in
               zip(values, tensors, strict=True)]  # fmt: skip
    nodes = [helper.make_node("Identity", [name], [f"{name}_"], doc_string="/home/me/net.py(7)") for name in values]
    return helper.make_model(helper.make_graph(nodes, "g", [], outputs, tensors), ir_version=8)


def test_weights_go_and_come_back_alike() -> None:
    made = model({**WEIGHTS, **KEPT})
    skeleton.strip(made)
    content = made.SerializeToString()
    assert b"/home/me" not in content
    for tensor in made.graph.initializer:
        if tensor.name in KEPT:
            np.testing.assert_array_equal(numpy_helper.to_array(tensor), KEPT[tensor.name])
        else:
            assert tensor.ByteSize() < 200
    skeleton.fill(made)
    assert not any(tensor.doc_string for tensor in made.graph.initializer)
    filled = {tensor.name: numpy_helper.to_array(tensor) for tensor in made.graph.initializer}
    for name, before in WEIGHTS.items():
        after = filled[name]
        assert after.dtype == before.dtype
        assert after.shape == before.shape
        assert not np.array_equal(after, before)
        spread = before.astype(float).std()
        assert after.astype(float).mean() == pytest.approx(before.astype(float).mean(), abs=spread / 2)
        assert after.astype(float).std() == pytest.approx(spread, rel=0.25)
    assert filled["variance"].min() > 0


def test_tensors_of_every_encoding_lose_their_values() -> None:
    halves = WEIGHTS["float16"]
    typed = helper.make_tensor("halves", TensorProto.FLOAT16, halves.shape, halves.tolist())  # int32_data
    floats = helper.make_tensor("floats", TensorProto.FLOAT, (288,), WEIGHTS["float32"].ravel())  # float_data
    assert typed.int32_data
    assert floats.float_data
    made = model({})
    made.graph.initializer.extend([typed, floats])
    skeleton.strip(made)
    assert all(tensor.ByteSize() < 200 for tensor in made.graph.initializer)
    skeleton.fill(made)
    assert [numpy_helper.to_array(tensor).shape for tensor in made.graph.initializer] == [(300,), (288,)]


def test_a_file_filled_runs_and_is_the_same_each_time(tmp_path: Path) -> None:
    source = tmp_path / "small.onnx"
    onnx.save(network(), source)
    target = tmp_path / f"small{skeleton.SUFFIX}"
    target.write_bytes(skeleton.of(source))
    assert target.stat().st_size < source.stat().st_size
    first, again, other = skeleton.load(target), skeleton.load(target), skeleton.load(target, seed=1)
    assert first == again
    assert first != other
    session = onnxruntime.InferenceSession(first.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(["y"], {"x": np.zeros((1, 3, 32, 32), np.float32)})
    assert np.isfinite(result).all()


def test_what_is_no_model_is_said(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"no\.onnx: cannot be read"):
        skeleton.of(tmp_path / "no.onnx")
