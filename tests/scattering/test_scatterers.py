"""Scatterers: stored values, the tables of EBSD, Friedel, gradients in everything that can be refined."""

from dataclasses import replace

import pytest
import torch
from pymatgen.core import Structure

from tests.scattering.crystals_by_hand import perovskite, zincblende
from zoneaxis.errors import InputError
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.structure_factor import fourier_coefficients

SOME = torch.tensor([[0, 0, 0], [1, 1, 1], [-1, -1, -1], [0, 0, 2], [2, 2, 0], [0, 0, 4], [5, 1, 3]])


def test_values_of_gallium_arsenide():
    """The note's table, Kirkland factors, B 0.1 Å², 200 kV: U and U' to its last digit."""
    atoms = Scatterers.of(zincblende(b_iso=0.1), 200.0, form_factor="kirkland")
    elastic, absorbed = atoms.potential(SOME)
    wanted = torch.tensor([0.14161, 0.043276 + 0.048232j, 0.043276 - 0.048232j, -0.004602, 0.061358, 0.042936])
    torch.testing.assert_close(elastic[:6].to(torch.complex64), wanted.to(torch.complex64), atol=1e-6, rtol=2e-5)
    lost = torch.tensor([0.0011956, 0.0011439, 0.0011001], dtype=torch.float64)
    torch.testing.assert_close(absorbed[[0, 4, 5]].real, lost, atol=1e-7, rtol=0)
    assert atoms.mean == pytest.approx(0.14161, abs=1e-5)
    assert atoms.mean_absorption == pytest.approx(0.0011956, abs=1e-7)


@pytest.mark.parametrize("absorption", ["none", "proportional", "phonon", "phonon+core"])
def test_agree_with_the_tables_of_ebsd(absorption):
    """The same crystal through `fourier_coefficients`."""
    structure = perovskite()
    tables = fourier_coefficients(
        structure, 200.0, d_min_angstrom=0.5, absorption=absorption, form_factor="weickenmeier-kohl"
    )
    found = Scatterers.of(structure, 200.0, absorption=absorption, form_factor="weickenmeier-kohl").potential(SOME)
    places = tables.flat_index(SOME) + tables.centre
    torch.testing.assert_close(found[0], tables.elastic.flatten()[places], atol=1e-9, rtol=1e-7)
    torch.testing.assert_close(found[1], tables.absorptive.flatten()[places], atol=1e-7, rtol=0)


def test_friedel():
    """U_{-g} is the conjugate of U_g, of the loss too."""
    atoms = Scatterers.of(zincblende(), 200.0)
    for there, back in zip(atoms.potential(SOME), atoms.potential(-SOME), strict=True):
        torch.testing.assert_close(there, back.conj(), atol=1e-15, rtol=1e-12)


@pytest.mark.parametrize("name", ["basis", "positions", "occupancies", "b_iso"])
def test_gradients(name):
    """Of a sum over U and U' against central differences."""
    atoms = Scatterers.of(zincblende(), 200.0)
    value = getattr(atoms, name).clone()
    generator = torch.Generator().manual_seed(1)
    direction = torch.randn(value.shape, generator=generator, dtype=torch.float64)

    def total(at: torch.Tensor) -> torch.Tensor:
        elastic, absorbed = replace(atoms, **{name: at}).potential(SOME)
        return elastic.abs().sum() + elastic[1].imag + 20 * absorbed.abs().sum()

    value.requires_grad_()
    (gradient,) = torch.autograd.grad(total(value), value)
    step = 1e-4
    moved = [float(total((value + sign * step * direction).detach())) for sign in (1, -1)]
    wanted = (moved[0] - moved[1]) / (2 * step)
    got = float((gradient * direction).sum())
    print(f"{name}: gradient {got:.6g}, differences {wanted:.6g}")
    assert got == pytest.approx(wanted, rel=2e-4, abs=1e-7)


def test_refusals():
    """An unknown model, atoms without vibration, an element without form factor."""
    with pytest.raises(InputError, match="absorption 'much'"):
        Scatterers.of(zincblende(), 200.0, absorption="much")
    with pytest.raises(InputError, match="positive B"):
        Scatterers.of(zincblende(b_iso=0.0), 200.0)
    with pytest.raises(InputError, match="b_iso = -0.5: expected a B of 0"):
        Scatterers.of(zincblende(b_iso=-0.5), 200.0, absorption="none")
    with pytest.raises(InputError, match="b_iso is missing"):
        Scatterers.of(Structure([[4, 0, 0], [0, 4, 0], [0, 0, 4]], ["Fe"], [[0, 0, 0]]), 200.0)
    heavy = Structure([[4, 0, 0], [0, 4, 0], [0, 0, 4]], ["Og"], [[0, 0, 0]], site_properties={"b_iso": [0.5]})
    with pytest.raises(InputError, match="Z = 118"):
        Scatterers.of(heavy, 200.0)
