"""isnet: our network with the published weights gives the published graph's masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from PIL import Image
from skimage import data

from rmbg_fast._graphs import prepare

torch = pytest.importorskip("torch")
from rmbg_fast.convert.isnet import ISNet  # noqa: E402


def with_weights_of(graph: onnx.GraphProto) -> ISNet:
    """The network with an exported graph's weights. The exporter has folded the batch norms into the convolutions, so
    that ours do nothing; its nodes still carry the modules' names."""
    net = ISNet().eval()
    state: dict[str, Any] = {}
    for name, module in net.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            ones, zeros = torch.ones(module.num_features), torch.zeros(module.num_features)
            values = {"weight": ones, "bias": zeros, "running_mean": zeros, "running_var": ones - module.eps}
            state |= {f"{name}.{key}": value for key, value in values.items()}
            state[f"{name}.num_batches_tracked"] = torch.tensor(0)
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Conv":
            name = node.name.strip("/").replace("/", ".").removesuffix(".Conv")
            for key, tensor in zip(("weight", "bias"), node.input[1:], strict=True):
                state[f"{name}.{key}"] = torch.from_numpy(numpy_helper.to_array(weights[tensor]).astype(np.float32))
    net.load_state_dict(state)
    return net


def test_the_published_weights_give_the_published_masks(isnet_path: Path):
    net = with_weights_of(onnx.load(isnet_path).graph)
    photo = np.asarray(Image.fromarray(data.chelsea()).resize((1024, 1024), Image.Resampling.BILINEAR))
    tensor = (photo.transpose(2, 0, 1)[None] / 255 - 0.5).astype(np.float32)
    graph = prepare.prepare(isnet_path, output="output")  # float32: rounding to float16 is no part of the network
    wanted = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(None, {"input": tensor})[0]
    with torch.inference_mode():
        masks = [mask.numpy() for mask in net(torch.from_numpy(tensor))]
    assert [mask.shape for mask in masks] == [(1, 1, 1024, 1024)] * 6
    assert np.abs(masks[0] - wanted).max() < 1e-3
    assert wanted.min() < 0.01
    assert wanted.max() > 0.99


@pytest.mark.parametrize("size", [(64, 64), (33, 50), (2, 2)])
def test_any_size_gives_six_masks_of_that_size(size: tuple[int, int]):
    torch.manual_seed(0)
    with torch.inference_mode():
        masks = ISNet().eval()(torch.rand(2, 3, *size))
    assert [tuple(mask.shape) for mask in masks] == [(2, 1, *size)] * 6
    assert all(0 <= mask.min() <= mask.max() <= 1 for mask in masks)


def test_the_keys_are_those_of_the_published_state_dict():
    keys = list(ISNet().state_dict())
    assert len(keys) == 798  # 112 x (convolution, its norm) + 7 x convolution
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    for block in ("stage1.rebnconv7", "stage4d.rebnconv1d", "stage5.rebnconv3d", "stage6.rebnconvin"):
        wanted = {f"{block}.conv_s1.weight", f"{block}.conv_s1.bias"} | {f"{block}.bn_s1.{key}" for key in norm}
        assert {key for key in keys if key.startswith(f"{block}.")} == wanted
    assert {key.split(".")[0] for key in keys} == {
        "conv_in", *(f"stage{n}" for n in range(1, 7)), *(f"stage{n}d" for n in range(1, 6)),
        *(f"side{n}" for n in range(1, 7)),
    }  # fmt: skip
