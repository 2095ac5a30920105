"""Plans: which CBLEED images a data set holds, image by image, before any of them is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoneaxis.recipes.cbleed import axis
from zoneaxis.studies.bench import key_of

DIMERS = ("symmetric", "buckled")
SCAN, PLANE, FINE = "scan68", "grid70", "grid130"
"""One signed displacement along height or length; height and length together; the same with a finer height."""

Labels = dict[str, np.ndarray]


@dataclass(frozen=True)
class Plan:
    """A data set to be simulated.

    name: `scan68`, `grid70`, `off_scan68`, `off_grid70`; preset: of the potentials (`paper`, `physical`);
    inner_potential_shift_ev: added to the preset's; size_px: side of the images; directions: of incidence
    along each side of a disc, between which an image is interpolated; labels: one value per image of
    beam_energy_ev, dimer, dimer_height_angstrom, dimer_length_angstrom, structures of one energy side by side.
    """

    name: str
    preset: str
    size_px: int
    directions: int
    labels: Labels
    inner_potential_shift_ev: float = 0.0

    def __len__(self) -> int:
        return len(self.labels["beam_energy_ev"])

    @property
    def title(self) -> str:
        """Name, preset and shift, for files and progress."""
        shift = f"-V0r{self.inner_potential_shift_ev:+g}eV" if self.inner_potential_shift_ev else ""
        return f"{self.name}-{self.preset}{shift}"

    @property
    def key(self) -> str:
        """Fingerprint of everything in the plan."""
        return key_of(dict(vars(self)))


def scan(table: Mapping[str, Any]) -> Labels:
    """Both dimers, displaced along height or along length, at every energy; the undisplaced dimer stands once each.

    Published as about 5000 images at 71 energies, that is 70 structures; 17 displacements along each direction make
    68 of them with the undisplaced dimer counted for both, hence the name.
    """
    energy, height, length = _axes(table)
    length = length[length != 0]
    height, length = (
        np.concatenate([height, np.zeros_like(length)]),
        np.concatenate([np.zeros_like(height), length]),
    )
    return _at_every_energy(energy, height, length)


def plane(table: Mapping[str, Any]) -> Labels:
    """Both dimers, every height with every length, at every energy: a complete grid."""
    energy, *displacements = _axes(table)
    height, length = np.meshgrid(*displacements, indexing="ij")
    return _at_every_energy(energy, height.ravel(), length.ravel())


def off_scan(table: Mapping[str, Any], images: int, seed: int) -> Labels:
    """Random energies, dimers and displacements along a random direction, evenly within the range of the scan."""
    draw = np.random.default_rng(seed)
    labels = _random(table, images, draw)
    along_height = draw.random(images) < 0.5
    height, length = (draw.uniform(*_ends(table[f"{name}_angstrom"]), images) for name in ("height", "length"))
    return labels | {
        "dimer_height_angstrom": np.where(along_height, height, 0.0),
        "dimer_length_angstrom": np.where(along_height, 0.0, length),
    }


def off_plane(table: Mapping[str, Any], images: int, seed: int) -> Labels:
    """Random energies, dimers, heights and lengths, evenly within the range of the plane."""
    draw = np.random.default_rng(seed)
    labels = _random(table, images, draw)
    return labels | {
        "dimer_height_angstrom": draw.uniform(*_ends(table["height_angstrom"]), images),
        "dimer_length_angstrom": draw.uniform(*_ends(table["length_angstrom"]), images),
    }


def _axes(table: Mapping[str, Any]) -> list[np.ndarray]:
    """Energies, heights and lengths that a table spans."""
    return [axis(table[name], name) for name in ("energy_ev", "height_angstrom", "length_angstrom")]


def _at_every_energy(energy: np.ndarray, height: np.ndarray, length: np.ndarray) -> Labels:
    structures = len(DIMERS) * len(height)
    return {
        "beam_energy_ev": np.repeat(energy, structures),
        "dimer": np.tile(np.repeat(DIMERS, len(height)), len(energy)),
        "dimer_height_angstrom": np.tile(height, len(DIMERS) * len(energy)),
        "dimer_length_angstrom": np.tile(length, len(DIMERS) * len(energy)),
    }


def _random(table: Mapping[str, Any], images: int, draw: np.random.Generator) -> Labels:
    energy = np.sort(draw.uniform(*_ends(table["energy_ev"]), images))
    return {"beam_energy_ev": energy, "dimer": np.array(DIMERS)[draw.integers(2, size=images)]}


def _ends(span: Sequence[float]) -> tuple[float, float]:
    return float(span[0]), float(span[1])
