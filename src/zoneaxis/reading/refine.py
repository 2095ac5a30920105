"""Refine: the orientation and pattern centre at which a master pattern looks most like a measured pattern.

Batched Levenberg-Marquardt on the normalised cross-correlation (NCC). With C = O M^T, which turns detector directions
v = u/|u|, u = (x, y, 1), into the crystal, one lookup of four maps - the intensity I and L = v x grad I - gives the
simulated pattern q and all of its derivatives. For a small turn C exp([w]x) and L_d = C^T L(C v):

    dq/dw   = L_d
    dq/dPCx = -(width/height) (L_y - y L_z) / (PCz |u|²)
    dq/dPCy = (x L_z - L_x) / (PCz |u|²)
    dq/dPCz = (y L_x - x L_y) / (PCz |u|²)

Maximising the NCC is least squares of the pattern against gain x q + offset with gain and offset eliminated, so one
Gram matrix of (pattern, 1, q, dq) per candidate holds everything an iteration needs.
Source: Levenberg-Marquardt with eliminated linear parameters: Golub & Pereyra (1973), SIAM J. Numer. Anal. 10, 413.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.instrument.orientation import rotation_vector_to_matrix
from zoneaxis.instrument.projections import sample_sphere
from zoneaxis.instrument.spherical_field import rotational_derivative
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.patterns.preprocess import circular_mask

_VALUES_AT_ONCE = 1 << 17  # candidates x pixels worked on together: their arrays stay in the cache
_LARGEST_TURN = 0.05  # rad per iteration, about the reach of one linearisation at a band's width
_LARGEST_SHIFT = 0.03  # of the pattern centre per iteration
_LEAST_NCC = 0.1  # below it the best gain says nothing and would only lengthen the steps
_DAMPING_START, _DAMPING_DOWN, _DAMPING_UP = 1e-2, 0.3, 6.0


@dataclass(frozen=True)
class Refined:
    """Where each candidate came to rest: orientation (n, 3, 3), pattern_centre (n, 3) Bruker, ncc (n,)."""

    orientation: Tensor
    pattern_centre: Tensor
    ncc: Tensor


@dataclass(frozen=True)
class _System:
    """Normal equations A step = b of one iteration, and the NCC reached: (n, k, k), (n, k), (n,)."""

    matrix: Tensor
    slope: Tensor
    ncc: Tensor

    def where(self, better: Tensor, other: "_System") -> "_System":
        """`other` for the candidates that got better, self for the rest."""
        return _System(
            torch.where(better[:, None, None], other.matrix, self.matrix),
            torch.where(better[:, None], other.slope, self.slope),
            torch.where(better, other.ncc, self.ncc),
        )


def differentiable_master(master: Tensor) -> Tensor:
    """The four maps (4, 2, S, S) that `refine` looks up: intensity and its rotational derivative."""
    return torch.cat((master[None], rotational_derivative(master)))


def refine(
    patterns: Tensor,
    master: Tensor,
    detector: TiltedDetector,
    orientations: Tensor,
    refine_pattern_centre: bool = True,
    pattern_centre: Tensor | None = None,
    pattern_centre_tolerance: float = 0.05,
    iterations: int = 12,
) -> Refined:
    """Climb from one start per pattern to the nearest maximum of the NCC inside the round mask.

    Arguments: patterns (n, rows, cols) prepared (background removed); master (2, S, S), or (4, 2, S, S) from
    `differentiable_master`; detector with the patterns' shape; orientations (n, 3, 3) to start from;
    pattern_centre (n, 3) to start from (the detector's when None); it may move by `pattern_centre_tolerance` at most.
    The simulated pattern is not filtered here: the measured one has lost its slow part, which only scales the NCC.
    Limits: a start at the maximum stays there; the NCC never falls below that of the start.
    Raises InputError when shapes do not fit.
    """
    n = len(patterns)
    if patterns.shape[1:] != detector.shape or orientations.shape != (n, 3, 3):
        raise InputError(
            f"refine: patterns {tuple(patterns.shape)}, orientations {tuple(orientations.shape)} and detector "
            f"{detector.shape} do not fit: (n, rows, cols), (n, 3, 3) and (rows, cols) are wanted"
        )
    maps = differentiable_master(master) if master.ndim == 3 else master
    if pattern_centre is None:
        pattern_centre = orientations.new_tensor(detector.pattern_centre).expand(n, 3)
    screen = _Screen.of(detector, patterns)
    flat = patterns.flatten(1)[:, screen.pixels]
    at_once = max(1, _VALUES_AT_ONCE // flat.shape[1])
    tolerance = pattern_centre_tolerance if refine_pattern_centre else None
    parts = [
        _climb(flat[part], maps, screen, orientations[part], pattern_centre[part], tolerance, iterations)
        for part in (slice(start, start + at_once) for start in range(0, n, at_once))
    ]
    if not parts:
        return Refined(orientations, pattern_centre, orientations.new_zeros(0))
    return Refined(*(torch.cat(field) for field in zip(*parts, strict=True)))


@dataclass(frozen=True)
class _Screen:
    """Pixels inside the round mask as fractions of width and height, and the sample-to-detector matrix."""

    pixels: Tensor
    across: Tensor
    down: Tensor
    aspect: float
    matrix: Tensor

    @classmethod
    def of(cls, detector: TiltedDetector, like: Tensor) -> "_Screen":
        """The screen of a detector on the device and in the precision of a tensor."""
        rows, cols = detector.shape
        pixels = circular_mask(detector.shape).flatten().nonzero().squeeze(1).to(like.device)
        across, down = (pixels % cols + 0.5) / cols, (pixels // cols + 0.5) / rows
        return cls(pixels, across.to(like), down.to(like), cols / rows, detector.matrix().to(like))


def _climb(
    patterns: Tensor,
    maps: Tensor,
    screen: _Screen,
    orientations: Tensor,
    centre: Tensor,
    tolerance: float | None,
    iterations: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Levenberg-Marquardt for one chunk; each candidate has its own damping and keeps only steps that help."""
    turn = orientations @ screen.matrix.T
    start_centre, with_centre = centre, tolerance is not None
    system = _linearise(patterns, maps, screen, turn, centre, with_centre)
    damping = torch.full_like(system.ncc, _DAMPING_START)
    for _ in range(iterations):
        diagonal = system.matrix.diagonal(dim1=1, dim2=2)
        ridge = torch.diag_embed(diagonal * damping[:, None] + 1e-9 * diagonal.amax(1, keepdim=True) + 1e-30)
        step = torch.linalg.solve_ex(system.matrix + ridge, system.slope)[0]
        trial_turn = turn @ rotation_vector_to_matrix(_limit(step[:, :3], _LARGEST_TURN))
        trial_centre = centre
        if tolerance is not None:
            moved = centre + _limit(step[:, 3:], _LARGEST_SHIFT)
            trial_centre = torch.minimum(torch.maximum(moved, start_centre - tolerance), start_centre + tolerance)
        trial = _linearise(patterns, maps, screen, trial_turn, trial_centre, with_centre)
        better = trial.ncc > system.ncc
        system = system.where(better, trial)
        turn = torch.where(better[:, None, None], trial_turn, turn)
        centre = torch.where(better[:, None], trial_centre, centre)
        damping = (damping * torch.where(better, _DAMPING_DOWN, _DAMPING_UP)).clamp(1e-5, 1e5)
    return turn @ screen.matrix, centre, system.ncc


def _linearise(
    patterns: Tensor, maps: Tensor, screen: _Screen, turn: Tensor, centre: Tensor, with_centre: bool
) -> _System:
    """NCC of every candidate and the normal equations of the step that raises it, from one lookup."""
    pc_x, pc_y, pc_z = centre[:, :, None].unbind(1)
    x = screen.aspect * (screen.across - pc_x) / pc_z  # (n, pixels)
    y = (pc_y - screen.down) / pc_z
    length_squared = 1 + x.square() + y.square()
    v = torch.stack((x, y, torch.ones_like(x)), dim=1) * torch.rsqrt(length_squared)[:, None]
    looked_up = sample_sphere(maps, (turn @ v).transpose(1, 2)).transpose(0, 1)  # (n, 4, pixels)
    derivative = turn.transpose(1, 2) @ looked_up[:, 1:]  # L in the detector frame
    columns = [patterns[:, None], torch.ones_like(x)[:, None], looked_up[:, :1], derivative]
    if with_centre:
        l_x, l_y, l_z = derivative.unbind(1)
        by_centre = (screen.aspect * (y * l_z - l_y), x * l_z - l_x, y * l_x - x * l_y)
        columns.append(torch.stack(by_centre, dim=1) / (pc_z * length_squared)[:, None])
    stacked = torch.cat(columns, dim=1)
    gram = stacked @ stacked.transpose(1, 2)
    return _normal_equations(gram)


def _normal_equations(gram: Tensor) -> _System:
    """From the Gram matrix of (pattern, 1, q, dq): eliminate the offset, then the gain."""
    gram = gram.double()
    offset = gram[:, :, 1:2]
    gram = gram - offset * offset.transpose(1, 2) / gram[:, 1:2, 1:2]
    keep = [0, *range(2, gram.shape[1])]
    gram = gram[:, keep][:, :, keep]
    pattern_norm, norm = (gram[:, i, i].clamp(min=1e-20).sqrt() for i in (0, 1))
    ncc = gram[:, 0, 1] / (pattern_norm * norm)
    along = gram[:, 1, 2:] / norm[:, None]  # dq along q changes the gain only
    matrix = gram[:, 2:, 2:] - along[:, :, None] * along[:, None, :]
    slope = gram[:, 0, 2:] / pattern_norm[:, None] - ncc[:, None] * along
    # gain x (q + dq step) against the pattern of unit norm: the best gain is ncc / norm
    gain = ncc.clamp(min=_LEAST_NCC) / norm
    return _System(matrix.float(), (slope / gain[:, None]).float(), ncc.float())


def _limit(step: Tensor, largest: float) -> Tensor:
    """The same direction, no longer than `largest`."""
    return step * (largest / step.norm(dim=1, keepdim=True).clamp(min=largest))
