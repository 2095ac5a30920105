"""Phase shifts: our chain against stored tables, and tables in and out."""

import dataclasses
import time

import numpy as np
import pytest
from scipy.special import spherical_jn

from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.atom import free_atom
from zoneaxis.scattering.leed.muffin_tin import muffin_tin
from zoneaxis.scattering.leed.phase_shifts import PhaseShifts, phase_shifts, scattering_phases


@pytest.fixture
def small():
    """Two waves at four energies."""
    return PhaseShifts(np.array([10.0, 20.0, 30.0, 50.0]), np.arange(8.0).reshape(4, 2) / 10.0, "Xx", "invented")


def test_stored_silicon_table_is_reproduced(shared):
    """The table of another programme for the same model (PZ, not relativistic) agrees to 5e-4 rad."""
    stored = PhaseShifts.read(shared / "data" / "leed" / "SiPZ.phs", element="Si")
    ours = phase_shifts("Si", "diamond", 5.431, relativistic=False)
    largest = max(
        np.abs(ours.at(energy, 8) - delta).max() for energy, delta in zip(stored.energy_ev, stored.delta, strict=True)
    )
    print(f"largest difference {largest:.1e} rad")
    assert stored.delta.shape == (57, 9)
    assert largest < 5e-4


def test_chain_takes_a_second():
    """Atom to phase shifts of silicon within 1.5 s of processor time."""
    free_atom.cache_clear()
    phase_shifts.cache_clear()
    start = time.process_time()
    table = phase_shifts("Si", "diamond", 5.431)
    print(f"{time.process_time() - start:.2f} s")
    assert time.process_time() - start < 1.5
    assert table.energy_ev[0] == pytest.approx(10.88, abs=0.01) and table.energy_ev[-1] > 262.0
    assert table.l_max == 10


def test_choice_of_model_moves_silicon_little():
    """Correlation moves the phases of silicon by less than 1e-3 rad, relativity by less than 0.01 rad."""
    plain = phase_shifts("Si", "diamond", 5.431, relativistic=False).delta
    correlation = np.abs(phase_shifts("Si", "diamond", 5.431, "vwn", False).delta - plain).max()
    relativity = np.abs(phase_shifts("Si", "diamond", 5.431).delta - plain).max()
    print(f"correlation {correlation:.1e} rad, relativity {relativity:.1e} rad")
    assert correlation < 1e-3
    assert 1e-3 < relativity < 1e-2


@pytest.mark.parametrize(("element", "structure", "edge"), [("Cu", "fcc", 3.615), ("Fe", "bcc", 2.866)])
def test_cubic_interpolation(element, structure, edge):
    """Between the energies of the table the spline agrees with the calculation to 1e-4 rad, resonances included."""
    potential = muffin_tin(free_atom(element), structure, edge)
    table = phase_shifts(element, structure, edge)
    between = np.linspace(11.0, 270.0, 150)
    exact = scattering_phases(potential, between / 27.211386245988, 10)
    splined = np.array([table.at(energy, 10) for energy in between])
    print(f"{element}: {np.abs(splined - exact).max():.1e} rad")
    assert splined == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize(("element", "structure", "edge"), [("Si", "diamond", 5.431), ("W", "bcc", 3.165)])
def test_phases_are_continuous(element, structure, edge):
    """No jumps by pi between the energies of a table, and high l does not scatter slow electrons."""
    table = phase_shifts(element, structure, edge)
    assert np.abs(np.diff(table.delta, axis=0)).max() < 0.5
    assert np.abs(table.at(30.0, 10)[7:]).max() < 1e-3


def test_weak_potential_gives_born_phases():
    """A potential scaled by 1e-4 scatters with delta_l = -2 k integral V j_l(kr)^2 r^2 dr."""
    strong = muffin_tin(free_atom("Si", relativistic=False), "diamond", 5.431)
    weak = dataclasses.replace(strong, potential=1e-4 * strong.potential)
    energy = np.array([1.0, 4.0, 9.0])
    k, radius = np.sqrt(2.0 * energy), weak.mesh.radius[1:]
    order = np.arange(6)[:, None]
    wave = spherical_jn(order, k[:, None, None] * radius)
    born = -2.0 * k[:, None] * (wave**2 @ (weak.mesh.weight[1:] * radius**2 * weak.potential))
    found = scattering_phases(weak, energy, 5)
    print(f"largest relative difference {np.abs(found / born - 1).max():.1e}")
    assert found == pytest.approx(born, rel=2e-3)


def test_table_comes_back_from_its_file(tmp_path):
    """Written and read again: same energies to 2e-3 eV, phases to 5e-5 rad; an existing file is not overwritten."""
    table = phase_shifts("Cu", "fcc", 3.615)
    table.write(tmp_path / "Cu.phs")
    again = PhaseShifts.read(tmp_path / "Cu.phs")
    assert again.element == "Cu"
    assert again.energy_ev == pytest.approx(table.energy_ev, abs=2e-3)
    assert again.delta == pytest.approx(table.delta, abs=5.1e-5)
    with pytest.raises(InputError, match="File exists"):
        table.write(tmp_path / "Cu.phs")


def test_touching_and_missing_columns(tmp_path):
    """Numbers of four decimals may touch; columns that a line lacks are 0; jumps by pi are taken out."""
    path = tmp_path / "odd.phs"
    path.write_text("2 3 comment\n 0.5000\n 1.5000-0.2500-0.1000\n 0.6000\n-1.5900-0.2000 -.1000\n")
    table = PhaseShifts.read(path, element="Xx")
    assert table.delta[0] == pytest.approx([1.5, -0.25, -0.1, 0.0])
    assert table.delta[1] == pytest.approx([np.pi - 1.59, -0.2, -0.1, 0.0])
    assert table.energy_ev[0] == pytest.approx(13.605693)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected the number of energies"),
        ("2 1\n0.5\n0.1 0.2\n", "3 lines for 2 energies"),
        ("2 1\n0.5\n0.1 0.2\n0.6\nx y\n", "line 5: 'x y' is not a row of numbers"),
        ("2 1\n0.5\n0.1 0.2\n0.6\n\n", "line 5: expected numbers"),
        ("2 1\n0.6\n0.1 0.2\n0.5\n0.1 0.2\n", "energies must rise"),
        ("2 1\n0.5\nnan 0.2\n0.6\n0.1 0.2\n", "all values be finite"),
    ],
)
def test_broken_files_are_refused(tmp_path, text, message):
    """The error names what is wrong and the line."""
    (tmp_path / "bad.phs").write_text(text)
    with pytest.raises(InputError, match=message):
        PhaseShifts.read(tmp_path / "bad.phs")


def test_missing_file_is_refused(tmp_path):
    """A path without a file is named."""
    with pytest.raises(InputError, match="none.phs: cannot be read"):
        PhaseShifts.read(tmp_path / "none.phs")


def test_interpolation_stays_inside(small):
    """Linear and cubic agree with the table at its energies; outside energy, l or kind are refused."""
    assert small.at(25.0, 1, kind="linear") == pytest.approx([0.3, 0.4])
    for kind in ("linear", "cubic"):
        assert small.at(50.0, 1, kind=kind) == pytest.approx([0.6, 0.7])
    assert small.at(20.0, 0).shape == (1,)
    for energy, l_max, kind, message in (
        (9.9, 1, "cubic", "at 9.9 eV above the muffin-tin zero: the table has 10.00 to 50.00 eV"),
        (51.0, 1, "cubic", "51 eV"),
        (float("nan"), 1, "cubic", "nan eV"),
        (20.0, 2, "cubic", "l_max = 2, the table has 0 to 1"),
        (20.0, 1, "quintic", "kind = 'quintic': expected cubic or linear"),
    ):
        with pytest.raises(InputError, match=message):
            small.at(energy, l_max, kind=kind)


def test_a_table_cannot_be_altered(small):
    """Tables are shared through a cache, so their arrays are read-only."""
    with pytest.raises(ValueError, match="read-only"):
        small.delta[0, 0] = 1.0
