"""Studies: published systems as recipes, run anew and held against what their papers claim.

A study is a folder here with `recipe.toml` (its scales), `claims.toml`, `run.py` and a README; nothing lists it.
`run` gives it a bench to work at, compares what it found with its claims and writes both down.
"""

from __future__ import annotations

import os
from pathlib import Path

from zoneaxis.errors import InputError

SCALES = ("smoke", "small", "full")
"""Seconds, in the tests; at most an hour on two cores; the size of the paper."""

HOME = Path(__file__).parent


def names() -> list[str]:
    """Names of the studies: the folders of this floor that hold a recipe."""
    return sorted(path.parent.name for path in HOME.glob("*/recipe.toml"))


def run(
    name: str,
    scale: str = "smoke",
    output: str | Path | None = None,
    *,
    data: str | Path | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Run a study and write what came out; started again after an interruption, it goes on where it stopped.

    Args:
        name: one of `names()`.
        scale: one of `SCALES`.
        output: folder of the results (default: studies/NAME/results of the checkout this package is installed from).
            SCALE.json and SCALE.md (claims, ours, verdict) and the folder SCALE (tables, figures) are written there,
            in the place of those of an earlier run.
        data: folder that keeps data sets, trained networks and finished stages (default: in the user's cache).
        workers: processes of one thread each (default: one per core).
        progress: show progress on stderr.

    Returns:
        SCALE.md.

    Raises:
        InputError: no such study or scale, no checkout to write to, a faulty recipe.
    """
    if name not in names():
        raise InputError(f"study {name!r}: no such study; there are {', '.join(names())}")
    if scale not in SCALES:
        raise InputError(f"scale {scale!r}: expected one of {', '.join(SCALES)}")
    if workers is not None and workers < 1:
        raise InputError(f"workers = {workers}: expected at least 1")
    from importlib import import_module

    from platformdirs import user_cache_dir

    from zoneaxis.recipes.progress import bar
    from zoneaxis.report import claims
    from zoneaxis.studies.bench import Bench
    from zoneaxis.studies.scale import settings_of

    results = Path(output) if output is not None else results_folder(name)
    stated = claims.load(HOME / name / "claims.toml")
    settings = settings_of(HOME / name / "recipe.toml", scale)
    folder = Path(data) if data is not None else Path(user_cache_dir("zoneaxis")) / "studies" / name
    study = import_module(f"zoneaxis.studies.{name}.run")
    with bar(lines=True, wanted=progress) as tick:
        outcome = study.run(Bench(name, scale, settings, folder, workers or os.cpu_count() or 1, tick))
    compared = claims.compare(stated, outcome.ours, outcome.spread)
    outcome.write(results / scale)
    return claims.write(compared, results, scale, study=name, seed=int(settings["seed"]))[1]


def results_folder(name: str) -> Path:
    """studies/NAME/results of the checkout; InputError when the package is installed without one."""
    root = HOME.parents[2]
    if not (root / "pyproject.toml").is_file():
        raise InputError(f"study {name}: this installation is no checkout; say with -o which folder gets the results")
    return root / "studies" / name / "results"
