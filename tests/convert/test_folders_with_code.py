"""Models in Hugging Face's layout that bring their own code: a stand-in of two outputs, logits, the finer one last."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from skimage import data

from rmbg_fast import Session, errors, models
from rmbg_fast.convert import converter
from rmbg_fast.models import metadata

torch = pytest.importorskip("torch")
from rmbg_fast.convert import deform, export  # noqa: E402
from support.conversions import SIZE, outputs, run, stand_in  # noqa: E402


@pytest.mark.parametrize("opset", [14, 17, 20])
def test_a_folder_with_its_own_code(hub: Path, opset: int):
    folder = stand_in(hub / "stand-in")
    report = run(folder, hub / "mine.onnx", like="rmbg-2.0", opset=opset, trust_remote_code=True)
    assert report.row["activation"] == "sigmoid"  # where the row that it is like, of an ONNX file, has none
    assert report.row["title"] == "BRIA RMBG 2.0"
    _, found = outputs(hub / "mine.onnx", 2)
    assert len(found) == 1
    assert found[0].shape == (2, 1, *SIZE)
    assert found[0].min() < 0  # logits
    assert np.abs(found[0][0] - found[0][1]).max() > 0.01
    assert Session(hub / "mine.onnx", device="cpu").mask(data.chelsea()).std() > 1


def test_without_the_flag_no_code_is_executed(hub: Path):
    folder = stand_in(hub / "stand-in")
    (folder / "modelling.py").write_text(f"open({str(hub / 'executed')!r}, 'w')")
    with pytest.raises(errors.ModelError, match=r"modelling\.StandIn.*--trust-remote-code"):
        run(folder, hub / "mine.onnx", like="rmbg-2.0")
    assert not (hub / "executed").exists()
    assert not (hub / "mine.onnx").exists()


def test_weights_that_lack_a_key_are_refused(hub: Path):
    folder = stand_in(hub / "stand-in", without="mask.weight")
    with pytest.raises(errors.ModelError, match=r"its weights lack mask\.weight"):
        run(folder, hub / "mine.onnx", like="rmbg-2.0", trust_remote_code=True)


@pytest.mark.parametrize(
    ("result", "row", "message"),
    [
        ("torch.sigmoid(features[:, :1])", {}, 'set activation to "none"'),
        ("4 * self.mask(features)", {"activation": "none"}, 'activation = "sigmoid"'),
        ("features[:, :1, ::2]", {}, r"gives \(1, 1, 32, 128\) where a mask is \(1, 1, 64, 128\)"),
        ("features", {}, r"gives \(1, 8, 64, 128\)"),
        ("'mask'", {}, "gives str where a mask was expected"),
        ("self.mask(features) * float('nan')", {}, "values that are no numbers"),
        ("self.nothing", {}, "torch cannot run it at 64 x 128.*nothing"),
        ("features[:, :1] + torch.linalg.svdvals(features)[:, :1, :1, None]", {}, "cannot be exported"),
    ],
)
def test_what_is_no_mask_is_refused(hub: Path, result: str, row: dict[str, Any], message: str):
    folder = stand_in(hub / "stand-in", result)
    with pytest.raises(errors.ModelError, match=message):
        run(folder, hub / "mine.onnx", like="rmbg-2.0", row=row, trust_remote_code=True)
    assert not (hub / "mine.onnx").exists()


def test_a_row_s_activation_goes_before_the_usual_one(hub: Path):
    folder = stand_in(hub / "stand-in", "torch.sigmoid(4 * self.mask(features) - 2)")
    row = {"activation": "none", "license": "MIT", "commercial": True, "title": "mine"}
    run(folder, hub / "mine.onnx", like="rmbg-2.0", row=row, trust_remote_code=True)
    spec = models.get(hub / "mine.onnx")
    assert (spec.activation, spec.license, spec.commercial, spec.title) == ("none", "MIT", True, "mine")


def test_a_model_that_depends_on_the_batch_is_refused_unless_it_is_fixed(hub: Path):
    # Counted while tracing, the batch is the number 1 in the graph.
    folder = stand_in(hub / "stand-in", "4 * self.mask(features).reshape(int(x.shape[0]), 1, *x.shape[2:]) - 2")
    with pytest.raises(errors.ModelError, match=r"not for two at once: .*--fixed-batch"):
        run(folder, hub / "mine.onnx", like="rmbg-2.0", trust_remote_code=True)
    assert not (hub / "mine.onnx").exists()
    run(folder, hub / "mine.onnx", like="rmbg-2.0", trust_remote_code=True, dynamic_batch=False)


def test_what_the_opset_cannot_say_is_named(hub: Path):
    folder = stand_in(
        hub / "stand-in", "nn.functional.grid_sample(features, x.permute(0, 2, 3, 1)[..., :2])[:, :1] - 3"
    )
    with pytest.raises(errors.ModelError, match="cannot be exported with opset 14"):
        run(folder, hub / "mine.onnx", like="rmbg-2.0", trust_remote_code=True, opset=14)
    run(folder, hub / "mine.onnx", like="rmbg-2.0", trust_remote_code=True, opset=16)


def test_deformable_convolutions_are_exported_in_parts(hub: Path, monkeypatch: pytest.MonkeyPatch):
    """A stand-in for torchvision as well: its function cannot be traced, and would leave its result as a constant."""
    module = types.ModuleType("torchvision.ops")
    vars(module)["deform_conv2d"] = lambda *given: torch.tensor(deform.deform_conv2d(*given).detach().numpy())
    package = types.ModuleType("torchvision")
    vars(package)["ops"] = module
    for each in (package, module):
        monkeypatch.setitem(sys.modules, each.__name__, each)
    offset = "4 * features.repeat(1, 3, 1, 1)[:, :18]"
    folder = stand_in(hub / "stand-in", f"4 * deform_conv2d(features, {offset}, self.mask.weight, None, 1, 1) - 2")
    modelling = folder / "modelling.py"
    modelling.write_text("from torchvision.ops import deform_conv2d\n" + modelling.read_text())
    report = run(folder, hub / "mine.onnx", like="rmbg-2.0", trust_remote_code=True)
    assert report.largest < 1e-4
    assert "GridSample" in {node.op_type for node in onnx.load(hub / "mine.onnx").graph.node}


# --- nothing is left behind ---


def test_masks_that_differ_leave_what_was_there(hub: Path, monkeypatch: pytest.MonkeyPatch):
    folder = stand_in(hub / "stand-in")
    true = export.run
    monkeypatch.setattr(export, "run", lambda *given: true(*given) + 0.1)
    before = set(hub.iterdir())
    options = {"like": "rmbg-2.0", "trust_remote_code": True}
    with pytest.raises(errors.ModelError, match=r"differ by more than 0\.001: .*mine\.onnx is not written"):
        run(folder, hub / "mine.onnx", **options)
    assert {path for path in hub.iterdir() if path.name != "modules"} == before - {hub / "modules"}
    (hub / "mine.onnx").write_bytes(b"an older one")
    with pytest.raises(errors.ModelError):
        run(folder, hub / "mine.onnx", **options)
    assert (hub / "mine.onnx").read_bytes() == b"an older one"
    report = run(folder, hub / "mine.onnx", tolerance=0.2, **options)
    assert 0.001 < report.mean <= report.largest < 0.2
    assert metadata.read(hub / "mine.onnx") is not None


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"source": ""}, errors.OptionError, "empty"),
        ({"source": "no-such-thing"}, errors.ModelError, "no such file or folder, and it is no Hugging Face id"),
        ({"source": "folder/no.pth"}, errors.ModelError, "no such file or folder"),
        ({"output": "mine.pth"}, errors.OptionError, r"must be called something\.onnx"),
        ({"output": "nowhere/mine.onnx"}, errors.OutputError, "there is no folder .*nowhere"),
        ({"opset": 13}, errors.OptionError, "opset must be 14 to 20, not 13"),
        ({"opset": 21}, errors.OptionError, "not 21"),
        ({"tolerance": 0.0}, errors.OptionError, "tolerance"),
        ({"like": None}, errors.OptionError, "which recipe and licence .* --like one of isnet-general-use"),
        ({"like": "rmbg"}, errors.OptionError, "not 'rmbg'"),
        ({"row": {"meen": 1}}, errors.ModelError, "no key 'meen'; did you mean mean"),
        ({"row": {"size": (0, 1)}}, errors.ModelError, "size"),
        ({"photo": "none.jpg"}, errors.ImageError, r"none\.jpg"),
    ],
)
def test_what_is_wrong_is_said_before_any_work(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], kind: Any, message: str
):
    monkeypatch.chdir(tmp_path)
    if "source" not in change:
        monkeypatch.setattr(converter, "load", lambda *_, **__: pytest.fail("the model was loaded"))
    options = {"source": weights, "output": "mine.onnx", "like": "rmbg-1.4", **change}
    with pytest.raises(kind, match=message):
        run(options.pop("source"), Path(options.pop("output")), **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_a_missing_package_is_named_with_its_extra(hub: Path, monkeypatch: pytest.MonkeyPatch, package: str):
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else there(name))
    folder = stand_in(hub / "stand-in")
    with pytest.raises(errors.RmbgError, match=rf"needs {package}: pip install 'rmbg-fast\[convert\]'"):
        run(folder, hub / "mine.onnx", like="rmbg-2.0", trust_remote_code=True)
