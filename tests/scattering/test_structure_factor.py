"""Fourier coefficients of crystals: constants of nickel and gallium arsenide, Friedel, origin, extinctions."""

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

from zoneaxis.crystals import load
from zoneaxis.crystals.cell import centring_translations
from zoneaxis.errors import InputError
from zoneaxis.scattering.electron import wave_number_in_crystal, wavelength_angstrom
from zoneaxis.scattering.reflections import allowed_by_centring, candidate_reflections
from zoneaxis.scattering.structure_factor import fourier_coefficients


def gallium_arsenide(b_iso=0.1, shift=(0.0, 0.0, 0.0)):
    """Zincblende GaAs, a = 5.65325 angstrom, as in bloch.md section 2."""
    crystal = Structure.from_spacegroup("F-43m", Lattice.cubic(5.65325), ["Ga", "As"], [[0, 0, 0], [0.25, 0.25, 0.25]])
    crystal.translate_sites(list(range(len(crystal))), shift)
    crystal.add_site_property("b_iso", [b_iso] * len(crystal))
    return crystal


def at(coefficients, table, *hkl):
    """Entry (h, k, l) of a table whose centre is (000)."""
    return complex(getattr(coefficients, table)[tuple(n + i for n, i in zip(coefficients.index_max, hkl, strict=True))])


def test_constants_of_nickel_are_emsofts(nickel):
    """gamma V0 = 29.62 V and xi'_0 = 59.58 nm at 20.1 kV as in EMsoft's log; U_g at 20 kV to five digits."""
    coefficients = fourier_coefficients(nickel, 20.1)
    k = 1.0 / wavelength_angstrom(20.1, coefficients.inner_potential_v)
    absorption_length_nm = 0.1 * k / coefficients.mean_absorption
    potential_v = coefficients.inner_potential_v
    print(f"gamma V0 = {potential_v:.3f} V, xi'_0 = {absorption_length_nm:.4f} nm (log: 29.62, 59.5765)")
    assert coefficients.inner_potential_v == pytest.approx(29.62, abs=0.05)
    assert absorption_length_nm == pytest.approx(59.5765, abs=0.05)
    at_20 = fourier_coefficients(nickel, 20.0)
    for hkl, u in {(1, 1, 1): 0.086678, (2, 0, 0): 0.075555, (2, 2, 0): 0.052820, (3, 1, 1): 0.043593}.items():
        assert at(at_20, "elastic", *hkl).real == pytest.approx(u, rel=1e-4)
    for hkl, u in {(0, 0, 0): 0.0196405, (1, 1, 1): 0.0098839, (2, 2, 0): 0.0077023}.items():
        assert at(at_20, "absorptive", *hkl).real == pytest.approx(u, rel=2e-4)


def test_constants_of_gallium_arsenide():
    """U_g and U'_g of GaAs at 200 kV with Kirkland factors and phonon absorption (bloch.md section 2)."""
    coefficients = fourier_coefficients(
        gallium_arsenide(), 200.0, d_min_angstrom=1.0, absorption="phonon", form_factor="kirkland"
    )
    assert at(coefficients, "elastic", 0, 0, 0) == pytest.approx(0.14161, abs=2e-5)
    assert at(coefficients, "elastic", 1, 1, 1) == pytest.approx(0.043276 + 0.048232j, abs=3e-6)
    assert at(coefficients, "elastic", 0, 0, 2).real == pytest.approx(-0.004602, abs=3e-6)
    assert at(coefficients, "elastic", 2, 2, 0).real == pytest.approx(0.061358, abs=3e-6)
    assert at(coefficients, "absorptive", 2, 2, 0).real == pytest.approx(0.0011439, abs=2e-6)
    assert not coefficients.is_real


def test_friedel():
    """A real potential: U_{-g} = conj U_g, and the same for U' and the back-scatter table."""
    coefficients = fourier_coefficients(gallium_arsenide(0.5), 20.0, d_min_angstrom=1.2)
    for table in (coefficients.elastic, coefficients.absorptive, coefficients.backscatter):
        torch.testing.assert_close(table.flip(0, 1, 2), table.conj(), rtol=1e-12, atol=1e-12)


def test_origin_shift_turns_phases_only():
    """Moving the origin by t multiplies U_g by e^{-2 pi i g.t}."""
    shift = (0.11, 0.23, 0.05)
    here = fourier_coefficients(gallium_arsenide(), 20.0, d_min_angstrom=1.5)
    there = fourier_coefficients(gallium_arsenide(shift=shift), 20.0, d_min_angstrom=1.5)
    phase = np.exp(-2j * np.pi * np.dot((3, 1, 1), shift))
    assert at(there, "elastic", 3, 1, 1) == pytest.approx(at(here, "elastic", 3, 1, 1) * phase, abs=1e-12)


def test_extinctions_of_diamond_and_a15():
    """Silicon's 200 is extinguished by the d glide yet stays a candidate; mixed indices go by centring."""
    silicon = load("Si")
    coefficients = fourier_coefficients(silicon, 20.0, d_min_angstrom=1.2)
    assert abs(at(coefficients, "elastic", 2, 0, 0)) < 1e-12
    translations = torch.from_numpy(centring_translations(silicon))
    hkl = torch.tensor([[2, 0, 0], [1, 1, 1], [2, 1, 0], [1, 0, 0]])
    assert allowed_by_centring(hkl, translations).tolist() == [True, True, False, False]
    reflections = candidate_reflections(coefficients, translations)
    assert reflections[0].tolist() == [0, 0, 0]
    assert [2, 0, 0] in reflections.tolist()


@pytest.mark.parametrize("name", ["Si", "Mo3Si", "Al4Ni3", "NiAl"])
def test_centrosymmetric_library_crystals_are_real(name):
    """With the origin on the centre all coefficients are real."""
    assert fourier_coefficients(load(name), 20.0, d_min_angstrom=1.5).is_real


def test_settings_are_checked(nickel):
    """Unknown absorption models and senseless spacings are refused."""
    with pytest.raises(InputError, match="absorption"):
        fourier_coefficients(nickel, 20.0, absorption="thermal")
    with pytest.raises(InputError, match="d_min_angstrom"):
        fourier_coefficients(nickel, 20.0, d_min_angstrom=0.0)


def test_wave_number_matches_refracted_wavelength(nickel):
    """1/lambda with gamma V0 added to the potential is K = sqrt(1/lambda^2 + U_0)."""
    coefficients = fourier_coefficients(nickel, 20.0)
    k = 1.0 / wavelength_angstrom(20.0, coefficients.inner_potential_v)
    assert wave_number_in_crystal(20.0, coefficients.mean) == pytest.approx(k, rel=1e-6)
