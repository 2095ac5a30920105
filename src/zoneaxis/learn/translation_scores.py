"""Translation scores: how near translated images come to the true ones, and how sure the mean of that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from zoneaxis.errors import InputError
from zoneaxis.learn.image_batch import READ_AT_ONCE

Images = np.ndarray | Tensor
WINDOW_PX, WINDOW_SIGMA_PX = 11, 1.5
LUMINANCE, CONTRAST = 0.01**2, 0.03**2
FLAT = 1e-12
"""Variance below which an image is flat and correlates with nothing."""


class Summary(TypedDict):
    """Mean of a score over `n` images from `groups` groups, and the central 95 % of its bootstrap."""

    mean: float
    low: float
    high: float
    n: int
    groups: int


def scores(predicted: Images, truth: Images) -> dict[str, np.ndarray]:
    """`mse`, `zncc` and `ssim` of every image, each (n,) float64."""
    return {"mse": mse(predicted, truth), "zncc": zncc(predicted, truth), "ssim": ssim(predicted, truth)}


def mse(predicted: Images, truth: Images) -> np.ndarray:
    """Mean square difference of each image, (n, rows, cols) or (n, 1, rows, cols) twice -> (n,)."""
    return _image_by_image(lambda a, b: (a - b).double().square().flatten(1).mean(1), predicted, truth)


def zncc(predicted: Images, truth: Images) -> np.ndarray:
    """Zero-mean normalised correlation of each image, (n,) in [-1, 1]; 0 where either image is flat."""

    def correlation(a: Tensor, b: Tensor) -> Tensor:
        x, y = (images.double().flatten(1) for images in (a, b))
        x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
        power_x, power_y = x.square().mean(1), y.square().mean(1)
        flat = (power_x < FLAT) | (power_y < FLAT)
        return ((x * y).mean(1) / (power_x * power_y).sqrt()).masked_fill(flat, 0).clamp(-1, 1)

    return _image_by_image(correlation, predicted, truth)


def ssim(predicted: Images, truth: Images) -> np.ndarray:
    """Structural similarity of each image, (n,), for values in [0, 1].

    Gaussian window of 11 px and sigma 1.5 px, constants 0.01² and 0.03², mean over the places where the window lies
    inside the image: Wang et al., IEEE Trans. Image Process. 13 (2004) 600.
    Raises `InputError` for images smaller than the window.
    """
    offset = torch.arange(WINDOW_PX, dtype=torch.float64) - (WINDOW_PX - 1) / 2
    weights = torch.exp(-0.5 * (offset / WINDOW_SIGMA_PX) ** 2)
    across = (weights / weights.sum()).float().reshape(1, 1, 1, -1)

    def smoothed(images: Tensor) -> Tensor:
        return functional.conv2d(functional.conv2d(images, across), across.mT)

    def similarity(a: Tensor, b: Tensor) -> Tensor:
        if min(a.shape[-2:]) < WINDOW_PX:
            raise InputError(f"ssim: images of {tuple(a.shape[-2:])} px are smaller than its window, {WINDOW_PX} px")
        mean_a, mean_b = smoothed(a), smoothed(b)
        variance = smoothed(a * a) - mean_a**2 + smoothed(b * b) - mean_b**2
        covariance = smoothed(a * b) - mean_a * mean_b
        luminance = (2 * mean_a * mean_b + LUMINANCE) / (mean_a**2 + mean_b**2 + LUMINANCE)
        return (luminance * (2 * covariance + CONTRAST) / (variance + CONTRAST)).double().flatten(1).mean(1)

    return _image_by_image(similarity, predicted, truth)


def summary(
    values: np.ndarray, groups: Sequence[object] | np.ndarray | None = None, *, resamples: int = 2000, seed: int = 0
) -> Summary:
    """Mean of one score over a test set, and its interval from `resamples` draws of images, or of groups.

    groups: (n,) whatever names the group of each image, a prototype for example. Images of one group are alike, so
        whole groups are drawn: intervals then say how another choice of groups would have come out. One group gives
        no interval (low = high = mean would mislead), so both ends are NaN.

    Raises `InputError` for no values, NaN, or another number of groups than values.
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise InputError(f"summary: values of shape {values.shape}; give (n,) finite numbers, at least one")
    labels = np.arange(len(values)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    if labels.shape != values.shape:
        raise InputError(f"summary: {labels.shape} groups for {values.shape} values; name one group for each")
    sums, counts = np.bincount(labels, weights=values), np.bincount(labels)
    low = high = float("nan")
    if len(sums) > 1:
        drawn = np.random.default_rng(seed).integers(0, len(sums), (resamples, len(sums)))
        low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), [0.025, 0.975]).tolist()
    return Summary(mean=float(values.mean()), low=low, high=high, n=len(values), groups=len(sums))


def _image_by_image(score: Callable[[Tensor, Tensor], Tensor], predicted: Images, truth: Images) -> np.ndarray:
    """A score of batches (n, 1, rows, cols) float32 of one shape, taken a part at a time."""
    first, second = (torch.as_tensor(images, dtype=torch.float32) for images in (predicted, truth))
    first, second = (images[:, None] if images.ndim == 3 else images for images in (first, second))
    if first.shape != second.shape or first.ndim != 4 or first.shape[1] != 1 or 0 in first.shape:
        shapes = f"{tuple(first.shape)} translated for {tuple(second.shape)} true images"
        raise InputError(f"scores: {shapes}; give (n, 1, rows, cols) of each")
    parts = zip(first.split(READ_AT_ONCE), second.split(READ_AT_ONCE), strict=True)
    return torch.cat([score(a, b) for a, b in parts]).numpy()
