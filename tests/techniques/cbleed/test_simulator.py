"""The CBLEED simulator makes checked pattern sets that say how they were made."""

import json
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from zoneaxis.crystals.slab import fcc001, si001_2x1
from zoneaxis.errors import InputError
from zoneaxis.patterns import schema
from zoneaxis.scattering.leed.beams import ELECTRON
from zoneaxis.scattering.leed.diffraction import beam_intensities
from zoneaxis.techniques.cbleed.layout import DiscLayout
from zoneaxis.techniques.cbleed.physics import Physics
from zoneaxis.techniques.cbleed.simulator import simulate_cbleed
from zoneaxis.techniques.simulate import simulate, simulations


def small(specimen: Any = "Si001-2x1", **changes: Any) -> xr.Dataset:
    """A coarse image at 40 eV."""
    return simulate_cbleed(specimen, **{"energy_ev": 40.0, "size_px": 32, "directions": 3, **changes})


def test_pixel_is_the_intensity_of_its_beam() -> None:
    """Two roads: a pixel is |a_g|² at its own k, times kz(k + g) / kz(k), up to the error of the spline."""
    energy, directions = 50.0, 9
    image = simulate_cbleed("Si001-2x1", energy_ev=energy, dimer="buckled", size_px=64, directions=directions)
    layout = DiscLayout.for_slab(si001_2x1(), size_px=64, grid=directions)
    discs = layout.disc_map()
    along = (np.arange(64) + 0.5) / layout.pixels_per_reciprocal_angstrom - layout.half_width_per_angstrom
    errors = []
    for beam in ((0, 0), (1, 0), (-2, 1)):
        rows, columns = np.nonzero(discs == layout.beams.index(beam))
        row, column = rows[7], columns[7]
        k_out = np.array([along[column], -along[row]])
        k = k_out - np.array(beam) @ np.array(layout.reciprocal_cell)
        amplitude = beam_intensities(
            [si001_2x1("buckled")],
            energy,
            torch.from_numpy(k[None]),
            np.array([beam]),
            Physics().medium(("Si",)),
            cone_axis=np.zeros(2),
        )
        factor = np.sqrt((ELECTRON * energy - k_out @ k_out) / (ELECTRON * energy - k @ k))
        errors.append(abs(float(amplitude[0, 0, 0]) * factor - float(image["intensity"][0, row, column])))
    found = max(errors) / float(image["intensity"].max())
    print(f"pixels against single directions: {found:.1e} of the maximum")
    assert found < 1e-3


def test_set_is_checked_and_labelled() -> None:
    """Energies, dimer and displacements stand beside each image, the physics in the attributes, as plain values."""
    ticks: list[tuple[int, int]] = []
    made = small(
        energy_ev=[40.0, 35.0],
        dimer="buckled",
        dimer_height_angstrom=0.1,
        dimer_length_angstrom=-0.05,
        preset="physical",
        inner_potential_ev=11.0,
        accuracy="preview",
        progress=lambda *tick: ticks.append(tick),
    )
    schema.check(made)
    assert made["intensity"].dtype == np.float32 and made["intensity"].shape == (2, 32, 32)
    assert made["beam_energy_ev"].values.tolist() == [40.0, 35.0]
    told = {name: made[name].values[0] for name in made.coords if name != "beam_energy_ev"}
    assert told == {
        "dimer": "buckled",
        "dimer_height_angstrom": 0.1,
        "dimer_length_angstrom": -0.05,
        "dimer_tilt_deg": 18.0,
    }
    assert (made.attrs["inner_potential_ev"], made.attrs["imaginary_potential_ev"]) == (11.0, 4.0)
    assert (made.attrs["technique"], made.attrs["specimen"], made.attrs["directions"]) == ("cbleed", "Si001-2x1", 3)
    json.dumps(made.attrs)
    assert ticks == [(1, 2), (2, 2)]


def test_name_and_slab_give_the_same() -> None:
    """Two roads: a surface by name and the slab made by hand; through `simulate` as well; and metals have images."""
    by_name = small(dimer="buckled", dimer_height_angstrom=0.1)
    assert by_name.identical(small(si001_2x1("buckled", 0.1)))
    assert {"cbleed", "leed-iv"} <= set(simulations())
    again = simulate(
        "cbleed", "Si001-2x1", energy_ev=40, size_px=32, directions=3, dimer="buckled", dimer_height_angstrom=0.1
    )
    assert again.identical(by_name)
    assert small("Cu001").drop_attrs().equals(small(fcc001("Cu", 3.6149)).drop_attrs())
    assert "dimer" not in small("Cu001").coords


def test_displacements_show() -> None:
    """Height, length, tilt, buckling, potentials and vibration each change the picture, not its brightness alone."""
    reference = small(dimer="buckled")["intensity"].values
    for changes in (
        {"dimer_height_angstrom": 0.1},
        {"dimer_length_angstrom": 0.1},
        {"dimer_tilt_deg": 15.0},
        {"dimer": "symmetric"},
        {"inner_potential_ev": 6.0},
        {"imaginary_potential_ev": 8.0},
        {"temperature_k": 600.0},
        {"vibration_factor": 1.4},
    ):
        image = small(**{"dimer": "buckled", **changes})["intensity"].values
        relative = np.abs(image / image.sum() - reference / reference.sum()).max() / (reference / reference.sum()).max()
        assert relative > 2e-3, changes


def test_two_domains() -> None:
    """Half of the pattern and half of it turned by 90 degrees; the set says so."""
    one, both = small(dimer="buckled"), small(dimer="buckled", rotational_domains=2)
    image = one["intensity"].values
    np.testing.assert_allclose(both["intensity"], (image + np.rot90(image, axes=(1, 2))) / 2, rtol=1e-6)
    assert (one.attrs["rotational_domains"], both.attrs["rotational_domains"]) == (1, 2)


def test_single_disc_fills_the_image() -> None:
    """One disc on its own image has the full image's intensities, finer, and nothing outside its circle."""
    whole, disc = small(size_px=128, directions=5), small(disc=(1, 0), size_px=64, directions=5)
    layout = DiscLayout.for_slab(si001_2x1(), grid=5)
    inside = whole["intensity"].values[0][layout.disc_map() == layout.beams.index((1, 0))]
    image = disc["intensity"].values[0]
    axis = np.arange(64) - 31.5
    circle = np.hypot(axis, axis[:, None]) <= 32
    assert not image[~circle].any() and (image[circle] > 0).all()
    assert image[circle].mean() == pytest.approx(inside.mean(), rel=0.01)
    assert image.max() == pytest.approx(inside.max(), rel=0.05)


def test_constant_half_angle_grows_discs() -> None:
    """With the half-angle kept, discs grow with the energy; with the radius kept, they do not."""
    made = [
        small(energy_ev=[30.0, 90.0], size_px=64, constant_half_angle_mrad=angle)["intensity"].values
        for angle in (60.0, None)
    ]
    lit = [(images > 0).sum(axis=(1, 2)) for images in made]
    assert lit[0][1] > 2 * lit[0][0]
    assert lit[1][1] == lit[1][0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"energy_ev": 19.0}, "19 eV is outside 20 to 250 eV"),
        ({"energy_ev": [40.0, 300.0]}, "300 eV is outside 20 to 250 eV"),
        ({"dimer": "flat"}, "symmetric, buckled"),
        ({"dimer_length_angstrom": -0.8}, "Å apart; allowed is 1.6 Å"),
        ({"dimer_width_angstrom": 0.1}, "no dimer_width_angstrom; known are dimer, "),
        ({"preset": "best"}, "paper, physical"),
        ({"accuracy": "best"}, "preview, balanced, reference"),
        ({"model": "none"}, "multiple, kinematic"),
        ({"size_px": 2}, "size_px = 2"),
        ({"size_px": 8}, "8 x 8 px are too small"),
        ({"directions": 1}, "grid = 1"),
        ({"rotational_domains": 4}, "expected 1 or 2"),
        ({"rotational_domains": 2, "disc": (0, 0)}, "one domain"),
        ({"disc": (9, 9)}, r"disc \(9, 9\) lies beyond the horizon at 40 eV"),
        ({"constant_half_angle_mrad": 400.0}, "at 40 eV the disc radius is"),
    ],
)
def test_refused(changes: dict[str, Any], says: str) -> None:
    """Energies, structures, names and sizes that cannot be are refused in one line that names them."""
    with pytest.raises(InputError, match=says) as caught:
        small(**changes)
    assert "\n" not in str(caught.value)


def test_displacements_belong_to_names() -> None:
    """A slab made by hand is not displaced by keywords, and an unknown name is answered with those there are."""
    with pytest.raises(InputError, match="not to a slab"):
        small(si001_2x1(), dimer_height_angstrom=0.1)
    with pytest.raises(InputError, match="Si001-2x1, Al001"):
        small("Si111-7x7")


def test_counted_electrons():
    """With electrons given an image holds whole ones, as many as asked within their noise, the same for one seed."""
    settings = {"energy_ev": 60.0, "size_px": 64, "directions": 3, "accuracy": "preview"}
    bare = simulate_cbleed("Si001-2x1", **settings)["intensity"].values
    first, again, other = (
        simulate_cbleed("Si001-2x1", electrons=1e5, seed=seed, **settings)["intensity"].values for seed in (1, 1, 2)
    )
    assert (first == np.round(first)).all() and (first == again).all() and (first != other).any()
    assert abs(first.sum() - 1e5) < 5 * 1e5**0.5
    expected = bare / bare.sum() * 1e5
    assert np.abs(first - expected).max() < 7 * expected.max() ** 0.5
    with pytest.raises(InputError, match="electrons"):
        simulate_cbleed("Si001-2x1", electrons=-1.0, **settings)
