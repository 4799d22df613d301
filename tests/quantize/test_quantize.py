"""Quantized graphs and `rmbg-fast quantize`, on a small network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, numpy_helper

from rmbg_fast import ModelSpec, Session, ops
from rmbg_fast._cli import main
from rmbg_fast._graphs import prepare
from rmbg_fast._graphs.request import Request
from rmbg_fast._images import reading
from rmbg_fast._quantize import calibration, comparison, quantize
from rmbg_fast._quantize.quantize import Effort
from rmbg_fast.errors import ImageError, InferenceError, ModelError, ModelOutputError, OptionError
from rmbg_fast.models import metadata
from support.small_network import CONVOLUTIONS, SIZE, network, photos, saved

Made = tuple[ModelSpec, ModelProto, calibration.Ranges]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "home"))


@pytest.fixture
def made(tmp_path: Path) -> Made:
    spec = saved(tmp_path)
    model = quantize.load(spec)
    inputs = [calibration.feed(spec, photo) for photo in photos(tmp_path)]
    return spec, model, calibration.ranges(model, inputs, threads=1)


def ran(model: ModelProto, image: Any, outputs: list[str]) -> list[Any]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(outputs, {"x": image}))


def makers(model: ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


def is_8_bit(model: ModelProto, name: str) -> bool:
    """Does the convolution read a dequantized image and dequantized weights?"""
    node = next(node for node in model.graph.node if node.name == name)
    kinds = [makers(model)[read].op_type if read in makers(model) else "" for read in node.input[:2]]
    return kinds == ["DequantizeLinear"] * 2


def kernels(model: ModelProto, folder: Path) -> list[str]:
    """What ONNX Runtime makes of the model."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 3
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node]


# --- calibration


def test_feed_is_what_a_session_feeds(tmp_path: Path) -> None:
    spec = saved(tmp_path)
    photo = photos(tmp_path, 1)[0]
    mask = Session(spec, device="cpu").mask(photo, dtype="float32")
    plane = ran(network(), calibration.feed(spec, photo), ["y"])[0][0, 0]
    assert spec.minmax == "after"
    span = ops.minmax(plane, size=mask.shape)
    wanted = ops.resize_mask(plane, mask.shape, range=span, dtype="float32")
    assert np.abs(mask - wanted).max() * 255 < 0.1


def test_feed_divides_by_the_largest_value(tmp_path: Path) -> None:
    spec = ModelSpec.for_file(saved(tmp_path).path or "", like="u2netp", size=(8, 8))
    assert spec.divide_by_max
    dark = np.full((8, 8, 3), 40, np.uint8)
    fed = calibration.feed(spec, dark)
    wanted = (1 - np.array(spec.mean)) / np.array(spec.std)
    np.testing.assert_allclose(fed[0, :, 0, 0], wanted, rtol=1e-5)


def test_ranges_are_means_of_the_extremes(made: Made, tmp_path: Path) -> None:
    spec, model, ranges = made
    inputs = [calibration.feed(spec, photo) for photo in photos(tmp_path)]
    watched = ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.append(onnx.helper.make_tensor_value_info("concat.out", TensorProto.FLOAT, None))
    values = [ran(watched, image, ["concat.out"])[0] for image in inputs]
    assert ranges["concat.out"] == pytest.approx(
        (np.mean([value.min() for value in values]), np.mean([value.max() for value in values])), abs=1e-5
    )
    assert ranges["x"] == pytest.approx(
        (np.mean([image.min() for image in inputs]), np.mean([image.max() for image in inputs]))
    )
    assert set(ranges) == {"x"} | {name for node in model.graph.node for name in node.output}


def test_activations_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    broken = network()
    weights = next(tensor for tensor in broken.graph.initializer if tensor.name == "deep.b")
    weights.CopyFrom(numpy_helper.from_array(np.full(16, np.inf, np.float32), "deep.b"))
    spec = saved(tmp_path, broken)
    with pytest.raises(ModelOutputError, match="not finite"):
        quantize.to_int8(spec, photos(tmp_path, 1), threads=1)


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


# --- the command


def test_command_writes_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, pictures = saved(tmp_path), photos(tmp_path)
    target = tmp_path / "out.onnx"
    paths = [str(image) for image in pictures]
    options = ["-o", str(target), "--report", paths[2], "--trials", "4"]
    assert main.main(["quantize", str(spec.path), *paths[:2], *options]) == 0
    out, err = capsys.readouterr()
    assert "ranges of " in err
    assert "from 2 photos" in err
    assert "network 1 of at most 4" in err
    assert f"{target}: 0.0 MB; small.onnx: 0.0 MB" in out
    assert "head" in next(line for line in out.splitlines() if line.startswith("convolutions left in float: "))
    row = json.loads(next(entry.value for entry in onnx.load(target).metadata_props if entry.key == metadata.KEY))
    assert row["size"] == [SIZE, SIZE]
    assert row["output"] == 0
    made = replace(spec, path=target, output=0)
    assert Session(target, device="cpu").model.row() == replace(made, output=0).row()  # the file says it all
    found = comparison.difference(
        Session(made, device="cpu").mask(pictures[2], dtype="float32"),
        Session(spec, device="cpu", optimize=False).mask(pictures[2], dtype="float32"),
    )
    for name in (pictures[2].name, "all"):
        figures = next(line.split() for line in out.splitlines() if line.split()[:1] == [name])
        assert figures[1:] == [f"{found.mean:.3f}", f"{found.largest:.1f}", f"{found.iou:.4f}"]
    assert pictures[0].name not in out
    assert "float32 in ONNX Runtime" in out
    assert out.rstrip().splitlines()[-1].startswith("int8 in a Session is ")


def test_command_on_the_photos_themselves_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = saved(tmp_path)
    (tmp_path / "photos").mkdir()
    photos(tmp_path / "photos", 2)
    target = str(tmp_path / "out.onnx")
    assert main.main(["quantize", str(spec.path), str(tmp_path / "photos"), "-o", target, "--trials", "1"]) == 0
    assert "compare on others with --report" in capsys.readouterr().out


def test_command_to_float16(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, pictures = saved(tmp_path), photos(tmp_path, 1)
    target = tmp_path / "out.onnx"
    assert main.main(["quantize", str(spec.path), "-o", str(target), "--to", "fp16"]) == 0
    assert "No photos, no comparison" in capsys.readouterr().out
    assert target.stat().st_size < 0.7 * spec.path.stat().st_size  # type: ignore[union-attr]
    assert main.main(["quantize", str(spec.path), str(pictures[0]), "-o", str(target), "--to", "fp16"]) == 0
    assert "fp16 in ONNX Runtime is " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["small.onnx", "-o", "out.onnx"], 2, "needs photos"),
        (["nothing", "photo0.png", "-o", "out.onnx"], 1, "no model is called 'nothing'"),
        (["small.onnx", "photo0.png", "-o", "small.onnx"], 2, "would overwrite the source"),
        (["small.onnx", "photo0.png", "-o", "link.onnx"], 2, "would overwrite the source"),
        (["small.onnx", "photo0.png", "-o", "photo0.png"], 2, "must be called something.onnx"),
        (["small.onnx", "photo0.png", "-o", "missing/out.onnx"], 1, "there is no folder missing"),
        (["small.onnx", "small.toml", "-o", "out.onnx"], 1, "small.toml"),
        (["small.onnx", "photo0.png", "gone.png", "-o", "out.onnx"], 1, "gone.png"),
        (["small.onnx", "photo0.png", "--report", "gone.png", "-o", "out.onnx"], 1, "gone.png"),
        (["small.onnx", "empty", "-o", "out.onnx"], 1, "no image files in this folder"),
        (["small.onnx", "photo0.png", "-o", "out.onnx", "--goal", "-1"], 2, "--goal must be"),
        (["small.onnx", "photo0.png", "-o", "out.onnx", "--trials", "0"], 2, "--trials must be"),
    ],
)
def test_bad_input(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    why: str,
) -> None:
    saved(tmp_path)
    photos(tmp_path, 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link.onnx").symlink_to("small.onnx")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    content = (tmp_path / "small.onnx").read_bytes()
    assert main.main(["quantize", *arguments]) == code
    assert why in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "small.onnx").read_bytes() == content


def test_older_output_survives_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, pictures = saved(tmp_path), photos(tmp_path, 1)
    target = tmp_path / "out.onnx"
    target.write_bytes(b"older")

    def fail(*_: Any, **__: Any) -> None:
        raise ModelError("cannot be measured")

    monkeypatch.setattr(comparison, "difference", fail)
    assert main.main(["quantize", str(spec.path), str(pictures[0]), "-o", str(target)]) == 1
    assert target.read_bytes() == b"older"
    assert not list(tmp_path.glob(".rmbg*"))
