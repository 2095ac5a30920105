"""Scale: the settings of a study at one of its sizes, as its recipe gives them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoneaxis.errors import InputError

EVERY = "every"
"""Table of a recipe that holds at every scale, as far as the scale's own table does not say otherwise."""


def settings_of(recipe: Path, scale: str) -> dict[str, Any]:
    """Settings of a scale: the recipe's [every] with [scale] laid over it, table by table.

    Raises:
        InputError: the recipe is no TOML, lacks the scale or its seed, or the scale names something that [every] lacks.
    """
    try:
        tables = tomllib.loads(recipe.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as reason:
        raise InputError(f"{recipe}: not a readable recipe ({str(reason).splitlines()[0]})") from None
    if scale not in tables or EVERY not in tables:
        raise InputError(f"{recipe}: table [{scale if scale not in tables else EVERY}] is missing")
    settings = _laid_over(tables[EVERY], tables[scale], f"{recipe}: [{scale}]")
    if not isinstance(settings.get("seed"), int) or settings["seed"] < 0:
        raise InputError(f"{recipe}: seed = {settings.get('seed')!r}: expected a whole number, 0 or more")
    return settings


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any], where: str) -> dict[str, Any]:
    unknown = sorted(set(above) - set(below))
    if unknown:
        raise InputError(f"{where}: {unknown[0]!r} is not in [{EVERY}], which names all settings")
    return {
        name: _laid_over(value, above[name], f"{where} {name}")
        if isinstance(value, Mapping) and isinstance(above.get(name), Mapping)
        else above.get(name, value)
        for name, value in below.items()
    }
