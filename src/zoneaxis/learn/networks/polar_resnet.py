"""ResNet-18 for patterns over radius and angle: its convolutions go on round the angle axis, which has no ends.

A turn of the picture is a roll of the angle axis. The network commutes with rolls by its whole stride, so its answer
does not depend on such a turn at all, and little on those between.
Source: He et al. 2016, table 1, for the layers; Kim et al. 2020, "CyCNN", for the cyclic padding.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoneaxis.errors import InputError

BLOCKS_PER_STAGE = (2, 2, 2, 2)
PLANES_PER_STAGE = (64, 128, 256, 512)
Stem = Literal["pooled", "fine"]


class PolarConvolution(nn.Conv2d):
    """Convolution over (radius, angle): zeros beyond the first and last ring, the other end beyond the angles."""

    def __init__(self, channels_in: int, channels_out: int, side: int, stride: int = 1) -> None:
        super().__init__(channels_in, channels_out, side, stride=stride, padding=(side // 2, 0), bias=False)
        self.reach = side // 2

    def forward(self, cells: Tensor) -> Tensor:
        """(n, channels, radii, angles) -> the same over the stride."""
        return super().forward(_round(cells, self.reach))


class PolarBlock(nn.Module):
    """Two 3 x 3 convolutions with a way round them."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.first = PolarConvolution(channels_in, channels_out, 3, stride)
        self.first_norm = nn.BatchNorm2d(channels_out)
        self.second = PolarConvolution(channels_out, channels_out, 3)
        self.second_norm = nn.BatchNorm2d(channels_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels_in != channels_out:
            self.shortcut = nn.Sequential(
                PolarConvolution(channels_in, channels_out, 1, stride), nn.BatchNorm2d(channels_out)
            )

    def forward(self, cells: Tensor) -> Tensor:
        """(n, channels, radii, angles) -> the same over the stride."""
        inner = functional.relu(self.first_norm(self.first(cells)))
        return functional.relu(self.second_norm(self.second(inner)) + self.shortcut(cells))


class PolarResNet(nn.Module):
    """Features of polar cells and a linear reading of them; `stem` and `radius_channel` are what it was built with."""

    def __init__(self, planes: list[int], classes: int, stem: Stem, radius_channel: bool) -> None:
        super().__init__()
        self.stem, self.radius_channel = stem, radius_channel
        self.enter = PolarConvolution(2 if radius_channel else 1, planes[0], 7 if stem == "pooled" else 5, stride=2)
        self.enter_norm = nn.BatchNorm2d(planes[0])
        stages, before = [], planes[0]
        for number, (blocks, after) in enumerate(zip(BLOCKS_PER_STAGE, planes, strict=True)):
            layers = [PolarBlock(before, after, 1 if number == 0 else 2)]
            layers += [PolarBlock(after, after, 1) for _ in range(blocks - 1)]
            stages.append(nn.Sequential(*layers))
            before = after
        self.stages = nn.ModuleList(stages)
        self.head = nn.Linear(planes[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @property
    def saliency_layer(self) -> nn.Module:
        """Last stage at a sixteenth of the input's resolution, as in `resnet`."""
        return self.stages[3 if self.stem == "fine" else 2]

    @property
    def whole_stride(self) -> int:
        """Angles by which a roll leaves the answer as it is, where their number is a multiple of it."""
        return 16 if self.stem == "fine" else 32

    def features(self, patterns: Tensor) -> Tensor:
        """Mean activation of the last block, (n, 1, radii, angles) -> (n, feature_count)."""
        if self.radius_channel:
            rings = torch.linspace(-1, 1, patterns.shape[-2], device=patterns.device, dtype=patterns.dtype)
            patterns = torch.cat([patterns, rings[None, None, :, None].expand_as(patterns)], 1)
        cells = functional.relu(self.enter_norm(self.enter(patterns)))
        if self.stem == "pooled":
            cells = functional.max_pool2d(_round(cells, 1), 3, stride=2, padding=(1, 0))
        for stage in self.stages:
            cells = stage(cells)
        return cells.mean((-2, -1))

    def forward(self, patterns: Tensor) -> Tensor:
        """Logits, (n, 1, radii, angles) -> (n, classes)."""
        return self.head(self.features(patterns))


def build(classes: int, width: float = 0.5, stem: Stem = "pooled", radius_channel: bool = True) -> PolarResNet:
    """ResNet-18 on polar cells with `width` times the usual channels (0.5: 2.8 million parameters).

    stem: "pooled" or "fine", as in `resnet`: blocks work at a quarter or at half of the input's resolution.
    radius_channel: give the network the ring's number as a second channel, from -1 to 1. It then knows |g| where the
        rings are of constant |g|; without it a shift of the rings, a zoom on a log-radius axis, matters little.

    Raises `InputError` for a class count below 2, a width outside 1/16 to 4 or an unknown stem.
    """
    if not (isinstance(classes, int) and classes >= 2):
        raise InputError(f"polar_resnet: classes = {classes!r}, but a classifier needs an integer of at least 2")
    if not (isinstance(width, int | float) and 1 / 16 <= width <= 4):
        raise InputError(f"polar_resnet: width = {width!r} is outside 1/16 to 4")
    if stem not in ("pooled", "fine"):
        raise InputError(f"polar_resnet: stem = {stem!r}; allowed: 'pooled', 'fine'")
    planes = [max(4, int(width * channels)) for channels in PLANES_PER_STAGE]
    if stem == "fine":
        planes[0] = max(4, planes[0] // 2)
    return PolarResNet(planes, classes, stem, bool(radius_channel))


def _round(cells: Tensor, reach: int) -> Tensor:
    """Cells with the other end of the angle axis set before and behind."""
    if reach == 0:
        return cells
    return torch.cat([cells[..., -reach:], cells, cells[..., :reach]], -1)
