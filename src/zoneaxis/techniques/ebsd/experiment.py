"""An EBSD experiment: crystals of a library in random orientations before a camera, as an endless seeded supply.

Everything that a laboratory does not know exactly is drawn anew: orientation, pattern centre, energy spectrum, the
physics behind the master patterns (several libraries), the camera and its background correction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.instrument.camera import degrade_with_background
from zoneaxis.instrument.noise import Degradation
from zoneaxis.instrument.orientation import matrix_to_euler, random_orientations
from zoneaxis.instrument.pattern import project
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.patterns.preprocess import image_quality, prepare
from zoneaxis.patterns.schema import pattern_set
from zoneaxis.techniques.ebsd.library import open_library
from zoneaxis.techniques.ebsd.master import SectorMaster

Range = tuple[float, float]


@dataclass(frozen=True)
class EBSDExperiment:
    """Ranges from which the patterns of an EBSD experiment are drawn.

    Attributes:
        crystals: names (or CIF files that a library was built from), in the order of their class numbers.
        libraries: folders of master pattern libraries, chosen at random pattern by pattern; an empty name, or none at
            all: the shipped one.
        size_px: side of the square pattern.
        pattern_centre_x, pattern_centre_y, pattern_centre_z: ranges, Bruker convention.
        spectrum_spread: standard deviation of the logarithm of a random factor on each energy's weight.
        spectrum_slope: largest power p of a factor (E / E_max)^p, drawn from -slope to slope.
        degradations: what the camera does; each pattern draws its parameters from one of these, all alike likely.
        static_share: share of patterns from which a static background has been subtracted.
    """

    crystals: Sequence[str]
    libraries: Sequence[str] = ()
    size_px: int = 96
    pattern_centre_x: Range = (0.40, 0.60)
    pattern_centre_y: Range = (0.10, 0.40)
    pattern_centre_z: Range = (0.44, 0.78)
    spectrum_spread: float = 0.4
    spectrum_slope: float = 2.0
    degradations: tuple[Degradation, ...] = field(default_factory=lambda: (Degradation.mild(),))
    static_share: float = 0.7

    def __post_init__(self) -> None:
        if not self.crystals:
            raise InputError("EBSD experiment: no crystals given")
        if not 16 <= self.size_px <= 4096:
            raise InputError(f"EBSD experiment: size_px = {self.size_px}, expected 16 to 4096")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EBSDExperiment:
        """Experiment from a recipe's table; each of `degradations` is the name of a preset or a table of ranges.

        Raises:
            InputError: an unknown name.
        """
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            raise InputError(f"experiment: unknown {', '.join(unknown)}; known: {', '.join(cls.__dataclass_fields__)}")
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        if "degradations" in given:
            tables = ({"preset": entry} if isinstance(entry, str) else entry for entry in given["degradations"])
            given["degradations"] = tuple(Degradation.from_dict(table) for table in tables)
        return cls(**given)

    @cached_property
    def masters(self) -> list[list[SectorMaster]]:
        """Masters by library, then by crystal in the order of `crystals`."""
        found = []
        for folder in self.libraries or ("",):
            library = open_library(folder or None)
            names = [Path(name).stem for name in self.crystals]
            missing = [name for name in names if name not in library]
            if missing:
                raise InputError(f"{folder or 'shipped library'}: no master pattern of {', '.join(missing)}")
            found.append([library[name] for name in names])
        return found

    @cached_property
    def _layers(self) -> list[list[Tensor]]:
        """The same on the whole sphere, half precision to hold many at once."""
        return [[master.layers().half() for master in library] for library in self.masters]

    @property
    def space_groups(self) -> list[int]:
        """Space group of every crystal."""
        return [master.space_group for master in self.masters[0]]

    def __call__(self, n: int, seed: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Prepared patterns (n, size, size) float32 and their labels, for a network; see `draw`."""
        pictures, backgrounds, labels = self.pictures(n, seed)
        return prepared(pictures, backgrounds, labels["static"], self.size_px), labels

    def draw(self, n: int, seed: int) -> xr.Dataset:
        """n raw camera pictures (8 bit) with everything that was drawn as labels: a pattern set."""
        pictures, _, labels = self.pictures(n, seed)
        values = {name: label.numpy() for name, label in labels.items() if name not in ("material", "static")}
        values["crystal"] = np.array([self.crystals[int(i)] for i in labels["material"]])
        return pattern_set(
            pictures.to(torch.uint8).numpy(),
            values,
            technique="ebsd",
            provenance=f"simulated, seed {seed}",
            crystals=list(self.crystals),
        )

    def pictures(self, n: int, seed: int) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Raw camera pictures (n, size, size), the static background stored with each, and everything drawn."""
        generator = torch.Generator().manual_seed(seed)
        material = torch.randint(len(self.crystals), (n,), generator=generator)
        library = torch.randint(len(self.masters), (n,), generator=generator)
        orientations = random_orientations(n, seed)
        ranges = (self.pattern_centre_x, self.pattern_centre_y, self.pattern_centre_z)
        centres = torch.stack([low + (high - low) * torch.rand(n, generator=generator) for low, high in ranges], -1)
        directions = TiltedDetector((self.size_px, self.size_px)).directions(centres)

        patterns = torch.empty(n, self.size_px, self.size_px)
        spectra = torch.empty(n, len(self.masters[0][0].weight))
        for pair in torch.unique(torch.stack((library, material), -1), dim=0).tolist():
            chosen = (library == pair[0]) & (material == pair[1])
            stored = self.masters[pair[0]][pair[1]]
            weight = self._weight(stored, generator)
            spectra[chosen] = weight
            master = torch.einsum("e,ehrc->hrc", weight, self._layers[pair[0]][pair[1]].float())
            patterns[chosen] = project(master, orientations[chosen], directions[chosen])
        drawn = self._drawn(n, generator)
        pictures, backgrounds = degrade_with_background(patterns, drawn, generator)
        euler = matrix_to_euler(orientations)
        labels = {
            "material": material,
            "space_group": torch.tensor(self.space_groups)[material],
            "physics": library,
            "static": torch.rand(n, generator=generator) < self.static_share,
            "image_quality": image_quality(prepare(pictures, self.size_px)),
            **{name: euler[:, i] for i, name in enumerate(("phi1_rad", "Phi_rad", "phi2_rad"))},
            **{f"pattern_centre_{axis}": centres[:, i] for i, axis in enumerate("xyz")},
            **{f"energy_weight_{i}": spectra[:, i] for i in range(spectra.shape[1])},
            **drawn,
        }
        return pictures, backgrounds, labels

    def _drawn(self, n: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Camera parameters (n,) of every pattern."""
        choice = torch.randint(len(self.degradations), (n,), generator=generator)
        draws = [degradation.draw(n, generator) for degradation in self.degradations]
        return {name: torch.stack([draw[name] for draw in draws])[choice, torch.arange(n)] for name in draws[0]}

    def _weight(self, stored: SectorMaster, generator: torch.Generator) -> Tensor:
        """Energy weights near the Monte Carlo's, drawn once per call for each crystal of each library."""
        energy = torch.from_numpy(stored.energy_kev).float()
        slope = self.spectrum_slope * (2.0 * torch.rand(1, generator=generator) - 1.0)
        scatter = self.spectrum_spread * torch.randn(len(energy), generator=generator)
        weight = torch.from_numpy(stored.weight).float() * (energy / energy.max()) ** slope * torch.exp(scatter)
        return weight / weight.sum()


def prepared(pictures: Tensor, backgrounds: Tensor, static: Tensor, size_px: int) -> Tensor:
    """The chain that a measured pattern goes through, with the static background where one was stored.

    Args:
        pictures: (n, rows, cols) raw.
        backgrounds: (n, rows, cols) stored backgrounds.
        static: (n,) bool, whether the background is subtracted.
        size_px: side of the result.
    """
    corrected = torch.where(static[:, None, None], pictures - backgrounds, pictures)
    return prepare(corrected, size_px)
