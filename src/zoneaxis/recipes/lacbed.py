"""LACBED data sets: the (000) disc of many cubic crystals along [001], each beside its projected electron density."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr

from zoneaxis.crystals.cubic_structures import WYCKOFF_TOPOLOGIES, cubic_structure, cubic_topologies
from zoneaxis.errors import InputError
from zoneaxis.patterns import generate as shards
from zoneaxis.patterns.schema import IMAGE, LISTED, pattern_set
from zoneaxis.recipes import plan_file
from zoneaxis.scattering.discs import DiscRule, Field, direction_intensities, disc_intensities
from zoneaxis.scattering.electron_density import projected_density
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.zone import Zone

if TYPE_CHECKING:
    from pymatgen.core import Structure

ZONE_AXIS, COLUMNS, DISC = (0, 0, 1), (1, 0, 0), (0, 0, 0)
STRUCTURES_IN_A_SHARD = 100
MOST_STRUCTURES = 1_000_000
QUARTERS, EXTINCTIONS_WITHIN = 4, 2.0
"""Projections of cubic crystals repeat after quarters of the edge, if at all earlier; found from beams up to 2 1/Å."""
MORE_BEAMS, FINER = 3.0, 5 / 6
"""How much further the computation goes that tells the error: times the beams, times their smallest spacing."""
DENSITY = "projected_density"
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "structures": {"count": "count", "wyckoff_topologies": "wyckoff_topologies"},
    "foil": {
        "thickness_nm": "thickness_nm",
        "further_thickness_nm": "further_thickness_nm",
        "accelerating_voltage_kv": "accelerating_voltage_kv",
        "absorption": "absorption",
    },
    "image": {
        "size_px": "size_px",
        "half_width_per_angstrom": "half_width_per_angstrom",
        "density_field_angstrom": "density_field_angstrom",
    },
    "beams": {
        "radius_per_angstrom": "radius_per_angstrom",
        "fewest": "fewest_beams",
        "most": "most_beams",
        "weak": "weak_beams",
        "d_min_angstrom": "d_min_angstrom",
        "slice_error": "slice_error",
        "tiles": "tiles",
        "error_sample": "error_sample",
    },
}
"""Tables of a recipe, and which field of the plan each of their entries is."""


@dataclass(frozen=True)
class Plan:
    """Which crystals a set holds, and how their discs are made.

    Attributes:
        count: crystals, numbers 0 to count - 1 of the list that belongs to the seed; see `cubic_structure`.
        seed: of the list.
        wyckoff_topologies: random Wyckoff fillings in the list beside the prototypes of AFLOW.
        thickness_nm: of the foil whose disc is `intensity`.
        further_thickness_nm: others, from the same computation, kept as `intensity_20_nm` and so on.
        accelerating_voltage_kv, absorption: see `Scatterers`.
        size_px: side of disc and density.
        half_width_per_angstrom: of the field of directions [1/Å].
        density_field_angstrom: side of the picture of the density [Å].
        radius_per_angstrom: beams with |g| up to this are coupled exactly, at least `fewest_beams` and at most
            `most_beams` of them, for each tile the most important ones.
        weak_beams: enter by Bethe's correction.
        d_min_angstrom: smallest spacing of any beam.
        slice_error: of an intensity; see `DiscRule`.
        tiles: along each side of the disc.
        error_sample: crystals on which the error is measured that the set tells.
    """

    count: int
    seed: int = 0
    wyckoff_topologies: int = WYCKOFF_TOPOLOGIES
    thickness_nm: float = 50.0
    further_thickness_nm: tuple[float, ...] = (20.0, 30.0, 40.0)
    accelerating_voltage_kv: float = 200.0
    absorption: str = "phonon"
    size_px: int = 64
    half_width_per_angstrom: float = 0.5
    density_field_angstrom: float = 12.0
    radius_per_angstrom: float = 2.2
    fewest_beams: int = 80
    most_beams: int = 240
    weak_beams: int = 250
    d_min_angstrom: float = 0.3
    slice_error: float = 3e-3
    tiles: int = 4
    error_sample: int = 12

    def __len__(self) -> int:
        return self.count

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything in the plan."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()

    @property
    def field(self) -> Field:
        """Directions of a disc."""
        return Field(self.size_px, self.half_width_per_angstrom)

    @property
    def series_nm(self) -> list[float]:
        """All thicknesses, rising."""
        return sorted({self.thickness_nm, *self.further_thickness_nm})

    def check(self) -> None:
        """Find now what would end the run later.

        Raises:
            InputError: a number out of its range, an unknown absorption model.
        """
        if not 1 <= self.count <= MOST_STRUCTURES:
            raise InputError(f"count = {self.count}: expected 1 to {MOST_STRUCTURES} structures")
        if not 16 <= self.size_px <= 1024:
            raise InputError(f"size_px = {self.size_px}: expected 16 to 1024")
        if not all(0 < one <= 1000 for one in self.series_nm):
            raise InputError(f"thickness_nm: {self.series_nm}: expected above 0, up to 1000 nm")
        if self.error_sample < 1:
            raise InputError(f"error_sample = {self.error_sample}: expected at least 1 crystal")
        if not 1 <= self.tiles <= self.size_px:
            raise InputError(f"tiles = {self.tiles}: expected 1 to {self.size_px}, the pixels of a side")
        if not 2 <= self.fewest_beams <= self.most_beams:
            raise InputError(
                f"[beams] fewest = {self.fewest_beams}, most = {self.most_beams}: expected 2 or more, rising"
            )
        if not 0 < self.radius_per_angstrom < 1 / self.d_min_angstrom:
            raise InputError(
                f"radius_per_angstrom = {self.radius_per_angstrom:g}: expected above 0, below 1/d_min_angstrom = "
                f"{1 / self.d_min_angstrom:g}"
            )
        if 2 * np.sqrt(2) * self.half_width_per_angstrom > 1 / self.d_min_angstrom:
            raise InputError(
                f"half_width_per_angstrom = {self.half_width_per_angstrom:g}: beams beyond d_min_angstrom = "
                f"{self.d_min_angstrom:g} are excited; expected up to {1 / (8**0.5 * self.d_min_angstrom):.3g}"
            )
        Field(self.size_px, self.half_width_per_angstrom)
        DiscRule(beams=self.fewest_beams, weak_beams=self.weak_beams)
        self.scatterers(self.structure(0))
        cubic_topologies(self.wyckoff_topologies)

    def structure(self, number: int) -> Structure:
        """The crystal with this number."""
        return cubic_structure(number, self.seed, wyckoff_topologies=self.wyckoff_topologies)

    def scatterers(self, structure: Structure) -> Scatterers:
        """Its atoms as the beam meets them."""
        return Scatterers.of(structure, self.accelerating_voltage_kv, absorption=self.absorption)

    def zone(self, structure: Structure, finer: float = 1.0) -> Zone:
        """[001] with (100) to the right, without the beams that the projection along it extinguishes.

        finer: factor of the smallest spacing of a beam.
        """
        zone = Zone.of(structure, ZONE_AXIS, columns=COLUMNS, d_min_angstrom=finer * self.d_min_angstrom)
        near = torch.linalg.vector_norm(zone.g, dim=1) <= EXTINCTIONS_WITHIN
        amplitude = self.scatterers(structure).potential(zone.hkl[near])[0].abs()
        lit = zone.hkl[near][amplitude > 1e-8 * amplitude.max()]
        kept = torch.ones(len(zone.hkl), dtype=torch.bool)
        for shift in itertools.product(range(QUARTERS), repeat=2):
            along = torch.tensor([*shift, 0])
            if not (lit @ along % QUARTERS).any():
                kept &= zone.hkl @ along % QUARTERS == 0
        return replace(zone, hkl=zone.hkl[kept], g=zone.g[kept])

    def rule(self, zone: Zone) -> DiscRule:
        """How accurately the discs of a zone are computed."""
        within = int((torch.linalg.vector_norm(zone.g, dim=1) <= self.radius_per_angstrom).sum())
        beams = min(max(within, self.fewest_beams), self.most_beams, len(zone.hkl))
        return DiscRule(
            beams=beams,
            weak_beams=min(self.weak_beams, len(zone.hkl) - beams),
            tile_px=-(-self.size_px // self.tiles),
            slice_error=self.slice_error,
        )

    def discs(self, structure: Structure) -> torch.Tensor:
        """(thicknesses of `series_nm`, rows, columns) float32 of the (000) disc."""
        zone = self.zone(structure)
        depths = [10.0 * one for one in self.series_nm]
        return disc_intensities(self.scatterers(structure), zone, self.field, depths, (DISC,), self.rule(zone))[:, 0]

    def beam_errors(self, structure: Structure, pixels: int = 24, seed: int = 0) -> dict[str, float]:
        """How far the disc of a crystal is from one with three times the beams, over some pixels drawn at random.

        `rms` of the intensity, `largest` difference, and `relative`: rms over the brightest pixel of the disc.
        """
        scatterers, depths = self.scatterers(structure), [10.0 * self.thickness_nm]
        zone = self.zone(structure)
        rule = self.rule(zone)
        disc = disc_intensities(scatterers, zone, self.field, depths, (DISC,), rule).flatten()
        drawn = torch.randperm(self.size_px**2, generator=torch.Generator().manual_seed(seed))[:pixels]
        wide = self.zone(structure, FINER)
        beams = min(round(MORE_BEAMS * rule.beams), len(wide.hkl))
        weak = min(2 * self.weak_beams, len(wide.hkl) - beams)
        finer = replace(rule, beams=beams, weak_beams=weak, slice_error=self.slice_error / 3)
        exact = direction_intensities(scatterers, wide, self.field, drawn, depths, (DISC,), finer).flatten()
        difference = disc[drawn] - exact
        rms = float(difference.square().mean().sqrt())
        return {"rms": rms, "largest": float(difference.abs().max()), "relative": rms / float(disc.max())}

    def told_error(self) -> dict[str, Any]:
        """Attributes that say how far the discs are converged: rms over the first crystals, and the worst of them."""
        found = [self.beam_errors(self.structure(one), seed=one) for one in range(min(self.error_sample, self.count))]
        rms = np.array([one["rms"] for one in found])
        return {
            "beam_error_rms": float(np.sqrt(np.mean(rms**2))),
            "beam_error_worst_rms": float(rms.max()),
            "beam_error_crystals": len(found),
        }

    def part(self, start: int, stop: int) -> xr.Dataset:
        """Crystals start to stop; the first part also tells the error of all."""
        discs = np.empty((len(self.series_nm), stop - start, self.size_px, self.size_px), dtype=np.float32)
        densities = np.empty(discs.shape[1:], dtype=np.float32)
        labels: dict[str, list[Any]] = {name: [] for name in LABELS}
        for place, number in enumerate(range(start, stop)):
            structure = self.structure(number)
            discs[:, place] = self.discs(structure).numpy()
            densities[place] = projected_density(structure, self.size_px, self.density_field_angstrom).numpy()
            for name, value in _labels(number, structure).items():
                labels[name].append(value)
        series = dict(zip(self.series_nm, discs, strict=True))
        made = pattern_set(
            series.pop(self.thickness_nm),
            {name: np.array(values) for name, values in labels.items()},
            technique="lacbed",
            provenance=f"simulated by zoneaxis {version('zoneaxis')}, plan {self.fingerprint[:12]}",
            **self.attributes(),
            **(self.told_error() if start == 0 else {}),
        )
        pictures = {further_name(thickness): images for thickness, images in series.items()}
        return made.assign(
            {name: ((*LISTED, *IMAGE), images) for name, images in (pictures | {DENSITY: densities}).items()}
        )

    def attributes(self) -> dict[str, Any]:
        """What all crystals have in common."""
        return {
            "zone_axis": list(ZONE_AXIS),
            "columns_hkl": list(COLUMNS),
            "disc_hkl": list(DISC),
            "frame": "seen along the beam, which flies along +[001]: (100) points right, (010) downwards",
            "density_unit": "electrons per cubic Angstrom, averaged along the beam and over each pixel",
            "density_origin": "origin of the cell in the middle of the picture",
            "form_factor": "lobato",
            "b_iso_square_angstrom": 0.5,
            "structure_seed": self.seed,
            "plan": self.fingerprint,
            **{
                name: list(value) if isinstance(value, tuple) else value
                for name, value in asdict(self).items()
                if name not in ("count", "seed")
            },
        }


LABELS = ("structure", "crystal", "prototype", "space_group", "lattice_parameter_angstrom", "atoms")
"""What is told of every crystal: its number in the list, its formula and so on; atoms are those of the cubic cell."""


def _labels(number: int, structure: Structure) -> dict[str, Any]:
    return {
        "structure": number,
        "crystal": str(structure.properties["name"]),
        "prototype": str(structure.properties["prototype"]),
        "space_group": int(structure.properties["space_group"]),
        "lattice_parameter_angstrom": float(structure.lattice.a),
        "atoms": len(structure),
    }


def further_name(thickness_nm: float) -> str:
    """Under which name the discs of a further thickness are kept."""
    return f"intensity_{thickness_nm:g}_nm"


def read(path: str | Path) -> Plan:
    """The plan of a recipe file: name, technique = "lacbed", seed and the tables of `SECTIONS`.

    Raises:
        InputError: a faulty recipe, with the field and what would be right; see also `Plan.check`.
    """
    return plan_file.read(path, planned)


def planned(values: Mapping[str, Any]) -> Plan:
    """The plan of a recipe's tables; InputError for a table or an entry that there is not."""
    heads = ("name", "technique", "seed")
    strange = sorted(set(values) - {*heads, *SECTIONS})
    if strange:
        raise InputError(f"unknown {strange[0]!r}; known are {', '.join((*heads, *SECTIONS))}")
    if values.get("technique", "lacbed") != "lacbed":
        raise InputError(f"technique {values['technique']!r}: these data sets are of lacbed")
    given: dict[str, Any] = {"seed": values.get("seed", 0)}
    for section, known in SECTIONS.items():
        for name, value in dict(values.get(section, {})).items():
            if name not in known:
                raise InputError(f"[{section}] has no {name!r}; known are {', '.join(known)}")
            given[known[name]] = tuple(value) if isinstance(value, list) else value
    if "count" not in given:
        raise InputError("[structures] count is missing: how many crystals")
    for name in ("count", "seed", "size_px", "tiles", "fewest_beams", "most_beams", "weak_beams", "error_sample"):
        if name in given and type(given[name]) is not int:
            raise InputError(f"{name} = {given[name]!r}: expected a whole number")
    return Plan(**given)


def generate(
    plan: Plan, path: str | Path, *, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Write the set of a plan as a pattern set (.zarr); resumes after an interruption.

    Variables: `intensity`, `intensity_20_nm` and so on, `projected_density`, each (pattern, row, col); labels `LABELS`.

    Raises:
        InputError: a plan that fails its `check`, a path that is taken.
    """
    plan.check()
    size = min(STRUCTURES_IN_A_SHARD, plan.count)
    return shards.generate(plan, plan.count, path, plan.seed, shard_size=size, workers=workers, progress=progress)
