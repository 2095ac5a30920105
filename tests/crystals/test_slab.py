"""Slabs: positions of Si(001)-(2x1) against its closed form and its bonds, simple faces, mirrors, refusals."""

import numpy as np
import pytest

from zoneaxis.crystals.slab import Slab, Substrate, bcc001, fcc001, named, names, si001_2x1
from zoneaxis.errors import InputError

A_S = 5.431 / np.sqrt(2)
Q = 5.431 / 4


def neighbours(slab: Slab, atom: int, bond: float, layers: int = 4) -> np.ndarray:
    """Distances below `bond` from one slab atom to all others, its translations and the substrate's layers."""
    cells = np.array([[i, j] for i in range(-2, 3) for j in range(-2, 3)])
    own = (slab.positions[:, None] + np.pad(cells @ slab.cell, ((0, 0), (0, 1)))).reshape(-1, 3)
    cells = np.array([[i, j] for i in range(-4, 5) for j in range(-4, 5)])
    below = slab.substrate.layer_origins(layers)[:, None] + np.pad(cells @ slab.substrate.cell, ((0, 0), (0, 1)))
    distance = np.linalg.norm(np.vstack([own, below.reshape(-1, 3)]) - slab.positions[atom], axis=1)
    return np.sort(distance[(distance > 1e-9) & (distance < bond)])


def test_symmetric_dimer() -> None:
    """The symmetric dimer stands where the closed form puts it, to four decimals."""
    slab = si001_2x1()
    assert slab.positions[:2] == pytest.approx(
        np.array([[0.7951, A_S / 2, -1.1012], [3.0451, A_S / 2, -1.1012]]), abs=6e-5
    )
    assert slab.positions[2:].tolist() == [[0, 0, 0], [A_S, 0, 0]]


def test_buckled_dimer() -> None:
    """The buckled dimer rolls on its back bonds: heights, shift of its centre, bond and tilt."""
    slab = si001_2x1("buckled")
    left, right = slab.positions[:2]
    assert [left[0], right[0], left[2], right[2]] == pytest.approx([0.4622, 2.6115, -1.2772, -0.5789], abs=6e-5)
    centre = (left + right) / 2
    assert centre[0] - A_S / 2 == pytest.approx(-0.383, abs=5e-4)
    assert centre[2] == pytest.approx(-0.928, abs=5e-4)
    bond = right - left
    assert np.linalg.norm(bond) == pytest.approx(2.26)
    assert np.rad2deg(np.arctan2(bond[2], bond[0])) == pytest.approx(18)


@pytest.mark.parametrize("tilt", [-12.0, 0.0, 7.5, 18.0, 20.0])
def test_equal_back_bonds(tilt: float) -> None:
    """At any tilt both dimer atoms have two back bonds of 2.352 Å and the dimer bond, and layer 2 has four bonds."""
    slab = si001_2x1("buckled", dimer_tilt_deg=tilt)
    for atom in (0, 1):
        assert neighbours(slab, atom, 2.5) == pytest.approx([2.26, 2.352, 2.352], abs=1e-9)
    for atom in (2, 3):
        bonds = neighbours(slab, atom, 2.5)
        assert bonds == pytest.approx([2.352] * 4, abs=4e-4)
    print(f"tilt {tilt:g}: back bonds {neighbours(slab, 0, 2.5)[1]:.4f} Å, layer 2 {bonds.round(4).tolist()}")


def test_displacements() -> None:
    """Height moves both atoms outward, length each by half along the tilted bond; layer 2 stays."""
    rest, moved = si001_2x1("buckled"), si001_2x1("buckled", dimer_height_angstrom=0.2, dimer_length_angstrom=0.3)
    shift = moved.positions - rest.positions
    tilt = np.deg2rad(18)
    along = np.array([np.cos(tilt), 0, np.sin(tilt)])
    assert shift[0] == pytest.approx(-0.15 * along - [0, 0, 0.2])
    assert shift[1] == pytest.approx(0.15 * along - [0, 0, 0.2])
    assert not shift[2:].any()
    assert np.linalg.norm(np.diff(moved.positions[:2], axis=0)) == pytest.approx(2.56)
    assert moved.properties["dimer_height_angstrom"] == 0.2
    assert moved.top_z == pytest.approx(rest.top_z - 0.2 - 0.15 * np.sin(tilt))


@pytest.mark.parametrize("layers_in_slab", [1, 2, 3])
def test_layers_in_slab(layers_in_slab: int) -> None:
    """However many layers are free atoms, the crystal is the same: diamond bonds and layers 3 to 6 in their places."""
    slab = si001_2x1(layers_in_slab=layers_in_slab)
    known = {2: (0, 0), 3: (0.5, 0), 4: (0.5, 0.5), 5: (0, 0.5), 6: (0, 0)}
    first = 2 + layers_in_slab
    for depth, origin in enumerate(slab.substrate.layer_origins(7 - first), start=first):
        away = origin[:2] / A_S - known[depth]
        assert away == pytest.approx(np.rint(away), abs=1e-12)
        assert origin[2] == pytest.approx((depth - 2) * Q)
    assert len(slab.positions) == 2 + 2 * layers_in_slab
    for atom in range(2, len(slab.positions)):
        assert neighbours(slab, atom, 2.5) == pytest.approx([2.352] * 4, abs=4e-4)


def test_mirrors() -> None:
    """The symmetric dimer has both mirrors, the buckled one only y -> -y, also displaced and with more layers."""
    for layers in (1, 2, 3):
        symmetric = si001_2x1(dimer_height_angstrom=0.1, dimer_length_angstrom=-0.2, layers_in_slab=layers)
        buckled = si001_2x1("buckled", dimer_length_angstrom=0.1, layers_in_slab=layers)
        assert (symmetric.mirror_x, symmetric.mirror_y) == (True, True)
        assert (buckled.mirror_x, buckled.mirror_y) == (False, True)
    level = si001_2x1("buckled", dimer_tilt_deg=0)
    assert level.mirror_x


def test_mirror_sees_the_substrate() -> None:
    """A mirror of the slab alone does not count: a substrate that leans to +x breaks x -> -x."""
    cell = np.diag([3.0, 3.0])
    leaning = Substrate("Ni", cell, (np.array([0.4, 1.5, 2.0]),), np.array([0.4, 1.5, 2.0]))
    slab = Slab("leaning", cell, np.zeros((1, 3)), ("Ni",), leaning)
    assert (slab.mirror_x, slab.mirror_y) == (False, True)


def test_cells() -> None:
    """The (2x1) cell is twice the substrate's along the dimer, and the reciprocal cell is dual to it."""
    slab = si001_2x1()
    assert slab.superlattice.tolist() == [[2, 0], [0, 1]]
    assert slab.cell @ slab.reciprocal_cell.T == pytest.approx(2 * np.pi * np.eye(2))
    assert slab.reciprocal_cell == pytest.approx(np.diag([np.pi / A_S, 2 * np.pi / A_S]))


def test_simple_faces() -> None:
    """fcc and bcc (001) have 12 and 8 neighbours in the bulk, 8 and 4 at the surface, at the known distances."""
    copper, iron = fcc001("Cu", 3.615), bcc001("Fe", 2.8665)
    assert neighbours(copper, 0, 2.7) == pytest.approx([3.615 / np.sqrt(2)] * 8)
    assert neighbours(iron, 0, 2.6) == pytest.approx([2.8665 * np.sqrt(3) / 4 * 2] * 4)
    assert copper.mirror_x and copper.mirror_y and iron.mirror_x


def test_expansion() -> None:
    """Relative changes of the top spacings move the layers below them, and the substrate after the last."""
    slab = fcc001("Cu", 3.6, top_layers_expansion=(-0.02, 0.01))
    assert slab.positions[:, 2] == pytest.approx([0, 1.8 * 0.98])
    assert slab.substrate.origin[2] == pytest.approx(1.8 * (0.98 + 1.01))
    assert slab.substrate.steps[0][2] == pytest.approx(1.8)


def test_names() -> None:
    """Every name builds its surface, and displacements reach the one that knows them."""
    assert {"Si001-2x1", "Cu001", "Ni001", "Ag001", "Fe001", "W001"} <= set(names())
    for name in names():
        assert named(name).name == name
    assert named("Si001-2x1", dimer="buckled").properties["dimer"] == "buckled"


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: si001_2x1("twisted"), "twisted"),
        (lambda: si001_2x1(dimer_tilt_deg=5), "symmetric dimer"),
        (lambda: si001_2x1("buckled", dimer_tilt_deg=40), "between -30 and 30"),
        (lambda: si001_2x1(dimer_bond_angstrom=9.0), "cannot be bonded"),
        (lambda: si001_2x1(layers_in_slab=0), "1, 2 or 3"),
        (lambda: si001_2x1(dimer_length_angstrom=-0.8), "1.450 Å apart"),
        (lambda: si001_2x1(dimer_height_angstrom=-2.5), "within 1 Å"),
        (lambda: si001_2x1(dimer_height_angstrom=float("nan")), "within 1 Å"),
        (lambda: fcc001("Cu", 1.0), "apart"),
        (lambda: fcc001("Cu", -3.6), "positive"),
        (lambda: bcc001("Fe", 2.8665, top_layers_expansion=(-0.9,)), "apart"),
        (lambda: named("Xx001"), "is not known"),
        (lambda: named("Cu001", dimer="buckled"), "no dimer"),
    ],
)
def test_refused(build: object, says: str) -> None:
    """What cannot be a surface is refused in one line that names the value."""
    with pytest.raises(InputError, match=says) as refusal:
        build()  # type: ignore[operator]
    assert "\n" not in str(refusal.value)


def test_cell_must_fit() -> None:
    """A surface cell that is no integer multiple of the substrate's is refused."""
    bulk = fcc001("Cu", 3.6).substrate
    with pytest.raises(InputError, match="integers"):
        Slab("odd", np.diag([1.5, 1.0]) @ bulk.cell, np.zeros((0, 3)), (), bulk)
    bare = Slab("bare", bulk.cell, np.zeros((0, 3)), (), bulk)
    assert bare.top_z == bulk.origin[2] and bare.mirror_x
