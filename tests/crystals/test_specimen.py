"""Specimens: places, species, what they know of themselves, copies."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from zoneaxis.crystals import load
from zoneaxis.crystals.specimen import (
    details,
    history,
    lattice_coordinates,
    perfect_positions,
    recorded,
    specimen,
    unit_cell,
)
from zoneaxis.errors import InputError


def test_paper_block() -> None:
    """40 x 30 x 20 cells of Al are 96,000 atoms of the size of the block, centred, with B of the crystal."""
    atoms = specimen(load("Al"))
    a = load("Al").lattice.a
    assert len(atoms) == 96_000
    assert atoms.positions.mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-8)
    assert np.ptp(atoms.positions, axis=0) == pytest.approx(np.array([39.5, 29.5, 19.5]) * a)
    assert atoms.cell.lengths() == pytest.approx(np.array([40, 30, 20]) * a)
    assert set(atoms.arrays["b_iso"]) == {0.81}


def test_details() -> None:
    """The specimen names its crystal, lattice and repeats, and its history is empty."""
    atoms = specimen(load("Fe"), (2, 3, 4))
    known = details(atoms)
    assert (known["crystal"], known["cells"], known["history"]) == ("Fe", [2, 3, 4], [])
    assert unit_cell(atoms) == pytest.approx(np.eye(3) * load("Fe").lattice.a)
    assert lattice_coordinates(atoms).min(axis=0) == pytest.approx([0, 0, 0])


def test_frame_of_an_oblique_cell() -> None:
    """A triclinic crystal stands in the frame of `cell.basis`, whatever way its own matrix is turned."""
    turned = Lattice.from_parameters(4, 5, 6, 80, 95, 110).matrix[:, [1, 2, 0]]
    structure = Structure(Lattice(turned), ["Cu", "O"], [[0.1, 0.2, 0.3], [-0.2, 0.4, 1.0]])
    atoms = specimen(structure, (2, 2, 2))
    cell = unit_cell(atoms)
    assert cell[0, 1:] == pytest.approx([0, 0])
    assert cell[1, 2] == pytest.approx(0)
    assert np.linalg.norm(cell, axis=1) == pytest.approx([4, 5, 6])
    assert atoms.positions == pytest.approx(perfect_positions(atoms), abs=1e-12)
    fractional = atoms.positions @ np.linalg.inv(cell)
    step = fractional[1] - fractional[0] - (structure.frac_coords[1] - structure.frac_coords[0])
    assert step == pytest.approx(np.rint(step), abs=1e-12)


def test_mixed_sites_are_drawn() -> None:
    """A site shared 2:1 holds its species in these shares, the same for the same seed, another draw for another."""
    structure = Structure(Lattice.cubic(3.6), [{"Ni": 2 / 3, "Co": 1 / 3}], [[0, 0, 0]])
    first, again, other = (specimen(structure, (12, 12, 12), seed=seed) for seed in (1, 1, 2))
    share = np.mean(first.numbers == 28)
    assert share == pytest.approx(2 / 3, abs=4 * np.sqrt(2 / 9 / 1728))
    assert (first.numbers == again.numbers).all()
    assert (first.numbers != other.numbers).any()


def test_sites_that_are_not_full() -> None:
    """A site of occupation 0.7 stays empty in 30 % of the cells."""
    structure = Structure(Lattice.cubic(3.6), [{"Ni": 0.7}, "Al"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    atoms = specimen(structure, (12, 12, 12))
    assert np.sum(atoms.numbers == 13) == 1728
    assert np.sum(atoms.numbers == 28) / 1728 == pytest.approx(0.7, abs=0.05)


def test_recorded_shares_nothing() -> None:
    """A line of history goes to the copy only, and in plain values."""
    atoms = specimen(load("Al"), (2, 2, 2))
    changed = recorded(atoms, "test", size=np.float64(2.5), places=np.zeros(2), pair=(1, 2))
    assert history(atoms) == []
    assert history(changed) == [{"defect": "test", "size": 2.5, "places": [0.0, 0.0], "pair": [1, 2]}]
    changed.positions += 1
    changed.arrays["b_iso"][:] = 0
    assert atoms.positions.mean() == pytest.approx(0, abs=1e-12)
    assert atoms.arrays["b_iso"].min() > 0


@pytest.mark.parametrize("cells", [(0, 1, 1), (1, 2), (1.5, 1, 1), (4000, 4000, 4000)])
def test_impossible_blocks(cells: tuple[float, ...]) -> None:
    """Repeats that are no whole numbers above 0, or too many atoms, are refused in one line."""
    with pytest.raises(InputError, match="cells = "):
        specimen(load("Al"), cells)  # type: ignore[arg-type]


def test_foreign_atoms() -> None:
    """Atoms that are no specimen are refused."""
    from ase import Atoms

    with pytest.raises(InputError, match="no specimen"):
        history(Atoms("Al"))
