"""Lattice: what the lattice fit says of sets of pictures of one specimen; spots and nets are found once a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.interpret.ensemble import draws
from zoneaxis.reading.spot_verdict import unknown_score
from zoneaxis.recipes.sadp_classes import GROUPS
from zoneaxis.techniques.sadp.alternatives import fit_nets
from zoneaxis.techniques.sadp.lattice_fit import OTHER, LatticeFit, fit_lattice
from zoneaxis.techniques.sadp.spots import find_spots

SIZES = (1, 4, 16)
"""Pictures that are read together. Source: our choice, one, some and all zones of a specimen."""

MOST_MEMBERS = 16
"""Places kept of a set. Source: the zones of the plan."""

MOST_SETS = {1: 4, 4: 2}
"""Sets of a specimen that are read, by their size. Source: our choice; bounds the time."""


@dataclass(frozen=True)
class LatticeAnswers:
    """What lattice fits say of m sets of pictures.

    Attributes:
        size: (m,) pictures of each set.
        members: (m, 16) int, their places in the listing, -1 where there are no more.
        specimen: (m,) number of the specimen.
        probabilities: (m, 5) of the groups of `recipes.sadp_classes.GROUPS`.
        other: (m,) of any other group; with the five it sums to 1.
        unknown: (m,) whether the fit calls the crystal unknown.
        score: (m,) how strange it finds it, above 1 where unknown; see `reading.spot_verdict.unknown_score`.
        a_angstrom: (m,) lattice parameter; NaN without one.
        strain: (m,) root mean square of the largest principal strains of the nets; NaN without one.
    """

    size: np.ndarray
    members: np.ndarray
    specimen: np.ndarray
    probabilities: np.ndarray
    other: np.ndarray
    unknown: np.ndarray
    score: np.ndarray
    a_angstrom: np.ndarray
    strain: np.ndarray

    def __len__(self) -> int:
        return len(self.size)

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it by name, to be kept in a file."""
        return dict(asdict(self))

    @classmethod
    def of(cls, arrays: Mapping[str, Any]) -> LatticeAnswers:
        """From what `arrays` gave; further entries are left out.

        Raises:
            InputError: an array is missing, or they are not of one length.
        """
        names = [field.name for field in fields(cls)]
        missing = [name for name in names if name not in arrays]
        if missing:
            raise InputError(f"lattice answers: no array {missing[0]!r}; expected {', '.join(names)}")
        made = cls(**{name: np.asarray(arrays[name]) for name in names})
        lengths = {name: len(values) for name, values in made.arrays().items()}
        if len(set(lengths.values())) > 1:
            raise InputError(f"lattice answers: arrays of lengths {lengths}: expected one length")
        return made


def lattice_answers(
    pictures: Tensor,
    per_angstrom_per_px: Sequence[float] | np.ndarray,
    specimen: Sequence[int] | np.ndarray,
    zone: Sequence[int] | np.ndarray,
    sizes: Sequence[int] = SIZES,
    seed: int = 0,
) -> LatticeAnswers:
    """Fit a lattice to sets of pictures, each of different zones of one specimen; no picture is in two sets of a size.

    Sets are dealt by `interpret.ensemble.draws`, each size by itself; of a specimen at most `MOST_SETS` are read.

    Args:
        pictures: (n, rows, cols) as a camera shows them, any rising map of the intensity.
        per_angstrom_per_px: (n,) scale at the centre of each.
        specimen, zone: (n,) numbers; pictures of one specimen are of one crystal, voltage and camera length.
        sizes: pictures in a set, up to `MOST_MEMBERS`.
        seed: of the dealing.

    Returns: members are places in the n pictures; sizes in the given order, specimens rising.

    Raises:
        InputError: numbers of pictures, scales and labels that differ; a size that cannot be; no set at all.
    """
    scales, owner, axis = np.asarray(per_angstrom_per_px, dtype=float), np.asarray(specimen), np.asarray(zone)
    count = len(pictures)
    if not scales.shape == owner.shape == axis.shape == (count,):
        raise InputError(
            f"lattice answers: {count} pictures, scales {scales.shape}, specimens {owner.shape}, zones {axis.shape}: "
            "expected one of each for every picture"
        )
    for size in sizes:
        if not 1 <= size <= MOST_MEMBERS:
            raise InputError(f"lattice answers: size = {size}: expected 1 to {MOST_MEMBERS} pictures")
    sets = [(size, *dealt) for size in sizes for dealt in _dealt(owner, axis, size, seed)]
    if not sets:
        raise InputError(f"lattice answers: no specimen has {min(sizes, default=1)} zones, so there is no set to read")
    used = np.unique(np.concatenate([chosen for _, _, chosen in sets]))
    spots = {place: find_spots(pictures[place].numpy()) for place in used.tolist()}
    nets = {place: fit_nets(found) for place, found in spots.items()}
    fits = []
    for _, _, chosen in sets:
        places = chosen.tolist()
        fits.append(
            fit_lattice(
                [spots[place] for place in places],
                scales[chosen].tolist(),
                known_groups=GROUPS,
                nets=[nets[place] for place in places],
            )
        )
    members = np.full((len(sets), MOST_MEMBERS), -1, dtype=np.int64)
    for row, (size, _, chosen) in zip(members, sets, strict=True):
        row[:size] = chosen
    return LatticeAnswers(
        size=np.array([size for size, _, _ in sets], dtype=np.int64),
        members=members,
        specimen=np.array([name for _, name, _ in sets]),
        probabilities=np.array([[fit.probabilities[group] for group in GROUPS] for fit in fits]),
        other=np.array([fit.probabilities[OTHER] for fit in fits]),
        unknown=np.array([fit.unknown for fit in fits]),
        score=np.array([unknown_score(fit) for fit in fits]),
        a_angstrom=np.array([np.nan if fit.a_angstrom is None else fit.a_angstrom for fit in fits], dtype=float),
        strain=np.array([_strain(fit) for fit in fits]),
    )


def _strain(fit: LatticeFit) -> float:
    return fit.strain if np.isfinite(fit.strain) else float("nan")


def _dealt(specimen: np.ndarray, zone: np.ndarray, size: int, seed: int) -> list[tuple[int, np.ndarray]]:
    """Sets of one size, at most so many of each specimen."""
    found: list[tuple[int, np.ndarray]] = []
    held: dict[int, int] = {}
    for name, chosen in draws(specimen, zone, size, np.random.default_rng([seed, size])):
        held[name] = held.get(name, 0) + 1
        if held[name] <= MOST_SETS.get(size, held[name]):
            found.append((name, chosen))
    return found
