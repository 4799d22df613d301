"""`rmbg-fast optimize`: the table, pass by pass, and the plain file that it writes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, numpy_helper

from rmbg_fast import Session, _core
from rmbg_fast._cli import main
from rmbg_fast._graphs import prepare, skeleton
from rmbg_fast._graphs.passes import PASSES
from rmbg_fast._graphs.request import Request
from rmbg_fast._images import sample
from rmbg_fast.errors import RmbgError
from rmbg_fast.models import onnx_file
from support.refusals import assert_refused
from support.small_network import CONVOLUTIONS, network, photos, saved

NAMES = ["original", *(step.__name__ for step in PASSES)]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RMBG_FAST_HOME", str(tmp_path / "home"))


def rows(text: str) -> dict[str, list[str]]:
    _, _, _, head, *lines = text.splitlines()
    assert head.split() == ["PASS", "NODES", "MB", "LARGEST", "MEAN", "MS", "LEFT", "OUT"]
    return {line.split()[0]: line.split(maxsplit=6)[1:] for line in lines if line.split(" ")[0] in NAMES}


def test_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = saved(tmp_path)
    assert spec.path is not None
    pictures = [str(photo) for photo in photos(tmp_path, 2)]
    assert main.main(["optimize", str(spec.path), "--photo", pictures[0], "--photo", pictures[1]]) == 0
    found = rows(capsys.readouterr().out)
    assert list(found) == NAMES
    model, steps = prepare.run(spec.path, Request("y", network=bool(_core.network_tier())))
    assert model is not None
    assert [int(row[0]) for row in found.values()] == [step.nodes for step in steps]
    sizes = [row[1] for row in found.values()]
    assert sizes[0] == f"{spec.path.stat().st_size / 1e6:.2f}"
    assert sizes[-1] == f"{model.ByteSize() / 1e6:.2f}"
    assert found["original"][2:4] == ["-", "-"]
    assert found["keep_output"][:1] == [str(int(found["original"][0]) - 1)]
    for name in NAMES[1:]:
        assert 0 <= float(found[name][3]) <= float(found[name][2]) < 0.1
    assert all(float(row[4]) > 0 for row in found.values())


def test_report_says_what_ran_and_what_was_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = saved(tmp_path)
    assert spec.path is not None
    assert main.main(["optimize", str(spec.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"sha256 {hashlib.sha256(spec.path.read_bytes()).hexdigest()}" in lines[0]
    assert f"ONNX Runtime {onnxruntime.__version__}" in lines[1]
    count = len(CONVOLUTIONS)
    assert any(line.startswith(f"convolutions: {count} in built-in operators, 0 left") for line in lines) == bool(
        _core.network_tier()
    )
    assert any(line.startswith("left to ONNX Runtime: ") for line in lines)


def test_skeleton(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = saved(tmp_path)
    target = tmp_path / "small.onnx.xz"
    assert main.main(["optimize", str(spec.path), "--skeleton", str(target)]) == 0
    assert str(target) in capsys.readouterr().out
    assert [node.op_type for node in skeleton.load(target).graph.node] == [n.op_type for n in network().graph.node]


def test_mask_differences_are_those_of_the_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fold_batch_norm(model: ModelProto, request: Request) -> None:
        """Does harm: the stem's bias grows."""
        bias = next(tensor for tensor in model.graph.initializer if tensor.name == "stem.b")
        bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + 0.5, bias.name))

    spec = saved(tmp_path)
    photo = photos(tmp_path, 1)[0]
    with monkeypatch.context() as patch:
        patch.setattr(prepare, "PASSES", [*PASSES[:4], fold_batch_norm])
        assert main.main(["optimize", str(spec.path), "--photo", str(photo)]) == 0
    found = rows(capsys.readouterr().out)
    changed = network()
    fold_batch_norm(changed, Request("y"))
    (tmp_path / "changed").mkdir()
    masks = [
        Session(each, device="cpu").mask(photo, dtype="float32")
        for each in (spec, saved(tmp_path / "changed", changed))
    ]
    apart = np.abs(masks[0] - masks[1]) * 255
    assert float(found["remove_noops"][2]) < 0.1
    assert float(found["fold_batch_norm"][2]) == pytest.approx(apart.max(), abs=0.02)
    assert float(found["fold_batch_norm"][3]) == pytest.approx(apart.mean(), abs=0.02)


def test_pass_that_was_skipped_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove_noops(model: ModelProto, request: Request) -> None:
        raise ValueError("cannot do it")

    monkeypatch.setattr(prepare, "PASSES", [*PASSES[:3], remove_noops, *PASSES[4:]])
    spec = saved(tmp_path)
    assert main.main(["optimize", str(spec.path)]) == 0
    found = rows(capsys.readouterr().out)
    assert list(found) == NAMES
    assert found["remove_noops"][5] == "cannot do it"


def test_without_our_convolutions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RMBG_FAST_CONV", "off")
    assert main.main(["optimize", str(saved(tmp_path).path)]) == 0
    found = rows(capsys.readouterr().out)
    assert found["compile_network"][0] == found["fold_batch_norm"][0]
    assert "RMBG_FAST_CONV" in found["compile_network"][5]


def test_output_is_a_plain_model_of_the_same_masks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = saved(tmp_path)
    assert spec.path is not None
    before = spec.path.read_bytes()
    target = tmp_path / "plain.onnx"
    assert main.main(["optimize", str(spec.path), "--output", str(target)]) == 0
    assert f"{target}: 0.0 MB, for any runtime" in capsys.readouterr().out
    made = onnx.load(target)
    onnx.checker.check_model(made, full_check=True)
    assert {item.domain for item in made.opset_import} == {""}
    assert {node.domain for node in made.graph.node} == {""}
    assert [output.name for output in made.graph.output] == ["y"]
    assert len(made.graph.node) == len(network().graph.node) - 1
    image = np.random.default_rng(0).random((1, 3, 32, 32), np.float32)
    results: list[Any] = [
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(["y"], {"x": image})[0]
        for path in (spec.path, target)
    ]
    np.testing.assert_allclose(results[1], results[0], atol=1e-5)
    assert spec.path.read_bytes() == before
    assert Session(target, device="cpu").model.row() == replace(spec, output=0).row()  # the file says it all


@pytest.mark.parametrize("recipe", ["", "isnet"])
def test_output_of_a_model_with_and_without_a_named_recipe(tmp_path: Path, recipe: str) -> None:
    spec = replace(saved(tmp_path), recipe=recipe)
    model = onnx.load(spec.path)
    onnx_file.note_row(model, spec)
    onnx.save(model, tmp_path / "noted.onnx")
    assert Session(tmp_path / "noted.onnx", device="cpu").model.recipe == recipe


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["nothing"], 1, "no model is called 'nothing'"),
        (["small.onnx", "--output", "small.onnx"], 2, "would overwrite the source"),
        (["small.onnx", "--output", "small.txt"], 2, "must be called something.onnx"),
        (["small.onnx", "--output", "missing/out.onnx"], 1, "there is no folder missing"),
        (["small.onnx", "--output", "."], 2, "must be called"),
        (["small.onnx", "--photo", "no.png"], 1, "no.png"),
        (["small.onnx", "--photo", "small.toml"], 1, "small.toml"),
        (["small.onnx", "--threads", "0"], 2, "threads"),
        (["small.onnx", "--skeleton", "out.onnx"], 2, "something.onnx.xz"),
        (["small.onnx", "--skeleton", "out.onnx.xz", "--photo", "a.png"], 2, "--photo"),
        (["broken.onnx", "--skeleton", "out.onnx.xz"], 1, "cannot be read"),
        (["broken.onnx"], 1, "broken.onnx cannot be loaded"),
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
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    (tmp_path / "broken.toml").write_text('like = "u2netp"')
    assert_refused(["optimize", *arguments], code, why, tmp_path, capsys, monkeypatch)


def test_picture_is_made_where_there_is_no_cat(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise RmbgError("scikit-image is missing")

    monkeypatch.setattr(sample, "photo", missing)
    assert main.main(["optimize", str(saved(tmp_path).path)]) == 0
    assert list(rows(capsys.readouterr().out)) == NAMES
