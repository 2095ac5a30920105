"""Splits of crystals: no shared chemistry inside a family, no shared family with the unseen ones, Al and Fe unseen."""

import itertools

import pytest
from pymatgen.core import Lattice, Structure

from zoneaxis.crystals.structure_split import PARTS, assert_no_shared_crystal, family_of, is_held_out, split
from zoneaxis.errors import InputError

METALS = ("Al", "Fe", "Cu", "Ni", "Ag", "Au", "Pd", "Pt", "W", "Mo", "Nb", "Ta")


def crystal(group, prototype, *elements):
    """A crystal of which only labels count."""
    structure = Structure(Lattice.cubic(4.0), list(elements), [[0.1 * place] * 3 for place in range(len(elements))])
    structure.properties = {"prototype": prototype, "space_group": group, "family": f"{group} {prototype[:3]}"}
    return structure


def listing():
    """Two groups: an elemental type, eight binary listed types, twelve random fillings in six families, each thrice."""
    crystals = []
    for group in (225, 229):
        crystals += [crystal(group, "A_c", metal) for metal in METALS]
        pairs = itertools.cycle(itertools.combinations(METALS, 2))
        for number in range(8):
            crystals += [crystal(group, f"B{number}x", *next(pairs)) for _ in range(6)]
        for number in range(6):
            crystals += [crystal(group, f"W{number}-{copy}", *next(pairs)) for copy in range(2) for _ in range(3)]
    return crystals


CRYSTALS = listing()


def families(parts, part):
    """Families in a part."""
    return {family_of(CRYSTALS[place]) for place in parts[part]}


def systems(parts, part):
    """Chemical systems inside families in a part."""
    return {(family_of(CRYSTALS[place]), CRYSTALS[place].chemical_system) for place in parts[part]}


@pytest.mark.parametrize("by", ["chemistry", "prototype", "both"])
@pytest.mark.parametrize("seed", range(4))
def test_no_part_shares_with_another(by, seed):
    """Every crystal is in one part; systems inside a family are disjoint, and so are unseen families."""
    parts = split(CRYSTALS, by, seed=seed)
    assert tuple(parts) == PARTS
    assert sorted(place for places in parts.values() for place in places) == list(range(len(CRYSTALS)))
    for one, other in itertools.combinations(PARTS, 2):
        assert not systems(parts, one) & systems(parts, other)
    rest = set().union(*(families(parts, part) for part in PARTS[:3]))
    assert not families(parts, "unseen_prototype") & rest
    if by == "prototype":
        assert not families(parts, "training") & families(parts, "validation")


@pytest.mark.parametrize("by", ["chemistry", "prototype", "both"])
def test_aluminium_and_iron_are_unseen_but_their_neighbours_train(by):
    """Elemental Al and Fe of both groups are in unseen_chemistry; other elements of the same type train."""
    parts = split(CRYSTALS, by, seed=1)
    held = [place for place, one in enumerate(CRYSTALS) if is_held_out(one)]
    assert len(held) == 4 and set(held) <= set(parts["unseen_chemistry"])
    for group in (225, 229):
        assert f"{group} A_c" in families(parts, "training")
        assert f"{group} A_c" not in families(parts, "unseen_prototype")
    if by == "prototype":
        assert set(held) == set(parts["unseen_chemistry"])


def test_shares_are_met_in_every_group():
    """With many keys each part holds its share of each group within eight points."""
    shares = {"training": 0.5, "validation": 0.1, "unseen_chemistry": 0.2, "unseen_prototype": 0.2}
    parts = split(CRYSTALS, seed=2, shares=shares)
    for group in (225, 229):
        members = [place for place, one in enumerate(CRYSTALS) if one.properties["space_group"] == group]
        for part, share in shares.items():
            found = len(set(parts[part]) & set(members)) / len(members)
            assert found == pytest.approx(share, abs=0.08), (group, part)


def test_unseen_prototypes_are_of_both_kinds():
    """Listed types and random fillings are both among the unseen ones."""
    names = [CRYSTALS[place].properties["prototype"] for place in split(CRYSTALS, seed=3)["unseen_prototype"]]
    assert {name[0] for name in names} == {"B", "W"}


def test_the_seed_decides():
    """The same seed gives the same parts, another one others."""
    assert split(CRYSTALS, seed=5) == split(CRYSTALS, seed=5) != split(CRYSTALS, seed=6)


def test_leaks_are_told():
    """A system in two parts, an unseen family in training, Al in training and a crystal listed twice are refused."""
    parts = split(CRYSTALS, seed=0)
    copper = next(place for place, one in enumerate(CRYSTALS) if one.chemical_system == "Cu")
    twin = [*CRYSTALS, crystal(225, "A_c", "Cu")]
    elsewhere = next(part for part in ("validation", "unseen_chemistry") if copper not in parts[part])
    with pytest.raises(InputError, match="Cu of 225 A_c"):
        assert_no_shared_crystal(twin, parts | {elsewhere: [*parts[elsewhere], len(CRYSTALS)]})
    unseen = CRYSTALS[parts["unseen_prototype"][0]].properties["prototype"]
    group = CRYSTALS[parts["unseen_prototype"][0]].properties["space_group"]
    strange = [*CRYSTALS, crystal(group, unseen, "Zr", "Hf")]
    with pytest.raises(InputError, match="split leaks"):
        assert_no_shared_crystal(strange, parts | {"training": [*parts["training"], len(CRYSTALS)]})
    with pytest.raises(InputError, match="must stay unseen"):
        assert_no_shared_crystal([crystal(225, "A_c", "Al")], {"training": [0]})
    with pytest.raises(InputError, match="listed twice"):
        assert_no_shared_crystal(CRYSTALS, {"training": [2, 2]})


def test_bad_input_is_refused():
    """Unknown keys, shares that do not sum to 1 or have no place, crystals without labels, Al alone."""
    with pytest.raises(InputError, match="by = 'pattern'"):
        split(CRYSTALS, "pattern")
    for shares in ({"training": 0.5}, {"training": 1.2, "validation": -0.2}, {"test": 1.0}):
        with pytest.raises(InputError, match="sum to 1"):
            split(CRYSTALS, shares=shares)
    with pytest.raises(InputError, match="unseen_prototype"):
        split(CRYSTALS, "chemistry", shares={"training": 0.5, "unseen_prototype": 0.5})
    with pytest.raises(InputError, match="seed"):
        split(CRYSTALS, seed=-1)
    bare = Structure(Lattice.cubic(4.0), ["Cu"], [[0, 0, 0]])
    with pytest.raises(InputError, match="structure 0"):
        split([bare])
    with pytest.raises(InputError, match="too few keys"):
        split([crystal(225, "A_c", "Al")])
