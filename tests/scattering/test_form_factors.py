"""Elastic and absorptive form factors against published and independently computed values."""

import math

import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.scattering.absorption import absorptive, core, phonon
from zoneaxis.scattering.form_factors import MOTT_TAIL, TABLES, elastic

# bloch.md, section 3: f in angstrom at s = 0, 0.5, 2 for Kirkland, Lobato, Weickenmeier-Kohl, Peng
CHECKED = {
    13: ((5.892, 5.890, 5.878, 5.887), (0.7006, 0.6992, 0.6969, 0.6985), (0.0707, 0.0706, 0.0702, 0.0683)),
    28: ((6.557, 6.565, 6.511, 6.562), (1.4408, 1.4455, 1.4517, 1.4422), (0.1458, 0.1458, 0.1461, 0.1443)),
    33: ((7.339, 7.440, 7.219, 7.319), (1.5341, 1.5400, 1.5440, 1.5342), (0.1698, 0.1710, 0.1705, 0.1683)),
    73: ((12.74, 12.95, 12.80, 12.85), (2.8736, 2.8734, 2.8867, 2.8751), (0.3549, 0.3573, 0.3558, 0.3486)),
}


@pytest.mark.parametrize("atomic_number", CHECKED)
def test_tables_against_each_other(atomic_number):
    """Four parametrisations give the checked values to the printed digits."""
    for column, table in enumerate(("kirkland", "lobato", "weickenmeier-kohl", "peng")):
        for s, row in zip((0.0, 0.5, 2.0), CHECKED[atomic_number], strict=True):
            f = elastic(atomic_number, torch.tensor(s * s, dtype=torch.float64), table).item()
            assert f == pytest.approx(row[column], abs=0.006 if s == 0.0 else 6e-5)


@pytest.mark.parametrize("table", ["weickenmeier-kohl", "lobato", "kirkland"])
def test_mott_tail(table):
    """Far out the electron sees the bare nucleus: f s^2 -> 0.023934 Z."""
    f = elastic(28, torch.tensor(36.0, dtype=torch.float64), table).item()
    assert f * 36.0 == pytest.approx(MOTT_TAIL * 28, rel=0.05)


def test_weickenmeier_kohl_sums_to_the_nucleus():
    """sum a_i = 0.02395 Z for every element of the table, the check printed in its header."""
    large = torch.tensor(1e6, dtype=torch.float64)
    for atomic_number in range(1, 99):
        assert elastic(atomic_number, large).item() * 1e6 == pytest.approx(0.02395 * atomic_number, abs=3e-4)


def test_unknown_table_and_element_are_refused():
    """A wrong table name or an element outside a table is named."""
    with pytest.raises(InputError, match=", ".join(TABLES)):
        elastic(28, torch.zeros(1), "doyle-turner")
    with pytest.raises(InputError, match="Z = 99"):
        elastic(99, torch.zeros(1))


def test_core_and_phonon_of_nickel_and_gallium():
    """f'_core and f'_phonon, Debye-Waller factor included, reproduce the checked values of bloch.md section 4."""
    s = torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=torch.float64)
    nickel_core = core(28, s, 20.0) * torch.exp(-0.35 * s**2)
    gallium_core = core(31, s, 200.0) * torch.exp(-0.6 * s**2)
    torch.testing.assert_close(nickel_core, s.new_tensor([0.37598, 0.07207, 0.01805, 0.00284]), rtol=1e-3, atol=2e-5)
    torch.testing.assert_close(gallium_core, s.new_tensor([0.19962, 0.02905, 0.00720, 0.00096]), rtol=1e-3, atol=1e-5)
    nickel, gallium = phonon(28, s, 0.35, 20.0), phonon(31, s, 0.6, 200.0)
    torch.testing.assert_close(nickel, s.new_tensor([0.27344, 0.25217, 0.20429, 0.10387]), rtol=5e-4, atol=0)
    torch.testing.assert_close(gallium, s.new_tensor([0.16870, 0.15247, 0.11649, 0.04551]), rtol=5e-4, atol=0)


def test_phonon_absorption_against_gaussian_closed_form():
    """For Gaussian form factors the integral has a closed form; the quadrature reproduces it (Mott tail aside)."""
    import gemmi

    from zoneaxis.scattering.electron import relativistic_factor, wavelength_angstrom

    table = gemmi.Element(13).c4322
    a, b, displacement = table.a, table.b, 0.8
    s = torch.tensor([0.0, 0.3, 0.8], dtype=torch.float64)
    closed = torch.zeros_like(s)
    for a_i, b_i in zip(a, b, strict=True):
        for a_j, b_j in zip(a, b, strict=True):
            total, thermal = b_i + b_j, b_i + b_j + 2 * displacement
            exponent = (b_i * b_j - displacement**2) / thermal
            closed += a_i * a_j * (
                torch.exp(-b_i * b_j * s**2 / total) / total - torch.exp(-exponent * s**2) / thermal
            )  # fmt: skip
    closed *= 2 * relativistic_factor(20.0) * wavelength_angstrom(20.0) * math.pi
    closed *= torch.exp(-displacement * s**2)
    computed = phonon(13, s, displacement, 20.0, table="peng")
    torch.testing.assert_close(computed, closed, rtol=2e-4, atol=2e-5)


def test_absorptive_interpolates_the_integral():
    """The spline of `absorptive` follows the integral to 2e-5 of its value at zero; `none` and B = 0 give zero."""
    s = torch.rand(40, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2.0
    exact = phonon(28, s, 0.35, 20.0)
    assert (absorptive(28, s, 0.35, 20.0, "phonon") - exact).abs().max() < 2e-5 * exact.max()
    assert not absorptive(28, s, 0.35, 20.0, "none").any()
    assert phonon(28, s, 0.0, 20.0).abs().max() < 1e-6
