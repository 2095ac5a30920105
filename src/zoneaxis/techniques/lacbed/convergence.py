"""Convergence: how far a simulated picture is from one with more beams and more slices, told with every picture.

64 pixels, drawn with a seed, are computed again: with 1.5 times the beams, strong and weak, and without slices. What is
told of the beams is 4/3 of the difference, because the finer picture keeps about a quarter of the error itself: so it
was 0.8 to 1.25 times the true one (GaAs [-1,1,0] and SrTiO3 [0,0,1], 93 nm, 40 to 150 beams against 450). Errors are of
the intensity, of which the incident beam has 1, and belong to the worst of the pictures.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.techniques.lacbed.experiment import MORE, LACBEDExperiment

PIXELS = 64
"""Directions that are computed again."""
WARN_ABOVE = 0.02
"""Root mean square of the intensity, in units of the incident one."""
KEPT = 0.25
"""Share of the error that is left with 1.5 times the beams."""
FINEST = 1e-4
"""Least error that can be asked for: slices in single precision add up to some 1e-5."""
FEWEST_BEAMS = 24
"""With which the search for a wanted error begins."""


@dataclass(frozen=True)
class Convergence:
    """What is told of a picture's error.

    Attributes:
        beam_error_rms, beam_error_max: from 1.5 times the beams.
        slice_error_rms, slice_error_max: of the picture against the same beams without slices, by the road `chebyshev`.
        pixels: directions that were compared.
    """

    beam_error_rms: float
    beam_error_max: float
    slice_error_rms: float
    slice_error_max: float
    pixels: int

    def warn(self, stacklevel: int = 2) -> None:
        """A Python warning where an error is above 0.02 rms."""
        for kind, found, remedy in (
            ("beams", self.beam_error_rms, "more beams, or a wanted error"),
            ("slices", self.slice_error_rms, "a smaller slice error"),
        ):
            if found > WARN_ABOVE:
                warnings.warn(
                    f"the picture is off by about {found:.2g} of the incident intensity rms for want of {kind}; "
                    f"above {WARN_ABOVE:g} its details are not to be trusted: ask for {remedy}",
                    stacklevel=stacklevel + 1,
                )


def sampled(experiment: LACBEDExperiment, radius_per_angstrom: float | None = None, seed: int = 0) -> Tensor:
    """Numbers (up to 64) of random pixels of the field, each once; within a radius if one is given."""
    places = torch.arange(experiment.field.size_px**2)
    if radius_per_angstrom is not None:
        places = places[torch.linalg.vector_norm(experiment.field.k_t, dim=-1) <= radius_per_angstrom]
    drawn = torch.randperm(len(places), generator=torch.Generator().manual_seed(seed))
    return places[drawn[:PIXELS]]


def convergence(
    experiment: LACBEDExperiment,
    discs: Tensor,
    thickness_nm: float | Sequence[float],
    hkl: Sequence[Sequence[int]],
    pixels: Tensor,
) -> Convergence:
    """The errors of an experiment's discs, from these pixels of its field; true within a factor of 2.

    Args:
        experiment: by which the discs were made.
        discs: (thicknesses, reflections, rows, cols).
        thickness_nm, hkl: of the discs.
        pixels: see `sampled`.
    """
    exact = experiment.with_rule(road="chebyshev")
    found = exact.at(pixels, thickness_nm, hkl)
    beams = _beam_error(found, _more(exact).at(pixels, thickness_nm, hkl))
    slices = _difference(discs.flatten(2)[..., pixels], found)
    return Convergence(*beams, *slices, pixels=len(pixels))


def with_wanted_error(
    experiment: LACBEDExperiment,
    error: float,
    thickness_nm: float | Sequence[float],
    hkl: Sequence[Sequence[int]],
    pixels: Tensor,
) -> LACBEDExperiment:
    """The experiment with as many beams, 1.5 times more at each step, as keep the error told below the wanted one.

    Args:
        experiment: as many weak beams for each strong one as it has are kept.
        error: root mean square of the intensity, in units of the incident one, of the worst picture.
        thickness_nm, hkl, pixels: of the pictures; see `convergence`.

    Raises:
        InputError: an error out of range, or one that all reflections of the zone do not reach.
    """
    if not FINEST <= error <= 0.5:
        raise InputError(f"error = {error:g}: expected {FINEST:g} to 0.5, rms of the intensity of which the beam has 1")
    weak = experiment.rule.weak_beams / experiment.rule.beams
    slice_error = max(FINEST, min(experiment.rule.slice_error, 0.5 * error))
    beams = min(max(FEWEST_BEAMS, experiment.fewest_beams(experiment.reflections(hkl))), experiment.most_beams)
    tried = experiment.with_rule(beams=beams, weak_beams=round(weak * beams), slice_error=slice_error)
    found = tried.with_rule(road="chebyshev").at(pixels, thickness_nm, hkl)
    while True:
        more = _more(tried.with_rule(road="chebyshev"))
        finer = more.at(pixels, thickness_nm, hkl)
        told, _ = _beam_error(found, finer)
        if told <= error:
            return tried
        if more.rule.beams > experiment.most_beams:
            raise InputError(
                f"error = {error:g} cannot be reached: with {tried.rule.beams} beams it is {told:.2g}, and the zone "
                f"has {len(experiment.zone.hkl)} reflections with d > {experiment.zone.d_min_angstrom:g} Å"
            )
        tried, found = more.with_rule(road=experiment.rule.road), finer


def _more(experiment: LACBEDExperiment) -> LACBEDExperiment:
    """Half as many beams again."""
    rule = experiment.rule
    return experiment.with_rule(beams=round(MORE * rule.beams), weak_beams=round(MORE * rule.weak_beams))


def _beam_error(found: Tensor, finer: Tensor) -> tuple[float, float]:
    rms, largest = _difference(found, finer)
    return rms / (1.0 - KEPT), largest / (1.0 - KEPT)


def _difference(found: Tensor, finer: Tensor) -> tuple[float, float]:
    """Root mean square of the worst picture, and maximum, of (thicknesses, discs, directions)."""
    apart = (found - finer).abs().double()
    return float(apart.square().mean(-1).sqrt().max()), float(apart.max())
