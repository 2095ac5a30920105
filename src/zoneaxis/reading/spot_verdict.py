"""Spot verdict: what the lattice fit and a network say of one crystal, taken together.

    p(group) ~ p of the lattice x p of the network

The lattice knows where spots are and what is absent, the network how bright spots are. Whether the crystal is one of
the known groups at all the lattice decides; a network with a class for others may only add doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoneaxis.reading.reading import Answer, smallest_set
from zoneaxis.techniques.sadp.lattice_fit import LARGEST_STRAIN, OTHER, SURE_MISFIT, LatticeFit

COVERAGE = 0.95
"""Probability that the prediction set holds together."""

HOPELESS = 99.0
"""Strangeness of pictures without any net."""


@dataclass(frozen=True)
class SpotVerdict:
    """Both witnesses.

    Attributes:
        fit: the lattice's.
        model: name of the network; None: there is none.
        proposed: its probabilities of the groups as strings, `OTHER` among them or not; None: it is silent.
        other_threshold: probability of `OTHER` above which the crystal is unknown; None: never.
    """

    fit: LatticeFit
    model: str | None = None
    proposed: Mapping[str, float] | None = None
    other_threshold: float | None = None

    @property
    def of_lattice(self) -> tuple[Answer, ...]:
        """The lattice's own answers, as `answers`."""
        return self._ranked({})

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The known groups, best first, summing to one: given that it is one of them. Empty when none has a chance."""
        return self._ranked(self.proposed or {})

    @property
    def prediction_set(self) -> tuple[str, ...]:
        """The likeliest answers that hold the truth with `COVERAGE`."""
        return smallest_set(self.answers, COVERAGE)

    @property
    def best_proposed(self) -> Answer | None:
        """The known group that the network finds likeliest."""
        if not self.proposed:
            return None
        label = max((name for name in self.proposed if name != OTHER), key=self.proposed.__getitem__)
        return Answer(label, self.proposed[label])

    @property
    def agreement(self) -> bool | None:
        """Whether the lattice's own prediction set holds the network's best group; None where one of them is silent."""
        if self.best_proposed is None or not self.of_lattice:
            return None
        return self.best_proposed.label in smallest_set(self.of_lattice, COVERAGE)

    @property
    def doubted(self) -> bool:
        """Whether the network takes the crystal for none of the groups."""
        return self.other_threshold is not None and (self.proposed or {}).get(OTHER, 0.0) > self.other_threshold

    @property
    def unknown(self) -> bool:
        """Whether no known group is the answer."""
        return self.fit.unknown or self.doubted

    @property
    def unknown_score(self) -> float:
        """How strange the crystal is, 1 being the threshold; the larger of the lattice's and the network's."""
        score = unknown_score(self.fit)
        if self.other_threshold is None:
            return score
        return max(score, (self.proposed or {}).get(OTHER, 0.0) / max(self.other_threshold, 1e-9))

    @property
    def evidence(self) -> dict[str, Any]:
        """What the network says, and whether they agree; nothing without a network."""
        if self.model is None:
            return {}
        told: dict[str, Any] = {"model": self.model, "silent": self.proposed is None}
        if self.proposed is not None:
            told["probabilities"] = {label: rounded(chance) for label, chance in self.proposed.items()}
        return {"network": told, "agreement": self.agreement}

    def _ranked(self, proposed: Mapping[str, float]) -> tuple[Answer, ...]:
        chances = {str(group): chance for group, chance in self.fit.probabilities.items() if group != OTHER}
        if proposed:
            chances = {label: chance * proposed.get(label, 0.0) for label, chance in chances.items()}
        total = sum(chances.values())
        if self.fit.best_class is None or not total > 0:
            return ()
        ranked = sorted(chances, key=lambda label: -chances[label])
        return tuple(Answer(label, chances[label] / total) for label in ranked)


def unknown_score(fit: LatticeFit) -> float:
    """How strange a lattice fit finds the crystal, 1 being the threshold, on the side of it where its verdict is.

    The larger of the probability that it is none of the known groups, doubled, and of a strain that can be believed
    over the largest at which a crystal is called cubic.
    """
    if fit.best_class is None:
        return HOPELESS
    score = 2 * fit.probabilities[OTHER]
    if fit.misfit > SURE_MISFIT:
        score = max(score, min(fit.strain / LARGEST_STRAIN, HOPELESS))
    return max(score, 1.0001) if fit.unknown else min(score, 1.0)


def rounded(value: float) -> float:
    """Four significant digits, as evidence is told."""
    return float(f"{float(value):.4g}")
