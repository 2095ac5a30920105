"""Pattern: a master pattern seen by a detector, for one crystal orientation after another.

Pixel directions of the sample frame are turned into the crystal frame and looked up on the sphere. This is geometry
only: no background, no noise. Differentiable with respect to the orientations, the directions and the master.
"""

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.instrument.projections import sample_sphere
from zoneaxis.instrument.tilted_detector import TiltedDetector

_PIXELS_AT_ONCE = 1 << 16  # intermediate arrays of this size stay in a CPU core's cache


def project(master: Tensor, orientations: Tensor, detector: TiltedDetector | Tensor) -> Tensor:
    """Patterns (n, rows, cols) of a master (2, S, S) for orientations (n, 3, 3), v_crystal = O @ v_sample.

    `detector` is a TiltedDetector or its pixel directions in the sample frame, (rows, cols, 3) for all patterns or
    (n, rows, cols, 3) for each its own (own pattern centre). Leading dimensions of the master, such as beam
    energies (E, 2, S, S), come first in the result: (E, n, rows, cols).
    Limit: a constant master gives constant patterns. Raises InputError when shapes do not fit.
    """
    directions = detector.directions() if isinstance(detector, TiltedDetector) else detector
    directions = directions.to(device=orientations.device, dtype=orientations.dtype)
    n, shape = len(orientations), directions.shape[-3:-1]
    if orientations.shape[1:] != (3, 3) or directions.shape[-1] != 3 or directions.ndim not in (3, 4):
        raise InputError(
            f"projection: orientations {tuple(orientations.shape)} and directions {tuple(directions.shape)} "
            "are not (n, 3, 3) and (rows, cols, 3) or (n, rows, cols, 3)"
        )
    if directions.ndim == 4 and len(directions) != n:
        raise InputError(f"projection: {len(directions)} sets of directions for {n} orientations")
    planes = directions.reshape(*directions.shape[:-3], -1, 3).transpose(-1, -2).contiguous()  # (..., 3, pixels)
    at_once = max(1, _PIXELS_AT_ONCE // planes.shape[-1])
    if orientations.device.type != "cpu":
        at_once *= 256
    parts = []
    for start in range(0, n, at_once):
        own = planes[start : start + at_once] if planes.ndim == 3 else planes
        in_crystal = orientations[start : start + at_once] @ own
        parts.append(sample_sphere(master, in_crystal.transpose(-1, -2)))
    flat = torch.cat(parts, dim=-2) if parts else master.new_zeros(*master.shape[:-3], 0, planes.shape[-1])
    return flat.reshape(*flat.shape[:-1], *shape)
