"""Relaxation: the neighbours of a point defect find their places in the forces of CHGNet, cell fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zoneaxis.crystals.defects.relaxation_field import RelaxationField, images
from zoneaxis.crystals.defects.sites import GRID, cubic_operations, interstices, lattice_type
from zoneaxis.crystals.specimen import details, lattice_coordinates, specimen
from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator
    from pymatgen.core import Structure

Array = NDArray[np.float64]

FORCE_EV_PER_ANGSTROM = 0.02
"""Largest force left on an atom. Source: our choice."""
KICK_ANGSTROM = 0.001
"""Standard deviation of the random start, without which a symmetric place is never left. Source: the same section."""
MOST_STEPS = 300
"""Our choice: the cells of the package need 5 to 60."""
KINDS = ("vacancy", "substitution", "interstitial")


def relaxed_field(
    structure: Structure,
    kind: str,
    cells: Sequence[int] = (3, 3, 3),
    *,
    element: str = "",
    site: str | Sequence[float] = "tetrahedral",
    force_ev_per_angstrom: float = FORCE_EV_PER_ANGSTROM,
    seed: int = 0,
    calculator: Calculator | None = None,
    source: str = "",
) -> RelaxationField:
    """Relax one point defect in a periodic block of an elemental cubic crystal.

    The block keeps its edges; the mean displacement of all atoms is taken out; the field is averaged over the point
    symmetry of the site, and what the average hides is kept as `asymmetry_angstrom`.

    Args:
        structure: conventional cell of one element on an fcc or bcc lattice.
        kind: vacancy, substitution or interstitial.
        cells: repeats of the periodic block.
        element: that comes in; empty for a vacancy.
        site: of an interstitial, as `sites.interstices` takes it; the first place of the cell is used.
        force_ev_per_angstrom: largest force that may remain.
        seed: of the random start.
        calculator: of ASE; CHGNet when None.
        source: words about the calculator, kept with the field.

    Limits: a substitution by the host itself moves nothing beyond the force limit.
    Raises InputError for another crystal or kind, a missing element, a run that does not settle, and a missing CHGNet.
    Source: the cases of Jeong et al., RSC Adv. 14 (2024) 18489.
    """
    from ase import Atom
    from ase.optimize import BFGS

    from zoneaxis.crystals.defects.potential import CHGNET_SOURCE, chgnet

    block = specimen(structure, cells)
    symbols = set(block.get_chemical_symbols())
    lattice = lattice_type(structure.frac_coords)
    if lattice not in ("fcc", "bcc") or len(symbols) != 1:
        raise InputError("structure: expected the conventional cell of one element on an fcc or bcc lattice")
    if kind not in KINDS or (kind == "vacancy") != (element == ""):
        raise InputError(
            f"kind, element = {kind!r}, {element!r}: expected {', '.join(KINDS)}; an element but for a vacancy"
        )
    coordinates = lattice_coordinates(block)
    block.set_pbc(True)
    if kind == "interstitial":
        defect = interstices(structure.frac_coords, site)[0]
    else:
        defect = coordinates[0].copy()
        if kind == "vacancy":
            del block[0]
            coordinates = coordinates[1:]
        else:
            block.symbols[0] = element
    if kind == "interstitial":
        known = details(block)
        block.append(Atom(element, (defect - np.array(known["origin"])) @ np.array(known["unit_cell"])))
        coordinates = np.vstack([coordinates, defect])
    start = block.get_positions()
    kick = np.random.default_rng(seed).normal(0.0, KICK_ANGSTROM, start.shape)
    block.set_positions(start + kick)
    block.calc = calculator if calculator is not None else chgnet()
    if not BFGS(block, logfile=None).run(fmax=force_ev_per_angstrom, steps=MOST_STEPS):
        raise InputError(
            f"relaxation of the {kind}: forces above {force_ev_per_angstrom} eV/Å after {MOST_STEPS} steps"
        )
    moved = block.get_positions() - start
    moved -= moved.mean(axis=0)
    vectors, weights, row = images(coordinates - defect, cells)
    apart = np.linalg.norm(vectors, axis=1) > 1e-6
    vectors, weights, moved = vectors[apart], weights[apart], moved[row][apart]
    group = _site_group(vectors)
    kept, symmetric, asymmetry = _symmetric(vectors, moved, group)
    host = next(iter(symbols))
    return RelaxationField(
        name=f"{host} {kind}{' ' + element if element else ''} {'x'.join(str(n) for n in cells)}",
        host=host,
        lattice=lattice,
        kind=kind,
        guest=element,
        cells=(int(cells[0]), int(cells[1]), int(cells[2])),
        group=group,
        vectors=vectors[kept],
        displacements_angstrom=symmetric[kept],
        weights=weights[kept],
        a_angstrom=float(structure.lattice.a),
        asymmetry_angstrom=asymmetry,
        source=f"{source or CHGNET_SOURCE}; cell fixed, {force_ev_per_angstrom} eV/Å, seed {seed}",
    )


def _site_group(vectors: Array) -> str:
    """The largest of m-3m and -43m that maps the neighbours onto themselves, else 1."""
    whole = {tuple(row) for row in np.rint(vectors * GRID).astype(int).tolist()}
    for name, tetrahedral in (("m-3m", False), ("-43m", True)):
        turned = (
            {tuple(row) for row in np.rint(vectors @ operation.T * GRID).astype(int).tolist()}
            for operation in cubic_operations(tetrahedral)
        )
        if all(image == whole for image in turned):
            return name
    return "1"


def _symmetric(vectors: Array, moved: Array, group: str) -> tuple[NDArray[np.int64], Array, float]:
    """(rows of one neighbour of each kind, averaged displacements of all, largest departure from the average)."""
    operations = np.eye(3)[None] if group == "1" else cubic_operations(group == "-43m")
    keys = [tuple(row) for row in np.rint(vectors * GRID).astype(int).tolist()]
    place = {key: number for number, key in enumerate(keys)}
    mean = np.zeros_like(moved)
    first = np.full(len(keys), len(keys))
    for operation in operations:
        image = np.array([place[tuple(row)] for row in np.rint(vectors @ operation.T * GRID).astype(int).tolist()])
        mean += moved[image] @ operation / len(operations)
        first = np.minimum(first, image)
    kept = np.nonzero(first == np.arange(len(keys)))[0].astype(np.int64)
    return kept, mean, float(np.linalg.norm(moved - mean, axis=1).max())
