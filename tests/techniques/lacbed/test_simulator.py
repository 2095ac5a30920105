"""The LACBED simulator makes checked pattern sets that say how they were made and how far they are converged."""

import json
import warnings
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tests.scattering.crystals_by_hand import zincblende
from zoneaxis.crystals import load
from zoneaxis.errors import InputError
from zoneaxis.patterns import schema
from zoneaxis.techniques.lacbed import LACBEDExperiment
from zoneaxis.techniques.lacbed.simulator import simulate_cbed, simulate_lacbed
from zoneaxis.techniques.simulate import simulate, simulations


def small(specimen: Any = "Al", **changes: Any) -> xr.Dataset:
    """Discs of 16 px."""
    settings = {"thickness_nm": 20.0, "half_angle_mrad": 8.0, "size_px": 16, "beams": 40, "absorption": "none"}
    return simulate_lacbed(specimen, **{**settings, **changes})


def small_cbed(specimen: Any = "Al", **changes: Any) -> xr.Dataset:
    """A picture of 32 px."""
    settings = {"thickness_nm": 20.0, "half_width_mrad": 15.0, "size_px": 32, "beams": 40, "absorption": "none"}
    return simulate_cbed(specimen, **{**settings, **changes})


def test_one_pattern_for_every_thickness_and_disc():
    """In rising order of thickness, discs as asked; each is that of the experiment."""
    hkl = [(0, 0, 0), (2, -2, 0), (0, 2, 0)]
    made = small(thickness_nm=[40, 20], hkl=hkl)
    schema.check(made)
    assert made["intensity"].dtype == np.float32 and made["intensity"].shape == (6, 16, 16)
    assert made["thickness_nm"].values.tolist() == [20.0] * 3 + [40.0] * 3
    assert list(zip(*(made[name].values.tolist() for name in "hkl"), strict=True)) == hkl * 2
    experiment = LACBEDExperiment.of(
        load("Al"), (0, 0, 1), half_angle_mrad=8.0, size_px=16, beams=40, absorption="none"
    )
    np.testing.assert_array_equal(made["intensity"], experiment.discs([20, 40], hkl).flatten(0, 1))


def test_attributes_say_how_it_was_made():
    """Geometry, physics and convergence, as plain values."""
    ticks: list[tuple[int, int]] = []
    made = small("Si", zone=(1, 1, 1), columns=(2, -2, 0), progress=lambda *tick: ticks.append(tick))
    told = made.attrs
    json.dumps(told)
    assert ticks == [(1, 3), (2, 3), (3, 3)]
    assert (told["technique"], told["crystal"], told["space_group"]) == ("lacbed", "Si", 227)
    assert (told["zone_axis"], told["columns_hkl"]) == ([1, 1, 1], [2, -2, 0])
    assert told["half_width_per_angstrom"] == pytest.approx(0.31898, rel=1e-4)
    assert told["half_angle_mrad"] == pytest.approx(8.0)
    assert (told["beams"], told["weak_beams"], told["road"]) == (40, 60, "strang")
    assert (told["absorption"], told["form_factor"]) == ("none", "lobato")
    assert told["b_iso"].startswith("B in Å²: Si 0.")
    for name in ("beam_error_rms", "beam_error_max", "slice_error_rms", "slice_error_max"):
        assert 0 < told[name] < 0.05
    assert told["error_pixels"] == 64


def test_columns_turn_the_picture():
    """The same zone with other columns is the same disc turned: Bragg line of columns_hkl upright at the left."""
    right = small(hkl=[(2, 2, 0)], columns=(1, 1, 0))["intensity"].values[0]
    turned = small(hkl=[(2, -2, 0)], columns=(1, -1, 0))["intensity"].values[0]
    np.testing.assert_allclose(right, turned, atol=5e-4)
    assert np.unravel_index(right.argmax(), right.shape)[1] < 8
    down = small(hkl=[(2, -2, 0)], columns=(1, 1, 0))["intensity"].values[0]
    assert not np.allclose(right, down, atol=0.01)


def test_structure_name_and_registry_give_the_same():
    """Two roads: a crystal by name and as a structure, and through `simulate`."""
    assert {"lacbed", "cbed"} <= set(simulations())
    by_name = small()
    assert by_name.identical(small(load("Al")))
    again = simulate("lacbed", "Al", thickness_nm=20, half_angle_mrad=8, size_px=16, beams=40, absorption="none")
    assert again["intensity"].equals(by_name["intensity"])


def test_physics_shows():
    """Thickness, voltage, absorption, form factor and zone each change the picture."""
    reference = small()["intensity"].values
    for changes in (
        {"thickness_nm": 25.0},
        {"accelerating_voltage_kv": 120.0},
        {"absorption": "proportional"},
        {"form_factor": "peng"},
        {"zone": (1, 1, 0)},
    ):
        assert np.abs(small(**changes)["intensity"].values - reference).max() > 1e-4, changes


def test_few_beams_are_warned_of_and_a_wanted_error_is_kept():
    """Above 0.02 a Python warning; with a wanted error more beams and none."""
    with pytest.warns(UserWarning, match="rms for want of beams; above 0.02"):
        poor = small(zincblende(), beams=7, thickness_nm=40)
    assert poor.attrs["beam_error_rms"] > 0.02
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        good = small(zincblende(), beams=None, error=0.005, thickness_nm=40)
    assert good.attrs["beam_error_rms"] <= 0.005
    assert good.attrs["beams"] > 20
    with pytest.raises(InputError, match="beams = 40 and error = 0.01: give one of them"):
        small(error=0.01)


def test_asked_slices():
    """Thick slices are told to be off, thinner ones less by the square, unstable ones are refused."""
    coarse, fine = (small(slice_angstrom=thick).attrs["slice_error_rms"] for thick in (10.0, 5.0))
    print(f"slices of 10 and 5 Å: {coarse:.1e}, {fine:.1e} rms")
    assert coarse / fine == pytest.approx(4.0, rel=0.15)
    with pytest.raises(InputError, match="unstable, at least"):
        small(slice_angstrom=200.0)
    with pytest.raises(InputError, match="slice_angstrom = 5 and error = 0.01: give one of them"):
        small(beams=None, slice_angstrom=5.0, error=0.01)


def test_assumed_debye_waller_factors_are_told(tmp_path):
    """A file that states no B: the attribute says whose value it is."""
    path = tmp_path / "po.cif"
    path.write_text(
        "data_Po\n_cell_length_a 3.36\n_cell_length_b 3.36\n_cell_length_c 3.36\n_cell_angle_alpha 90\n"
        "_cell_angle_beta 90\n_cell_angle_gamma 90\n_space_group_name_H-M_alt 'P m -3 m'\nloop_\n_atom_site_label\n"
        "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nPo 0 0 0\n"
    )
    with pytest.warns(UserWarning, match="no displacement parameter"):
        made = small(path, beams=80, thickness_nm=5)
    assert made.attrs["b_iso"] == "B in Å²: Po 0.5; assumed for Po, the file states none"


def test_cbed_pattern_set():
    """One picture for each thickness; the middle of small discs is the disc (000) of LACBED."""
    made = small_cbed(thickness_nm=[20, 30], convergence_mrad=4.0, size_px=60)
    schema.check(made)
    json.dumps(made.attrs)
    assert made["thickness_nm"].values.tolist() == [20.0, 30.0]
    assert made.attrs["technique"] == "cbed" and made.attrs["overlap"].startswith("incoherent")
    assert (made.attrs["convergence_mrad"], made.attrs["half_angle_mrad"]) == (4.0, 15.0)
    assert made.attrs["discs"] == 9
    wide = small(half_angle_mrad=15.0, size_px=60, thickness_nm=[20, 30])["intensity"].values
    axis = (np.arange(60) - 29.5) * 0.5
    middle = np.hypot(axis, axis[:, None]) < 3.8
    misfit = np.abs(made["intensity"].values - wide)[:, middle].max()
    print(f"middle disc of CBED against LACBED: {misfit:.1e}")
    assert misfit < 2e-3


def test_cbed_wanted_error():
    """A wanted error is kept by every disc before they overlap."""
    made = small_cbed(beams=None, error=0.003)
    assert made.attrs["beam_error_rms"] <= 0.003
    assert made.attrs["slice_error_rms"] <= 0.003
