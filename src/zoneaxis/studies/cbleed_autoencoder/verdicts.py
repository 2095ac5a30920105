"""Verdicts: the numbers that the claims ask for, taken from the study's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoneaxis.studies.cbleed_autoencoder.data import HIGHER, LOWER, OTHER_PRESET
from zoneaxis.studies.cbleed_autoencoder.images import TARGETS
from zoneaxis.studies.cbleed_autoencoder.noise import BOUND, LIKELIHOOD, SAME_PHYSICS
from zoneaxis.studies.cbleed_autoencoder.plans import PLANE, SCAN
from zoneaxis.studies.cbleed_autoencoder.protocol import RANDOM, WINDOWS
from zoneaxis.studies.cbleed_autoencoder.readers import (
    BEST,
    COMPONENTS,
    CONTROL,
    LATENT,
    MEAN,
    PAPER_REGRESSORS,
    RICH,
    Reader,
    Row,
)

Values = dict[str, float | bool]
Found = tuple[Values, dict[str, float]]
"""Values by claim, and standard deviations of those that have one."""

SHIFT_CLAIMS = {
    OTHER_PRESET: "other_preset_covered_or_unknown",
    HIGHER: "higher_potential_covered_or_unknown",
    LOWER: "lower_potential_covered_or_unknown",
}
DISPLACEMENTS = ("height", "length")
"""What is asked under another potential: the energy's uncertainty holds the doubt about it by construction."""

ENOUGH = 8
"""Latent numbers that the paper calls sufficient."""
NO_BETTER = 0.1
"""A loss lower by less than this share counts as no better."""
MUCH_WORSE = 2.0
"""A loss this many times higher counts as worse."""
LEARNED_NOTHING = 0.9
"""Of the error of the mean: what shuffled labels may not fall below."""


def pick(rows: Sequence[Row], reader: str, test: str, target: str) -> Row:
    """The row of a reader."""
    return next(row for row in rows if (row["reader"], row["test"], row["target"]) == (reader, test, target))


def best(rows: Sequence[Row], test: str, target: str, code: str = "") -> Row:
    """The row of the smallest mean error, of all readers or of those on one code; controls do not count."""
    return min(
        (
            row
            for row in rows
            if (row["test"], row["target"]) == (test, target)
            and row["reader"].startswith(code)
            and row["reader"] not in (MEAN.name, CONTROL.name)
        ),
        key=lambda row: row["mae"],
    )


def table_1(rows: Sequence[Row], test: str) -> Found:
    """The paper's six regressors and what stands beside them, under the random split."""
    ours: Values = {}
    spread: dict[str, float] = {}
    for regressor in PAPER_REGRESSORS:
        for target in ("energy", "displacement"):
            row = pick(rows, Reader(LATENT, regressor).name, test, target)
            ours |= {f"{target}_{regressor}": row["mae"], f"{target}_{regressor}_r2": row["r2"]}
            spread[f"{target}_{regressor}"] = row["standard_error"]
    for target in ("energy", "displacement"):
        row = pick(rows, Reader(LATENT, BEST).name, test, target)
        ours[f"{target}_autoencoder_best"] = row["mae"]
        spread[f"{target}_autoencoder_best"] = row["standard_error"]
    ours["reading_ms"] = ours["reading_ms_bar"] = pick(rows, Reader(LATENT, BEST).name, test, "energy")["ms"]
    ours["components_beat_autoencoder"] = all(
        pick(rows, Reader(COMPONENTS, BEST).name, test, target)["mae"] < best(rows, test, target, LATENT)["mae"]
        for target in ("energy", "displacement")
    )
    ours["shuffled_labels_teach_nothing"] = all(
        pick(rows, CONTROL.name, test, target)["mae"] >= LEARNED_NOTHING * pick(rows, MEAN.name, test, target)["mae"]
        for target in ("energy", "displacement")
    )
    return ours, spread


def best_readers(tables: Mapping[tuple[str, str], Sequence[Row]], off_grid: str) -> Found:
    """The reader chosen beforehand, off the grid and in held-out windows, as `off_grid_scan_energy`.

    Kernel ridge on 32 principal components for every kind, split and target.
    """
    name = RICH.name
    chosen = {}
    for kind, title in ((SCAN, "scan"), (PLANE, "plane")):
        for target in TARGETS[kind]:
            chosen[f"off_grid_{title}_{target}"] = pick(tables[kind, RANDOM], name, f"{kind} {off_grid}", target)
            chosen[f"windows_{title}_{target}"] = pick(tables[kind, WINDOWS], name, f"{kind} {WINDOWS}", target)
    return {claim: row["mae"] for claim, row in chosen.items()}, {
        claim: row["standard_error"] for claim, row in chosen.items()
    }


def figure_4(losses: Sequence[Row]) -> Found:
    """Whether eight latent numbers suffice, and how the loss goes on falling; means over the seeds."""
    of_networks = [row for row in losses if row["code"] == LATENT]
    of = {
        latent: np.array([row["bce_minus_entropy"] for row in of_networks if row["latent"] == latent])
        for latent in {row["latent"] for row in of_networks}
    }
    fewer, most = [latent for latent in of if latent < ENOUGH], max(of)
    at_enough = float(of[ENOUGH].mean())
    ours: Values = {"fewer_latents_are_worse": all(of[latent].mean() >= MUCH_WORSE * at_enough for latent in fewer)}
    spread = {}
    if most > ENOUGH:
        gained = 1 - of[most] / of[ENOUGH]
        ours["eight_latents_suffice"] = bool(gained.mean() < NO_BETTER)
        ours["gain_beyond_eight_latents"] = float(gained.mean())
        spread["gain_beyond_eight_latents"] = float(gained.std(ddof=1)) if len(gained) > 1 else 0.0
    return ours, spread


def doses(rows: Sequence[Row], electrons: float) -> Found:
    """Network and likelihood at one dose, and their ratio to the bound."""
    of = {
        (row["reader"], row["target"]): row
        for row in rows
        if row["electrons"] == electrons and row["reader"] in (LIKELIHOOD, BOUND)
    }
    ours: Values = {}
    spread = {}
    for target in ("energy", "height", "length"):
        row = of[LIKELIHOOD, target]
        ours[f"noisy_{target}"], spread[f"noisy_{target}"] = row["mae"], row["standard_error"]
        ours[f"noisy_{target}_over_bound"] = row["mae"] / of[BOUND, target]["mae"]
    return ours, spread


def shifts(rows: Sequence[Row], electrons: float) -> Found:
    """Share of displacements that the stated uncertainty covers or that are called unknown, under each other physics.

    And of the physics that was learned: the share called unknown, and the share of values covered.
    """
    of = {row["test"]: row for row in rows if row["electrons"] == electrons}
    ours: Values = {
        claim: min(of[test][f"covered_or_unknown_{target}"] for target in DISPLACEMENTS)
        for test, claim in SHIFT_CLAIMS.items()
    }
    same = of[SAME_PHYSICS]
    return ours | {"same_physics_unknown": same["unknown"], "same_physics_covered": same["covered"]}, {}


def times(training: Mapping[str, Any], images: int, dataset_minutes: float | None) -> Found:
    """How long the autoencoder of Table 1 was trained, and its images simulated.

    Neither is told, and the claim missed, where the training ended by the clock before it saw `images`, or the
    simulation was interrupted.
    """
    ours: Values = {}
    if training["images"] >= images:
        ours |= dict.fromkeys(("training_minutes", "training_minutes_bar"), float(training["minutes"]))
    return ours | ({} if dataset_minutes is None else {"dataset_minutes": dataset_minutes}), {}


def joined(*parts: Found) -> tuple[Values, dict[str, float]]:
    """All values and all spreads."""
    ours: Values = {}
    spread: dict[str, float] = {}
    for values, spreads in parts:
        ours |= values
        spread |= spreads
    return ours, spread
