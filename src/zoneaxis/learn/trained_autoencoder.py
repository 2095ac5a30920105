"""Trained autoencoder: images to codes and back, and how good the way back is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from zoneaxis.errors import InputError
from zoneaxis.learn.autoencoder_recipe import AutoencoderRecipe
from zoneaxis.learn.networks.autoencoder import Autoencoder

READ_AT_ONCE = 256


@dataclass(frozen=True)
class TrainedAutoencoder:
    """An autoencoder in evaluation mode on the CPU, and the record of its training that `run.json` holds.

    record: recipe, precision, images, minutes, `curve` (images, minutes, learning_rate, loss without the entropy of
    the images), and the figures of `quality` on the training images and, where given, the validation images.
    """

    network: Autoencoder
    recipe: AutoencoderRecipe
    record: dict[str, Any]

    def encode(self, images: np.ndarray | Tensor) -> np.ndarray:
        """Codes, (n, 1, rows, cols) or (n, rows, cols) in [0, 1] -> (n, latent) float32."""
        return _in_parts(self.network.encode, as_images(images, self.network.size_px)).numpy()

    def decode(self, codes: np.ndarray | Tensor) -> np.ndarray:
        """Images, (n, latent) -> (n, 1, rows, cols) float32 in [0, 1]."""
        codes = torch.as_tensor(codes, dtype=torch.float32)
        return _in_parts(lambda part: self.network.decode(part).sigmoid(), codes).numpy()

    def quality(self, images: np.ndarray | Tensor) -> dict[str, float]:
        """Mean over images and pixels of `bce_minus_entropy` (nats) and `mse` of the reconstruction, in float32.

        Cross-entropy less the entropy of the grey image is the divergence of Kullback and Leibler: zero at best.
        """
        images = as_images(images, self.network.size_px)
        logits = _in_parts(self.network, images)
        bce = functional.binary_cross_entropy_with_logits(logits, images) - entropy(images).mean()
        return {"bce_minus_entropy": float(bce), "mse": float(functional.mse_loss(logits.sigmoid(), images))}


def as_images(images: np.ndarray | Tensor, size_px: int | None = None) -> Tensor:
    """Checked images (n, 1, rows, cols) float32 in [0, 1]; a missing channel axis is added.

    Raises `InputError` for another shape, a size other than `size_px`, NaN or values outside [0, 1].
    """
    images = torch.as_tensor(images, dtype=torch.float32)
    images = images[:, None] if images.ndim == 3 else images
    side = images.shape[-1] if size_px is None else size_px
    if images.ndim != 4 or 0 in images.shape or images.shape[1:] != (1, side, side):
        raise InputError(f"images have shape {tuple(images.shape)}, expected (n, 1, {side}, {side})")
    low, high = images.aminmax()
    if not (low >= 0 and high <= 1):
        raise InputError(f"images hold values from {float(low):g} to {float(high):g} or NaN; allowed: 0 to 1")
    return images


def entropy(images: Tensor) -> Tensor:
    """Mean over the pixels of -t ln t - (1 - t) ln(1 - t), the least cross-entropy of each grey image, (n,) nats."""
    return -(torch.xlogy(images, images) + torch.xlogy(1 - images, 1 - images)).flatten(1).mean(-1)


@torch.no_grad()
def _in_parts(function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    return torch.cat([function(part) for part in inputs.split(READ_AT_ONCE)])
