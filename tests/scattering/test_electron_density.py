"""The picture of the electron density: electrons of a cell, Fourier coefficients, period, symmetry, gradients."""

import math

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

from zoneaxis.crystals.cubic_structures import cubic_structure
from zoneaxis.errors import InputError
from zoneaxis.scattering.electron_density import density_of_atoms, projected_density, x_ray_gaussians


def zincblende(a=5.65325, shift=(0.0, 0.0, 0.0), b_iso=0.5):
    """GaAs, Ga at the shift."""
    crystal = Structure.from_spacegroup("F-43m", Lattice.cubic(a), ["Ga", "As"], [[0, 0, 0], [0.25, 0.25, 0.25]])
    crystal.translate_sites(list(range(len(crystal))), shift)
    crystal.add_site_property("b_iso", [b_iso] * len(crystal))
    return crystal


def x_ray(atomic_number, s_squared):
    """Form factor f_x from the same table."""
    a, b = x_ray_gaussians(atomic_number)
    return sum(x * math.exp(-y * s_squared) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("atomic_number", [3, 8, 14, 31, 56, 73, 92])
def test_amplitudes_add_up_to_the_electrons(atomic_number):
    """f_x(0) = Z; the printed tables hold it within 0.1 electrons."""
    assert x_ray(atomic_number, 0.0) == pytest.approx(atomic_number, abs=0.1)


@pytest.mark.parametrize("size_px", [16, 63, 128])
def test_mean_over_a_cell_is_its_electrons_over_its_volume(size_px):
    """A field of one cell holds the electrons of the cell, whatever the pixels and however sharp the atoms."""
    crystal = zincblende(b_iso=0.02)
    picture = projected_density(crystal, size_px, 5.65325)
    electrons = 4 * (x_ray(31, 0.0) + x_ray(33, 0.0))
    assert float(picture.mean()) * 5.65325**3 == pytest.approx(electrons, rel=1e-9)
    assert electrons == pytest.approx(256, rel=2e-3)


@pytest.mark.parametrize("hk", [(0, 0), (2, 0), (2, 2), (1, -3), (4, 0), (0, 6)])
def test_fourier_coefficients_are_structure_factors(hk):
    """The coefficient of the picture at (h, k) is F_hk0 / a^3 times the sinc of the pixel along both axes."""
    shift = (0.07, 0.31, 0.0)
    crystal, size_px = zincblende(shift=shift), 120
    a = crystal.lattice.a
    picture = projected_density(crystal, size_px, a).numpy()
    x = (np.arange(size_px) + 0.5 - size_px / 2) / size_px
    kernel = np.exp(-2j * np.pi * (hk[0] * x[None, :] + hk[1] * x[:, None]))
    found = (picture * kernel).mean()
    s_squared = (hk[0] ** 2 + hk[1] ** 2) / (4 * a**2)
    factor = sum(
        x_ray(site.specie.Z, s_squared)
        * math.exp(-0.5 * s_squared)
        * np.exp(-2j * np.pi * np.dot((*hk, 0), site.frac_coords))
        for site in crystal
    )
    # Sampling on size_px points adds the aliases h + n size_px; at 120 points they are below 1e-9.
    expected = factor / a**3 * np.sinc(hk[0] / size_px) * np.sinc(hk[1] / size_px)
    assert found == pytest.approx(expected, abs=1e-9)


def test_x_points_right_and_y_down():
    """An atom off the centre along a lies right of the middle, one along b below it."""
    for position, (row, column) in {(0.25, 0.0, 0.0): (0, 1), (0.0, 0.25, 0.0): (1, 0)}.items():
        picture = density_of_atoms([26], torch.tensor([position]), torch.ones(1), torch.ones(1), 12.0, 48, 12.0)
        brightest = divmod(int(picture.argmax()), 48)
        assert (brightest[0] in (35, 36), brightest[1] in (35, 36)) == (row == 1, column == 1)
        assert all(index in (23, 24, 35, 36) for index in brightest)


def test_picture_repeats_with_the_cell():
    """A field of three cells is three pictures of one cell side by side, both ways."""
    crystal = zincblende(a=4.0, shift=(0.1, 0.2, 0.0))
    one = projected_density(crystal, 20, 4.0)
    torch.testing.assert_close(projected_density(crystal, 60, 12.0), one.repeat(3, 3), rtol=0, atol=1e-7)


def test_picture_has_the_symmetry_of_the_projection():
    """Zincblende along [001] projects to 4mm about Ga: the picture is equal under the operations of the square."""
    picture = projected_density(zincblende(), 64)
    for turned in (picture.T, picture.flip(0), picture.flip(1), picture.rot90()):
        torch.testing.assert_close(turned, picture, rtol=0, atol=1e-8)


def test_shift_along_the_beam_changes_nothing_and_one_across_does():
    """The projection does not know the height of the atoms."""
    here = projected_density(zincblende(), 32)
    torch.testing.assert_close(projected_density(zincblende(shift=(0, 0, 0.3)), 32), here, rtol=1e-9, atol=1e-9)
    assert float((projected_density(zincblende(shift=(0.1, 0, 0)), 32) - here).abs().max()) > 1.0


def test_finer_pixels_average_to_the_coarse_ones():
    """128 pixels averaged two by two are the picture with 64: nothing is point-sampled."""
    crystal = cubic_structure(3, 1)
    fine = projected_density(crystal, 128).reshape(64, 2, 64, 2).mean(dim=(1, 3))
    torch.testing.assert_close(fine, projected_density(crystal, 64), rtol=1e-9, atol=1e-10)


def test_shared_sites_weigh_by_their_shares():
    """A site half Ga, half As is the mean of the two pictures; a vacancy is missing density."""
    lattice = Lattice.cubic(4.0)
    pictures = []
    for species in ({"Ga": 0.5, "As": 0.5}, {"Ga": 1.0}, {"As": 1.0}):
        crystal = Structure(lattice, [species], [[0, 0, 0]], site_properties={"b_iso": [0.6]})
        pictures.append(projected_density(crystal, 16))
    torch.testing.assert_close(pictures[0], (pictures[1] + pictures[2]) / 2, rtol=1e-12, atol=1e-12)


def test_gradients():
    """Derivatives by positions, occupancies, B and the lattice parameter are those of finite differences."""
    generator = torch.Generator().manual_seed(0)
    positions = torch.rand((3, 3), dtype=torch.float64, generator=generator, requires_grad=True)
    occupancies = torch.tensor([1.0, 0.7, 0.4], dtype=torch.float64, requires_grad=True)
    b_iso = torch.tensor([0.5, 0.8, 1.1], dtype=torch.float64, requires_grad=True)
    a = torch.tensor(4.3, dtype=torch.float64, requires_grad=True)

    def picture(*values):
        return density_of_atoms([14, 8, 55], *values, size_px=6, field_angstrom=5.0)

    assert torch.autograd.gradcheck(picture, (positions, occupancies, b_iso, a), atol=1e-6)


def test_bad_input_is_refused():
    """Cells that are not cubic, missing or zero B, wrong lengths, unknown elements: one line each."""
    tetragonal = Structure(Lattice.tetragonal(4.0, 5.0), ["Fe"], [[0, 0, 0]], site_properties={"b_iso": [0.5]})
    with pytest.raises(InputError, match="cubic"):
        projected_density(tetragonal)
    with pytest.raises(InputError, match="b_iso"):
        projected_density(Structure(Lattice.cubic(4.0), ["Fe"], [[0, 0, 0]]))
    one, place = torch.ones(1), torch.zeros(1, 3)
    for arguments, message in [
        (([26], place, one, 0 * one, 4.0), "b_iso = 0"),
        (([26, 8], place, one, one, 4.0), "positions"),
        (([26], place, torch.ones(2), one, 4.0), "occupancies"),
        (([], torch.zeros(0, 3), torch.ones(0), torch.ones(0), 4.0), "empty"),
        (([26], place, one, one, 0.0), "lattice_parameter"),
        (([26], place, one, one, 4.0, 0), "size_px"),
        (([26], place, one, one, 4.0, 16, -1.0), "field_angstrom"),
        (([99], place, one, one, 4.0), "99"),
    ]:
        with pytest.raises(InputError, match=message):
            density_of_atoms(*arguments)
