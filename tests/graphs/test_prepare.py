"""prepare: each pass on a tiny graph that holds what the pass is for, and the cache around them."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from rmbg_fast._graphs import onnx_graph, passes, prepare
from rmbg_fast._graphs.prepare import run
from rmbg_fast._graphs.request import Request
from rmbg_fast._storage import digests, writing
from rmbg_fast.errors import ChecksumError, ModelError

F16, F32, I64 = TensorProto.FLOAT16, TensorProto.FLOAT, TensorProto.INT64
SHAPE = [1, 2, 4, 4]
IMAGE = np.random.default_rng(3).random(SHAPE, np.float32)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def model(
    nodes: list[NodeProto],
    outputs: list[str],
    weights: dict[str, NDArray[Any]] | None = None,
    *,
    kind: int = F32,
    shape: list[Any] = SHAPE,
    opset: int = 15,
) -> ModelProto:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(name, kind, list("abcd")) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def saved(folder: Path, made: ModelProto) -> Path:
    path = folder / "model.onnx"
    onnx.save(made, path)
    return path


def ran(made: ModelProto, image: NDArray[Any] = IMAGE) -> NDArray[Any]:
    return np.asarray(ReferenceEvaluator(made).run([made.graph.output[0].name], {"x": image})[0])


def after(folder: Path, made: ModelProto, output: str | int = 0, *, widen: bool = True) -> ModelProto:
    ready, steps = run(saved(folder, made), Request(output, widen))
    assert ready is not None
    assert [step.skipped for step in steps] == [""] * len(steps)
    assert [step.name for step in steps] == ["original", *(step.__name__ for step in prepare.PASSES)]
    onnx.checker.check_model(ready, full_check=True)
    return ready


def ops(made: ModelProto) -> list[str]:
    return [node.op_type for node in made.graph.node]


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def branch(op: str, read: str, name: str, kind: int) -> onnx.GraphProto:
    value = helper.make_tensor_value_info(name, kind, list("abcd"))
    return helper.make_graph([node(op, read, name)], name, [], [value])


HALF = np.array([0.5], np.float16)


@pytest.mark.parametrize(("output", "op"), [("b", "Exp"), (1, "Exp"), (-1, "Exp"), (0, "Neg"), ("a", "Neg")])
def test_only_the_asked_output_and_what_it_needs_stay(tmp_path: Path, output: str | int, op: str):
    made = model(
        [node("Add", "x w", "s"), node("Neg", "s", "a"), node("Mul", "s v", "m"), node("Exp", "m", "b")],
        ["a", "b"],
        {"w": np.ones(1, np.float32), "v": np.ones(1, np.float32)},
    )
    ready = after(tmp_path, made, output)
    assert ops(ready)[-1] == op
    assert [value.name for value in ready.graph.output] == ["b" if op == "Exp" else "a"]
    assert {tensor.name for tensor in ready.graph.initializer} == ({"w", "v"} if op == "Exp" else {"w"})


def test_weights_listed_as_inputs_too_are_weights(tmp_path: Path):
    made = model([node("Add", "x w", "y")], ["y"], {"w": np.ones(1, np.float32)})
    made.ir_version = 3
    made.graph.input.append(helper.make_tensor_value_info("w", F32, [1]))
    ready = after(tmp_path, made)
    assert [value.name for value in ready.graph.input] == ["x"]


@pytest.mark.parametrize("output", ["mask", 1, -2])
def test_missing_output_names_those_that_are_there(tmp_path: Path, home: Path, output: str | int):
    path = saved(tmp_path, model([node("Neg", "x", "y")], ["y"]))
    with pytest.raises(ModelError, match=f"no output {output!r}; it has y"):
        prepare.prepare(path, output=output)
    assert list((home / "prepared").iterdir()) == []


def float16_model() -> ModelProto:
    """Casts in and out, float16 weights as initializer and Constant, a Cast target, a ConstantOfShape, a subgraph."""
    value = numpy_helper.from_array(np.array([0.25], np.float16))
    branches = {f"{name}_branch": branch(op, "c", name, F16) for op, name in (("Neg", "then"), ("Abs", "else"))}
    return model(
        [
            node("Cast", "x", "h", to=F16),
            node("Constant", "", "k", value=value),
            node("Add", "h w", "a"),
            node("Mul", "a k", "b"),
            node("ConstantOfShape", "dims", "o", value=value),
            node("Sub", "b o", "c"),
            node("ReduceSum", "x", "total", keepdims=0),
            node("Greater", "total zero", "positive"),
            helper.make_node("If", ["positive"], ["d"], **branches),
            node("Cast", "d", "y", to=F32),
        ],
        ["y"],
        {"w": HALF, "dims": np.array(SHAPE, np.int64), "zero": np.zeros((), np.float32)},
    )


def test_float16_becomes_float32_and_its_casts_go(tmp_path: Path):
    made = float16_model()
    ready = after(tmp_path, made)
    assert "Cast" not in ops(ready)
    assert not any(tensor.data_type == F16 for tensor in onnx_graph.tensors(ready))
    assert str(F16) not in {str(v.type.tensor_type.elem_type) for v in (*ready.graph.input, *ready.graph.output)}
    inner = ready.graph.node[-1].attribute[0].g
    assert inner.output[0].type.tensor_type.elem_type == F32
    assert [value.name for value in ready.graph.output] == ["y"]
    np.testing.assert_allclose(ran(ready), ran(made), atol=1e-3)


def test_float16_inputs_and_outputs_are_widened(tmp_path: Path):
    ready = after(tmp_path, model([node("Add", "x w", "y")], ["y"], {"w": HALF}, kind=F16))
    assert ready.graph.input[0].type.tensor_type.elem_type == F32
    assert ready.graph.output[0].type.tensor_type.elem_type == F32
    np.testing.assert_array_equal(ran(ready), IMAGE + np.float32(0.5))


def test_without_widen_float16_stays(tmp_path: Path):
    ready = after(tmp_path, float16_model(), widen=False)
    assert ops(ready).count("Cast") == 2
    assert ready.graph.initializer[0].data_type == F16


def resize_model(**options: Any) -> ModelProto:
    """A size computed from a shape, as exporters write it."""
    return model(
        [
            node("Relu", "x", "r"),
            node("Shape", "r", "whole"),
            node("Constant", "", "from", value_ints=[2]),
            node("Constant", "", "to", value_ints=[4]),
            node("Slice", "whole from to", "area"),
            node("Mul", "area two", "large"),
            node("Slice", "whole zero from", "first"),
            node("Concat", "first large", "sizes", axis=0),
            helper.make_node("Resize", ["r", "", "", "sizes"], ["z"], mode="nearest"),
            node("Shape", "z", "after"),
            node("ConstantOfShape", "after", "zeros"),
            node("Add", "z zeros", "y"),
        ],
        ["y"],
        {"two": np.array([2, 2], np.int64), "zero": np.array([0], np.int64)},
        **options,
    )


def test_constants_fold_through_shapes(tmp_path: Path):
    made = resize_model()
    ready = after(tmp_path, made)
    assert ops(ready) == ["Relu", "Resize", "Add"]
    assert {tensor.name for tensor in ready.graph.initializer} == {"sizes", "zeros"}
    np.testing.assert_array_equal(ran(ready), ran(made))


def test_unknown_shapes_are_not_folded(tmp_path: Path):
    made = resize_model(shape=[1, 2, "h", "w"])
    ready = after(tmp_path, made)
    assert ops(ready).count("Shape") == 2
    np.testing.assert_array_equal(ran(ready), ran(made))


def test_shape_with_start_and_end(tmp_path: Path):
    nodes = [node("Shape", "x", "s", start=-3, end=-1), node("Cast", "s", "f", to=F32), node("ReduceMax", "f", "m"),
             node("Add", "x m", "y")]  # fmt: skip
    ready = after(tmp_path, model(nodes, ["y"]))
    assert ops(ready) == ["Add"]
    np.testing.assert_array_equal(ran(ready), IMAGE + 4)


@pytest.mark.parametrize(
    "constant",
    [
        node("RandomNormal", "", "c", shape=[1]),
        node("ConstantOfShape", "large", "c"),
        node("DequantizeLinear", "q scale", "c"),
    ],
    ids=lambda made: made.op_type,
)
def test_what_is_random_large_or_quantized_stays(tmp_path: Path, constant: NodeProto):
    weights = {"large": np.array([1 << 20, 2, 4, 4]), "q": np.ones(1, np.int8), "scale": np.ones((), np.float32)}
    ready = after(tmp_path, model([constant, node("Add", "x c", "y")], ["y"], weights))
    assert ops(ready) == [constant.op_type, "Add"]


def test_constant_output_keeps_its_node(tmp_path: Path):
    ready = after(tmp_path, model([node("Neg", "w", "y")], ["y"], {"w": np.ones(SHAPE, np.float32)}))
    assert ops(ready) == ["Neg"]


@pytest.mark.parametrize(
    ("nodes", "left"),
    [
        ([node("Identity", "x", "i"), node("Neg", "i", "y")], ["Neg"]),
        ([node("Neg", "x", "i"), node("Identity", "i", "j"), node("Identity", "j", "y")], ["Neg"]),
        ([node("Dropout", "x", "i"), node("Neg", "i", "y")], ["Neg"]),
        ([node("Dropout", "x ratio no", "i"), node("Neg", "i", "y")], ["Neg"]),
        ([node("Dropout", "x ratio yes", "i"), node("Neg", "i", "y")], ["Dropout", "Neg"]),
        ([node("Cast", "x", "i", to=F32), node("Neg", "i", "y")], ["Neg"]),
        ([node("Cast", "x", "i", to=F16), node("Cast", "i", "y", to=F32)], ["Cast", "Cast"]),
        ([node("Identity", "x", "y")], ["Identity"]),
    ],
)
def test_noops_go_and_the_output_keeps_its_name(tmp_path: Path, nodes: list[NodeProto], left: list[str]):
    weights = {"ratio": np.array(0.0, np.float32), "no": np.array(False), "yes": np.array(True)}
    made = model(nodes, ["y"], weights)
    ready = after(tmp_path, made, widen=False)
    assert ops(ready) == left
    assert ready.graph.output[0].name == "y"
    np.testing.assert_allclose(ran(ready), ran(made), atol=1e-3)


def test_noop_read_inside_a_subgraph(tmp_path: Path):
    branches = {f"{name}_branch": branch(op, "i", name, F32) for op, name in (("Neg", "then"), ("Abs", "else"))}
    nodes = [
        node("Identity", "x", "i"),
        node("ReduceSum", "x", "total", keepdims=0),
        node("Greater", "total zero", "positive"),
        helper.make_node("If", ["positive"], ["y"], **branches),
    ]
    made = model(nodes, ["y"], {"zero": np.zeros((), np.float32)})
    ready = after(tmp_path, made)
    assert ops(ready) == ["ReduceSum", "Greater", "If"]
    np.testing.assert_array_equal(ran(ready), -IMAGE)


def test_nodes_out_of_order_are_sorted(tmp_path: Path):
    made = model([node("Neg", "e", "y"), node("Exp", "a", "e"), node("Abs", "x", "a")], ["y"])
    ready = after(tmp_path, made)
    assert ops(ready) == ["Abs", "Exp", "Neg"]


def broken(made: ModelProto, plan: Request) -> None:
    made.graph.node[0].input[0] = "nothing"


def failing(made: ModelProto, plan: Request) -> None:
    del made.graph.node[:]
    raise ValueError("cannot do it")


@pytest.mark.parametrize(("bad", "why"), [(broken, "nothing"), (failing, "cannot do it")])
def test_pass_that_fails_is_left_out_and_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: Any, why: str):
    monkeypatch.setattr(prepare, "PASSES", [prepare.PASSES[0], bad, *prepare.PASSES[1:]])
    path = saved(tmp_path, resize_model())
    with pytest.warns(RuntimeWarning, match=f"{bad.__name__} was left out: (.|\n)*{why}"):
        ready = prepare.prepare(path, output=0)
    assert ops(onnx.load(ready)) == ["Relu", "Resize", "Add"]


def test_graph_whose_outputs_cannot_be_pruned_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(made: ModelProto) -> None:
        raise ValueError("cannot sweep")

    monkeypatch.setattr(onnx_graph, "sweep", refuse)
    path = saved(tmp_path, resize_model())
    assert prepare.prepare(path, output=0) == path


# --- the cache ---


def test_prepared_once_and_then_without_onnx(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch):
    path = saved(tmp_path, float16_model())
    before = path.read_bytes()
    ready = prepare.prepare(path, output="y")
    assert ready.parent == home / "prepared"
    assert path.read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"home", path.name}, "nothing beside the user's own file"
    assert {file.name for file in ready.parent.iterdir()} == {ready.name, ready.with_suffix(".json").name}
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setattr(digests, "of", None)
    assert prepare.prepare(path, output="y") == ready


def test_each_recipe_and_each_content_has_its_own_file(tmp_path: Path):
    path = saved(tmp_path, float16_model())
    first = {prepare.prepare(path, output=0), prepare.prepare(path, output=0, widen=False)}
    status = path.stat()
    saved(tmp_path, resize_model())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert len({*first, prepare.prepare(path, output=0)}) == 3


@pytest.mark.parametrize("note", [b"", b"[]", b"\xff", b'{"size": 1, "mtime_ns": 1, "sha256": "1", "path": "x"}'])
def test_damaged_note_of_the_digest_is_made_anew(tmp_path: Path, home: Path, note: bytes):
    path = saved(tmp_path, resize_model())
    ready = prepare.prepare(path, output=0)
    (file,) = (home / "digests").iterdir()
    file.write_bytes(note)
    digests._known.clear()
    assert prepare.prepare(path, output=0) == ready
    assert file.read_bytes() != note


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder of temporary files, for this test alone; what was warned of before counts no more."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(prepare, "_warned", set())
    return tmp_path / "tmp"


def test_full_disk_leaves_nothing_half_written(
    tmp_path: Path, home: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
):
    path = saved(tmp_path, resize_model())

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.os, "replace", full)
    with pytest.warns(RuntimeWarning, match=r"runs as it is.*No space left on device; free space.*RMBG_FAST_HOME"):
        assert prepare.prepare(path, output=0, network=True) == path
    assert prepare.prepare(path, output=0) == path
    assert [file for file in (*home.rglob("*"), *temporary.rglob("*")) if file.is_file()] == []


@pytest.mark.parametrize("network", [False, True])
def test_place_where_nothing_can_be_written(tmp_path: Path, home: Path, temporary: Path, network: bool):
    """A file in the way of the folder: as on a read-only disk, and also for root."""
    path = saved(tmp_path, resize_model())
    home.write_bytes(b"")
    if not network:
        assert prepare.prepare(path, output=0) == path
        return
    with pytest.warns(RuntimeWarning, match="the prepared model lies in .*, which may not last: .*home") as caught:
        ready = prepare.prepare(path, output=0, network=True)
    assert temporary in ready.parents
    assert len(caught) == 1
    assert prepare.prepare(path, output=0, network=True) == ready
    assert ready.parent.parent.stat().st_mode & 0o077 == 0 or sys.platform == "win32"


@pytest.mark.skipif(sys.platform == "win32", reason="the folder is the user's own there")
def test_another_user_s_temporary_folder_is_not_taken(tmp_path: Path, home: Path, temporary: Path):
    path = saved(tmp_path, resize_model())
    home.write_bytes(b"")
    planted = temporary / f"rmbg-fast-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="runs as it is"):
        assert prepare.prepare(path, output=0, network=True) == path
    assert list(planted.iterdir()) == []


def test_name_too_long_for_a_longer_one(tmp_path: Path):
    path = tmp_path / ("m" * 250 + ".onnx")
    onnx.save(resize_model(), path)
    assert prepare.prepare(path, output=0).is_file()


def test_another_digest_is_refused_and_nothing_made(tmp_path: Path, home: Path):
    path = saved(tmp_path, resize_model())
    with pytest.raises(ChecksumError, match=r"model\.onnx: is damaged: its sha256 is \w{64} and not 12"):
        prepare.prepare(path, output=0, digest="12")
    assert not (home / "prepared").exists()


def test_change_that_keeps_size_and_time_is_seen_when_a_graph_is_made(tmp_path: Path):
    path = saved(tmp_path, float16_model())
    digest = digests.sha256(path)
    status = path.stat()
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(ChecksumError):
        prepare.prepare(path, output=0, digest=digest)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08", bytes(range(256))])
def test_file_that_is_no_model(tmp_path: Path, content: bytes):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.onnx: "):
        prepare.prepare(path, output=0)


def test_truncated_model(tmp_path: Path):
    path = saved(tmp_path, resize_model())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cannot be read as an ONNX model"):
        prepare.prepare(path, output=0)


def test_missing_file(tmp_path: Path):
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        prepare.prepare(tmp_path / "model.onnx", output=0)


def test_weights_in_other_files_are_left_alone(tmp_path: Path):
    made = model([node("Add", "x w", "y")], ["y"], {"w": np.ones([1, 2, 4, 4], np.float32)})
    path = tmp_path / "model.onnx"
    onnx.save(made, path, save_as_external_data=True, size_threshold=0)
    assert prepare.prepare(path, output=0) == path


def test_graph_that_the_checker_refuses_is_left_alone(tmp_path: Path):
    path = saved(tmp_path, model([node("Neg", "nothing", "y")], ["y"]))
    assert prepare.prepare(path, output=0) == path


def test_model_over_the_limit_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = saved(tmp_path, resize_model())
    monkeypatch.setattr(prepare, "LIMIT", 100)
    assert prepare.prepare(path, output=0) == path


def test_widening_over_the_limit_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = model([node("Add", "x w", "y")], ["y"], {"w": np.ones([1, 2, 4, 4], np.float16)}, kind=F16)
    path = saved(tmp_path, made)
    monkeypatch.setattr(passes, "LIMIT", path.stat().st_size + 32)
    with pytest.warns(RuntimeWarning, match="widen_float16 was left out: .* over 2 GB"):
        ready = prepare.prepare(path, output=0)
    assert onnx.load(ready).graph.initializer[0].data_type == F16


# --- the real model ---


def test_isnet_masks_are_those_of_the_original(isnet_path: Path):
    runtime = pytest.importorskip("onnxruntime")
    data = pytest.importorskip("skimage.data")
    from PIL import Image

    photo = Image.fromarray(data.cat()).resize((1024, 1024))
    image = (np.asarray(photo, np.float32) / 255 - 0.5).transpose(2, 0, 1)[np.newaxis]
    ready = prepare.prepare(isnet_path, output=0)
    masks = [
        runtime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(["output"], {"input": image})[0]
        for path in (isnet_path, ready)
    ]
    assert masks[0].max() > 0.9
    assert np.abs(masks[1] - masks[0]).max() < 1 / 255
    assert set(ops(onnx.load(ready))) == {"Add", "Concat", "Conv", "MaxPool", "Relu", "Resize", "Sigmoid"}
