"""Columns: a crystal as it is seen along a fourfold or twofold cube axis, rows of atoms on a square net.

Along the beam only the mean counts: a column is a place in the plane and amounts of elements [atoms per net cell and
per Å of depth]. Its picture is the electron density averaged along the beam; what a fast electron meets there follows
from the same amounts, element by element, which is the Mott-Bethe relation in effect.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import erf
from torch import Tensor

from zoneaxis.scattering.electron_density import FIELD_ANGSTROM, x_ray_gaussians
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.scattering.zone import Operation, Zone

if TYPE_CHECKING:
    from pymatgen.core import Structure

Array = NDArray[np.float64]

REACH_SIGMAS = 5.5
"""Gaussians are followed this far."""
FEWEST_ORDERS = 10
"""Reflections reach at least to this order of the net, however small it is."""
SAME_PLACE, SAME_CHARGE = 0.01, 0.01
"""Å, and share of the electrons, within which two columns are one and the same. Source: ten times the error of places
and charges found in an exact picture."""


@dataclass(frozen=True)
class Columns:
    """Columns of atoms on a square net.

    Attributes:
        period_angstrom: edge of the net, which may be a part of the lattice parameter.
        positions: (columns, 2) fractions of the edge, x to the right and y down from the middle of the picture.
        atomic_numbers: (elements,) that the columns are made of.
        amounts: (columns, elements) atoms per net cell and per Å of depth, 0 and more.
        b_iso: B of all atoms [Å²].
    """

    period_angstrom: float
    positions: Array
    atomic_numbers: tuple[int, ...]
    amounts: Array
    b_iso: float = 0.5

    @classmethod
    def of(cls, structure: Structure) -> Columns:
        """Columns of a cubic crystal along [001]; B is the mean of its sites' B."""
        a = float(structure.lattice.a)
        numbers = tuple(sorted({int(element.Z) for element in structure.composition.elements}))
        places: list[Array] = []
        amounts: list[Array] = []
        for site in structure:
            place = _wrapped(site.frac_coords[:2])
            found = [n for n, other in enumerate(places) if np.abs(_wrapped(place - other)).max() * a < 1e-3]
            if not found:
                places.append(place)
                amounts.append(np.zeros(len(numbers)))
            for element, share in site.species.items():
                amounts[found[0] if found else -1][numbers.index(int(element.Z))] += float(share) / a
        b_iso = float(np.mean(structure.site_properties["b_iso"]))
        return cls(a, np.array(places), numbers, np.array(amounts), b_iso)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def charges(self) -> Array:
        """Electrons of every column per net cell and Å of depth, (columns,)."""
        return np.asarray(self.amounts @ np.array(self.atomic_numbers, dtype=np.float64))

    def density(self, size_px: int, field_angstrom: float = FIELD_ANGSTROM) -> Array:
        """Electron density averaged along the beam and over each pixel, (rows, columns) in e/Å³.

        Limits: its mean over whole net cells is the electrons per Å³; linear in the amounts.
        """
        which, element = np.nonzero(self.amounts)
        if not len(which):
            return np.zeros((size_px, size_px))
        edges = pixel_edges(size_px, field_angstrom)
        numbers = [self.atomic_numbers[place] for place in element]
        weights, sigma = gaussians(numbers, self.b_iso)
        x, y = (spread(self.positions[which, axis], sigma, self.period_angstrom, edges)[0] for axis in (0, 1))
        weights = weights * self.amounts[which, element][:, None]
        return np.asarray(np.einsum("skr,skc->rc", weights[..., None] * y, x, optimize=True))

    def scatterers(
        self, accelerating_voltage_kv: float, absorption: str = "phonon", form_factor: str = "lobato"
    ) -> Scatterers:
        """The columns as atoms of a cell of the net's edge and 1 Å deep, of which only (h, k, 0) have a meaning."""
        which, element = np.nonzero(self.amounts)
        flat = np.zeros((len(which), 1))
        return Scatterers(
            basis=torch.diag(torch.tensor([self.period_angstrom, self.period_angstrom, 1.0], dtype=torch.float64)),
            atomic_numbers=tuple(int(self.atomic_numbers[place]) for place in element),
            positions=torch.from_numpy(np.concatenate([self.positions[which], flat], axis=1)),
            occupancies=torch.from_numpy(np.ascontiguousarray(self.amounts[which, element], dtype=np.float64)),
            b_iso=torch.full((len(which),), float(self.b_iso), dtype=torch.float64),
            accelerating_voltage_kv=accelerating_voltage_kv,
            absorption=absorption,
            form_factor=form_factor,
        )

    def potential(
        self, hk: Tensor, accelerating_voltage_kv: float, absorption: str = "phonon"
    ) -> tuple[Tensor, Tensor]:
        """U_g and U'_g (m,) [1/Å²] of reflections (h, k) (m, 2) of the net."""
        hkl = torch.cat([hk, torch.zeros_like(hk[:, :1])], dim=1)
        return self.scatterers(accelerating_voltage_kv, absorption).potential(hkl)

    def zone(self, d_min_angstrom: float = 0.25) -> Zone:
        """The net's zero-order zone, with the turns and mirrors that the columns have, and their centring."""
        zone = net_zone(self.period_angstrom, self.operations(), d_min_angstrom)
        kept = torch.ones(len(zone.hkl), dtype=torch.bool)
        for centring in self._centrings():
            phase = zone.hkl[:, :2].double() @ torch.from_numpy(centring)
            kept &= (phase - phase.round()).abs() < 1e-6
        return replace(zone, hkl=zone.hkl[kept], g=zone.g[kept])

    def _centrings(self) -> list[Array]:
        """Shifts by half an edge that leave the columns as they are."""
        picture = replace(self, b_iso=self.b_iso + 3.0).density(48, self.period_angstrom)
        spread_ = float(((picture - picture.mean()) ** 2).mean()) + 1e-30
        found = []
        for rows, columns in ((24, 24), (0, 24), (24, 0)):
            moved = np.roll(picture, (rows, columns), axis=(0, 1))
            if float(((moved - picture) ** 2).mean()) < 1e-5 * spread_:
                found.append(np.array([columns, rows]) / 48.0)
        return found

    def operations(self) -> tuple[Array, ...]:
        """Turns and mirrors (2, 2) of the square that map the columns on themselves, some shift apart, identity first.

        Every column must meet one that holds the same: a light one out of order counts as much as a heavy one.
        """
        held = self.amounts * np.array(self.atomic_numbers)
        alike = np.abs(held[:, None] - held).sum(-1) <= SAME_CHARGE * held.sum(-1)[:, None]
        rarest = int(alike.sum(1).argmin())
        found = []
        for plane in square_operations():
            turned = self.positions @ plane.T
            shifts = self.positions[alike[rarest]] - turned[rarest]
            if any(self._meet(turned + shift, alike) for shift in shifts):
                found.append(plane)
        return tuple(found)

    def _meet(self, places: Array, alike: np.ndarray) -> bool:
        """Whether every column, moved to its place, lies on one that is alike."""
        away = np.linalg.norm(_wrapped(places[:, None] - self.positions), axis=-1) * self.period_angstrom
        return bool(((away < SAME_PLACE) & alike).any(1).all())

    def reduced(self) -> Columns:
        """The same on the net of half the edge where it repeats so."""
        found = {tuple(np.round(2 * one).astype(int)) for one in self._centrings()}
        if not {(1, 0), (0, 1)} <= found:
            return self
        doubled = _wrapped(2.0 * self.positions)
        half = 0.5 * self.period_angstrom
        places: list[Array] = []
        amounts: list[Array] = []
        for place, amount in zip(doubled, self.amounts, strict=True):
            near = [n for n, other in enumerate(places) if np.abs(_wrapped(place - other)).max() * half < 2e-3]
            if near:
                amounts[near[0]] = amounts[near[0]] + 0.25 * amount
            else:
                places.append(place)
                amounts.append(0.25 * amount)
        return replace(self, period_angstrom=half, positions=np.array(places), amounts=np.array(amounts)).reduced()

    def shifted(self, shift: Sequence[float]) -> Columns:
        """The same moved by fractions of the edge along x and y; the disc (000) does not see it."""
        return replace(self, positions=_wrapped(self.positions + np.asarray(shift)))


def square_operations() -> tuple[Array, ...]:
    """The eight operations of the square as (2, 2) matrices on (x, y), the identity first."""
    return tuple(
        np.array(matrix, dtype=np.float64)
        for a, b in itertools.product((1, -1), repeat=2)
        for matrix in ([[a, 0], [0, b]], [[0, a], [b, 0]])
    )


def net_zone(period_angstrom: float, operations: Sequence[Array], d_min_angstrom: float = 0.25) -> Zone:
    """The zero-order zone of a square net: reflections (h, k, 0), |g| rising, and these operations of the square."""
    d_min_angstrom = min(d_min_angstrom, period_angstrom / FEWEST_ORDERS)
    reach = period_angstrom / d_min_angstrom
    most = math.floor(reach)
    span = torch.arange(-most, most + 1)
    hk = torch.cartesian_prod(span, span)
    length = (hk.double() ** 2).sum(-1).sqrt()
    hk, length = hk[length <= reach], length[length <= reach]
    hk = hk[torch.argsort((length * 1e9).round(), stable=True)]
    hkl = torch.cat([hk, torch.zeros_like(hk[:, :1])], dim=1)
    turns = []
    for plane in operations:
        indices = torch.eye(3, dtype=torch.long)
        indices[:2, :2] = torch.from_numpy(plane.T.astype(np.int64))
        turns.append(Operation(torch.from_numpy(plane), indices))
    return Zone(
        axis=(0, 0, 1),
        columns=(1, 0, 0),
        frame=torch.eye(3, dtype=torch.float64),
        hkl=hkl,
        g=hkl.double() / period_angstrom,
        operations=tuple(turns),
        d_min_angstrom=d_min_angstrom,
    )


def pixel_edges(size_px: int, field_angstrom: float) -> Array:
    """Edges (size_px + 1,) of the pixels along one side [Å], 0 in the middle."""
    return np.asarray((np.arange(size_px + 1) - size_px / 2) * (field_angstrom / size_px), dtype=np.float64)


def gaussians(atomic_numbers: Sequence[int], b_iso: float) -> tuple[Array, Array]:
    """Electrons a_i and widths sigma_i [Å] of the five Gaussians of each atom, (atoms, 5) each.

    X-ray form factor sum a_i e^{-b_i s²} + c, c with b = 0, smeared by B: sigma² = (b_i + B) / (8 pi²).
    """
    table = np.array([x_ray_gaussians(int(number)) for number in atomic_numbers])
    return table[:, 0], np.sqrt((table[:, 1] + b_iso) / (8.0 * math.pi**2))


def spread(fractions: Array, sigma: Array, period: float, edges: Array, slopes: bool = False) -> tuple[Array, ...]:
    """Gaussians repeated with the period along one axis and averaged over pixels [1/Å].

    Args:
        fractions: (n,) centres as fractions of the period.
        sigma: (n, k) widths [Å].
        period: [Å].
        edges: (pixels + 1,) [Å].
        slopes: give the derivatives too.

    Returns: (n, k, pixels); with `slopes` its derivatives by the centre [1/Å²] and by the period [1/Å²] after it.
    """
    reach = REACH_SIGMAS * float(sigma.max())
    first = math.floor((edges[0] - reach) / period) - 1
    last = math.ceil((edges[-1] + reach) / period) + 1
    images = np.arange(first, last + 1)
    centres = (fractions[:, None] + images) * period
    near = (centres > edges[0] - reach) & (centres < edges[-1] + reach)
    atom, image = np.nonzero(near)
    width = edges[1] - edges[0]
    distance = (edges - centres[atom, image][:, None])[:, None, :] / sigma[atom][:, :, None]
    starts = np.searchsorted(atom, np.arange(len(fractions)))
    total = np.add.reduceat(np.diff(erf(distance / math.sqrt(2.0)), axis=-1), starts) / (2.0 * width)
    if not slopes:
        return (total,)
    bell = np.exp(-0.5 * distance**2) / (math.sqrt(2.0 * math.pi) * sigma[atom][:, :, None])
    slope = -np.diff(bell, axis=-1) / width
    turns = (centres[atom, image] / period)[:, None, None]
    return total, np.add.reduceat(slope, starts), np.add.reduceat(slope * turns, starts)


def _wrapped(positions: Array) -> Array:
    return np.asarray(positions - np.round(positions), dtype=np.float64)
