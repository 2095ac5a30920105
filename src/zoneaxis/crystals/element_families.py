"""Elements by chemical family, and how near two atoms come: enough chemistry to decorate a prototype sensibly."""

import math
from collections.abc import Iterable
from functools import cache
from itertools import chain

import gemmi
import numpy as np
from pymatgen.core import Element

from zoneaxis.errors import InputError

FAMILIES: dict[str, tuple[str, ...]] = {
    "alkali": ("Li", "Na", "K", "Rb", "Cs"),
    "alkaline earth": ("Be", "Mg", "Ca", "Sr", "Ba"),
    "rare earth": (
        *("Sc", "Y", "La", "Ce", "Pr", "Nd", "Sm", "Eu", "Gd"),
        *("Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Th", "U"),
    ),
    "early transition": ("Ti", "Zr", "Hf", "V", "Nb", "Ta", "Cr", "Mo", "W"),
    "late transition": (
        *("Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ru", "Rh", "Pd"),
        *("Ag", "Cd", "Re", "Os", "Ir", "Pt", "Au", "Hg"),
    ),
    "heavy p metal": ("Al", "Ga", "In", "Tl", "Sn", "Pb", "Bi"),
    "metalloid": ("B", "Si", "Ge", "As", "Sb", "Te"),
    "non-metal": ("C", "N", "O", "P", "S", "Se"),
    "halogen": ("F", "Cl", "Br", "I"),
}
"""Families between whose members a decoration exchanges atoms. Source: our choice, after the groups of the periodic
table; noble gases, hydrogen and the elements without a stable isotope (but Th and U) are left out."""

NON_METALS = ("metalloid", "non-metal", "halogen")

ELEMENTS = tuple(sorted(chain.from_iterable(FAMILIES.values()), key=lambda symbol: gemmi.Element(symbol).atomic_number))
"""Every element a decoration may use, by rising atomic number (3 to 92)."""

STRANGERS = {"H": "halogen", "Po": "non-metal", "Pu": "rare earth"}
"""Elements of the prototypes that no decoration uses, with the family that stands in for them."""

METALLIC_OVER_COVALENT = 1.18
"""Metallic over covalent radius where no metallic one is tabulated (Sn, Pb, Bi). Source: 1.75/1.46 for Pb."""


def family(symbol: str) -> str:
    """The family of an element; raises `InputError` for one that belongs to none."""
    for name, members in FAMILIES.items():
        if symbol in members:
            return name
    if symbol in STRANGERS:
        return STRANGERS[symbol]
    raise InputError(f"element {symbol!r}: a decoration uses {', '.join(ELEMENTS)}")


def is_metal(symbol: str) -> bool:
    """Whether the element counts as a metal here: not a metalloid, non-metal or halogen."""
    return symbol != "H" and family(symbol) not in NON_METALS


SINGLE_BOND_RADII = {"F": 0.64}
"""Covalent radii [Å] in place of those in gemmi, where F2 would be 1.14 Å long (it is 1.41). Source: P. Pyykkö and
M. Atsumi, Chem. Eur. J. 15 (2009) 186."""

SALT_METALS = 0.75
"""Shortest distance of two metals in a salt over the sum of their metallic radii. Source: below
0.77 of CsCl and 0.95 of CaTiO3."""

SALT_ANIONS = 1.5
"""Shortest distance of two anions that do not bond, over the sum of covalent radii. Source: below
2.0 of ReO3, 2.4 of CaF2 and 1.9 of NaCl."""

METAL_PACKING, COVALENT_PACKING = 0.8, 0.5
"""Share of space that atoms fill at most. Source: just above copper, 0.74, and FeSi or CoAs3, 0.48."""

SALT_SHRINKAGE = 0.4
"""Room of a metal in a salt over that in the metal. Source: just below MgO, whose cell holds 18.7 Å³ a formula."""

LEAST_ROOM_A3 = {"H": 1.5, "B": 5.0, "C": 5.5, "P": 10.0, "S": 10.0, "N": 8.0, "O": 8.0, "F": 8.0, "Cl": 13.0}
"""Least room of small non-metals [Å³]. Source: below diamond, 5.7; spinel, 9.4 an oxygen; fluorite, 10 a fluorine."""

CLOSED_ANIONS = ("N", "O", "F", "Cl", "Br", "I")


@cache
def radius_angstrom(symbol: str, metallic: bool) -> float:
    """Radius of an atom in Å: metallic (twelve neighbours) or covalent.

    Source: metallic radii as in pymatgen (Greenwood and Earnshaw), covalent radii as in gemmi (Cordero et al., Dalton
    Trans. 2008, 2832).
    """
    covalent = SINGLE_BOND_RADII.get(symbol) or float(gemmi.Element(symbol).covalent_r)
    if not metallic:
        return covalent
    tabulated = Element(symbol).data.get("Metallic radius")
    return float(tabulated) if isinstance(tabulated, (int, float)) else METALLIC_OVER_COVALENT * covalent


def is_salt(elements: Iterable[str]) -> bool:
    """Whether the elements form a crystal of cations and anions: a metal with a non-metal or a halogen.

    A metal with a metalloid (FeSi, CoAs3) does not count.
    """
    families = {family(symbol) for symbol in elements if symbol != "H"}
    return bool(families & {"non-metal", "halogen"}) and bool(families - set(NON_METALS))


def contact_angstrom(one: str, other: str, salt: bool = False) -> float:
    """Usual distance of two neighbouring atoms in Å.

    Two metals touch with their metallic radii, all else with covalent radii. In a salt two metals have lost electrons
    and may come nearer (`SALT_METALS`), and two halogens, oxygens or nitrogens do not bond (`SALT_ANIONS`).
    """
    metallic = is_metal(one) and is_metal(other)
    usual = radius_angstrom(one, metallic) + radius_angstrom(other, metallic)
    if not salt:
        return usual
    if metallic:
        return SALT_METALS * usual
    return SALT_ANIONS * usual if one in CLOSED_ANIONS and other in CLOSED_ANIONS else usual


def room_angstrom3(symbol: str, salt: bool = False) -> float:
    """Volume below which an atom is never squeezed in a crystal at rest [Å³].

    Spheres of the metallic radius over `METAL_PACKING` for metals (`SALT_SHRINKAGE` of it in a salt), of the covalent
    radius over `COVALENT_PACKING` for the rest, with a least room for small atoms that do not bond on all sides.
    """
    if is_metal(symbol):
        room = 4 / 3 * math.pi * radius_angstrom(symbol, True) ** 3 / METAL_PACKING
        return SALT_SHRINKAGE * room if salt else room
    room = 4 / 3 * math.pi * radius_angstrom(symbol, False) ** 3 / COVALENT_PACKING
    return max(room, LEAST_ROOM_A3.get(symbol, 0.0))


def substitute(symbol: str, generator: np.random.Generator, kinship: float = 0.6) -> str:
    """An element of similar chemistry drawn at random.

    With probability `kinship` it comes from the same family, otherwise from any family of the same side (metals, or
    metalloids with non-metals and halogens).
    """
    kin = FAMILIES[family(symbol)]
    metal = family(symbol) not in NON_METALS
    side = tuple(element for element in ELEMENTS if is_metal(element) == metal)
    pool = kin if generator.random() < kinship else side
    return str(pool[int(generator.integers(len(pool)))])
