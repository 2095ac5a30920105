"""Data: the study's discs and densities, simulated when they are asked for first and kept from then on."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import partial

import numpy as np

from zoneaxis.errors import InputError
from zoneaxis.patterns import store
from zoneaxis.studies.bench import Bench
from zoneaxis.studies.lacbed_translation import simulation


@dataclass(frozen=True)
class Pairs:
    """Discs and densities of the same crystals.

    discs: (n, s, s) float32, each over its brightest pixel; brightest: (n,) that pixel's intensity; densities:
    (n, s, s) float32 in e/Å³; structure, prototype, crystal, lattice_parameter: (n,) labels; key: of the plan;
    minutes: that the simulation took, None where it was interrupted.
    """

    discs: np.ndarray
    brightest: np.ndarray
    densities: np.ndarray
    structure: np.ndarray
    prototype: np.ndarray
    crystal: np.ndarray
    lattice_parameter: np.ndarray
    key: str
    minutes: float | None
    workers: int | None

    def __len__(self) -> int:
        return len(self.structure)


def pairs(bench: Bench) -> Pairs:
    """The study's data set."""
    wanted = simulation.plan(bench.settings)
    key = wanted.fingerprint[:12]
    path = bench.path("data", f"lacbed-{key}.zarr")
    record = path.with_suffix(".json")
    if not path.exists():
        fresh = not path.with_name(path.name + ".shards").exists()
        begun = time.monotonic()
        simulation.simulate(wanted, path, bench.workers, partial(bench.tick, "simulating discs"))
        with store.appearing_whole(record, overwrite=True) as place:
            # How long an interrupted simulation took in all, nobody knows.
            minutes = (time.monotonic() - begun) / 60 if fresh else None
            place.write_text(json.dumps({"workers": bench.workers, "minutes": minutes}) + "\n")
    kept = store.load(path)
    if kept.sizes["pattern"] != len(wanted) or (kept["structure"].values != np.arange(len(wanted))).any():
        raise InputError(f"{path}: not the crystals of the plan; remove the folder and start again")
    told = json.loads(record.read_text()) if record.exists() else {"workers": None, "minutes": None}
    intensity = kept["intensity"].values
    brightest = intensity.max((1, 2))
    return Pairs(
        discs=intensity / brightest[:, None, None],
        brightest=brightest,
        densities=kept["projected_density"].values,
        structure=kept["structure"].values,
        prototype=kept["prototype"].values,
        crystal=kept["crystal"].values,
        lattice_parameter=kept["lattice_parameter_angstrom"].values,
        key=key,
        **told,
    )
