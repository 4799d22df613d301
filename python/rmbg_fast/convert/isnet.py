"""The network of IS-Net and RMBG-1.4, for the converter: importing this module needs torch.

Written after the papers. Residual U-blocks, the U of U-blocks around them and its side outputs: U^2-Net (Qin et al.,
2020, https://arxiv.org/abs/2005.09007). The convolution of stride 2 in front, which halves the image before the first
stage: IS-Net (Qin et al., 2022, https://arxiv.org/abs/2203.03041). Every module has the name that it has in the
published state dicts, so that these load as they are; the names are therefore a part of the contract.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class ConvNormRelu(nn.Module):
    """A 3x3 convolution that keeps height and width, batch normalisation, ReLU."""

    def __init__(self, channels: int, out_channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(channels, out_channels, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn_s1(self.conv_s1(x)))


class ResidualUBlock(nn.Module):
    """RSU-`height` of the paper: a small U of `height` levels whose result is added to its own input convolution.

    Each level but the last two halves the map; the last one is dilated instead. With `dilated`, as in RSU-4F, no level
    halves it: the dilation doubles from level to level.
    """

    def __init__(self, height: int, channels: int, mid: int, out_channels: int, *, dilated: bool = False) -> None:
        super().__init__()
        self.height, self.dilated = height, dilated
        self.rebnconvin = ConvNormRelu(channels, out_channels)
        for level in range(1, height + 1):
            dilation = 2 ** (level - 1) if dilated else 2 if level == height else 1
            self.add_module(f"rebnconv{level}", ConvNormRelu(out_channels if level == 1 else mid, mid, dilation))
        for level in range(height - 1, 0, -1):
            dilation = 2 ** (level - 1) if dilated else 1
            block = ConvNormRelu(2 * mid, out_channels if level == 1 else mid, dilation)
            self.add_module(f"rebnconv{level}d", block)

    def forward(self, x: Tensor) -> Tensor:
        x = self.rebnconvin(x)
        down = [self.get_submodule("rebnconv1")(x)]
        for level in range(2, self.height + 1):
            before = down[-1] if self.dilated or level == self.height else _halve(down[-1])
            down.append(self.get_submodule(f"rebnconv{level}")(before))
        up = down.pop()
        for level in range(self.height - 1, 0, -1):
            skip = down.pop()
            up = self.get_submodule(f"rebnconv{level}d")(torch.cat((_resize(up, skip), skip), 1))
        return up + x


class ISNet(nn.Module):
    """IS-Net's segmentation network, which RMBG-1.4 shares: 44 million parameters.

    (N, 3, H, W) float32, the normalised image -> six masks (N, 1, H, W), sigmoids in 0..1: the first, from the finest
    decoder stage, is the model's result; the others are the side outputs of ever coarser stages, for training. H and W
    may be anything from 2 on; the weights are trained at 1024.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3, 64, 3, stride=2, padding=1)
        self.stage1 = ResidualUBlock(7, 64, 32, 64)
        self.stage2 = ResidualUBlock(6, 64, 32, 128)
        self.stage3 = ResidualUBlock(5, 128, 64, 256)
        self.stage4 = ResidualUBlock(4, 256, 128, 512)
        self.stage5 = ResidualUBlock(4, 512, 256, 512, dilated=True)
        self.stage6 = ResidualUBlock(4, 512, 256, 512, dilated=True)
        self.stage5d = ResidualUBlock(4, 1024, 256, 512, dilated=True)
        self.stage4d = ResidualUBlock(4, 1024, 128, 256)
        self.stage3d = ResidualUBlock(5, 512, 64, 128)
        self.stage2d = ResidualUBlock(6, 256, 32, 64)
        self.stage1d = ResidualUBlock(7, 128, 16, 64)
        for stage, channels in enumerate((64, 64, 128, 256, 512, 512), 1):
            self.add_module(f"side{stage}", nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        skips = [self.stage1(self.conv_in(x))]
        for stage in (self.stage2, self.stage3, self.stage4, self.stage5, self.stage6):
            skips.append(stage(_halve(skips[-1])))
        decoded = [skips.pop()]
        for stage in (self.stage5d, self.stage4d, self.stage3d, self.stage2d, self.stage1d):
            skip = skips.pop()
            decoded.append(stage(torch.cat((_resize(decoded[-1], skip), skip), 1)))
        return tuple(
            torch.sigmoid(_resize(self.get_submodule(f"side{stage}")(features), x))
            for stage, features in enumerate(reversed(decoded), 1)
        )


def _halve(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 2, stride=2, ceil_mode=True)


def _resize(x: Tensor, like: Tensor) -> Tensor:
    sizes = [(int(old), int(new)) for old, new in zip(x.shape[2:], like.shape[2:], strict=True)]
    if all(new % old == 0 for old, new in sizes):  # a number in an exported graph, where a size has to be computed
        factors = [float(new // old) for old, new in sizes]
        return functional.interpolate(x, scale_factor=factors, mode="bilinear", align_corners=False)
    return functional.interpolate(x, size=[new for _, new in sizes], mode="bilinear", align_corners=False)
