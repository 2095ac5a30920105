"""Endless lists of one group: every crystal shows its group, lists repeat exactly, and exclusions hold."""

import time

import numpy as np
import pytest
import spglib

from zoneaxis.crystals.cell import basis
from zoneaxis.crystals.group_prototypes import DRAWN, KNOWN_GROUPS, LEAST_CONTRAST
from zoneaxis.crystals.group_structures import _drawn, group_structure, group_structures, superlattice_contrast
from zoneaxis.errors import InputError

SAMPLES = {group: group_structures(group, 16, 5) for group in KNOWN_GROUPS}


def same(one, other):
    """Whether two crystals are the same to the last digit."""
    return (
        one.species == other.species
        and np.array_equal(one.frac_coords, other.frac_coords)
        and one.lattice == other.lattice
        and one.properties == other.properties
    )


@pytest.mark.parametrize("group", KNOWN_GROUPS)
def test_every_crystal_shows_its_group(group):
    """spglib, called here, finds the group at 1e-3 and 1e-2 Å; the contrast is the one listed and above the least."""
    for crystal in SAMPLES[group]:
        numbers = [species.Z for species in crystal.species]
        for tolerance in (1e-3, 1e-2):
            found = spglib.get_symmetry_dataset((basis(crystal), crystal.frac_coords, numbers), symprec=tolerance)
            assert found.number == group == crystal.properties["space_group"]
        contrast = superlattice_contrast(crystal)
        assert contrast == crystal.properties["superlattice_contrast"] >= LEAST_CONTRAST
        assert crystal.properties["family"].startswith(f"{group} ")


@pytest.mark.parametrize("group", sorted(set(DRAWN) - set(KNOWN_GROUPS)))
def test_unknown_groups_have_lists_too(group):
    """Four crystals of each unknown group, of its number and in range."""
    for crystal in group_structures(group, 4, 1):
        assert crystal.properties["space_group"] == group
        assert 3.0 <= crystal.lattice.a <= 10.0


def test_crystals_are_in_range():
    """a from 3 to 10 Å, at most 60 atoms, B = 0.5 Å², atoms at least 1.0 Å apart."""
    for crystals in SAMPLES.values():
        for crystal in crystals:
            assert 3.0 <= crystal.lattice.a <= 10.0 and len(crystal) <= 60
            assert crystal.site_properties["b_iso"] == [0.5] * len(crystal)
            nearest = crystal.distance_matrix[np.triu_indices(len(crystal), 1)]
            assert not len(nearest) or nearest.min() > 1.0


def test_kinds_come_in_turn():
    """Of eight crystals one is an element, four are random fillings; "aflow" has no filling, "wyckoff" nothing else."""
    for group, crystals in SAMPLES.items():
        names = [crystal.properties["prototype"] for crystal in crystals[:8]]
        assert sum(name.startswith("W") for name in names) == 4, group
        assert len(crystals[0].composition) == 1
    aflow = [crystal.properties["prototype"] for crystal in group_structures(225, 12, 2, prototypes="aflow")]
    assert not any(name.startswith("W") for name in aflow) and len(set(aflow)) > 6
    wyckoff = group_structures(225, 6, 2, prototypes="wyckoff")
    assert all(crystal.properties["prototype"].startswith("W") for crystal in wyckoff)


def test_elements_of_a_type_do_not_repeat():
    """Twenty-five elemental crystals of fcc (a quarter of the list of types of nature) are of as many elements."""
    crystals = [group_structure(225, number, 3, prototypes="aflow") for number in range(0, 100, 4)]
    assert {crystal.properties["prototype"] for crystal in crystals} == {"A_cF4_225_a"}
    assert len({crystal.chemical_system for crystal in crystals}) == 25


def test_beta_manganese_moves_its_atoms():
    """x near 0.06 and y near 0.20 differ from crystal to crystal, and bring no other group."""
    crystals = [group_structure(213, number, 0, prototypes="aflow") for number in range(0, 32, 4)]
    x = [crystal.frac_coords[0, 0] for crystal in crystals]
    assert np.ptp(x) > 0.005 and max(abs(np.array(x) - 0.0636)) <= 0.0101


def test_a_crystal_does_not_depend_on_those_asked_before():
    """Asked backwards with nothing remembered, the crystals are the same; another seed gives others."""
    numbers = (0, 7, 41)
    forwards = [group_structure(229, number, 3, prototypes="aflow") for number in numbers]
    _drawn.cache_clear()
    backwards = [group_structure(229, number, 3, prototypes="aflow") for number in numbers[::-1]][::-1]
    assert all(map(same, forwards, backwards))
    others = [group_structure(229, number, 4, prototypes="aflow") for number in numbers]
    assert not any(map(same, forwards, others))


def test_a_crystal_handed_out_is_a_copy():
    """What a user does to a crystal does not come back."""
    first = group_structure(221, 2, 5)
    first.translate_sites([0], [0.1, 0, 0])
    first.properties["name"] = "spoilt"
    assert same(group_structure(221, 2, 5), SAMPLES[221][2])


def test_exclusions_hold():
    """Neither excluded elements nor excluded prototypes, by name or family, occur."""
    crystals = group_structures(
        225,
        12,
        5,
        exclude_elements=("O", "F", "Cl"),
        exclude_prototypes=("A_cF4_225_a", "225 a|c"),
        prototypes="aflow",
    )
    for crystal in crystals:
        assert not {"O", "F", "Cl"} & {str(element) for element in crystal.elements}
        assert crystal.properties["prototype"] != "A_cF4_225_a" and crystal.properties["family"] != "225 a|c"


def test_least_contrast_can_be_lowered():
    """With none asked for, the list of 221 holds crystals that would be refused otherwise."""
    crystals = group_structures(221, 40, 8, prototypes="aflow", least_contrast=0.0)
    contrasts = [crystal.properties["superlattice_contrast"] for crystal in crystals]
    print(f"least contrast of 40 crystals of 221: {min(contrasts):.1e}")
    assert min(contrasts) < LEAST_CONTRAST


def test_twenty_crystals_a_second():
    """Crystals drawn before come at 20 a second and more; new ones are printed, since the machine decides."""
    start = time.process_time()
    group_structures(225, 16, 77)
    drawn = time.process_time()
    group_structures(225, 16, 77)
    again = 16 / (time.process_time() - drawn)
    print(f"{16 / (drawn - start):.0f} new crystals a second, {again:.0f} again")
    assert again > 20


@pytest.mark.parametrize(
    ("arguments", "options", "word"),
    [
        ((220, 0), {}, "space_group = 220"),
        ((225, -1), {}, "number = -1"),
        ((225, 0, -1), {}, "seed = -1"),
        ((225, 0), {"prototypes": "all"}, "prototypes = 'all'"),
        ((230, 0), {"prototypes": "aflow"}, "none is left"),
        ((225, 0), {"exclude_elements": ("Xx",)}, "exclude_elements = Xx"),
        ((225, 0), {"exclude_elements": "Al"}, "a list"),
        ((225, 0), {"exclude_prototypes": ("nothing",)}, "exclude_prototypes = nothing"),
        ((225, 0), {"least_contrast": 1.0}, "least_contrast"),
    ],
)
def test_bad_input_is_refused(arguments, options, word):
    """Each wrong argument is named in one line."""
    with pytest.raises(InputError, match=word) as caught:
        group_structure(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_a_negative_count_is_refused():
    """A list has no fewer than no crystals."""
    assert group_structures(225, 0) == []
    with pytest.raises(InputError, match="count"):
        group_structures(225, -1)
