"""Physics of a CBLEED experiment: potentials, vibration and phase shifts of a surface, under two names.

`paper`: V0r 5 eV, V0i 10 eV at every energy, as reported for the published data set (Ivanov & Pereiro 2024).
`physical`: V0r 10 eV, V0i 4 eV, usual values of LEED; sharper features.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.medium import Medium
from zoneaxis.scattering.leed.phase_shifts import phase_shifts
from zoneaxis.scattering.leed.thermal import debye_u2

ELEMENTS: Mapping[str, tuple[str, float, float, float]] = {
    "Al": ("fcc", 4.0496, 26.98, 428.0),
    "Si": ("diamond", 5.431, 28.085, 543.0),
    "Fe": ("bcc", 2.8665, 55.845, 470.0),
    "Ni": ("fcc", 3.5236, 58.693, 450.0),
    "Cu": ("fcc", 3.6149, 63.546, 343.0),
    "Mo": ("bcc", 3.1470, 95.95, 450.0),
    "Pd": ("fcc", 3.8907, 106.42, 274.0),
    "Ag": ("fcc", 4.0853, 107.868, 225.0),
    "W": ("bcc", 3.1647, 183.84, 400.0),
}
"""Structure and lattice parameter (Å) that the muffin tin is made in, mass (u), Debye temperature (K).

Debye temperatures: Kittel, Introduction to Solid State Physics, 8th ed., chapter 5, table 1; for Si 543 K, which gives
u = 0.075 Å at 293 K as measured by X-rays (Kittel's calorimetric 645 K gives 0.065 Å)."""


@dataclass(frozen=True)
class Physics:
    """What decides intensities, beside the atoms' places.

    Attributes:
        inner_potential_ev: V0r.
        imaginary_potential_ev: V0i.
        temperature_k: of the crystal.
        debye_temperature_k: None: the element's own.
        vibration_factor: factor on the amplitude u of all atoms; a surface vibrates 1.2 to 1.5 times as widely.
        accuracy: `preview`, `balanced` or `reference`.
    """

    inner_potential_ev: float = 5.0
    imaginary_potential_ev: float = 10.0
    temperature_k: float = 293.0
    debye_temperature_k: float | None = None
    vibration_factor: float = 1.0
    accuracy: str = "balanced"

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Physics:
        """A preset, with some values changed (None: left as they are)."""
        if name not in PRESETS:
            raise InputError(f"cbleed: preset {name!r} is not one of {', '.join(PRESETS)}")
        return replace(PRESETS[name], **{key: value for key, value in changes.items() if value is not None})

    def medium(self, elements: tuple[str, ...]) -> Medium:
        """What an electron meets in a crystal of these elements.

        Raises InputError for an element without entry in `ELEMENTS`, or values out of range.
        """
        return _medium(self, tuple(sorted(set(elements))))


PRESETS = {
    "paper": Physics(inner_potential_ev=5.0, imaginary_potential_ev=10.0),
    "physical": Physics(inner_potential_ev=10.0, imaginary_potential_ev=4.0),
}


@lru_cache(maxsize=64)
def _medium(physics: Physics, elements: tuple[str, ...]) -> Medium:
    if not 0 <= physics.temperature_k <= 2000:
        raise InputError(f"cbleed: temperature_k = {physics.temperature_k:g} must lie between 0 and 2000 K")
    if not 0.5 <= physics.vibration_factor <= 3:
        raise InputError(f"cbleed: vibration_factor = {physics.vibration_factor:g} must lie between 0.5 and 3")
    tables, u_squared = {}, {}
    for element in elements:
        if element not in ELEMENTS:
            raise InputError(f"cbleed: no phase shifts of {element}; there are those of {', '.join(ELEMENTS)}")
        structure, lattice_parameter, mass, debye = ELEMENTS[element]
        tables[element] = phase_shifts(element, structure, lattice_parameter)
        amplitude = debye_u2(mass, physics.debye_temperature_k or debye, physics.temperature_k)
        u_squared[element] = physics.vibration_factor**2 * amplitude
    return Medium(physics.inner_potential_ev, physics.imaginary_potential_ev, tables, u_squared)
