"""Joint: network and lattice fit about the same sets of pictures, each alone and both together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from zoneaxis.interpret.ensemble import PooledAccuracy, wilson
from zoneaxis.studies.sadp_defects.answers import Answers, pooled_probabilities
from zoneaxis.studies.sadp_defects.lattice import LatticeAnswers
from zoneaxis.studies.sadp_defects.rows import Row, described

NETWORK, LATTICE, BOTH = "network", "lattice fit", "network + lattice fit"
FLOOR = 0.01
"""Smallest probability of a group that a lattice fit is taken to give. Source: our choice; it is wrong that often."""
WEIGHTS = tuple(np.linspace(0.0, 2.0, 21).round(2).tolist())
"""Weights of the two that are tried on the validation part."""


@dataclass(frozen=True)
class Joint:
    """What both say about m sets of pictures.

    network: (m, 5) log p(group), product over the pictures of a set; lattice: (m, 5) log p(group | one of the five);
    truth (m,) place of the right group, -1 for another; size (m,) pictures of each set; specimen (m,);
    family, strength, space_group, structure: (m,) of its specimen.
    """

    network: Tensor
    lattice: Tensor
    truth: Tensor
    size: np.ndarray
    specimen: np.ndarray
    family: np.ndarray
    strength: np.ndarray
    space_group: np.ndarray

    @classmethod
    def of(cls, answers: Answers, fits: LatticeAnswers) -> Joint:
        """Both about the sets that lattices were fitted to."""
        network = torch.zeros(len(fits.size), answers.known.shape[-1])
        for size in np.unique(fits.size):
            of = np.flatnonzero(fits.size == size)
            pooled = pooled_probabilities(answers, fits.members[of][:, : int(size)])
            network[torch.from_numpy(of)] = (float(size) * pooled).log_softmax(-1).float()
        known = torch.from_numpy(np.asarray(fits.probabilities, dtype=np.float32))
        known = known / known.sum(-1, keepdim=True).clamp_min(1e-12)
        lattice = (FLOOR + (1 - FLOOR * known.shape[-1]) * known).log()
        first = fits.members[:, 0]
        labels = {name: np.asarray(answers.labels[name])[first] for name in ("family", "strength", "space_group")}
        return cls(network, lattice, answers.truth[torch.from_numpy(first)], fits.size, fits.specimen, **labels)

    def at(self, chosen: np.ndarray) -> Joint:
        """Some of the sets."""
        places = torch.from_numpy(np.flatnonzero(chosen))
        arrays = [values[chosen] for values in (self.size, self.specimen, self.family, self.strength, self.space_group)]
        return Joint(self.network[places], self.lattice[places], self.truth[places], *arrays)

    def said(self, reader: str, weights: Weights) -> Tensor:
        """(m, 5) logits of a reader."""
        if reader == NETWORK:
            return self.network
        if reader == LATTICE:
            return self.lattice
        factor = torch.tensor([weights.at(int(size)) for size in self.size])[:, None]
        return factor * self.network + self.lattice


@dataclass(frozen=True)
class Weights:
    """Weight of the network's logarithms beside those of the lattice fit, for each number of pictures."""

    of_size: dict[int, float]

    def at(self, size: int) -> float:
        """For sets of so many pictures."""
        return self.of_size[size]

    @classmethod
    def fit(cls, validation: Joint) -> Weights:
        """Those with the least mean -log p(truth) on the validation part."""
        found = {}
        for size in np.unique(validation.size).tolist():
            part = validation.at(validation.size == size)
            losses = {
                weight: float(torch.nn.functional.cross_entropy(part.said(BOTH, cls({int(size): weight})), part.truth))
                for weight in WEIGHTS
            }
            found[int(size)] = min(losses, key=lambda weight: losses[weight])
        return cls(found)


def accuracies(joint: Joint, reader: str, weights: Weights) -> tuple[PooledAccuracy, ...]:
    """Share of right answers by the number of pictures, as in `interpret.ensemble`."""
    right = (joint.said(reader, weights).argmax(-1) == joint.truth).numpy()
    found = []
    for size in np.unique(joint.size).tolist():
        of = joint.size == size
        sets, specimens = int(of.sum()), len(np.unique(joint.specimen[of]))
        share = float(right[of].mean())
        found.append(
            PooledAccuracy(
                size, share, *wilson(share * sets, sets), sets, specimens, *wilson(share * specimens, specimens)
            )
        )
    return tuple(found)


def joint_rows(joint: Joint, weights: Weights) -> list[Row]:
    """A row for every reader and every family and strength of the specimens."""
    found = []
    for family in np.unique(joint.family):
        for strength in np.unique(joint.strength[joint.family == family]):
            part = joint.at((joint.family == family) & (joint.strength == strength))
            name = described(str(family), float(strength))
            for reader in (NETWORK, LATTICE, BOTH):
                found.append(Row(name, reader, str(family), float(strength), accuracies(part, reader, weights)))
    return found
