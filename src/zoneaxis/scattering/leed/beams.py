"""Beams: the plane waves between layers, sorted so that those which a bulk layer mixes stand together.

A surface cell N times as large as the bulk's has N times as many beams; the bulk, which knows only its own lattice,
never mixes those that differ by no vector of its reciprocal lattice. They fall into N cosets: N problems of one Nth.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi

import numpy as np
import torch
from torch import Tensor

ELECTRON = 0.26246842
"""2m/hbar² in 1/(Å² eV); not relativistic, off by 1e-4 at 100 eV."""


def wave_number(energy_ev: float, inner_potential_ev: float = 0.0, imaginary_potential_ev: float = 0.0) -> complex:
    """kappa = sqrt(2m/hbar² (E + V0r + i V0i)) in 1/Å."""
    return complex(np.sqrt(ELECTRON * complex(energy_ev + inner_potential_ev, imaginary_potential_ev)))


def reciprocal(cell: np.ndarray) -> np.ndarray:
    """Rows b1, b2 with a_i . b_j = 2 pi delta_ij, 1/Å."""
    return 2 * pi * np.linalg.inv(cell).T


@dataclass(frozen=True)
class Beams:
    """Plane waves of one energy.

    Attributes:
        index: (beams, 2) whole numbers h, k in the surface's reciprocal cell.
        g: (beams, 2) in 1/Å, 2 pi included.
        cosets: slices of beams that the bulk mixes, in order.
    """

    index: np.ndarray
    g: Tensor
    cosets: tuple[slice, ...]

    def __len__(self) -> int:
        return len(self.index)

    def position(self, index: np.ndarray) -> np.ndarray:
        """Where the beams of these h, k stand; -1 for one that is not among them."""
        place = {(int(h), int(k)): number for number, (h, k) in enumerate(self.index)}
        return np.array([place.get((int(h), int(k)), -1) for h, k in np.atleast_2d(index)])


def select_beams(
    cell: np.ndarray,
    superlattice: np.ndarray,
    energy_inside_ev: float,
    spacing_angstrom: float,
    tolerance: float,
    centre: np.ndarray | None = None,
) -> Beams:
    """Every beam that reaches the next layer with more than `tolerance` of its amplitude.

    Args:
        cell: rows A1, A2 of the surface cell in Å, equal to superlattice times the bulk's cell.
        superlattice: (2, 2) whole numbers.
        energy_inside_ev: E + V0r.
        spacing_angstrom: smallest distance that plane waves bridge.
        tolerance: amplitude at which an evanescent wave is dropped.
        centre: k (2,) of the incident beam or of the middle of its cone; None: normal incidence.
    """
    radius = float(np.sqrt(ELECTRON * energy_inside_ev + (log(1.0 / tolerance) / spacing_angstrom) ** 2))
    vectors = reciprocal(cell)
    centre = np.zeros(2) if centre is None else centre
    most = [
        int((radius + np.linalg.norm(centre)) * np.linalg.norm(cell[axis]) / (2 * pi)) + 1 for axis in (0, 1)
    ]  # h = g . A1 / 2 pi
    h, k = np.meshgrid(*(np.arange(-count, count + 1) for count in most), indexing="ij")
    index = np.stack([h.ravel(), k.ravel()], axis=1)
    length = np.linalg.norm(index @ vectors + centre, axis=1)
    index, length = index[length < radius], length[length < radius]
    # h' = (h, k) superlattice^-T is whole for beams of the bulk: its fraction names the coset.
    size = abs(round(float(np.linalg.det(superlattice))))
    fractions = np.rint(index @ np.linalg.inv(superlattice).T * size).astype(int) % size
    _, coset = np.unique(fractions, axis=0, return_inverse=True)
    coset = coset.ravel()
    order = np.lexsort((index[:, 1], index[:, 0], np.round(np.linalg.norm(index @ vectors, axis=1), 9), coset))
    index, coset = index[order], coset[order]
    edges = np.flatnonzero(np.diff(coset)) + 1
    starts = [0, *edges.tolist(), len(index)]
    return Beams(
        index,
        torch.from_numpy(index @ vectors),
        tuple(slice(a, b) for a, b in zip(starts[:-1], starts[1:], strict=True)),
    )
