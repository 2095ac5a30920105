"""Translation: from pairs of images in memory to the weights of a translator, resumable and bound by images or time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.learn import networks
from zoneaxis.learn.image_batch import as_images, fingerprint
from zoneaxis.learn.image_run import TRAINED, Tick
from zoneaxis.learn.networks.translator import Translator
from zoneaxis.learn.run_record import opened
from zoneaxis.learn.tensor_file import read_tensors
from zoneaxis.learn.trained_translator import TrainedTranslator
from zoneaxis.learn.translator_recipe import TranslatorRecipe
from zoneaxis.learn.translator_run import TranslatorRun

__all__ = ["Tick", "TrainedTranslator", "TranslatorRecipe", "fit"]
Images = np.ndarray | Tensor


def fit(
    inputs: Images,
    targets: Images,
    recipe: TranslatorRecipe,
    output: str | Path | None = None,
    *,
    validation: tuple[Images, Images] | None = None,
    progress: Tick | None = None,
    resume: bool = True,
) -> TrainedTranslator:
    """Train a translator from `inputs` to `targets` until the recipe's budget is spent.

    inputs, targets, and those of validation: (n, 1, rows, cols) or (n, rows, cols), float32 in [0, 1], square, of one
        size that the network knows (32, 64, 128 or 256 px). Validation pairs are only translated once, at the end.
    output: folder for `run.json`, `checkpoint.safetensors` (weights, average, optimisers and position, for resuming)
        and at the end `trained.safetensors`; None keeps the run in memory. An interrupted run of the same recipe and
        images goes on where its last checkpoint was, a finished one is read back.

    Raises `InputError` for images of another kind, pairs that do not match, a folder that holds another run or a
    broken checkpoint; `FloatingPointError` when a loss is no longer a number.
    """
    pairs = _pairs("training", inputs, targets)
    unseen = None if validation is None else _pairs("validation", *validation, size_px=pairs[0].shape[-1])
    data = {"inputs": fingerprint(pairs[0]), "targets": fingerprint(pairs[1])}
    asked = {"recipe": recipe.to_mapping(), "data": data}
    folder, stored = opened(output, asked, resume)
    network = _network(recipe, pairs[0].shape[-1])
    if folder and stored is not None and stored.get("finished"):
        network.load_state_dict(read_tensors(folder / TRAINED))
        return TrainedTranslator(network.eval().requires_grad_(False), recipe, stored)

    def judged() -> tuple[Translator, dict[str, Any]]:
        network.load_state_dict(run.average.network.state_dict())
        trained = TrainedTranslator(network.cpu().eval().requires_grad_(False), recipe, {})
        figures = {"training": trained.quality(*pairs)}
        return network, figures if unseen is None else figures | {"validation": trained.quality(*unseen)}

    run = TranslatorRun(network, *pairs, recipe)
    record = run.carry_out(asked, stored, folder, progress, judged)
    return TrainedTranslator(network, recipe, record)


def _network(recipe: TranslatorRecipe, size_px: int) -> Translator:
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        network = networks.build(
            "translator", width=recipe.width, size_px=size_px, norm=recipe.norm, dropout=recipe.dropout
        )
    assert isinstance(network, Translator)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _pairs(what: str, inputs: Images, targets: Images, size_px: int | None = None) -> tuple[Tensor, Tensor]:
    """Checked inputs and targets of one size, as many of each."""
    first = as_images(inputs, size_px)
    second = as_images(targets, first.shape[-1])
    if len(first) != len(second):
        raise InputError(f"{what}: {len(first)} inputs but {len(second)} targets; give one target for each input")
    return first, second
