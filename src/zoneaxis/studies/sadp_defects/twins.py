"""Twins for training: two blocks of one crystal that add their intensities, drawn in closed form.

    I(q) = (1 - v) I_block(q) + v I_block(R q),  R the half turn about the normal of the twin plane

The streak of their interference is missing; twins that are tested are summed atom by atom and have it. A twin of any
crystal takes milliseconds in this way.
Source: half turns and volume fractions as in `crystals.defects.twin`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from zoneaxis.crystals.defects.twin_law import twin_law, twin_mirror
from zoneaxis.patterns import store
from zoneaxis.patterns.schema import pattern_set
from zoneaxis.recipes.sadp import Plan
from zoneaxis.recipes.sadp_families import LAWS, centring
from zoneaxis.recipes.sadp_listing import crystal_of
from zoneaxis.recipes.sadp_patterns import ROOT, equivalents

SHARE = (0.25, 0.75)
"""Range of the volume fraction, as in the training sets of the study."""
FAMILY = "twin"
THINNEST_CELLS = 2
"""Repeats of a cell at least. Source: our choice, as in the tests of lattice fits."""


def twinned_patterns(
    plan: Plan, numbers: np.ndarray, zones: int, seed: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Twins of the crystals `numbers` of a plan, one each, along `zones` of its zones, drawn at random.

    Returns the `ROOT`-th root of intensities (n, size, size) float16 and labels (n,) each: set "twins", family,
    structure, specimen (the same number), space_group, zone, u, v, w, per_angstrom_per_px, strength (volume fraction).
    All draws depend on the seed and the crystal's number alone.
    """
    pictures: list[np.ndarray] = []
    labels: dict[str, list[Any]] = {}
    for number in numbers.tolist():
        structure = crystal_of(plan, number)
        generator = np.random.default_rng([seed, number])
        voltage = float(plan.voltages_kv.draw(generator))
        length = float(plan.camera_lengths_mm.draw(generator))
        assert plan.edges_angstrom is not None
        edges = [float(plan.edges_angstrom.draw(generator)) for _ in range(3)]
        cells = [max(THINNEST_CELLS, round(edge / own)) for edge, own in zip(edges, structure.lattice.abc, strict=True)]
        share = float(generator.uniform(*SHARE))
        half_turn = -twin_mirror(twin_law(LAWS[centring(structure)]).normal)
        for zone in sorted(generator.permutation(len(plan.zones))[:zones].tolist()):
            axis = equivalents(plan.zones[zone])[int(generator.integers(12))]
            tilt = plan.tilt_mrad * generator.standard_normal(2)
            experiment = plan.experiment(
                axis,
                voltage,
                length,
                rotation_deg=float(generator.uniform(0, 360)),
                tilt_mrad=(float(tilt[0]), float(tilt[1])),
            )
            picture = (1 - share) * experiment.perfect(structure, cells)
            picture = picture + share * experiment.perfect(structure, cells, half_turn)
            pictures.append(picture.clamp_min(0.0).double().pow(1.0 / ROOT).to(torch.float16).numpy())
            told = {
                "set": "twins",
                "family": FAMILY,
                "strength": share,
                "structure": number,
                "specimen": number,
                "space_group": int(structure.properties["space_group"]),
                "zone": zone,
                **dict(zip("uvw", axis, strict=True)),
                "per_angstrom_per_px": experiment.detector.step_per_angstrom,
            }
            for name, value in told.items():
                labels.setdefault(name, []).append(value)
    return np.stack(pictures), {name: np.array(values) for name, values in labels.items()}


def write(plan: Plan, numbers: np.ndarray, zones: int, seed: int, path: Path) -> None:
    """Twins as a pattern set at `path`."""
    pictures, labels = twinned_patterns(plan, numbers, zones, seed)
    made = pattern_set(
        pictures,
        labels,
        technique="sadp",
        provenance=f"two blocks, plan {plan.fingerprint[:12]}, seed {seed}",
        root=ROOT,
        plan=plan.fingerprint,
    )
    store.save(made, path)
