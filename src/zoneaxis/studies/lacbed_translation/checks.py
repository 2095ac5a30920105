"""Checks: how far the discs are converged, what an image costs by each road, and whether zincblende crystals differ."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from zoneaxis.learn.trained_translator import TrainedTranslator
from zoneaxis.studies.lacbed_translation.rows import Result

if TYPE_CHECKING:
    from zoneaxis.recipes.lacbed import Plan

ZINCBLENDE = 216


def accuracy(plan: Plan, crystals: int) -> Result:
    """Errors of the discs of crystals spread over the set: `structure`, `rms`, `largest`, `relative`, (n,) each."""
    numbers = np.unique(np.linspace(0, plan.count - 1, crystals).round().astype(int))
    found = [plan.beam_errors(plan.structure(int(number)), seed=int(number)) for number in numbers]
    return {"structure": numbers, **{name: np.array([one[name] for one in found]) for name in found[0]}}


def timing(plan: Plan, trained: TrainedTranslator, crystals: Iterable[int], repeats: int) -> dict[str, float]:
    """Milliseconds of one disc on one thread: `torch`, `onnxruntime`, `engine` (median over these crystals).

    The engine computes one thickness. Absorption is tabulated once for every element, which is not counted.
    """
    from zoneaxis.learn.translator_onnx import export, milliseconds_per_image

    found = milliseconds_per_image(export(trained.network), trained.network, repeats=repeats)
    alone, threads = replace(plan, further_thickness_nm=()), torch.get_num_threads()
    torch.set_num_threads(1)
    times = []
    try:
        for number in crystals:
            structure = plan.structure(number)
            alone.discs(structure)
            begun = time.perf_counter()
            alone.discs(structure)
            times.append(1e3 * (time.perf_counter() - begun))
    finally:
        torch.set_num_threads(threads)
    return found | {"engine": float(np.median(times))}


def zincblende(plan: Plan, names: Sequence[str], lattice_parameter_angstrom: float) -> dict[str, Any]:
    """Discs of crystals with the same atoms' places and lattice parameter, and how far any two are apart.

    Fields: discs (n, s, s) over their brightest pixel; distances {"GaAs ZnS": rms, ...}; errors, rms of each disc
    against one with three times the beams, on the same scale.
    """
    discs, errors = [], []
    for name in names:
        structure = _zincblende(name, lattice_parameter_angstrom)
        disc = plan.discs(structure)[plan.series_nm.index(plan.thickness_nm)].numpy()
        discs.append(disc / disc.max())
        errors.append(plan.beam_errors(structure)["relative"])
    distances = {
        f"{first} {second}": float(np.sqrt(np.mean((discs[i] - discs[j]) ** 2)))
        for (i, first), (j, second) in itertools.combinations(enumerate(names), 2)
    }
    return {"discs": np.array(discs), "distances": distances, "errors": dict(zip(names, errors, strict=True))}


def _zincblende(name: str, lattice_parameter_angstrom: float) -> Any:
    from pymatgen.core import Composition, Lattice, Structure

    elements = [element.symbol for element in Composition(name).elements]
    structure = Structure.from_spacegroup(
        ZINCBLENDE, Lattice.cubic(lattice_parameter_angstrom), elements, [[0, 0, 0], [0.25, 0.25, 0.25]]
    )
    structure.add_site_property("b_iso", [B_ISO] * len(structure))
    return structure


B_ISO = 0.5
"""Of all atoms [Å²], as in the data set."""


def told_apart(found: Mapping[str, Any]) -> float:
    """Smallest distance between two discs over the largest error of one."""
    return float(min(found["distances"].values()) / max(max(found["errors"].values()), 1e-9))
