"""The muffin-tin potential of overlapping atoms."""

import numpy as np
import pytest

from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.atom import free_atom
from zoneaxis.scattering.leed.exchange_correlation import exchange_correlation
from zoneaxis.scattering.leed.muffin_tin import muffin_tin, neighbour_shells
from zoneaxis.scattering.leed.radial_equation import BOHR_ANGSTROM, HARTREE_EV

BOHR_EDGE = 5.431 / BOHR_ANGSTROM


@pytest.mark.parametrize(
    ("structure", "nearest", "numbers"),
    [("diamond", 3**0.5 / 4, [4, 12, 12, 6]), ("fcc", 0.5**0.5, [12, 6, 24, 12]), ("bcc", 0.75**0.5, [8, 6, 12, 24])],
)
def test_neighbours(structure, nearest, numbers):
    """Distance of the first shell and number of atoms in the first four are those of the textbook."""
    shells = neighbour_shells(structure, 1.0, 2.0)
    assert shells[0][0] == pytest.approx(nearest)
    assert [number for _, number in shells[:4]] == numbers


def test_silicon():
    """Radius 2.222 bohr and zero -17.3 eV; the potential rises from the nucleus to about zero at the sphere."""
    potential = muffin_tin(free_atom("Si", relativistic=False), "diamond", 5.431)
    print(f"zero {potential.zero_ev:.3f} eV")
    assert potential.radius_bohr == pytest.approx(2.222, abs=5e-4)
    assert potential.zero_ev == pytest.approx(-17.336, abs=2e-3)
    assert (np.diff(potential.potential) > 0.0).all()
    assert -0.5 < potential.potential[-1] < 0.0
    assert potential.mesh.radius[1] * potential.potential[0] == pytest.approx(-14.0, abs=0.01)


def test_potential_is_the_average_over_a_sphere():
    """The muffin tin equals the neighbours' potentials and densities averaged over directions by quadrature."""
    atom = free_atom("Si", relativistic=False)
    result = muffin_tin(atom, "diamond", 5.431)
    radius = result.mesh.radius[[20, 40, 60]]
    cosine, weight = np.polynomial.legendre.leggauss(60)
    charge, density = atom.mesh.interpolator(atom.screened_charge), atom.mesh.interpolator(atom.density)
    electrostatic, rho = charge(radius) / radius, density(radius) / radius**2
    for distance, number in neighbour_shells("diamond", BOHR_EDGE, 16.0):
        away = np.sqrt(radius[:, None] ** 2 + distance**2 - 2.0 * radius[:, None] * distance * cosine)
        electrostatic += 0.5 * number * (charge(away) / away) @ weight
        rho += 0.5 * number * (density(away) / away**2) @ weight
    expected = electrostatic + exchange_correlation(rho / (4.0 * np.pi), "pz")[0] - result.zero_ev / HARTREE_EV
    print(f"largest difference {np.abs(result.potential[[19, 39, 59]] - expected).max():.1e} Ha")
    assert result.potential[[19, 39, 59]] == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(
    ("structure", "edge", "message"),
    [
        ("hcp", 3.0, "structure = 'hcp': expected one of diamond, fcc, bcc"),
        ("fcc", 361.5, "lattice_parameter_angstrom = 361.5: expected 1 to 20"),
        ("fcc", float("nan"), "lattice_parameter_angstrom = nan"),
        ("diamond", 2.0, "neighbours 0.87 angstrom apart in diamond, expected 1 to 6"),
    ],
)
def test_impossible_crystals_are_refused(structure, edge, message):
    """Unknown structures, and edges in the wrong unit, are refused by name and value."""
    with pytest.raises(InputError, match=message):
        muffin_tin(free_atom("Cu"), structure, edge)
