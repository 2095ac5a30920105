"""Ensemble: one answer from several patterns of one crystal, and how much the accuracy gains by it.

    mean: p(group) = mean over patterns of p_k(group)          (the ensemble of inference probabilities of the paper)
    product: p(group) ~ exp(mean over patterns of log p_k(group) / temperature)

The product at temperature 1/k is the posterior of k independent patterns. They are not independent: what is wrong in
one zone is often wrong in the next, so its temperature has to be fitted, and pooling makes a common error certain.
Source: Jeong et al., RSC Adv. 14 (2024) 18489; Genest & Zidek 1986 for linear and logarithmic pools.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from zoneaxis.errors import InputError

Pooling = Literal["mean", "product"]
FLOOR = 1e-6
"""Smallest probability in a product, so that no single pattern can rule a group out. Our choice."""
SIZES = (1, 2, 4, 8, 16)
"""Numbers of zones pooled in a table. Source: our choice, halvings of the paper's 16."""


def wilson(successes: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval (low, high) of a share of which `successes` of n independent trials are known.

    Limits: n -> infinity gives successes/n; 0 or n successes leave an interval of width about z²/n. `successes` may be
    a mean over repeats, no whole number. Raises InputError unless 0 <= successes <= n, n > 0.
    Source: Wilson 1927; Brown, Cai & DasGupta 2001.
    """
    if not (n > 0 and 0 <= successes <= n) or not 0 < confidence < 1:
        raise InputError(
            f"wilson: successes = {successes}, n = {n}, confidence = {confidence}: expected 0 <= successes <= n, n > 0"
        )
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (0.0 if successes == 0 else max(0.0, middle - half)), (1.0 if successes == n else min(1.0, middle + half))


def group_probabilities(class_probabilities: Tensor, shares: Tensor) -> Tensor:
    """p(group) = sum over classes of p(class) share(class, group): (..., classes), (classes, groups) -> (..., groups).

    Limit: shares of 0 and 1 give the sums over the classes of each group. Raises InputError where rows of the shares do
    not sum to 1 or do not fit.
    """
    if shares.ndim != 2 or class_probabilities.shape[-1] != len(shares):
        raise InputError(
            f"ensemble: shares {tuple(shares.shape)} do not fit probabilities {tuple(class_probabilities.shape)}"
        )
    if not torch.allclose(shares.sum(-1), torch.ones(len(shares), dtype=shares.dtype), atol=1e-5):
        raise InputError("ensemble: the shares of a class must sum to 1 over the groups")
    return class_probabilities @ shares.to(class_probabilities)


def pooled_logits(probabilities: Tensor, how: Pooling = "mean") -> Tensor:
    """Logarithm of the pool before any temperature, (..., patterns, groups) -> (..., groups).

    A temperature for it is fitted by `learn.calibrate.fit_temperature` on crystals that are kept for that.

    Raises InputError for another pooling, no patterns, or numbers that are no probabilities.
    """
    if probabilities.ndim < 2 or 0 in probabilities.shape[-2:]:
        raise InputError(f"ensemble: probabilities {tuple(probabilities.shape)}: expected (..., patterns, groups)")
    if not bool(((probabilities >= 0) & (probabilities <= 1 + 1e-4)).all()):
        raise InputError("ensemble: probabilities must be numbers from 0 to 1")
    if how == "mean":
        return probabilities.mean(-2).clamp_min(FLOOR).log()
    if how == "product":
        return probabilities.clamp_min(FLOOR).log().mean(-2)
    raise InputError(f"ensemble: pooling {how!r}: expected mean or product")


def pooled(probabilities: Tensor, how: Pooling = "mean", temperature: float = 1.0) -> Tensor:
    """One answer from several patterns of one crystal, (..., patterns, groups) -> (..., groups) summing to 1.

    Limits: equal patterns give their own probabilities at temperature 1; the mean is the plain mean there. The best
    answer does not depend on the temperature. Raises InputError as `pooled_logits`, and for a temperature not above 0.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise InputError(f"ensemble: temperature = {temperature}: expected above 0")
    if how == "mean" and temperature == 1:
        pooled_logits(probabilities)
        return probabilities.mean(-2)
    return (pooled_logits(probabilities, how) / temperature).softmax(-1)


def draws(
    crystal: Sequence[int] | np.ndarray,
    zone: Sequence[int] | np.ndarray,
    size: int,
    generator: np.random.Generator,
) -> Iterator[tuple[int, np.ndarray]]:
    """Sets of `size` patterns of one crystal along different zones: (crystal, numbers of the patterns).

    Of every zone of a crystal one pattern is taken by chance; the zones are shuffled and dealt out, so that no pattern
    is in two sets. A crystal with fewer zones gives none, and a rest too small for a set is left out.
    """
    crystal, zone = np.asarray(crystal), np.asarray(zone)
    if crystal.shape != zone.shape or crystal.ndim != 1 or size < 1:
        raise InputError(
            f"ensemble: crystals {crystal.shape}, zones {zone.shape}, size {size}: expected one per pattern"
        )
    order = generator.permutation(len(crystal))
    _, first = np.unique(np.stack([crystal[order], zone[order]]), axis=1, return_index=True)
    taken = order[np.sort(first)]  # in random order, one pattern of each zone
    taken = taken[np.argsort(crystal[taken], kind="stable")]
    names, starts = np.unique(crystal[taken], return_index=True)
    for name, members in zip(names.tolist(), np.split(taken, starts[1:]), strict=True):
        for start in range(0, len(members) - size + 1, size):
            yield name, members[start : start + size]


@dataclass(frozen=True)
class PooledAccuracy:
    """Share of right answers when `pooled` zones of a crystal are read together.

    sets: disjoint sets of zones; crystals: how many they are of. low, high: Wilson's interval over the sets, for these
    crystals; low_of_crystals, high_of_crystals: over the crystals alone, for other crystals of their kind, whose
    patterns are right or wrong together at worst.
    """

    pooled: int
    accuracy: float
    low: float
    high: float
    sets: int
    crystals: int
    low_of_crystals: float
    high_of_crystals: float


def pooled_accuracies(
    probabilities: Tensor,
    truth: Tensor,
    crystal: Sequence[int] | np.ndarray,
    zone: Sequence[int] | np.ndarray,
    *,
    sizes: Sequence[int] = SIZES,
    how: Pooling = "mean",
    repeats: int = 8,
    seed: int = 0,
) -> list[PooledAccuracy]:
    """Accuracy against the number of zones pooled.

    probabilities (n, groups) of single patterns; truth (n,) group numbers, one per crystal; crystal (n,) and zone (n,)
    as numbers: everything with the same crystal number is pooled, so a number stands for one specimen. The zones are
    dealt out `repeats` times and the shares averaged; intervals count one dealing. Sizes for which no crystal has
    enough zones are left out.

    Raises InputError for shapes that do not fit, or a crystal with two truths.
    """
    ids, kinds = np.asarray(crystal), np.asarray(zone)
    right_group = truth.cpu().numpy()
    if not (len(probabilities) == len(right_group) == len(ids) == len(kinds)) or not len(ids) or repeats < 1:
        raise InputError(
            f"ensemble: {len(probabilities)} probabilities, {len(right_group)} truths, {len(ids)} crystals"
        )
    if len(np.unique(np.stack([ids, right_group]), axis=1).T) != len(np.unique(ids)):
        raise InputError("ensemble: a crystal has two different truths; a crystal number stands for one specimen")
    generator = np.random.default_rng(seed)
    found = []
    for size in sizes:
        dealt = [list(draws(ids, kinds, size, generator)) for _ in range(repeats)]
        if not dealt[0]:
            continue
        members = torch.from_numpy(np.array([chosen for dealing in dealt for _, chosen in dealing]))
        answers = pooled_logits(probabilities[members], how).argmax(-1)
        share = float((answers == truth[members[:, 0]].to(answers.device)).double().mean())
        sets, crystals = len(dealt[0]), len({name for name, _ in dealt[0]})
        low, high = wilson(share * sets, sets)
        lowest, highest = wilson(share * crystals, crystals)
        found.append(PooledAccuracy(size, share, low, high, sets, crystals, lowest, highest))
    return found
