"""Simulation: the one door of this study to the simulator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from zoneaxis.studies.cbleed_autoencoder.plans import Plan


def simulate(plan: Plan, path: Path, workers: int, progress: Callable[[int, int], None]) -> None:
    """Write the images of a plan, in its order, as a pattern set at `path`, a .zarr; resumes after an interruption."""
    from zoneaxis.recipes.cbleed import write_images

    write_images(
        plan.labels,
        path,
        preset=plan.preset,
        inner_potential_shift_ev=plan.inner_potential_shift_ev,
        size_px=plan.size_px,
        directions=plan.directions,
        workers=workers,
        progress=progress,
    )
