"""Trained autoencoder: images to codes and back, and how good the way back is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from zoneaxis.learn.autoencoder_recipe import AutoencoderRecipe
from zoneaxis.learn.image_batch import as_images, in_parts
from zoneaxis.learn.networks.autoencoder import Autoencoder


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
        return in_parts(self.network.encode, as_images(images, self.network.size_px)).numpy()

    def decode(self, codes: np.ndarray | Tensor) -> np.ndarray:
        """Images, (n, latent) -> (n, 1, rows, cols) float32 in [0, 1]."""
        codes = torch.as_tensor(codes, dtype=torch.float32)
        return in_parts(lambda part: self.network.decode(part).sigmoid(), codes).numpy()

    def quality(self, images: np.ndarray | Tensor) -> dict[str, float]:
        """Mean over images and pixels of `bce_minus_entropy` (nats) and `mse` of the reconstruction, in float32.

        Cross-entropy less the entropy of the grey image is the divergence of Kullback and Leibler: zero at best.
        """
        images = as_images(images, self.network.size_px)
        logits = in_parts(self.network, images)
        bce = functional.binary_cross_entropy_with_logits(logits, images) - entropy(images).mean()
        return {"bce_minus_entropy": float(bce), "mse": float(functional.mse_loss(logits.sigmoid(), images))}


def entropy(images: Tensor) -> Tensor:
    """Mean over the pixels of -t ln t - (1 - t) ln(1 - t), the least cross-entropy of each grey image, (n,) nats."""
    return -(torch.xlogy(images, images) + torch.xlogy(1 - images, 1 - images)).flatten(1).mean(-1)
