"""Convolutional autoencoder: an image through a code of a few numbers and back, the code being what is read.

Source: Ivanov and Pereiro 2024, doi 10.1016/j.ultramic.2024.114021, whose figure leaves the widths open.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from zoneaxis.errors import InputError

KIND = "autoencoder"


class Autoencoder(nn.Module):
    """Encoder and decoder as mirror images; `latent`, `widths` and `size_px` are what it was built with."""

    def __init__(self, latent: int, widths: Sequence[int], size_px: int) -> None:
        super().__init__()
        self.latent, self.widths, self.size_px = latent, tuple(widths), size_px
        smallest = size_px // 2 ** len(widths)
        corner = (widths[-1], smallest, smallest)
        numbers = widths[-1] * smallest**2
        down = [layer for a, b in pairwise((1, *widths)) for layer in (_convolution(a, b), nn.ReLU(), nn.MaxPool2d(2))]
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(numbers, latent))
        up: list[nn.Module] = [nn.Linear(latent, numbers), nn.ReLU(), nn.Unflatten(1, corner)]
        for a, b in pairwise((*reversed(widths), 1)):
            up += [nn.Upsample(scale_factor=2, mode="nearest"), _convolution(a, b), nn.ReLU()]
        self.decoder = nn.Sequential(*up[:-1])

    def encode(self, images: Tensor) -> Tensor:
        """Codes, (n, 1, size_px, size_px) in [0, 1] -> (n, latent), any real numbers."""
        return self.encoder(images)

    def decode(self, codes: Tensor) -> Tensor:
        """Logits of the images, (n, latent) -> (n, 1, size_px, size_px); the image itself is their sigmoid."""
        return self.decoder(codes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the reconstruction, same shape as the images."""
        return self.decode(self.encode(images))


def build(latent: int = 8, widths: Sequence[int] = (16, 32, 64), size_px: int = 64) -> Autoencoder:
    """3 x 3 convolution, ReLU and 2 x 2 max-pool per width, one dense layer to the code, and the mirror image of it.

    The default has 0.12 million parameters. The mirror of a max-pool is a repetition of each pixel.
    Raises `InputError` for a code below 1, no widths or one below 1, or a size that cannot be halved once per width.
    """
    if not (isinstance(latent, int) and 1 <= latent <= 1024):
        raise InputError(f"autoencoder: latent = {latent!r}, expected an integer from 1 to 1024")
    if not widths or not all(isinstance(width, int) and 1 <= width <= 4096 for width in widths):
        raise InputError(f"autoencoder: widths = {widths!r}, expected at least one integer from 1 to 4096")
    if not (isinstance(size_px, int) and size_px >= 2 ** len(widths) and size_px % 2 ** len(widths) == 0):
        raise InputError(
            f"autoencoder: size_px = {size_px!r} must be a multiple of {2 ** len(widths)} for {len(widths)} max-pools"
        )
    return Autoencoder(latent, widths, size_px)


def _convolution(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1)
