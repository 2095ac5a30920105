"""Simulation: the one door of this study to the simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoneaxis.recipes.lacbed import Plan

TABLES = ("structures", "foil", "image", "beams")
"""Those of the study's recipe that are a data set's recipe."""


def plan(settings: Mapping[str, Any]) -> Plan:
    """Which crystals, and how their discs are made."""
    from zoneaxis.recipes.lacbed import planned

    return planned({"seed": settings["seed"]} | {name: settings[name] for name in TABLES})


def simulate(wanted: Plan, path: Path, workers: int, progress: Callable[[int, int], None]) -> None:
    """Write discs and densities of a plan as a pattern set at `path`, a .zarr; resumes after an interruption."""
    from zoneaxis.recipes.lacbed import generate

    generate(wanted, path, workers=workers, progress=progress)
