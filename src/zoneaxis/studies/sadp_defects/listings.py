"""Listings: the sets of patterns that readers are asked about, and the pictures a camera shows of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from zoneaxis.instrument.diffraction_camera import DiffractionCamera
from zoneaxis.learn.stored_patterns import StoredPatterns
from zoneaxis.recipes.sadp_classes import SADPClasses
from zoneaxis.recipes.sadp_input import through_camera
from zoneaxis.studies.bench import Bench
from zoneaxis.studies.sadp_defects import plans

LISTED = {
    "validation": plans.PERFECT,
    "unseen_chemistry": plans.PERFECT,
    "unseen_prototype": plans.PERFECT,
    "unknown": plans.PERFECT,
    "control": plans.DEFECTS,
    "tested": plans.DEFECTS,
    "metals": plans.DEFECTS,
}
"""Data set of every listing of the honest protocol."""
PICTURES_AT_ONCE = 128
"""Shown together; the noise of a picture depends on the seed and on its place in the listing."""
CAMERA = "laboratory"


def listed(bench: Bench, name: str, classes: SADPClasses) -> StoredPatterns:
    """The patterns of a listing in the order of their data set, those of unknown groups with class -1."""
    of = plans.stack(bench, LISTED[name])
    return of.picked({"set": [name]}, classes=classes.numbers, unknown=True)


def shown(
    stored: StoredPatterns, seed: int, of: np.ndarray | None = None, camera: str = CAMERA
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Places and pictures (k, size, size) from 0 to 1, as a camera shows them, batch after batch.

    of: places; batches that hold none of them are left out.
    """
    settings = DiffractionCamera.from_dict({"preset": camera})
    for number, start in enumerate(range(0, len(stored), PICTURES_AT_ONCE)):
        places = np.arange(start, min(start + PICTURES_AT_ONCE, len(stored)))
        if of is not None and not np.isin(places, of).any():
            continue
        state = int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> 1)
        yield places, through_camera(stored.intensity(places), settings, torch.Generator().manual_seed(state))
