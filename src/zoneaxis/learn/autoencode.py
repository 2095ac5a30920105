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
from zoneaxis.learn.autoencoder_run import CHECKPOINT, AutoencoderRun, Corruption, Tick, read_tensors, write_tensors
from zoneaxis.learn.networks.autoencoder import Autoencoder
from zoneaxis.learn.run_record import RUN, check_same_run, stored_record, write_json
from zoneaxis.learn.trained_autoencoder import TrainedAutoencoder, as_images
from zoneaxis.learn.training import versions

__all__ = ["AutoencoderRecipe", "Corruption", "Tick", "TrainedAutoencoder", "as_images", "fit"]
TRAINED = "trained.safetensors"


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
    asked = {"recipe": recipe.to_mapping(), "corrupted": corrupt is not None, "data": _fingerprint(images)}
    folder = None if output is None else Path(output)
    stored = stored_record(folder) if folder else None
    if folder and stored is not None:
        check_same_run(folder, stored, asked, resume)
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        network = networks.build("autoencoder", latent=recipe.latent, widths=recipe.widths, size_px=images.shape[-1])
    assert isinstance(network, Autoencoder)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if folder and stored is not None and stored.get("finished"):
        network.load_state_dict(read_tensors(folder / TRAINED))
        return TrainedAutoencoder(network.eval().requires_grad_(False), recipe, stored)

    run = AutoencoderRun(network, images, recipe, corrupt)
    if folder and stored is not None and (folder / CHECKPOINT).exists():
        run.restore(folder / CHECKPOINT, stored.get("curve", []))
    record = asked | {"precision": run.precision, "threads": recipe.threads, "device": run.device.type}
    record |= {"parameters": sum(p.numel() for p in network.parameters()), "versions": versions(), "finished": False}
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / RUN, record | {"curve": run.curve})
    previous_threads = torch.get_num_threads()
    torch.set_num_threads(recipe.threads)
    try:
        run.train(folder, record, progress)
        trained = TrainedAutoencoder(network.cpu().eval().requires_grad_(False), recipe, record)
        record |= {"images": run.images_seen, "minutes": round(run.minutes, 3), "curve": run.curve}
        record |= trained.quality(images)
        if validation is not None:
            record["validation"] = trained.quality(validation)
    finally:
        torch.set_num_threads(previous_threads)
    record["finished"] = True
    if folder:
        write_tensors(network.state_dict(), folder / TRAINED)
        write_json(folder / RUN, record)
        (folder / CHECKPOINT).unlink(missing_ok=True)
    return trained


def _fingerprint(images: Tensor) -> dict[str, Any]:
    """Number, size and a checksum of the images, so that a run is never resumed on others."""
    import zlib

    return {"images": len(images), "size_px": images.shape[-1], "crc32": zlib.crc32(images.contiguous().numpy().data)}
