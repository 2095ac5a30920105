"""From a recipe to a data set of simulated camera pictures, everything drawn stored as labels."""

from __future__ import annotations

import functools
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import xarray as xr

from zoneaxis.errors import InputError
from zoneaxis.patterns import generate as shards
from zoneaxis.recipes.progress import Tick, bar
from zoneaxis.recipes.recipe import Recipe, technique
from zoneaxis.techniques.ebsd.experiment import EBSDExperiment


@dataclass(frozen=True)
class RecipeSource:
    """Draws patterns of a recipe; light enough to travel to worker processes, which read the recipe themselves."""

    recipe_path: str
    fingerprint: str

    def __call__(self, n: int, seed: int) -> xr.Dataset:
        """n raw camera pictures with everything that was drawn."""
        return _experiment(self.recipe_path, self.fingerprint).draw(n, seed)


@functools.lru_cache(maxsize=1)
def _experiment(recipe_path: str, fingerprint: str) -> EBSDExperiment:
    recipe = Recipe.read(recipe_path)
    if recipe.fingerprint() != fingerprint:
        raise InputError(f"{recipe_path}: was changed while its patterns were being made; start again")
    return recipe.experiment_for()


def generate(
    recipe_path: str | Path, output: str | Path, *, workers: int = 1, patterns: int | None = None, progress: bool = True
) -> Path:
    """Write the data set of a recipe; run again after an interruption, it goes on where it stopped.

    Args:
        recipe_path: TOML file.
        output: a `.zarr` path.
        workers: processes, each with one thread.
        patterns: how many, in place of the recipe's number.
        progress: show progress on stderr.

    Raises:
        InputError: a faulty recipe, an output that exists, fewer than one pattern, another number of patterns than a
            grid has.
    """
    if technique(recipe_path) == "cbleed":
        return _listed(recipe_path, output, workers, patterns, progress)
    if technique(recipe_path) == "lacbed":
        return _crystals(recipe_path, output, workers, patterns, progress)
    if technique(recipe_path) == "sadp":
        return _series(recipe_path, output, workers, patterns, progress)
    recipe = Recipe.read(recipe_path)
    count = recipe.patterns if patterns is None else patterns
    if count < 1:
        raise InputError(f"patterns = {count}: expected at least 1")
    with bar(lines=True, wanted=progress) as tick:
        recipe.build_libraries(workers or os.cpu_count() or 1, tick)
        return shards.generate(
            RecipeSource(str(recipe_path), recipe.fingerprint()),
            count,
            output,
            recipe.seed,
            shard_size=min(4096, count),
            workers=workers,
            progress=functools.partial(tick, "patterns"),
        )


def _listed(recipe_path: str | Path, output: str | Path, workers: int, patterns: int | None, progress: bool) -> Path:
    """The images of a grid, all of them."""
    from zoneaxis.recipes import cbleed

    plan = cbleed.read(recipe_path)
    if patterns not in (None, len(plan)):
        raise InputError(f"patterns = {patterns}: the grid of {recipe_path} has {len(plan)}; change the grid instead")
    with bar(lines=True, wanted=progress) as tick:
        return cbleed.generate(plan, output, workers=workers, progress=functools.partial(tick, "patterns"))


def _crystals(recipe_path: str | Path, output: str | Path, workers: int, patterns: int | None, progress: bool) -> Path:
    """Discs and densities of the first crystals of a list."""
    from zoneaxis.recipes import lacbed

    plan = lacbed.read(recipe_path)
    if patterns is not None:
        plan = replace(plan, count=patterns)
    with bar(lines=True, wanted=progress) as tick:
        return lacbed.generate(plan, output, workers=workers, progress=functools.partial(tick, "crystals"))


def _series(recipe_path: str | Path, output: str | Path, workers: int, patterns: int | None, progress: bool) -> Path:
    """Selected-area patterns of many crystals; says how many a minute are made."""
    from zoneaxis.recipes import sadp, sadp_patterns

    plan = sadp.read(recipe_path)
    with bar(lines=True, wanted=progress) as tick:
        return sadp_patterns.generate(plan, output, workers=workers, patterns=patterns, progress=Paced(tick))


class Paced:
    """A tick that adds the pace since its first call for patterns."""

    def __init__(self, tick: Tick) -> None:
        self._tick = tick
        self._first: tuple[float, int] | None = None

    def __call__(self, what: str, done: int, total: int) -> None:
        """Tell it on."""
        if what == "patterns":
            now = time.monotonic()
            start, before = self._first = self._first or (now, done)
            if done > before:
                what = f"patterns, {60.0 * (done - before) / max(now - start, 1e-9):.0f} a minute"
        self._tick(what, done, total)
