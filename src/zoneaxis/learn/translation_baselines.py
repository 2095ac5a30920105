"""Translation baselines: what a translator must beat, from one grey value to trees on principal components.

Each is fitted to pairs of images in [0, 1], (n, 1, rows, cols) or (n, rows, cols), and translates as many as it is
given: `fit(inputs, targets).translate(images)` -> (m, 1, rows, cols) float32.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.learn.image_batch import as_images

Images = np.ndarray | Tensor
COMPONENTS = 64
TREES = 100
SMALLEST_LEAF = 2


class Baseline(ABC):
    """Something that learns from pairs without a network."""

    @classmethod
    @abstractmethod
    def fit(cls, inputs: Images, targets: Images) -> Self:
        """Learn from pairs; `InputError` for images of another kind or unequal numbers."""

    @abstractmethod
    def translate(self, images: Images) -> np.ndarray:
        """Answers (m, 1, rows, cols) float32 in [0, 1] to images (m, 1, rows, cols) or (m, rows, cols)."""


class Constant(Baseline):
    """One grey value for every pixel of every image: the mean of all targets, the best there is for mean squares."""

    def __init__(self, answer: Tensor) -> None:
        self.answer = answer

    @classmethod
    def fit(cls, inputs: Images, targets: Images) -> Self:
        """The mean over images and pixels."""
        wanted = _pairs(inputs, targets)[1]
        return cls(wanted.double().mean().float().expand(wanted.shape[1:]))

    def translate(self, images: Images) -> np.ndarray:
        """The same answer to every image."""
        return self.answer.expand(len(as_images(images)), *self.answer.shape).numpy().copy()


class MeanImage(Constant):
    """The mean target, whatever the input."""

    @classmethod
    def fit(cls, inputs: Images, targets: Images) -> Self:
        """The mean over images."""
        return cls(_pairs(inputs, targets)[1].double().mean(0).float())


class Nearest(Baseline):
    """The target of the nearest input, by the sum of square differences."""

    NEIGHBOURS = 1

    def __init__(self, inputs: Tensor, targets: Tensor) -> None:
        self.inputs, self.targets = inputs, targets

    @classmethod
    def fit(cls, inputs: Images, targets: Images) -> Self:
        """Keep all pairs."""
        return cls(*_pairs(inputs, targets))

    def translate(self, images: Images) -> np.ndarray:
        """Mean of the targets of the nearest inputs."""
        images = as_images(images, self.inputs.shape[-1])
        count = min(self.NEIGHBOURS, len(self.inputs))
        known = self.inputs.flatten(1)
        power = known.square().sum(1)
        answers = []
        for part in images.flatten(1).split(64):  # |x - y|² up to |x|², which ranks nothing
            nearest = (power - 2 * part @ known.T).topk(count, largest=False).indices
            answers.append(self.targets[nearest].mean(1))
        return torch.cat(answers).numpy()


class FiveNearest(Nearest):
    """The mean of the targets of the five nearest inputs."""

    NEIGHBOURS = 5


class ComponentTrees(Baseline):
    """Extremely randomised trees from the principal components of the input to those of the target.

    64 components a side and 100 trees, seeded: the strongest of the baselines, and the one that a network has to beat
    on kinds of structure it has not seen.
    """

    def __init__(self, seen: Any, wanted: Any, trees: Any, size_px: int) -> None:
        self.seen, self.wanted, self.trees, self.size_px = seen, wanted, trees, size_px

    @classmethod
    def fit(cls, inputs: Images, targets: Images) -> Self:
        """Principal components of both sides, then the trees."""
        from sklearn.decomposition import PCA
        from sklearn.ensemble import ExtraTreesRegressor

        first, second = _pairs(inputs, targets)
        kept = min(COMPONENTS, len(first), first[0].numel())
        seen, wanted = (PCA(kept, svd_solver="randomized", random_state=0) for _ in range(2))
        before = seen.fit_transform(first.flatten(1).numpy())
        after = wanted.fit_transform(second.flatten(1).numpy())
        trees = ExtraTreesRegressor(TREES, min_samples_leaf=SMALLEST_LEAF, random_state=0, n_jobs=1)
        return cls(seen, wanted, trees.fit(before, after), first.shape[-1])

    def translate(self, images: Images) -> np.ndarray:
        """Components of the answers read by the trees, drawn and clipped to [0, 1]."""
        images = as_images(images, self.size_px)
        components = self.trees.predict(self.seen.transform(images.flatten(1).numpy()))
        drawn = self.wanted.inverse_transform(components).reshape(images.shape)
        return drawn.clip(0, 1).astype(np.float32)


BASELINES: dict[str, type[Baseline]] = {
    "constant": Constant,
    "mean image": MeanImage,
    "nearest": Nearest,
    "5 nearest": FiveNearest,
    "PCA + extra trees": ComponentTrees,
}
"""Every baseline by the name it has in a table, weakest first."""


def _pairs(inputs: Images, targets: Images) -> tuple[Tensor, Tensor]:
    first, second = as_images(inputs), as_images(targets)
    if len(first) != len(second):
        raise InputError(f"baseline: {len(first)} inputs but {len(second)} targets; give one target for each input")
    return first, second
