"""Point defects: counts, places, ordered repeats, relaxation fields, what goes with what."""

from collections.abc import Callable

import numpy as np
import pytest
from ase import Atoms

from zoneaxis.crystals import load
from zoneaxis.crystals.defects.point import interstitials, substituted, vacancies
from zoneaxis.crystals.defects.relaxation_field import field_named, fields
from zoneaxis.crystals.defects.strain import strained
from zoneaxis.crystals.defects.thermal import displaced
from zoneaxis.crystals.specimen import details, history, lattice_coordinates, perfect_positions, specimen
from zoneaxis.errors import InputError

Defect = Callable[..., Atoms]


def nearest(atoms: Atoms, places: np.ndarray) -> np.ndarray:
    """Distance in Å of the nearest atom to every place, places themselves apart."""
    distance = np.linalg.norm(places[:, None] - atoms.positions[None], axis=2)
    distance[distance < 1e-6] = np.inf
    return distance.min(axis=1)


def test_counts() -> None:
    """Fractions are of the atoms present, rounded; the input stays as it is."""
    atoms = specimen(load("Al"), (6, 5, 4))
    assert len(vacancies(atoms, 0.05)) == 480 - 24
    assert np.sum(substituted(atoms, "Si", 0.05).numbers == 14) == 24
    assert np.sum(interstitials(atoms, "C", 0.05).numbers == 6) == 24
    assert len(atoms) == 480
    assert history(atoms) == []


@pytest.mark.parametrize("make", [vacancies, substituted, interstitials])
def test_nothing_and_seeds(make: Defect) -> None:
    """A fraction of 0 leaves the atoms as they are; a seed repeats its draw, another draws anew."""
    atoms, guest = specimen(load("Al"), (5, 5, 5)), [] if make is vacancies else ["Cu"]
    assert make(atoms, *guest, 0.0).positions == pytest.approx(atoms.positions)
    one, same, other = (make(atoms, *guest, 0.02, seed=seed) for seed in (1, 1, 2))
    assert one.positions.tolist() == same.positions.tolist()
    assert one.numbers.tolist() == same.numbers.tolist()
    assert lattice_coordinates(one)[one.numbers == 29].tolist() != lattice_coordinates(other)[
        other.numbers == 29
    ].tolist() or (make is vacancies and lattice_coordinates(one).tolist() != lattice_coordinates(other).tolist())
    assert history(one)[0]["defect"] == make.__name__


@pytest.mark.parametrize(
    ("crystal", "fraction", "repeat"), [("Al", 1 / 32, 2), ("Al", 1 / 108, 3), ("Fe", 1 / 54, 3), ("Fe", 1 / 128, 4)]
)
def test_ordered_repeat(crystal: str, fraction: float, repeat: int) -> None:
    """The paper's supercells: one vacancy each, so the count is the fraction and the places repeat."""
    atoms = specimen(load(crystal), (12, 12, 12))
    changed = vacancies(atoms, fraction, ordered=True)
    assert len(atoms) - len(changed) == (12 // repeat) ** 3 == round(fraction * len(atoms))
    present = {tuple(row) for row in np.rint(lattice_coordinates(changed) * 2).astype(int)}
    gone = np.array([row for row in np.rint(lattice_coordinates(atoms) * 2).astype(int) if tuple(row) not in present])
    assert not (gone % (2 * repeat)).any()


def test_supercell_spots_only_when_ordered() -> None:
    """Ordered vacancies add spots at 1/3 of the lattice points, of amplitude 1/107; random ones spread over all angles.

    Both lower the lattice points alike.
    """
    atoms, a = specimen(load("Al"), (12, 12, 12)), load("Al").lattice.a
    ordered = vacancies(atoms, 1 / 108, ordered=True, relaxation="none").positions
    random = vacancies(atoms, 1 / 108, 3, relaxation="none").positions
    supercell, between = np.array([7 / 3, 1 / 3, 0]) / a, np.array([2 + 1 / 12 * 5, 0, 0]) / a
    amplitude = lambda rows, g: abs(np.exp(2j * np.pi * rows @ g).sum())  # noqa: E731
    assert amplitude(ordered, supercell) == pytest.approx(64, rel=1e-6)
    assert amplitude(ordered, between) == pytest.approx(0, abs=1e-6)
    assert amplitude(random, supercell) < 30
    assert amplitude(random, np.array([2, 0, 0]) / a) == pytest.approx(amplitude(ordered, np.array([2, 0, 0]) / a))


def test_ordered_field_is_the_relaxed_cell() -> None:
    """Laid about every vacancy of its own repeat, the field moves the atoms exactly as in the relaxed periodic cell."""
    field = field_named("Al vacancy 3x3x3")
    atoms = specimen(load("Al"), (9, 9, 9))
    changed = vacancies(atoms, 1 / 108, ordered=True)
    assert history(changed)[0]["relaxation"] == field.name
    moved = changed.positions - perfect_positions(changed)
    coordinates = lattice_coordinates(changed)
    inside = ((coordinates >= 3) & (coordinates < 6)).all(axis=1)
    size = np.linalg.norm(moved[inside], axis=1)
    assert inside.sum() == 107
    assert size.max() == pytest.approx(field.largest_angstrom(), abs=2e-5)
    assert np.sum(size > 0.05) == 12
    shifted = ((coordinates >= 0) & (coordinates < 3)).all(axis=1)
    assert np.sort(size)[::-1][:12] == pytest.approx(
        np.sort(np.linalg.norm(moved[shifted], axis=1))[::-1][:12], rel=0.5
    )


def test_fields_add_up_and_stretch() -> None:
    """A factor of 2 doubles every displacement; none leaves the atoms in place."""
    atoms = specimen(load("Fe"), (6, 6, 6))
    once, twice, still = (vacancies(atoms, 0.02, 1, relax_factor=factor).positions for factor in (1.0, 2.0, 0.0))
    assert twice - still == pytest.approx(2 * (once - still), abs=1e-12)
    largest = np.linalg.norm(once - still, axis=1).max()
    assert largest > 0.07
    assert vacancies(atoms, 0.02, 1, relaxation="none").positions == pytest.approx(still)


@pytest.mark.parametrize(
    ("crystal", "site", "distance"),
    [
        ("Al", "tetrahedral", np.sqrt(3) / 4),
        ("Al", "octahedral", 0.5),
        ("Fe", "tetrahedral", np.sqrt(5) / 4),
        ("Fe", "octahedral", 0.5),
        ("Si", "tetrahedral", np.sqrt(3) / 4),
        ("NiAl", "tetrahedral", np.sqrt(5) / 4),
    ],
)
def test_interstices(crystal: str, site: str, distance: float) -> None:
    """Interstitials stand at the distance that the geometry gives to the nearest atoms."""
    structure = load(crystal)
    changed = interstitials(specimen(structure, (4, 4, 4)), "H", 0.05, site, 2, relaxation="none")
    guest = changed.numbers == 1
    inner = guest & (np.abs(changed.positions) < 1.2 * structure.lattice.a).all(axis=1)
    assert nearest(changed[~guest], changed.positions[inner]) == pytest.approx(distance * structure.lattice.a)


def test_carbon_pushes_its_neighbours() -> None:
    """Both kinds of tetrahedral place in Al push the four neighbours outwards by 0.21 Å."""
    structure = load("Al")
    atoms = specimen(structure, (8, 8, 8))
    changed = interstitials(atoms, "C", 4 / len(atoms), "tetrahedral", 11)
    assert history(changed)[0]["relaxation"] == "Al interstitial C 3x3x3"
    guest = changed.numbers == 6
    quarters = np.rint(lattice_coordinates(changed)[guest] * 4).astype(int).sum(axis=1) % 4
    assert set(quarters.tolist()) == {1, 3}
    distance = np.linalg.norm(changed.positions[guest][:, None] - changed.positions[~guest][None], axis=2)
    assert np.sort(distance, axis=1)[:, :4] == pytest.approx(np.sqrt(3) / 4 * structure.lattice.a + 0.209, abs=0.02)


def test_interstitials_follow_the_crystal() -> None:
    """In a strained crystal the interstitial stands on the strained lattice; heat of its neighbours shifts it."""
    atoms = strained(specimen(load("Al"), (5, 5, 5)), np.diag([0.03, 0.0, -0.02]))
    cold = interstitials(atoms, "C", 0.01, relaxation="none")
    assert cold.positions == pytest.approx(perfect_positions(cold), abs=1e-9)
    warm = interstitials(displaced(atoms, 0.5), "C", 0.01, relaxation="none")
    guest = warm.numbers == 6
    away = np.linalg.norm((warm.positions - perfect_positions(warm))[guest], axis=1)
    assert 0 < away.max() < 0.3


def test_a_place_of_ones_own() -> None:
    """A place may be given as fractions; one that is taken is refused, by an atom or by an interstitial."""
    atoms = specimen(load("Al"), (3, 3, 3))
    changed = interstitials(atoms, "H", 2 / 108, (0.5, 0.0, 0.0), 1)
    assert len(changed) == 110
    assert history(changed)[0]["site"] == [0.5, 0.0, 0.0]
    with pytest.raises(InputError, match="there already"):
        interstitials(atoms, "H", 0.01, (0.5, 0.5, 0.0))
    with pytest.raises(InputError, match="there already"):
        interstitials(changed, "H", 2 / 110, (0.5, 0.0, 0.0), 1)


def test_substitution_spares_its_own() -> None:
    """A second substitution by the same element never hits what is that element already; B stays."""
    atoms = specimen(load("Fe"), (5, 5, 5))
    changed = substituted(substituted(atoms, "Au", 0.1, 1), "Au", 0.1, 1)
    assert np.sum(changed.numbers == 79) == 50
    assert changed.arrays["b_iso"].tolist() == atoms.arrays["b_iso"].tolist()


def test_everything_composes() -> None:
    """Strain, all three point defects and heat: all is in the history, in order, and every atom has its arrays."""
    atoms = specimen(load("Al"), (6, 6, 6))
    changed = strained(atoms, np.diag([0.01, 0.0, 0.0]))
    changed = substituted(vacancies(changed, 0.01, 1), "Si", 0.02, 2)
    changed = displaced(interstitials(changed, "C", 0.005, seed=3), 0.3, 4)
    names = [line["defect"] for line in history(changed)]
    assert names == ["strained", "vacancies", "substituted", "interstitials", "displaced"]
    assert {len(values) for values in changed.arrays.values()} == {len(changed)}
    assert np.abs(changed.positions - perfect_positions(changed)).max() < 0.8
    assert details(changed)["cells"] == [6, 6, 6]


def test_fields_of_other_crystals() -> None:
    """A crystal without a field says so in its history; a field by name is taken over, scaled by the cell."""
    atoms = specimen(load("Ni"), (5, 5, 5))
    assert history(vacancies(atoms, 0.01))[0]["relaxation"] == "none"
    lent = vacancies(atoms, 1 / len(atoms), 1, relaxation="Al vacancy 2x2x2")
    largest = np.linalg.norm(lent.positions - perfect_positions(lent), axis=1).max()
    scale = load("Ni").lattice.a / load("Al").lattice.a
    assert largest == pytest.approx(0.0452 * scale, rel=0.01)


@pytest.mark.parametrize("name", sorted(fields()))
def test_fields_hold_together(name: str) -> None:
    """Every field: the shares count each atom of the cell once, and the displacements add up to nothing."""
    field = field_named(name)
    assert (
        abs(sum(line[1] for line in field.shells()) - int(np.prod(field.cells)) * {"fcc": 4, "bcc": 2}[field.lattice])
        <= 1
    )
    assert field.expanded()[1].sum(axis=0) == pytest.approx([0, 0, 0], abs=1e-10)


@pytest.mark.parametrize("defect", ["twinned", "edge_dislocations"])
def test_twins_and_dislocations_come_after(defect: str) -> None:
    """Interstitials, ordered repeats and fields are refused where neighbours have changed; plain vacancies are not."""
    atoms = specimen(load("Al"), (3, 3, 3))
    atoms.info["zoneaxis"]["history"].append({"defect": defect})
    for call in (
        lambda: vacancies(atoms, 0.01),
        lambda: vacancies(atoms, 1 / 108, ordered=True, relaxation="none"),
        lambda: interstitials(atoms, "C", 0.01, relaxation="none"),
    ):
        with pytest.raises(InputError, match=f"after {defect}"):
            call()
    assert len(vacancies(atoms, 0.05, relaxation="none")) == 103


def test_refusals() -> None:
    """Fractions, elements, sites, fields and factors that make no sense are refused in one line."""
    atoms = specimen(load("Al"), (3, 3, 3))
    for call in (
        lambda: vacancies(atoms, 0.9),
        lambda: vacancies(atoms, -0.1),
        lambda: vacancies(atoms, 1 / 50, ordered=True),
        lambda: substituted(atoms, "Zz", 0.1),
        lambda: interstitials(atoms, "C", 0.1, "hexagonal"),
        lambda: interstitials(specimen(load("Cr3Si"), (1, 1, 1)), "C", 0.1),
        lambda: vacancies(atoms, 0.1, relaxation="Fe vacancy 3x3x3"),
        lambda: vacancies(atoms, 0.1, relaxation="Xe vacancy"),
        lambda: vacancies(atoms, 0.1, relax_factor=1e3),
    ):
        with pytest.raises(InputError):
            call()
