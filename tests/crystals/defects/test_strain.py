"""Strain: specimens and crystals deformed evenly, and the frame that the crystal is seen in afterwards."""

import numpy as np
import pytest

from zoneaxis.crystals import basis, load, space_group
from zoneaxis.crystals.defects.strain import deformation_frame, strained, strained_structure
from zoneaxis.crystals.elasticity import shear_strain, stiffness_of, uniaxial_strain
from zoneaxis.crystals.specimen import history, perfect_positions, specimen, unit_cell
from zoneaxis.errors import InputError

OBLIQUE = np.array([[0.02, 0.01, -0.005], [0.01, -0.01, 0.008], [-0.005, 0.008, 0.015]])


def test_atoms_and_lattice_move_together() -> None:
    """Atoms stay on the strained lattice, a reciprocal vector becomes (1 + e)^-T g, and the input is untouched."""
    atoms = specimen(load("Al"), (4, 3, 2))
    before = atoms.positions.copy()
    after = strained(atoms, OBLIQUE)
    assert after.positions == pytest.approx(perfect_positions(after), abs=1e-12)
    assert after.positions == pytest.approx(before @ (np.eye(3) + OBLIQUE), abs=1e-12)
    g_before, g_after = (np.linalg.inv(unit_cell(block)).T for block in (atoms, after))
    assert g_after == pytest.approx(g_before @ np.linalg.inv(np.eye(3) + OBLIQUE), abs=1e-12)
    assert atoms.positions.tolist() == before.tolist()
    assert history(atoms) == []
    assert history(after)[0]["defect"] == "strained"
    assert after.cell.lengths() == pytest.approx(np.linalg.norm(unit_cell(after), axis=1) * [4, 3, 2])


def test_phases_at_the_strained_reflection() -> None:
    """At (1 + e)^-T g all atoms still scatter in phase; at the unstrained g they do not."""
    after = strained(specimen(load("Al"), (10, 8, 6)), uniaxial_strain(stiffness_of("Al"), [1, 0, 0], 0.03))
    g_old = np.array([4, 2, 0]) / load("Al").lattice.a
    g_new = np.linalg.inv(unit_cell(after)) @ np.array([4, 2, 0])
    sums = [abs(np.exp(2j * np.pi * after.positions @ g).mean()) for g in (g_new, g_old)]
    assert sums[0] == pytest.approx(1)
    assert sums[1] < 0.3


def test_strains_multiply() -> None:
    """Two strains one after the other are the product of both."""
    atoms = specimen(load("Fe"), (2, 2, 2))
    twice = strained(strained(atoms, np.diag([0.02, 0, 0])), np.diag([0.03, 0.01, 0]))
    assert unit_cell(twice) == pytest.approx(unit_cell(atoms) @ np.diag([1.02 * 1.03, 1.01, 1]))
    assert len(history(twice)) == 2


def test_structure_and_specimen_agree() -> None:
    """The strained crystal, turned back by its frame, is the lattice of the strained specimen."""
    structure = load("Al")
    crystal, frame = strained_structure(structure, OBLIQUE), deformation_frame(structure, OBLIQUE)
    assert frame @ frame.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(frame) == pytest.approx(1)
    assert basis(crystal) @ frame == pytest.approx(
        unit_cell(strained(specimen(structure, (1, 1, 1)), OBLIQUE)), abs=1e-12
    )
    assert crystal.lattice.matrix == pytest.approx(basis(crystal), abs=1e-12)
    assert crystal.frac_coords == pytest.approx(structure.frac_coords)
    assert crystal.site_properties == structure.site_properties


def test_lower_symmetry_is_seen() -> None:
    """Pulled along a, Al is tetragonal (139); sheared in the a-b plane it is orthorhombic (71); unstrained cubic."""
    pulled = strained_structure(load("Al"), uniaxial_strain(stiffness_of("Al"), [1, 0, 0], 0.04))
    sheared = strained_structure(load("Al"), shear_strain(0.03))
    assert (pulled.properties["space_group"], sheared.properties["space_group"]) == (139, 71)
    assert sheared.lattice.gamma == pytest.approx(88.28, abs=0.005)
    assert space_group(strained_structure(load("Al"), np.zeros((3, 3)))) == 225
    assert load("Al").properties["space_group"] == 225


@pytest.mark.parametrize(
    "strain", [np.eye(2), np.diag([0.5, 0, 0]), np.full((3, 3), np.nan), [[0, 0.1, 0]] + [[0] * 3] * 2]
)
def test_refused_tensors(strain: object) -> None:
    """Other shapes, huge, unfinished or unsymmetric tensors are refused."""
    with pytest.raises(InputError, match="strain"):
        strained(specimen(load("Al"), (1, 1, 1)), strain)  # type: ignore[arg-type]
