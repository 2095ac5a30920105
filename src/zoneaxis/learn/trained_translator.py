"""Trained translator: images of one kind to images of another, and how near they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoneaxis.learn.image_batch import as_images, in_parts
from zoneaxis.learn.networks.translator import Translator
from zoneaxis.learn.square_operations import COUNT, turned, turned_back
from zoneaxis.learn.translation_scores import scores
from zoneaxis.learn.translator_recipe import TranslatorRecipe


@dataclass(frozen=True)
class TrainedTranslator:
    """A translator in evaluation mode on the CPU, and the record of its training that `run.json` holds.

    record: recipe, precision, images, minutes, `curve` (images, minutes, learning_rate, losses), and the figures of
        `quality` on the training images and, where given, the validation images.
    """

    network: Translator
    recipe: TranslatorRecipe
    record: dict[str, Any]

    def translate(self, images: np.ndarray | Tensor, *, symmetric: bool = False) -> np.ndarray:
        """Translations (n, 1, rows, cols) float32 in [0, 1] of images (n, 1, rows, cols) or (n, rows, cols) in [0, 1].

        symmetric: the mean over the eight operations of the square, each undone on the answer; eight times the work,
            then an input of some symmetry has an answer of at least that symmetry.
        """
        images = as_images(images, self.network.size_px)
        if not symmetric:
            return in_parts(self.network, images).numpy()
        answers = [turned_back(in_parts(self.network, turned(images, k)), k) for k in range(COUNT)]
        return torch.stack(answers).mean(0).numpy()

    def quality(self, inputs: np.ndarray | Tensor, targets: np.ndarray | Tensor) -> dict[str, float]:
        """Mean over the images of every score in `translation_scores`."""
        return {name: float(each.mean()) for name, each in scores(self.translate(inputs), targets).items()}
