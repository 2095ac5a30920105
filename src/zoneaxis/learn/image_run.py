"""Image run: the state of a training on images in memory between two steps, and how it is stored for resuming."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zoneaxis.errors import InputError
from zoneaxis.learn.image_recipe import ImageRecipe
from zoneaxis.learn.run_record import RUN, write_json
from zoneaxis.learn.schedule import fraction_done, warm_cosine
from zoneaxis.learn.tensor_file import read_tensors, write_tensors
from zoneaxis.learn.training import cpu_has_bf16, versions

Tick = Callable[[str, int, int], None]
"""Called with what is done now, how much of it is done, and how much there is."""

CHECKPOINT, TRAINED = "checkpoint.safetensors", "trained.safetensors"
POINTS_OF_CURVE = 100


class ImageRun(ABC):
    """Position, clock, arithmetic and curve of a run; a subclass brings its networks and what one step does.

    networks: by name without a dot, what a checkpoint stores; "network" is the one that counts.
    optimisers: by the name of the network that each of them trains. The subclass fills both.
    losses: names in the curve of the numbers that `_one_step` returns.
    """

    def __init__(self, recipe: ImageRecipe, images: int) -> None:
        on_gpu = recipe.device == "cuda" or (recipe.device == "auto" and torch.cuda.is_available())
        self.device = torch.device("cuda" if on_gpu else "cpu")
        native = torch.cuda.is_bf16_supported() if on_gpu else cpu_has_bf16()
        self.bf16 = recipe.precision == "bf16" or (recipe.precision == "auto" and native)
        self.budget, self.images_at_hand = recipe, images
        self.batch_images = min(recipe.batch_images, images)
        self.step, self.minutes_before, self.started = 0, 0.0, time.monotonic()
        self.curve: list[dict[str, float]] = []
        self.networks: dict[str, nn.Module] = {}
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        self.losses: tuple[str, ...] = ("loss",)
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)

    @abstractmethod
    def _one_step(self, rate: float) -> Tensor:
        """One batch at a learning rate; returns its losses, a number or one per name in `losses`, detached."""

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

    def carry_out(
        self,
        asked: dict[str, Any],
        stored: dict[str, Any] | None,
        folder: Path | None,
        progress: Tick | None,
        judge: Callable[[], tuple[nn.Module, dict[str, Any]]],
    ) -> dict[str, Any]:
        """Train from the last checkpoint, or from the start, to the end of the budget; the finished record.

        asked: what the run is, the beginning of its record. stored: the record of an interrupted run in `folder`.
        judge: called at the end; returns the network to store and the figures that join the record.
        """
        if folder and stored is not None and (folder / CHECKPOINT).exists():
            self.restore(folder / CHECKPOINT, stored.get("curve", []))
        record = asked | {"precision": self.precision, "threads": self.budget.threads, "device": self.device.type}
        parameters = sum(p.numel() for p in self.networks["network"].parameters())
        record |= {"parameters": parameters, "versions": versions(), "finished": False}
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / RUN, record | {"curve": self.curve})
        previous_threads = torch.get_num_threads()
        torch.set_num_threads(self.budget.threads)
        try:
            self.train(folder, record, progress)
            record |= {"images": self.images_seen, "minutes": round(self.minutes, 3), "curve": self.curve}
            network, figures = judge()
        finally:
            torch.set_num_threads(previous_threads)
        record |= figures | {"finished": True}
        if folder:
            write_tensors(network.state_dict(), folder / TRAINED)
            write_json(folder / RUN, record)
            (folder / CHECKPOINT).unlink(missing_ok=True)
        return record

    def train(self, folder: Path | None, record: dict[str, Any], progress: Tick | None) -> None:
        """Steps until the budget is spent; now and then a checkpoint goes to `folder`, `record` with it."""
        recipe = self.budget
        for name in self.optimisers:
            self.networks[name].train()
        self.started = time.monotonic()
        every = max(1, recipe.images // self.batch_images // POINTS_OF_CURVE)
        saved, losses = self.minutes, []
        while (done := self._done()) < 1:
            rate = warm_cosine(done, recipe.learning_rate, recipe.warmup_fraction)
            losses.append(self._one_step(rate))
            self.step += 1
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
        return fraction_done(self.images_seen, self.budget.images, self.minutes, self.budget.max_minutes)

    def _descend(self, name: str, loss: Tensor, rate: float) -> None:
        """One step down a loss by the optimiser of the network of that name."""
        optimiser = self.optimisers[name]
        optimiser.zero_grad()
        loss.backward()
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()

    def _batch(self) -> Tensor:
        """Indices of the images of this step: every epoch has its own order, which depends on (seed, epoch) only."""
        per_epoch = self.images_at_hand // self.batch_images
        epoch, within = divmod(self.step, per_epoch)
        if epoch != self._epoch:
            order = np.random.default_rng([self.budget.seed, epoch]).permutation(self.images_at_hand)
            self._epoch, self._order = epoch, torch.from_numpy(order).to(self.device)
        return self._order[within * self.batch_images : (within + 1) * self.batch_images]

    def _generator(self) -> torch.Generator:
        """Random numbers of this step, which depend on (seed, step) only."""
        seed = int(np.random.SeedSequence([self.budget.seed, self.step, 1]).generate_state(1, np.uint64)[0] >> 1)
        return torch.Generator(self.device).manual_seed(seed)

    def _point(self, losses: list[Tensor], rate: float) -> None:
        means = torch.stack(losses).mean(0).reshape(-1).tolist()
        if not all(map(math.isfinite, means)):
            what = f"{self.budget.NAME} loss is {' and '.join(map(str, means))} after {self.images_seen} images"
            raise FloatingPointError(f"{what}; lower learning_rate")
        point = {"images": self.images_seen, "minutes": round(self.minutes, 3), "learning_rate": float(f"{rate:.3e}")}
        self.curve.append(point | {name: float(f"{m:.6g}") for name, m in zip(self.losses, means, strict=True)})

    def save(self, folder: Path, record: dict[str, Any]) -> None:
        """Write weights, moments of the optimisers and position, and the record with the curve so far."""
        tensors = {"position": torch.tensor([self.step, self.minutes], dtype=torch.float64)}
        for name, network in self.networks.items():
            tensors |= {f"{name}.{key}": tensor for key, tensor in network.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            for number, state in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser.{name}.{number}.{field}": tensor for field, tensor in state.items()}
        write_tensors(tensors, folder / CHECKPOINT)
        write_json(folder / RUN, record | {"curve": self.curve})

    def restore(self, path: Path, curve: list[dict[str, float]]) -> None:
        """Go back to a checkpoint; `InputError` when it cannot be read or is of another network."""
        tensors = read_tensors(path)
        try:
            step, self.minutes_before = tensors.pop("position").tolist()
            for name, network in self.networks.items():
                network.load_state_dict(_below(f"{name}.", tensors))
            for name, optimiser in self.optimisers.items():
                moments: dict[int, dict[str, Tensor]] = {}
                for key, tensor in _below(f"optimiser.{name}.", tensors).items():
                    number, field = key.split(".")
                    moments.setdefault(int(number), {})[field] = tensor
                for place, parameter in enumerate(self.networks[name].parameters()):
                    for field, tensor in moments[place].items():
                        if tensor.shape == parameter.shape:  # moments lie in memory as their weights do
                            moments[place][field] = torch.empty_like(parameter, requires_grad=False).copy_(tensor)
                optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
        except (KeyError, ValueError, RuntimeError) as reason:
            line = str(reason).splitlines()[0]
            raise InputError(f"{path}: checkpoint cannot be read ({line}); remove it to start over") from None
        self.step = int(step)
        self.curve = [point for point in curve if point["images"] <= self.images_seen]


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
