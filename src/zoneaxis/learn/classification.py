"""Classification run: loss, validation, schedule and clock of a training, in Lightning's terms.

Importing this module imports Lightning (seconds); `training.fit` does so when it is called.
"""

from __future__ import annotations

import time
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.nn import functional

from zoneaxis.learn.grouping import Grouping
from zoneaxis.learn.moving_average import MovingAverage
from zoneaxis.learn.recipe import TrainingRecipe
from zoneaxis.learn.stream import PatternStream


class Classification(lightning.LightningModule):
    """Trains `network` to tell materials apart, with the space group as a second, coarser target.

    loss = H(material) + group_loss_weight * H(group), H the cross-entropy in nats, the first with label smoothing.
    """

    def __init__(self, network: nn.Module, grouping: Grouping, recipe: TrainingRecipe, stream: PatternStream) -> None:
        super().__init__()
        self.network = network
        self.average = MovingAverage(network, recipe.average_decay)
        self.grouping, self.recipe, self.stream = grouping, recipe, stream
        self.validation: dict[str, float] = {}
        self._minutes_before, self._started = 0.0, time.monotonic()
        self._tallies: list[Tensor] = []

    # clock and schedule --------------------------------------------------------------------------------------------

    @property
    def minutes(self) -> float:
        """Wall-clock minutes of training, interrupted parts added up."""
        return self._minutes_before + (time.monotonic() - self._started) / 60

    @property
    def images_seen(self) -> int:
        """Images the optimiser has seen."""
        return self.global_step * self.recipe.batch_images

    @property
    def run_progress(self) -> float:
        """Fraction of the run that is done, by images or by the clock, whichever is larger."""
        return self.recipe.progress(self.images_seen, self.minutes)

    def on_train_start(self) -> None:
        """Start the clock when the first batch is asked for, not while processes start."""
        self._started = time.monotonic()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Set the learning rate of this step."""
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = self.recipe.learning_rate_at(self.run_progress)

    # learning ------------------------------------------------------------------------------------------------------

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW; tensors of one dimension (norm scales, biases) are not decayed."""
        parameters = list(self.network.parameters())
        return torch.optim.AdamW(
            [
                {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.recipe.weight_decay},
                {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=self.recipe.learning_rate,
            fused=True,
        )

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss of one batch; the cross-entropies are computed in float32."""
        patterns, material = batch
        logits = self.network(patterns.contiguous(memory_format=torch.channels_last))
        with torch.autocast(logits.device.type, enabled=False):
            logits = logits.float()
            loss = functional.cross_entropy(logits, material, label_smoothing=self.recipe.label_smoothing)
            if self.recipe.group_loss_weight:
                group = self.grouping.group_index.to(material.device)[material]
                group_loss = functional.nll_loss(self.grouping.group_log_probabilities(logits), group)
                loss = loss + self.recipe.group_loss_weight * group_loss
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Shorten a gradient longer than `gradient_clip` (one bad batch must not undo thousands)."""
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.gradient_clip)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Follow with the average, and end the run when its budget is spent."""
        self.average.update(self.network, self.global_step)
        if self.run_progress >= 1:
            self.trainer.should_stop = True

    # validation ----------------------------------------------------------------------------------------------------

    def on_validation_epoch_start(self) -> None:
        """Forget the tallies of the previous validation."""
        self._tallies = []

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Tally (count, summed loss, right materials, right groups) of the averaged network."""
        patterns, material = batch
        logits = self.average.network(patterns.contiguous(memory_format=torch.channels_last)).float()
        group = self.grouping.group_index.to(material.device)[material]
        log_groups = self.grouping.group_log_probabilities(logits)
        self._tallies.append(
            torch.stack(
                [
                    torch.tensor(float(len(material)), device=logits.device),
                    functional.cross_entropy(logits, material, reduction="sum"),
                    (logits.argmax(-1) == material).float().sum(),
                    (log_groups.argmax(-1) == group).float().sum(),
                ]
            )
        )

    def on_validation_epoch_end(self) -> None:
        """Turn the tallies into mean loss (nats) and accuracies."""
        count, loss, materials, groups = torch.stack(self._tallies).sum(0).tolist()
        self.validation = {
            "validation_loss": loss / count,
            "material_accuracy": materials / count,
            "group_accuracy": groups / count,
        }

    # checkpoints ---------------------------------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the clock beside Lightning's own state."""
        checkpoint["minutes"] = self.minutes

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue the clock, and the stream at the first batch the optimiser has not seen."""
        self._minutes_before = float(checkpoint["minutes"])
        self.stream.first_batch = int(checkpoint["global_step"])
