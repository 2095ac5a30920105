"""Elements by family, their radii and their rooms against known crystals."""

import numpy as np
import pytest

from zoneaxis.crystals.element_families import (
    ELEMENTS,
    FAMILIES,
    contact_angstrom,
    family,
    is_metal,
    is_salt,
    room_angstrom3,
    substitute,
)
from zoneaxis.errors import InputError


def test_every_element_once_and_no_noble_gas():
    """Z rises from lithium to uranium, each element is in one family, noble gases and hydrogen in none."""
    assert sum(map(len, FAMILIES.values())) == len(set(ELEMENTS)) == len(ELEMENTS) == 77
    assert (ELEMENTS[0], ELEMENTS[-1]) == ("Li", "U")
    assert not {"H", "He", "Ne", "Ar", "Kr", "Xe", "Rn"} & set(ELEMENTS)


@pytest.mark.parametrize("symbol", ELEMENTS)
def test_all_form_factor_tables_hold_every_element(symbol):
    """Electrons and X-rays: no decoration can meet an element without form factor."""
    import gemmi
    import torch

    from zoneaxis.scattering.electron_density import x_ray_gaussians
    from zoneaxis.scattering.form_factors import TABLES, elastic

    z = gemmi.Element(symbol).atomic_number
    assert all(float(elastic(z, torch.tensor(0.25, dtype=torch.float64), table)) > 0 for table in TABLES)
    assert sum(x_ray_gaussians(z)[0]) == pytest.approx(z, abs=0.1)


def test_salts():
    """Rock salt and spinel are salts; FeSi, brass, silicon and carbon monoxide are not."""
    assert is_salt(["Na", "Cl"]) and is_salt(["Mg", "Al", "O"])
    assert not any(is_salt(elements) for elements in (["Fe", "Si"], ["Cu", "Zn"], ["Si"], ["C", "O"], ["N", "H"]))


def test_contacts_of_known_crystals():
    """Neighbour distances in Å: copper 2.556, GaAs 2.448, NaCl 2.820, CsCl 3.571 within 6 %; Cs-Cs in CsCl below a."""
    for one, other, salt, measured in [
        ("Cu", "Cu", False, 2.556),
        ("Ga", "As", False, 2.448),
        ("Na", "Cl", True, 2.820),
        ("Cs", "Cl", True, 3.571),
    ]:
        assert contact_angstrom(one, other, salt) == contact_angstrom(other, one, salt)
        assert contact_angstrom(one, other, salt) == pytest.approx(measured, rel=0.06)
    assert contact_angstrom("Cs", "Cs", True) < 4.123
    assert contact_angstrom("F", "F", True) < 2.366 * 2 / 3**0.5


def test_rooms_are_below_the_volumes_of_known_crystals():
    """Measured volumes a formula [Å³]: MgO 18.7, NaCl 44.8, CaF2 40.7, SrTiO3 59.5, FeSi 22.6, Cu 11.8, C 5.67."""
    for elements, measured in [
        (("Mg", "O"), 18.7),
        (("Na", "Cl"), 44.8),
        (("Ca", "F", "F"), 40.7),
        (("Sr", "Ti", "O", "O", "O"), 59.5),
        (("Fe", "Si"), 22.6),
        (("Cu",), 11.8),
        (("C",), 5.67),
    ]:
        room = sum(room_angstrom3(symbol, is_salt(elements)) for symbol in elements)
        assert 0.5 * measured < room < measured, elements


def test_substitutes_are_alike():
    """Metals stay metals; about six in ten stay in the family; hydrogen is replaced too."""
    generator = np.random.default_rng(0)
    drawn = [substitute("Fe", generator) for _ in range(500)]
    assert all(is_metal(symbol) for symbol in drawn)
    # 0.6 plus the 17 late transition metals among the 63 of the other draws.
    share = np.mean([family(symbol) == "late transition" for symbol in drawn])
    metals = sum(is_metal(symbol) for symbol in ELEMENTS)
    assert share == pytest.approx(0.6 + 0.4 * 17 / metals, abs=0.07)
    assert not any(is_metal(substitute("O", generator)) for _ in range(200))
    assert all(substitute("H", generator) in ELEMENTS for _ in range(50))


def test_unknown_elements_are_refused():
    """A noble gas is named."""
    with pytest.raises(InputError, match="'Xe'"):
        family("Xe")
