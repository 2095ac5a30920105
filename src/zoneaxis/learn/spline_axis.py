"""Spline axis: cubic interpolation along one ordered list of nodes, as weights of a few neighbouring coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zoneaxis.errors import InputError

DEGREE = 3


@dataclass(frozen=True)
class SplineAxis:
    """B-splines through n nodes: degree 3, or n - 1 where there are fewer than four nodes.

    The knots are the nodes without the second from either end ("not a knot"), so the spline is exact for polynomials of
    its degree; between nodes h apart a smooth function is missed by O(h^(degree + 1)). Nothing is extrapolated here:
    whoever evaluates outside the nodes gets the outermost polynomial and must have refused before.

    Attributes:
        name: what runs along the axis, with its unit.
        nodes: (n,) strictly increasing, n >= 2.
    """

    name: str
    nodes: np.ndarray

    def __post_init__(self) -> None:
        nodes = np.asarray(self.nodes, dtype=np.float64)
        if nodes.ndim != 1 or len(nodes) < 2 or not np.isfinite(nodes).all() or (np.diff(nodes) <= 0).any():
            raise InputError(
                f"axis {self.name}: nodes must be at least two finite, strictly increasing numbers, found {nodes.size}"
            )
        object.__setattr__(self, "nodes", nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def degree(self) -> int:
        """Of the polynomial pieces."""
        return min(DEGREE, len(self) - 1)

    @cached_property
    def knots(self) -> np.ndarray:
        """(n + degree + 1,) with the ends repeated."""
        nodes, k = self.nodes, self.degree
        inner = nodes[2:-2] if k == DEGREE else nodes[:0]
        return np.concatenate([np.repeat(nodes[0], k + 1), inner, np.repeat(nodes[-1], k + 1)])

    @cached_property
    def breaks(self) -> np.ndarray:
        """Knots without repetition: ends of the polynomial pieces."""
        return self.knots[self.degree : len(self.knots) - self.degree]

    @cached_property
    def _pieces(self) -> np.ndarray:
        """(piece, power, function): each B-spline of a piece as a polynomial of the distance from its left end."""
        k = self.degree
        left, width = self.breaks[:-1], np.diff(self.breaks)
        steps = np.linspace(0.0, 1.0, k + 1)
        values = np.stack([self._recursion(left + step * width, np.arange(len(left))) for step in steps], axis=1)
        powers = (steps[None, :, None] * width[:, None, None]) ** np.arange(k + 1)
        return np.linalg.solve(powers, values)

    def _recursion(self, x: np.ndarray, piece: np.ndarray) -> np.ndarray:
        """The degree + 1 B-splines that live on a piece, (m,) -> (m, degree + 1); Cox-de Boor."""
        knots, last = self.knots, piece + self.degree
        functions = [np.ones_like(x)]
        for order in range(1, self.degree + 1):
            raised = [np.zeros_like(x) for _ in range(order + 1)]
            for r, function in enumerate(functions):
                low, high = knots[last + r + 1 - order], knots[last + r + 1]
                raised[r] += (high - x) / (high - low) * function
                raised[r + 1] += (x - low) / (high - low) * function
            functions = raised
        return np.stack(functions, axis=-1)

    def weights(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where and how much: index (m,) of the first of the degree + 1 coefficients, and their weights.

        Args:
            x: (m,) places on the axis.

        Returns:
            first (m,); weights (m, 2, degree + 1): of the value and of its derivative per unit of the axis.
        """
        k = self.degree
        piece = np.clip(np.searchsorted(self.breaks, x, side="right") - 1, 0, len(self.breaks) - 2)
        u = np.asarray(x, dtype=np.float64) - self.breaks[piece]
        powers = np.zeros((len(u), 2, k + 1))
        powers[:, 0, 0] = 1.0
        for p in range(1, k + 1):
            powers[:, 0, p] = powers[:, 0, p - 1] * u
            powers[:, 1, p] = p * powers[:, 0, p - 1]
        return piece, powers @ self._pieces[piece]

    @cached_property
    def collocation(self) -> np.ndarray:
        """(n, n): values at the nodes from coefficients."""
        first, weights = self.weights(self.nodes)
        matrix = np.zeros((len(self), len(self)))
        np.put_along_axis(matrix, first[:, None] + np.arange(self.degree + 1), weights[:, 0], axis=1)
        return matrix

    def coefficients(self, values: np.ndarray, axis: int) -> np.ndarray:
        """Spline coefficients of node values along `axis` of an array, in the place of the values."""
        moved = np.moveaxis(np.asarray(values, dtype=np.float64), axis, 0)
        solved = np.linalg.solve(self.collocation, moved.reshape(len(self), -1)).reshape(moved.shape)
        return np.moveaxis(solved, 0, axis)

    def values(self, coefficients: np.ndarray, axis: int) -> np.ndarray:
        """Node values of spline coefficients along `axis`: the inverse of `coefficients`."""
        return np.moveaxis(np.tensordot(self.collocation, coefficients, (1, axis)), 0, axis)
