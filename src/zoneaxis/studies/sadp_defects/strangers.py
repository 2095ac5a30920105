"""Strangers: crystals that are of none of the five groups, and how well each score finds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from zoneaxis.studies.sadp_defects.answers import Answers
from zoneaxis.studies.sadp_defects.lattice import LatticeAnswers

ENERGY, OTHER, LATTICE, TOGETHER = "energy of the network", "class other", "lattice fit", "class other + lattice fit"
DETECTED_AT = 0.05
"""Share of known crystals that may be called unknown where detection is told."""


@dataclass(frozen=True)
class Detection:
    """How well a score tells one kind of stranger from known crystals.

    auroc: area under the curve, 0.5 by chance; low, high: 95 % interval, specimens drawn anew; detected: share of the
    strangers above the score that 5 % of the known crystals exceed; strangers, known: numbers of specimens.
    """

    kind: str
    score: str
    pooled: int
    auroc: float
    low: float
    high: float
    detected: float
    strangers: int
    known: int


def scores(answers: Answers, fits: LatticeAnswers) -> dict[str, np.ndarray]:
    """Scores of m sets of pictures, each larger for a stranger crystal."""
    found = {}
    energy, other = np.zeros(len(fits.size)), np.zeros(len(fits.size))
    log_other = answers.other.clamp(1e-4, 1 - 1e-4).logit()
    for size in np.unique(fits.size):
        of = np.flatnonzero(fits.size == size)
        members = torch.from_numpy(fits.members[of][:, : int(size)])
        energy[of] = answers.energy[members].mean(-1).numpy()
        other[of] = log_other[members].mean(-1).numpy()
    found[ENERGY], found[OTHER] = energy, other
    found[LATTICE] = np.asarray(fits.score, dtype=float)
    return found


def together(known: Mapping[str, np.ndarray], asked: Mapping[str, np.ndarray]) -> np.ndarray:
    """Two scores as one: minus the sum of the logarithms of their tail shares among known crystals (Fisher).

    Only known crystals, kept for that, shape it. Source: Fisher 1932.
    """
    total = np.zeros(len(asked[OTHER]))
    for name in (OTHER, LATTICE):
        ranks = np.sort(known[name])
        above = len(ranks) - np.searchsorted(ranks, asked[name], side="left")
        tail = (above + 1.0) / (len(ranks) + 1.0)
        # Beyond the last known crystal the score itself orders, within one rank.
        excess = np.clip(asked[name] - ranks[-1], 0.0, None)
        total += -np.log(tail) + np.log1p(excess)
    return total


def auroc(known: np.ndarray, strange: np.ndarray) -> float:
    """Chance that a stranger scores higher than a known one, ties counting half."""
    order = np.sort(known)
    below = np.searchsorted(order, strange, side="left")
    upto = np.searchsorted(order, strange, side="right")
    return float((below + upto).mean() / (2.0 * len(order)))


def detection(
    kind: str, score: str, pooled: int, known: np.ndarray, strange: np.ndarray, seed: int, draws: int = 400
) -> Detection:
    """Both figures of a score with their interval; known and strange: one value per set of pictures."""
    generator = np.random.default_rng([seed, len(known), len(strange)])
    areas = [auroc(generator.choice(known, len(known)), generator.choice(strange, len(strange))) for _ in range(draws)]
    low, high = np.quantile(areas, [0.025, 0.975])
    limit = np.quantile(known, 1 - DETECTED_AT)
    detected = float((strange > limit).mean())
    return Detection(
        kind, score, pooled, auroc(known, strange), float(low), float(high), detected, len(strange), len(known)
    )
