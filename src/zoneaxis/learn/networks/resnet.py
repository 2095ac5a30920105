"""ResNet for one-channel patterns: a residual network whose width and depth are scaled to the size of the task.

Source: He et al. 2016, "Deep Residual Learning for Image Recognition", table 1; layers by MONAI.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from zoneaxis.errors import InputError

BLOCKS_PER_STAGE = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Residual blocks of each stage by depth; from 50 layers on they are bottlenecks."""
BOTTLENECK_EXPANSION = 4
"""Channels behind a bottleneck over those inside it."""
PLANES_PER_STAGE = (64, 128, 256, 512)
Stem = Literal["pooled", "fine"]


class ResNet(nn.Module):
    """Features of a pattern and a linear reading of them; holds MONAI's ResNet as its `backbone`."""

    def __init__(self, backbone: nn.Module, feature_count: int, classes: int, stem: Stem) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(feature_count, classes)
        self.stem = stem

    @property
    def saliency_layer(self) -> nn.Module:
        """Last stage at a sixteenth of the input's resolution (6 x 6 at 96 px): what Grad-CAM weighs.

        Behind the pooled stem the very last stage has 3 x 3 fields at 96 px, too few to point at a zone axis.
        """
        return self.backbone.get_submodule("layer4" if self.stem == "fine" else "layer3")

    def features(self, patterns: Tensor) -> Tensor:
        """Mean activation of the last block, (n, 1, rows, cols) -> (n, feature_count)."""
        return self.backbone(patterns)

    def forward(self, patterns: Tensor) -> Tensor:
        """Logits, (n, 1, rows, cols) -> (n, classes)."""
        return self.head(self.features(patterns))


def build(classes: int, width: float = 0.5, stem: Stem = "pooled", depth: int = 18) -> ResNet:
    """ResNet with `width` times the usual channels.

    depth 18 has 2.8 million parameters at width 0.5 (11.2 MB) and 11.2 million at width 1. depth 101 at width 1 is the
    network of the paper on selected-area patterns, 42.5 million; 50 lies between.

    The stem decides the finest scale at which the residual blocks work. "pooled" is the usual 7x7 convolution with
    stride 2 and max-pool, a quarter of the input's resolution. "fine" leaves the max-pool out and halves the channels
    of the first stage in return, so that the blocks work at half the resolution; it costs about 1.9 times as much.

    Raises `InputError` for a class count below 2, a width outside 1/16 to 4, an unknown stem or another depth.
    """
    from monai.networks.nets import ResNet as MonaiResNet

    if not (isinstance(classes, int) and classes >= 2):
        raise InputError(f"resnet: classes = {classes!r}, but a classifier needs an integer of at least 2")
    if not (isinstance(width, int | float) and 1 / 16 <= width <= 4):
        raise InputError(f"resnet: width = {width!r} is outside 1/16 to 4")
    if stem not in ("pooled", "fine"):
        raise InputError(f"resnet: stem = {stem!r}; allowed: 'pooled', 'fine'")
    if depth not in BLOCKS_PER_STAGE:
        raise InputError(f"resnet: depth = {depth!r}; allowed: {', '.join(map(str, BLOCKS_PER_STAGE))}")
    planes = [max(4, int(width * channels)) for channels in PLANES_PER_STAGE]
    if stem == "fine":
        planes[0] = max(4, planes[0] // 2)
    backbone = MonaiResNet(
        block="basic" if depth == 18 else "bottleneck",
        layers=list(BLOCKS_PER_STAGE[depth]),
        block_inplanes=planes,
        spatial_dims=2,
        n_input_channels=1,
        conv1_t_size=7 if stem == "pooled" else 5,
        conv1_t_stride=2,
        no_max_pool=stem == "fine",
        bias_downsample=False,
        feed_forward=False,
    )
    feature_count = planes[-1] * (1 if depth == 18 else BOTTLENECK_EXPANSION)
    return ResNet(backbone, feature_count=feature_count, classes=classes, stem=stem)
