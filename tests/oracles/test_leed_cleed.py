"""LEED intensities against CLEED, an independent program: stored results, and the program itself where it is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.oracles.cleed_files import CleedInput, CleedResult, read_case
from tests.oracles.cleed_run import NO_CLEED, command, run_cleed
from zoneaxis.crystals.slab import Slab, fcc001
from zoneaxis.scattering.leed.accuracy import Accuracy
from zoneaxis.scattering.leed.beams import ELECTRON
from zoneaxis.scattering.leed.diffraction import beam_intensities
from zoneaxis.scattering.leed.medium import Medium
from zoneaxis.scattering.leed.phase_shifts import PhaseShifts, phase_shifts
from zoneaxis.scattering.leed.r_factor import pendry_r_factor

FCC = ["t_s05", "t_s1", "t_p1", "t_d1"]
SILICON = ["sipz_buck18_t0", "sipz_buck18_t6"]

pytestmark = pytest.mark.oracle


def without_top(slab: Slab) -> Slab:
    """CLEED stacks a top layer of one atom by plane waves: the half crystal begins with it."""
    below = slab.substrate
    if len(slab.elements) != 1:
        return slab
    return replace(slab, positions=np.zeros((0, 3)), elements=(), substrate=replace(below, origin=slab.positions[0]))


def curves(
    case: CleedInput, result: CleedResult, tables: dict[str, PhaseShifts], cleed: bool, energies: slice = slice(None)
) -> np.ndarray:
    """Our intensities (energies, beams) of CLEED's case, with its linear interpolation, l_max and cuts."""
    medium = Medium(
        case.inner_potential_ev, case.imaginary_potential_ev, tables, case.u_squared, interpolation="linear"
    )
    limits = Accuracy(case.tolerance, case.tolerance, 1e-6, 0, fixed_l=case.l_max)
    slab, beams, found = without_top(case.slab), case.beams(result), []
    for energy in result.energy_ev[energies]:
        k = case.incident_k(energy)
        found.append(
            beam_intensities(
                [slab],
                float(energy),
                torch.from_numpy(k[None]),
                beams,
                medium,
                limits=limits,
                dtype=torch.complex128,
                cleed_prefactor=cleed,
            )[0, 0].numpy()
        )
        square = ELECTRON * energy
        out = square - ((beams @ slab.reciprocal_cell + k) ** 2).sum(1)
        found[-1] = found[-1] * np.sqrt(np.clip(out, 0, None) / (square - k @ k))
    return np.array(found)


def agreement(case: CleedInput, result: CleedResult, ours: np.ndarray, energies: slice = slice(None)) -> tuple:
    """Mean Pendry R of all beams that emerge, and the largest difference over the largest intensity."""
    stored = result.intensity[energies]
    factor = pendry_r_factor(
        result.energy_ev[energies], ours, stored, case.imaginary_potential_ev, derivative="central"
    )
    return factor.mean, float(np.abs(ours - stored).max() / stored.max())


@pytest.mark.parametrize("name", FCC)
def test_one_atom_layers_in_cleeds_convention(shared: Path, name):
    """One phase shift in one l on an fcc(001) surface: CLEED's curves with its prefactor, to its six digits."""
    case, result, tables = read_case(shared / "data" / "leed", name)
    r, worst = agreement(case, result, curves(case, result, tables, cleed=True))
    print(f"{name}: R_P {r:.1e}, largest dI/I_max {worst:.1e}")
    assert r < 1e-5
    assert worst < 1e-3


@pytest.mark.parametrize("name", FCC)
def test_one_atom_layers_in_our_convention(shared: Path, name):
    """The same with the prefactor that layers of several atoms need: curves of the same shape."""
    case, result, tables = read_case(shared / "data" / "leed", name)
    some = slice(0, None, 2)
    r, worst = agreement(case, result, curves(case, result, tables, cleed=False, energies=some), some)
    print(f"{name}: R_P {r:.1e}, largest dI/I_max {worst:.1e}")
    assert r < 1e-3


@pytest.mark.parametrize(("cleed", "r_limit", "worst_limit"), [(True, 1e-4, 5e-3), (False, 5e-3, 5e-2)])
@pytest.mark.parametrize("name", SILICON)
def test_buckled_silicon(shared: Path, name, cleed, r_limit, worst_limit):
    """Si(001)-(2x1) with a buckled dimer, normal and oblique incidence, in CLEED's convention and in ours."""
    case, result, tables = read_case(shared / "data" / "leed", name)
    r, worst = agreement(case, result, curves(case, result, tables, cleed))
    print(f"{name}, {'CLEED' if cleed else 'our'} prefactor: R_P {r:.1e}, largest dI/I_max {worst:.1e}")
    assert r < r_limit
    assert worst < worst_limit


@pytest.mark.skipif(command() is None, reason=NO_CLEED)
@pytest.mark.parametrize(
    ("theta_deg", "u_squared"), [(0.0, 0.0), (10.0, 0.0), (0.0, 0.0064)], ids=["normal", "oblique", "vibrating"]
)
def test_copper_against_the_live_program(tmp_path: Path, theta_deg, u_squared):
    """Cu(001) with our own phase shifts, at rest and vibrating: the curves CLEED computes from the same table."""
    case = CleedInput(
        slab=replace(fcc001("Cu", 3.6149), elements=("Cu",)),
        inner_potential_ev=8.0,
        imaginary_potential_ev=4.0,
        energy_ev=np.arange(40.0, 200.5, 4.0),
        theta_deg=theta_deg,
        phi_deg=20.0 if theta_deg else 0.0,
        tolerance=1e-3,
        l_max=8,
        u_squared={"Cu": u_squared},
    )
    full = phase_shifts("Cu", "fcc", 3.6149)
    # CLEED's tables hold four decimals; both programs read that file.
    full.write(tmp_path / "rounded.phs")
    tables = {"Cu": replace(PhaseShifts.read(tmp_path / "rounded.phs"), element="Cu")}
    run = tmp_path / "run"
    run.mkdir()
    result = run_cleed(case, tables, run)
    r, worst = agreement(case, result, curves(case, result, tables, cleed=True))
    print(f"Cu(001), {theta_deg:g} degrees, u² {u_squared:g} Å²: R_P {r:.1e}, largest dI/I_max {worst:.1e}")
    assert r < 1e-4
