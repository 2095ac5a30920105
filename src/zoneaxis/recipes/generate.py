"""From a recipe to a data set of simulated camera pictures, everything drawn stored as labels."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from zoneaxis.errors import InputError
from zoneaxis.patterns import generate as shards
from zoneaxis.recipes.progress import bar
from zoneaxis.recipes.recipe import Recipe
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
        InputError: a faulty recipe, an output that exists, fewer than one pattern.
    """
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
