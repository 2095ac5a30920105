"""Specimen: a crystal repeated into a block of explicit atoms, which defects then change.

A specimen is an `ase.Atoms` whose positions are in the crystal frame of `cell.basis`, in Å, centred on the origin.
`atoms.info["zoneaxis"]` holds what the atoms alone cannot tell:
    crystal: name of the crystal; unit_cell: rows a, b, c of the lattice in Å, strained with the specimen;
    cells: repeats along a, b, c; history: what every defect did, in order;
    sites: fractional sites of one cell; origin: lattice coordinates of the origin of the frame.
Arrays of the atoms: `b_iso` in Å², Gaussian disorder that is not in the positions yet; `lattice` (n, 3), the lattice
coordinates at which the atom stands in the perfect crystal, so that the perfect block is
(lattice - origin) @ unit_cell.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoneaxis.crystals.cell import basis
from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

Array = NDArray[np.float64]

PAPER_CELLS = (40, 30, 20)
"""Repeats along a, b, c. Source: Jeong et al., RSC Adv. 14 (2024) 18489."""
MOST_ATOMS = 20_000_000
"""Our choice: a block of this size takes about 3 GB."""
WRAP_TOLERANCE = 1e-6
"""A fractional coordinate this little below 1 is taken for 0. Source: rounding of six-digit coordinates."""


def specimen(structure: Structure, cells: Sequence[int] = PAPER_CELLS, seed: int = 0) -> Atoms:
    """A perfect block of a crystal, ready for defects.

    Frame: the crystal frame of `cell.basis` (a along x, c* along z); the mean of the lattice sites is the origin.

    Args:
        structure: the crystal; `site_properties["b_iso"]` [Å²] goes along with every atom, 0 where it is missing.
        cells: repeats along a, b and c.
        seed: of the draw of species on sites of mixed occupation; sites that are not full stay empty in their share.

    Returns:
        The atoms, cell after cell, not periodic; `atoms.cell` holds the edges of the block.

    Limits: with full sites the count is the product of cells and sites, and the same for every seed.
    Raises InputError for repeats that are not whole numbers above 0, and for a block above 20 million atoms.
    Source: block size of Jeong et al., RSC Adv. 14 (2024) 18489.
    """
    from ase import Atoms

    repeats = _repeats(cells)
    count = int(np.prod(repeats)) * len(structure)
    if not 0 < count <= MOST_ATOMS:
        raise InputError(f"cells = {list(repeats)}: {count} atoms; expected 1 to {MOST_ATOMS}")
    fractional = np.asarray(structure.frac_coords, dtype=np.float64) % 1.0
    fractional[fractional > 1.0 - WRAP_TOLERANCE] = 0.0
    corner = np.stack(np.meshgrid(*(np.arange(n) for n in repeats), indexing="ij"), axis=-1).reshape(-1, 1, 3)
    lattice = (corner + fractional).reshape(-1, 3)
    origin = lattice.mean(axis=0)
    unit = basis(structure)
    numbers = _species(structure, len(corner), np.random.default_rng(seed))
    b_iso = np.tile(
        np.asarray(structure.site_properties.get("b_iso", [0.0] * len(structure)), dtype=float), len(corner)
    )
    full = numbers > 0
    atoms = Atoms(
        numbers=numbers[full],
        positions=((lattice - origin) @ unit)[full],
        cell=unit * np.array(repeats)[:, None],
        pbc=False,
    )
    atoms.set_array("b_iso", b_iso[full])
    atoms.set_array("lattice", lattice[full])
    atoms.info["zoneaxis"] = {
        "crystal": str(structure.properties.get("name", structure.composition.reduced_formula)),
        "unit_cell": unit.tolist(),
        "cells": list(repeats),
        "history": [],
        "sites": fractional.tolist(),
        "origin": origin.tolist(),
    }
    return atoms


def details(atoms: Atoms) -> dict[str, Any]:
    """What the specimen knows about itself, as a copy: crystal, unit_cell, cells, history, sites, origin.

    Raises InputError for atoms that `specimen` did not make.
    """
    found = atoms.info.get("zoneaxis")
    if not isinstance(found, dict) or not {"unit_cell", "cells", "history"} <= set(found):
        raise InputError("atoms: no specimen (info['zoneaxis'] is missing); expected what specimen() returns")
    return copy.deepcopy(found)


def history(atoms: Atoms) -> list[dict[str, Any]]:
    """What was done to the specimen, oldest first: {"defect": name, parameter: value, ...}. Raises as `details`."""
    return list(details(atoms)["history"])


def unit_cell(atoms: Atoms) -> Array:
    """Rows a, b, c in Å of the lattice that [uvw] and hkl refer to, in the frame of the positions; strain included.

    Raises as `details`.
    """
    return np.asarray(details(atoms)["unit_cell"], dtype=np.float64)


def recorded(atoms: Atoms, defect: str, **parameters: Any) -> Atoms:
    """A copy of the specimen with one more line of history. Parameters must be plain numbers, strings or lists.

    Raises as `details`.
    """
    known = details(atoms)
    known["history"].append({"defect": defect, **{name: _plain(value) for name, value in parameters.items()}})
    return with_details(atoms, known)


def with_details(atoms: Atoms, known: dict[str, Any]) -> Atoms:
    """A copy of the atoms that carries the given details; nothing is shared with the input."""
    result = atoms.copy()
    result.info = copy.deepcopy({name: value for name, value in atoms.info.items() if name != "zoneaxis"})
    result.info["zoneaxis"] = copy.deepcopy(known)
    return result


def lattice_coordinates(atoms: Atoms) -> Array:
    """Lattice coordinates (n, 3) of the perfect places of the atoms, in units of the cell vectors.

    Raises InputError where they are missing, as in atoms that `specimen` did not make.
    """
    details(atoms)
    if "lattice" not in atoms.arrays:
        raise InputError("atoms: no lattice coordinates (arrays['lattice']); expected what specimen() returns")
    return np.asarray(atoms.arrays["lattice"], dtype=np.float64)


def perfect_positions(atoms: Atoms) -> Array:
    """Places (n, 3) in Å at which the atoms would stand on the (strained) lattice without any other defect.

    Raises as `lattice_coordinates`.
    """
    known = details(atoms)
    if "origin" not in known:
        raise InputError(
            "atoms: no origin of the lattice (info['zoneaxis']['origin']); expected what specimen() returns"
        )
    return (lattice_coordinates(atoms) - np.asarray(known["origin"])) @ np.asarray(known["unit_cell"], dtype=np.float64)


def _repeats(cells: Sequence[int]) -> tuple[int, int, int]:
    values = list(cells) if isinstance(cells, Sequence | np.ndarray) else []
    if len(values) != 3 or any(int(value) != value or value < 1 for value in values):
        raise InputError(f"cells = {cells!r}: expected three whole numbers above 0, repeats along a, b, c")
    return int(values[0]), int(values[1]), int(values[2])


def _species(structure: Structure, blocks: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Atomic numbers (blocks * sites,), cell after cell; 0 where a site that is not full stays empty."""
    columns = []
    for site in structure:
        shares: dict[int, float] = {}
        for species, share in site.species.items():
            number = int(species.Z)
            shares[number] = shares.get(number, 0.0) + float(share)
        if len(shares) == 1 and abs(next(iter(shares.values())) - 1.0) < 1e-6:
            columns.append(np.full(blocks, next(iter(shares)), dtype=np.int64))
            continue
        kinds = np.array([*shares, 0], dtype=np.int64)
        weights = np.clip(np.array([*shares.values(), 1.0 - sum(shares.values())]), 0.0, None)
        columns.append(generator.choice(kinds, size=blocks, p=weights / weights.sum()))
    return np.stack(columns, axis=1).reshape(-1)


def _plain(value: Any) -> Any:
    """The value without numpy, so that the history can be written to a file as it is."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return value
