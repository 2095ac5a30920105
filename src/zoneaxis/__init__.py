"""Reads electron-diffraction patterns: says what the crystal is, how sure that is, and why.

Every command of the `zoneaxis` program has its twin here, of the same name and arguments. Nothing is imported before
it is asked for, so that the program answers at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoneaxis.crystals import load
    from zoneaxis.errors import InputError
    from zoneaxis.patterns.readers import read
    from zoneaxis.patterns.store import save
    from zoneaxis.reading.identify import identify
    from zoneaxis.reading.watch import watch
    from zoneaxis.recipes.generate import generate
    from zoneaxis.recipes.train import train
    from zoneaxis.studies import run as study
    from zoneaxis.techniques.lacbed.refine import refine
    from zoneaxis.techniques.simulate import simulate

__all__ = [
    "InputError",
    "generate",
    "identify",
    "load",
    "read",
    "refine",
    "save",
    "simulate",
    "study",
    "train",
    "watch",
]

_HOME = {
    "InputError": "zoneaxis.errors",
    "generate": "zoneaxis.recipes.generate",
    "identify": "zoneaxis.reading.identify",
    "load": "zoneaxis.crystals",
    "read": "zoneaxis.patterns.readers",
    "refine": "zoneaxis.techniques.lacbed.refine",
    "save": "zoneaxis.patterns.store",
    "simulate": "zoneaxis.techniques.simulate",
    "study": "zoneaxis.studies",
    "train": "zoneaxis.recipes.train",
    "watch": "zoneaxis.reading.watch",
}
_TRUE_NAME = {"study": "run"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("zoneaxis")
    if name not in _HOME:
        raise AttributeError(f"module 'zoneaxis' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), _TRUE_NAME.get(name, name))


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
