"""Plans: the data sets of the study, simulated once and kept on the bench."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from zoneaxis.learn.stored_patterns import PatternStack
from zoneaxis.recipes import sadp, sadp_patterns
from zoneaxis.studies.bench import Bench
from zoneaxis.studies.sadp_defects import twins

PERFECT, DEFECTS, OUTLIERS, PAPER, PAPER_DEFECTS = "perfect", "defects", "outliers", "paper", "paper_defects"
HONEST = (PERFECT, DEFECTS, OUTLIERS)
"""Data sets of the honest protocol: any turn, any specimen, crystals split by chemistry and prototype."""
OF_PAPER = (PAPER, PAPER_DEFECTS)
"""Data sets of the paper's protocol: one turn, one size, patterns split."""
NAMES = (*HONEST, *OF_PAPER)


def plan(settings: Mapping[str, Any], name: str) -> sadp.Plan:
    """The plan of a data set; perfect and defective crystals of the honest protocol are the same crystals."""
    seed = int(settings["seed"])
    if name in (PERFECT, DEFECTS):
        structures, patterns, sets = settings["structures"], settings["patterns"], settings[name]
    elif name == OUTLIERS:  # another seed, so that none of its crystals is one of the unknown ones that are tested
        structures, patterns, sets = settings[name]["structures"], settings["patterns"], settings[name]["set"]
        seed += 1
    else:
        structures = settings[PAPER]["structures"]
        patterns = dict(settings[PAPER]["patterns"]) | dict(settings[name]["patterns"])
        sets = settings[name]["set"]
    tables = {"structures": structures, "patterns": dict(patterns) | {"zones": settings["zones"]}, "set": sets}
    return sadp.planned({"name": f"sadp-{name}", "technique": "sadp", "seed": seed, **tables})


def store(bench: Bench, name: str) -> Path:
    """Where a data set is, simulated if it is not there; an interrupted simulation goes on."""
    wanted = plan(bench.settings, name)
    path = bench.path("data", f"{name}-{wanted.fingerprint[:12]}.zarr")
    if not path.exists():
        sadp_patterns.generate(wanted, path, workers=bench.workers, progress=bench.tick)
    return path


def stack(bench: Bench, name: str) -> PatternStack:
    """A data set, open for reading at random."""
    return _opened(store(bench, name))


def twin_stack(bench: Bench) -> PatternStack:
    """Twins of all crystals of the training part, drawn once."""
    wanted, zones = plan(bench.settings, PERFECT), int(bench.settings["twins"]["zones"])
    path = bench.path("data", f"twins-{zones}-{wanted.fingerprint[:12]}.zarr")
    if not path.exists():
        labels = stack(bench, PERFECT).labels
        numbers = np.unique(labels["structure"][labels["set"] == "training"])
        twins.write(wanted, numbers, zones, int(bench.settings["seed"]), path)
    return _opened(path)


@lru_cache(maxsize=8)
def _opened(path: Path) -> PatternStack:
    """Each once in a process: its labels are many."""
    return PatternStack.open(path)
