"""IS-Net's and RMBG-1.4's weights become ONNX files that need no row, from every kind of file, or nothing is left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from skimage import data

from rmbg_fast import Session, _core, convert, errors, models
from rmbg_fast.convert import Report
from rmbg_fast.models import metadata

torch = pytest.importorskip("torch")
from rmbg_fast.convert import sources  # noqa: E402
from rmbg_fast.convert.isnet import ISNet  # noqa: E402
from support.conversions import SIZE, outputs, quiet, run, stand_in  # noqa: E402


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


def test_no_gradients_are_kept(state: dict[str, Any], tmp_path: Path):
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    made = sources.load(str(path), say=quiet).network(torch.zeros(1, 3, *SIZE))
    assert not any(mask.requires_grad for mask in made[0])


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


def test_isnet_s_weights_in_a_folder_need_no_code_of_theirs(weights: Path, hub: Path):
    folder = stand_in(hub / "RMBG-1.4")
    (folder / "model.safetensors").unlink()
    (folder / "model.pth").symlink_to(weights)
    model = sources.load(str(folder), say=quiet)
    assert (model.name, type(model.network), model.logits) == ("RMBG-1.4", ISNet, False)
