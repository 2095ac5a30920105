"""Data: the study's image sets, simulated when they are asked for first and kept from then on."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from zoneaxis.errors import InputError
from zoneaxis.patterns import store
from zoneaxis.patterns.amplitude import Normalisation, amplitude
from zoneaxis.studies.bench import Bench
from zoneaxis.studies.cbleed_autoencoder import plans, simulation
from zoneaxis.studies.cbleed_autoencoder.images import Images
from zoneaxis.studies.cbleed_autoencoder.plans import DIMERS, FINE, PLANE, SCAN, Plan

BLOCK = 512
OTHER_PRESET, HIGHER, LOWER = "other preset", "inner potential higher", "inner potential lower"


def plan(settings: Mapping[str, Any], name: str, preset: str, shift_ev: float = 0.0) -> Plan:
    """The plan of a set: `scan68`, `grid70`, or one of these after `off_` for random values within its range.

    Off-grid sets of other physics than the first preset's are smaller: `shift.images`.
    """
    kind = name.removeprefix("off_")
    tables = {SCAN: "scan", PLANE: "plane", FINE: "fine"}
    if kind not in tables:
        raise InputError(f"data set {name!r}: known are {', '.join(tables)}, each also after off_")
    table = settings[tables[kind]]
    if name == kind:
        labels = (plans.scan if kind == SCAN else plans.plane)(table)
    else:
        shifted = bool(shift_ev) or preset not in settings["presets"]
        images = int(settings["shift" if shifted else "off_grid"]["images"])
        labels = (plans.off_scan if kind == SCAN else plans.off_plane)(table, images, settings["seed"] + len(name))
    directions = int(settings["directions"][preset])
    return Plan(name, preset, int(settings["simulated_px"]), directions, labels, shift_ev)


def dataset(
    bench: Bench, name: str, preset: str, shift_ev: float = 0.0, normalise: Normalisation = "maximum"
) -> Images:
    """An image set, prepared for reading: simulated if it is not there yet, then area-averaged and square-rooted.

    normalise: `maximum` as in the paper, `sum` for noisy images (see `patterns.amplitude`).
    """
    wanted = plan(bench.settings, name, preset, shift_ev)
    path = bench.path("data", f"{wanted.title}-{wanted.key}.zarr")
    record = path.with_suffix(".json")
    if not path.exists():
        fresh = not path.with_name(path.name + ".shards").exists()
        begun = time.monotonic()
        simulation.simulate(wanted, path, bench.workers, partial(bench.tick, f"simulating {wanted.title}"))
        with store.appearing_whole(record, overwrite=True) as place:
            # How long an interrupted simulation took in all, nobody knows.
            minutes = (time.monotonic() - begun) / 60 if fresh else None
            described = {"images": len(wanted), "workers": bench.workers, "minutes": minutes}
            place.write_text(json.dumps(described) + "\n")
    size_px = int(bench.settings["size_px"])
    decided_by = {"plan": wanted.key, "size_px": size_px, "normalise": normalise}
    kept = bench.stage(f"prepared {wanted.title}", decided_by, lambda: _prepared(wanted, path, size_px, normalise))
    minutes = json.loads(record.read_text())["minutes"] if record.exists() else None
    labels = {name: kept[name] for name in ("amplitude", "energy_ev", "height", "length", "dimer")}
    return Images(**labels, key=f"{wanted.key}-{size_px}-{normalise}", minutes=minutes)


def _prepared(wanted: Plan, path: Any, size_px: int, normalise: Normalisation) -> dict[str, Any]:
    patterns = store.load(path)
    for label, expected in wanted.labels.items():
        found = patterns[label].values
        same = found.shape == expected.shape and (
            bool((found == expected).all()) if expected.dtype.kind == "U" else np.allclose(found, expected, atol=1e-6)
        )
        if not same:
            raise InputError(f"{path}: label {label} is not that of the plan; remove the folder and start again")
    intensity = patterns["intensity"]
    blocks = [
        amplitude(intensity[start : start + BLOCK].values, size_px, normalise=normalise)
        for start in range(0, len(wanted), BLOCK)
    ]
    return {
        "amplitude": np.concatenate(blocks),
        "energy_ev": wanted.labels["beam_energy_ev"],
        "height": wanted.labels["dimer_height_angstrom"],
        "length": wanted.labels["dimer_length_angstrom"],
        "dimer": np.array([DIMERS.index(dimer) for dimer in wanted.labels["dimer"]], dtype=np.int64),
    }
