"""Autoencoder run: one step of the training of an autoencoder, and what a run of them holds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from zoneaxis.learn.autoencoder_recipe import AutoencoderRecipe
from zoneaxis.learn.image_batch import READ_AT_ONCE
from zoneaxis.learn.image_run import ImageRun
from zoneaxis.learn.networks.autoencoder import Autoencoder
from zoneaxis.learn.trained_autoencoder import entropy

Corruption = Callable[[Tensor, torch.Generator], Tensor]
"""Clean images (n, 1, rows, cols) in [0, 1] and a seeded generator -> what a camera would have seen, same shape."""


class AutoencoderRun(ImageRun):
    """State of a training run of an autoencoder; its curve states the loss without what no network could avoid."""

    def __init__(
        self, network: Autoencoder, images: Tensor, recipe: AutoencoderRecipe, corrupt: Corruption | None
    ) -> None:
        super().__init__(recipe, len(images))
        self.network = network.to(self.device)
        self.images, self.recipe, self.corrupt = images.to(self.device), recipe, corrupt
        self.entropy = torch.cat([entropy(part) for part in self.images.split(READ_AT_ONCE)])
        self.networks = {"network": self.network}
        self.optimisers = {"network": torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)}

    def _one_step(self, rate: float) -> Tensor:
        picked = self._batch()
        target = self.images[picked]
        seen = target if self.corrupt is None else self.corrupt(target, self._generator()).to(target)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            logits = self.network(seen.contiguous(memory_format=torch.channels_last))
        logits = logits.float()
        if self.recipe.loss == "bce":
            loss, least = functional.binary_cross_entropy_with_logits(logits, target), self.entropy[picked].mean()
        else:
            loss, least = functional.mse_loss(logits.sigmoid(), target), torch.zeros((), device=self.device)
        self._descend("network", loss, rate)
        return loss.detach() - least
