"""Quantized graphs of a small network: what is 8-bit and what is not, and how far the masks are off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from rmbg_fast import Session
from rmbg_fast._graphs import prepare
from rmbg_fast._graphs.request import Request
from rmbg_fast._images import reading
from rmbg_fast._quantize import calibration, comparison, quantize
from rmbg_fast._quantize.quantize import Effort
from rmbg_fast.errors import ImageError, InferenceError, ModelError, OptionError
from support.quantized import Made, is_8_bit, kernels, makers, ran
from support.small_network import CONVOLUTIONS, SIZE, network, photos, saved

# --- int8


def test_weights_are_8_bit_per_channel_and_symmetric(made: Made) -> None:
    _, model, ranges = made
    small = quantize.int8(model, ranges, frozenset())
    onnx.checker.check_model(small, full_check=True)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in small.graph.initializer}
    floats = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for name in CONVOLUTIONS:
        assert is_8_bit(small, name)
        node = next(node for node in small.graph.node if node.name == name)
        weights, scales, zeros = (constants[each] for each in makers(small)[node.input[1]].input)
        assert (weights.dtype, weights.shape) == (np.int8, floats[f"{name}.w"].shape)
        assert scales.shape == (weights.shape[0],)
        assert not zeros.any()
        restored = weights * scales.reshape(-1, 1, 1, 1)
        assert (np.abs(restored - floats[f"{name}.w"]) <= scales.reshape(-1, 1, 1, 1) * 0.51).all()
    steps = [node for node in small.graph.node if node.op_type == "QuantizeLinear"]
    assert {constants[step.input[2]].dtype for step in steps} == {np.dtype(np.uint8)}


def test_8_bit_kernels_run(made: Made, tmp_path: Path) -> None:
    _, model, ranges = made
    found = kernels(quantize.int8(model, ranges, frozenset(["head"])), tmp_path)
    assert found.count("QLinearConv") == len(CONVOLUTIONS) - 1
    assert found.count("Conv") + found.count("FusedConv") == 1
    assert {"QLinearConcat", "QLinearAdd"} <= set(found)


def test_excluded_convolutions_and_what_they_read_stay_in_float(made: Made) -> None:
    _, model, ranges = made
    small = quantize.int8(model, ranges, frozenset(["up", "head"]))
    assert [name for name in CONVOLUTIONS if is_8_bit(small, name)] == ["stem", "down", "deep"]
    by_name = {node.name: node for node in small.graph.node}
    for name in ("resize", "concat", "up", "head", "sigmoid"):
        readers = [node.op_type for node in small.graph.node if by_name[name].output[0] in node.input]
        assert "QuantizeLinear" not in readers, name
    floats = {tensor.name for tensor in small.graph.initializer if tensor.data_type == TensorProto.FLOAT}
    assert {"up.w", "head.w"} <= floats
    assert not {"stem.w", "down.w", "deep.w"} & floats


def test_reduced_range_has_7_bits(made: Made) -> None:
    _, model, ranges = made

    def largest(reduce_range: bool) -> int:
        small = quantize.int8(model, ranges, frozenset(), reduce_range=reduce_range)
        values = [numpy_helper.to_array(tensor) for tensor in small.graph.initializer if len(tensor.dims) == 4]
        return max(int(np.abs(value.astype(int)).max()) for value in values)

    assert largest(False) == 127
    assert largest(True) == 64


def test_heads_are_the_convolutions_that_only_the_output_follows(made: Made) -> None:
    assert quantize.heads(made[1]) == {"head"}


def test_multiplications(made: Made) -> None:
    work = {layer.name: layer.work for layer in quantize.convolutions(made[1])}
    half, full = (SIZE // 2) ** 2 * 9, SIZE**2 * 9
    assert work == {
        "stem": full * 3 * 16, "down": half * 16 * 16, "deep": half * 16 * 16, "up": full * 32 * 16, "head": full * 16
    }  # fmt: skip


def test_result_is_within_its_error(tmp_path: Path) -> None:
    spec, pictures = saved(tmp_path), photos(tmp_path)
    lines: list[str] = []
    effort = Effort(goal=0, trials=8, share=0.5, photos=2)
    result = quantize.to_int8(spec, pictures, threads=1, effort=effort, say=lines.append)
    assert result.convolutions == len(CONVOLUTIONS)
    assert "head" in result.floating
    assert result.trials == len(lines) - 1 <= 8
    assert 0 < result.share <= 0.5 + 1 / 32
    path = tmp_path / "int8.onnx"
    onnx.save(result.model, path)
    small = replace(spec, path=path, output=0)
    ours, theirs = Session(small, device="cpu"), Session(spec, device="cpu", optimize=False)
    found = [
        comparison.difference(ours.mask(image, dtype="float32"), theirs.mask(image, dtype="float32")).mean
        for image in pictures[:2]
    ]
    assert np.mean(found) == pytest.approx(result.error, abs=0.05)
    assert result.error < 8


def test_session_leaves_8_bit_convolutions_to_the_runtime(made: Made, tmp_path: Path) -> None:
    spec, model, ranges = made
    path = tmp_path / "int8.onnx"
    small = quantize.int8(model, ranges, frozenset(["head"]))
    onnx.save(small, path)
    ready, steps = prepare.run(path, Request(0, network=True))
    assert ready is not None
    assert [step.skipped for step in steps] == [""] * len(steps)
    count = [node.op_type for node in small.graph.node].count("DequantizeLinear")
    assert [node.op_type for node in ready.graph.node].count("DequantizeLinear") == count
    assert [name for name in CONVOLUTIONS if name != "head" and is_8_bit(ready, name)] == CONVOLUTIONS[:-1]
    row = replace(spec, path=path, output=0)
    photo = photos(tmp_path, 1)[0]
    masks = [Session(row, device="cpu", optimize=on).mask(photo, dtype="float32") for on in (True, False)]
    plain = comparison.run_file(path, row, threads=1)(reading.read(photo).pixels)[0]
    assert np.abs(masks[0] - masks[1]).max() * 255 < 0.1
    assert np.abs(masks[1] - plain).max() * 255 < 0.1


def test_older_opset_is_brought_up(tmp_path: Path) -> None:
    spec = saved(tmp_path, network(opset=11))
    result = quantize.to_int8(spec, photos(tmp_path, 1), threads=1, effort=Effort(trials=1))
    assert next(item.version for item in result.model.opset_import if not item.domain) == 13
    assert is_8_bit(result.model, "deep")


def test_nodes_without_names_get_one(tmp_path: Path) -> None:
    nameless = network()
    for node in nameless.graph.node:
        node.name = ""
    model = quantize.load(saved(tmp_path, nameless))
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    assert all(names)


def test_what_cannot_be_quantized(tmp_path: Path, made: Made) -> None:
    spec, model, ranges = made
    with pytest.raises(OptionError, match="needs photos"):
        quantize.to_int8(spec, [], threads=1)
    with pytest.raises(ImageError):
        quantize.to_int8(spec, [tmp_path / "small.toml"], threads=1)
    with pytest.raises(ModelError, match="is quantized already"):
        quantize.load(saved(tmp_path, quantize.int8(model, ranges, frozenset())))


def test_row_that_does_not_fit_the_graph(tmp_path: Path) -> None:
    spec = replace(saved(tmp_path), size=(16, 16))
    with pytest.raises(InferenceError, match="cannot run the model"):
        quantize.to_int8(spec, photos(tmp_path, 1), threads=1)


# --- float16


def test_float16_inside_and_float32_ports(made: Made, tmp_path: Path) -> None:
    spec, model, _ = made
    half = quantize.float16(model)
    onnx.checker.check_model(half, full_check=True)
    kinds = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    for name in CONVOLUTIONS:
        assert kinds[f"{name}.w"] == kinds[f"{name}.b"] == TensorProto.FLOAT16
    resize = next(node for node in half.graph.node if node.op_type == "Resize")
    assert kinds[resize.input[2]] == TensorProto.FLOAT  # ONNX has no float16 scales
    for port in (*half.graph.input, *half.graph.output):
        assert port.type.tensor_type.elem_type == TensorProto.FLOAT
    image = calibration.feed(spec, photos(tmp_path, 1)[0])
    apart = np.abs(ran(half, image, ["y"])[0] - ran(model, image, ["y"])[0])
    assert 0 < apart.max() < 0.01
    assert {tensor.data_type for tensor in model.graph.initializer} == {TensorProto.FLOAT}  # a copy was changed
