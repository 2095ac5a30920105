"""Spherical field: what is done to a function on the sphere (a master pattern) before it is looked up.

Both operations work on directions, not on the pixels of the map, so the projection leaves no trace in them.
"""

import math

import torch
from torch import Tensor

from zoneaxis.instrument.orientation import rotation_vector_to_matrix
from zoneaxis.instrument.projections import lambert_to_sphere, sample_sphere

_PASSES, _RING = 3, 8  # three averages over eight points: a Gaussian to 1 % of its height


def grid_directions(side: int, dtype: torch.dtype = torch.float32, device: torch.device | None = None) -> Tensor:
    """Unit vectors (2, side, side, 3) of the samples of a master pattern, northern hemisphere first."""
    axis = torch.linspace(-1, 1, side, dtype=dtype, device=device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    north = lambert_to_sphere(torch.stack((x, y), dim=-1))
    return torch.stack((north, north * north.new_tensor([1.0, 1.0, -1.0])))


def blur_sphere(master: Tensor, sigma_deg: float, side: int | None = None) -> Tensor:
    """A master (..., 2, S, S) blurred by a Gaussian of standard deviation `sigma_deg` along the sphere.

    Averages over rings about every direction, repeated, so that the variances add up. The result has `side`
    (default S) samples a side: a blurred master needs fewer. Limit: sigma 0 resamples only.
    """
    side = master.shape[-1] if side is None else side
    v = grid_directions(side, master.dtype, master.device)
    if sigma_deg <= 0:
        return sample_sphere(master, v)
    radius = math.radians(sigma_deg) * math.sqrt(2 / _PASSES)
    pole = torch.where(v[..., 2:].abs() < 0.9, v.new_tensor([0.0, 0.0, 1.0]), v.new_tensor([1.0, 0.0, 0.0]))
    east = torch.nn.functional.normalize(torch.linalg.cross(pole, v), dim=-1)
    north = torch.linalg.cross(v, east)
    for turn in range(_PASSES):
        angles = [2 * math.pi * (k + turn / _PASSES) / _RING for k in range(_RING)]
        ring = (math.cos(radius) * v + math.sin(radius) * (math.cos(a) * east + math.sin(a) * north) for a in angles)
        master = torch.stack([sample_sphere(master, around) for around in ring]).mean(dim=0)
    return master


def without_slow(master: Tensor, sigma_deg: float) -> Tensor:
    """A master (..., 2, S, S) less its Gaussian blur: the sphere's counterpart of dynamic background removal."""
    side = min(master.shape[-1], max(31, round(720 / sigma_deg) | 1))
    slow = blur_sphere(blur_sphere(master, sigma_deg / 2, side), sigma_deg * 0.75**0.5)
    return master - sample_sphere(slow, grid_directions(master.shape[-1], master.dtype, master.device))


def rotational_derivative(master: Tensor) -> Tensor:
    """L = v x grad I (3, 2, S, S) of a master (2, S, S): how the intensity changes when the direction turns.

    Component k is d/da I(exp(a [e_k]x) v) at a = 0, per radian, from central differences over one grid spacing.
    The tangential gradient is L x v. Limits: zero for a constant; for I = v_z it is v x z = (v_y, -v_x, 0).
    """
    v = grid_directions(master.shape[-1], master.dtype, master.device)
    step = math.sqrt(2 * math.pi) / (master.shape[-1] - 1)
    derivative = []
    for axis in torch.eye(3, dtype=master.dtype, device=master.device):
        ahead, behind = (rotation_vector_to_matrix(sign * step * axis) for sign in (1, -1))
        derivative.append((sample_sphere(master, v @ ahead.T) - sample_sphere(master, v @ behind.T)) / (2 * step))
    return torch.stack(derivative)
