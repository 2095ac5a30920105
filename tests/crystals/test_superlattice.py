"""Superlattice contrast against closed forms, and blind to what does not tell the lattice."""

import gemmi
import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from zoneaxis.crystals import load
from zoneaxis.crystals.superlattice import superlattice_contrast
from zoneaxis.errors import InputError


def caesium_chloride(one, other, a=2.9):
    """B2 crystal of two elements."""
    return Structure(Lattice.cubic(a), [one, other], [[0, 0, 0], [0.5, 0.5, 0.5]])


def factor(symbol, g_square):
    """Electron form factor in Å."""
    return gemmi.Element(symbol).c4322.calculate_sf(g_square / 4)


def test_b2_is_the_closed_form():
    """Mean (fA - fB)^2 over odd h+k+l, divided by the mean (fA + fB)^2 over even ones, summed here hkl by hkl."""
    a, odd, even = 2.9, [], []
    for hkl in np.ndindex(7, 7, 7):
        h = np.array(hkl) - 3
        square = float(h @ h) / a**2
        if 0 < square <= 1.0:
            one, other = factor("Ni", square), factor("Al", square)
            if h.sum() % 2:
                odd.append((one - other) ** 2)
            else:
                even.append((one + other) ** 2)
    assert superlattice_contrast(caesium_chloride("Ni", "Al")) == pytest.approx(np.mean(odd) / np.mean(even), rel=1e-6)


def test_like_elements_have_little_contrast():
    """FeCo is below 1e-3, NiAl above 0.05, and the order of the two elements does not count."""
    weak = superlattice_contrast(caesium_chloride("Fe", "Co"))
    strong = superlattice_contrast(caesium_chloride("Ni", "Al"))
    print(f"FeCo {weak:.1e}, NiAl {strong:.1e}")
    assert 0 < weak < 1e-3 < 0.05 < strong
    assert superlattice_contrast(caesium_chloride("Co", "Fe")) == pytest.approx(weak)


def test_an_origin_or_a_heat_that_all_atoms_share_changes_little():
    """A shift of all atoms changes nothing; one B for all keeps the order of magnitude."""
    crystal = caesium_chloride("Cu", "Zn")
    moved = caesium_chloride("Cu", "Zn")
    moved.translate_sites([0, 1], [0.13, 0.21, 0.37])
    assert superlattice_contrast(moved) == pytest.approx(superlattice_contrast(crystal), rel=1e-9)
    crystal.add_site_property("b_iso", [0.5, 0.5])
    assert superlattice_contrast(crystal) == pytest.approx(superlattice_contrast(moved), rel=0.5)


def test_zincblende_is_held_against_diamond():
    """The reflections 0kl with k + l = 4n + 2 tell 216 from 227: weak for GaAs, absent (so not counted) for silicon."""
    gallium_arsenide = Structure.from_spacegroup(216, Lattice.cubic(5.65), ["Ga", "As"], [[0, 0, 0], [0.25] * 3])
    boron_arsenide = Structure.from_spacegroup(216, Lattice.cubic(4.78), ["B", "As"], [[0, 0, 0], [0.25] * 3])
    silicon = Structure.from_spacegroup(227, Lattice.cubic(5.43), ["Si"], [[0.0] * 3])
    weak, strong, none = map(superlattice_contrast, (gallium_arsenide, boron_arsenide, silicon))
    print(f"GaAs {weak:.1e}, BAs {strong:.1e}, Si {none:.2f}")
    assert weak < 0.02 < strong < none


def test_elements_are_far_from_every_higher_lattice():
    """Al and Fe have no weak superlattice; the smallest ratio of their spots is above 0.3."""
    for name in ("Al", "Fe"):
        assert superlattice_contrast(load(name)) > 0.3


def test_bad_input_is_refused():
    """A tetragonal cell, and a range without a reflection."""
    with pytest.raises(InputError, match="cubic"):
        superlattice_contrast(Structure(Lattice.tetragonal(3.0, 3.2), ["Al"], [[0, 0, 0]]))
    for g_max in (0.1, float("nan"), -1.0):
        with pytest.raises(InputError, match="g_max_per_angstrom"):
            superlattice_contrast(caesium_chloride("Ni", "Al"), g_max)
