"""Zone: a zone axis as a picture shows it: its frame, its reflections and the symmetry of what is seen along it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoneaxis.crystals.cell import basis, centring_translations, point_group, reciprocal_basis
from zoneaxis.errors import InputError
from zoneaxis.scattering.reflections import allowed_by_centring

if TYPE_CHECKING:
    from pymatgen.core import Structure

MOST_REFLECTIONS = 20_000
LARGEST_INDEX = 30
"""Of a zone axis: the search for its shortest columns takes the cube of it."""
SMALLEST_D, LARGEST_D = 0.1, 2.0


@dataclass(frozen=True)
class Operation:
    """A symmetry of the zone: I_{Rg}(R k_t) = I_g(k_t).

    Attributes:
        plane: (2, 2) acts on columns (x, y).
        hkl: (3, 3) whole numbers, h' = h @ hkl.
    """

    plane: Tensor
    hkl: Tensor


@dataclass(frozen=True)
class Zone:
    """Directions near a zone axis; electrons fly along +[uvw], into a picture whose x runs right and y downwards.

    Attributes:
        axis: [uvw].
        columns: (hkl) of the reciprocal vector that points right.
        frame: (3, 3) rows x, y, z: unit vectors in the Cartesian frame of the crystal, right-handed, z along [uvw].
        hkl: (n, 3) reflections, (000) first, |g| rising.
        g: (n, 3) their components along the frame [1/Å]; g_z = 0 in the zero-order Laue zone.
        operations: symmetries, the identity first.
        d_min_angstrom: smallest spacing of a reflection.
    """

    axis: tuple[int, int, int]
    columns: tuple[int, int, int]
    frame: Tensor
    hkl: Tensor
    g: Tensor
    operations: tuple[Operation, ...]
    d_min_angstrom: float

    @classmethod
    def of(
        cls,
        structure: Structure,
        axis: Sequence[int],
        *,
        columns: Sequence[int] | None = None,
        d_min_angstrom: float = 0.25,
        laue_zones: int = 0,
    ) -> Zone:
        """The zone of a crystal.

        Args:
            structure: the crystal.
            axis: [uvw] of its cell.
            columns: (hkl) with h u + k v + l w = 0 that points right; default: the shortest such triple of small whole
                numbers, centring apart, the first in (1,0,0), (0,1,0), ... of equally short ones.
            d_min_angstrom: smallest spacing of a reflection.
            laue_zones: highest order h u + k v + l w (for coprime [uvw]) whose reflections are listed, on both sides
                of order 0. Some orders of a centred lattice are empty: the first of an F lattice along [-1,1,0] is 2.

        Raises:
            InputError: axis 0,0,0, or indices above 30; columns that do not lie in the zone; a spacing out of range.
        """
        if not SMALLEST_D <= d_min_angstrom <= LARGEST_D:
            raise InputError(f"d_min_angstrom = {d_min_angstrom}: expected {SMALLEST_D} to {LARGEST_D} Å")
        if laue_zones < 0 or laue_zones > 9:
            raise InputError(f"laue_zones = {laue_zones}: expected 0 to 9")
        frame, right = zone_frame(basis(structure), axis, columns)
        uvw = np.asarray(axis).astype(np.int64)
        reciprocal = reciprocal_basis(structure)
        hkl = _reflections(structure, uvw, d_min_angstrom, laue_zones)
        return cls(
            axis=(int(uvw[0]), int(uvw[1]), int(uvw[2])),
            columns=right,
            frame=torch.from_numpy(frame),
            hkl=hkl,
            g=_components(hkl, reciprocal, frame, uvw),
            operations=_operations(structure, reciprocal, frame, flat=laue_zones == 0),
            d_min_angstrom=d_min_angstrom,
        )

    def position(self, hkl: Sequence[int]) -> int:
        """Number of a reflection in the list.

        Raises:
            InputError: it is not in the list.
        """
        found = (self.hkl == torch.tensor([int(index) for index in hkl])).all(-1).nonzero()
        if not len(found):
            along = int(np.dot(np.asarray(hkl), self.axis))
            why = f"h u + k v + l w = {along}" if along else f"extinct by centring, or d < {self.d_min_angstrom:g} Å"
            raise InputError(f"disc {_text(hkl)} is not in the zone [{_text(self.axis)}]: {why}")
        return int(found[0])


def zone_frame(
    cell: NDArray[np.float64], axis: Sequence[int], columns: Sequence[int] | None = None
) -> tuple[NDArray[np.float64], tuple[int, int, int]]:
    """Frame of the picture, (3, 3) rows x, y, z in the frame of the cell's vectors, and the (hkl) that points right.

    x runs right, y downwards, z along [uvw], with the electrons.

    Args:
        cell: (3, 3) rows a, b, c [Å].
        axis, columns: as of `Zone.of`.

    Raises:
        InputError: as there.
    """
    uvw = np.asarray(axis)
    if uvw.shape != (3,) or not np.equal(uvw, np.round(uvw)).all() or not uvw.any():
        raise InputError(f"zone axis {_text(axis)}: expected three whole numbers u,v,w, not all zero")
    if np.abs(uvw).max() > LARGEST_INDEX:
        raise InputError(f"zone axis {_text(axis)}: expected indices up to {LARGEST_INDEX}")
    reciprocal = np.linalg.inv(cell).T
    right = _columns(columns, uvw.astype(np.int64), reciprocal)
    beam, x = uvw @ cell, right @ reciprocal
    beam, x = beam / np.linalg.norm(beam), x / np.linalg.norm(x)
    return np.stack([x, np.cross(beam, x), beam]), (int(right[0]), int(right[1]), int(right[2]))


def _columns(columns: Sequence[int] | None, uvw: np.ndarray, reciprocal: np.ndarray) -> np.ndarray:
    if columns is not None:
        given = np.asarray(columns)
        whole = given.shape == (3,) and bool(np.equal(given, np.round(given)).all()) and bool(given.any())
        if not whole or int(given @ uvw) != 0:
            raise InputError(
                f"columns {_text(columns)}: expected (h,k,l) of the zone [{_text(uvw)}], with h u + k v + l w = 0"
            )
        return given.astype(np.int64)
    reach = int(np.abs(uvw).max())
    triples = [
        np.array(triple)
        for triple in itertools.product(range(reach, -reach - 1, -1), repeat=3)
        if any(triple) and int(np.dot(triple, uvw)) == 0
    ]
    lengths = [round(float(np.linalg.norm(triple @ reciprocal)), 9) for triple in triples]
    return triples[int(np.argmin(lengths))]


def _reflections(structure: Structure, uvw: np.ndarray, d_min: float, laue_zones: int) -> Tensor:
    most = np.floor(np.linalg.norm(basis(structure), axis=1) / d_min).astype(int)
    pivot = int(np.argmax(np.abs(uvw)))
    free = [torch.arange(-n, n + 1) for number, n in enumerate(most) if number != pivot]
    plane = torch.cartesian_prod(*free)
    rest = [int(uvw[number]) for number in range(3) if number != pivot]
    along = plane @ torch.tensor(rest)
    found = []
    divisor = int(np.gcd.reduce(uvw))
    for order in range(-laue_zones, laue_zones + 1):
        missing = order * divisor - along
        fits = missing % int(uvw[pivot]) == 0
        index = torch.div(missing[fits], int(uvw[pivot]), rounding_mode="floor")
        found.append(torch.cat([plane[fits][:, :pivot], index[:, None], plane[fits][:, pivot:]], dim=1))
    hkl = torch.cat(found)
    length = torch.linalg.vector_norm(hkl.double() @ torch.from_numpy(reciprocal_basis(structure)), dim=-1)
    keep = (length <= 1.0 / d_min) & allowed_by_centring(hkl, torch.from_numpy(centring_translations(structure)))
    hkl, length = hkl[keep], length[keep]
    if len(hkl) > MOST_REFLECTIONS:
        raise InputError(f"d_min_angstrom = {d_min:g}: {len(hkl)} reflections, more than {MOST_REFLECTIONS}; raise it")
    return hkl[torch.argsort((length * 1e9).round(), stable=True)]


def _components(hkl: Tensor, reciprocal: np.ndarray, frame: np.ndarray, uvw: np.ndarray) -> Tensor:
    g = hkl.double() @ torch.from_numpy(reciprocal @ frame.T)
    in_plane = (hkl @ torch.from_numpy(uvw)) == 0
    g[in_plane, 2] = 0.0
    return g


def _operations(structure: Structure, reciprocal: np.ndarray, frame: np.ndarray, flat: bool) -> tuple[Operation, ...]:
    """Those that keep the axis; where only order 0 counts, those that turn it round too: the projection is the same."""
    found: dict[tuple[int, ...], Operation] = {}
    for rotation in point_group(structure):
        seen = frame @ rotation @ frame.T
        if abs(abs(seen[2, 2]) - 1.0) > 1e-6 or (seen[2, 2] < 0 and not flat):
            continue
        indices = np.round(reciprocal @ rotation.T @ np.linalg.inv(reciprocal)).astype(np.int64)
        plane = torch.from_numpy(np.ascontiguousarray(seen[:2, :2]))
        key = tuple((plane * 1e6).round().long().flatten().tolist())
        found.setdefault(key, Operation(plane, torch.from_numpy(indices)))
    return tuple(found.values())


def _text(numbers: Sequence[int] | np.ndarray) -> str:
    return ",".join(str(number) for number in np.asarray(numbers).tolist())
