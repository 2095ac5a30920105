"""Protocol: which images of a set are held out, under the paper's split and under those that count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoneaxis.patterns import splits
from zoneaxis.studies.cbleed_autoencoder.images import Images

RANDOM, WINDOWS, INNER, OUTER = "random", "windows", "inner", "outer"
TITLES = {
    RANDOM: "random split (the paper's)",
    WINDOWS: "whole energies held out, in windows",
    INNER: "whole displacement values held out, within the range",
    OUTER: "whole displacement values held out, at the ends of the range",
}


def held_out(images: Images, split: str, settings: Mapping[str, Any]) -> np.ndarray:
    """Mask (n,) of the test part.

    A random split leaves both energy neighbours of most test images in training. The others hold out every image whose
    energy lies in a window, or whose displacement has one of the stated values, along height and along length.
    """
    table = settings["split"]
    if split == RANDOM:
        return splits.random_split(len(images), table["test_share"], settings["seed"])
    if split == WINDOWS:
        test = splits.held_out_windows(
            images.energy_ev, table["window_ev"], table["window_every"], table["window_offset"]
        )
        splits.assert_held_out(images.energy_ev, test)
        return test
    test = splits.held_out_values(images.displacement, table[f"{split}_angstrom"])
    splits.assert_held_out(images.displacement, test)
    return test
