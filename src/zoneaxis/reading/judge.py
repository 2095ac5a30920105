"""The Judge: weighs what the network proposes against what matching confirms, and says when neither suffices.

Few numbers, fitted on simulated patterns whose physics is not that of the masters they are matched with, so that the
weight of each witness reflects how it does away from home:

    logit_g = a log p_network(g) + b (NCC_g - NCC_best) + c (a significance of that deficit)
    contrast = NCC of the best crystal - median NCC of all candidates

A crystal that is there stands out from the crowd; noise, a photograph or a crystal that is not in the library is fitted
by all candidates about equally badly or well. The NCC itself would not do: it falls with every electron that a camera
misses, and what a strange crystal reaches on a good pattern is what the right one reaches on a poor one. The network's
own open-set score has no say: measured patterns are as strange to it as strange crystals are.
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


FEWEST_CROWD = 6
"""A median of fewer crystals is no crowd; then the best has to stand out from `NOISE_NCC`."""

NOISE_NCC = 0.2
"""What the best of many crystals and orientations reaches on noise (white to 1/f^1.5: 0.13 to 0.26)."""


def contrast(ncc: Tensor) -> Tensor:
    """By how much the best crystal's NCC stands out from the median of all candidates', (n, crystals) -> (n,)."""
    best = ncc.amax(-1)
    return best - (ncc.median(-1).values if ncc.shape[-1] >= FEWEST_CROWD else NOISE_NCC)


@dataclass(frozen=True)
class Testimony:
    """What both witnesses say about n patterns and g groups.

    Attributes:
        network: (n, g) log probabilities of the groups.
        ncc: (n, g) best NCC within each group.
        significance: (n, g) standard errors by which the best group's NCC exceeds each group's.
        contrast: (n,) by how much the best crystal stands out, see `contrast`.
        quality: (n,) image quality.
    """

    network: Tensor
    ncc: Tensor
    significance: Tensor
    contrast: Tensor
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
    """Fitted weights, prediction sets and the scale of strangeness.

    Attributes:
        groups: labels in the order of all (n, g).
        weights: a, b, c.
        conformal: prediction sets on 1 - probability, by image quality.
        typical_contrast: median contrast of well-exposed known patterns; strangeness 0.
        least_contrast: contrast that `false_alarm_rate` of them stay below; strangeness 1, the threshold.
        false_alarm_rate: stated share of well-exposed known patterns called unknown.
    """

    groups: tuple[str, ...]
    weights: tuple[float, float, float]
    conformal: Conformal
    typical_contrast: float
    least_contrast: float
    false_alarm_rate: float

    @classmethod
    def fit(
        cls,
        testimony: Testimony,
        truth: Tensor,
        well_exposed: Tensor,
        groups: tuple[str, ...],
        coverage: float = 0.95,
        false_alarm_rate: float = 0.05,
        strata: int = 3,
    ) -> Judge:
        """Fit on known patterns: weights on every second one, sets on the others.

        Args:
            testimony: of the calibration patterns.
            truth: (n,) index of the true group.
            well_exposed: (n,) bool, patterns of a good camera, which the false-alarm rate refers to; of a poor one more
                come out as unknown, since nothing can be confirmed in them.
            groups: labels.
            coverage: of the prediction sets.
            false_alarm_rate: share of well-exposed known patterns that may be called unknown.
            strata: quality strata of the sets.

        Raises:
            InputError: fewer than 80 patterns for a stratum, or than 40 well exposed.
        """
        if len(truth) < 80 * strata or int(well_exposed.sum()) < 40:
            raise InputError(
                f"judge: {len(truth)} calibration patterns, {int(well_exposed.sum())} of them well exposed; "
                f"at least {80 * strata} and 40 are needed"
            )
        first = torch.arange(len(truth)) % 2 == 0
        weights = _fit_weights(testimony.features()[first], truth[first])
        probabilities = _probabilities(testimony.features(), weights)
        conformal = Conformal.fit(
            probability_nonconformity(probabilities[~first]), truth[~first], testimony.quality[~first], coverage, strata
        )
        known = testimony.contrast[well_exposed]
        typical, least = float(known.median()), float(known.quantile(false_alarm_rate))
        return cls(groups, weights, conformal, typical, min(least, typical - 1e-6), false_alarm_rate)

    def judge(self, testimony: Testimony) -> Verdict:
        """Probabilities, prediction sets, strangeness (1 is the threshold) and `unknown` for every pattern."""
        probabilities = _probabilities(testimony.features(), self.weights)
        sets = self.conformal.sets(probability_nonconformity(probabilities), testimony.quality)
        strangeness = (self.typical_contrast - testimony.contrast) / (self.typical_contrast - self.least_contrast)
        return Verdict(probabilities, sets, strangeness, strangeness > 1.0)

    def parameters(self) -> dict[str, Any]:
        """Plain numbers for a model card."""
        return {
            "groups": list(self.groups),
            "weights": list(self.weights),
            "conformal": self.conformal.parameters(),
            "typical_contrast": self.typical_contrast,
            "least_contrast": self.least_contrast,
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
                float(parameters["typical_contrast"]),
                float(parameters["least_contrast"]),
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
