"""deform: our deformable convolution against the definition, in loops, and inside ONNX Runtime."""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import sys
import types
import warnings
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
from rmbg_fast._runtime import library  # noqa: E402
from rmbg_fast.convert import deform  # noqa: E402

CASES = {  # channels, out channels, groups, offset groups, kernel, stride, padding, dilation, mask, bias
    "plain": (2, 3, 1, 1, (3, 3), (1, 1), (1, 1), (1, 1), False, False),
    "modulated": (4, 2, 1, 1, (3, 3), (1, 1), (1, 1), (1, 1), True, True),
    "of one tap": (3, 2, 1, 1, (1, 1), (1, 1), (0, 0), (1, 1), True, True),
    "all groups": (8, 4, 2, 4, (2, 3), (2, 1), (0, 2), (1, 2), True, True),
}


def tensors(case: str, batch: int = 2, height: int = 7, width: int = 6) -> dict[str, Any]:
    channels, out, groups, offset_groups, kernel, stride, padding, dilation, masked, biased = CASES[case]
    rng = np.random.default_rng(1)
    sizes = [
        (size + 2 * pad - step * (tap - 1) - 1) // hop + 1
        for size, pad, step, tap, hop in zip((height, width), padding, dilation, kernel, stride, strict=True)
    ]
    taps = offset_groups * math.prod(kernel)

    def random(*shape: int, spread: float = 1.0) -> Any:
        return torch.from_numpy((rng.standard_normal(shape) * spread).astype(np.float32))

    return {
        "input": random(batch, channels, height, width),
        "offset": random(batch, 2 * taps, *sizes, spread=2.0),  # far enough to leave the map
        "weight": random(out, channels // groups, *kernel),
        "bias": random(out) if biased else None,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "mask": torch.sigmoid(random(batch, taps, *sizes)) if masked else None,
    }


def by_definition(
    input: Any, offset: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, mask: Any
) -> NDArray[Any]:
    x, o, w = (np.asarray(each, np.float64) for each in (input, offset, weight))
    batch, channels, height, width = x.shape
    out, group_channels, kh, kw = w.shape
    taps = kh * kw
    groups, per_offset = channels // group_channels, channels // (o.shape[1] // (2 * taps))
    result = np.zeros((batch, out, *o.shape[2:]))

    def pixel(n: int, c: int, row: int, column: int) -> float:
        return float(x[n, c, row, column]) if 0 <= row < height and 0 <= column < width else 0.0

    for n, k, i, j in itertools.product(*map(range, result.shape)):
        total = 0.0 if bias is None else float(bias[k])
        for local, tap in itertools.product(range(group_channels), range(taps)):
            c = k // (out // groups) * group_channels + local
            index = c // per_offset * taps + tap
            y = i * stride[0] - padding[0] + tap // kw * dilation[0] + o[n, 2 * index, i, j]
            z = j * stride[1] - padding[1] + tap % kw * dilation[1] + o[n, 2 * index + 1, i, j]
            top, left = math.floor(y), math.floor(z)
            value = sum(
                (1 - abs(y - row)) * (1 - abs(z - column)) * pixel(n, c, row, column)
                for row in (top, top + 1)
                for column in (left, left + 1)
            )
            factor = 1.0 if mask is None else float(mask[n, index, i, j])
            total += w[k, local, tap // kw, tap % kw] * value * factor
        result[n, k, i, j] = total
    return result


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_definition(case: str):
    given = tensors(case)
    assert np.abs(deform.deform_conv2d(**given).numpy() - by_definition(**given)).max() < 1e-4


def test_without_offsets_it_is_a_convolution():
    given = tensors("plain")
    given["offset"] = torch.zeros_like(given["offset"])
    plain = torch.nn.functional.conv2d(given["input"], given["weight"], padding=1)
    assert torch.allclose(deform.deform_conv2d(**given), plain, atol=1e-4)


@pytest.mark.parametrize("opset", [16, 17, 18, 19, 20])
@pytest.mark.parametrize("case", CASES)
def test_onnx_runtime_runs_it(monkeypatch: pytest.MonkeyPatch, case: str, opset: int):
    operator = opset >= 19
    library.load()
    if operator and not library.has_deform_conv():
        pytest.skip("this ONNX Runtime has no DeformConv")
    given = tensors(case)
    ops = types.ModuleType("torchvision.ops")
    vars(ops)["deform_conv2d"] = print
    monkeypatch.setitem(sys.modules, "torchvision.ops", ops)

    class Layer(torch.nn.Module):
        def forward(self, input: Any, offset: Any, mask: Any = None) -> Any:
            return vars(ops)["deform_conv2d"](**{**given, "input": input, "offset": offset, "mask": mask})

    names = ["input", "offset", "mask"][: 3 if given["mask"] is not None else 2]
    content = io.BytesIO()
    with warnings.catch_warnings(), deform.exportable(opset):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Layer(), tuple(given[name][:1] for name in names), content, input_names=names, opset_version=opset,
            dynamic_axes={name: {0: "batch"} for name in names}, dynamo=False,
        )  # fmt: skip
    written = [node.op_type for node in onnx.load_from_string(content.getvalue()).graph.node]
    assert written.count("DeformConv") == operator
    assert ("GridSample" in written) != operator
    session = onnxruntime.InferenceSession(content.getvalue(), providers=["CPUExecutionProvider"])
    result = session.run(None, {name: given[name].numpy() for name in names})[0]
    assert np.abs(result - by_definition(**given)).max() < 1e-4


def test_torchvision_s_is_replaced_everywhere_and_put_back(monkeypatch: pytest.MonkeyPatch):
    def original() -> None:
        raise AssertionError

    ops, model = types.ModuleType("torchvision.ops"), types.ModuleType("a_model_s_code")
    for module in (ops, model):
        vars(module)["deform_conv2d"] = original
        monkeypatch.setitem(sys.modules, module.__name__, module)
    with contextlib.suppress(KeyError), deform.exportable(17):
        assert vars(ops)["deform_conv2d"] is vars(model)["deform_conv2d"] is deform.deform_conv2d
        raise KeyError
    assert vars(ops)["deform_conv2d"] is vars(model)["deform_conv2d"] is original
    assert deform.deform_conv2d is not original


def test_without_torchvision_nothing_happens(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "torchvision.ops", raising=False)
    with deform.exportable(17):
        assert deform.deform_conv2d.__module__ == "rmbg_fast.convert.deform"
