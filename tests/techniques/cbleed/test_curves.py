"""I(V) curves: symmetry, horizon, agreement with the discs of an image, refusals."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from zoneaxis.crystals.slab import fcc001, si001_2x1
from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.beams import ELECTRON
from zoneaxis.techniques.cbleed.curve_files import compare
from zoneaxis.techniques.cbleed.curves import simulate_leed_iv
from zoneaxis.techniques.cbleed.layout import DiscLayout
from zoneaxis.techniques.cbleed.simulator import simulate_cbleed

ENERGIES = [60.0, 75.0, 90.0]
FIRST = [(1, 0), (0, 1), (-1, 0), (0, -1)]


def copper(**changes: Any) -> xr.Dataset:
    """Curves of Cu(001) at three energies."""
    return simulate_leed_iv("Cu001", **{"energy_ev": ENERGIES, "accuracy": "preview", **changes})


def test_equivalent_beams() -> None:
    """At normal incidence the four first beams of a square face are one; obliquely they are not."""
    normal, oblique = (copper(beams=FIRST, polar_deg=angle)["intensity"].values for angle in (0.0, 10.0))
    assert np.ptp(normal, axis=0).max() < 1e-6 * normal.max()
    assert np.ptp(oblique, axis=0).min() > 1e-2 * oblique.max()


def test_azimuth_turns_with_the_crystal() -> None:
    """Turning the incidence by 90 degrees turns the beams of a square face: (1 0) becomes (0 1)."""
    straight, turned = (copper(beams=FIRST, polar_deg=10.0, azimuth_deg=angle)["intensity"].values for angle in (0, 90))
    np.testing.assert_allclose(turned[[1, 2, 3, 0]], straight, rtol=1e-6)


def test_curve_is_a_pixel_of_the_image() -> None:
    """Two roads: the incidence that paints a pixel, told as polar angle and azimuth, gives that pixel's intensity."""
    energy, size, surface = 55.0, 64, {"dimer": "buckled", "preset": "paper"}
    layout = DiscLayout.for_slab(si001_2x1(), size_px=size)
    image = simulate_cbleed("Si001-2x1", energy_ev=energy, size_px=size, **surface)["intensity"].values[0]
    along = (np.arange(size) + 0.5) / layout.pixels_per_reciprocal_angstrom - layout.half_width_per_angstrom
    for beam in ((0, 0), (-1, 1)):
        row, column = (places[5] for places in np.nonzero(layout.disc_map() == layout.beams.index(beam)))
        kx, ky = np.array([along[column], -along[row]]) - np.array(beam) @ np.array(layout.reciprocal_cell)
        curve = simulate_leed_iv(
            "Si001-2x1",
            energy_ev=[energy],
            beams=[beam],
            polar_deg=np.degrees(np.arcsin(np.hypot(kx, ky) / np.sqrt(ELECTRON * energy))),
            azimuth_deg=np.degrees(np.arctan2(ky, kx)),
            **surface,
        )
        away = abs(float(curve["intensity"][0, 0]) - image[row, column]) / image.max()
        print(f"beam {beam}: pixel and curve differ by {away:.1e} of the maximum")
        assert away < 2e-3


def test_beams_emerge_at_their_horizon() -> None:
    """A beam has no intensity below the energy at which |g| = k, and some above it."""
    g = 2 * np.pi / (3.6149 / np.sqrt(2))
    threshold = 2 * g**2 / ELECTRON
    made = copper(energy_ev=[threshold - 0.2, threshold + 0.2], beams=[(1, 1), (0, 0)])["intensity"].values
    assert made[0, 0] == 0
    assert made[0, 1] > 0 and (made[1] > 0).all()


def test_single_scattering_is_another_curve() -> None:
    """The kinematic curves of copper are as far from the full ones in Pendry's R as unrelated curves."""
    energies = np.arange(80.0, 141.0, 3.0)
    full, kinematic = (
        copper(energy_ev=energies, beams=[(0, 0), (1, 1)], model=one) for one in ("multiple", "kinematic")
    )
    found = compare(kinematic, full).attrs["mean"]
    print(f"R of single against multiple scattering: {found:.2f}")
    assert 0.2 < found < 1.5


def test_labels_and_attributes() -> None:
    """Beams, energies and physics stand in the set; progress counts energies; a slab does as well as its name."""
    ticks: list[tuple[int, int]] = []
    made = copper(
        polar_deg=5.0, imaginary_potential_ev=5.0, vibration_factor=1.3, progress=lambda *tick: ticks.append(tick)
    )
    assert made["intensity"].dims == ("beam", "beam_energy_ev")
    assert list(zip(made["h"].values, made["k"].values, strict=True)) == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert made.attrs["specimen"] == "Cu001" and made.attrs["preset"] == "physical"
    assert (made.attrs["imaginary_potential_ev"], made.attrs["vibration_factor"]) == (5.0, 1.3)
    assert ticks == [(1, 3), (2, 3), (3, 3)]
    assert copper().equals(simulate_leed_iv(fcc001("Cu", 3.6149), energy_ev=ENERGIES, accuracy="preview"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"energy_ev": [60.0, 50.0]}, "one rising list"),
        ({"energy_ev": []}, "one rising list"),
        ({"energy_ev": [10.0, 50.0]}, "outside 20 to 250 eV"),
        ({"polar_deg": 85.0}, "polar_deg = 85"),
        ({"azimuth_deg": float("nan")}, "azimuth_deg = nan"),
        ({"beams": [(1, 0, 0)]}, "not pairs of whole numbers"),
        ({"beams": [(1, 0), (1, 0)]}, "one of them twice"),
        ({"beams": [(0, 0), (9, 9)]}, r"beam \(9, 9\) lies beyond the horizon at all energies"),
        ({"model": "none"}, "multiple, kinematic"),
        ({"preset": "best"}, "paper, physical"),
        ({"dimer": "buckled"}, "no dimer"),
    ],
)
def test_refused(changes: dict[str, Any], says: str) -> None:
    """Energies, angles, beams and names that cannot be are refused."""
    with pytest.raises(InputError, match=says):
        copper(**changes)
