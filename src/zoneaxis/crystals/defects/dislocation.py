"""Edge dislocations: straight, parallel, through the whole specimen, as a pile-up, a low-angle wall or at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoneaxis.crystals.defects.layers import layers
from zoneaxis.crystals.defects.slip import SlipSystem, slip_system
from zoneaxis.crystals.defects.stroh import Field, isotropic_field, stroh_field
from zoneaxis.crystals.specimen import recorded, unit_cell
from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

Array = NDArray[np.float64]

LAYOUTS = ("pile-up", "wall", "random")
SPACING_ANGSTROM = 40.0
"""Between neighbours of an array. Source: our choice."""
MOST_DISLOCATIONS = 64
"""Our choice: far more than fit into a specimen of 160 Å."""
SAMPLE = 2000
"""Atoms on which the Burgers vector is tried as a translation; gives the share within 0.01 or so. Our choice."""
LEAST_REPEATED = 0.8
"""Share of inner atoms that must find an atom at r + b. Our choice: vacancies and earlier defects leave more."""
MISFIT_SHARE = 0.2
"""Of |b|: how far from r + b that atom may be. Our choice: heat in Al at 300 K moves a pair by 0.09 |b|."""
MISSING_SAME = 0.05
"""How far the share of equal neighbours at r + b may fall below that of a random alloy, and three standard errors where
those are more. Our choice: L1_2 with a/2<110> misses it by 0.125, B2 with a/2<111> by 0.5."""


def edge_dislocations(
    atoms: Atoms,
    system: str | SlipSystem = "fcc",
    *,
    stiffness_gpa: ArrayLike | None = None,
    poisson: float | None = None,
    count: int = 4,
    layout: str = "pile-up",
    spacing_angstrom: float | tuple[float, float] = SPACING_ANGSTROM,
    signs: Sequence[int] | str | None = None,
    offset_angstrom: tuple[float, float] = (0.0, 0.0),
    core_angstrom: float | None = None,
    seed: int = 0,
) -> Atoms:
    """The specimen with straight parallel edge dislocations: the sum of their fields in an infinite medium.

    Frame: x || b, y || n, the lines along z = x × y. Glide planes are put midway between two layers of atoms, the
    branch cut on them at x < 0 of every core, so that atoms slip by whole lattice vectors there and none is added or
    removed. A positive sign has its extra half-plane at y > 0. The mean displacement is taken off: the specimen stays
    where it is. Partial dissociation, image forces of the surfaces and reconstructed cores are left out: in crystals
    with several atoms a cell the core may hold atoms that come nearer than they could; the history tells how near.

    Args:
        atoms: specimen, in the crystal frame.
        system: a name of `SLIP_SYSTEMS`, or a system.
        stiffness_gpa: (6, 6) in the crystal frame: the anisotropic field. Give this or poisson.
        poisson: Poisson's ratio: the isotropic field (enough for Al: 0.345).
        count: number of dislocations.
        layout: "pile-up" along x on one glide plane; "wall" along y, with equal signs a low-angle boundary that turns
            the crystal by |b|/spacing; "random" over the middle half of the specimen, no two nearer than the spacing.
        spacing_angstrom: of neighbours, or (low, high) from which each gap is drawn evenly; heights are rounded to the
            next glide plane.
        signs: +1 or -1 for each, or "random"; default all +1.
        offset_angstrom: (x, y) of the middle of the array from the origin.
        core_angstrom: half width of the core on its glide plane, see `stroh`; default |b|,
            which keeps all atoms of Al, Fe and Si apart by 0.8 of the nearest neighbours' distance or more.
        seed: of every draw here.

    Limits: round one core the displacement grows by its sign times b; reflections with g.b = 0 see no jump. A field far
    from its core turns and strains, so the two ends of the specimen may differ in orientation.

    Returns:
        A new specimen whose history holds the system, the cores [[x, y], ...] (in the undistorted specimen), signs,
        constants and closest_share: the smallest distance of two atoms near a core over that in the crystal.

    Raises:
        InputError: a value out of range; both or neither of stiffness and poisson; a core outside the specimen; a
            Burgers vector that is no translation of this crystal (it would leave a fault).

    Source: Hirth and Lothe, Theory of Dislocations, 1982; array of four: Jeong et al., RSC Adv. 14 (2024) 18489.
    """
    chosen = slip_system(system)
    cell = unit_cell(atoms)
    burgers = chosen.burgers_vector(cell)
    length = float(np.linalg.norm(burgers))
    planes = layers(atoms, chosen.plane)
    core = length if core_angstrom is None else core_angstrom
    frame = chosen.frame(cell)
    field, medium = _medium(frame, burgers, stiffness_gpa, poisson, (core, planes.half_gap_angstrom))
    if not 1 <= count <= MOST_DISLOCATIONS or int(count) != count:
        raise InputError(f"count = {count}: expected a whole number from 1 to {MOST_DISLOCATIONS}")
    if layout not in LAYOUTS:
        raise InputError(f"layout = {layout!r}: expected one of {', '.join(LAYOUTS)}")
    generator = np.random.default_rng(seed)
    _check_translation(atoms, burgers, generator)
    low, high = _spacing(spacing_angstrom, length)
    turns = _signs(signs, count, generator)
    places = atoms.positions @ frame[:2].T
    asked = _cores(places, count, layout, (low, high), np.asarray(offset_angstrom, dtype=float), generator)
    cores = np.array([[x, planes.nearest(y, between=True)] for x, y in asked])
    _check_inside(places, cores, length)
    displacement = np.zeros_like(atoms.positions)
    for sign, (x, y) in zip(turns, cores, strict=True):
        displacement += sign * field(atoms.positions - x * frame[0] - y * frame[1])
    positions = atoms.positions + displacement - displacement.mean(axis=0)
    result = recorded(
        atoms,
        "edge_dislocations",
        system=chosen.name,
        burgers=list(chosen.burgers),
        plane=list(chosen.plane),
        line=list(chosen.line),
        count=int(count),
        layout=layout,
        spacing_angstrom=[low, high],
        signs=turns,
        cores_angstrom=cores,
        core_angstrom=float(core),
        **medium,
        closest_share=_closest_share(atoms.positions, positions, places, cores, 4 * length),
        seed=seed,
    )
    result.positions = positions
    return result


def _medium(
    frame: Array, burgers: Array, stiffness_gpa: ArrayLike | None, poisson: float | None, core: tuple[float, float]
) -> tuple[Field, dict[str, Any]]:
    """The field of one dislocation of sign +1, and its constants for the history."""
    if (stiffness_gpa is None) == (poisson is None):
        raise InputError("stiffness_gpa, poisson: expected one of the two, the (6, 6) stiffness or Poisson's ratio")
    if poisson is not None:
        return isotropic_field(frame, float(np.linalg.norm(burgers)), poisson, *core), {"poisson": float(poisson)}
    field = stroh_field(np.asarray(stiffness_gpa), frame, burgers, *core)
    return field, {"stiffness_gpa": np.asarray(stiffness_gpa, dtype=float)}


def _spacing(spacing_angstrom: float | tuple[float, float], length: float) -> tuple[float, float]:
    pair = np.atleast_1d(np.asarray(spacing_angstrom, dtype=float))
    low, high = float(pair[0]), float(pair[-1])
    if pair.shape not in [(1,), (2,)] or not length <= low <= high < np.inf:
        raise InputError(
            f"spacing_angstrom = {spacing_angstrom}: expected a length or (low, high), at least |b| = {length:.2f} Å"
        )
    return low, high


def _signs(signs: Sequence[int] | str | None, count: int, generator: np.random.Generator) -> list[int]:
    if signs is None:
        return [1] * count
    if isinstance(signs, str):
        if signs != "random":
            raise InputError(f"signs = {signs!r}: expected 'random' or +1 and -1 for each dislocation")
        return [int(sign) for sign in generator.choice([-1, 1], size=count)]
    if len(signs) != count or any(sign not in (1, -1) for sign in signs):
        raise InputError(f"signs = {list(signs)}: expected {count} numbers, +1 or -1 each")
    return [int(sign) for sign in signs]


def _cores(
    places: Array,
    count: int,
    layout: str,
    spacing: tuple[float, float],
    offset: Array,
    generator: np.random.Generator,
) -> Array:
    """Places (count, 2) of the cores in the frame of the dislocations, before the heights are rounded."""
    if offset.shape != (2,) or not np.isfinite(offset).all():
        raise InputError(f"offset_angstrom = {offset.tolist()}: expected two lengths (x, y) in Å")
    if layout == "random":
        return offset + _scattered(places, count, spacing[0], generator)
    along = np.concatenate([[0.0], np.cumsum(generator.uniform(*spacing, size=count - 1))])
    cores = np.zeros((count, 2))
    cores[:, 0 if layout == "pile-up" else 1] = along - along[-1] / 2
    return cores + offset


def _scattered(places: Array, count: int, least: float, generator: np.random.Generator) -> Array:
    """Places of atoms in the middle half of the specimen, drawn one by one, none nearer to another than the least."""
    middle = places - places.mean(axis=0)
    distance = np.linalg.norm(middle / np.abs(middle).max(axis=0), axis=1)
    inner = places[distance <= np.median(distance)]
    cores = np.empty((0, 2))
    for place in inner[generator.permutation(len(inner))[: 50 * SAMPLE]]:
        if len(cores) == 0 or np.linalg.norm(cores - place, axis=1).min() >= least:
            cores = np.vstack([cores, place])
        if len(cores) == count:
            return cores
    raise InputError(
        f"spacing_angstrom = {least:g}: no room for {count} dislocations in the specimen; give a smaller one"
    )


def _check_inside(places: Array, cores: Array, length: float) -> None:
    """Every core must have atoms on all four sides within two Burgers vectors."""
    for x, y in cores:
        near = places[np.abs(places - (x, y)).max(axis=1) < 2 * length] - (x, y)
        if len(near) == 0 or np.any(near.max(axis=0) <= 0) or np.any(near.min(axis=0) >= 0):
            raise InputError(
                f"a dislocation at x = {x:.1f} Å, y = {y:.1f} Å lies outside the specimen; "
                "give a smaller spacing_angstrom, count or offset_angstrom, or more cells"
            )


def _closest_share(before: Array, after: Array, places: Array, cores: Array, reach: float) -> float:
    """Smallest distance of neighbours after over the smallest before, among atoms within reach of a core."""
    from scipy.spatial import cKDTree

    near = np.any([np.abs(places - core).max(axis=1) < reach for core in cores], axis=0)
    shortest = [cKDTree(points[near]).query(points[near], k=2)[0][:, 1].min() for points in (before, after)]
    return float(shortest[1] / shortest[0])


def _check_translation(atoms: Atoms, burgers: Array, generator: np.random.Generator) -> None:
    """Refuse a Burgers vector that does not map the crystal on itself: it would leave a stacking or antiphase fault."""
    from scipy.spatial import cKDTree

    centre = atoms.positions.mean(axis=0)
    distance = np.linalg.norm(atoms.positions - centre, axis=1)
    inner = np.flatnonzero(distance <= np.quantile(distance, 0.25))
    chosen = inner if len(inner) <= SAMPLE else generator.permutation(inner)[:SAMPLE]
    apart, other = cKDTree(atoms.positions).query(atoms.positions[chosen] + burgers)
    found = apart < MISFIT_SHARE * np.linalg.norm(burgers)
    shares = np.unique(atoms.numbers, return_counts=True)[1] / len(atoms)
    same = (atoms.numbers[chosen] == atoms.numbers[other])[found].mean() if found.any() else 0.0
    allowed = max(MISSING_SAME, 1.5 / np.sqrt(len(chosen)))
    if found.mean() < LEAST_REPEATED or same < (shares**2).sum() - allowed:
        raise InputError(
            f"burgers = {np.round(burgers, 3).tolist()} Å: no translation of this crystal, it would leave a fault "
            f"(share of atoms repeated {found.mean():.2f}, of the same element {same:.2f}); give another system"
        )
