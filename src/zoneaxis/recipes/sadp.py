"""SADP data sets: which crystals, seen along which zones and by which camera, perfect or with which defects."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zoneaxis import crystals
from zoneaxis.crystals.group_prototypes import DRAWN, KNOWN_GROUPS, OTHER_GROUPS
from zoneaxis.crystals.group_structures import TURNS
from zoneaxis.crystals.specimen import PAPER_CELLS
from zoneaxis.crystals.structure_split import PARTS, SHARES
from zoneaxis.errors import InputError
from zoneaxis.recipes import plan_file
from zoneaxis.recipes.sadp_families import Family
from zoneaxis.recipes.spread import Spread
from zoneaxis.scattering.kinematical import DEFAULT_TOLERANCE
from zoneaxis.techniques.sadp.experiment import LARGEST_SUBPIXELS, SADPExperiment
from zoneaxis.techniques.sadp.zones import STANDARD_ZONES

UNKNOWN, NAMED = "unknown", "named"
ALL_PARTS = (*PARTS, UNKNOWN, NAMED)
"""Parts of the split, the crystals of groups that no model is told of, and those taken from the library by name."""

MOST_STRUCTURES = 5000
"""Of one group. Source: our choice; elements run out long before."""
LARGEST_TILT_SIGMA_MRAD = 20.0
"""Source: our choice; at five of these a picture belongs to no zone any more."""
CONDITIONS = ("drawn", "all")
WIDEST_DIAGONAL = math.sqrt(3.0)
"""Of a cube seen along any axis, over its edge."""


@dataclass(frozen=True)
class PatternSet:
    """One set of a plan, such as training, or a test of twins.

    Attributes:
        name: label.
        parts: of the crystals, see `ALL_PARTS`.
        families: what the specimens hold.
        each: every family with every strength, or families drawn by share and strengths at random.
        specimens: of every crystal; with `each`, of every family and strength too.
        zones: how many of the plan's zones a specimen is seen along, dealt out evenly; None: all.
        structures: crystals of each group at most; None: all of the part.
        groups: space groups; all where empty.
        crystals: names of crystals; all where empty.
    """

    name: str
    parts: tuple[str, ...]
    families: tuple[Family, ...]
    each: bool = False
    specimens: int = 1
    zones: int | None = None
    structures: int | None = None
    groups: tuple[int, ...] = ()
    crystals: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, table: Mapping[str, Any]) -> PatternSet:
        """A set from its table; InputError for what there is not."""
        known = ("parts", "families", "each", "specimens", "zones", "structures", "groups", "crystals")
        strange = sorted(set(table) - set(known))
        if strange:
            raise InputError(f"[set.{name}] has no {strange[0]!r}; known are {', '.join(known)}")
        families = dict(table.get("families", {"perfect": {}}))
        further: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in table.items() if key in known[2:]
        }
        parts = tuple(_of_set(name, family, values) for family, values in families.items())
        made = cls(name, tuple(table.get("parts", ())), parts, **further)
        made.check()
        return made

    def check(self) -> None:
        """InputError for a part, a number or a list that cannot be."""
        strange = sorted(set(self.parts) - set(ALL_PARTS))
        if strange or not self.parts:
            raise InputError(f"[set.{self.name}] parts = {list(self.parts)}: expected some of {', '.join(ALL_PARTS)}")
        if not self.families:
            raise InputError(f"[set.{self.name}] families: expected at least one")
        for key in ("specimens", "zones", "structures"):
            value = getattr(self, key)
            if value is not None and (type(value) is not int or value < 1):
                raise InputError(f"[set.{self.name}] {key} = {value!r}: expected a whole number from 1")
        if type(self.each) is not bool:
            raise InputError(f"[set.{self.name}] each = {self.each!r}: expected true or false")
        if self.each:
            assert all(family.steps for family in self.families)


def _of_set(name: str, family: str, values: Mapping[str, Any]) -> Family:
    try:
        return Family.of(family, values)
    except InputError as reason:
        raise InputError(f"[set.{name}] {reason}") from None


@dataclass(frozen=True)
class Plan:
    """What a data set holds.

    Attributes:
        sets: its sets.
        name, seed: of the recipe; every draw depends on the seed and the number of the specimen or pattern alone.
        groups, count: crystals 0 to count - 1 of the list of each of these groups; see `group_structure`.
        unknown_groups, unknown_count: the same for groups that are no class.
        prototypes: kinds of prototype.
        by, shares: how the crystals of the classes are divided; see `structure_split.split`.
        crystals: of the library, part "named".
        zones: [uvw] of the beam.
        equivalent_zones: fly along any of the twelve axes that every cubic crystal has alike, instead of that one.
        voltages_kv, camera_lengths_mm: accelerating voltages and camera lengths.
        conditions: "drawn", one voltage and one camera length for each specimen, or "all" of their combinations.
        edges_angstrom: edges of a specimen, each drawn by itself; None: `cells`.
        cells: repeats of the cell along a, b, c where no edges are given.
        size_px: side of a pattern 25.6 mm wide.
        rotation_deg: in-plane turn from the shortest reflection of the undeformed crystal to the right; None: any.
        tilt_mrad: standard deviation of the tilt of the beam, along x and along y.
        tolerance: of the transform of explicit atoms.
    """

    sets: tuple[PatternSet, ...]
    name: str = "sadp"
    seed: int = 0
    groups: tuple[int, ...] = KNOWN_GROUPS
    count: int = 200
    unknown_groups: tuple[int, ...] = OTHER_GROUPS
    unknown_count: int = 0
    prototypes: str = "both"
    by: str = "both"
    shares: Mapping[str, float] | None = None
    crystals: tuple[str, ...] = ()
    zones: tuple[tuple[int, int, int], ...] = STANDARD_ZONES
    equivalent_zones: bool = False
    voltages_kv: Spread = field(default_factory=lambda: Spread((100.0, 200.0, 300.0)))
    camera_lengths_mm: Spread = field(default_factory=lambda: Spread((250.0, 320.0, 400.0)))
    conditions: str = "drawn"
    edges_angstrom: Spread | None = None
    cells: tuple[int, int, int] = PAPER_CELLS
    size_px: int = 256
    rotation_deg: float | None = None
    tilt_mrad: float = 0.0
    tolerance: float = DEFAULT_TOLERANCE

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything in the plan."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()

    @property
    def combinations(self) -> tuple[tuple[float, float], ...]:
        """Voltages [kV] with camera lengths [mm] of every specimen; none where they are drawn."""
        if self.conditions == "drawn":
            return ()
        lengths = self.camera_lengths_mm.values
        return tuple((float(kv), float(length)) for kv in self.voltages_kv.values for length in lengths)

    def experiment(
        self,
        zone: tuple[int, int, int],
        voltage_kv: float,
        camera_length_mm: float,
        rotation_deg: float = 0.0,
        tilt_mrad: tuple[float, float] = (0.0, 0.0),
    ) -> SADPExperiment:
        """Beam and detector of one pattern."""
        return SADPExperiment.of(
            zone,
            accelerating_voltage_kv=voltage_kv,
            camera_length_mm=camera_length_mm,
            size_px=self.size_px,
            rotation_deg=rotation_deg,
            tilt_mrad=tilt_mrad,
            tolerance=self.tolerance,
        )

    def check(self) -> None:
        """Find now what would end the run later.

        Raises:
            InputError: a number out of its range, a name, a group or a crystal that there is not.
        """
        self._check_crystals()
        if not self.zones or any(len(zone) != 3 or not any(zone) for zone in self.zones):
            raise InputError(f"zones = {list(self.zones)}: expected triples of whole numbers, none 0,0,0")
        if len(set(self.zones)) < len(self.zones):
            raise InputError("zones: one is listed twice")
        if self.conditions not in CONDITIONS:
            raise InputError(f"conditions = {self.conditions!r}: expected {' or '.join(CONDITIONS)}")
        if self.conditions == "all" and not (self.voltages_kv.values and self.camera_lengths_mm.values):
            raise InputError('conditions = "all": expected lists of voltages and camera lengths, not ranges')
        if not 0 <= self.tilt_mrad <= LARGEST_TILT_SIGMA_MRAD:
            raise InputError(f"tilt_mrad = {self.tilt_mrad}: expected 0 to {LARGEST_TILT_SIGMA_MRAD:g}")
        if self.edges_angstrom is not None and min(self.edges_angstrom.numbers("edges_angstrom")) < 10:
            raise InputError("edges_angstrom: expected at least 10 Å")
        for voltage in self.voltages_kv.numbers("voltages_kv"):
            for length in self.camera_lengths_mm.numbers("camera_lengths_mm"):
                self._check_sampling(voltage, length)
        for one in self.sets:
            if one.zones is not None and one.zones > len(self.zones):
                raise InputError(f"[set.{one.name}] zones = {one.zones}: the plan has {len(self.zones)}")
        if not self.sets or len({one.name for one in self.sets}) < len(self.sets):
            raise InputError("sets: expected at least one [set.NAME] table")

    def _check_crystals(self) -> None:
        for name, groups in (("groups", self.groups), ("unknown_groups", self.unknown_groups)):
            strange = sorted(set(groups) - set(DRAWN))
            if strange or len(set(groups)) < len(groups):
                raise InputError(f"{name} = {list(groups)}: expected some of {', '.join(map(str, DRAWN))}, each once")
        if set(self.groups) & set(self.unknown_groups):
            raise InputError(
                f"unknown_groups = {list(self.unknown_groups)}: one is in groups = {list(self.groups)} too"
            )
        for name, least in (("count", 1), ("unknown_count", 0)):
            value = getattr(self, name)
            if not least <= value <= MOST_STRUCTURES:
                raise InputError(f"{name} = {value}: expected {least} to {MOST_STRUCTURES} crystals of a group")
        if self.prototypes not in TURNS:
            raise InputError(f"prototypes = {self.prototypes!r}: expected one of {', '.join(TURNS)}")
        if self.by not in SHARES:
            raise InputError(f"by = {self.by!r}: expected one of {', '.join(SHARES)}")
        for crystal in self.crystals:
            crystals.load(crystal)

    def _check_sampling(self, voltage_kv: float, length_mm: float) -> None:
        detector = self.experiment(self.zones[0], voltage_kv, length_mm).detector
        if self.edges_angstrom is not None:
            longest = max(self.edges_angstrom.numbers("edges_angstrom"))
            factor = detector.oversampling_for(WIDEST_DIAGONAL * longest)
            if factor * self.size_px > LARGEST_SUBPIXELS:
                raise InputError(
                    f"edges_angstrom up to {longest:g}: {factor} sub-pixels a side of a pixel at {voltage_kv:g} kV and "
                    f"{length_mm:g} mm are more than {LARGEST_SUBPIXELS // self.size_px}; make specimens smaller"
                )


SECTIONS: Mapping[str, tuple[str, ...]] = {
    "structures": ("groups", "count", "unknown_groups", "unknown_count", "prototypes", "by", "shares", "crystals"),
    "patterns": (
        "zones",
        "equivalent_zones",
        "voltages_kv",
        "camera_lengths_mm",
        "conditions",
        "edges_angstrom",
        "cells",
        "size_px",
        "rotation_deg",
        "tilt_mrad",
        "tolerance",
    ),
}
"""Tables of a recipe beside [set.NAME], and what they hold: fields of the plan.
`rotation_deg = "random"` is any turn."""

WHOLE = ("seed", "count", "unknown_count", "size_px")


def read(path: str | Path) -> Plan:
    """The plan of a recipe file: name, technique = "sadp", seed, the tables of `SECTIONS`, and [set.NAME] tables.

    Raises:
        InputError: a faulty recipe, with the field and what would be right; see also `Plan.check`.
    """
    return plan_file.read(path, planned)


def planned(values: Mapping[str, Any]) -> Plan:
    """The plan of a recipe's tables; InputError for a table or an entry that there is not."""
    heads = ("name", "technique", "seed", "set")
    strange = sorted(set(values) - {*heads, *SECTIONS})
    if strange:
        raise InputError(f"unknown {strange[0]!r}; known are {', '.join((*heads, *SECTIONS))}")
    if values.get("technique", "sadp") != "sadp":
        raise InputError(f"technique {values['technique']!r}: these data sets are of sadp")
    given: dict[str, Any] = {"seed": values.get("seed", 0), "name": str(values.get("name", "sadp"))}
    for section, known in SECTIONS.items():
        for name, value in dict(values.get(section, {})).items():
            if name not in known:
                raise InputError(f"[{section}] has no {name!r}; known are {', '.join(known)}")
            given[name] = tuple(value) if isinstance(value, list) else value
    for name in WHOLE:
        if name in given and (type(given[name]) is not int or given[name] < 0):
            raise InputError(f"{name} = {given[name]!r}: expected a whole number from 0")
    for name in ("voltages_kv", "camera_lengths_mm", "edges_angstrom"):
        if name in given:
            given[name] = Spread.of(given[name], name)
    if "edges_angstrom" in given and "cells" in given:
        raise InputError("edges_angstrom and cells are both given; expected one of them")
    if "cells" in given and (len(given["cells"]) != 3 or any(type(n) is not int or n < 1 for n in given["cells"])):
        raise InputError(f"cells = {given['cells']}: expected three whole numbers from 1")
    if "zones" in given:
        given["zones"] = tuple(_triple(zone) for zone in given["zones"])
    turn = given.pop("rotation_deg", "random")
    if turn != "random":
        if type(turn) not in (int, float) or not np.isfinite(turn):
            raise InputError(f'rotation_deg = {turn!r}: expected an angle, or "random"')
        given["rotation_deg"] = float(turn)
    given["sets"] = tuple(PatternSet.of(name, table) for name, table in dict(values.get("set", {})).items())
    return Plan(**given)


def _triple(zone: Any) -> tuple[int, int, int]:
    if not isinstance(zone, list | tuple) or len(zone) != 3 or any(type(index) is not int for index in zone):
        raise InputError(f"zones: {zone!r}: expected three whole numbers such as [1, 1, 0]")
    return int(zone[0]), int(zone[1]), int(zone[2])
