"""Autoencoders: the trainings of this study, side by side, each in its own folder where it can be taken up again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoneaxis.learn.autoencode import AutoencoderRecipe, TrainedAutoencoder, fit
from zoneaxis.studies.bench import Bench, key_of
from zoneaxis.studies.cbleed_autoencoder.counting import Counting
from zoneaxis.studies.cbleed_autoencoder.images import Images


@dataclass(frozen=True)
class Training:
    """One autoencoder to be trained on `images` and judged on `held_out`, both (n, side, side) in [0, 1].

    output: its folder, named after everything that decides it.
    """

    title: str
    images: np.ndarray
    held_out: np.ndarray
    recipe: AutoencoderRecipe
    counting: Counting | None
    output: Path

    def run(self) -> TrainedAutoencoder:
        """Train, go on with what was interrupted, or read back what is finished."""
        return fit(self.images, self.recipe, self.output, corrupt=self.counting, validation=self.held_out)


def training(
    bench: Bench,
    title: str,
    train: Images,
    held_out: Images,
    *,
    counting: Counting | None = None,
    seed: int = 0,
    **changes: Any,
) -> Training:
    """The training of an autoencoder on `train` with the recipe's settings, or with `changes` to them."""
    table = dict(bench.settings["autoencoder"]) | changes
    recipe = AutoencoderRecipe.from_mapping(table | {"seed": int(bench.settings["seed"]) + seed})
    decided_by = {"recipe": recipe.to_mapping(), "images": train.key, "counting": vars(counting) if counting else None}
    output = bench.path("autoencoders", f"{title.replace(' ', '-')}-{key_of(decided_by)}")
    return Training(title, train.amplitude, held_out.amplitude, recipe, counting, output)


def sweep(bench: Bench, train: Images, held_out: Images) -> dict[tuple[int, int], Training]:
    """The trainings of Figure 4 by (latent numbers, seed), of a smaller budget each."""
    table = bench.settings["sweep"]
    budget: dict[str, Any] = {"images": int(table["images"]), "max_minutes": float(table["max_minutes"])}
    return {
        (latent, seed): training(
            bench, f"latent {latent} seed {seed}", train, held_out, seed=seed, latent=latent, **budget
        )
        for latent in table["latent"]
        for seed in table["seeds"]
    }


def train_all(bench: Bench, trainings: Sequence[Training]) -> None:
    """Train what is not trained yet, one process each."""
    unfinished = [one for one in trainings if not (one.output / "trained.safetensors").exists()]
    if unfinished:
        bench.together("training autoencoders", [one.run for one in unfinished])
