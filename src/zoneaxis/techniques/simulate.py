"""Simulate: a specimen under an instrument, by the name of what is wanted (`ebsd`, `ebsd-master`, ...)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from zoneaxis import techniques
from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure


def simulate(technique: str, specimen: str | Path | Structure, **settings: Any) -> xr.Dataset:
    """Simulated patterns of a specimen as a checked pattern set, ready for `patterns.store.save`.

    `leed-iv` gives curves, no patterns: `techniques.cbleed.curve_files.save` writes them.

    Args:
        technique: one of `simulations()`.
        specimen: a name of the crystal library, a CIF file, or a structure from `crystals.load`; of `cbleed` and
            `leed-iv` a surface, by name or as a slab.
        settings: those of the simulation's own function, e.g. `techniques.ebsd.simulator.simulate_ebsd`.

    Raises:
        InputError: an unknown technique or specimen, or a setting that cannot be.
    """
    known = simulations()
    if technique not in known:
        raise InputError(f"technique {technique!r} cannot be simulated; there are {', '.join(known)}")
    return known[technique](specimen, **settings)


def simulations() -> dict[str, Callable[..., xr.Dataset]]:
    """What can be simulated: the entries of `SIMULATIONS` in the `simulator` module of every technique."""
    found: dict[str, Callable[..., xr.Dataset]] = {}
    for name in techniques.names():
        module = f"{techniques.__name__}.{name}.simulator"
        if find_spec(module) is not None:
            found |= import_module(module).SIMULATIONS
    return found
