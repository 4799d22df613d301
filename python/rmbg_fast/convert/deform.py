"""Deformable convolution in ONNX: importing this module needs torch.

BiRefNet samples its maps with `torchvision.ops.deform_conv2d`, which torch's exporters do not know. From opset 19 on it
is exported as `DeformConv`, which ONNX Runtime computes since 1.25. ONNX below that cannot say it: each tap of the
kernel is a bilinear sampling there (`GridSample`, of opset 16) and a 1x1 convolution.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_NAME = "deform_conv2d"
_OPSET = 19  # the first with DeformConv


def deform_conv2d(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = (1, 1),
    padding: int | tuple[int, int] = (0, 0),
    dilation: int | tuple[int, int] = (1, 1),
    mask: Tensor | None = None,
) -> Tensor:
    """`torchvision.ops.deform_conv2d`: Deformable ConvNets v2 (Zhu et al., 2018, https://arxiv.org/abs/1811.11168).

    `input` (N, C, H, W); `weight` (O, C / groups, kh, kw); `offset` (N, 2 x G x kh x kw, Ho, Wo), pixels, of each tap
    first down, then to the right; `mask` (N, G x kh x kw, Ho, Wo), a factor of each sample. G groups of the channels
    have their own offsets. A sample is bilinear, and 0 beyond the edge. -> (N, O, Ho, Wo).
    """
    channels, height, width = (int(size) for size in input.shape[1:])
    out_channels, group_channels, kernel_height, kernel_width = (int(size) for size in weight.shape)
    (down, right), (top, left), (step_y, step_x) = _pair(stride), _pair(padding), _pair(dilation)
    taps = kernel_height * kernel_width
    offset_groups = int(offset.shape[1]) // (2 * taps)
    rows = torch.arange(int(offset.shape[2]), dtype=input.dtype, device=input.device)[:, None] * down - top
    columns = torch.arange(int(offset.shape[3]), dtype=input.dtype, device=input.device)[None, :] * right - left
    result: Tensor | None = None
    for tap in range(taps):
        at_y, at_x = rows + tap // kernel_width * step_y, columns + tap % kernel_width * step_x
        sampled = []
        for group, part in enumerate(input.split(channels // offset_groups, 1)):
            index = group * taps + tap
            y, x = at_y + offset[:, 2 * index], at_x + offset[:, 2 * index + 1]
            # grid_sample counts from -1, the outer edge of the first pixel, to 1, that of the last one
            grid = torch.stack(((2 * x + 1) / width - 1, (2 * y + 1) / height - 1), -1)
            values = functional.grid_sample(part, grid, "bilinear", "zeros", align_corners=False)
            sampled.append(values if mask is None else values * mask[:, index : index + 1])
        kernel = weight[:, :, tap // kernel_width, tap % kernel_width].reshape(out_channels, group_channels, 1, 1)
        share = functional.conv2d(torch.cat(sampled, 1), kernel, groups=channels // group_channels)
        result = share if result is None else result + share
    assert result is not None
    return result if bias is None else result + bias.reshape(1, -1, 1, 1)


class _Operator(torch.autograd.Function):
    """`deform_conv2d`, which the exporter writes as one node; `attributes` are that node's, as torch names them."""

    @staticmethod
    def forward(
        ctx: Any,
        input: Tensor,
        offset: Tensor,
        weight: Tensor,
        bias: Tensor,
        mask: Tensor,
        attributes: dict[str, Any],
    ) -> Tensor:
        stride, padding, dilation = (attributes[name] for name in ("strides_i", "pads_i", "dilations_i"))
        return deform_conv2d(input, offset, weight, bias, stride, padding[:2], dilation, mask)

    @staticmethod
    def symbolic(g: Any, input: Any, offset: Any, weight: Any, bias: Any, mask: Any, attributes: dict[str, Any]) -> Any:
        return g.op("DeformConv", input, weight, offset, bias, mask, **attributes)


def operator(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = (1, 1),
    padding: int | tuple[int, int] = (0, 0),
    dilation: int | tuple[int, int] = (1, 1),
    mask: Tensor | None = None,
) -> Tensor:
    """`deform_conv2d`, exported as DeformConv."""
    bias = weight.new_zeros(int(weight.shape[0])) if bias is None else bias
    mask = torch.ones_like(offset[:, ::2]) if mask is None else mask
    kernel = [int(size) for size in weight.shape[2:]]
    attributes = {
        "kernel_shape_i": kernel,
        "strides_i": _pair(stride),
        "pads_i": [*_pair(padding), *_pair(padding)],
        "dilations_i": _pair(dilation),
        "group_i": int(input.shape[1]) // int(weight.shape[1]),
        "offset_group_i": int(offset.shape[1]) // (2 * kernel[0] * kernel[1]),
    }
    result: Tensor = _Operator.apply(input, offset, weight, bias, mask, attributes)
    return result


@contextmanager
def exportable(opset: int) -> Iterator[None]:
    """Within it all loaded modules that have torchvision's `deform_conv2d` call one that can be exported; without
    torchvision it does nothing."""
    ours = operator if opset >= _OPSET else deform_conv2d
    original = getattr(sys.modules.get("torchvision.ops"), _NAME, None)
    if original is None:
        yield
        return
    users = [module for module in list(sys.modules.values()) if getattr(module, "__dict__", {}).get(_NAME) is original]
    for module in users:
        setattr(module, _NAME, ours)
    try:
        yield
    finally:
        for module in users:
            setattr(module, _NAME, original)


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))
