"""Files of CLEED: the stored cases are read as they were meant, and CLEED reproduces them from what we write."""

from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from tests.oracles.cleed_files import CleedInput, read_case, read_input
from tests.oracles.cleed_run import NO_CLEED, command, run_cleed
from zoneaxis.crystals.slab import fcc001, si001_2x1
from zoneaxis.scattering.leed.beams import ELECTRON
from zoneaxis.scattering.leed.phase_shifts import phase_shifts
from zoneaxis.scattering.leed.r_factor import pendry_r_factor

CASES = ("t_s05", "t_s1", "t_p1", "t_d1", "sipz_buck18_t0", "sipz_buck18_t6")
live = pytest.mark.skipif(command() is None, reason=NO_CLEED)


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    """Folder of the oracle files."""
    return shared / "data" / "leed"


@pytest.mark.oracle
@pytest.mark.parametrize("name", CASES)
def test_shapes(folder: Path, name: str) -> None:
    """Energies of input and result agree, every beam belongs to the surface, and beams are dark below their horizon."""
    case, result, tables = read_case(folder, name)
    assert result.energy_ev == pytest.approx(case.energy_ev, abs=0.01)
    assert result.intensity.shape == ((56, 37) if name.startswith("t_") else (15, 59))
    g = case.beams(result) @ case.slab.reciprocal_cell
    for energy, row in zip(result.energy_ev, result.intensity, strict=True):
        outgoing = ((g + case.incident_k(energy)) ** 2).sum(1) < ELECTRON * energy
        assert not row[~outgoing].any() and (row[outgoing] > 0).all()
    assert all(table.energy_ev[0] < 40 and table.energy_ev[-1] > 115 for table in tables.values())


@pytest.mark.oracle
def test_silicon_case(folder: Path) -> None:
    """The stored silicon surface is ours: layers, cell and steps; its dimer is tilted about a fixed centre."""
    case, _, tables = read_case(folder, "sipz_buck18_t6")
    ours = si001_2x1("buckled")
    assert (case.inner_potential_ev, case.imaginary_potential_ev, case.l_max) == (10, 4, 7)
    assert (case.theta_deg, case.phi_deg, case.tolerance) == (6, 25, 1e-4)
    assert case.slab.superlattice.tolist() == [[2, 0], [0, 1]]
    offset = ours.substrate.origin - case.slab.substrate.origin
    assert offset == pytest.approx([0, 0, 5.431 / 4], abs=1e-5)
    assert np.allclose(case.slab.substrate.steps, ours.substrate.steps, atol=1e-5)
    moved = case.slab.positions + offset
    assert moved[2:] == pytest.approx(ours.positions[2:], abs=1e-5)
    assert (moved[0] + moved[1])[0] / 2 == pytest.approx(ours.cell[0, 0] / 4, abs=1e-5)
    assert np.linalg.norm(moved[1] - moved[0]) == pytest.approx(2.26, abs=1e-4)
    assert tables["SiPZ"].delta.shape == (57, 9)


@pytest.mark.oracle
@pytest.mark.parametrize("name", CASES)
def test_written_as_read(folder: Path, tmp_path: Path, name: str) -> None:
    """Writing a case and reading it again changes nothing, tilted incidence and vibrations included."""
    case = replace(read_input(folder / f"{name}.inp"), theta_deg=12.5, u_squared={"SiPZ": 0.006, "s1": 0.01})
    (tmp_path / "again.inp").write_text(case.text())
    again = read_input(tmp_path / "again.inp")
    assert again.text() == case.text()
    assert again.slab.positions == pytest.approx(case.slab.positions, abs=1e-6)
    assert np.allclose(again.slab.substrate.steps, case.slab.substrate.steps, atol=2e-6)
    assert again.energy_ev == pytest.approx(case.energy_ev)
    used = {*case.slab.elements}
    assert {k: v for k, v in again.u_squared.items() if v} == pytest.approx(
        {k: v for k, v in case.u_squared.items() if k in used}, abs=1e-6
    )


@live
@pytest.mark.oracle
@pytest.mark.parametrize("name", ["t_s1", "sipz_buck18_t6"])
def test_live_run_repeats_the_stored_result(folder: Path, tmp_path: Path, name: str) -> None:
    """CLEED gives the stored result again from the input that we write out of what we read."""
    case, stored, tables = read_case(folder, name)
    start = perf_counter()
    again = run_cleed(case, tables, tmp_path)
    spent = perf_counter() - start
    error = np.abs(again.intensity - stored.intensity).max() / stored.intensity.max()
    r = pendry_r_factor(stored.energy_ev, again.intensity, stored.intensity, case.imaginary_potential_ev)
    print(f"{name}: {spent:.1f} s, largest difference {error:.1e} of the maximum, R_P {r.mean:.1e}")
    assert np.array_equal(again.index, stored.index)
    assert error < 1e-4 and r.mean < 1e-6


@live
@pytest.mark.oracle
def test_live_run_of_a_new_surface(folder: Path, tmp_path: Path) -> None:
    """A surface never stored: weak vibrating scatterers dim the specular beam by exp(-4 k² <u_x²>), as we state it."""
    _, _, tables = read_case(folder, "t_s05")
    u_squared = 0.006
    at_rest = CleedInput(fcc001("s05", 3.6149), 8.0, 4.0, np.arange(60.0, 121.0, 10.0), l_max=6)
    intensity = {}
    for value in (0.0, u_squared):
        place = tmp_path / f"{value}"
        place.mkdir()
        intensity[value] = run_cleed(replace(at_rest, u_squared={"s05": value}), tables, place).intensity[:, 0]
    ratio = intensity[u_squared] / intensity[0.0]
    expected = np.exp(-4 * ELECTRON * (at_rest.energy_ev + 8.0) * u_squared)
    print(f"specular, warm over cold, against exp(-4 k² u²): within {np.abs(ratio / expected - 1).max():.1e}")
    assert ratio == pytest.approx(expected, rel=0.01)


@live
@pytest.mark.oracle
def test_live_run_with_our_phase_shifts(tmp_path: Path) -> None:
    """A table of our own, with its comment, passes through CLEED: copper reflects a share of the electrons, not all."""
    case = CleedInput(fcc001("Cu", 3.6149), 10.0, 4.0, np.arange(60.0, 121.0, 20.0))
    result = run_cleed(case, {"Cu": phase_shifts("Cu", "fcc", 3.6149)}, tmp_path)
    reflected = result.intensity.sum(1)
    print("all beams of Cu(001):", ", ".join(f"{value:.4f}" for value in reflected))
    assert ((reflected > 1e-3) & (reflected < 0.3)).all()
