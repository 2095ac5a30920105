"""Physics: the engine in the loop, for kinds of structure that no network has seen.

Forward, the columns of atoms are read from the picture of the density and their disc is computed. Backward, a network's
guess and the densities of crystals with similar discs are refined until their disc is the one that is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from zoneaxis.errors import InputError
from zoneaxis.studies.lacbed_translation.protocol import density_pictures
from zoneaxis.studies.lacbed_translation.rows import Result
from zoneaxis.techniques.lacbed.density_inversion import density_of_picture, disc_from_density
from zoneaxis.techniques.lacbed.disc_inversion import density_from_disc

if TYPE_CHECKING:
    from zoneaxis.recipes.lacbed import Plan

FORWARD, BACKWARD = "columns of the density + engine", "refined through the engine"
PROPOSED = "U-Nets and extra trees, mean"
EXPLAINED = "refined where that explains the disc, else that mean"


def disc_of(plan: Plan, picture: np.ndarray, scale: float) -> tuple[np.ndarray, float]:
    """Disc (s, s) over its brightest pixel of a picture (s, s) of the density, and the misfit of its columns.

    Raises:
        InputError: a picture in which no columns are found.
    """
    density, known = density_of_picture(picture, scale)
    disc, fit = disc_from_density(
        density,
        plan.size_px,
        half_width_per_angstrom=plan.half_width_per_angstrom,
        thickness_angstrom=10.0 * plan.thickness_nm,
        accelerating_voltage_kv=plan.accelerating_voltage_kv,
        field_angstrom=plan.density_field_angstrom,
        known=known,
        absorption=plan.absorption,
        d_min_angstrom=plan.d_min_angstrom,
        rule=plan.rule,
    )
    return np.asarray(disc / disc.max()), fit.misfit


def density_of(
    plan: Plan, disc: np.ndarray, starts: Sequence[np.ndarray], proposed: np.ndarray, scale: float
) -> tuple[np.ndarray, float]:
    """Picture (s, s) of the density behind a disc (s, s) over its brightest pixel, and the misfit of its own disc.

    Pictures are starts; the proposed one says where the origin is, which the disc does not.

    Raises:
        InputError: no start in which columns are found.
    """
    fit = density_from_disc(
        disc,
        [density_of_picture(start, scale)[0] for start in starts],
        thickness_angstrom=10.0 * plan.thickness_nm,
        accelerating_voltage_kv=plan.accelerating_voltage_kv,
        half_width_per_angstrom=plan.half_width_per_angstrom,
        field_angstrom=plan.density_field_angstrom,
        guess=density_of_picture(proposed, scale)[0],
    )
    density = fit.columns.density(plan.size_px, plan.density_field_angstrom)
    return density_pictures(density[None].astype(np.float32), scale)[0], fit.misfit


def discs_of(plan: Plan, pictures: np.ndarray, scale: float) -> Result:
    """Discs of several pictures: `answers` (m, s, s), NaN where there is none, `misfits` and `each_seconds` (m,)."""
    return _each([partial(disc_of, plan, picture, scale) for picture in pictures], plan.size_px)


def densities_of(plan: Plan, discs: np.ndarray, starts: np.ndarray, proposed: np.ndarray, scale: float) -> Result:
    """Pictures behind several discs, from starts (m, k, s, s) and proposed ones (m, s, s): results as above."""
    jobs = [
        partial(density_of, plan, disc, list(some), one, scale)
        for disc, some, one in zip(discs, starts, proposed, strict=True)
    ]
    return _each(jobs, plan.size_px)


def believed_misfit(misfits: np.ndarray, refined: np.ndarray, proposed: np.ndarray) -> float:
    """The misfit up to which refined answers are believed: the sum of errors is then least.

    misfits, and square errors (m,) of the refined and of the proposed answers, all of crystals made for this choice.
    """
    order = np.argsort(misfits, kind="stable")
    gained = np.cumsum((proposed - refined)[order])
    best = int(gained.argmax())
    return float(misfits[order[best]]) if gained[best] > 0 else 0.0


def nearest(known: np.ndarray, asked: np.ndarray, count: int) -> np.ndarray:
    """Places (m, count) among the known discs (n, s, s) of those nearest to each that is asked about (m, s, s)."""
    first, second = known.reshape(len(known), -1), asked.reshape(len(asked), -1)
    distance = (first**2).sum(1)[None] - 2.0 * second @ first.T
    return np.argsort(distance, axis=1, kind="stable")[:, :count]


def _each(jobs: Sequence[Callable[[], tuple[np.ndarray, float]]], size_px: int) -> Result:
    answers = np.full((len(jobs), size_px, size_px), np.nan, np.float32)
    misfits, seconds = np.full(len(jobs), np.inf), np.zeros(len(jobs))
    for number, job in enumerate(jobs):
        begun = time.perf_counter()
        # Columns that cannot be found or fitted: counted as an image without an answer.
        with suppress(InputError, np.linalg.LinAlgError, torch.linalg.LinAlgError):
            answers[number], misfits[number] = job()
        seconds[number] = time.perf_counter() - begun
    return {"answers": answers, "misfits": misfits, "each_seconds": seconds}
