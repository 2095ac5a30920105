"""Twins: a block whose slabs are in turn the crystal and its mirror image, joined in coherent planes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zoneaxis.crystals.defects.layers import Layers, layers
from zoneaxis.crystals.defects.twin_law import TwinLaw, twin_law, twin_mirror
from zoneaxis.crystals.specimen import details, perfect_positions, recorded
from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

Array = NDArray[np.float64]

MOST_BOUNDARIES = 20
"""Our choice: the slabs of a block of 160 Å are then three layers thick."""
CLOSEST_SHARE = 0.8
"""Of the distance of nearest neighbours: atoms of two slabs nearer than this are not both kept. Our choice; coherent
twins of fcc, bcc and diamond keep all."""
FACE_TOLERANCE = 1e-6
"""Of the block's edge: of two opposite faces one counts as inside, and rounding does not decide which. Our choice."""
UNCONTINUED = ("edge_dislocations", "twinned")
"""Defects after which the block no longer continues into its own translation, so that no mirror image can fill it."""


@dataclass(frozen=True, eq=False)
class _Slab:
    """Part low < height <= high of the specimen, filled with r' = turn @ r + shift of the endless crystal."""

    low: float
    high: float
    turn: Array
    shift: Array


def twinned(
    atoms: Atoms,
    law: str | TwinLaw = "fcc",
    *,
    volume_fraction: float = 0.5,
    boundaries: int = 1,
    normal: Sequence[int] | None = None,
) -> Atoms:
    """The specimen as a twin: below the first coherent plane the crystal itself, above it its mirror image, in turn.

    Frame: the crystal frame of the matrix; heights grow along the normal. The block keeps its outer shape and its
    centre: the mirrored crystal is cut from the endless repetition of the specimen. Each plane is put on the atom
    layer (in diamond: the gap) that brings the shares of volume nearest to those asked. Slabs of one kind hold equal
    shares; every second one has the orientation of the matrix, though not its registry. Displaced atoms, foreign atoms
    and vacancies are mirrored as they are. Dislocations come after twinning.

    Args:
        atoms: specimen, in the crystal frame.
        law: "fcc", "bcc", "diamond", or a law.
        volume_fraction: share of the twin, 0 to 1 exclusive.
        boundaries: number of coherent planes; 1: two halves, 2: a lamella in the middle.
        normal: (hkl) of the plane instead of the law's: one of its equivalents.

    Limits: the positions of the twin are M of the crystal's, M = 1 - 2 n n^T (a half turn about n for a centred
    crystal); without heat no two atoms are nearer than in the crystal times 0.8.

    Returns:
        A new specimen whose array `twin` (n,) is 1 in the twin and 0 in the matrix, and whose history holds the normal,
        plane heights [Å], the share reached and the number of atoms left out because they lay too near at a boundary.

    Raises:
        InputError: a value out of range; a slab thinner than a layer; a specimen with dislocations or twins in it.

    Source: Jeong et al., RSC Adv. 14 (2024) 18489.
    """
    chosen = twin_law(law) if isinstance(law, str) else law
    hkl = chosen.normal if normal is None else normal
    known = details(atoms)
    if not 0 < volume_fraction < 1:
        raise InputError(f"volume_fraction = {volume_fraction}: expected more than 0 and less than 1")
    if not 1 <= boundaries <= MOST_BOUNDARIES or int(boundaries) != boundaries:
        raise InputError(f"boundaries = {boundaries}: expected a whole number from 1 to {MOST_BOUNDARIES}")
    done = [line["defect"] for line in known["history"] if line["defect"] in UNCONTINUED]
    if done:
        raise InputError(f"history holds {done[0]}: twin the specimen first, all boundaries at once, then go on")
    places = perfect_positions(atoms)
    found = layers(atoms, hkl, places)
    heights = places @ found.normal
    cut = 0.0 if chosen.through == "gap" else found.spacing_angstrom / 2
    planes = _planes(heights - cut, found, volume_fraction, boundaries, between=chosen.through == "gap")
    slabs = _slabs(planes, found.normal, cut)
    cell = np.asarray(known["unit_cell"]) * np.asarray(known["cells"])[:, None]
    sources, moved, slab_of = _filled(places, cell, found.normal, slabs)
    turned = np.array([slab.turn for slab in slabs])[slab_of]
    positions = moved + np.einsum("nij,nj->ni", turned, (atoms.positions - places)[sources])
    keep = _apart(positions, moved @ found.normal, slab_of, slabs, _nearest_neighbour(places))
    result = atoms[sources[keep]]
    result.positions = positions[keep]
    result.set_array("twin", (slab_of[keep] % 2).astype(np.int64))
    result.set_array("lattice", moved[keep] @ np.linalg.inv(known["unit_cell"]) + np.asarray(known["origin"]))
    return recorded(
        result,
        "twinned",
        normal=list(hkl),
        boundaries=int(boundaries),
        volume_fraction=float((slab_of[keep] % 2).mean()),
        asked_volume_fraction=float(volume_fraction),
        planes_angstrom=planes,
        left_out=int((~keep).sum()),
    )


def _planes(heights: Array, found: Layers, fraction: float, boundaries: int, *, between: bool) -> list[float]:
    """Heights of the coherent planes, rising; heights are those of the atoms, less that of the cut over its plane."""
    of_matrix, of_twin = boundaries // 2 + 1, (boundaries + 1) // 2
    shares = [fraction / of_twin if slab % 2 else (1 - fraction) / of_matrix for slab in range(boundaries)]
    planes = [found.nearest(float(h), between=between) for h in np.quantile(heights, np.cumsum(shares))]
    edges = [float(heights.min()), *planes, float(heights.max())]
    if np.diff(edges).min() < 0.9 * found.spacing_angstrom:
        raise InputError(
            f"volume_fraction = {fraction}, boundaries = {boundaries}: a slab is thinner than a layer of "
            f"{found.spacing_angstrom:.2f} Å; give fewer boundaries, another share or more cells"
        )
    return planes


def _slabs(planes: list[float], normal: Array, cut: float) -> list[_Slab]:
    """Slabs from the lowest to the highest; each is the mirror image of the one below, in the plane between them."""
    mirror = twin_mirror(normal)
    edges = [-np.inf, *[plane + cut for plane in planes], np.inf]
    turn, shift = np.eye(3), np.zeros(3)
    slabs = [_Slab(edges[0], edges[1], turn, shift)]
    for plane, low, high in zip(planes, edges[1:-1], edges[2:], strict=True):
        turn, shift = mirror @ turn, mirror @ shift + 2 * plane * normal
        slabs.append(_Slab(low, high, turn, shift))
    return slabs


def _filled(
    places: Array, cell: Array, normal: Array, slabs: list[_Slab]
) -> tuple[NDArray[np.int64], Array, NDArray[np.int64]]:
    """Atoms of the twin: which atom each one repeats (n,), its place (n, 3) and its slab (n,).

    The lowest slab is the specimen itself. The others are cut from the endless crystal, repeated by the edges of the
    block, with the block of the same edges about the middle of the specimen.
    """
    inverse = np.linalg.inv(cell)
    fractional = places @ inverse
    corner = (fractional.min(axis=0) + fractional.max(axis=0)) / 2 - 0.5
    corners = (corner + np.array(list(itertools.product((0.0, 1.0), repeat=3)))) @ cell
    heights = places @ normal
    own = np.flatnonzero(heights <= slabs[0].high)
    parts = [(own, places[own], np.zeros(len(own), dtype=np.int64))]
    middle, radius = places.mean(axis=0), float(np.linalg.norm(places - places.mean(axis=0), axis=1).max())
    for number, slab in enumerate(slabs[1:], start=1):
        back = (corners - slab.shift) @ slab.turn @ inverse - corner
        ranges = [
            range(int(np.floor(low)), int(np.ceil(high)) + 1)
            for low, high in zip(back.min(0), back.max(0), strict=True)
        ]
        for repeat in itertools.product(*ranges):
            step = np.asarray(repeat, dtype=float) @ cell
            centre = slab.turn @ (middle + step) + slab.shift
            off = np.linalg.norm(centre - middle) > 2 * radius + 1
            if off or not slab.low - radius < centre @ normal <= slab.high + radius:
                continue
            moved = (places + step) @ slab.turn.T + slab.shift
            along, inside = moved @ normal, moved @ inverse - corner
            take = np.flatnonzero(
                (along > slab.low) & (along <= slab.high) & (np.floor(inside + FACE_TOLERANCE) == 0).all(axis=1)
            )
            parts.append((take, moved[take], np.full(len(take), number, dtype=np.int64)))
    sources, positions, slab_of = (np.concatenate(column) for column in zip(*parts, strict=True))
    return sources, positions, slab_of


def _nearest_neighbour(places: Array) -> float:
    """Median distance of nearest neighbours [Å]."""
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(places).query(places, k=2)
    return float(np.median(distance[:, 1]))


def _apart(
    positions: Array, heights: Array, slab_of: NDArray[np.int64], slabs: list[_Slab], neighbour: float
) -> NDArray[np.bool_]:
    """Which atoms stay: of two in different slabs that are too near, the one in the higher slab goes."""
    from scipy.spatial import cKDTree

    keep = np.ones(len(positions), dtype=bool)
    for slab in slabs[1:]:
        near = np.flatnonzero(np.abs(heights - slab.low) < 2 * neighbour)
        pairs = near[cKDTree(positions[near]).query_pairs(CLOSEST_SHARE * neighbour, output_type="ndarray")]
        pairs = pairs[slab_of[pairs[:, 0]] != slab_of[pairs[:, 1]]]
        higher = np.where(slab_of[pairs[:, 0]] > slab_of[pairs[:, 1]], pairs[:, 0], pairs[:, 1])
        keep[higher] = False
    return keep
