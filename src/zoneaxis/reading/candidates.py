"""Candidates: the master patterns of the crystals that a pattern may come from, made ready for matching.

Three versions of each, for the three resolutions at which a pattern is looked at. What a screen of a given width
removes as its slow background is removed from the masters along the sphere.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.instrument.spherical_field import blur_sphere, without_slow
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.reading.dictionary import COARSE_MASTER_SIDE, COARSE_SLOW_PER_WIDTH, DICTIONARY_BLUR_DEG
from zoneaxis.reading.refine import differentiable_master

SLOW_PER_WIDTH = 8.0  # patterns.preprocess.remove_dynamic: standard deviation = width / 8
_PIXEL_BLUR = 12**-0.5  # a pixel averages over its own area: standard deviation of a box of width 1


@dataclass(frozen=True)
class Candidates:
    """Masters of named crystals for one detector.

    coarse {name: (2, S, S)} for the dictionary; medium and full {name: (4, 2, S, S)} for the refinement, the
    intensity and its rotational derivative; symmetry {name: (m, 3, 3)}, operations of the point group.
    """

    coarse: dict[str, Tensor]
    medium: dict[str, Tensor]
    full: dict[str, Tensor]
    symmetry: Mapping[str, Tensor]

    @classmethod
    def prepare(
        cls, masters: Mapping[str, Tensor], symmetry: Mapping[str, Tensor], detector: TiltedDetector
    ) -> "Candidates":
        """From {name: (2, S, S)} and {name: (m, 3, 3)}. Raises InputError when the two do not belong together."""
        if not masters:
            raise InputError("candidates: no crystal was given")
        missing = [name for name in masters if name not in symmetry]
        if missing:
            raise InputError(f"candidates: no symmetry was given for {', '.join(missing)}")
        width = width_deg(detector)
        pixel, slow = width / detector.shape[1] * _PIXEL_BLUR, width / SLOW_PER_WIDTH
        coarse, medium, full = {}, {}, {}
        for name, master in masters.items():
            master = master - master.mean()
            coarse[name] = blur_sphere(master, DICTIONARY_BLUR_DEG, COARSE_MASTER_SIDE)
            medium[name] = differentiable_master(without_slow(coarse[name], width / COARSE_SLOW_PER_WIDTH))
            full[name] = differentiable_master(without_slow(blur_sphere(master, pixel), slow))
        return cls(coarse, medium, full, symmetry)

    @property
    def names(self) -> tuple[str, ...]:
        """The crystals, in the order of all results."""
        return tuple(self.full)

    def by_symmetry(self) -> list[tuple[list[str], Tensor]]:
        """Names that share their symmetry operations, with the operations."""
        groups: list[tuple[list[str], Tensor]] = []
        for name in self.names:
            own = self.symmetry[name]
            for members, operations in groups:
                if own.shape == operations.shape and torch.allclose(own.to(operations), operations, atol=1e-6):
                    members.append(name)
                    break
            else:
                groups.append(([name], own))
        return groups


def width_deg(detector: TiltedDetector) -> float:
    """Mean angle that a row of pixels spans, from the solid angle of the screen."""
    v = detector.directions()
    pixel = torch.linalg.cross(v[1:, :-1] - v[:-1, :-1], v[:-1, 1:] - v[:-1, :-1]).norm(dim=-1)
    return detector.shape[1] * math.degrees(math.sqrt(pixel.mean().item()))
