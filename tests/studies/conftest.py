"""A stand-in for the simulator: smooth discs that follow energy, height and length, in no time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.small_grid import intensity
from zoneaxis.patterns import schema, store
from zoneaxis.studies.cbleed_autoencoder import simulation
from zoneaxis.studies.cbleed_autoencoder.plans import Plan

NAMES = ("beam_energy_ev", "dimer_height_angstrom", "dimer_length_angstrom")


def simulate(plan: Plan, path: Path, workers: int, progress: Callable[[int, int], None]) -> None:
    """Images whose inner potential adds to the energy, and whose contrast depends on the preset."""
    values = np.stack([plan.labels[name] for name in NAMES], axis=1)
    values[:, 0] += plan.inner_potential_shift_ev
    images = np.zeros((len(plan), plan.size_px, plan.size_px), dtype=np.float32)
    for dimer in np.unique(plan.labels["dimer"]):
        of = plan.labels["dimer"] == dimer
        images[of] = intensity(str(dimer), values[of], plan.size_px)
    if plan.preset != "paper":
        images **= 1.4
    made = schema.pattern_set(images, plan.labels, technique="cbleed", provenance="stand-in of the tests")
    store.save(made, path)
    progress(len(plan), len(plan))


@pytest.fixture(scope="session")
def stand_in():
    """The stand-in in the simulator's place, for the whole session of a process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation, "simulate", simulate)
        yield simulate
