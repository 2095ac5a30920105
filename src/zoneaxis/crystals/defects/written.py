"""Defects as they are written on a command line or in a recipe: `dislocations:count=4,layout=wall`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoneaxis.crystals.defects.dislocation import edge_dislocations
from zoneaxis.crystals.defects.dynamics import shipped_snapshots
from zoneaxis.crystals.defects.point import interstitials, substituted, vacancies
from zoneaxis.crystals.defects.strain import strained
from zoneaxis.crystals.defects.thermal import b_iso_of_temperature, displaced, from_snapshots
from zoneaxis.crystals.defects.twin import twinned
from zoneaxis.crystals.elasticity import materials, shear_strain, stiffness_of, uniaxial_strain
from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

UNTABULATED_POISSON = 0.33
"""Contraction across over extension along, and Poisson's ratio of a dislocation, where no stiffness is tabulated.
Source: our choice, a usual value of metals (Hirth and Lothe, 1982, appendix 1)."""


def stretched(atoms: Atoms, strain: float, seed: int = 0, *, axis: int = 0) -> Atoms:
    """Pulled along a, b or c (axis 0, 1, 2) with free sides: they contract as the crystal's stiffness says."""
    if axis not in (0, 1, 2):
        raise InputError(f"axis = {axis}: expected 0, 1 or 2")
    element = _element(atoms)
    if element in materials():
        return strained(atoms, uniaxial_strain(stiffness_of(element), np.eye(3)[axis], strain))
    across = np.full(3, -UNTABULATED_POISSON * strain)
    across[axis] = strain
    return strained(atoms, np.diag(across))


def sheared(atoms: Atoms, gamma_rad: float, seed: int = 0) -> Atoms:
    """Sheared in the plane of a and b by the engineering strain gamma."""
    return strained(atoms, shear_strain(gamma_rad))


def heated(
    atoms: Atoms,
    seed: int = 0,
    *,
    temperature_k: float | None = None,
    b_iso_angstrom2: float | None = None,
    dynamics: bool = False,
) -> Atoms:
    """Atoms displaced at random, by the temperature of an elemental crystal, by B, or by the B of the specimen.

    With `dynamics` as in the shipped molecular dynamics of aluminium at 100 or 300 K.
    """
    if dynamics:
        return from_snapshots(atoms, shipped_snapshots(300.0 if temperature_k is None else temperature_k), seed)
    if temperature_k is not None and b_iso_angstrom2 is not None:
        raise InputError("heat: temperature_k and b_iso_angstrom2 are both given; expected one of them")
    if temperature_k is not None:
        b_iso_angstrom2 = b_iso_of_temperature(_element(atoms), temperature_k)
    return displaced(atoms, b_iso_angstrom2, seed)


def dislocated(
    atoms: Atoms,
    seed: int = 0,
    *,
    system: str = "fcc",
    count: int = 4,
    layout: str = "pile-up",
    spacing_angstrom: float = 40.0,
    poisson: float | None = None,
) -> Atoms:
    """Straight edge dislocations, anisotropic where the stiffness is tabulated and `poisson` is not given."""
    element = _element(atoms)
    known = poisson is None and element in materials()
    return edge_dislocations(
        atoms,
        system,
        stiffness_gpa=stiffness_of(element) if known else None,
        poisson=None if known else UNTABULATED_POISSON if poisson is None else poisson,
        count=count,
        layout=layout,
        spacing_angstrom=spacing_angstrom,
        seed=seed,
    )


def twin(atoms: Atoms, seed: int = 0, *, law: str = "fcc", volume_fraction: float = 0.5, boundaries: int = 1) -> Atoms:
    """A part of the specimen as the mirror image of the rest, on coherent planes."""
    return twinned(atoms, law, volume_fraction=volume_fraction, boundaries=boundaries)


DEFECTS: dict[str, Callable[..., Atoms]] = {
    "stretch": stretched,
    "shear": sheared,
    "heat": heated,
    "vacancies": vacancies,
    "substitution": substituted,
    "interstitials": interstitials,
    "dislocations": dislocated,
    "twin": twin,
}
"""Every defect by the name it is written with. Each is called with the specimen, its settings and a seed."""

Written = tuple[str, Mapping[str, Any]]


def read_defect(text: str) -> Written:
    """Name and settings of one written defect, checked.

    `name` or `name:setting=value,setting=value`; values are numbers, true, false or words.

    Raises:
        InputError: an unknown name or setting, a setting that is missing, or a value of the wrong kind.
    """
    name, _, rest = text.strip().partition(":")
    if name not in DEFECTS:
        raise InputError(f"defect {name!r}: expected one of {', '.join(DEFECTS)}")
    parameters = list(inspect.signature(DEFECTS[name]).parameters.values())[1:]
    known = [one.name for one in parameters if one.name != "seed" and "Field" not in str(one.annotation)]
    known += ["relaxation"] if any(one.name == "relaxation" for one in parameters) else []
    settings: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or key not in known:
            raise InputError(f"defect {text!r}: {part!r}; expected setting=value with {', '.join(known)}")
        settings[key] = _value(value)
    missing = [one.name for one in parameters if one.default is inspect.Parameter.empty and one.name not in settings]
    if missing:
        raise InputError(f"defect {text!r}: {', '.join(missing)} is missing, as in {name}:{missing[0]}=...")
    return name, settings


def with_defects(atoms: Atoms, defects: Sequence[Written], seed: int = 0) -> Atoms:
    """The specimen with one defect after the other, each with a seed of its own derived from `seed`.

    Raises:
        InputError: a setting that the defect refuses.
    """
    for place, (name, settings) in enumerate(defects):
        own = int(np.random.SeedSequence([seed, place]).generate_state(1)[0])
        try:
            atoms = DEFECTS[name](atoms, seed=own, **settings)
        except (TypeError, ValueError) as reason:
            if isinstance(reason, InputError):
                raise
            raise InputError(
                f"defect {name}: {', '.join(f'{k} = {v!r}' for k, v in settings.items())}: {reason}"
            ) from None
    return atoms


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _element(atoms: Atoms) -> str:
    """The element of an elemental specimen, else its formula, which no table holds."""
    return str(atoms.get_chemical_formula(empirical=True))
