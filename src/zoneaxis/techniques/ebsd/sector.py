"""The asymmetric sector of the sphere: which directions have to be solved, and how they fill the whole master pattern.

For m-3m it is 1/48 of the sphere. Works for every point group: a direction's representative is its image closest to a
generic pole, so the sectors are the Dirichlet cells of that pole's images; no index tricks.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from zoneaxis.instrument.projections import lambert_to_sphere, sphere_to_lambert

GENERIC_POLE = (0.350, 0.121, 0.929)
"""Lies on no symmetry element; for m-3m its cell is x >= y >= 0, z >= x."""


@dataclass(frozen=True)
class Sector:
    """Directions to solve, and the bilinear weights by which they fill the two Lambert squares.

    Attributes:
        half_size: N of the (2 N + 1)-sided squares.
        directions: (d, 3) unit vectors, nodes of the Lambert grid in or next to the sector.
        corners: (2 (2 N + 1)^2, 4) positions in `directions` of the grid nodes around each pixel's representative.
        weights: the same shape, summing to one.
    """

    half_size: int
    directions: Tensor
    corners: Tensor
    weights: Tensor

    def fill(self, values: Tensor) -> Tensor:
        """Spread values (..., d) of the sector over both hemispheres: (..., 2, 2 N + 1, 2 N + 1)."""
        side = 2 * self.half_size + 1
        full = (values[..., self.corners] * self.weights.to(values)).sum(-1)
        return full.reshape(*values.shape[:-1], 2, side, side)


def asymmetric_sector(point_group: np.ndarray, half_size: int) -> Sector:
    """The sector of a point group on a Lambert grid.

    Args:
        point_group: (m, 3, 3) orthogonal matrices in the Cartesian crystal frame. With the inversion among them only
            half the sphere is ever solved; without, both hemispheres are.
        half_size: N; the squares have 2 N + 1 nodes a side.
    """
    side = 2 * half_size + 1
    axis = torch.linspace(-1.0, 1.0, side, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    north = lambert_to_sphere(torch.stack((x, y), dim=-1)).reshape(-1, 3)
    sphere = torch.cat((north, north * north.new_tensor([1.0, 1.0, -1.0])))
    operations = torch.from_numpy(np.ascontiguousarray(point_group))
    images_of_pole = operations.transpose(1, 2) @ sphere.new_tensor(GENERIC_POLE)
    nearest = (sphere @ images_of_pole.T).argmax(-1)
    representative = (operations[nearest] @ sphere[:, :, None]).squeeze(-1)

    point, is_north = sphere_to_lambert(representative)
    position = (point + 1.0) * half_size
    position = torch.where((position - position.round()).abs() < 1e-6, position.round(), position)
    low = position.floor().clamp(0, side - 2)
    fraction = position - low
    offsets = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]])
    weights = torch.where(offsets[:, 0].bool(), fraction[:, :1], 1.0 - fraction[:, :1])
    weights = weights * torch.where(offsets[:, 1].bool(), fraction[:, 1:], 1.0 - fraction[:, 1:])
    node = low.long()[:, None, :] + offsets
    hemisphere = torch.where(is_north, 0, 1)[:, None]
    flat = (hemisphere * side + node[..., 1]) * side + node[..., 0]
    flat = torch.where(weights > 0, flat, flat.gather(1, weights.argmax(-1, keepdim=True)))
    needed, corners = torch.unique(flat, return_inverse=True)
    return Sector(half_size, sphere[needed].float(), corners, weights.float())


def sector_of(point_group: np.ndarray, half_size: int) -> Sector:
    """`asymmetric_sector`, kept for the next call with the same group and size."""
    return _kept(np.ascontiguousarray(point_group, dtype=float).round(6).tobytes(), half_size)


@functools.lru_cache(maxsize=8)
def _kept(point_group: bytes, half_size: int) -> Sector:
    return asymmetric_sector(np.frombuffer(point_group).reshape(-1, 3, 3).copy(), half_size)
