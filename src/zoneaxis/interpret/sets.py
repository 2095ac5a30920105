"""Prediction sets: the list of answers that holds the truth with a stated chance (split conformal prediction).

    threshold q = the ceil((n + 1) * coverage)-th smallest nonconformity of the truth among n calibration patterns
    set(pattern) = {answers with nonconformity <= q} and always the best answer

If calibration and test patterns are exchangeable, P(truth in set) >= coverage, whatever the network is worth; a poor
one pays with larger sets. Off that distribution (other physics, other cameras) nothing is promised.
Source: Sadinle, Lei & Wasserman 2019 (least ambiguous sets); Vovk et al. 2005, section 4.5 (Mondrian strata).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoneaxis.errors import InputError


def probability_nonconformity(probabilities: Tensor) -> Tensor:
    """1 - p: how ill each answer conforms to a pattern by the network's account, same shape, 0 (certain) to 1."""
    return 1 - probabilities


@dataclass(frozen=True)
class Conformal:
    """Thresholds of nonconformity, one per stratum of image quality.

    quality_edges (strata - 1, ascending) split the patterns by a quality number; thresholds (strata,) belong to the
    strata from low to high quality. Poor patterns get their own, wider threshold: one threshold for all would be met
    on average, but by sets too small on poor patterns and too large on good ones.
    """

    coverage: float
    quality_edges: tuple[float, ...]
    thresholds: tuple[float, ...]

    @classmethod
    def fit(
        cls,
        nonconformity: Tensor,
        labels: Tensor,
        quality: Tensor | None = None,
        coverage: float = 0.95,
        strata: int = 4,
    ) -> Conformal:
        """Calibrate on patterns the network was not trained on.

        nonconformity (n, answers), any score that is small for answers that fit (1 - probability, a matching deficit);
        labels (n,) index of the truth; quality (n,), larger is better, or None for a single stratum of all.
        The threshold of a stratum is exact for its finite number of patterns, without randomisation.

        Raises `InputError` for shapes that do not fit, NaN, a coverage outside 0.5 to 1, or a stratum with too few
        patterns for a finite threshold: coverage 0.95 needs 19 in each.
        """
        _check(nonconformity, quality)
        if labels.shape != nonconformity.shape[:1]:
            raise InputError(f"prediction set: {len(labels)} labels for {len(nonconformity)} patterns; give one each")
        if not 0.5 <= coverage < 1:
            raise InputError(f"prediction set: coverage = {coverage!r} is outside 0.5 to 1")
        if strata < 1:
            raise InputError(f"prediction set: strata = {strata!r} must be at least 1")
        edges: tuple[float, ...] = ()
        if quality is not None and strata > 1:
            shares = torch.linspace(0, 1, strata + 1, dtype=torch.float64)[1:-1]
            edges = tuple(quality.double().cpu().quantile(shares).tolist())
        truth = nonconformity.double().cpu().gather(-1, labels.cpu()[:, None]).squeeze(-1)
        stratum = _stratum(edges, quality, len(truth))
        thresholds = []
        for index in range(len(edges) + 1):
            scores = truth[stratum == index].sort().values
            rank = math.ceil((len(scores) + 1) * coverage - 1e-9)
            if rank > len(scores):
                need = math.ceil(coverage / (1 - coverage) - 1e-9)
                found = f"{len(scores)} patterns in quality stratum {index}"
                raise InputError(f"prediction set: {found}, coverage {coverage} needs {need}")
            thresholds.append(float(scores[rank - 1]))
        return cls(coverage, edges, tuple(thresholds))

    def sets(self, nonconformity: Tensor, quality: Tensor | None = None) -> Tensor:
        """Membership of every answer in the set of every pattern, bool (n, answers); no set is empty."""
        _check(nonconformity, quality)
        if quality is None and self.quality_edges:
            raise InputError("prediction set: calibrated by image quality, so every pattern needs its quality")
        stratum = _stratum(self.quality_edges, quality, len(nonconformity))
        threshold = torch.tensor(self.thresholds, dtype=torch.float64)[stratum].to(nonconformity.device)
        best = torch.nn.functional.one_hot(nonconformity.argmin(-1), nonconformity.shape[-1]).bool()
        return (nonconformity.double() <= threshold[:, None]) | best

    def parameters(self) -> dict[str, Any]:
        """Plain numbers for a model card."""
        return {
            "coverage": self.coverage,
            "quality_edges": list(self.quality_edges),
            "thresholds": list(self.thresholds),
        }

    @classmethod
    def restore(cls, parameters: Mapping[str, Any]) -> Conformal:
        """Inverse of `parameters`; incomplete or ill-ordered numbers raise `InputError`."""
        try:
            coverage = float(parameters["coverage"])
            edges = tuple(float(edge) for edge in parameters["quality_edges"])
            thresholds = tuple(float(threshold) for threshold in parameters["thresholds"])
        except (KeyError, TypeError, ValueError) as reason:
            raise InputError(f"prediction set: stored parameters are incomplete ({reason})") from None
        if len(thresholds) != len(edges) + 1 or list(edges) != sorted(edges):
            raise InputError(f"prediction set: {len(thresholds)} thresholds do not fit the quality edges {edges}")
        return cls(coverage, edges, thresholds)


def as_labels(sets: Tensor, nonconformity: Tensor, labels: Sequence[str]) -> list[list[str]]:
    """The sets in words: for each pattern the labels of its members, best first."""
    order = nonconformity.argsort(-1)
    return [
        [labels[answer] for answer in ranked if members[answer]]
        for ranked, members in zip(order.tolist(), sets.tolist(), strict=True)
    ]


def coverage_and_size(sets: Tensor, labels: Tensor) -> tuple[float, float]:
    """Fraction of patterns whose set holds the truth, and mean number of answers in a set."""
    held = sets.gather(-1, labels[:, None]).double().mean()
    return float(held), float(sets.double().sum(-1).mean())


def _check(nonconformity: Tensor, quality: Tensor | None) -> None:
    if nonconformity.ndim != 2 or 0 in nonconformity.shape:
        raise InputError(f"prediction set: scores have shape {tuple(nonconformity.shape)}, expected (n, answers)")
    if nonconformity.isnan().any() or (quality is not None and quality.isnan().any()):
        raise InputError("prediction set: scores or qualities hold NaN")
    if quality is not None and quality.shape != nonconformity.shape[:1]:
        raise InputError(f"prediction set: {len(quality)} qualities for {len(nonconformity)} patterns; give one each")


def _stratum(edges: tuple[float, ...], quality: Tensor | None, n: int) -> Tensor:
    """Index of the quality stratum of each pattern, (n,)."""
    if quality is None or not edges:
        return torch.zeros(n, dtype=torch.long)
    return torch.bucketize(quality.double().cpu(), torch.tensor(edges, dtype=torch.float64))
