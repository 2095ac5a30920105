"""Translator: a U-Net that turns an image of one kind into one of another, and the judge it may be trained against.

Source: Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks" (pix2pix), appendix 6.1.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from zoneaxis.errors import InputError

KIND = "translator"
SIZES_PX = (32, 64, 128, 256)
NORMS = ("batch", "group", "instance")
CHANNELS_PER_GROUP = 8
Norm = Literal["batch", "group", "instance"]


class Translator(nn.Module):
    """4 x 4 convolutions of stride 2 down to one pixel, the mirror image of them back, and a skip at every size.

    The picture in between is one pixel, so every pixel of the answer depends on every pixel of the image: what the
    step from real to reciprocal space needs. `width`, `size_px`, `norm` and `dropout` are what it was built with.
    """

    def __init__(self, width: int, size_px: int, norm: Norm, dropout: float) -> None:
        super().__init__()
        self.width, self.size_px, self.norm, self.dropout = width, size_px, norm, dropout
        halvings = size_px.bit_length() - 1
        widths = [width * min(2**step, 8) for step in range(halvings)]
        self.down = nn.ModuleList([nn.Conv2d(1, width, 4, 2, 1)])
        for number, (before, after) in enumerate(zip(widths, widths[1:], strict=False), start=2):
            innermost = number == halvings  # a single pixel cannot be normalised
            self.down.append(
                nn.Sequential(
                    nn.LeakyReLU(0.2),
                    nn.Conv2d(before, after, 4, 2, 1, bias=innermost),
                    *([] if innermost else [_normalisation(norm, after)]),
                )
            )
        self.up = nn.ModuleList()
        for level in reversed(range(1, halvings)):
            seen = widths[level] * (1 if level == halvings - 1 else 2)
            layers = [nn.ReLU(), nn.ConvTranspose2d(seen, widths[level - 1], 4, 2, 1, bias=False)]
            layers += [_normalisation(norm, widths[level - 1])]
            dropped = halvings - 4 <= level < halvings - 1 and level > 2
            self.up.append(nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropped and dropout else [])))
        self.up.append(nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * width, 1, 4, 2, 1)))

    def forward(self, images: Tensor) -> Tensor:
        """Translated images in [0, 1], (n, 1, size_px, size_px) -> the same shape."""
        skips, answer = [], images
        for layer in self.down:
            answer = layer(answer)
            skips.append(answer)
        answer = self.up[0](skips.pop())
        for layer in list(self.up)[1:]:
            answer = layer(torch.cat([answer, skips.pop()], 1))
        return answer.float().sigmoid()


class PatchDiscriminator(nn.Module):
    """Judge of patches: the image and its translation together -> logits, positive where a patch looks genuine.

    Each logit sees 70 x 70 pixels. 2.76 million parameters at width 64, as pix2pix has it.
    """

    def __init__(self, width: int, norm: Norm) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(2, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for factor, stride in ((1, 2), (2, 2), (4, 1)):
            before, after = factor * width, 2 * factor * width
            layers += [nn.Conv2d(before, after, 4, stride, 1, bias=False), _normalisation(norm, after)]
            layers += [nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))

    def forward(self, images: Tensor, translated: Tensor) -> Tensor:
        """Logits (n, 1, patches, patches) of pairs (n, 1, rows, cols): 30 x 30 patches at 256 px, 6 x 6 at 64 px."""
        return self.layers(torch.cat([images, translated], 1))


def build(width: int = 32, size_px: int = 64, norm: Norm = "batch", dropout: float = 0.0) -> Translator:
    """The generator of pix2pix for one channel, answering with a sigmoid.

    width: channels of the first layer, doubled at each halving up to 8 times; a multiple of 8. 7.3 million parameters
        at width 32 and 64 px, 54.4 million at width 64 and 256 px (the original, less two channels at either end).
    norm: "batch" (as the paper), "group" (eight channels a group) or "instance". The last two divide out how strong an
        image is, which is what tells heavy atoms from light ones, and learn more slowly for it; a batch of one image
        needs them.
    dropout: share of activations left out behind the inner up-convolutions; 0.5 in the paper, whose noise it is.

    Raises `InputError` for another width or size, an unknown norm or a dropout outside 0 to 0.9.
    """
    if not (isinstance(width, int) and 8 <= width <= 256 and width % 8 == 0):
        raise InputError(f"translator: width = {width!r}, expected a multiple of 8 from 8 to 256")
    if size_px not in SIZES_PX:
        raise InputError(f"translator: size_px = {size_px!r}; allowed: {', '.join(map(str, SIZES_PX))}")
    if norm not in NORMS:
        raise InputError(f"translator: norm = {norm!r}; allowed: {', '.join(NORMS)}")
    if not (isinstance(dropout, int | float) and 0 <= dropout <= 0.9):
        raise InputError(f"translator: dropout = {dropout!r} is outside 0 to 0.9")
    return Translator(width, size_px, norm, dropout)


def _normalisation(norm: Norm, channels: int) -> nn.Module:
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    return nn.GroupNorm(channels if norm == "instance" else channels // CHANNELS_PER_GROUP, channels)
