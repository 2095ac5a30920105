"""Autoencoder run: the state of a training between two steps, and how it is stored for resuming."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from zoneaxis.errors import InputError
from zoneaxis.learn.autoencoder_recipe import AutoencoderRecipe
from zoneaxis.learn.networks.autoencoder import Autoencoder
from zoneaxis.learn.run_record import RUN, write_json
from zoneaxis.learn.schedule import fraction_done, warm_cosine
from zoneaxis.learn.trained_autoencoder import READ_AT_ONCE, entropy
from zoneaxis.learn.training import cpu_has_bf16

Tick = Callable[[str, int, int], None]
"""Called with what is done now, how much of it is done, and how much there is."""

Corruption = Callable[[Tensor, torch.Generator], Tensor]
"""Clean images (n, 1, rows, cols) in [0, 1] and a seeded generator -> what a camera would have seen, same shape."""

CHECKPOINT = "checkpoint.safetensors"
POINTS_OF_CURVE = 100


class AutoencoderRun:
    """State of a training run: network, optimiser, position, clock and curve."""

    def __init__(
        self, network: Autoencoder, images: Tensor, recipe: AutoencoderRecipe, corrupt: Corruption | None
    ) -> None:
        on_gpu = recipe.device == "cuda" or (recipe.device == "auto" and torch.cuda.is_available())
        self.device = torch.device("cuda" if on_gpu else "cpu")
        native = torch.cuda.is_bf16_supported() if on_gpu else cpu_has_bf16()
        self.bf16 = recipe.precision == "bf16" or (recipe.precision == "auto" and native)
        self.network = network.to(self.device)
        self.images, self.recipe, self.corrupt = images.to(self.device), recipe, corrupt
        self.entropy = torch.cat([entropy(part) for part in self.images.split(READ_AT_ONCE)])
        self.optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, fused=True)
        self.batch_images = min(recipe.batch_images, len(images))
        self.step, self.minutes_before, self.started = 0, 0.0, time.monotonic()
        self.curve: list[dict[str, float]] = []
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)

    @property
    def precision(self) -> str:
        """As it stands in the record."""
        return "bf16-mixed" if self.bf16 else "32-true"

    @property
    def minutes(self) -> float:
        """Wall time of this run, earlier parts of it included."""
        return self.minutes_before + (time.monotonic() - self.started) / 60

    @property
    def images_seen(self) -> int:
        """Images shown so far, repetitions counted."""
        return self.step * self.batch_images

    def train(self, folder: Path | None, record: dict[str, Any], progress: Tick | None) -> None:
        """Steps until the budget is spent; now and then a checkpoint goes to `folder`, `record` with it."""
        recipe = self.recipe
        self.network.train()
        self.started = time.monotonic()
        every = max(1, recipe.images // self.batch_images // POINTS_OF_CURVE)
        saved, losses = self.minutes, []
        while (done := self._done()) < 1:
            rate = warm_cosine(done, recipe.learning_rate, recipe.warmup_fraction)
            losses.append(self._one_step(rate))
            if len(losses) == every:
                self._point(losses, rate)
                losses = []
                if progress:
                    progress("training", int(recipe.images * self._done()), recipe.images)
                if folder and self.minutes - saved > recipe.checkpoint_minutes:
                    self.save(folder, record)
                    saved = self.minutes
        if losses:
            self._point(losses, 0.0)

    def _done(self) -> float:
        return fraction_done(self.images_seen, self.recipe.images, self.minutes, self.recipe.max_minutes)

    def _one_step(self, rate: float) -> Tensor:
        """One batch; returns its loss without what no network could avoid."""
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
        self.optimiser.zero_grad()
        loss.backward()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        self.step += 1
        return loss.detach() - least

    def _batch(self) -> Tensor:
        """Indices of the images of this step: every epoch has its own order, which depends on (seed, epoch) only."""
        per_epoch = len(self.images) // self.batch_images
        epoch, within = divmod(self.step, per_epoch)
        if epoch != self._epoch:
            order = np.random.default_rng([self.recipe.seed, epoch]).permutation(len(self.images))
            self._epoch, self._order = epoch, torch.from_numpy(order).to(self.device)
        return self._order[within * self.batch_images : (within + 1) * self.batch_images]

    def _generator(self) -> torch.Generator:
        seed = int(np.random.SeedSequence([self.recipe.seed, self.step, 1]).generate_state(1, np.uint64)[0] >> 1)
        return torch.Generator(self.device).manual_seed(seed)

    def _point(self, losses: list[Tensor], rate: float) -> None:
        loss = float(torch.stack(losses).mean())
        if not math.isfinite(loss):
            raise FloatingPointError(f"autoencoder loss is {loss} after {self.images_seen} images; lower learning_rate")
        point = {"images": self.images_seen, "minutes": round(self.minutes, 3)}
        self.curve.append(point | {"learning_rate": float(f"{rate:.3e}"), "loss": float(f"{loss:.6g}")})

    def save(self, folder: Path, record: dict[str, Any]) -> None:
        """Write weights, moments of the optimiser and position, and the record with the curve so far."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{name}": tensor for name, tensor in state.items()}
        tensors["position"] = torch.tensor([self.step, self.minutes], dtype=torch.float64)
        write_tensors(tensors, folder / CHECKPOINT)
        write_json(folder / RUN, record | {"curve": self.curve})

    def restore(self, path: Path, curve: list[dict[str, float]]) -> None:
        """Go back to a checkpoint; `InputError` when it cannot be read or is of another network."""
        tensors = read_tensors(path)
        state: dict[int, dict[str, Tensor]] = {}
        try:
            step, self.minutes_before = tensors.pop("position").tolist()
            for name in [name for name in tensors if name.startswith("optimiser.")]:
                _, parameter_number, field = name.split(".")
                state.setdefault(int(parameter_number), {})[field] = tensors.pop(name)
            self.network.load_state_dict({name.removeprefix("network."): t for name, t in tensors.items()})
            for number, parameter in enumerate(self.network.parameters()):  # moments lie in memory as their weights do
                for field, tensor in state[number].items():
                    if tensor.shape == parameter.shape:
                        state[number][field] = torch.empty_like(parameter, requires_grad=False).copy_(tensor)
        except (KeyError, ValueError, RuntimeError) as reason:
            line = str(reason).splitlines()[0]
            raise InputError(f"{path}: checkpoint cannot be read ({line}); remove it to start over") from None
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})
        self.step = int(step)
        self.curve = [point for point in curve if point["images"] <= self.images_seen]


def write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write a safetensors file so that a reader meets either the old file or the whole new one."""
    from safetensors.torch import save

    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}))
    partial.replace(path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file; `InputError` when it is missing or broken."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError) as reason:
        raise InputError(f"{path}: {str(reason).splitlines()[0]}; remove it to start over") from None
