"""Extinction: absences of the cubic groups against textbook rules and an independent list."""

import itertools

import gemmi
import numpy as np
import pytest

from zoneaxis.errors import InputError
from zoneaxis.techniques.sadp.extinction import extinction_class, extinction_classes, reflection_allowed
from zoneaxis.techniques.sadp.zones import STANDARD_ZONES, primitive_basis, zone_net

HKL = np.array(list(itertools.product(range(-4, 5), repeat=3)))


@pytest.mark.parametrize("group", [198, 205, 213, 221, 225, 227, 229, 230])
def test_absences_are_those_gemmi_finds(group):
    """Two roads: our stabiliser rule and gemmi's own test agree for every reflection up to 4."""
    operations = gemmi.find_spacegroup_by_number(group).operations()
    absent = [operations.is_systematically_absent([int(i) for i in hkl]) for hkl in HKL]
    assert np.array_equal(reflection_allowed(group, HKL), ~np.array(absent))


def test_rules_of_the_textbook():
    """The h00 rule of 213, the glide of 205, and 222, which only atoms on 8a of 227 forbid."""
    axial = [[h, 0, 0] for h in range(1, 9)]
    assert reflection_allowed(213, axial).tolist() == [h % 4 == 0 for h in range(1, 9)]
    assert reflection_allowed(205, [[0, 2, 1], [0, 1, 2], [1, 1, 0]]).tolist() == [True, False, False]
    assert reflection_allowed(227, [2, 2, 2])
    assert not extinction_class("diamond").allowed([2, 2, 2])
    assert not reflection_allowed(227, [2, 0, 0])


def test_every_cubic_group_has_one_class():
    """The 36 groups fall into 17 classes; what no absence separates shares one."""
    groups = sorted(group for entry in extinction_classes() if entry.name != "diamond" for group in entry.groups)
    assert groups == list(range(195, 231))
    assert len(extinction_classes()) == 18
    assert {216, 225} <= set(extinction_class(225).groups) and {215, 221} <= set(extinction_class(221).groups)


@pytest.mark.parametrize("zone", [(1, 1, 1), (1, 1, 3), (1, 3, 3)])
def test_nets_coincide_where_no_zone_can_decide(zone):
    """Along axes with odd indices the nets of P, I, F, diamond and P4_132 differ in scale only."""
    shapes = [zone_net(rule, zone).gram for rule in ("P", "I", "F", "diamond", 213)]
    for gram in shapes:
        assert np.allclose(gram / gram[0, 0], shapes[0] / shapes[0][0, 0])


def test_known_nets():
    """[011] of fcc is the rhombus of 111 and 1-1-1; every zone basis spans its plane."""
    assert zone_net("F", (0, 1, 1)).gram.tolist() == [[3, 1], [1, 3]]
    assert zone_net("diamond", (0, 0, 1)).gram.tolist() == [[8, 0], [0, 8]]
    for zone in STANDARD_ZONES:
        assert np.array_equal(np.abs(np.cross(*primitive_basis(zone))), zone)


def test_bad_input_is_refused():
    """Groups that are not cubic, broken indices, unknown classes and axes are named."""
    with pytest.raises(InputError, match="space_group = 194"):
        reflection_allowed(194, [1, 0, 0])
    with pytest.raises(InputError, match="hkl"):
        reflection_allowed(225, [0.5, 0, 0])
    with pytest.raises(InputError, match="extinction class"):
        extinction_class("R")
    with pytest.raises(InputError, match="zone"):
        primitive_basis((0, 0, 0))
