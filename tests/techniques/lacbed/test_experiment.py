"""The LACBED experiment: geometry, the limit of a thin foil, and what it refuses."""

import math
from dataclasses import replace

import pytest
import torch
from pymatgen.core import Lattice, Structure

from tests.scattering.crystals_by_hand import zincblende
from zoneaxis.crystals import load
from zoneaxis.errors import InputError
from zoneaxis.techniques.lacbed import LACBEDExperiment


def test_angles_are_those_of_the_wavelength_in_vacuum():
    """alpha = asin(lambda |k_t|): 19 mrad at 200 kV are 0.7576 1/Å."""
    made = LACBEDExperiment.of(load("Si"), (0, 0, 1), half_angle_mrad=19.0, size_px=16)
    assert made.field.half_width_per_angstrom == pytest.approx(math.sin(0.019) / 0.0250793, rel=1e-5)
    assert made.half_angle_mrad == pytest.approx(19.0, rel=1e-12)


def test_thin_foil_scatters_once():
    """I_g = (pi t U_g / K)² sinc²(t s_g) at every pixel of a disc; its maximum lies on the Bragg line k_t = -g/2."""
    made = LACBEDExperiment.of(load("Si"), (0, 0, 1), half_angle_mrad=10.0, size_px=32, absorption="none", beams=60)
    thin = replace(made.scatterers, occupancies=0.02 * made.scatterers.occupancies)
    made, thickness, hkl = replace(made, scatterers=thin), 50.0, (2, 2, 0)
    disc = made.discs(thickness, [hkl])[0, 0].double()
    wave_number, depth = made.scatterers.wave_number, 10 * thickness
    g = made.zone.g[made.zone.position(hkl), :2]
    s = -(g.square().sum() + 2 * made.field.k_t @ g) / (2 * wave_number)
    u = float(made.scatterers.potential(torch.tensor([hkl]))[0].abs())
    once = (math.pi * depth * u / wave_number) ** 2 * torch.sinc(depth * s).square().reshape(32, 32)
    misfit = float((disc - once).abs().max() / once.max())
    print(f"50 nm of Si at a fiftieth of its density, disc 220, against single scattering: {misfit:.3f} of the maximum")
    assert misfit < 0.04
    brightest = made.field.k_t[int(disc.argmax())]
    assert float(brightest @ g / g.square().sum()) == pytest.approx(-0.5, abs=0.05)


def test_pixels_and_pictures_agree():
    """Some pixels by themselves are those of the whole disc, to the error of the slices."""
    made = LACBEDExperiment.of(load("Al"), (0, 0, 1), size_px=16, beams=40, absorption="none").with_rule(tile_px=8)
    pixels = torch.tensor([3, 77, 200])
    alone = made.at(pixels, [20, 40], [(0, 0, 0), (2, 2, 0)])
    whole = made.discs([20, 40], [(0, 0, 0), (2, 2, 0)]).flatten(2)[..., pixels]
    assert alone.shape == (2, 2, 3)
    torch.testing.assert_close(alone, whole, atol=2e-3, rtol=0)


def test_thicknesses_are_put_in_order():
    """A series comes out rising and without repetition, in Å."""
    made = LACBEDExperiment.of(load("Al"), (0, 0, 1), size_px=16)
    assert made.depths([50, 20, 50.0]) == [200.0, 500.0]
    assert made.depths(7) == [70.0]


def test_beams_that_symmetry_adds_are_counted():
    """(220) stands for four of [001], and (000) is always there."""
    made = LACBEDExperiment.of(load("Si"), (0, 0, 1), size_px=16)
    assert made.fewest_beams([(2, 2, 0)]) == 5
    assert made.fewest_beams([(0, 0, 0)]) == 1
    with pytest.raises(InputError, match="beams = 4: expected at least 5"):
        made.with_rule(beams=4).discs(20, [(2, 2, 0)])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"zone": (0, 0, 0)}, "zone axis 0,0,0"),
        ({"zone": (0, 0)}, "zone axis 0,0"),
        ({"columns": (0, 0, 1)}, "columns 0,0,1"),
        ({"half_angle_mrad": 0.0}, "half_angle_mrad = 0"),
        ({"half_angle_mrad": 60.0}, "half_angle_mrad = 60: in the corners .* up to 44.3 mrad at 200 kV"),
        ({"half_angle_mrad": float("nan")}, "half_angle_mrad = nan"),
        ({"size_px": 15}, "size_px = 15: expected 16 to 2048"),
        ({"size_px": 40.5}, "size_px = 40.5"),
        ({"beams": 1}, "beams = 1: expected 2 to 211"),
        ({"beams": 212}, "the zone has 317 reflections"),
        ({"road": "straight"}, "road 'straight': expected one of strang"),
        ({"absorption": "some"}, "absorption 'some'"),
        ({"form_factor": "none"}, "form factor table 'none'"),
        ({"accelerating_voltage_kv": 0.0}, "accelerating_voltage_kv = 0"),
    ],
)
def test_impossible_experiments(changes, says):
    """Each is refused in one line that names the field."""
    with pytest.raises(InputError, match=says) as caught:
        LACBEDExperiment.of(zincblende(4.0), **{"zone": (0, 0, 1), **changes})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("thickness", "hkl", "says"),
    [
        (0.0, [(0, 0, 0)], "thickness_nm = 0"),
        ([20, -1], [(0, 0, 0)], "thickness_nm = 20, -1"),
        ([], [(0, 0, 0)], "thickness_nm = none"),
        (float("inf"), [(0, 0, 0)], "thickness_nm = inf"),
        (20, [], "at least one reflection"),
        (20, [(2, 0, 0), (2, 0, 0)], "each once"),
        (20, [(1, 1, 1)], r"disc 1,1,1 is not in the zone \[0,0,1\]: h u \+ k v \+ l w = 1"),
        (20, [(1, 0, 0)], "extinct by centring"),
        (20, [(2, 0)], "expected three whole numbers"),
    ],
)
def test_impossible_discs(thickness, hkl, says):
    """A thickness that is none, and discs that the zone has not."""
    made = LACBEDExperiment.of(load("Al"), (0, 0, 1), size_px=16, beams=20)
    with pytest.raises(InputError, match=says):
        made.discs(thickness, hkl)


def test_crystals_that_cannot_be_computed():
    """An element that the table lacks, and a structure without Debye-Waller factors."""
    heavy = Structure(Lattice.cubic(3.0), ["Rf"], [[0, 0, 0]], site_properties={"b_iso": [0.5]})
    with pytest.raises(InputError, match="no element with Z = 104"):
        LACBEDExperiment.of(heavy, (0, 0, 1))
    with pytest.raises(InputError, match="b_iso is missing"):
        LACBEDExperiment.of(Structure(Lattice.cubic(3.0), ["Po"], [[0, 0, 0]]), (0, 0, 1))
