"""Orientation: how a crystal lies in the sample, as a matrix O with v_crystal = O @ v_sample.

Passive Bunge convention: O turns the components of one and the same direction from the sample frame (X_s = RD,
Y_s = TD, Z_s = outward normal) to the Cartesian crystal frame (a along x, c* along z). Two orientations O and S O
are the same crystal when S is a proper rotation of its point group. Tensors (..., 3, 3), angles in radians unless
the name says degrees. Source: Rowenhorst et al. (2015), Modelling Simul. Mater. Sci. Eng. 23, 083501.
"""

import math

import torch
from torch import Tensor

from zoneaxis.errors import InputError

_PHI, _PSI = math.sqrt(2.0), 1.533751168755204288118041  # super-Fibonacci constants, Alexa (2022), CVPR, 8281


def euler_to_matrix(euler: Tensor) -> Tensor:
    """Orientation matrices (..., 3, 3) of Bunge angles (phi1, Phi, phi2) (..., 3) in radians."""
    (c1, c, c2), (s1, s, s2) = torch.cos(euler).unbind(-1), torch.sin(euler).unbind(-1)
    elements = (
        (c1 * c2 - s1 * s2 * c, s1 * c2 + c1 * s2 * c, s2 * s),
        (-c1 * s2 - s1 * c2 * c, -s1 * s2 + c1 * c2 * c, c2 * s),
        (s1 * s, -c1 * s, c),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in elements], dim=-2)


def matrix_to_euler(matrix: Tensor) -> Tensor:
    """Bunge angles (..., 3) in radians, phi1 and phi2 in [0, 2 pi), Phi in [0, pi]; phi2 = 0 when Phi is 0 or pi."""
    sine = torch.hypot(matrix[..., 2, 0], matrix[..., 2, 1])
    tilt = torch.atan2(sine, matrix[..., 2, 2])
    flat = sine < 1e-6
    phi_1 = torch.atan2(matrix[..., 2, 0], -matrix[..., 2, 1])
    phi_2 = torch.atan2(matrix[..., 0, 2], matrix[..., 1, 2])
    phi_1 = torch.where(flat, torch.atan2(matrix[..., 0, 1], matrix[..., 0, 0]), phi_1)
    phi_2 = torch.where(flat, torch.zeros_like(phi_2), phi_2)
    return torch.stack((phi_1 % (2 * math.pi), tilt, phi_2 % (2 * math.pi)), dim=-1)


def quaternion_to_matrix(quaternion: Tensor) -> Tensor:
    """Orientation matrices (..., 3, 3) of quaternions (w, x, y, z) (..., 4), normalised here.

    Same sense as orix: the quaternion of a Bunge orientation gives the Bunge matrix (passive, sample to crystal).
    """
    w, x, y, z = torch.nn.functional.normalize(quaternion, dim=-1).unbind(-1)
    elements = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in elements], dim=-2)


def rotation_vector_to_matrix(vector: Tensor) -> Tensor:
    """Matrix exp([w]x) (..., 3, 3) of rotation vectors w (..., 3): active turn by |w| radians about w.

    Smooth at w = 0 (gradient included). A small turn of the crystal axes is O' = exp([w]x) O.
    """
    angle = torch.sqrt(vector.square().sum(-1) + 1e-24)[..., None, None]
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    rows = ((zero, -z, y), (z, zero, -x), (-y, x, zero))
    cross = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)
    identity = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return (
        identity
        + torch.sinc(angle / math.pi) * cross
        + 0.5 * torch.sinc(angle / (2 * math.pi)).square() * (cross @ cross)
    )


def random_orientations(n: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """`n` orientations (n, 3, 3) uniform on SO(3), the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return quaternion_to_matrix(torch.randn(n, 4, generator=generator, dtype=torch.float64)).to(dtype)


def proper_rotations(symmetry: Tensor) -> Tensor:
    """The rotations (determinant +1) among the operations (m, 3, 3) of a point group: those that map orientations."""
    return symmetry[torch.linalg.det(symmetry.double()) > 0]


def orientation_grid(step_deg: float, symmetry: Tensor) -> Tensor:
    """Orientations (n, 3, 3) spread evenly over the fundamental zone of a point group, about `step_deg` apart.

    Super-Fibonacci spirals cover SO(3) with one point per step³ of rotation volume (8 pi² in all); of the
    orientations that the group makes equal only the one nearest to the identity is kept.
    `symmetry` is (m, 3, 3) Cartesian; improper operations are ignored. Limit: without symmetry all of SO(3) is
    covered. Raises InputError for a step outside 0.5 to 30 degrees.
    Source: Alexa (2022), Proc. CVPR, 8281.
    """
    if not 0.5 <= step_deg <= 30:
        raise InputError(f"orientation grid: step_deg {step_deg} is outside 0.5 to 30 degrees")
    n = max(1, round(8 * math.pi**2 / math.radians(step_deg) ** 3))
    s = torch.arange(n, dtype=torch.float64) + 0.5
    inner, outer = torch.sqrt(s / n), torch.sqrt(1 - s / n)
    alpha, beta = 2 * math.pi * s / _PHI, 2 * math.pi * s / _PSI
    spiral = (inner * torch.sin(alpha), inner * torch.cos(alpha), outer * torch.sin(beta), outer * torch.cos(beta))
    orientations = quaternion_to_matrix(torch.stack(spiral, dim=-1))
    rotations = proper_rotations(symmetry).double().cpu()
    # trace(S O) = 1 + 2 cos(angle): the largest belongs to the representative nearest to the identity
    traces = orientations.reshape(n, 9) @ rotations.transpose(1, 2).reshape(-1, 9).T
    own = orientations.diagonal(dim1=1, dim2=2).sum(-1)
    return orientations[own >= traces.max(dim=1).values - 1e-9].to(torch.float32)


def misorientation_deg(a: Tensor, b: Tensor, symmetry: Tensor) -> Tensor:
    """Smallest angle in degrees between orientations a and b (..., 3, 3, broadcast) of one crystal.

    Minimum over the proper rotations S of `symmetry` (m, 3, 3) of the angle between S a and b. From
    ||S a - b||² = 8 sin²(angle/2), so that small angles keep their precision.
    """
    rotations = proper_rotations(symmetry).to(dtype=torch.float64, device=a.device)
    equivalents = rotations @ a.double()[..., None, :, :]
    distance = (equivalents - b.double()[..., None, :, :]).flatten(-2).norm(dim=-1).amin(dim=-1)
    return torch.rad2deg(2 * torch.asin((distance / math.sqrt(8)).clamp(max=1)))
