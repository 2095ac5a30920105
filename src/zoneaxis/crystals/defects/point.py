"""Point defects: atoms taken away, exchanged or put between, at random places or as an ordered repeat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zoneaxis.crystals.defects.relaxation_field import RelaxationField, field_for, field_named
from zoneaxis.crystals.defects.sites import GRID, grid_set, interstices, lattice_type
from zoneaxis.crystals.specimen import details, history, lattice_coordinates, perfect_positions, recorded
from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

Array = NDArray[np.float64]

LARGEST_FRACTION = 0.5
"""Our choice: beyond it the other half is the defect."""
LARGEST_RELAX_FACTOR = 10.0
"""Our choice: the paper's relaxation about a vacancy in iron is twice that of CHGNet."""
LATTICE_BREAKING = ("twin", "dislocation")
"""Words in the names of defects after which atoms that were neighbours on the lattice are neighbours no more."""
LARGEST_REPEAT = 20
"""Our choice, cells between ordered defects."""


def vacancies(
    atoms: Atoms,
    fraction: float,
    seed: int = 0,
    *,
    ordered: bool = False,
    relaxation: str | RelaxationField = "auto",
    relax_factor: float = 1.0,
) -> Atoms:
    """Atoms taken away.

    Args:
        atoms: the specimen.
        fraction: vacancies over atoms present; the count is rounded. When ordered, 1 over the atoms of a repeat of
            M x M x M cells (Al: 1/32, 1/108; Fe: 1/54, 1/128), one vacancy in each repeat, at the first site.
        seed: of the random places; without effect when ordered.
        ordered: the repeat of Jeong et al. It adds reflections at the supercell points; random places do not.
        relaxation: auto takes the field of the package for this host, if there is one (the history says which); none;
            a field or the name of one, which another crystal of the same lattice takes over scaled by its cell.
        relax_factor: stretches the field; 2 brings the vacancy in Fe to the amplitude of the paper.

    Limits: a fraction of 0 takes nothing away. Ordered, with a field of the same repeat, the atoms stand where CHGNet
    left them. Fields of several defects add up, which holds for dilute defects only.
    Raises InputError for a fraction outside 0 to 0.5 or one that is no repeat, and for a relaxation or an
    ordered repeat after twins or dislocations, across which neighbours change: make point defects first.
    Source: Jeong et al., RSC Adv. 14 (2024) 18489.
    """
    chosen, cells = _chosen(atoms, fraction, seed, ordered, np.ones(len(atoms), dtype=bool))
    field = _field(atoms, relaxation, relax_factor, "vacancy", "", cells)
    result = _relaxed(atoms, lattice_coordinates(atoms)[chosen], np.ones(len(chosen)), field, relax_factor)
    result = _noted(result, "vacancies", fraction, len(chosen), seed, ordered, field, relax_factor)
    del result[chosen]
    return result


def substituted(
    atoms: Atoms,
    element: str,
    fraction: float,
    seed: int = 0,
    *,
    ordered: bool = False,
    relaxation: str | RelaxationField = "auto",
    relax_factor: float = 1.0,
) -> Atoms:
    """Atoms of the specimen exchanged for another element; `b_iso` stays that of the site.

    Args: element: symbol of what comes in; the others as in `vacancies`. Only atoms of other elements are exchanged.
    Limits: a fraction of 0 changes nothing. Raises InputError as `vacancies`, and for an unknown element.
    Source: Jeong et al., RSC Adv. 14 (2024) 18489.
    """
    number = _atomic_number(element)
    chosen, cells = _chosen(atoms, fraction, seed, ordered, atoms.numbers != number)
    field = _field(atoms, relaxation, relax_factor, "substitution", element, cells)
    result = _relaxed(atoms, lattice_coordinates(atoms)[chosen], np.ones(len(chosen)), field, relax_factor)
    result = _noted(result, "substituted", fraction, len(chosen), seed, ordered, field, relax_factor, element=element)
    numbers = result.get_atomic_numbers()
    numbers[chosen] = number
    result.set_atomic_numbers(numbers)
    return result


def interstitials(
    atoms: Atoms,
    element: str,
    fraction: float,
    site: str | Sequence[float] = "tetrahedral",
    seed: int = 0,
    *,
    ordered: bool = False,
    relaxation: str | RelaxationField = "auto",
    relax_factor: float = 1.0,
) -> Atoms:
    """Atoms put between those of the specimen.

    The place follows the crystal as it is: the mean displacement of the nearest atoms is added to the perfect place.

    Args:
        element: symbol of what comes in; its `b_iso` is the mean of the specimen.
        fraction: interstitials over atoms present; when ordered, 1 over the atoms of a repeat without the guest
            (108 for one in 3 x 3 x 3 cells of Al).
        site: tetrahedral or octahedral (fcc, bcc, diamond), or one place of the cell as three fractions.
        seed, ordered, relaxation, relax_factor: as in `vacancies`.

    Limits: a fraction of 0 adds nothing. Raises InputError as `vacancies`, for an unknown element, for a site that the
    lattice does not have or that is taken, and for more interstitials than places.
    Source: Jeong et al., RSC Adv. 14 (2024) 18489.
    """
    from ase import Atoms as Block

    number = _atomic_number(element)
    known = details(atoms)
    places = interstices(known["sites"], site)
    if grid_set(places) & grid_set(known["sites"]):
        raise InputError(f"site = {site!r}: an atom is there already; expected a place between the atoms")
    _checked_fraction(fraction)
    _refuse_late(atoms, "interstitials")
    cells = known["cells"]
    repeat = _repeat(atoms, fraction) if ordered and fraction > 0 else 0
    if fraction == 0:
        coordinates = np.empty((0, 3))
    elif repeat:
        corner = np.stack(np.meshgrid(*(np.arange(0, n, repeat) for n in cells), indexing="ij"), -1).reshape(-1, 3)
        coordinates = corner + places[0]
    else:
        count, room = round(fraction * len(atoms)), int(np.prod(cells)) * len(places)
        if count > room:
            raise InputError(f"fraction = {fraction}: {count} interstitials for {room} places of this kind")
        drawn = np.random.default_rng(seed).choice(room, size=count, replace=False)
        corner = np.stack(np.unravel_index(drawn // len(places), cells), axis=1)
        coordinates = corner + places[drawn % len(places)]
    if _taken(atoms, coordinates):
        raise InputError(f"site = {site!r}: an interstitial is there already; give another seed or site")
    field = _field(atoms, relaxation, relax_factor, "interstitial", element, [repeat] * 3)
    positions = _places(atoms, coordinates)
    senses = _senses(atoms, coordinates) if field is not None else np.ones(len(coordinates))
    result = _relaxed(atoms, coordinates, senses, field, relax_factor)
    named = site if isinstance(site, str) else [float(value) for value in site]
    result = _noted(
        result,
        "interstitials",
        fraction,
        len(coordinates),
        seed,
        ordered,
        field,
        relax_factor,
        element=element,
        site=named,
    )
    guests = Block(numbers=[number] * len(coordinates), positions=positions)
    guests.set_array("lattice", coordinates)
    b_iso = np.asarray(atoms.arrays.get("b_iso", np.zeros(len(atoms))), dtype=np.float64)
    guests.set_array("b_iso", np.full(len(coordinates), b_iso.mean()))
    result.extend(guests)
    return result


def _checked_fraction(fraction: float) -> None:
    if not np.isfinite(fraction) or not 0 <= fraction <= LARGEST_FRACTION:
        raise InputError(f"fraction = {fraction}: expected 0 to {LARGEST_FRACTION}")


def _repeat(atoms: Atoms, fraction: float) -> int:
    """Cells between ordered defects, from 1/(sites M^3). Raises InputError for a fraction that is none."""
    sites = len(details(atoms)["sites"])
    repeat = round((1 / (fraction * sites)) ** (1 / 3))
    if not 1 <= repeat <= LARGEST_REPEAT or abs(fraction * sites * repeat**3 - 1) > 0.02:
        near = ", ".join(f"1/{sites * n**3}" for n in (2, 3, 4))
        raise InputError(f"fraction = {fraction:g}: no ordered repeat of {sites} sites; expected {near}, ...")
    return repeat


def _chosen(
    atoms: Atoms, fraction: float, seed: int, ordered: bool, allowed: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], list[int]]:
    """(numbers of the atoms that become defects, repeat along a, b, c when ordered, else zeros)."""
    _checked_fraction(fraction)
    if fraction == 0:
        return np.empty(0, dtype=np.int64), [0] * 3
    if ordered:
        _refuse_late(atoms, "ordered defects")
        repeat = _repeat(atoms, fraction)
        first = np.asarray(details(atoms)["sites"][0])
        steps = (lattice_coordinates(atoms) - first) / repeat
        return np.nonzero((np.abs(steps - np.rint(steps)).max(axis=1) < 1e-6) & allowed)[0], [repeat] * 3
    count, able = round(fraction * len(atoms)), np.nonzero(allowed)[0]
    if count > len(able):
        raise InputError(f"fraction = {fraction}: {count} defects for {len(able)} atoms that can become one")
    return np.sort(np.random.default_rng(seed).choice(able, size=count, replace=False)), [0] * 3


def _field(
    atoms: Atoms, relaxation: str | RelaxationField, relax_factor: float, kind: str, guest: str, cells: Sequence[int]
) -> RelaxationField | None:
    if not np.isfinite(relax_factor) or abs(relax_factor) > LARGEST_RELAX_FACTOR:
        raise InputError(
            f"relax_factor = {relax_factor}: expected -{LARGEST_RELAX_FACTOR:g} to {LARGEST_RELAX_FACTOR:g}"
        )
    if relaxation == "none":
        return None
    lattice = lattice_type(details(atoms)["sites"])
    field: RelaxationField | None
    if relaxation == "auto":
        host = Counter(atoms.get_chemical_symbols()).most_common(1)[0][0]
        field = field_for(host, lattice, kind, guest, cells)
    else:
        field = relaxation if isinstance(relaxation, RelaxationField) else field_named(relaxation)
        if field.lattice != lattice or field.kind != kind:
            raise InputError(
                f"relaxation = {field.name!r}: a field of a {field.kind} in {field.lattice}; expected one of a {kind} "
                f"in {lattice or 'this lattice, which has none'}"
            )
    if field is not None:
        _refuse_late(atoms, f"relaxation {field.name!r}")
    return field


def _refuse_late(atoms: Atoms, what: str) -> None:
    """Places and fields are laid on the undisturbed lattice: across a twin boundary or a slipped plane they differ."""
    done = [str(line["defect"]) for line in history(atoms) if any(word in line["defect"] for word in LATTICE_BREAKING)]
    if done:
        raise InputError(f"{what} after {done[0]}: expected point defects before it (or, atoms only, relaxation none)")


def _relaxed(atoms: Atoms, defects: Array, senses: Array, field: RelaxationField | None, relax_factor: float) -> Atoms:
    """A copy with the fields of all defects added; a sense of -1 lays the field inverted."""
    result = atoms.copy()
    if field is None or len(defects) == 0 or relax_factor == 0:
        return result
    vectors, displacements = field.expanded()
    edge = float(np.linalg.norm(np.asarray(details(atoms)["unit_cell"]), axis=1).mean())
    displacements = displacements * (relax_factor * edge / field.a_angstrom)
    codes, order = _codes(lattice_coordinates(atoms))
    moved = np.zeros((len(atoms), 3))
    for vector, displacement in zip(vectors, displacements, strict=True):
        wanted, _ = _codes(defects + senses[:, None] * vector, sort=False)
        place = order[np.clip(np.searchsorted(codes, wanted), 0, len(order) - 1)]
        found = codes[np.clip(np.searchsorted(codes, wanted), 0, len(order) - 1)] == wanted
        np.add.at(moved, place[found], senses[found, None] * displacement)
    result.set_positions(atoms.get_positions() + moved)
    return result


def _codes(coordinates: Array, sort: bool = True) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One whole number for every lattice place; (numbers, order), rising when sorted."""
    whole = np.rint(coordinates * GRID).astype(np.int64) + (1 << 19)
    codes = (whole[:, 0] << 40) | (whole[:, 1] << 20) | whole[:, 2]
    order = np.argsort(codes, kind="stable") if sort else np.arange(len(codes))
    return codes[order], order


def _taken(atoms: Atoms, coordinates: Array) -> bool:
    codes, _ = _codes(lattice_coordinates(atoms))
    wanted, _ = _codes(coordinates, sort=False)
    return bool(np.isin(wanted, codes).any())


def _places(atoms: Atoms, coordinates: Array) -> Array:
    """Positions of lattice coordinates in the crystal as it is: perfect place and mean move of the nearest atoms."""
    from scipy.spatial import cKDTree

    if len(coordinates) == 0:
        return np.empty((0, 3))
    known = details(atoms)
    perfect = perfect_positions(atoms)
    places = (coordinates - np.asarray(known["origin"])) @ np.asarray(known["unit_cell"])
    tree = cKDTree(perfect)
    distance, near = tree.query(places, k=min(8, len(atoms)))
    distance, near = distance.reshape(len(places), -1), near.reshape(len(places), -1)
    shell = (distance < distance[:, :1] * 1.05 + 1e-9)[..., None]
    move = (atoms.get_positions() - perfect)[near]
    return np.asarray(places + (move * shell).sum(1) / shell.sum(1), dtype=np.float64)


def _senses(atoms: Atoms, coordinates: Array) -> Array:
    """+1 where the surroundings of a place are those of the first place of the cell, -1 where they are inverted.

    The sense of a tetrahedral interstice shows in a vector to a nearest site: the product of its components has the
    opposite sign in the inverted one.
    """
    sites = np.asarray(details(atoms)["sites"])
    steps = sites[None] - coordinates[:, None]
    steps = steps - np.rint(steps)
    nearest = np.take_along_axis(steps, np.linalg.norm(steps, axis=2).argmin(1)[:, None, None], axis=1)[:, 0]
    # The field was found about the first place of the cell, whose neighbours have vectors of negative product.
    product = np.prod(nearest, axis=1)
    return np.where(product > 1e-9, -1.0, 1.0)


def _atomic_number(element: str) -> int:
    from ase.data import atomic_numbers

    if element not in atomic_numbers or atomic_numbers[element] < 1:
        raise InputError(f"element = {element!r}: expected the symbol of an element, such as Si")
    return int(atomic_numbers[element])


def _noted(
    atoms: Atoms,
    defect: str,
    fraction: float,
    count: int,
    seed: int,
    ordered: bool,
    field: RelaxationField | None,
    relax_factor: float,
    **more: object,
) -> Atoms:
    return recorded(
        atoms,
        defect,
        fraction=fraction,
        count=count,
        ordered=ordered,
        relaxation=field.name if field is not None else "none",
        relax_factor=relax_factor,
        seed=seed,
        **more,
    )
