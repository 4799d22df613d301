"""convert: torch models become ONNX files that need no row, from every kind of source, or nothing is left behind."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from skimage import data

from rmbg_fast import Session, _core, convert, errors, models
from rmbg_fast._cli.main import main
from rmbg_fast.convert import KNOWN, Report, converter
from rmbg_fast.models import metadata

torch = pytest.importorskip("torch")
from rmbg_fast.convert import deform, export, sources  # noqa: E402
from rmbg_fast.convert.isnet import ISNet  # noqa: E402

SIZE = (64, 128)  # a multiple of 64: every level of IS-Net is then half of the one above


def quiet(line: str) -> None:
    pass


def run(source: Any, target: Path, **options: Any) -> Report:
    row = {"size": SIZE, **options.pop("row", {})}
    return convert.convert(source, target, row=row, say=quiet, **options)


def outputs(path: Path, batch: int) -> Any:
    images = np.random.default_rng(batch).random((batch, 3, *SIZE), np.float32) - 0.5
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return images, session.run(None, {"input": images})


# --- IS-Net and RMBG-1.4 ---


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    torch.manual_seed(0)
    return dict(ISNet().state_dict())


@pytest.fixture(scope="module")
def weights(state: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "model.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def isnet(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Report, list[str]]]:
    """A converted file, its report and the lines of progress."""
    path, lines = tmp_path_factory.mktemp("converted") / "mine.onnx", []
    report = convert.convert(weights, path, like="rmbg-1.4", row={"size": SIZE}, say=lines.append)
    yield path, report, lines
    path.unlink()  # 176 MB


def test_a_state_dict_becomes_a_graph_of_one_output_and_a_free_batch(isnet: tuple[Path, Report, list[str]]):
    path, report, _ = isnet
    made = onnx.load(path)
    onnx.checker.check_model(made, full_check=True)
    assert [item.version for item in made.opset_import if not item.domain] == [17]
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*made.graph.input, *made.graph.output)
    }
    assert shapes == {"input": ["batch", 3, *SIZE], "output": ["batch", 1, *SIZE]}
    kinds = {node.op_type for node in made.graph.node}
    assert kinds == {"Conv", "Relu", "MaxPool", "Resize", "Constant", "Concat", "Add", "Sigmoid"}  # all else is folded
    assert report.path == path
    assert report.bytes == path.stat().st_size
    assert report.mean <= report.largest < 1e-4
    assert metadata.read(path) == json.loads(json.dumps(report.row))


def test_two_images_at_once_give_the_masks_of_each(isnet: tuple[Path, Report, list[str]], state: dict[str, Any]):
    images, (masks,) = outputs(isnet[0], 2)
    net = ISNet().eval()
    net.load_state_dict(state)
    with torch.inference_mode():
        wanted = net(torch.from_numpy(images))[0].numpy()
    assert masks.shape == (2, 1, *SIZE)
    assert np.abs(masks - wanted).max() < 1e-4


def test_a_session_takes_the_file_as_it_is(isnet: tuple[Path, Report, list[str]]):
    session = Session(isnet[0], device="cpu")
    recipe, official = session.model, models.get("rmbg-1.4")
    assert (recipe.size, recipe.input, recipe.output, recipe.activation) == (SIZE, "input", "output", "none")
    assert (recipe.mean, recipe.std, recipe.license, recipe.commercial) == (
        official.mean, official.std, official.license, False,
    )  # fmt: skip
    assert session.mask(data.chelsea(), on_empty="ignore").shape == (300, 451)  # random weights see no subject
    if _core.network_tier():  # a free batch does not stand in the way of our own convolutions
        assert len(session.details["convolutions"]["replaced"]) == 114


def test_progress_tells_sizes_licence_and_differences(isnet: tuple[Path, Report, list[str]]):
    text = "\n".join(isnet[2])
    for part in ("model.pth: 176", "44.0 million parameters", "opset 17", "grey levels", "forbids commercial use"):
        assert part in text
    assert isnet[2][-1].startswith(str(isnet[0]))


def test_safetensors_of_a_wrapped_half_precision_training_run_and_the_oldest_opset(
    state: dict[str, Any], tmp_path: Path
):
    save_file = pytest.importorskip("safetensors.torch").save_file
    kept = {f"module.{key}": value.half() for key, value in state.items() if "num_batches" not in key}
    save_file(kept, tmp_path / "net.safetensors")
    run(tmp_path / "net.safetensors", tmp_path / "mine.onnx", like="isnet-general-use", opset=14, dynamic_batch=False)
    made = onnx.load(tmp_path / "mine.onnx")
    assert [item.version for item in made.opset_import if not item.domain] == [14]
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1
    assert models.get(tmp_path / "mine.onnx").license == "Apache-2.0"


def test_a_checkpoint_around_a_state_dict_is_opened(state: dict[str, Any], tmp_path: Path):
    torch.save({"epoch": 3, "state_dict": {"model": state}}, tmp_path / "last.pt")
    assert sources.read_state(tmp_path / "last.pt", quiet).keys() == state.keys()


def test_another_state_dict_is_refused_by_its_keys(state: dict[str, Any], tmp_path: Path):
    wrong = {key: value for key, value in state.items() if not key.startswith("side3.")}
    wrong |= {"side1.bias": torch.zeros(2), "outconv.weight": torch.zeros(1)}
    torch.save(wrong, tmp_path / "u2net.pth")
    message = (
        r"u2net\.pth: is no state dict of IS-Net.*missing: side3\.bias, side3\.weight; unexpected: outconv\.weight; "
        r"of another shape: side1\.bias"
    )
    with pytest.raises(errors.ModelError, match=message):
        run(tmp_path / "u2net.pth", tmp_path / "mine.onnx", like="isnet-general-use")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(errors.ModelError, match=r"missing: conv_in\.bias, conv_in\.weight, .* and \d+ more"):
        run(tmp_path / "other.pth", tmp_path / "mine.onnx", like="isnet-general-use")
    assert not (tmp_path / "mine.onnx").exists()


class Evil:
    def __reduce__(self) -> Any:
        return print, ("code of a checkpoint was executed",)


def test_no_code_in_a_checkpoint_is_executed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    torch.save({"conv_in.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(errors.ModelError, match=r"evil\.pth: cannot be read as a state dict of nothing but tensors"):
        run(tmp_path / "evil.pth", tmp_path / "mine.onnx", like="rmbg-1.4")
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["broken.pth", "broken.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all"])
def test_a_broken_file_is_named(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.ModelError, match=f"{name}: cannot be read"):
        run(tmp_path / name, tmp_path / "mine.onnx", like="rmbg-1.4")


# --- Hugging Face's layout: a stand-in with its own code, of two outputs, logits, the finer one last ---

CONFIGURATION = """
from transformers import PretrainedConfig

class StandInConfig(PretrainedConfig):
    model_type = "stand_in"
"""
MODELLING = """
import torch
from torch import nn
from transformers import PreTrainedModel
from .configuration import StandInConfig

class StandIn(PreTrainedModel):
    config_class = StandInConfig

    def __init__(self, config):
        super().__init__(config)
        self.features = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.mask = nn.Conv2d(8, 1, 3, padding=1)
        self.post_init()

    def forward(self, x):
        features = torch.relu(self.norm(self.features(x)))
        coarse = nn.functional.avg_pool2d(features, 4)
        coarse = nn.functional.interpolate(coarse, size=x.shape[2:], mode="bilinear", align_corners=True)
        return [self.mask(coarse), [RESULT]]
"""
SHAPES = {
    "features.weight": (8, 3, 3, 3), "features.bias": (8,), "norm.weight": (8,), "norm.bias": (8,),
    "norm.running_mean": (8,), "norm.running_var": (8,), "mask.weight": (1, 8, 3, 3), "mask.bias": (1,),
}  # fmt: skip


def stand_in(
    folder: Path,
    result: str = "4 * self.mask(features + coarse) - 2",
    without: str = "",
    file: str = "model.safetensors",
) -> Path:
    """A folder as Hugging Face has them."""
    folder.mkdir()
    generator = torch.Generator().manual_seed(7)
    tensors = {key: torch.rand(shape, generator=generator) - 0.5 for key, shape in SHAPES.items() if key != without}
    tensors["norm.running_var"] = torch.ones(8)
    tensors["norm.num_batches_tracked"] = torch.tensor(1)
    if file.endswith(".safetensors"):
        importlib.import_module("safetensors.torch").save_file(tensors, folder / file, metadata={"format": "pt"})
    else:
        torch.save(tensors, folder / file)
    code = {"AutoConfig": "configuration.StandInConfig", "AutoModelForImageSegmentation": "modelling.StandIn"}
    config = {"architectures": ["StandIn"], "model_type": "stand_in", "auto_map": code}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "configuration.py").write_text(CONFIGURATION)
    (folder / "modelling.py").write_text(MODELLING.replace("RESULT", result))
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where transformers puts the code that it executes: not into the user's cache."""
    modules = pytest.importorskip("transformers.dynamic_module_utils")
    pytest.importorskip("safetensors")
    monkeypatch.setattr(modules, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in [name for name in sys.modules if name.startswith("transformers_modules")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


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


def test_isnet_s_weights_in_a_folder_need_no_code_of_theirs(weights: Path, hub: Path):
    folder = stand_in(hub / "RMBG-1.4")
    (folder / "model.safetensors").unlink()
    (folder / "model.pth").symlink_to(weights)
    model = sources.load(str(folder), say=quiet)
    assert (model.name, type(model.network), model.logits) == ("RMBG-1.4", ISNet, False)


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


# --- Hugging Face itself, which is not asked here ---


def test_an_id_is_fetched_and_has_its_own_row(hub: Path, monkeypatch: pytest.MonkeyPatch):
    import huggingface_hub

    folder = stand_in(hub / "snapshot", file="pytorch_model.bin")
    asked: list[dict[str, Any]] = []

    def fetch(name: str, **options: Any) -> str:
        asked.append({"name": name, **options})
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    monkeypatch.delenv("RMBG_FAST_OFFLINE", raising=False)
    run("ZhengPeng7/BiRefNet_lite", hub / "mine.onnx", trust_remote_code=True)
    spec = models.get(hub / "mine.onnx")
    assert (spec.title, spec.license, spec.commercial, spec.activation) == ("BiRefNet lite", "MIT", True, "sigmoid")
    assert [call["name"] for call in asked] == ["ZhengPeng7/BiRefNet_lite"] * 2  # no safetensors: once more
    assert "*.safetensors" in asked[0]["allow_patterns"]
    assert "*.bin" in asked[1]["allow_patterns"]
    assert not any(call["local_files_only"] for call in asked)


def test_a_download_that_fails_is_explained(hub: Path, monkeypatch: pytest.MonkeyPatch):
    import huggingface_hub

    def fetch(name: str, *, local_files_only: bool, **_: Any) -> str:
        assert local_files_only
        raise OSError("not in the cache\nand more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    monkeypatch.setenv("RMBG_FAST_OFFLINE", "1")
    with pytest.raises(errors.ModelDownloadError, match=r"RMBG-2\.0: cannot be had .*: not in the cache; .*licence"):
        run("briaai/RMBG-2.0", hub / "mine.onnx", trust_remote_code=True)


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_id_has_a_whole_row(name: str):
    row = converter._row(KNOWN[name], name)
    assert row["license"]
    assert row["commercial"] is not name.startswith("briaai/")
    assert row["size"][0] in (512, 1024, 2048)
    assert row["dynamic"] == 0
    again = models.from_row("again", row, where="the file")  # as it is read back
    assert again.row() == row


def test_another_recipe_gives_a_known_id_no_other_licence():
    row = converter._row({**KNOWN["briaai/RMBG-1.4"], "like": "isnet-general-use"}, "briaai/RMBG-1.4")
    assert (row["recipe"], row["commercial"], row["title"]) == ("isnet", False, "BRIA RMBG 1.4")


def test_a_row_of_any_size_becomes_one_of_one_size():
    row = converter._row({"like": "birefnet-dynamic", "size": (64, 64)}, "folder")
    assert (row["size"], row["dynamic"]) == ((64, 64), 0)


# --- the command ---


def test_the_command_passes_everything_on(monkeypatch: pytest.MonkeyPatch):
    given: dict[str, Any] = {}
    monkeypatch.setattr(convert, "convert", lambda *names, **options: given.update(options, names=names))
    words = (
        "convert a/b -o c.onnx --like u2netp --size 64x128 --set license=MIT --set commercial=false --set mean=[0,0,0]"
    )
    words += " --opset 20 --fixed-batch --trust-remote-code --photo cat.jpg --tolerance 0.01"
    assert main(words.split()) == 0
    del given["say"]
    assert given == {
        "names": ("a/b", "c.onnx"), "like": "u2netp", "opset": 20, "dynamic_batch": False, "trust_remote_code": True,
        "row": {"size": (64, 128), "license": "MIT", "commercial": False, "mean": [0, 0, 0]},
        "photo": "cat.jpg", "tolerance": 0.01,
    }  # fmt: skip


def test_the_command_s_defaults_are_the_function_s(monkeypatch: pytest.MonkeyPatch):
    given: dict[str, Any] = {}
    monkeypatch.setattr(convert, "convert", lambda *names, **options: given.update(options))
    assert main(["convert", "a/b", "-o", "c.onnx"]) == 0
    assert (given["opset"], given["tolerance"]) == (converter.OPSET, converter.TOLERANCE)
    assert given["dynamic_batch"] is True
    assert given["trust_remote_code"] is False


@pytest.mark.parametrize("option", ["--size=big", "--size=1x2x3", "--set=license", "--set==MIT", "--opset=new"])
def test_a_bad_option_is_wrong_usage(option: str, capsys: pytest.CaptureFixture[str]):
    assert main(["convert", "a/b", "-o", "c.onnx", option]) == 2
    assert option.split("=")[0] in capsys.readouterr().err


def test_the_script_is_the_command(monkeypatch: pytest.MonkeyPatch):
    path = Path(__file__).parents[2] / "scripts" / "convert_rmbg_to_onnx.py"
    given: list[Any] = []
    monkeypatch.setattr(convert, "convert", lambda *names, **options: given.append((names, options["like"])))
    for words in ([], ["a.pth", "-o", "b.onnx", "--like", "rmbg-1.4"]):
        monkeypatch.setattr(sys, "argv", [str(path), *words])
        with pytest.raises(SystemExit) as ended:
            exec(compile(path.read_text(), path, "exec"), {"__name__": "__main__"})
        assert ended.value.code == 0
    assert given == [(("briaai/RMBG-1.4", "rmbg-1.4.onnx"), None), (("a.pth", "b.onnx"), "rmbg-1.4")]
