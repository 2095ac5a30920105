"""The Cartesian frame of a cell, and the symmetry found in it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from zoneaxis import crystals
from zoneaxis.crystals.cell import cell_basis
from zoneaxis.errors import InputError

TRICLINIC = Structure(Lattice.from_parameters(4, 5, 6, 80, 95, 105), ["Si", "O"], [[0, 0, 0], [0.3, 0.4, 0.1]])
ZINCBLENDE = Structure.from_spacegroup("F-43m", Lattice.cubic(5.6537), ["Ga", "As"], [[0, 0, 0], [0.25, 0.25, 0.25]])
HEXAGONAL = Structure.from_spacegroup("P6_3/mmc", Lattice.hexagonal(3.2093, 5.2103), ["Mg"], [[1 / 3, 2 / 3, 0.25]])
TRIGONAL = Structure.from_spacegroup(
    "P3_121", Lattice.hexagonal(4.916, 5.405), ["Si", "O"], [[0.4697, 0, 1 / 3], [0.4133, 0.2672, 0.4523]]
)
DIAMOND_ON_ATOM = Structure.from_spacegroup("Fd-3m:1", Lattice.cubic(5.4307), ["Si"], [[0, 0, 0]])


@settings(max_examples=100, deadline=None)
@given(st.tuples(*[st.floats(2, 30)] * 3), st.tuples(*[st.floats(65, 115)] * 3))
def test_basis_has_a_along_x_and_c_star_along_z(lengths, angles):
    """a lies on x, b in the xy plane, c* on z, and lengths, angles and handedness are kept."""
    matrix = cell_basis(lengths, angles)
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), lengths, rtol=1e-12)
    np.testing.assert_allclose(Lattice(matrix).angles, angles, atol=1e-9)
    assert matrix[0, 1] == matrix[0, 2] == matrix[1, 2] == 0
    assert np.linalg.det(matrix) > 0


def test_basis_is_not_the_matrix_of_pymatgen():
    """pymatgen puts c along z; this package puts c* there, and reads the cell only through its six parameters."""
    assert not np.allclose(crystals.basis(TRICLINIC), TRICLINIC.lattice.matrix, atol=0.01)
    np.testing.assert_allclose(
        crystals.basis(TRICLINIC) @ crystals.basis(TRICLINIC).T, TRICLINIC.lattice.metric_tensor, atol=1e-9
    )


def test_reciprocal_basis_gives_plane_spacings():
    """basis and reciprocal basis are dual without 2 pi, and |g| = 1/d for every plane."""
    reciprocal = crystals.reciprocal_basis(TRICLINIC)
    np.testing.assert_allclose(crystals.basis(TRICLINIC) @ reciprocal.T, np.eye(3), atol=1e-12)
    for hkl in [(1, 0, 0), (1, -2, 3), (0, 1, 1)]:
        assert np.linalg.norm(np.array(hkl) @ reciprocal) == pytest.approx(1 / TRICLINIC.lattice.d_hkl(hkl))


@pytest.mark.parametrize(
    ("structure", "order", "laue_order"),
    [(TRICLINIC, 1, 2), (ZINCBLENDE, 24, 48), (HEXAGONAL, 24, 24), (TRIGONAL, 6, 12), (DIAMOND_ON_ATOM, 48, 48)],
    ids=["P1", "F-43m", "P6_3/mmc", "P3_121", "Fd-3m"],
)
def test_point_and_laue_group_orders(structure, order, laue_order):
    """The orders are those of the point group and of its Laue group in the International Tables."""
    assert len(crystals.point_group(structure)) == order
    assert len(crystals.laue_group(structure)) == laue_order


@pytest.mark.parametrize("structure", [ZINCBLENDE, HEXAGONAL, TRIGONAL], ids=["F-43m", "P6_3/mmc", "P3_121"])
def test_point_group_is_a_group_of_rotations_of_the_lattice(structure):
    """Every matrix is orthogonal, the product of two is a third, and lattice vectors go to lattice vectors."""
    group = crystals.point_group(structure)
    np.testing.assert_allclose(group @ group.transpose(0, 2, 1), np.broadcast_to(np.eye(3), group.shape), atol=1e-6)
    np.testing.assert_allclose(group[0], np.eye(3), atol=1e-12)
    products = (group[:, None] @ group[None]).reshape(-1, 1, 9)
    assert np.abs(products - group.reshape(1, -1, 9)).max(axis=2).min(axis=1).max() < 1e-6
    images = crystals.basis(structure) @ group.transpose(0, 2, 1) @ np.linalg.inv(crystals.basis(structure))
    np.testing.assert_allclose(images, np.round(images), atol=1e-6)


def test_trigonal_two_fold_axis_lies_along_a():
    """Quartz (321) in the frame a || x has a two-fold axis along x, and none along y."""
    group = crystals.point_group(TRIGONAL)

    def holds(matrix):
        return np.abs(group - matrix).max(axis=(1, 2)).min() < 1e-6

    assert holds(np.diag([1.0, -1.0, -1.0]))
    assert not holds(np.diag([-1.0, 1.0, -1.0]))


def test_centring_translations():
    """F has four lattice points a cell, P one, and a doubled cell has two."""
    expected = {(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)}
    assert {tuple(t) for t in crystals.centring_translations(ZINCBLENDE)} == expected
    assert crystals.centring_translations(HEXAGONAL).tolist() == [[0, 0, 0]]
    doubled = crystals.centring_translations(HEXAGONAL * (1, 1, 2))
    np.testing.assert_allclose(doubled, [[0, 0, 0], [0, 0, 0.5]])


def test_a_centre_is_found_and_moved_to_the_origin():
    """Diamond with an atom at the origin has its centre at 1/8; after the move all structure factors are real."""
    assert crystals.is_centrosymmetric(DIAMOND_ON_ATOM)
    assert not crystals.origin_on_centre(DIAMOND_ON_ATOM)
    atoms = DIAMOND_ON_ATOM.frac_coords.copy()
    moved = crystals.centre_origin(DIAMOND_ON_ATOM)
    assert crystals.origin_on_centre(moved)
    hkl = np.array([(1, 1, 1), (2, 2, 0), (3, 1, 1), (3, -1, 5)])
    factors = np.exp(2j * np.pi * hkl @ moved.frac_coords.T).sum(axis=1)
    np.testing.assert_allclose(factors.imag, 0, atol=1e-10)
    before = np.exp(2j * np.pi * hkl @ DIAMOND_ON_ATOM.frac_coords.T).sum(axis=1)
    np.testing.assert_allclose(np.abs(factors), np.abs(before), atol=1e-10)
    np.testing.assert_array_equal(DIAMOND_ON_ATOM.frac_coords, atoms)


def test_a_centre_at_the_origin_within_rounding_stays():
    """Coordinates rounded to four digits leave the centre at the origin, and the structure as it is."""
    moved = crystals.centre_origin(DIAMOND_ON_ATOM)
    shifts = np.random.default_rng(0).uniform(-1e-4, 1e-4, (len(moved), 3))
    rounded = Structure(moved.lattice, moved.species, moved.frac_coords + shifts)
    assert crystals.origin_on_centre(rounded)
    np.testing.assert_array_equal(crystals.centre_origin(rounded).frac_coords, rounded.frac_coords)


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_the_centre_is_found_wherever_the_origin_lies(shift):
    """Any shift of the whole crystal is undone up to a centre at the origin, exactly and not only within tolerance."""
    moved = HEXAGONAL.copy()
    moved.translate_sites(range(len(moved)), shift)
    centred = crystals.centre_origin(moved)
    factors = np.exp(2j * np.pi * np.array([(1, 0, 1), (2, -1, 3)]) @ centred.frac_coords.T).sum(axis=1)
    shift_left = 4 * np.pi * 0.02 if crystals.origin_on_centre(moved) else 1e-9
    np.testing.assert_allclose(factors.imag, 0, atol=shift_left)


def test_no_centre_is_refused():
    """A crystal without a centre is named with its space group."""
    assert not crystals.is_centrosymmetric(ZINCBLENDE)
    with pytest.raises(InputError, match=r"GaAs \(space group 216\) has no inversion centre"):
        crystals.centre_origin(ZINCBLENDE)


def test_shares_and_debye_waller_factors_count_as_symmetry():
    """bcc of one element loses its centring when half its atoms are of another share or another B."""
    lattice, positions = Lattice.cubic(2.9), [[0, 0, 0], [0.5, 0.5, 0.5]]
    alike = Structure(lattice, ["Fe", "Fe"], positions, site_properties={"b_iso": [0.3, 0.3]})
    mixed = Structure(lattice, ["Fe", {"Fe": 0.5, "Al": 0.5}], positions, site_properties={"b_iso": [0.3, 0.3]})
    softer = Structure(lattice, ["Fe", "Fe"], positions, site_properties={"b_iso": [0.3, 0.6]})
    assert [crystals.space_group(structure) for structure in (alike, mixed, softer)] == [229, 221, 221]
