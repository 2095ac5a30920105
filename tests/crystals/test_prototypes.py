"""Cubic prototypes: the cells of AFLOW again, the right lattice parameters, decorations that keep the symmetry."""

import gzip
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from zoneaxis import crystals
from zoneaxis.crystals.element_families import ELEMENTS
from zoneaxis.crystals.prototypes import (
    PARAMETER_SCATTER,
    Prototype,
    Site,
    cubic_prototypes,
    decorate,
    orbit,
    shortest_distances,
)
from zoneaxis.errors import InputError

BY_NAME = {prototype.name: prototype for prototype in cubic_prototypes()}


def test_there_are_fifty_six_of_at_most_sixty_atoms():
    """As many as the list of AFLOW holds up to 60 atoms, less the one with impossible distances; names are unique."""
    assert len(cubic_prototypes()) == len(BY_NAME) == 56
    assert max(prototype.size for prototype in cubic_prototypes()) == 58


@pytest.mark.parametrize("prototype", cubic_prototypes(), ids=lambda prototype: prototype.name)
def test_label_says_what_the_cell_holds(prototype):
    """The AFLOW label states stoichiometry, Pearson symbol (atoms a cell), group and Wyckoff letters: all as filled."""
    formula, pearson, group, *letters = prototype.name.split("-")[0].split("_")
    atoms = int(pearson[2:])
    assert atoms == prototype.size
    assert int(group) == prototype.space_group
    listed = [letter for part in letters for letter in part if letter.isalpha()]
    assert set(listed) == {site.letter for site in prototype.sites}
    assert len(prototype.elements) == sum(character.isalpha() for character in formula)


@pytest.mark.parametrize(
    "name", ["AB_cF8_216_c_a", "A2BC4_cF56_227_d_a_e", "A5B8_cI52_217_ce_cg", "ABC_cP12_198_a_a_a"]
)
def test_template_comes_back(name):
    """The template's own elements give its own lattice parameter, and spglib finds the group of the label."""
    prototype = BY_NAME[name]
    crystal = decorate(prototype, {symbol: symbol for symbol in prototype.elements})
    a = {"AB_cF8_216_c_a": 5.4093, "A2BC4_cF56_227_d_a_e": 8.0832, "A5B8_cI52_217_ce_cg": 8.8664}.get(name, 5.881)
    assert crystal.lattice.a == pytest.approx(a, rel=1e-4)
    assert crystals.space_group(crystal) == prototype.space_group
    assert crystal.site_properties["b_iso"] == [0.5] * prototype.size


def test_known_crystals_from_radii():
    """Rock salt, fluorite, zincblende and fcc with other elements come within 8 % of measured lattice parameters."""
    known = [
        ("AB_cF8_225_a_b", {"Cl": "O", "Na": "Mg"}, 4.212),
        ("AB_cF8_225_a_b", {"Cl": "Br", "Na": "K"}, 6.600),
        ("AB2_cF12_225_a_c", {"Ca": "Ba", "F": "F"}, 6.200),
        ("AB_cF8_216_c_a", {"Zn": "Ga", "S": "As"}, 5.653),
        ("A_cF8_227_a", {"C": "Si"}, 5.431),
        ("A_cF4_225_a", {"Cu": "Au"}, 4.078),
        ("AB_cP2_221_b_a", {"Cs": "Cs", "Cl": "Br"}, 4.286),
    ]
    for name, elements, measured in known:
        assert decorate(BY_NAME[name], elements).lattice.a == pytest.approx(measured, rel=0.08), (name, elements)


def test_table_is_the_list_of_pymatgen():
    """Every entry with at most 60 atoms a cell has the volume and the shortest distance of the entry it came from."""
    spec = find_spec("pymatgen.core")
    path = Path(spec.origin).parents[1] / "analysis" / "prototypes" / "aflow_prototypes.json.gz"
    if not path.is_file():
        pytest.skip("this pymatgen keeps the list of AFLOW elsewhere")
    entries = {}
    for entry in json.loads(gzip.decompress(path.read_bytes())):
        entries.setdefault(entry["tags"]["aflow"], []).append(entry["snl"])
    compared = 0
    for prototype in cubic_prototypes():
        candidates = entries[prototype.name.split("-")[0]]
        if prototype.name.startswith("ABC_cP12_198") or not 0.7 < prototype.stretch < 1.25 or prototype.stretch == 1.0:
            continue
        crystal = decorate(prototype, {symbol: symbol for symbol in prototype.elements})
        packings = []
        for listed in candidates:
            matrix = np.array(listed["lattice"]["matrix"])
            positions = np.array([site["abc"] for site in listed["sites"]])
            packings.append(_shortest(matrix, positions) / (abs(np.linalg.det(matrix)) / len(positions)) ** (1 / 3))
        own = _shortest(crystal.lattice.matrix, crystal.frac_coords) / (crystal.volume / len(crystal)) ** (1 / 3)
        assert min(abs(own / packing - 1) for packing in packings) < 2e-3, prototype.name
        compared += 1
    print(f"{compared} prototypes compared with the list of AFLOW")
    assert compared >= 50


def _shortest(matrix, positions):
    cells = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 1, 3)
    lengths = np.linalg.norm((positions[:, None] - positions[None] + cells) @ matrix, axis=-1)
    return lengths[lengths > 1e-6].min()


def test_scatter_keeps_group_and_moves_free_coordinates_only():
    """Scatter changes a and the free coordinates a little; fixed positions stay exactly, the group is kept."""
    spinel = BY_NAME["A2BC4_cF56_227_d_a_e"]
    elements = {"Mg": "Zn", "Al": "Cr", "O": "S"}
    plain = decorate(spinel, elements)
    scattered = [decorate(spinel, elements, generator=np.random.default_rng(n)) for n in range(8)]
    changes = np.array([other.frac_coords - plain.frac_coords for other in scattered])
    changes -= np.round(changes)
    fixed = np.array([symbol != "S" for symbol in map(str, plain.species)])
    assert np.abs(changes[:, fixed]).max() < 1e-12
    assert 1e-4 < np.abs(changes[:, ~fixed]).max() <= PARAMETER_SCATTER + 1e-12
    assert {crystals.space_group(other) for other in scattered} == {227}
    assert 0.001 < np.std([other.lattice.a / plain.lattice.a for other in scattered]) < 0.06
    again = decorate(spinel, elements, generator=np.random.default_rng(3))
    np.testing.assert_array_equal(again.frac_coords, scattered[3].frac_coords)


def test_orbit_moves_a_rounded_coordinate_onto_its_position():
    """(0.33333, 0.33333, 0.33334) is taken for x, x, x, with one free direction along the diagonal."""
    found = orbit(221, (0.33333, 0.33333, 0.33334))
    assert np.ptp(found.position) < 1e-12
    np.testing.assert_allclose(found.free, np.full((3, 3), 1 / 3), atol=1e-12)
    assert len(found.atoms(np.array([0.01, -0.01, 0.03]))) == 8


def test_shortest_distances_are_those_of_all_pairs():
    """The first atom of each orbit speaks for the orbit: the matrix is symmetric and its least is that of pymatgen."""
    for name in ("A5B8_cI52_217_ce_cg", "A3B_cI32_204_g_c", "AB_cP2_221_b_a"):
        prototype = BY_NAME[name]
        np.testing.assert_allclose(prototype.distances, prototype.distances.T, atol=1e-9)
        crystal = decorate(prototype, {symbol: symbol for symbol in prototype.elements})
        neighbours = crystal.get_neighbor_list(6.0)[3]
        assert prototype.distances.min() * crystal.lattice.a == pytest.approx(neighbours.min(), rel=1e-9)


def test_every_orbit_alone():
    """One atom in a cell sees its images at one lattice parameter."""
    assert shortest_distances((np.zeros((1, 3)),)).tolist() == [[1.0]]


def test_bad_elements_are_refused():
    """A missing substitute, and one element for two kinds of site."""
    with pytest.raises(InputError, match="no substitute for S"):
        decorate(BY_NAME["AB_cF8_216_c_a"], {"Zn": "Ga"})
    with pytest.raises(InputError, match="own element"):
        decorate(BY_NAME["AB_cF8_216_c_a"], {"Zn": "Ga", "S": "Ga"})
    with pytest.raises(InputError, match="Xe"):
        decorate(Prototype("x", 225, (Site("Cu", "a", (0.0, 0.0, 0.0)),)), {"Cu": "Xe"})
    assert "Xe" not in ELEMENTS
