"""Stack: layers put one upon the other, and doubled until the crystal is deep enough.

A slab has two origins: its first layer's for what happens on its outer side, its last layer's on its inner side. The
vector between two slabs leads from the last layer of the upper to the first of the lower, and does not grow when slabs
are doubled. Source: Pendry (1974), section IV.D (layer doubling).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from zoneaxis.scattering.leed.layer import Layer
from zoneaxis.scattering.leed.waves import INWARD, OUTWARD, Waves

MOST_DOUBLINGS = 20


def stack(upper: Layer, lower: Layer, step: Tensor, waves: Waves) -> Layer:
    """Both slabs as one; step (3,) in Å from the last layer of the upper to the first layer of the lower."""
    dtype = upper.reflect_out.dtype
    into, out = waves.shift(step, INWARD).to(dtype), waves.shift(step, OUTWARD).to(dtype)
    identity = torch.eye(into.shape[-1], dtype=dtype, device=into.device)
    below = out[..., :, None] * lower.reflect_out * into[..., None, :]
    above = into[..., :, None] * upper.reflect_in * out[..., None, :]
    down = torch.linalg.solve(identity - upper.reflect_in @ below, upper.through_in)
    up = torch.linalg.solve(identity - lower.reflect_out @ above, lower.through_out)
    return Layer(
        reflect_out=upper.reflect_out + upper.through_out @ below @ down,
        through_in=lower.through_in @ (into[..., :, None] * down),
        reflect_in=lower.reflect_in + lower.through_in @ above @ up,
        through_out=upper.through_out @ (out[..., :, None] * up),
    )


def half_crystal(layer: Layer, steps: Sequence[Tensor], waves: Waves, tolerance: float) -> tuple[Tensor, int]:
    """R-+ (angles, beams, beams) of endless equal layers, referred to the first, and the doublings it took.

    Args:
        layer: the layer that repeats; its matrices belong to one atom at its own origin.
        steps: vectors (3,) in Å from layer to layer, repeated in turn.
        tolerance: largest change of an element at which doubling stops.

    Raises:
        FloatingPointError: no convergence; the absorption is too weak or plane waves do not suffice for the spacing.
    """
    period = layer
    for step in steps[:-1]:
        period = stack(period, layer, step, waves)
    for doublings in range(MOST_DOUBLINGS):
        doubled = stack(period, period, steps[-1], waves)
        change = float((doubled.reflect_out - period.reflect_out).abs().max())
        period = doubled
        if not change < 1e6:
            break
        if change < tolerance:
            return period.reflect_out, doublings + 1
    raise FloatingPointError(
        f"layer doubling: change {change:.1e} after {doublings + 1} doublings, asked for {tolerance:.0e}"
    )


def moved(reflection: Tensor, offset: Tensor, waves: Waves) -> Tensor:
    """R-+ referred to an origin that lies `offset` (3,) in Å before the present one (from there to here)."""
    into, out = (waves.shift(offset, sign).to(reflection.dtype) for sign in (INWARD, OUTWARD))
    return out[..., :, None] * reflection * into[..., None, :]
