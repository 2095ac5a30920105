"""Families of defects of a data set: what a recipe says of each, and the specimen that one draw of it gives.

A drawn defect is text as on the command line (`twin:law=fcc,volume_fraction=0.3`), so that `simulate sadp` can make the
same specimen from crystal, cells, defect and seed of a label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoneaxis.crystals.cell import basis, centring_translations
from zoneaxis.crystals.defects.slip import slip_system
from zoneaxis.crystals.defects.strain import strained_structure
from zoneaxis.crystals.defects.thermal import b_iso_of_temperature
from zoneaxis.crystals.defects.written import DEFECTS, read_defect, with_defects
from zoneaxis.crystals.specimen import history, specimen
from zoneaxis.errors import InputError
from zoneaxis.recipes.spread import Spread

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

PERFECT = "perfect"
STRENGTHS = {
    "stretch": "strain",
    "shear": "gamma_rad",
    "heat": "b_iso_angstrom2",
    "temperature": "temperature_k",
    "vacancies": "fraction",
    "substitution": "fraction",
    "interstitials": "fraction",
    "dislocations": "count",
    "twin": "volume_fraction",
}
"""Which setting of a defect is its strength."""

WRITTEN = {"temperature": "heat"}
"""Names of this file that the command line writes otherwise."""

CLOSED_FORM = ("stretch", "shear", "heat", "temperature", "vacancies", "substitution")
"""Defects whose pattern is a perfect crystal's: another cell, another Debye-Waller factor, or mixed occupation."""

SYSTEMS = {"F": ("fcc", "rock-salt"), "I": ("bcc", "bcc-112"), "P": ("primitive", "caesium-chloride")}
"""Slip systems by centring, usual and other. Source: our choice; each Burgers vector is a lattice
translation."""
SLIPS = ("usual", "other")
LAWS = {"F": "fcc", "I": "bcc", "P": "fcc"}
"""Twin laws by centring; elements with the structure of diamond have their own. Source: our choice for P."""
DIAMOND_SITES = 8

FACE_ROOM = 5.0
"""Burgers vectors that an array leaves free of an edge of the specimen. Source: our choice; a core needs
two."""

OPTIONS = ("defect", "share", "strength", "explicit", "cells", "crystals", "groups")


@dataclass(frozen=True)
class Family:
    """One kind of defect in a set.

    Attributes:
        name: label of the family.
        defect: a name of `STRENGTHS`, or perfect.
        share: of the specimens, relative to the other families.
        strength: values of the defect's strength.
        settings: further settings of the defect, by name.
        explicit: sum atom by atom even where a closed form exists.
        cells: repeats of the cell in place of the plan's, or none.
        crystals: names of the crystals that have it; all where empty.
        groups: their space groups; all where empty.
    """

    name: str
    defect: str = PERFECT
    share: float = 1.0
    strength: Spread | None = None
    settings: tuple[tuple[str, Spread], ...] = ()
    explicit: bool = False
    cells: tuple[int, int, int] | None = None
    crystals: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()

    @classmethod
    def of(cls, name: str, table: Mapping[str, Any]) -> Family:
        """A family from its table of a recipe: `OPTIONS`, everything else is a setting of the defect.

        Raises:
            InputError: a defect, an option or a setting that there is not, a strength that is missing.
        """
        if not isinstance(table, Mapping):
            raise InputError(f"{name} = {table!r}: expected a table such as {{ share = 0.1, strength = [0.01] }}")
        defect = str(table.get("defect", name))
        if defect != PERFECT and defect not in STRENGTHS:
            raise InputError(f"family {name!r}: defect {defect!r}; expected one of {PERFECT}, {', '.join(STRENGTHS)}")
        settings = {key: Spread.of(value, f"{name}.{key}") for key, value in table.items() if key not in OPTIONS}
        if (defect == PERFECT) == ("strength" in table) or (defect == PERFECT and settings):
            raise InputError(
                f"family {name!r}: "
                + ("a perfect crystal has no strength" if defect == PERFECT else "strength is missing")
            )
        share, explicit, cells = table.get("share", 1.0), table.get("explicit", False), table.get("cells")
        if type(share) not in (int, float) or not 0 < share < 1e6 or type(explicit) is not bool:
            raise InputError(
                f"family {name!r}: share = {share!r}, explicit = {explicit!r}: expected above 0; true, false"
            )
        if cells is not None and (len(cells) != 3 or any(type(n) is not int or n < 1 for n in cells)):
            raise InputError(f"family {name!r}: cells = {cells}: expected three whole numbers from 1")
        made = cls(
            name,
            defect,
            float(share),
            Spread.of(table["strength"], f"{name}.strength") if "strength" in table else None,
            tuple(settings.items()),
            explicit,
            None if cells is None else (cells[0], cells[1], cells[2]),
            tuple(map(str, table.get("crystals", ()))),
            tuple(int(group) for group in table.get("groups", ())),
        )
        made.check()
        return made

    def check(self) -> None:
        """InputError for settings that the defect does not have, or words for its strength."""
        if self.defect == PERFECT:
            return
        assert self.strength is not None
        self.strength.numbers(f"{self.name}.strength")
        if self.defect == "dislocations" and any(one not in SLIPS for one in self._all("slip")):
            raise InputError(f"{self.name}.slip = {list(self._all('slip'))}: expected {', '.join(SLIPS)}")
        if self.defect == "substitution" and not self._all("element"):
            raise InputError(f"family {self.name!r}: element is missing: which elements come in")
        given = {key: spread.ends()[0] for key, spread in self.settings if key != "slip"}
        read_defect(self._text(self.strength.ends()[0], given))

    def fits(self, structure: Structure) -> bool:
        """Whether the crystal can have it: elements alone have a temperature; see also `crystals`, `groups`."""
        properties = structure.properties
        if self.crystals and properties["name"] not in self.crystals:
            return False
        if self.groups and int(properties["space_group"]) not in self.groups:
            return False
        if self.defect == "temperature":
            try:
                b_iso_of_temperature(structure.composition.reduced_formula, 300.0)
            except InputError:
                return False
        return self.defect != "substitution" or bool(self._guests(structure))

    @property
    def steps(self) -> tuple[float, ...]:
        """Every strength, for a set that holds each; InputError for a range, which has no steps."""
        if self.strength is None:
            return (0.0,)
        if not self.strength.values:
            raise InputError(f"family {self.name!r}: each strength is wanted; expected a list in place of a range")
        return self.strength.numbers(self.name)

    def drawn(self, generator: np.random.Generator) -> float:
        """A strength."""
        return 0.0 if self.strength is None else float(self.strength.draw(generator))

    def written(
        self, structure: Structure, strength: float, edge_angstrom: float, generator: np.random.Generator
    ) -> str:
        """The defect as text, its settings drawn; empty for a perfect crystal.

        Args:
            structure: the crystal.
            strength: as drawn, or a step.
            edge_angstrom: shortest edge of the specimen; arrays of dislocations are made to fit into it.
            generator: of the draws.
        """
        if self.defect == PERFECT:
            return ""
        settings = {key: spread.draw(generator) for key, spread in self.settings}
        if self.defect == "substitution":
            settings["element"] = self._guests(structure)[int(generator.integers(len(self._guests(structure))))]
        if self.defect in ("vacancies", "substitution") and self.closed_form:
            settings["relaxation"] = "none"
        if self.defect == "twin":
            settings.setdefault("law", _law(structure))
        if self.defect == "dislocations":
            slip = SLIPS.index(str(settings.pop("slip", SLIPS[0])))
            settings.setdefault("system", SYSTEMS[centring(structure)][slip])
            strength, settings["spacing_angstrom"] = _fitting(
                structure,
                settings["system"],
                round(strength),
                float(settings.get("spacing_angstrom", 40.0)),
                edge_angstrom,
            )
        return self._text(strength, settings)

    @property
    def closed_form(self) -> bool:
        """Whether its pattern is worked out without a list of atoms."""
        return not self.explicit and (self.defect == PERFECT or (self.defect in CLOSED_FORM and not self._ordered))

    @property
    def _ordered(self) -> bool:
        return any(bool(value) for value in self._all("ordered"))

    def _all(self, setting: str) -> tuple[Any, ...]:
        return dict(self.settings).get(setting, Spread()).ends() if setting in dict(self.settings) else ()

    def _guests(self, structure: Structure) -> list[str]:
        inside = {element.symbol for element in structure.composition.elements}
        return [str(element) for element in self._all("element") if element not in inside]

    def _text(self, strength: float, settings: Mapping[str, Any]) -> str:
        of = {STRENGTHS[self.defect]: int(strength) if self.defect == "dislocations" else strength} | dict(settings)
        listed = ",".join(
            f"{key}={str(value).lower() if value is True or value is False else value}" for key, value in of.items()
        )
        return f"{WRITTEN.get(self.defect, self.defect)}:{listed}"


def atoms_with(structure: Structure, cells: tuple[int, int, int], defect: str, seed: int) -> Atoms:
    """The specimen atom by atom, as `simulate sadp` makes it from the same text and seed."""
    return with_defects(specimen(structure, cells, seed), [read_defect(defect)] if defect else [], seed)


def averaged(structure: Structure, defect: str) -> Structure:
    """The crystal whose block, with diffuse intensity, has the mean pattern of specimens with this defect.

    Strain: the deformed cell. Heat: the Debye-Waller factor. Vacancies and substitution: occupation by share.

    Raises:
        InputError: a defect that has no such crystal.
    """
    if not defect:
        return structure
    name, settings = read_defect(defect)
    if name in ("stretch", "shear"):
        done = history(DEFECTS[name](specimen(structure, (1, 1, 1)), **settings))[-1]
        return strained_structure(structure, done["tensor"])
    if name == "heat":
        b_iso = settings.get("b_iso_angstrom2")
        if b_iso is None:
            b_iso = b_iso_of_temperature(structure.composition.reduced_formula, settings["temperature_k"])
        return structure.copy(
            site_properties={"b_iso": [float(b_iso)] * len(structure)}, properties=structure.properties
        )
    if name in ("vacancies", "substitution") and not settings.get("ordered", False):
        return _mixed(structure, float(settings["fraction"]), settings.get("element"))
    raise InputError(f"defect {defect!r}: no average crystal has its pattern; expected {', '.join(CLOSED_FORM)}")


def centring(structure: Structure) -> str:
    """P, I or F, of a cubic conventional cell."""
    return {1: "P", 2: "I", 4: "F"}[len(centring_translations(structure))]


def _mixed(structure: Structure, fraction: float, guest: str | None) -> Structure:
    """Every atom replaced by a vacancy, or by the guest, in that share."""
    from pymatgen.core import Structure as Crystal

    species = []
    for site in structure:
        shares = {element.symbol: float(share) * (1.0 - fraction) for element, share in site.species.items()}
        if guest is not None:
            shares[guest] = shares.get(guest, 0.0) + fraction * float(site.species.num_atoms)
        species.append(shares)
    return Crystal(
        structure.lattice,
        species,
        structure.frac_coords,
        site_properties={"b_iso": list(structure.site_properties["b_iso"])},
        properties=structure.properties,
    )


def _law(structure: Structure) -> str:
    elemental = len(structure.composition) == 1
    if int(structure.properties["space_group"]) == 227 and elemental and len(structure) == DIAMOND_SITES:
        return "diamond"
    return LAWS[centring(structure)]


def _fitting(
    structure: Structure, system: str, count: int, spacing_angstrom: float, edge_angstrom: float
) -> tuple[int, float]:
    """Number and spacing of dislocations that fit into a specimen, the spacing at least a Burgers vector."""
    cell: NDArray[np.float64] = basis(structure)
    length = float(np.linalg.norm(slip_system(system).burgers_vector(cell)))
    room = max(edge_angstrom - FACE_ROOM * length, 0.0)
    most = max(1, min(count, int(room / (1.01 * length)) + 1))
    return most, float(f"{min(spacing_angstrom, room / (most - 1)) if most > 1 else spacing_angstrom:.4g}")
