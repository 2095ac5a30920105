"""Orbits: columns held together by the symmetry of their net, and the Fourier coefficients that they give."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch

from zoneaxis.scattering.absorption import absorptive_smooth
from zoneaxis.scattering.electron import relativistic_factor
from zoneaxis.scattering.form_factors import elastic
from zoneaxis.techniques.lacbed.columns import Array, Columns

ABSORBERS = (3, 8, 14, 22, 30, 40, 52, 66, 82)
"""Elements whose absorption is integrated; the others take it of the next of them, as the 1.7th power of Z."""
TABLE_S = 2.5
SAME_PLACE = 2e-3


@dataclass(frozen=True)
class Orbits:
    """Columns by symmetry: every orbit is one place, its copies under the operations, and what each copy holds.

    Attributes:
        period: edge of the net [Å].
        planes, shifts: (operations, 2, 2) and (operations, 2) in fractions; a turn by 180 degrees without shift is
            among them.
        places: (orbits, 2) fractions.
        amounts: (orbits,) atoms of each copy per net cell and Å of depth.
        mixture: (orbits, elements) shares of elements, each row with the sum 1.
        atomic_numbers: (elements,).
        b_iso: [Å²].
    """

    period: float
    planes: Array
    shifts: Array
    places: Array
    amounts: Array
    mixture: Array
    atomic_numbers: tuple[int, ...]
    b_iso: float

    def copies(self, orbit: int) -> tuple[Array, Array]:
        """Different places of an orbit and the operations' matrices that lead there."""
        every = self.planes @ self.places[orbit] + self.shifts
        every = every - np.round(every)
        away = every[:, None] - every[None]
        near = np.abs((away - np.round(away)) * self.period).max(-1) < SAME_PLACE
        first = near.argmax(1) == np.arange(len(every))
        return every[first], self.planes[first]

    def columns(self, shift: Array | None = None) -> Columns:
        """As columns, moved by a shift in fractions."""
        places, amounts = [], []
        for orbit in range(len(self.places)):
            for place in self.copies(orbit)[0]:
                places.append(place)
                amounts.append(self.amounts[orbit] * self.mixture[orbit])
        found = Columns(self.period, np.array(places), self.atomic_numbers, np.array(amounts), self.b_iso)
        return found if shift is None else found.shifted(shift.tolist())

    @property
    def centred(self) -> bool:
        """Whether the net repeats in the middle of its cell."""
        unturned = self.shifts[np.abs(self.planes - np.eye(2)).max((1, 2)) < 1e-9]
        return bool((np.abs(np.abs(unturned) - 0.5) < 1e-6).all(-1).any())


def potentials(orbits: Orbits, reach: int, voltage: float) -> tuple[Array, Array]:
    """U and U' on the indices -reach..reach along both axes, (2 reach + 1, 2 reach + 1) [1/Å²]."""
    return orbit_tables(orbits, reach, voltage).sum(0), orbit_tables(orbits, reach, voltage, absorbed=True).sum(0)


def orbit_tables(orbits: Orbits, reach: int, voltage: float, axis: int | None = None, absorbed: bool = False) -> Array:
    """U of every orbit (orbits, ., .) with its present amount; with `axis` its slope by that coordinate's fraction."""
    index = np.arange(-reach, reach + 1)
    s = 0.5 * np.sqrt(index[:, None] ** 2 + index[None] ** 2) / orbits.period
    factors = form_factors(orbits.atomic_numbers, orbits.b_iso, voltage)[1 if absorbed else 0]
    place = np.minimum(s / TABLE_S, 1.0) * (factors.shape[1] - 1)
    low = np.minimum(place.astype(int), factors.shape[1] - 2)
    rest = place - low
    shape = orbits.mixture @ factors
    scale = relativistic_factor(voltage) / (math.pi * orbits.period**2)
    tables = np.empty((len(orbits.places), len(index), len(index)))
    for orbit, amount in enumerate(orbits.amounts):
        places, planes = orbits.copies(orbit)
        x = np.exp(-2j * math.pi * places[:, :1] * index)
        y = np.exp(-2j * math.pi * places[:, 1:] * index)
        if axis is None:
            phase = (x.T @ y).real
        else:
            turn = -2j * math.pi * index
            phase = ((x * turn * planes[:, :1, axis]).T @ y + x.T @ (y * turn * planes[:, 1:, axis])).real
        f = shape[orbit][low] * (1 - rest) + shape[orbit][low + 1] * rest
        tables[orbit] = scale * amount * f * phase
    return tables


def form_factors(atomic_numbers: tuple[int, ...], b_iso: float, voltage: float) -> tuple[Array, Array]:
    """Elastic and absorptive factors with B [Å] on a grid of s from 0 to 2.5 1/Å, (elements, points) each."""
    pairs = [_factors(int(number), float(b_iso), float(voltage)) for number in atomic_numbers]
    return np.array([one for one, _ in pairs]), np.array([other for _, other in pairs])


@functools.lru_cache(maxsize=512)
def _factors(atomic_number: int, b_iso: float, voltage: float) -> tuple[Array, Array]:
    s = torch.linspace(0.0, TABLE_S, 501, dtype=torch.float64)
    f = elastic(atomic_number, s**2, "lobato") * torch.exp(-b_iso * s**2)
    near = min(ABSORBERS, key=lambda other: abs(math.log(other / atomic_number)))
    lost = absorptive_smooth(near, s, torch.tensor(b_iso, dtype=torch.float64), voltage, "phonon", "lobato")
    return f.numpy(), lost.numpy() * (atomic_number / near) ** 1.7
