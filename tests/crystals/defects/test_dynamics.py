"""Molecular dynamics: temperature, classical equipartition, snapshots, a short run of CHGNet."""

import importlib.util

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from pymatgen.core import Lattice, Structure

from zoneaxis.crystals import load
from zoneaxis.crystals.defects.dynamics import shipped_snapshots, snapshots, trajectory
from zoneaxis.crystals.defects.thermal import from_snapshots
from zoneaxis.crystals.defects.written import read_defect, with_defects
from zoneaxis.crystals.specimen import specimen
from zoneaxis.errors import InputError

ALUMINIUM = Structure(Lattice.cubic(4.0), ["Al"] * 4, [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
needs_chgnet = pytest.mark.skipif(
    not importlib.util.find_spec("chgnet"), reason="needs CHGNet: pip install zoneaxis[md]"
)
BOLTZMANN_EV_PER_K = 8.617333e-5


class Springs(Calculator):
    """Every atom on a spring to its first place: the Einstein crystal."""

    implemented_properties = ("energy", "forces")

    def __init__(self, ev_per_angstrom2: float) -> None:
        super().__init__()
        self.spring, self.places = ev_per_angstrom2, None

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        if self.places is None:
            self.places = atoms.positions.copy()
        moved = atoms.positions - self.places
        self.results = {"energy": 0.5 * self.spring * (moved**2).sum(), "forces": -self.spring * moved}


def test_einstein_crystal() -> None:
    """On springs, the run has the bath's temperature and <u_x^2> = k T / spring, less the mean of the block."""
    spring, temperature = 4.0, 300.0
    run = list(trajectory(ALUMINIUM, temperature, 1500, seed=2, cells=(2, 2, 2), every=5, calculator=Springs(spring)))
    late = run[60:]
    square = np.mean([moment.sigma_angstrom**2 for moment in late])
    assert np.mean([moment.temperature_k for moment in late]) == pytest.approx(temperature, rel=0.05)
    assert square == pytest.approx(BOLTZMANN_EV_PER_K * temperature / spring * (1 - 1 / 32), rel=0.05)
    assert run[0].time_fs == 10.0


def test_effective_medium_aluminium() -> None:
    """With forces between atoms: hotter moves more, the largest of 32 is some 2.5 sigma, a seed repeats the run."""
    kinds = {
        temperature: snapshots(
            ALUMINIUM, temperature, 5, 1, cells=(2, 2, 2), every=15, settle=60, calculator=EMT(), source="EMT"
        )
        for temperature in (100.0, 300.0)
    }
    assert kinds[100.0].sigma_angstrom < 0.75 * kinds[300.0].sigma_angstrom
    component, distance = kinds[300.0].largest_angstrom
    assert 1.8 < component / kinds[300.0].sigma_angstrom < 4
    assert distance >= component
    again = snapshots(ALUMINIUM, 300.0, 1, 1, cells=(2, 2, 2), every=15, settle=60, calculator=EMT(), source="EMT")
    assert again.displacements_angstrom[0].tolist() == kinds[300.0].displacements_angstrom[0].tolist()
    hot = from_snapshots(specimen(ALUMINIUM, (6, 4, 4)), kinds[300.0], 3)
    moved = hot.positions - specimen(ALUMINIUM, (6, 4, 4)).positions
    assert moved.std() == pytest.approx(kinds[300.0].sigma_angstrom, rel=0.25)


def test_refusals() -> None:
    """Temperatures and counts out of range are refused before the first step, not when the first snapshot is asked."""
    for call in (
        lambda: trajectory(ALUMINIUM, 0.0, 10, calculator=EMT()),
        lambda: trajectory(ALUMINIUM, 300.0, 0, calculator=EMT()),
        lambda: snapshots(ALUMINIUM, 300.0, 0, calculator=EMT()),
    ):
        with pytest.raises(InputError):
            call()


@needs_chgnet
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_chgnet_runs() -> None:
    """Twenty steps of CHGNet on 32 atoms of Al at 300 K: atoms move by hundredths of an ångström and stay in place."""
    run = list(trajectory(ALUMINIUM, 300.0, 20, seed=1, cells=(2, 2, 2), every=5))
    assert len(run) == 4
    assert 0.005 < run[-1].sigma_angstrom < 0.2
    assert run[-1].largest_angstrom[1] < 0.6


@pytest.mark.parametrize(("temperature_k", "b_iso"), [(100, 0.629), (300, 1.538)])
def test_shipped_snapshots(temperature_k, b_iso):
    """What `benchmarks/aluminium_heat.py --write` printed is what is shipped, and a specimen takes it over."""
    found = shipped_snapshots(temperature_k)
    assert found.displacements_angstrom.shape == (20, 108, 3)
    assert found.b_iso_angstrom2 == pytest.approx(b_iso, abs=0.001)
    cold = specimen(load("Al"), (9, 9, 9))
    hot = with_defects(cold, [read_defect(f"heat:temperature_k={temperature_k},dynamics=true")], seed=1)
    moved = hot.positions - cold.positions
    assert 8 * np.pi**2 * (moved**2).mean() == pytest.approx(b_iso, rel=0.1)


def test_no_snapshots_of_other_temperatures():
    """They are told."""
    with pytest.raises(InputError, match="100 and 300"):
        shipped_snapshots(200)
