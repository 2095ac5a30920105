"""The 18 named materials."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from zoneaxis import crystals
from zoneaxis.errors import InputError

# Number, atoms in the cell, formula of the cell, mean atomic number (Kaufmann et al. 2020; mean Z by composition).
PAPER = {
    "FeNi3": (221, 4, "Fe1 Ni3", 27.5),
    "Ni3Al": (221, 4, "Al1 Ni3", 24.25),
    "NiAl": (221, 2, "Al1 Ni1", 20.5),
    "FeAl": (221, 2, "Al1 Fe1", 19.5),
    "Mo3Si": (223, 8, "Si2 Mo6", 35),
    "Cr3Si": (223, 8, "Cr6 Si2", 21.5),
    "TaC": (225, 8, "Ta4 C4", 39.5),
    "NbC": (225, 8, "Nb4 C4", 23.5),
    "TiC": (225, 8, "Ti4 C4", 14),
    "Ni": (225, 4, "Ni4", 28),
    "Al": (225, 4, "Al4", 13),
    "Ge": (227, 8, "Ge8", 32),
    "Si": (227, 8, "Si8", 14),
    "Ta": (229, 2, "Ta2", 73),
    "W": (229, 2, "W2", 74),
    "Fe": (229, 2, "Fe2", 26),
    "Al4CoNi2": (230, 112, "Al64 Co16 Ni32", 19.29),
    "Al4Ni3": (230, 112, "Al64 Ni48", 19.43),
}
# Densities in g/cm³ at room temperature (CRC Handbook of Chemistry and Physics): a check on a and on the sites.
DENSITY = {"Ni": 8.90, "Al": 2.70, "Ge": 5.323, "Si": 2.329, "Ta": 16.65, "W": 19.3, "Fe": 7.87}


def test_names_are_the_materials_of_the_paper():
    """The library holds the 18 materials and nothing else."""
    assert sorted(crystals.names()) == sorted(PAPER)


@pytest.mark.parametrize("name", PAPER)
def test_material(name):
    """Space group (by spglib, twice), cell content, mean Z, centre at the origin, B and source are as published."""
    number, atoms, formula, mean_z = PAPER[name]
    structure = crystals.load(name)
    assert crystals.space_group(structure) == number == structure.properties["space_group"]
    if structure.is_ordered:
        assert SpacegroupAnalyzer(structure, symprec=1e-3).get_space_group_number() == number
    assert (len(structure), structure.composition.formula) == (atoms, formula)
    z = (
        sum(element.Z * share for site in structure for element, share in site.species.items())
        / structure.composition.num_atoms
    )
    assert z == pytest.approx(mean_z, abs=0.01)
    assert crystals.is_centrosymmetric(structure)
    assert crystals.origin_on_centre(structure)
    assert len(crystals.laue_group(structure)) == 48
    assert structure.properties["name"] == name
    assert structure.properties["source"]
    assert len(structure.site_properties["b_iso"]) == atoms
    assert all(0.1 < b < 1 for b in structure.site_properties["b_iso"])
    np.testing.assert_allclose(structure.lattice.matrix, crystals.basis(structure), atol=1e-12)


@pytest.mark.parametrize("name", DENSITY)
def test_density(name):
    """Cell and content together give the density in tables within 0.3 %."""
    assert crystals.load(name).density == pytest.approx(DENSITY[name], rel=3e-3)


@pytest.mark.parametrize("name", PAPER)
def test_structure_factors_are_real(name):
    """With the centre at the origin the geometric structure factor has no imaginary part, for any reflection."""
    structure = crystals.load(name)
    weights = np.array([sum(element.Z * share for element, share in site.species.items()) for site in structure])
    hkl = np.random.default_rng(0).integers(-6, 7, (40, 3))
    factors = np.exp(2j * np.pi * hkl @ structure.frac_coords.T) @ weights
    np.testing.assert_allclose(factors.imag, 0, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "symbol", "species", "positions"),
    [
        ("Si", "Fd-3m:2", ["Si"], [(0.125, 0.125, 0.125)]),
        ("Cr3Si", "Pm-3n", ["Si", "Cr"], [(0, 0, 0), (0.25, 0, 0.5)]),
        ("Al4Ni3", "Ia-3d", ["Al", "Al", "Ni"], [(0, 0, 0), (0.012, 0, 0.25), (0.125, 0.381, -0.131)]),
    ],
)
def test_expansion_agrees_with_pymatgen(name, symbol, species, positions):
    """Two roads: operations from gemmi here, pymatgen's own space-group tables there, the same atoms."""
    ours = crystals.load(name)
    theirs = Structure.from_spacegroup(symbol, Lattice(ours.lattice.matrix), species, positions)
    assert len(ours) == len(theirs)
    for site in theirs:
        difference = ours.frac_coords - site.frac_coords
        nearest = np.abs(difference - np.round(difference)).max(axis=1).argmin()
        assert np.abs(difference[nearest] - np.round(difference[nearest])).max() < 1e-9
        assert ours[nearest].species == site.species


def test_mixed_site_holds_two_elements():
    """Al4CoNi2 has 48 sites of two thirds Ni and one third Co."""
    mixed = [site for site in crystals.load("Al4CoNi2") if len(site.species) == 2]
    assert len(mixed) == 48
    assert mixed[0].species["Ni"] == pytest.approx(2 / 3)
    assert mixed[0].species["Co"] == pytest.approx(1 / 3)


def test_every_load_is_a_new_structure_and_copies_keep_everything():
    """Changing one structure does not change the library, and a copy keeps B and properties."""
    first = crystals.load("NiAl")
    copied = first.copy()
    first.add_site_property("b_iso", [9.0, 9.0])
    assert crystals.load("NiAl").site_properties["b_iso"] == [0.34, 0.5] == copied.site_properties["b_iso"]
    assert copied.properties == crystals.load("NiAl").properties
    first.properties["name"] = "other"
    assert crystals.load("NiAl").properties["name"] == "NiAl"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("ni", "near it: Ni"), ("Al4Ni2", "Al4Ni3"), ("quartz", "there are: FeNi3"), ("", "is not a file")],
)
def test_unknown_name(name, hint):
    """An unknown name is answered in one line with the names near it."""
    with pytest.raises(InputError, match=hint) as caught:
        crystals.load(name)
    assert "\n" not in str(caught.value)
