# SPDX-License-Identifier: Apache-2.0
"""The network to learn with: a small U-Net of depthwise convolutions over three planes.

`keras_net.py` is the same network to convert with, layer for layer; torch is four times faster at
fitting it.  What pads must be told: TFLite pads a stride of 2 at the far side first.
"""

import torch
from torch import nn
from torch.nn import functional

WIDTHS = (12, 20, 32, 56)


def same(x: torch.Tensor, size: int, stride: int, dilation: int = 1) -> torch.Tensor:
    """Padding as TensorFlow's `same`, for even sizes."""
    whole = (size - 1) * dilation
    if stride == 2:
        whole -= 1
    before = whole // 2
    return functional.pad(x, (before, whole - before, before, whole - before))


class Conv(nn.Module):
    """Convolution, normalisation, ReLU6."""

    def __init__(self, wide: int, width: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.size, self.stride = size, stride
        self.conv = nn.Conv2d(wide, width, size, stride, bias=False)
        self.norm = nn.BatchNorm2d(width, eps=1e-3, momentum=0.05)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.size > 1:
            x = same(x, self.size, self.stride)
        return functional.relu6(self.norm(self.conv(x)))


class Separable(nn.Module):
    """Depthwise 3x3, pointwise, each with its normalisation; a residual where it fits."""

    def __init__(self, wide: int, width: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.stride, self.dilation = stride, dilation
        self.depth = nn.Conv2d(wide, wide, 3, stride, dilation=dilation, groups=wide, bias=False)
        self.depth_norm = nn.BatchNorm2d(wide, eps=1e-3, momentum=0.05)
        self.point = nn.Conv2d(wide, width, 1, bias=False)
        self.point_norm = nn.BatchNorm2d(width, eps=1e-3, momentum=0.05)
        self.is_residual = stride == 1 and wide == width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.depth_norm(self.depth(same(x, 3, self.stride, self.dilation)))
        found = self.point_norm(self.point(functional.relu6(found)))
        return functional.relu6(found + x if self.is_residual else found)


def twice(x: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Plume(nn.Module):
    """(B, 3, 120, 160) in -1..1 to (B, 120, 160) logits."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.stem, self.first = Conv(3, a, 3, 2), Separable(a, b)
        self.down2, self.quarter = Separable(b, c, 2), Separable(c, c)
        self.down3, self.deep1 = Separable(c, d, 2), Separable(d, d)
        self.deep2 = Separable(d, d, dilation=2)
        self.gate = nn.Conv2d(d, d, 1)
        self.deep3 = Separable(d, d)
        self.up2, self.join2 = Conv(d, c, 1), Separable(2 * c, c)
        self.up1, self.join1 = Conv(c, b, 1), Separable(2 * b, b)
        self.gas = nn.Conv2d(b, 1, 1)
        nn.init.constant_(self.gas.bias, -4.0)

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        half = self.first(self.stem(planes))
        quarter = self.quarter(self.down2(half))
        x = self.deep2(self.deep1(self.down3(quarter)))
        x = x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        x = self.deep3(x)
        x = self.join2(torch.cat((twice(self.up2(x)), quarter), 1))
        x = self.join1(torch.cat((twice(self.up1(x)), half), 1))
        return twice(self.gas(x))[:, 0]
