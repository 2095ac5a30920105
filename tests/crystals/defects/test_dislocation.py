"""Arrays of edge dislocations in specimens of explicit atoms."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from scipy.spatial import cKDTree

from zoneaxis.crystals.defects.dislocation import edge_dislocations
from zoneaxis.crystals.defects.slip import SLIP_SYSTEMS
from zoneaxis.crystals.elasticity import stiffness_of
from zoneaxis.crystals.specimen import history, specimen, unit_cell
from zoneaxis.errors import InputError

AL = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.0495), ["Al"], [[0, 0, 0]])
FE = Structure.from_spacegroup("Im-3m", Lattice.cubic(2.8665), ["Fe"], [[0, 0, 0]])
SI = Structure.from_spacegroup("Fd-3m:1", Lattice.cubic(5.43), ["Si"], [[0, 0, 0]])
GOLD_COPPER = Structure.from_spacegroup("Pm-3m", Lattice.cubic(3.75), ["Au", "Cu"], [[0, 0, 0], [0.5, 0.5, 0]])
ALUMINIUM = specimen(AL, (14, 12, 10))
IRON = specimen(FE, (16, 16, 12))


def nearest(atoms):
    """Smallest distance of two atoms [Å]."""
    return cKDTree(atoms.positions).query(atoms.positions, k=2)[0][:, 1].min()


def circuit(before, after, frame, core, radius):
    """Sum over a closed loop of atoms round a core of the displacement, jumps of the lattice taken out: FS/RH closure.

    Neighbours on the loop are mapped with the true bond after, compared with the bond before; where the cut was crossed
    the bond after belongs to another lattice vector, which the nearest lattice translation restores.
    """
    angle = np.linspace(-np.pi, np.pi, 400)
    loop = core[0] * frame[0] + core[1] * frame[1]
    loop = loop + radius * (np.outer(np.cos(angle), frame[0]) + np.outer(np.sin(angle), frame[1]))
    _, numbers = cKDTree(after.positions).query(loop)
    numbers = [numbers[0], *[b for a, b in zip(numbers, numbers[1:], strict=False) if a != b]]
    steps = np.diff(after.positions[numbers], axis=0)
    half = unit_cell(before)[0, 0] / 2
    if "Fe" in before.symbols:
        lattice = np.array(list(np.ndindex(9, 9, 9))) - 4
        lattice = lattice[(lattice % 2 == lattice[:, :1] % 2).all(axis=1)] * half
    else:
        lattice = np.array(list(np.ndindex(9, 9, 9))) - 4
        lattice = lattice[lattice.sum(axis=1) % 2 == 0] * half
    ideal = lattice[cKDTree(lattice).query(steps)[1]]
    return ideal.sum(axis=0)


@pytest.mark.parametrize(
    ("atoms", "kind", "options"),
    [
        (ALUMINIUM, "fcc", {"poisson": 0.345}),
        (ALUMINIUM, "fcc", {"stiffness_gpa": stiffness_of("Al")}),
        (IRON, "bcc", {"stiffness_gpa": stiffness_of("Fe")}),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_burgers_circuit_of_atoms(atoms, kind, options, sign):
    """Ideal lattice steps taken along a loop of atoms round the core miss closure by -b, right-handed about z."""
    system = SLIP_SYSTEMS[kind]
    frame, burgers = system.frame(unit_cell(atoms)), system.burgers_vector(unit_cell(atoms))
    made = edge_dislocations(atoms, kind, count=1, signs=[sign], **options)
    core = history(made)[-1]["cores_angstrom"][0]
    assert np.abs(circuit(atoms, made, frame, core, 13.0) + sign * burgers).max() < 1e-9
    away = (core[0], core[1] + 18.0)
    assert np.abs(circuit(atoms, made, frame, away, 8.0)).max() < 1e-9


@pytest.mark.parametrize(
    ("structure", "kind", "options"),
    [
        (AL, "fcc", {"poisson": 0.345}),
        (FE, "bcc", {"stiffness_gpa": stiffness_of("Fe")}),
        (SI, "diamond", {"poisson": 0.22}),
    ],
)
@pytest.mark.parametrize("layout", ["pile-up", "wall"])
@pytest.mark.parametrize("shift", [0.0, 0.4, 0.9, 1.3])
def test_no_two_atoms_come_too_close(structure, kind, options, layout, shift):
    """Wherever the core lies between the rows, no two atoms are nearer than 0.8 of the nearest neighbours."""
    atoms = specimen(structure, (10, 8, 6))
    made = edge_dislocations(
        atoms, kind, count=2, layout=layout, spacing_angstrom=15.0, offset_angstrom=(shift, 0.0), **options
    )
    assert len(made) == len(atoms)
    assert history(made)[-1]["closest_share"] == pytest.approx(nearest(made) / nearest(atoms), abs=0.02)
    assert nearest(made) > 0.8 * nearest(atoms)


def test_planes_that_hold_b_see_no_jump():
    """g.b = 0: nothing moves along the line of an isotropic edge, and nothing jumps along the glide plane's normal."""
    made = edge_dislocations(ALUMINIUM, "fcc", poisson=0.345, count=1, core_angstrom=0.0)
    frame = SLIP_SYSTEMS["fcc"].frame(unit_cell(ALUMINIUM))
    moved = (made.positions - ALUMINIUM.positions) @ frame.T
    assert np.abs(moved[:, 2]).max() < 1e-9
    x, y = (ALUMINIUM.positions @ frame[:2].T - history(made)[-1]["cores_angstrom"][0]).T
    above = (x < -12) & (y > 0) & (y < 2)
    below = (x < -12) & (y < 0) & (y > -2)
    jump = moved[above].mean(axis=0) - moved[below].mean(axis=0)
    length = np.linalg.norm(SLIP_SYSTEMS["fcc"].burgers_vector(unit_cell(ALUMINIUM)))
    assert jump[0] == pytest.approx(length, abs=0.15)
    assert jump[1] == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize(("hkl", "jumps"), [((4, 4, 0), 4), ((2, -2, -4), 0), ((2, 2, 0), 2)])
def test_strength_of_a_reflection_falls_where_g_b_is_not_zero(hkl, jumps):
    """At the node of the perfect crystal the amplitude stays for g along the line (g.b = 0) and falls elsewhere."""
    assert SLIP_SYSTEMS["fcc"].g_dot_b(hkl) == jumps
    made = edge_dislocations(ALUMINIUM, "fcc", poisson=0.345, count=2, spacing_angstrom=20.0)
    g = np.asarray(hkl) / 4.0495
    strength = abs(np.exp(2j * np.pi * made.positions @ g).mean())
    assert strength < 0.5 if jumps else strength > 1 - 1e-9


def test_wall_is_a_low_angle_boundary():
    """The crystal beside a wall is turned by the sum of b x/(2 pi r^2) of its edges, near b/2h by a long one."""
    atoms = specimen(AL, (20, 16, 6))
    made = edge_dislocations(atoms, "fcc", poisson=0.345, count=8, layout="wall", spacing_angstrom=9.4)
    cores = np.array(history(made)[-1]["cores_angstrom"])
    frame = SLIP_SYSTEMS["fcc"].frame(unit_cell(atoms))
    places, moved = atoms.positions @ frame.T, (made.positions - atoms.positions) @ frame.T
    length = np.linalg.norm(SLIP_SYSTEMS["fcc"].burgers_vector(unit_cell(atoms)))
    chosen = np.linalg.norm(places[:, :2] - [16.0, 0.0], axis=1) < 5
    design = np.stack([places[chosen, 0], places[chosen, 1], np.ones(chosen.sum())], axis=1)
    slope = np.linalg.lstsq(design, moved[chosen], rcond=None)[0]
    turn = (slope[0, 1] - slope[1, 0]) / 2
    apart = np.array([16.0, 0.0]) - cores
    expected = -(length / (2 * np.pi) * apart[:, 0] / (apart**2).sum(axis=1)).sum()
    assert turn == pytest.approx(expected, rel=0.1)
    assert abs(turn) == pytest.approx(length / np.diff(cores[:, 1]).mean() / 2, rel=0.4)


def test_history_and_input():
    """The input is untouched; the history says what was done and gives the same atoms again."""
    before = ALUMINIUM.positions.copy()
    options = {"count": 3, "signs": "random", "spacing_angstrom": (8.0, 14.0), "seed": 5, "poisson": 0.345}
    made = edge_dislocations(ALUMINIUM, "fcc", **options)
    again = edge_dislocations(ALUMINIUM, "fcc", **options)
    other = edge_dislocations(ALUMINIUM, "fcc", **{**options, "seed": 6})
    assert np.array_equal(before, ALUMINIUM.positions) and history(ALUMINIUM) == []
    assert np.array_equal(made.positions, again.positions)
    assert not np.allclose(made.positions, other.positions)
    entry = history(made)[0]
    assert entry["defect"] == "edge_dislocations" and entry["line"] == [1, -1, -2] and len(entry["signs"]) == 3
    gaps = np.diff(np.array(entry["cores_angstrom"])[:, 0])
    assert np.all((gaps >= 8.0) & (gaps <= 14.0))
    np.testing.assert_allclose(made.positions.mean(axis=0), before.mean(axis=0), atol=1e-9)


def test_random_places_keep_their_distance():
    """Randomly placed cores are no nearer than the spacing, up to the rounding to glide planes."""
    made = edge_dislocations(ALUMINIUM, "fcc", poisson=0.345, count=3, layout="random", spacing_angstrom=10.0, seed=2)
    cores = np.array(history(made)[-1]["cores_angstrom"])
    apart = np.linalg.norm(cores[:, None] - cores[None], axis=2)[np.triu_indices(3, 1)]
    assert apart.min() > 10.0 - 2.4


def test_all_dislocations_of_a_kind_compose():
    """A second set on another variant goes on top of the first, and both are recorded."""
    once = edge_dislocations(ALUMINIUM, "fcc", poisson=0.345, count=1)
    twice = edge_dislocations(
        once, SLIP_SYSTEMS["fcc"].variants()[3], poisson=0.345, count=1, offset_angstrom=(3.0, 5.0)
    )
    assert [entry["defect"] for entry in history(twice)] == ["edge_dislocations"] * 2


def test_fault_is_refused():
    """a/2<110> is no translation of ordered Cu3Au and a/2<111> none of Al; a random alloy of Cu and Au takes it."""
    ordered = specimen(GOLD_COPPER, (8, 8, 8))
    with pytest.raises(InputError, match="no translation of this crystal"):
        edge_dislocations(ordered, "fcc", poisson=0.3, count=1)
    with pytest.raises(InputError, match="no translation of this crystal"):
        edge_dislocations(ALUMINIUM, "bcc", poisson=0.3, count=1)
    edge_dislocations(ordered, "primitive", poisson=0.3, count=1)
    mixed = ordered.copy()
    mixed.numbers = np.random.default_rng(0).permutation(ordered.numbers)
    edge_dislocations(mixed, "fcc", poisson=0.3, count=1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "stiffness_gpa, poisson"),
        ({"poisson": 0.3, "stiffness_gpa": stiffness_of("Al")}, "one of the two"),
        ({"poisson": 0.7}, "poisson = 0.7"),
        ({"poisson": 0.3, "count": 0}, "count = 0"),
        ({"poisson": 0.3, "layout": "ring"}, "layout = 'ring'"),
        ({"poisson": 0.3, "spacing_angstrom": 1.0}, "spacing_angstrom = 1.0"),
        ({"poisson": 0.3, "spacing_angstrom": (30.0, 20.0)}, "spacing_angstrom"),
        ({"poisson": 0.3, "signs": [1, 0, 1, 1]}, "signs"),
        ({"poisson": 0.3, "signs": "plus"}, "signs = 'plus'"),
        ({"poisson": 0.3, "spacing_angstrom": 400.0}, "outside the specimen"),
        ({"poisson": 0.3, "layout": "random", "spacing_angstrom": 400.0}, "no room"),
        ({"poisson": 0.3, "offset_angstrom": (0.0,)}, "offset_angstrom"),
        ({"poisson": 0.3, "core_angstrom": -1.0}, "core_angstrom"),
        ({"poisson": 0.3, "system": "hcp"}, "slip_system = 'hcp'"),
    ],
)
def test_nonsense_is_refused(options, said):
    """Values that describe no array are refused by name."""
    with pytest.raises(InputError, match=said):
        edge_dislocations(ALUMINIUM, **options)
