"""Thermal disorder: Gaussian draws, blocks of snapshots, the Debye model."""

from pathlib import Path

import numpy as np
import pytest

from zoneaxis.crystals import load
from zoneaxis.crystals.defects.point import interstitials, vacancies
from zoneaxis.crystals.defects.strain import strained
from zoneaxis.crystals.defects.thermal import (
    Snapshots,
    _debye_table,
    b_iso_of_temperature,
    debye_b_iso,
    displaced,
    from_snapshots,
)
from zoneaxis.crystals.specimen import history, lattice_coordinates, perfect_positions, specimen
from zoneaxis.errors import InputError


def intensity(positions: np.ndarray, g: np.ndarray) -> float:
    """|mean of exp(2 pi i g r)|^2: 1 for a perfect crystal at its reflections."""
    return float(abs(np.exp(2j * np.pi * positions @ g).mean()) ** 2)


def drawn_snapshots(sigma: float = 0.08, moments: int = 6) -> Snapshots:
    """Independent displacements on 3 x 3 x 3 cells of Al, in place of a run."""
    lattice = lattice_coordinates(specimen(load("Al"), (3, 3, 3)))
    moved = np.random.default_rng(5).normal(0, sigma, (moments, len(lattice), 3))
    moved -= moved.mean(axis=1, keepdims=True)
    return Snapshots((3, 3, 3), lattice, moved, 300.0, "drawn")


def test_sigma_of_b() -> None:
    """B = 0.86 Å² spreads every component by 0.104 Å, and no disorder is left to be counted twice."""
    atoms = specimen(load("Al"), (12, 10, 8))
    hot = displaced(atoms, 0.86, seed=3)
    moved = hot.positions - atoms.positions
    assert moved.std() == pytest.approx(np.sqrt(0.86 / (8 * np.pi**2)), rel=0.02)
    assert moved.std() == pytest.approx(0.104, abs=0.003)
    assert not hot.arrays["b_iso"].any()
    assert history(hot)[0]["mean_b_angstrom2"] == pytest.approx(0.86)


def test_debye_waller_slope() -> None:
    """Spots fall as exp(-B g^2/2), and what they lose is diffuse: the slope over 20 specimens gives B within 3 %."""
    atoms, b, a = specimen(load("Al"), (8, 7, 6)), 1.2, load("Al").lattice.a
    hkl = np.array([[2, 0, 0], [2, 2, 0], [4, 0, 0], [4, 2, 0], [4, 4, 0], [6, 0, 0]])
    sums = np.array([[intensity(displaced(atoms, b, seed).positions, g / a) for g in hkl] for seed in range(20)]).mean(
        axis=0
    )
    square = (hkl**2).sum(1) / a**2
    diffuse = (1 - np.exp(-b * square / 2)) / len(atoms)
    slope = -2 * np.polyfit(square, np.log(sums - diffuse), 1)[0]
    print(f"Debye-Waller slope: B = {slope:.3f} Å² of {b}")
    assert slope == pytest.approx(b, rel=0.03)
    between = np.mean(
        [intensity(displaced(atoms, b, s).positions, np.array([4.31, 0.37, 0.23]) / a) for s in range(60)]
    )
    perfect = intensity(atoms.positions, np.array([4.31, 0.37, 0.23]) / a)
    q2 = (4.31**2 + 0.37**2 + 0.23**2) / a**2
    expected = (1 - np.exp(-b * q2 / 2)) / len(atoms) + perfect * np.exp(-b * q2 / 2)
    assert between == pytest.approx(expected, rel=0.4)


def test_own_b_and_b_by_element() -> None:
    """Without a value every atom takes its own B; by element only those move and lose it."""
    atoms = specimen(load("NiAl"), (8, 8, 8))
    own = displaced(atoms, seed=1)
    moved = own.positions - atoms.positions
    for number, b in ((28, 0.34), (13, 0.5)):
        assert moved[atoms.numbers == number].std() == pytest.approx(np.sqrt(b / 8) / np.pi, rel=0.06)
    some = displaced(atoms, {"Al": 1.0}, seed=1)
    still = atoms.numbers == 28
    assert some.positions[still] == pytest.approx(atoms.positions[still])
    assert set(some.arrays["b_iso"][still]) == {0.34}
    assert not some.arrays["b_iso"][~still].any()


def test_no_heat_and_same_seed() -> None:
    """B = 0 moves nothing; the same seed gives the same atoms."""
    atoms = specimen(load("Al"), (3, 3, 3))
    assert displaced(atoms, 0.0).positions == pytest.approx(atoms.positions)
    assert displaced(atoms, 1.0, 4).positions.tolist() == displaced(atoms, 1.0, 4).positions.tolist()


def test_blocks_of_snapshots() -> None:
    """Blocks take different moments, keep the mean square displacement, and leave no false supercell spots."""
    atoms, run = specimen(load("Al"), (12, 9, 9)), drawn_snapshots()
    hot = from_snapshots(atoms, run, seed=2)
    moved = hot.positions - atoms.positions
    assert moved.std() == pytest.approx(run.sigma_angstrom, rel=0.03)
    assert history(hot)[0]["blocks"] == 36
    assert not hot.arrays["b_iso"].any()
    one = Snapshots(run.cells, run.lattice, run.displacements_angstrom[:1], 300.0, "one moment")
    lattice = lattice_coordinates(atoms)
    place = {tuple(np.rint(row * 2).astype(int)): number for number, row in enumerate(run.lattice)}
    rows = [place[tuple(np.rint(row * 2).astype(int) % 6)] for row in lattice]
    repeated = atoms.positions + one.displacements_angstrom[0][rows]
    g = np.array([2 + 1 / 3, 1 / 3, 0]) / load("Al").lattice.a
    assert intensity(hot.positions, g) < 0.3 * intensity(repeated, g)


def test_snapshots_find_their_atoms() -> None:
    """With one moment and one block, the atoms show that moment's displacements, up to a translation."""
    atoms, run = specimen(load("Al"), (3, 3, 3)), drawn_snapshots(moments=1)
    moved = from_snapshots(atoms, run, seed=0).positions - atoms.positions
    got, known = (np.sort(np.linalg.norm(rows, axis=1)) for rows in (moved, run.displacements_angstrom[0]))
    assert got == pytest.approx(known)


def test_snapshots_compose() -> None:
    """Heat by snapshots goes with strain and vacancies, not with interstitials made before."""
    atoms = specimen(load("Al"), (6, 6, 6))
    changed = vacancies(strained(atoms, np.diag([0.02, 0, 0])), 0.01, relaxation="none")
    moved = from_snapshots(changed, drawn_snapshots(), 1).positions - perfect_positions(changed)
    assert moved.std() == pytest.approx(0.08, rel=0.05)
    with pytest.raises(InputError, match="no place in the run"):
        from_snapshots(interstitials(atoms, "C", 0.01, relaxation="none"), drawn_snapshots())


def test_snapshots_round_trip(tmp_path: Path) -> None:
    """Snapshots written to a file come back; another file is refused in one line."""
    run = drawn_snapshots()
    run.save(tmp_path / "al.npz")
    back = Snapshots.load(tmp_path / "al.npz")
    assert back.displacements_angstrom == pytest.approx(run.displacements_angstrom, abs=1e-7)
    assert (back.cells, back.temperature_k, back.source) == (run.cells, 300.0, "drawn")
    (tmp_path / "other.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="no snapshots"):
        Snapshots.load(tmp_path / "other.npz")


def test_debye_limits() -> None:
    """At 0 K zero-point motion is left, 3 hbar^2/(4 M k Theta); far above Theta, B is that of classical motion."""
    from scipy import constants

    unit = 8 * np.pi**2 * 3 * constants.hbar**2 / (27 * constants.atomic_mass * constants.k * 400) * 1e20
    assert debye_b_iso(27, 400, 0) == pytest.approx(unit / 4)
    assert debye_b_iso(27, 400, 1e-2) == pytest.approx(unit / 4, rel=1e-6)
    assert debye_b_iso(27, 400, 4000) == pytest.approx(unit * 10, rel=1e-3)


@pytest.mark.parametrize("element", sorted(_debye_table()))
def test_room_temperature(element: str) -> None:
    """The Debye temperature gives the B that stands beside it, within its rounding."""
    row = _debye_table()[element]
    assert b_iso_of_temperature(element, row["temperature_k"]) == pytest.approx(row["b_iso"], rel=0.01)


def test_aluminium() -> None:
    """Al at 300 K has B = 0.86 Å², at 100 K less than half of it; 0.104 Å and below 0.07 Å for one component."""
    warm, cold = b_iso_of_temperature("Al", 300), b_iso_of_temperature("Al", 100)
    print(f"Al: B = {warm:.3f} Å² at 300 K, {cold:.3f} Å² at 100 K")
    assert warm == pytest.approx(0.86, abs=0.01)
    assert np.sqrt(cold / 8) / np.pi < 0.07
    assert cold < warm / 2


def test_refusals() -> None:
    """A negative or huge B, an element that is not there, a temperature below 0 are refused."""
    atoms = specimen(load("Al"), (2, 2, 2))
    for call in (
        lambda: displaced(atoms, -1.0),
        lambda: displaced(atoms, 50.0),
        lambda: displaced(atoms, {"Fe": 1.0}),
        lambda: b_iso_of_temperature("Al", -1),
        lambda: b_iso_of_temperature("Xx", 300),
    ):
        with pytest.raises(InputError):
            call()
