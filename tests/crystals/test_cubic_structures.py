"""The endless list of cubic crystals: any place of it at once, every topology in turn, nothing impossible in it."""

import collections
import subprocess
import sys

import numpy as np
import pytest

from zoneaxis.crystals import space_group
from zoneaxis.crystals.cubic_structures import _drawn, cubic_structure, cubic_topologies
from zoneaxis.errors import InputError

SAMPLE = [cubic_structure(number, 11, wyckoff_topologies=164) for number in range(220)]


def same(one, other):
    """Whether two crystals are the same to the last digit."""
    return (
        one.species == other.species
        and np.array_equal(one.frac_coords, other.frac_coords)
        and one.lattice == other.lattice
        and one.properties == other.properties
    )


def test_a_crystal_does_not_depend_on_those_asked_before():
    """Asked backwards, with nothing remembered, or from another list in between, the crystals are the same."""
    forwards = [cubic_structure(number, 3) for number in (0, 5, 700, 1500)]
    _drawn.cache_clear()
    backwards = []
    for number in (1500, 700, 5, 0):
        cubic_structure(number, 4)
        backwards.insert(0, cubic_structure(number, 3))
    assert all(same(one, other) for one, other in zip(forwards, backwards, strict=True))
    assert not any(same(one, cubic_structure(number, 4)) for number, one in zip((0, 5), forwards, strict=False))


def test_another_process_gives_the_same_crystal():
    """Nothing depends on the hashing of a process."""
    code = (
        "from zoneaxis.crystals.cubic_structures import cubic_structure\n"
        "s = cubic_structure(421, 7)\n"
        "print(s.properties['prototype'], s.formula, repr(float(s.lattice.a)), repr(float(s.frac_coords.sum())))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    here = cubic_structure(421, 7)
    a, total = float(here.lattice.a), float(here.frac_coords.sum())
    assert told == f"{here.properties['prototype']} {here.formula} {a!r} {total!r}"


def test_every_topology_comes_once_in_a_turn():
    """220 topologies, at least 200 and at least 150 of them random fillings; each once in the first 220 crystals."""
    names = [crystal.properties["prototype"] for crystal in SAMPLE]
    assert len(cubic_topologies(164)) == len(set(names)) == 220
    assert sum(name.startswith("W") for name in names) >= 150
    other = [cubic_structure(number, 12, wyckoff_topologies=164).properties["prototype"] for number in range(220)]
    assert other != names and sorted(other) == sorted(names)


def test_crystals_are_in_range():
    """a from 3 to 10 Å, at most 60 atoms, Z from 3 to 92, B = 0.5 Å² everywhere, cubic cells."""
    for crystal in SAMPLE:
        assert 3.0 <= crystal.lattice.a <= 10.0
        assert crystal.lattice.abc == pytest.approx([crystal.lattice.a] * 3) and set(crystal.lattice.angles) == {90.0}
        assert len(crystal) <= 60
        assert all(3 <= element.Z <= 92 for element in crystal.elements)
        assert crystal.site_properties["b_iso"] == [0.5] * len(crystal)


def test_no_crystal_is_crowded_or_empty():
    """No two atoms nearer than 1.0 Å (N2: 1.10), and 4 to 150 Å³ an atom (diamond 5.7, caesium 110)."""
    shortest, volumes = [], []
    for crystal in SAMPLE:
        distances = crystal.get_neighbor_list(5.0)[3]
        shortest.append(distances.min() if len(distances) else 5.0)
        volumes.append(crystal.volume / len(crystal))
    print(f"shortest distance {min(shortest):.2f} Å, {min(volumes):.1f} to {max(volumes):.1f} Å³ an atom")
    assert min(shortest) > 1.0
    assert min(volumes) > 4.0 and max(volumes) < 150.0


def test_the_stated_group_is_the_group():
    """spglib finds the group that the properties state."""
    for crystal in SAMPLE[::4]:
        assert space_group(crystal) == crystal.properties["space_group"]


def test_elements_do_not_come_again():
    """In ten turns the prototypes of AFLOW hardly ever repeat their elements; many hold but one or two kinds."""
    crystals = [cubic_structure(number, 2, wyckoff_topologies=0) for number in range(560)]
    kinds = collections.Counter((c.properties["prototype"], tuple(map(str, c.species))) for c in crystals)
    repeated = sum(count - 1 for count in kinds.values())
    print(f"{repeated} of 560 crystals repeat the elements of an earlier one")
    assert repeated < 0.03 * len(crystals)


def test_more_topologies_on_request():
    """The number of random fillings can be chosen; without any the list holds the prototypes of AFLOW."""
    plain = {cubic_structure(number, 0, wyckoff_topologies=0).properties["prototype"] for number in range(56)}
    assert len(plain) == 56 and not any(name.startswith("W2") for name in plain)
    assert len(cubic_topologies(300)) == 356


def test_bad_numbers_are_refused():
    """Negative numbers and seeds, too many fillings."""
    with pytest.raises(InputError, match="number = -1"):
        cubic_structure(-1, 0)
    with pytest.raises(InputError, match="seed = -2"):
        cubic_structure(0, -2)
    with pytest.raises(InputError, match="random fillings"):
        cubic_structure(0, 0, wyckoff_topologies=10_000)
