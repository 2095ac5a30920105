"""Relaxation field: how the neighbours of a point defect move, as a table that can be laid about every defect."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoneaxis.crystals.defects.sites import GRID, cubic_operations
from zoneaxis.errors import InputError

Array = NDArray[np.float64]

GROUPS = {"m-3m": False, "-43m": True, "1": None}
"""Point symmetries of a site that a field may have, and whether they are tetrahedral (None: no symmetry is used)."""


@dataclass(frozen=True, eq=False)
class RelaxationField:
    """Displacements about one point defect of a cubic crystal, found in a periodic cell and made symmetric.

    Attributes:
        name: for example "Al vacancy 3x3x3".
        host, lattice: element and lattice type (fcc, bcc, diamond) of the crystal.
        kind: vacancy, substitution or interstitial.
        guest: element that came in; empty for a vacancy.
        cells: repeats of the cell that was relaxed; one defect in it.
        group: point symmetry of the site, m-3m, -43m or 1; the other vectors follow from it.
        vectors: (n, 3) from the defect to the perfect place of an atom, in cells, one for each kind of neighbour.
        displacements_angstrom: (n, 3) of that atom; away from the defect is along the vector.
        weights: (n,) share of an atom that lies equally near to several images of the defect. Laid about every image,
            the shares add up to the field of the periodic cell.
        a_angstrom: lattice parameter that it was found at.
        asymmetry_angstrom: largest departure of an atom from the symmetric field.
        source: potential and settings.
    """

    name: str
    host: str
    lattice: str
    kind: str
    guest: str
    cells: tuple[int, int, int]
    group: str
    vectors: Array
    displacements_angstrom: Array
    weights: Array
    a_angstrom: float
    asymmetry_angstrom: float
    source: str

    def expanded(self) -> tuple[Array, Array]:
        """All neighbours: vectors (m, 3) in cells and weighted displacements (m, 3) in Å, every vector once."""
        tetrahedral = GROUPS[self.group]
        operations = np.eye(3)[None] if tetrahedral is None else cubic_operations(tetrahedral)
        moved: dict[tuple[int, ...], Array] = {}
        weighted = self.displacements_angstrom * self.weights[:, None]
        for vector, displacement in zip(self.vectors, weighted, strict=True):
            for operation in operations:
                key = tuple(np.rint(operation @ vector * GRID).astype(int).tolist())
                moved.setdefault(key, operation @ displacement)
        return np.array(list(moved), dtype=float) / GRID, np.array(list(moved.values()))

    def shells(self) -> list[tuple[float, int, float]]:
        """(distance in Å, number of atoms, outward displacement in Å) of every shell, nearest first.

        Negative is towards the defect. Atoms at one distance but of two kinds stand in one line with their mean.
        """
        vectors, displacements = self.expanded()
        share = self._share(vectors)
        distance = np.round(np.linalg.norm(vectors, axis=1), 6)
        lines = []
        for shell in np.unique(distance[distance > 0]):
            here = distance == shell
            outward = (displacements[here] * vectors[here]).sum(1) / shell
            number = share[here].sum()
            lines.append((float(shell * self.a_angstrom), round(float(number)), float(outward.sum() / number)))
        return lines

    def largest_angstrom(self) -> float:
        """Largest displacement of one atom in the periodic cell."""
        total: dict[tuple[int, ...], Array] = {}
        period = np.array(self.cells) * GRID
        for vector, displacement in zip(*self.expanded(), strict=True):
            key = tuple((np.rint(vector * GRID).astype(int) % period).tolist())
            total[key] = total.get(key, np.zeros(3)) + displacement
        return float(max(np.linalg.norm(moved) for moved in total.values()))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a file; `from_dict` gives the same field back to the rounding of 1e-5 Å."""
        rows = np.column_stack([self.vectors, self.displacements_angstrom, self.weights])
        return {
            "host": self.host,
            "lattice": self.lattice,
            "kind": self.kind,
            "guest": self.guest,
            "cells": list(self.cells),
            "group": self.group,
            "a_angstrom": self.a_angstrom,
            "asymmetry_angstrom": round(self.asymmetry_angstrom, 5),
            "source": self.source,
            "rows": np.round(rows, 5).tolist(),
        }

    @classmethod
    def from_dict(cls, name: str, entry: dict[str, Any]) -> RelaxationField:
        """The field from the values that `to_dict` gives."""
        rows = np.array(entry["rows"], dtype=np.float64)
        a, b, c = entry["cells"]
        return cls(
            name=name,
            host=entry["host"],
            lattice=entry["lattice"],
            kind=entry["kind"],
            guest=entry["guest"],
            cells=(a, b, c),
            group=entry["group"],
            vectors=rows[:, :3],
            displacements_angstrom=rows[:, 3:6],
            weights=rows[:, 6],
            a_angstrom=entry["a_angstrom"],
            asymmetry_angstrom=entry["asymmetry_angstrom"],
            source=entry["source"],
        )

    def _share(self, vectors: Array) -> Array:
        """How much of an atom every vector stands for: 1 divided by the number of images of the defect as near."""
        return _image_share(vectors, self.cells)


def fields() -> dict[str, RelaxationField]:
    """The fields that come with the package, by name."""
    return dict(_table())


def field_named(name: str) -> RelaxationField:
    """A field of the package. Raises InputError for an unknown name."""
    table = _table()
    if name not in table:
        raise InputError(f"relaxation = {name!r}: expected auto, none or one of {', '.join(table)}")
    return table[name]


def field_for(
    host: str, lattice: str | None, kind: str, guest: str = "", cells: Sequence[int] | None = None
) -> RelaxationField | None:
    """The field of the package that fits, or None: of these cells when given and there, else of the largest cell."""
    fitting = [
        field
        for field in _table().values()
        if (field.host, field.lattice, field.kind, field.guest) == (host, lattice, kind, guest)
    ]
    if not fitting:
        return None
    same = [field for field in fitting if cells is not None and tuple(cells) == field.cells]
    return same[0] if same else max(fitting, key=lambda field: int(np.prod(field.cells)))


def images(vectors: Array, cells: Sequence[int]) -> tuple[Array, Array, NDArray[np.int64]]:
    """Every vector to its nearest image in a periodic cell, all images where several are as near.

    Arguments: vectors (n, 3) in cells; cells, repeats of the periodic cell.
    Returns vectors (m, 3), weights (m,) = 1/number of equally near images, and the row (m,) that each came from.
    """
    period = np.array(cells, dtype=float)
    folded = vectors - period * np.rint(vectors / period)
    steps = np.array(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij")).reshape(3, -1).T * period
    every = folded[:, None] + steps[None]
    length = np.linalg.norm(every, axis=2)
    near = length < length.min(axis=1, keepdims=True) + 1e-6
    row, step = np.nonzero(near)
    return every[row, step], 1.0 / near.sum(axis=1)[row], row.astype(np.int64)


def _image_share(vectors: Array, cells: Sequence[int]) -> Array:
    period = np.array(cells, dtype=float)
    _, weights, row = images(vectors, period.astype(int).tolist())
    return np.array([weights[row == number][0] for number in range(len(vectors))])


@cache
def _table() -> dict[str, RelaxationField]:
    text = files("zoneaxis.crystals.defects").joinpath("relaxation_fields.toml").read_text(encoding="utf-8")
    return {name: RelaxationField.from_dict(name, entry) for name, entry in tomllib.loads(text).items()}
