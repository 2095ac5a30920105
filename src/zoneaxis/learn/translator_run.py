"""Translator run: one step of the training of a translator, alone or against a discriminator."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from zoneaxis.learn.image_run import ImageRun
from zoneaxis.learn.moving_average import MovingAverage
from zoneaxis.learn.networks.translator import PatchDiscriminator, Translator
from zoneaxis.learn.square_operations import COUNT, turned
from zoneaxis.learn.translator_recipe import TranslatorRecipe


class TranslatorRun(ImageRun):
    """State of a training run of a translator: the network, its moving average and, where asked for, its judge."""

    def __init__(self, network: Translator, inputs: Tensor, targets: Tensor, recipe: TranslatorRecipe) -> None:
        super().__init__(recipe, len(inputs))
        self.network, self.recipe = network.to(self.device), recipe
        self.inputs, self.targets = inputs.to(self.device), targets.to(self.device)
        self.average = MovingAverage(self.network, recipe.average_decay)
        self.networks = {"network": self.network, "average": self.average.network}
        self.losses = ("loss", "fooling", "judging") if recipe.discriminator else ("loss",)
        if recipe.discriminator:
            with torch.random.fork_rng():
                torch.manual_seed(recipe.seed + 1)
                judge = PatchDiscriminator(recipe.width, recipe.norm).to(self.device)
            self.networks["discriminator"] = judge.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        betas = (0.5, 0.999) if recipe.discriminator else (0.9, 0.999)
        self.optimisers = {
            name: torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, betas=betas, fused=True)
            for name, network in self.networks.items()
            if name != "average"
        }

    def _one_step(self, rate: float) -> Tensor:
        picked, generator = self._batch(), self._generator()
        seen, wanted = self.inputs[picked], self.targets[picked]
        if self.recipe.augment:
            operations = torch.randint(0, COUNT, (len(picked),), generator=generator, device=self.device)
            seen, wanted = turned(seen, operations), turned(wanted, operations)
        with torch.random.fork_rng(enabled=self.recipe.dropout > 0):
            if self.recipe.dropout:
                torch.manual_seed(generator.initial_seed())
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
                answer = self.network(seen.contiguous(memory_format=torch.channels_last))
        distance = functional.l1_loss if self.recipe.loss == "l1" else functional.mse_loss
        loss = distance(answer, wanted)
        if not self.recipe.discriminator:
            self._descend("network", loss, rate)
            losses = loss.detach()
        else:
            judging = self._judged(seen, wanted, genuine=True) + self._judged(seen, answer.detach(), genuine=False)
            self._descend("discriminator", judging / 2, rate)
            fooling = self._judged(seen, answer, genuine=True)
            self._descend("network", self.recipe.pixel_weight * loss + fooling, rate)
            losses = torch.stack([loss, fooling, judging / 2]).detach()
        self.average.update(self.network, self.step + 1)
        return losses

    def _judged(self, seen: Tensor, answer: Tensor, *, genuine: bool) -> Tensor:
        """Cross-entropy of the judge's patches with one verdict."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            logits = self.networks["discriminator"](seen, answer).float()
        verdict = torch.full_like(logits, float(genuine))
        return functional.binary_cross_entropy_with_logits(logits, verdict)
