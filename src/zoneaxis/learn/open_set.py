"""Open set: how unlike the known patterns a pattern is, and whether to answer `unknown`.

Four scores, each larger for a stranger pattern, are read from one forward pass. Two of them decide together, by the sum
of their values on the scale of the known patterns: the Mahalanobis distance sees features that no class has, the energy
sees patterns that no class claims. On noise of several colours, photographs, empty images and foreign crystals this sum
was the steadiest of the combinations compared, for two networks of different resolution; no stranger is used to fit.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from zoneaxis.errors import InputError

SCORES = ("max_softmax", "energy", "mahalanobis", "neighbour")
DECIDING = ("energy", "mahalanobis")
NEIGHBOUR_RANK = 5
BANK_SIZE = 500


def max_softmax_score(logits: Tensor) -> Tensor:
    """1 - largest probability, (n, classes) -> (n,). Source: Hendrycks & Gimpel 2017."""
    return 1 - logits.softmax(-1).amax(-1)


def energy_score(logits: Tensor) -> Tensor:
    """-log sum exp(logits): high where no class claims the pattern. Source: Liu et al. 2020, eq. 4."""
    return -logits.logsumexp(-1)


def mahalanobis_score(features: Tensor, means: Tensor, whitening: Tensor) -> Tensor:
    """Squared distance to the nearest class mean in units of the shared covariance.

    features (n, f), means (c, f), whitening (f, f) with W W^T = inverse covariance. Limit: on Gaussian classes the
    score of a member follows a chi-squared law with f degrees of freedom. Source: Lee et al. 2018, eq. 2.
    """
    return torch.cdist(features @ whitening, means @ whitening).amin(-1).square()


def neighbour_score(features: Tensor, bank: Tensor, rank: int = NEIGHBOUR_RANK) -> Tensor:
    """Distance from the unit feature vector to its `rank`-th nearest of `bank` (b, f). Source: Sun et al. 2022."""
    distances = torch.cdist(functional.normalize(features, dim=-1), bank)
    return distances.kthvalue(min(rank, len(bank)), dim=-1).values


@dataclass(frozen=True)
class OpenSet:
    """Fitted scores and the threshold above which a pattern is called unknown.

    means (c, f), whitening (f, f), bank (b, f): see the score functions.
    typical and strange: median and 95th percentile of each score of `SCORES` on known patterns, which map to 0 and 1
    on the common scale. threshold: level of the combined score that `false_alarm_rate` of the known patterns exceed.
    """

    means: Tensor
    whitening: Tensor
    bank: Tensor
    typical: tuple[float, ...]
    strange: tuple[float, ...]
    threshold: float
    false_alarm_rate: float

    @classmethod
    def fit(cls, logits: Tensor, features: Tensor, labels: Tensor, false_alarm_rate: float = 0.05) -> OpenSet:
        """Fit on known validation patterns the network was not trained on.

        Half of them (every second) shape the scores, the other half sets scale and threshold, so that the stated
        false-alarm rate holds for new patterns of the same kind.

        Raises `InputError` with fewer than 40 patterns, a class without patterns, or a rate outside (0, 0.5).
        """
        classes = logits.shape[-1]
        if len(labels) < 40 or len(labels) != len(features) or len(labels) != len(logits):
            raise InputError(f"open set: {len(labels)} labels, {len(features)} patterns; at least 40 of each")
        if not 0 < false_alarm_rate < 0.5:
            raise InputError(f"open set: false_alarm_rate = {false_alarm_rate!r} is outside 0 to 0.5")
        shaping = torch.zeros(len(labels), dtype=torch.bool)
        for label in range(classes):
            members = (labels == label).nonzero().flatten()
            if len(members) < 2:
                raise InputError(f"open set: class {label} has {len(members)} patterns; at least 2 are needed")
            shaping[members[::2]] = True
        known, known_labels = features[shaping].double(), labels[shaping]
        means = torch.stack([known[known_labels == label].mean(0) for label in range(classes)])
        whitening = _whitening(known - means[known_labels])
        every = math.ceil(len(known) / BANK_SIZE)
        unscaled = cls(
            means=means.float(),
            whitening=whitening.float(),
            bank=functional.normalize(known[::every], dim=-1).half().float(),  # as it will be stored
            typical=(0.0,) * len(SCORES),
            strange=(1.0,) * len(SCORES),
            threshold=0.0,
            false_alarm_rate=false_alarm_rate,
        )
        others = logits[~shaping], features[~shaping]
        scores = unscaled.scores(*others)
        typical = tuple(float(scores[name].median()) for name in SCORES)
        strange = tuple(float(scores[name].double().quantile(0.95)) for name in SCORES)
        strange = tuple(max(s, t + 1e-9 + 1e-6 * abs(t)) for s, t in zip(strange, typical, strict=True))
        scaled = dataclasses.replace(unscaled, typical=typical, strange=strange)
        combined = scaled.score(*others).sort().values
        rank = min(len(combined), math.ceil((1 - false_alarm_rate) * (len(combined) + 1)))
        return dataclasses.replace(scaled, threshold=float(combined[rank - 1]))

    def scores(self, logits: Tensor, features: Tensor) -> dict[str, Tensor]:
        """Every score on its own scale, name -> (n,); the long-tailed Mahalanobis distance as its logarithm."""
        logits, features = logits.float(), features.float()
        return {
            "max_softmax": max_softmax_score(logits),
            "energy": energy_score(logits),
            "mahalanobis": mahalanobis_score(features, self.means, self.whitening).clamp_min(1e-12).log(),
            "neighbour": neighbour_score(features, self.bank),
        }

    def score(self, logits: Tensor, features: Tensor) -> Tensor:
        """Combined score (n,): sum of the scaled deciding scores, about 0 for a typical pattern, 2 for a rare one."""
        scores = self.scores(logits, features)
        scale = {name: (t, s - t) for name, t, s in zip(SCORES, self.typical, self.strange, strict=True)}
        return torch.stack([(scores[name] - scale[name][0]) / scale[name][1] for name in DECIDING]).sum(0)

    def unknown(self, logits: Tensor, features: Tensor) -> Tensor:
        """Whether each pattern is called unknown, bool (n,)."""
        return self.score(logits, features) > self.threshold

    def parameters(self) -> dict[str, Any]:
        """Numbers for the card."""
        return {
            "scores": list(SCORES),
            "typical": list(self.typical),
            "strange": list(self.strange),
            "threshold": self.threshold,
            "false_alarm_rate": self.false_alarm_rate,
        }

    def tensors(self) -> dict[str, Tensor]:
        """Tensors for `open_set.safetensors`."""
        return {
            "means": self.means,
            "whitening": self.whitening,
            "bank": self.bank.half(),
        }

    @classmethod
    def restore(cls, parameters: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> OpenSet:
        """Inverse of `parameters` and `tensors`; what does not fit raises `InputError`."""
        try:
            if tuple(parameters["scores"]) != SCORES:
                raise InputError(f"open set: scores {parameters['scores']}; this version computes {list(SCORES)}")
            return cls(
                **{name: tensors[name].float() for name in ("means", "whitening", "bank")},
                typical=tuple(float(v) for v in parameters["typical"]),
                strange=tuple(float(v) for v in parameters["strange"]),
                threshold=float(parameters["threshold"]),
                false_alarm_rate=float(parameters["false_alarm_rate"]),
            )
        except (KeyError, TypeError, ValueError) as reason:
            if isinstance(reason, InputError):
                raise
            raise InputError(f"open set: the card's parameters are incomplete ({reason})") from None


def area_under_roc(known: Tensor, strangers: Tensor) -> float:
    """Chance that a random stranger scores above a random known pattern, ties counted half (AUROC)."""
    ordered = known.double().sort().values
    below = torch.searchsorted(ordered, strangers.double(), side="left").double()
    up_to = torch.searchsorted(ordered, strangers.double(), side="right").double()
    return float((below + up_to).mean() / 2 / len(known))


def _whitening(centred: Tensor) -> Tensor:
    """W with W W^T = inverse of the covariance, shrunk towards a multiple of the unit matrix (Ledoit & Wolf 2004)."""
    from sklearn.covariance import ledoit_wolf

    covariance = torch.as_tensor(ledoit_wolf(centred.numpy(), assume_centered=True)[0])
    values, axes = torch.linalg.eigh(covariance)
    return axes * values.clamp_min(1e-12 * float(values[-1]) + 1e-300).rsqrt()
