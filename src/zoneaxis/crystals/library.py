"""The library of named materials, and the one door through which crystals come in."""

import difflib
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from zoneaxis.crystals.asymmetric_unit import ListedSite, fill_cell, operations_of
from zoneaxis.crystals.cell import space_group
from zoneaxis.crystals.cif import read_cif
from zoneaxis.errors import InputError

__all__ = ["load", "names", "space_group"]


def names() -> list[str]:
    """Names of the materials in the library, grouped by space group in rising order."""
    return list(_materials())


def load(name_or_path: str | Path) -> Structure:
    """A crystal by its library name ("Ni") or from a CIF file ("my.cif"), as a new `Structure`.

    The conventional cell, atoms and occupancies; `site_properties["b_iso"]` holds the Debye-Waller factor B of every
    site in Å² (amplitudes carry exp(-B |g|²/4)); `properties` holds name, space_group (number, as spglib finds it) and
    source.
    The lattice matrix is that of `cell.basis`: a along x, c* along z.
    Materials of the library have an inversion centre at the origin, so their structure factors are real.

    Raises `InputError` for an unknown name (with the names nearest to it) or an impossible CIF file.
    """
    text = str(name_or_path)
    materials = _materials()
    if isinstance(name_or_path, str) and text in materials:
        return _build(text, materials[text])
    path = Path(name_or_path)
    if isinstance(name_or_path, Path) or path.suffix or len(path.parts) > 1 or path.exists():
        return read_cif(path)
    by_lower_case = {name.lower(): name for name in materials}
    near = [by_lower_case[match] for match in difflib.get_close_matches(text.lower(), by_lower_case, n=4, cutoff=0.4)]
    hint = f"near it: {', '.join(near)}" if near else f"there are: {', '.join(materials)}"
    raise InputError(f"crystal {text!r} is not in the library ({hint}); or give a CIF file")


@cache
def _materials() -> dict[str, dict[str, Any]]:
    text = files("zoneaxis.crystals").joinpath("materials.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _build(name: str, entry: dict[str, Any]) -> Structure:
    a = float(entry["a"])
    sites = [
        ListedSite(
            label="/".join(site["shares"]),
            shares=site["shares"],
            position=(site["position"][0], site["position"][1], site["position"][2]),
            b_iso=site["b_iso"],
        )
        for site in entry["sites"]
    ]
    properties = {"name": name, "space_group": entry["number"], "source": entry["source"]}
    return fill_cell((a, a, a), (90.0, 90.0, 90.0), operations_of(entry["space_group"]), sites, properties)
