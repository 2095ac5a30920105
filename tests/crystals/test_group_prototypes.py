"""Structure types of one group: names, families that forget origin and axes, and a table that can be drawn again."""

import numpy as np
import pytest

from zoneaxis.crystals import space_group
from zoneaxis.crystals.group_prototypes import (
    ADDED_TYPES,
    DRAWN,
    KNOWN_GROUPS,
    LARGEST_FAMILY,
    draw_group_prototypes,
    family,
    filled_prototypes,
    has_group,
    listed_prototypes,
    table_rows,
)
from zoneaxis.crystals.prototypes import Prototype, Site, decorate
from zoneaxis.errors import InputError


def filled(group, *sites):
    """A prototype from (element, letter, position) of each site."""
    return Prototype("x", group, tuple(Site(*site) for site in sites))


def test_families_forget_origin_and_axes():
    """Fluorite on 4a or 4b, half-Heusler on a, b, c or a, b, d, A15 on 6c or 6d are one; halite and NaTl are not."""
    quarter, half = (0.25, 0.25, 0.25), (0.5, 0, 0)
    on_a = filled(225, ("Ca", "a", (0, 0, 0)), ("F", "c", quarter))
    on_b = filled(225, ("Ca", "b", half), ("F", "c", quarter))
    assert family(on_a) == family(on_b) == "225 a|c"
    assert family(filled(225, ("Na", "a", (0, 0, 0)), ("Cl", "b", half))) == "225 a|b"
    one = filled(216, ("Mg", "a", (0, 0, 0)), ("Ag", "b", half), ("As", "c", quarter))
    other = filled(216, ("Mg", "a", (0, 0, 0)), ("Ag", "b", half), ("As", "d", (0.75, 0.75, 0.75)))
    assert family(one) == family(other)
    on_c = filled(223, ("Si", "a", (0, 0, 0)), ("Cr", "c", (0.25, 0, 0.5)))
    on_d = filled(223, ("Si", "a", (0, 0, 0)), ("Cr", "d", (0.25, 0.5, 0)))
    assert family(on_c) == family(on_d)
    gold = filled(221, ("Au", "a", (0, 0, 0)), ("Cu", "c", (0, 0.5, 0.5)))
    oxide = filled(221, ("Re", "a", (0, 0, 0)), ("O", "d", (0.5, 0, 0)))
    assert family(gold) != family(oxide)


def test_a_family_counts_which_sites_hold_one_element():
    """BiF3, two sites of fluorine, is no Heusler alloy, which has the same letters with three elements."""
    sites = [("a", (0, 0, 0)), ("b", (0.5, 0, 0)), ("c", (0.25, 0.25, 0.25))]
    bismuth = filled(225, *[(element, *site) for element, site in zip(("Bi", "F", "F"), sites, strict=True)])
    heusler = filled(225, *[(element, *site) for element, site in zip(("Al", "Mn", "Cu"), sites, strict=True)])
    assert family(bismuth) != family(heusler)


def test_listed_types():
    """Beta-Mn and three more for 213, the added types where they belong, elements of the five groups among them."""
    names = {prototype.name for group in DRAWN for prototype in listed_prototypes(group)}
    assert {name for name, *_ in ADDED_TYPES} <= names
    assert len(listed_prototypes(213)) == 4 and not listed_prototypes(230)
    for group in KNOWN_GROUPS:
        assert any(len(prototype.elements) == 1 for prototype in listed_prototypes(group))


@pytest.mark.parametrize("row", ADDED_TYPES, ids=lambda row: row[0])
def test_added_types_are_crystals_of_their_group(row):
    """spglib finds group and cell; the lattice parameter of the table is within a fifth of the one from radii."""
    name, group, a_angstrom, _ = row
    prototype = next(item for item in listed_prototypes(group) if item.name == name)
    crystal = decorate(prototype, {symbol: symbol for symbol in prototype.elements})
    assert has_group(crystal, group) and space_group(crystal) == group
    print(f"{name}: a {crystal.lattice.a:.2f} Å, table {a_angstrom} Å, family {family(prototype)}")
    assert crystal.lattice.a == pytest.approx(a_angstrom, rel=0.2)


def test_fillings_are_many_and_named_once():
    """Known groups have at least 35 fillings each; no name twice; a family of the drawn ones at most thrice."""
    names = []
    for group in DRAWN:
        pool = filled_prototypes(group)
        names += [prototype.name for prototype in pool]
        own = [family(prototype) for prototype in pool if int(prototype.name.rsplit("-", 1)[1]) >= 1000]
        print(f"{group}: {len(pool)} fillings, {len(own)} its own of {len(set(own))} families")
        assert max(own.count(kin) for kin in own) <= LARGEST_FAMILY
        assert all(prototype.space_group == group for prototype in pool)
        assert group not in KNOWN_GROUPS or len(pool) >= 35
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("group", [213, 221])
def test_the_table_is_what_drawing_gives(group):
    """The first fillings of a group come out again when drawn, to the text of their line."""
    own = [item for item in filled_prototypes(group) if int(item.name.rsplit("-", 1)[1]) >= 1000]
    for drawn, listed in zip(draw_group_prototypes(group, 3), own, strict=False):
        assert drawn.name == listed.name
        assert table_rows([drawn])[-1] == table_rows([listed])[-1]
        for one, other in zip(drawn.sites, listed.sites, strict=True):
            np.testing.assert_allclose(one.position, other.position, atol=1e-6)


def test_a_crystal_too_near_a_higher_group_is_told():
    """Caesium chloride with like elements is no crystal of 221, nor is halite one of 229."""
    crystal = decorate(
        next(item for item in listed_prototypes(221) if item.name == "AB_cP2_221_b_a"), {"Cs": "Cs", "Cl": "Cl"}
    )
    assert has_group(crystal, 221) and not has_group(crystal, 229)
    crystal.replace_species({"Cl": "Cs"})
    assert not has_group(crystal, 221)


def test_other_groups_are_refused():
    """Group 220 is cubic but has no list."""
    for call in (listed_prototypes, filled_prototypes, lambda group: next(draw_group_prototypes(group, 1))):
        with pytest.raises(InputError, match="220"):
            call(220)
