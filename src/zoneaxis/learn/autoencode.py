"""Autoencoding: from images in memory to the weights of an autoencoder, resumable and bound by images or time.

A plain loop: the images lie in memory, so there is no loader to keep busy and nothing for Lightning to arrange.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoneaxis.learn import networks
from zoneaxis.learn.autoencoder_recipe import AutoencoderRecipe
from zoneaxis.learn.autoencoder_run import AutoencoderRun, Corruption
from zoneaxis.learn.image_batch import as_images, fingerprint
from zoneaxis.learn.image_run import TRAINED, Tick
from zoneaxis.learn.networks.autoencoder import Autoencoder
from zoneaxis.learn.run_record import opened
from zoneaxis.learn.tensor_file import read_tensors
from zoneaxis.learn.trained_autoencoder import TrainedAutoencoder

__all__ = ["AutoencoderRecipe", "Corruption", "Tick", "TrainedAutoencoder", "as_images", "fit"]


def fit(
    images: np.ndarray | Tensor,
    recipe: AutoencoderRecipe,
    output: str | Path | None = None,
    *,
    corrupt: Corruption | None = None,
    validation: np.ndarray | Tensor | None = None,
    progress: Tick | None = None,
    resume: bool = True,
) -> TrainedAutoencoder:
    """Train an autoencoder on `images` until the recipe's budget is spent.

    images, validation: (n, 1, rows, cols) or (n, rows, cols), float32 in [0, 1], square. Validation images are only
        reconstructed once at the end.
    output: folder for `run.json`, `checkpoint.safetensors` (weights, optimiser and position, for resuming) and at the
        end `trained.safetensors`; None keeps the run in memory. An interrupted run of the same recipe and images goes
        on where its last checkpoint was, a finished one is read back.
    corrupt: makes the input of each batch from the clean images, which stay the target. Its generator depends on the
        seed and the step only. None trains on the images as they are.

    Raises `InputError` for images of another kind, a folder that holds another run or a broken checkpoint;
    `FloatingPointError` when the loss is no longer a number.
    """
    images = as_images(images)
    asked = {"recipe": recipe.to_mapping(), "corrupted": corrupt is not None, "data": fingerprint(images)}
    folder, stored = opened(output, asked, resume)
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        network = networks.build("autoencoder", latent=recipe.latent, widths=recipe.widths, size_px=images.shape[-1])
    assert isinstance(network, Autoencoder)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if folder and stored is not None and stored.get("finished"):
        network.load_state_dict(read_tensors(folder / TRAINED))
        return TrainedAutoencoder(network.eval().requires_grad_(False), recipe, stored)

    def judged() -> tuple[Autoencoder, dict[str, Any]]:
        trained = TrainedAutoencoder(network.cpu().eval().requires_grad_(False), recipe, {})
        figures: dict[str, Any] = dict(trained.quality(images))
        return trained.network, figures | ({} if validation is None else {"validation": trained.quality(validation)})

    run = AutoencoderRun(network, images, recipe, corrupt)
    record = run.carry_out(asked, stored, folder, progress, judged)
    return TrainedAutoencoder(network, recipe, record)
