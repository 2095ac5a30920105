"""Master patterns: symmetry, limits, roads, settings."""

import numpy as np
import pytest
import torch

from zoneaxis.crystals import load
from zoneaxis.errors import InputError
from zoneaxis.techniques.ebsd.master import simulate_master, simulate_sector

SMALL = {"half_size": 20, "beams": "emsoft", "escape_length_nm": 5.0}


@pytest.fixture(scope="module")
def nickel():
    """A small master of nickel."""
    return simulate_master(load("Ni"), **SMALL)


def test_shape_and_names(nickel):
    """The dataset says what it holds."""
    assert nickel["intensity"].dims == ("beam_energy_ev", "hemisphere", "row", "col")
    assert nickel["intensity"].shape == (1, 2, 41, 41)
    assert nickel["intensity"].dtype == np.float32
    assert float(nickel["weight"].sum()) == pytest.approx(1.0)
    assert (nickel.attrs["crystal"], nickel.attrs["space_group"]) == ("Ni", 225)


def test_symmetry_of_the_square(nickel):
    """m-3m seen along [001]: 4mm in each hemisphere, and both hemispheres equal."""
    north, south = nickel["intensity"].values[0]
    np.testing.assert_allclose(north, south, rtol=1e-5)
    np.testing.assert_allclose(north, north.T, rtol=1e-5)
    np.testing.assert_allclose(north, np.rot90(north), rtol=1e-5)


def test_thin_source_is_flat():
    """Limit: escape length towards zero, no contrast."""
    flat = simulate_master(load("Ni"), half_size=10, beams="emsoft", escape_length_nm=1e-3)["intensity"].values
    assert flat.std() < 2e-3 * flat.mean()


def test_three_solvers(nickel):
    """eig gives the doubling's picture to 1e-4; the preview looks like it."""
    eig = simulate_master(load("Ni"), solver="eig", **SMALL)["intensity"].values
    preview = simulate_master(load("Ni"), solver="eigh", **SMALL)["intensity"].values
    np.testing.assert_allclose(nickel["intensity"].values, eig, rtol=1e-4)
    assert 0.95 < np.corrcoef(preview.ravel(), eig.ravel())[0, 1] < 0.99999


def test_origin_off_the_centre_changes_nothing(nickel):
    """A crystal whose origin is not on an inversion centre is moved there, not solved wrongly."""
    shifted = load("Ni")
    shifted.translate_sites(list(range(len(shifted))), (0.11, 0.07, 0.2))
    there = simulate_master(shifted, **SMALL)["intensity"].values
    np.testing.assert_allclose(nickel["intensity"].values, there, rtol=1e-4)


def test_convergence_report():
    """The report is there, falls with more beams, and is reproducible."""
    few, again = (simulate_sector(load("Ni"), half_size=12, beams="emsoft", convergence_samples=32) for _ in range(2))
    more = simulate_sector(load("Ni"), half_size=12, beams="balanced", convergence_samples=32)
    assert few.attributes["beam_error_rms"] == again.attributes["beam_error_rms"]
    assert 0 < more.attributes["beam_error_rms"] < few.attributes["beam_error_rms"]
    assert few.attributes["beam_error_max"] >= few.attributes["beam_error_rms"]


def test_spectrum_weights_and_collapse():
    """Five energies down to half the incident one; the collapsed master is their weighted sum."""
    spectrum = simulate_master(load("Ni"), half_size=10, beams="emsoft", energies="spectrum")
    assert spectrum["beam_energy_ev"].values[0] == pytest.approx(19500)
    assert float(spectrum["weight"].sum()) == pytest.approx(1.0)
    by_hand = np.einsum("e,ehrc->hrc", spectrum["weight"].values, spectrum["intensity"].values)
    sector = simulate_sector(load("Ni"), half_size=10, beams="emsoft", energies="spectrum")
    np.testing.assert_allclose(sector.collapsed().numpy(), by_hand, rtol=1e-4)


def test_low_symmetry_crystal(tmp_path):
    """A triclinic crystal: inversion alone; south is north turned by it."""
    from pymatgen.core import Lattice, Structure

    crystal = Structure(Lattice.from_parameters(3.1, 3.6, 4.1, 82, 95, 103), ["Ni", "Al"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    crystal.add_site_property("b_iso", [0.4, 0.5])
    crystal.properties = {"name": "NiAl-P1", "space_group": 2, "source": "invented for this test"}
    north, south = simulate_master(crystal, half_size=8, beams="emsoft", escape_length_nm=5.0)["intensity"].values[0]
    np.testing.assert_allclose(south, north[::-1, ::-1], rtol=1e-4)
    assert not np.allclose(north, north.T, rtol=1e-2)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"half_size": 1}, "half_size"),
        ({"energies": "all"}, "energies"),
        ({"energies": [25.0]}, "energies"),
        ({"accelerating_voltage_kv": -20}, "accelerating_voltage_kv"),
        ({"beams": "most"}, "preset"),
        ({"energies": [19.0, 15.0], "escape_length_nm": [3.0, 4.0, 5.0]}, "escape_length_nm"),
        ({"half_size": 4, "escape_length_nm": -1.0}, "tau"),
    ],
)
def test_nonsense_is_refused(settings, named):
    """Every senseless setting is named in one line."""
    with pytest.raises(InputError, match=named) as caught:
        simulate_master(load("Ni"), **settings)
    assert "\n" not in str(caught.value)


def test_progress_is_told():
    """The callback sees the count rise to the whole."""
    seen = []
    simulate_master(load("Ni"), half_size=8, beams="emsoft", escape_length_nm=5.0, progress=lambda *a: seen.append(a))
    done = [a for a, _ in seen]
    assert done == sorted(done)
    assert seen[-1][0] == seen[-1][1] > 0


def test_masters_are_finite_for_heavy_and_light():
    """Al (near the convergence edge) and W: finite, positive, with contrast."""
    for name in ("Al", "W"):
        values = torch.from_numpy(simulate_master(load(name), half_size=10, beams="emsoft")["intensity"].values)
        assert torch.isfinite(values).all()
        assert values.min() > 0
        assert values.std() > 0.05 * values.mean()
