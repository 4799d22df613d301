"""metadata: a row written into an ONNX file is read back without the weights, and no file makes the reader stumble."""

from __future__ import annotations

import builtins
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper

from rmbg_fast import ModelSpec, models
from rmbg_fast.errors import ModelError
from rmbg_fast.models import metadata

ROW: dict[str, Any] = {"like": "isnet-general-use", "size": [32, 48], "title": "Größe", "commercial": False}


def tiny(values: int = 4) -> ModelProto:
    """A graph that carries `values` floats of weights."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["input"], ["output"], axes=[1], keepdims=1)],
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 32, 48])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 32, 48])],
        [numpy_helper.from_array(np.zeros(values, np.float32), "weights")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made.producer_name = "a test"
    made.metadata_props.add(key="author", value="someone")
    return made


def saved(path: Path, made: ModelProto) -> Path:
    path.write_bytes(made.SerializeToString())
    return path


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    made = tiny()
    metadata.write(made, ROW)
    return saved(tmp_path / "mine.onnx", made)


def test_a_row_comes_back_as_it_was_written(mine: Path):
    assert metadata.read(mine) == ROW
    onnx.checker.check_model(onnx.load(mine))


def test_a_model_without_a_row_has_none(tmp_path: Path):
    assert metadata.read(saved(tmp_path / "other.onnx", tiny())) is None


def test_the_last_row_written_is_the_one(tmp_path: Path):
    made = tiny()
    metadata.write(made, {"size": [1, 1]})
    metadata.write(made, ROW)
    assert [entry.key for entry in made.metadata_props] == ["author", metadata.KEY]
    assert metadata.read(saved(tmp_path / "m.onnx", made)) == ROW


def test_the_weights_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = tiny(1 << 20)
    metadata.write(made, ROW)
    path = saved(tmp_path / "large.onnx", made)
    read = 0

    class Counting(io.FileIO):
        def readinto(self, buffer: Any) -> int:
            nonlocal read
            read += (count := super().readinto(buffer) or 0)
            return count

    monkeypatch.setattr(builtins, "open", lambda file, mode: io.BufferedReader(Counting(file)))
    assert metadata.read(path) == ROW
    assert 0 < read < path.stat().st_size / 10


@pytest.mark.parametrize("row", [{"size": {1, 2}}, {"mean": [float("nan")] * 3}, {"title": "x" * (1 << 20)}])
def test_a_row_that_cannot_be_written_is_refused(row: dict[str, Any]):
    made = tiny()
    with pytest.raises(ModelError, match="row"):
        metadata.write(made, row)
    assert made == tiny()


@pytest.mark.parametrize(("text", "message"), [("{", "damaged"), ("[1]", "no JSON object"), ("", "damaged")])
def test_a_row_that_is_no_row_is_named(tmp_path: Path, text: str, message: str):
    made = tiny()
    made.metadata_props.add(key=metadata.KEY, value=text)
    with pytest.raises(ModelError, match=rf"m\.onnx: .*{message}"):
        metadata.read(saved(tmp_path / "m.onnx", made))


def test_a_row_of_bytes_that_are_no_text_is_named(tmp_path: Path):
    made = tiny()
    made.metadata_props.add(key=metadata.KEY, value="????")
    path = saved(tmp_path / "m.onnx", made)
    path.write_bytes(path.read_bytes().replace(b"????", b"\xff\xfe\xff\xfe"))
    with pytest.raises(ModelError, match="damaged"):
        metadata.read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(ModelError, match=r"none\.onnx: cannot be read"):
        metadata.read(tmp_path / "none.onnx")


def test_a_file_cut_anywhere_has_no_row(mine: Path):
    whole = mine.read_bytes()
    for length in range(len(whole)):
        mine.write_bytes(whole[:length])
        assert metadata.read(mine) is None, length


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"weights",
        b"\x00" * 4096,
        b"\xff" * 4096,
        b"\x72" + b"\xff" * 9 + b"\x01",  # metadata of 2**64 - 1 bytes
        b"\x3a\xff\xff\xff\xff\x7f",  # a graph of 34 GB
        b"\x72\x02\x0a\x7f",  # a key longer than its entry
        b"\x72\x02\x08\x01",  # an entry with a number where the key is to be
        b"\x0b\x0c",  # a group, which protobuf has given up
        b"\x08\x08" * 100_000,  # far more fields than a model has
        b"PK\x03\x04" + b"zip" * 100,
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 100,
    ],
)
def test_other_files_have_no_row(tmp_path: Path, content: bytes):
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    assert metadata.read(path) is None


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_byte_never_makes_the_reader_fail_otherwise(mine: Path, place: int, byte: int):
    made = tiny()
    metadata.write(made, ROW)
    content = bytearray(made.SerializeToString())
    content[place % len(content)] = byte
    mine.write_bytes(content)
    try:
        row = metadata.read(mine)
    except ModelError:
        return
    assert row is None or isinstance(row, dict)


# --- as the row of a model ---


def test_the_row_in_the_file_is_the_model_s(mine: Path):
    spec = models.get(mine)
    assert (spec.name, spec.path, spec.size, spec.title, spec.commercial) == ("mine", mine, (32, 48), "Größe", False)
    assert spec.mean == models.get("isnet-general-use").mean


def test_the_toml_beside_the_file_goes_first(mine: Path):
    mine.with_suffix(".toml").write_text('like = "u2netp"\nsize = [16, 16]\n')
    spec = models.get(mine)
    assert (spec.size, spec.title) == ((16, 16), "")


def test_a_bad_key_in_the_file_s_row_is_named_with_the_file(tmp_path: Path):
    made = tiny()
    metadata.write(made, {**ROW, "meen": [0, 0, 0]})
    with pytest.raises(ModelError, match=r"mine\.onnx: there is no key 'meen'"):
        models.get(saved(tmp_path / "mine.onnx", made))


def test_without_any_row_the_error_names_every_way_to_give_one(tmp_path: Path):
    with pytest.raises(ModelError, match=r"mine\.toml(.|\n)*ModelSpec\.for_file(.|\n)*rmbg-fast convert"):
        models.get(saved(tmp_path / "mine.onnx", tiny()))


def test_a_whole_row_goes_through_json_unchanged(tmp_path: Path):
    path = saved(tmp_path / "mine.onnx", tiny())
    spec = ModelSpec.for_file(path, like="rmbg-2.0", title="mine")
    row = {key: value for key, value in vars(spec).items() if key not in ("name", "path", "files")}
    made = tiny()
    metadata.write(made, row)
    assert models.get(saved(path, made)) == spec
    assert json.loads(json.dumps(row)) == metadata.read(path)
