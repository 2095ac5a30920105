"""Projections: maps between directions on the unit sphere and points of a plane.

A master pattern holds one intensity for every direction. It is stored as two square arrays (northern hemisphere
v_z >= 0 first) in the modified Lambert projection: equal areas on the sphere are equal areas of the square. Rows run
with y and columns with x, both from -1 to 1 over S samples, so the centre of the array is the direction +z (or -z).

Source: Rosca (2010), Astron. Astrophys. 520, A63; Callahan & De Graef (2013), Microsc. Microanal. 19, 1255.
"""

import math

import torch
from torch import Tensor

from zoneaxis.errors import InputError

_TINY = 1e-12  # keeps the angle of a direction at the pole, and its gradient, finite


def lambert_to_sphere(xy: Tensor) -> Tensor:
    """Direction (..., 3) of the northern hemisphere at a point (..., 2) of the Lambert square [-1, 1]².

    Mirror z for the southern hemisphere. The rim of the square is the equator, its centre the pole.
    """
    x, y = xy.unbind(-1)
    along_x = x.abs() >= y.abs()
    long = torch.where(along_x, x, y)
    short = torch.where(along_x, y, x)
    angle = (math.pi / 4) * short / torch.where(long == 0, torch.ones_like(long), long)
    sine = long * torch.sqrt((2 - long.square()).clamp(min=0))  # of the polar angle, with the sign of `long`
    along, across = sine * torch.cos(angle), sine * torch.sin(angle)
    v_x = torch.where(along_x, along, across)
    v_y = torch.where(along_x, across, along)
    return torch.stack((v_x, v_y, 1 - long.square()), dim=-1)


def sphere_to_lambert(v: Tensor) -> tuple[Tensor, Tensor]:
    """Point (..., 2) of the Lambert square of a unit vector (..., 3), and whether it is in the northern hemisphere.

    Inverse of `lambert_to_sphere` for v_z >= 0; a southern direction gives the point of its mirror image in z.
    """
    return torch.stack(_lambert(*v.unbind(-1)), dim=-1), v[..., 2] >= 0


def sphere_to_stereographic(v: Tensor) -> tuple[Tensor, Tensor]:
    """Point (..., 2) of the stereographic unit disc of a unit vector (..., 3), and whether it is northern.

    Each hemisphere is projected from the opposite pole; angles and circles are kept, the rim is the equator.
    """
    return v[..., :2] / (1 + v[..., 2:].abs()), v[..., 2] >= 0


def stereographic_to_sphere(xy: Tensor) -> Tensor:
    """Direction (..., 3) of the northern hemisphere at a point (..., 2) of the stereographic unit disc."""
    radius_squared = xy.square().sum(-1, keepdim=True)
    return torch.cat((2 * xy, 1 - radius_squared), dim=-1) / (1 + radius_squared)


def sample_sphere(master: Tensor, v: Tensor) -> Tensor:
    """Intensity of a master pattern along unit vectors, by bilinear interpolation in the Lambert square.

    `master` is (..., 2, S, S) and `v` (..., 3); the result has the leading shape of `master`, then that of `v`.
    Linear in the master and differentiable with respect to the directions (piecewise: the gradient is that of the
    bilinear patch). Raises InputError when the master has another shape.
    """
    if master.ndim < 3 or master.shape[-3] != 2 or master.shape[-1] != master.shape[-2] or master.shape[-1] < 2:
        raise InputError(f"master pattern: shape {tuple(master.shape)} is not (..., 2, S, S) with S >= 2")
    side = master.shape[-1]
    v_x, v_y, v_z = v.unbind(-1)
    x, y = _lambert(v_x, v_y, v_z)
    # One picture holds both hemispheres, the southern below the northern: `side` columns, 2 `side` rows. grid_sample
    # wants -1 to 1 across the whole of it; the southern half lies `side` rows further down.
    step = 2 / (2 * side - 1)
    middle = torch.copysign(v_z.new_tensor(0.5 * side * step), v_z)
    grid = _interleave(x, y * (0.5 * (side - 1) * step) - middle)
    picture = master.reshape(1, -1, 2 * side, side).to(grid.dtype)
    values = torch.nn.functional.grid_sample(
        picture, grid.reshape(1, 1, -1, 2), mode="bilinear", padding_mode="border", align_corners=True
    )
    return values.reshape(*master.shape[:-3], *v.shape[:-1])


def _lambert(v_x: Tensor, v_y: Tensor, v_z: Tensor) -> tuple[Tensor, Tensor]:
    """Lambert coordinates x and y of a direction, those of its mirror image if it points south.

    The square's "radius" max(|x|, |y|) is sqrt(1 - |v_z|), here from v_x² + v_y² so that it stays exact near the
    pole; the azimuth runs linearly along the sides, which is the pair of minima below.
    """
    radius = torch.sqrt(((v_x.square() + v_y.square()) / (1 + v_z.abs())).clamp(min=_TINY * _TINY))
    eighths = torch.atan2(v_y.abs(), v_x.abs() + _TINY) * (4 / math.pi)  # 0 on the x axis, 2 on the y axis
    x = torch.copysign(radius * (2 - eighths).clamp(max=1), v_x)
    y = torch.copysign(radius * eighths.clamp(max=1), v_y)
    return x, y


def _interleave(x: Tensor, y: Tensor) -> Tensor:
    """Pairs (x, y) along a new last dimension; through a complex number this is ten times as fast as stacking."""
    return torch.view_as_real(torch.complex(x, y))
