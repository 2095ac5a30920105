"""Wyckoff positions against the tables, and random fillings that are crystals of their group."""

import gzip
import itertools
import json
from importlib.util import find_spec
from pathlib import Path

import gemmi
import numpy as np
import pytest

from zoneaxis import crystals
from zoneaxis.crystals.prototypes import Prototype, Site, cubic_prototypes, decorate
from zoneaxis.crystals.wyckoff import LARGEST_CELL, draw_prototypes, fingerprint, wyckoff_positions, wyckoff_prototypes
from zoneaxis.errors import InputError

GROUPS = range(195, 231)
FIRST = wyckoff_prototypes(164)


@pytest.mark.parametrize("group", GROUPS)
def test_an_orbit_has_as_many_atoms_as_its_multiplicity(group):
    """Applied to a general point of each position, the operations give as many different points as the table says."""
    order = len(list(gemmi.get_spacegroup_reference_setting(group).operations()))
    for position in wyckoff_positions(group):
        atoms = position.atoms(np.array([0.0613, 0.1931, 0.3370]))
        assert len(np.unique(np.round(atoms, 6) % 1.0, axis=0)) == len(atoms) == position.multiplicity
        assert order % position.multiplicity == 0
        moved = position.atoms(np.array([0.0713, 0.1831, 0.4370]))
        assert position.is_fixed == bool(np.allclose(atoms, moved))
    assert wyckoff_positions(group)[-1].multiplicity == order


def test_letters_and_multiplicities_are_those_of_the_tables():
    """Letters, multiplicities and numbers of free parameters of all 308 positions agree with the tables in pymatgen."""
    folder = Path(find_spec("pymatgen.core").origin).parents[1] / "analysis" / "prototypes"
    tables = [folder / f"wyckoff-position-{name}.json.gz" for name in ("multiplicities", "params")]
    if not all(path.is_file() for path in tables):
        pytest.skip("this pymatgen has no Wyckoff tables")
    multiplicities, parameters = (json.loads(gzip.decompress(path.read_bytes())) for path in tables)
    count = 0
    for group in GROUPS:
        found = wyckoff_positions(group)
        assert {position.letter: position.multiplicity for position in found} == {
            letter: int(number) for letter, number in multiplicities[str(group)].items()
        }
        for position in found:
            assert np.linalg.matrix_rank(np.array(position.free)) == parameters[str(group)][position.letter]
        count += len(found)
    print(f"{count} Wyckoff positions of {len(GROUPS)} cubic groups as in the tables")


def test_known_positions():
    """Diamond is 8a of Fd-3m at 1/8 (origin at the centre), halite 4a and 4b, the sulphur of pyrite 8c on x, x, x."""
    letters = {position.letter: position for position in wyckoff_positions(227)}
    assert letters["a"].at(np.zeros(3)) == (0.125, 0.125, 0.125)
    halite = {position.letter: position.at(np.zeros(3)) for position in wyckoff_positions(225)[:2]}
    assert halite == {"a": (0.0, 0.0, 0.0), "b": (0.5, 0.0, 0.0)}
    sulphur = next(position for position in wyckoff_positions(205) if position.letter == "c")
    assert sulphur.at(np.array([0.385, 0.0, 0.0])) == (0.385, 0.385, 0.385)


def test_groups_that_are_not_cubic_are_refused():
    """194 is hexagonal."""
    with pytest.raises(InputError, match="194"):
        wyckoff_positions(194)


def test_the_list_is_long_varied_and_unique():
    """At least 150 topologies, most groups, at most 60 atoms, one to four kinds, no name twice."""
    assert len(FIRST) == 164
    assert len({prototype.name for prototype in FIRST}) == 164
    groups = {prototype.space_group for prototype in FIRST}
    print(f"164 fillings of {len(groups)} groups, {len(wyckoff_prototypes(344))} listed")
    assert len(groups) >= 28
    assert max(prototype.size for prototype in FIRST) <= LARGEST_CELL
    assert {len(prototype.elements) for prototype in FIRST} == {1, 2, 3, 4}


@pytest.mark.parametrize("prototype", FIRST[::4], ids=lambda prototype: prototype.name)
def test_a_filling_is_a_crystal_of_its_group(prototype):
    """spglib finds the group of the name, without and with scatter."""
    elements = {symbol: symbol for symbol in prototype.elements}
    assert crystals.space_group(decorate(prototype, elements)) == prototype.space_group
    scattered = decorate(prototype, elements, generator=np.random.default_rng(5))
    assert crystals.space_group(scattered) == prototype.space_group


def test_no_filling_is_another_under_a_new_name():
    """Fingerprints differ between all fillings and from all prototypes of AFLOW."""
    marks = [fingerprint(prototype) for prototype in itertools.chain(cubic_prototypes(), FIRST)]
    assert len(set(marks)) == len(marks)


def test_fingerprint_forgets_origin_and_elements_only():
    """Halite with its sites exchanged or renamed is halite; zincblende and fluorite are not."""

    def filled(group, *sites):
        return fingerprint(Prototype("x", group, tuple(Site(*site) for site in sites)))

    halite = filled(225, ("Na", "a", (0, 0, 0)), ("Cl", "b", (0.5, 0, 0)))
    assert filled(225, ("Mg", "b", (0.5, 0, 0)), ("O", "a", (0, 0, 0))) == halite
    assert filled(216, ("Zn", "a", (0, 0, 0)), ("S", "c", (0.25, 0.25, 0.25))) != halite
    fluorite = filled(225, ("Ca", "a", (0, 0, 0)), ("F", "c", (0.25, 0.25, 0.25)))
    assert filled(225, ("Ca", "b", (0.5, 0.5, 0.5)), ("F", "c", (0.25, 0.25, 0.25))) == fluorite != halite


def test_the_table_is_what_drawing_gives():
    """The first fillings of the table come out again when drawn: group, letters, elements and coordinates."""
    for drawn, listed in zip(draw_prototypes(3), FIRST, strict=False):
        assert (drawn.name, drawn.space_group) == (listed.name, listed.space_group)
        assert [site.element for site in drawn.sites] == [site.element for site in listed.sites]
        for one, other in zip(drawn.sites, listed.sites, strict=True):
            np.testing.assert_allclose(one.position, other.position, atol=1e-6)


def test_counts_are_checked():
    """Fewer than none and more than listed are refused; a shorter list begins the longer one."""
    assert wyckoff_prototypes(10) == FIRST[:10]
    for count in (-1, 100_000):
        with pytest.raises(InputError, match="random fillings"):
            wyckoff_prototypes(count)
