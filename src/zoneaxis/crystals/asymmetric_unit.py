"""The asymmetric unit: the listed atoms of a crystal, and the whole cell that symmetry makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gemmi
import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element, Lattice, Structure

from zoneaxis.crystals.cell import cell_basis
from zoneaxis.errors import InputError

Array = NDArray[np.float64]

MERGE_TOLERANCE_A = 0.05
"""Images of an atom nearer than this, in Å, are one atom on a special position. Source: coordinates rounded to three
digits (0.333) in a cell of 30 Å miss it by 0.01 Å per axis; real split positions are 0.2 Å or more apart."""

SHORTEST_DISTANCE_A = 0.5
"""Full atoms nearer than this, in Å, are impossible. Source: the shortest bond, H2, is 0.74 Å long."""

OCCUPANCY_EXCESS = 0.01
"""Sums of rounded shares such as 0.334 + 0.667 may exceed one by this; they are then scaled to one."""


@dataclass(frozen=True)
class ListedSite:
    """One line of an atom list: which elements in which shares, where (fractional), with what Debye-Waller B (Å²)."""

    label: str
    shares: Mapping[str, float]
    position: tuple[float, float, float]
    b_iso: float

    def occupancy(self) -> float:
        """Sum of the shares: one for a full site, less with vacancies."""
        return sum(self.shares.values())


def operations_of(space_group: str) -> list[gemmi.Op]:
    """All operations of a space group with its centring, by Hermann-Mauguin symbol with setting ("F d -3 m :2")."""
    found = gemmi.find_spacegroup_by_name(space_group)
    if found is None:
        raise InputError(
            f"space group {space_group!r} is not known; write a Hermann-Mauguin symbol such as 'F d -3 m :2'"
        )
    return list(found.operations())


def fill_cell(
    lengths_a: tuple[float, float, float],
    angles_deg: tuple[float, float, float],
    operations: Sequence[gemmi.Op],
    sites: Sequence[ListedSite],
    properties: dict[str, Any],
) -> Structure:
    """The whole cell: every listed site with all its symmetry images, each once.

    A coordinate near a special position (0.3333) is moved onto it. Sites listed at the same place share it (disorder):
    their shares add up and B is their mean, weighted by share. The result holds `b_iso` (Å²) for every site.

    Raises `InputError` for a share sum above one and atoms that overlap (nearer than 0.5 Å, more than one in total).
    """
    matrix = cell_basis(lengths_a, angles_deg)
    rotations = np.array([operation.rot for operation in operations], dtype=float) / gemmi.Op.DEN
    translations = np.array([operation.tran for operation in operations], dtype=float) / gemmi.Op.DEN

    placed: list[ListedSite] = []
    orbits: list[Array] = []
    for site in sites:
        images = _images(np.array(site.position), rotations, translations, matrix)
        host = next(
            (n for n, orbit in enumerate(orbits) if _distances(images[0], orbit, matrix).min() < MERGE_TOLERANCE_A),
            None,
        )
        if host is None:
            placed.append(site)
            orbits.append(images)
        else:
            placed[host] = _shared(placed[host], site)
    placed = [_scaled(site) for site in placed]

    owners = [site for site, orbit in zip(placed, orbits, strict=True) for _ in orbit]
    structure = Structure(
        Lattice(matrix),
        [{Element(element): share for element, share in site.shares.items()} for site in owners],
        np.concatenate(orbits),
        site_properties={"b_iso": [float(site.b_iso) for site in owners]},
        labels=[site.label for site in owners],
        properties=properties,
    )
    _refuse_overlap(structure, owners)
    return structure


def _images(position: Array, rotations: Array, translations: Array, matrix: Array) -> Array:
    """Orbit of a position (m, 3), itself first, after moving it onto the special position it is meant for.

    The operations that bring the position back to (nearly) itself form its site-symmetry group; the mean of the images
    under that group is fixed by all of it, which is what lying on the special position means.
    """
    offsets = rotations @ position + translations - position
    offsets -= np.round(offsets)
    stays = np.linalg.norm(offsets @ matrix, axis=1) < MERGE_TOLERANCE_A
    exact = position + offsets[stays].mean(axis=0)
    candidates = (rotations @ exact + translations) % 1.0
    orbit = [exact % 1.0]
    for candidate in candidates:
        if _distances(candidate, np.array(orbit), matrix).min() > MERGE_TOLERANCE_A:
            orbit.append(candidate)
    return np.round(np.array(orbit), 12) % 1.0


def _distances(position: Array, others: Array, matrix: Array) -> Array:
    """Distances in Å, modulo lattice translations, for positions that nearly coincide."""
    difference = others - position
    return np.linalg.norm((difference - np.round(difference)) @ matrix, axis=1)


def _shared(host: ListedSite, guest: ListedSite) -> ListedSite:
    """Two sites at one place as one site."""
    shares = dict(host.shares)
    for element, share in guest.shares.items():
        shares[element] = shares.get(element, 0.0) + share
    if sum(shares.values()) > 1 + OCCUPANCY_EXCESS:
        raise InputError(
            f"atoms {host.label} and {guest.label} lie at the same place {_text(guest.position)} and their occupancies "
            f"sum to {sum(shares.values()):.3g}; at most 1 is possible"
        )
    b_iso = (host.occupancy() * host.b_iso + guest.occupancy() * guest.b_iso) / (host.occupancy() + guest.occupancy())
    return replace(host, shares=shares, b_iso=b_iso)


def _scaled(site: ListedSite) -> ListedSite:
    """The site with an occupancy that exceeds one by rounding brought back to one."""
    total = site.occupancy()
    if total > 1 + OCCUPANCY_EXCESS:
        raise InputError(f"atom {site.label} has occupancy {total:.3g}; at most 1 is possible")
    return (
        site if total <= 1 else replace(site, shares={element: share / total for element, share in site.shares.items()})
    )


def _refuse_overlap(structure: Structure, owners: Sequence[ListedSite]) -> None:
    first, second, _, distances = structure.get_neighbor_list(SHORTEST_DISTANCE_A)
    for one, other, distance in zip(first, second, distances, strict=True):
        if owners[one].occupancy() + owners[other].occupancy() > 1 + OCCUPANCY_EXCESS:
            raise InputError(
                f"atoms {owners[one].label} and {owners[other].label} overlap: {distance:.2f} Å apart, "
                f"full atoms need at least {SHORTEST_DISTANCE_A} Å"
            )


def _text(position: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in position) + ")"
