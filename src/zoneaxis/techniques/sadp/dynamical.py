"""Dynamical pattern: spots with the intensities of Bloch waves, as wide as the specimen makes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.scattering.discs import DiscRule, Field, disc_intensities
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.zone import Zone
from zoneaxis.techniques.sadp.experiment import SADPExperiment

if TYPE_CHECKING:
    from pymatgen.core import Structure

SMALLEST_D_ANGSTROM, LARGEST_D_ANGSTROM = 0.2, 2.0
"""Smallest spacing of a beam: the corner of the picture, within these. Source: reach of the form factors; range of
`Zone`."""
BEAMS = 150
"""Beams coupled exactly, or all that the zone has. Source: our choice; GaAs [001] is within 1e-3 at 100."""
THINNEST_NM, THICKEST_NM = 0.5, 1000.0
PARALLEL_PER_ANGSTROM = 1e-4
"""Half width of the field of directions: one, the zone axis."""
SPOT_SIGMA = 0.36
"""Standard deviation of the Gaussian that has the width at half height of sinc², over 1/extent. Source: 0.886/2.355,
rounded down for the missing tails."""


def dynamical_pattern(
    experiment: SADPExperiment, structure: Structure, cells: Sequence[int], thickness_nm: float
) -> Tensor:
    """Pattern (rows, cols) float32 of a parallel foil on its zone axis, incident intensity 1.

    Intensities are those of Bloch waves of the zero-order Laue zone with absorption by phonons; each spot is a Gaussian
    as wide as N_a x N_b cells make it, integrated over pixels.
    Limit: a thin foil gives the kinematical ratios of intensities.

    Raises:
        InputError: a thickness outside 0.5 to 1000 nm.
    """
    if not THINNEST_NM <= thickness_nm <= THICKEST_NM:
        raise InputError(f"thickness_nm = {thickness_nm}: expected {THINNEST_NM:g} to {THICKEST_NM:g} nm")
    detector = experiment.detector
    d_min = float(
        np.clip(1.0 / (math.sqrt(2.0) * detector.q_max_per_angstrom), SMALLEST_D_ANGSTROM, LARGEST_D_ANGSTROM)
    )
    zone = Zone.of(structure, experiment.zone_axis, d_min_angstrom=d_min)
    scatterers = Scatterers.of(
        structure, experiment.accelerating_voltage_kv, absorption="phonon", form_factor=experiment.form_factor
    )
    beams = _whole_shells(zone, BEAMS)
    rule = DiscRule(beams=beams, weak_beams=0, ranking="length", road="eig", symmetry=False)
    hkl = zone.hkl[:beams].tolist()
    intensity = disc_intensities(scatterers, zone, Field(1, PARALLEL_PER_ANGSTROM), [10.0 * thickness_nm], hkl, rule)
    turn = math.radians(experiment.rotation_deg)
    g = zone.g[:beams, :2]
    x = math.cos(turn) * g[:, 0] + math.sin(turn) * g[:, 1]
    y = math.cos(turn) * g[:, 1] - math.sin(turn) * g[:, 0]
    rows, cols = detector.pixel_of(torch.stack([x, y], dim=-1))
    block = experiment.block(structure, cells)
    widths = np.ptp(block.cell[:2, :2] * np.array(block.repeats[:2])[:, None], axis=0) + 1e-9
    sigma = SPOT_SIGMA / (float(np.abs(widths).max()) * detector.step_per_angstrom)
    return _painted(intensity[0, :, 0, 0].double(), rows, cols, sigma, detector.size_px)


def _whole_shells(zone: Zone, most: int) -> int:
    """The largest number of beams up to `most` that parts no reflections of equal length."""
    if len(zone.hkl) <= most:
        return len(zone.hkl)
    length = torch.linalg.vector_norm(zone.g[: most + 1], dim=-1)
    return int((length < length[-1] - 1e-6).sum())


def _painted(intensity: Tensor, rows: Tensor, cols: Tensor, sigma_px: float, size_px: int) -> Tensor:
    """Gaussian spots integrated over pixels."""
    edges = torch.arange(size_px + 1, dtype=torch.float64) - 0.5
    down, across = (
        torch.special.erf((edges - place[:, None]) / (math.sqrt(2.0) * sigma_px)).diff(dim=1) / 2.0
        for place in (rows, cols)
    )
    return torch.einsum("n,nr,nc->rc", intensity, down, across).float()
