"""The Judge: weighs what the network proposes against what matching confirms, and says when neither suffices.

Few numbers, fitted on simulated patterns whose physics is not that of the masters they are matched with, so that the
weight of each witness reflects how it does away from home:

    logit_g = a log p_network(g) + b (NCC_g - NCC_best) + c (a significance of that deficit)
    strangeness = the larger of the network's open-set score and the deficit of the best NCC against known patterns of
                  like image quality, each on a scale where 1 is its threshold
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.interpret.sets import Conformal, probability_nonconformity

LEAST_NETWORK_PROBABILITY = 0.01
"""A network's veto is worth no more than this: it is confident on patterns unlike any it was trained on, too."""

INDEPENDENT_PIXELS = 1000.0
"""Independent pixels of a 64 px pattern whose bands are about two pixels wide; sets the unit of significance only."""


@dataclass(frozen=True)
class Testimony:
    """What both witnesses say about n patterns and g groups.

    Attributes:
        network: (n, g) log probabilities of the groups.
        strangeness: (n,) open-set score of the network, 1 at its own threshold.
        ncc: (n, g) best NCC within each group.
        significance: (n, g) standard errors by which the best group's NCC exceeds each group's.
        quality: (n,) image quality.
    """

    network: Tensor
    strangeness: Tensor
    ncc: Tensor
    significance: Tensor
    quality: Tensor

    def features(self) -> Tensor:
        """(n, g, 3): log p, NCC deficit, square root of the significance with a minus sign; all 0 at the best."""
        floor = torch.tensor(LEAST_NETWORK_PROBABILITY).log()
        proposed = torch.logaddexp(self.network, floor)
        proposed = proposed - proposed.amax(-1, keepdim=True)
        deficit = self.ncc - self.ncc.amax(-1, keepdim=True)
        return torch.stack((proposed, 10.0 * deficit, -self.significance.clamp_min(0.0).sqrt()), dim=-1)


@dataclass(frozen=True)
class Verdict:
    """Judgement of n patterns: probabilities (n, g), sets (n, g) bool, strangeness (n,), unknown (n,) bool."""

    probabilities: Tensor
    sets: Tensor
    strangeness: Tensor
    unknown: Tensor


@dataclass(frozen=True)
class Judge:
    """Fitted weights, prediction sets and the threshold of strangeness.

    Attributes:
        groups: labels in the order of all (n, g).
        weights: a, b, c.
        conformal: prediction sets on 1 - probability, by image quality.
        quality_edges: strata of the expected NCC.
        least_ncc: (strata,) NCC that only few known patterns of the stratum stay below.
        typical_ncc: (strata,) their median.
        threshold: level of strangeness that `false_alarm_rate` of the known patterns exceed.
        false_alarm_rate: stated share of known patterns called unknown.
    """

    groups: tuple[str, ...]
    weights: tuple[float, float, float]
    conformal: Conformal
    quality_edges: tuple[float, ...]
    least_ncc: tuple[float, ...]
    typical_ncc: tuple[float, ...]
    threshold: float
    false_alarm_rate: float

    @classmethod
    def fit(
        cls,
        testimony: Testimony,
        truth: Tensor,
        groups: tuple[str, ...],
        coverage: float = 0.95,
        false_alarm_rate: float = 0.05,
        strata: int = 3,
    ) -> Judge:
        """Fit on known patterns: weights on every second one, sets and thresholds on the others.

        Args:
            testimony: of the calibration patterns.
            truth: (n,) index of the true group.
            groups: labels.
            coverage: of the prediction sets.
            false_alarm_rate: share of known patterns that may be called unknown.
            strata: quality strata of sets and expected NCC.

        Raises:
            InputError: fewer than 80 patterns for a stratum.
        """
        if len(truth) < 80 * strata:
            raise InputError(f"judge: {len(truth)} calibration patterns, at least {80 * strata} are needed")
        first = torch.arange(len(truth)) % 2 == 0
        weights = _fit_weights(testimony.features()[first], truth[first])
        probabilities = _probabilities(testimony.features(), weights)
        conformal = Conformal.fit(
            probability_nonconformity(probabilities[~first]), truth[~first], testimony.quality[~first], coverage, strata
        )
        best = testimony.ncc.amax(-1)
        shares = torch.linspace(0, 1, strata + 1)[1:-1]
        edges = testimony.quality.quantile(shares)
        stratum = torch.bucketize(testimony.quality, edges)
        least = tuple(float(best[stratum == i].quantile(false_alarm_rate)) for i in range(strata))
        typical = tuple(float(best[stratum == i].median()) for i in range(strata))
        unscaled = cls(groups, weights, conformal, tuple(edges.tolist()), least, typical, 1.0, false_alarm_rate)
        threshold = float(unscaled._strangeness(testimony).quantile(1.0 - false_alarm_rate))
        return cls(groups, weights, conformal, tuple(edges.tolist()), least, typical, threshold, false_alarm_rate)

    def judge(self, testimony: Testimony) -> Verdict:
        """Probabilities, prediction sets, strangeness (1 is the threshold) and `unknown` for every pattern."""
        probabilities = _probabilities(testimony.features(), self.weights)
        sets = self.conformal.sets(probability_nonconformity(probabilities), testimony.quality)
        strangeness = self._strangeness(testimony) / self.threshold
        return Verdict(probabilities, sets, strangeness, strangeness > 1.0)

    def _strangeness(self, testimony: Testimony) -> Tensor:
        stratum = torch.bucketize(testimony.quality, torch.tensor(self.quality_edges))
        least, typical = torch.tensor(self.least_ncc)[stratum], torch.tensor(self.typical_ncc)[stratum]
        deficit = (typical - testimony.ncc.amax(-1)) / (typical - least).clamp_min(1e-6)
        return torch.maximum(deficit, testimony.strangeness)

    def parameters(self) -> dict[str, Any]:
        """Plain numbers for a model card."""
        return {
            "groups": list(self.groups),
            "weights": list(self.weights),
            "conformal": self.conformal.parameters(),
            "quality_edges": list(self.quality_edges),
            "least_ncc": list(self.least_ncc),
            "typical_ncc": list(self.typical_ncc),
            "threshold": self.threshold,
            "false_alarm_rate": self.false_alarm_rate,
        }

    @classmethod
    def restore(cls, parameters: Mapping[str, Any]) -> Judge:
        """Inverse of `parameters`.

        Raises:
            InputError: numbers missing or of another kind.
        """
        try:
            a, b, c = (float(value) for value in parameters["weights"])
            return cls(
                tuple(parameters["groups"]),
                (a, b, c),
                Conformal.restore(parameters["conformal"]),
                tuple(map(float, parameters["quality_edges"])),
                tuple(map(float, parameters["least_ncc"])),
                tuple(map(float, parameters["typical_ncc"])),
                float(parameters["threshold"]),
                float(parameters["false_alarm_rate"]),
            )
        except (KeyError, TypeError, ValueError) as reason:
            raise InputError(f"judge: stored parameters are incomplete ({reason})") from None


def _probabilities(features: Tensor, weights: tuple[float, float, float]) -> Tensor:
    return (features * features.new_tensor(weights)).sum(-1).softmax(-1)


def _fit_weights(features: Tensor, truth: Tensor) -> tuple[float, float, float]:
    """Maximum likelihood of the truth under softmax(weights . features), weights not negative, by L-BFGS."""
    root = torch.ones(3, dtype=torch.float64, requires_grad=True)
    features = features.double()
    optimiser = torch.optim.LBFGS([root], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = torch.nn.functional.cross_entropy((features * root.square()).sum(-1), truth)
        value = value + 1e-4 * root.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    a, b, c = root.detach().square().tolist()
    return a, b, c
