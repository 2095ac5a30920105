"""Twinned specimens of explicit atoms."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from scipy.spatial import cKDTree

from zoneaxis.crystals.defects.dislocation import edge_dislocations
from zoneaxis.crystals.defects.slip import SlipSystem
from zoneaxis.crystals.defects.strain import strained
from zoneaxis.crystals.defects.twin import twinned
from zoneaxis.crystals.defects.twin_law import twin_law, twin_mirror
from zoneaxis.crystals.elasticity import stiffness_of, uniaxial_strain
from zoneaxis.crystals.specimen import history, perfect_positions, specimen, unit_cell
from zoneaxis.errors import InputError

AL = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.0495), ["Al"], [[0, 0, 0]])
FE = Structure.from_spacegroup("Im-3m", Lattice.cubic(2.8665), ["Fe"], [[0, 0, 0]])
SI = Structure.from_spacegroup("Fd-3m:1", Lattice.cubic(5.43), ["Si"], [[0, 0, 0]])
SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
CASES = [(AL, "fcc", 12), (FE, "bcc", 8), (SI, "diamond", 4)]
ALUMINIUM = specimen(AL, (10, 9, 8))


def spacings(atoms):
    """Distances to the nearest neighbour [Å]."""
    return cKDTree(atoms.positions).query(atoms.positions, k=2)[0][:, 1]


def amplitude(atoms, chosen, g):
    """|sum exp(2 pi i g.r)| over the number of the chosen atoms."""
    return abs(np.exp(2j * np.pi * atoms.positions[chosen] @ g).mean())


@pytest.mark.parametrize(("structure", "kind", "neighbours"), CASES)
@pytest.mark.parametrize("boundaries", [1, 2])
def test_no_two_atoms_come_too_close_and_none_is_missing(structure, kind, neighbours, boundaries):
    """A coherent twin keeps the nearest distance and the number of neighbours inside; faces shift by half a layer."""
    atoms = specimen(structure, (9, 8, 7))
    made = twinned(atoms, kind, boundaries=boundaries)
    assert history(made)[-1]["left_out"] == 0
    nearest = spacings(atoms).min()
    assert spacings(made).min() > 0.8 * nearest
    assert len(made) == pytest.approx(len(atoms), rel=0.06)
    fractional = made.positions @ np.linalg.inv(unit_cell(atoms)) / [9, 8, 7]
    inner = (np.abs(fractional) < 0.5 - 1.2 * nearest / (7 * unit_cell(atoms)[0, 0])).all(axis=1)
    counts = cKDTree(made.positions).query_ball_point(made.positions[inner], 1.12 * nearest, return_length=True) - 1
    tolerance = 0.15 if kind == "bcc" else 0.0
    assert np.mean(counts == neighbours) >= 1 - tolerance


@pytest.mark.parametrize(("structure", "kind", "neighbours"), CASES)
def test_twin_is_the_mirror_image(structure, kind, neighbours):
    """Reflections of the lattice are full in the matrix; mirrored by M they are full in the twin alone."""
    made = twinned(specimen(structure, (8, 8, 8)), kind)
    twin = made.arrays["twin"] == 1
    cell = unit_cell(made)
    g = np.array([2.0, 2.0, 0.0] if kind != "bcc" else [1.0, 1.0, 0.0]) @ np.linalg.inv(cell).T
    g = g[[0, 2, 1]]
    mirrored = twin_mirror(np.asarray(twin_law(kind).normal)) @ g
    assert amplitude(made, ~twin, g) > 1 - 1e-9
    assert amplitude(made, twin, mirrored) > 1 - 1e-9
    assert amplitude(made, twin, g) < 0.2
    assert amplitude(made, ~twin, mirrored) < 0.2


def test_boundary_is_an_atom_layer_that_both_share():
    """fcc: atoms within a layer of the coherent plane come in mirror pairs about it, or lie on it."""
    made = twinned(ALUMINIUM, "fcc")
    entry = history(made)[-1]
    normal = np.ones(3) / np.sqrt(3)
    height = made.positions @ normal - entry["planes_angstrom"][0]
    assert np.sum(np.abs(height) < 1e-6) > 50
    inner = (np.abs(height) < 5) & (np.linalg.norm(made.positions, axis=1) < 10)
    image = made.positions[inner] - 2 * np.outer(height[inner], normal)
    assert cKDTree(made.positions).query(image)[0].max() < 1e-6


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("boundaries", [1, 2, 3])
def test_volume_fraction(share, boundaries):
    """The share of atoms in the twin is the one asked, up to the rounding to layers, and is written down."""
    atoms = specimen(AL, (16, 14, 12))
    made = twinned(atoms, "fcc", volume_fraction=share, boundaries=boundaries)
    reached = made.arrays["twin"].mean()
    assert reached == pytest.approx(share, abs=0.02 * (boundaries + 1))
    assert history(made)[-1]["volume_fraction"] == pytest.approx(reached)


def test_twin_of_a_twin_is_the_crystal():
    """Two mirrors in parallel planes give back the orientation: the third slab is the matrix, moved by 2 h n."""
    made = twinned(specimen(AL, (12, 12, 8)), "fcc", boundaries=2)
    low, high = history(made)[-1]["planes_angstrom"]
    height = made.positions @ np.ones(3) / np.sqrt(3)
    below, above = height < low - 0.1, height > high + 2.0
    cell = unit_cell(made)
    for hkl in [(2, 0, 0), (2, 2, 0), (1, -1, 1)]:
        g = np.asarray(hkl) @ np.linalg.inv(cell).T
        assert amplitude(made, below, g) > 1 - 1e-9
        assert amplitude(made, above, g) > 1 - 1e-9


def test_matrix_atoms_stay_and_the_block_keeps_its_shape():
    """Below the plane nothing changes; above it every atom lies inside the block; the input is untouched."""
    before = ALUMINIUM.positions.copy()
    made = twinned(ALUMINIUM, "fcc", volume_fraction=0.4)
    matrix = made.arrays["twin"] == 0
    assert cKDTree(before).query(made.positions[matrix])[0].max() == 0
    half = np.array([10, 9, 8]) * 4.0495 / 2
    assert np.all(np.abs(made.positions) <= half)
    assert np.array_equal(before, ALUMINIUM.positions) and history(ALUMINIUM) == []
    np.testing.assert_allclose(perfect_positions(made), made.positions, atol=1e-9)


def test_heat_is_mirrored_and_leaves_no_pairs():
    """Displaced atoms keep the size of their displacement, and none is lost or doubled on the shared layer."""
    cold = twinned(ALUMINIUM, "fcc")
    hot = ALUMINIUM.copy()
    hot.positions += np.random.default_rng(0).normal(0, 0.1, hot.positions.shape)
    made = twinned(hot, "fcc")
    assert len(made) == pytest.approx(len(cold), abs=3)
    size = (made.positions - perfect_positions(made)).std(axis=0)
    np.testing.assert_allclose(size, 0.1, rtol=0.05)


def test_species_and_strain_go_along():
    """A strained rock-salt block keeps its composition, its b_iso and its neighbours across the boundary."""
    strain = uniaxial_strain(stiffness_of("Al"), [1, 0, 0], 0.02)
    atoms = strained(specimen(SALT, (8, 8, 8)), strain)
    made = twinned(atoms, "fcc")
    np.testing.assert_allclose(unit_cell(made), unit_cell(atoms))
    normal = np.ones(3) @ np.linalg.inv(unit_cell(atoms)).T
    mirrored = twin_mirror(normal) @ (np.array([0, 0, 4]) @ np.linalg.inv(unit_cell(atoms)).T)
    assert amplitude(made, made.arrays["twin"] == 1, mirrored) > 1 - 1e-9
    share = np.mean(made.numbers == 11)
    assert share == pytest.approx(0.5, abs=0.02)
    assert len(made.arrays["b_iso"]) == len(made)
    assert spacings(made).min() > 0.8 * spacings(atoms).min()


def test_every_variant_of_the_normal():
    """The equivalents of the plane make the same twin, up to the block's shape."""
    for normal in [(1, 1, 1), (-1, 1, 1), (1, 1, -1)]:
        made = twinned(ALUMINIUM, "fcc", normal=normal)
        assert history(made)[-1]["normal"] == list(normal)
        assert history(made)[-1]["left_out"] == 0
        assert made.arrays["twin"].mean() == pytest.approx(0.5, abs=0.05)


def test_dislocation_in_a_twin():
    """A Burgers vector in the twin plane is a translation of both halves; one across it is refused."""
    made = twinned(specimen(AL, (14, 12, 10)), "fcc")
    shared = SlipSystem("shared", (0.5, -0.5, 0.0), (1, 1, 1))
    both = edge_dislocations(made, shared, poisson=0.345, count=2, spacing_angstrom=15.0)
    assert [entry["defect"] for entry in history(both)] == ["twinned", "edge_dislocations"]
    with pytest.raises(InputError, match="no translation of this crystal"):
        edge_dislocations(made, "fcc", poisson=0.345, count=1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"law": "hcp"}, "kind = 'hcp'"),
        ({"volume_fraction": 0.0}, "volume_fraction = 0.0"),
        ({"boundaries": 0}, "boundaries = 0"),
        ({"volume_fraction": 0.001, "boundaries": 3}, "thinner than a layer"),
        ({"normal": (0, 0, 0)}, "plane"),
    ],
)
def test_nonsense_is_refused(options, said):
    """Values that describe no twin are refused by name."""
    with pytest.raises(InputError, match=said):
        twinned(ALUMINIUM, **options)


def test_order_of_defects():
    """A specimen with dislocations or twins in it does not continue into itself, and is refused."""
    with pytest.raises(InputError, match="twin the specimen first"):
        twinned(twinned(ALUMINIUM, "fcc"), "fcc")
    bent = edge_dislocations(ALUMINIUM, "fcc", poisson=0.345, count=1)
    with pytest.raises(InputError, match="edge_dislocations"):
        twinned(bent, "fcc")
