"""Experiment: a convergent low-energy beam on a surface, seen as discs on a screen.

Each incident direction of the cone diffracts by itself; where discs do not overlap they do not interfere. So one image
is one LEED calculation for each direction of a grid over the cone, and a spline between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from zoneaxis.crystals.slab import Slab
from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.diffraction import beam_intensities, kinematic_intensities
from zoneaxis.techniques.cbleed.angles import FoldedCone
from zoneaxis.techniques.cbleed.layout import DiscLayout
from zoneaxis.techniques.cbleed.physics import PRESETS, Physics

LOWEST_EV, HIGHEST_EV = 20.0, 250.0
"""Below, the reflection of the surface barrier matters, which is not in the physics; above, the phase shifts end."""
MODELS = ("multiple", "kinematic")


@dataclass(frozen=True)
class CBLEEDExperiment:
    """Beam and screen.

    Attributes:
        layout: which discs, how large, on how many pixels, from how many directions.
        physics: potentials, vibration and accuracy.
        model: `multiple` scattering, or `kinematic`, which is right in geometry and wrong in contrast.
        onset_angstrom: height of the potential step above the origin; None: 1.25 Å above the topmost atom, wherever
            that is.
        symmetry: use the surface's mirror planes.
    """

    layout: DiscLayout
    physics: Physics = field(default_factory=lambda: PRESETS["paper"])
    model: str = "multiple"
    onset_angstrom: float | None = None
    symmetry: bool = True

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise InputError(f"cbleed: model {self.model!r} is not one of {', '.join(MODELS)}")

    def images(self, slabs: Sequence[Slab], energy_ev: float) -> Tensor:
        """Images (structures, size, size) float32 of structures that share cell and substrate, at one energy.

        Intensity of each beam per incident intensity, 0 between discs and beyond the horizon.

        Raises:
            InputError: an energy out of range, structures that do not fit together.
        """
        self.check(energy_ev)
        images = torch.zeros(len(slabs), self.layout.size_px, self.layout.size_px)
        mirrors = [(self.symmetry and slab.mirror_x, self.symmetry and slab.mirror_y) for slab in slabs]
        for pair in dict.fromkeys(mirrors):
            alike = [number for number, other in enumerate(mirrors) if other == pair]
            grid = self._grid([slabs[number] for number in alike], energy_ev, *pair)
            images[alike] = self.layout.render(grid, energy_ev)
        return images

    def check(self, energy_ev: float) -> None:
        """Raise InputError for an energy out of range, or at which the discs would be too large."""
        if not LOWEST_EV <= energy_ev <= HIGHEST_EV:
            raise InputError(
                f"cbleed: beam energy {energy_ev:g} eV is outside {LOWEST_EV:g} to {HIGHEST_EV:g} eV, where the "
                "physics holds"
            )
        self.layout.radius_at(energy_ev)

    def _grid(self, slabs: Sequence[Slab], energy_ev: float, mirror_x: bool, mirror_y: bool) -> Tensor:
        """|a_g|² (structures, beams, directions) over the whole cone."""
        cone = FoldedCone.fold(self.layout.incident_grid(energy_ev), mirror_x, mirror_y)
        beams = np.array(self.layout.beams)
        computed, k = cone.beams(beams), torch.from_numpy(cone.k)
        medium = self.physics.medium((*slabs[0].elements, slabs[0].substrate.element))
        limits = self.physics.accuracy
        if self.model == "kinematic":
            found = torch.cat(
                [kinematic_intensities(slab, energy_ev, k, computed, medium, limits=limits) for slab in slabs]
            )
        else:
            found = beam_intensities(
                slabs,
                energy_ev,
                k,
                computed,
                medium,
                limits=limits,
                step_plane_angstrom=self.onset_angstrom,
                cone_axis=np.zeros(2),
            )
        return cone.unfold(found, computed, beams)
