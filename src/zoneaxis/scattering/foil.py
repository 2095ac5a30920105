"""Foil: what a plane-parallel crystal makes of fast electron waves, for many directions that share a potential.

    psi(t) = exp(i pi t A / k_n) e_0,   A_gg = 2 K s_g,  A_gh = U_{g-h} + i U'_{g-h},   I_g = |psi_g|²

Only the diagonal depends on the direction. Three roads to the same waves: `eig`, the reference; `chebyshev`, a series
of products with A, exact to its precision; `strang`, the fastest. It splits A into that of the mean direction, whose
exponential all directions share, and what is left on the diagonal, and takes the two in turn, slice by slice. The
nearer the directions lie together, the less is left and the fewer slices are needed: give it a tile of the picture at
a time. The mean absorption is a common factor and stays out of A. Lengths in Å, wave numbers in 1/Å without 2 pi.

Source: Tal-Ezer and Kosloff, J. Chem. Phys. 81 (1984) 3967 (Chebyshev); Strang, SIAM J. Numer. Anal. 5 (1968) 506; the
split about the mean direction is derived in docs/theory/foil.md.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from zoneaxis.errors import InputError

ROADS = ("strang", "chebyshev", "eig")
DIRECTIONS_AT_ONCE = 2048
"""Directions that are propagated together: a block of waves stays in the cache."""
SOLVED_AT_ONCE = 256
"""Directions whose eigenvectors are held together: 40 MB a matrix of each at 100 beams."""
SAMPLE = 24
"""Directions on which the number of slices is found."""
MOST_SLICES = 20_000
MOST_FOR_EQUAL = 4.0
"""Slices are made equal, to share their exponential, as long as that takes at most so many times as many."""
MOST_GROWTH = 2.0
"""Exponent to which terms of the Chebyshev series may grow by absorption before they cancel."""
RESONANCE = 0.9
"""Slices are held this far below the thickness at which the splitting couples beams that do not couple."""


def foil_waves(
    excitation: Tensor,
    coupling: Tensor,
    wave_number: float,
    thickness_angstrom: Sequence[float] | Tensor,
    *,
    road: str = "strang",
    error: float = 1e-3,
    slices: Sequence[int] | None = None,
    centre: Tensor | None = None,
    dtype: torch.dtype = torch.complex64,
) -> Tensor:
    """Waves psi_g (thicknesses, directions, beams) behind the foil, beam 000 first, without mean absorption.

    Gradients run through `strang` and `chebyshev` in the excitation, the coupling and, for `strang`, the thickness.
    Limits: a thin foil scatters once, I_g = (pi t |U_g| / k_n)² sinc²; without absorption the intensities sum to 1.

    Args:
        excitation: 2 K s_g (directions, beams) in 1/Å², zero for the beam 000.
        coupling: U_{g-h} + i U'_{g-h} (beams, beams) complex in 1/Å²; its diagonal holds what weak beams add, or 0.
        wave_number: k_n, normal component inside the crystal in 1/Å.
        thickness_angstrom: one or several, rising.
        road: see above.
        error: largest error of an intensity that `strang` aims at; the others are exact to their precision.
        slices: of each stretch between thicknesses, in place of those that the error asks for.
        centre: 2 K s_g (beams,) of the direction about which `strang` splits; default: the middle of the directions.
        dtype: of the waves; matrices are exponentiated, and `eig` solved, in complex128.

    Raises:
        InputError: an unknown road, thicknesses that do not rise from above 0, an error that no number of slices up to
            20,000 reaches, slices so thick that the splitting couples beams that do not couple.
    """
    depths = torch.as_tensor(thickness_angstrom, dtype=torch.float64)
    if depths.ndim != 1 or not len(depths) or not bool((_steps(depths) > 0).all()) or not wave_number > 0:
        raise InputError(f"foil: thickness_angstrom = {depths.tolist()}: expected rising values above 0")
    if road not in ROADS:
        raise InputError(f"foil: road {road!r} is not one of {', '.join(ROADS)}")
    if excitation.ndim != 2 or coupling.shape != (excitation.shape[1],) * 2:
        raise InputError(f"foil: excitation {tuple(excitation.shape)} and coupling {tuple(coupling.shape)} do not fit")
    if road == "eig":
        parts = excitation.split(SOLVED_AT_ONCE)
        return torch.cat([_eig(part, coupling, wave_number, depths.tolist()).to(dtype) for part in parts], dim=1)
    blocks = excitation.split(DIRECTIONS_AT_ONCE)
    if road == "chebyshev":
        fixed = depths.detach().numpy()
        return torch.cat([_chebyshev(block, coupling, wave_number, fixed, dtype) for block in blocks], dim=1)
    if slices is None:
        counts = [slice_counts(block, coupling, wave_number, depths, error, centre) for block in blocks]
    else:
        counts = [_stable(block, _centre(block, centre), wave_number, depths, slices) for block in blocks]
    return torch.cat(
        [
            _strang(block, _centre(block, centre), coupling, wave_number, depths, count, dtype)
            for block, count in zip(blocks, counts, strict=True)
        ],
        dim=1,
    )


def _steps(depths: Tensor) -> Tensor:
    return torch.diff(depths, prepend=depths.new_zeros(1))


def _centre(excitation: Tensor, given: Tensor | None = None) -> Tensor:
    """2 K s_g (beams,) of the mean direction: what is given, or the middle of the range of each beam."""
    if given is not None:
        return given.detach()
    return 0.5 * (excitation.amin(0) + excitation.amax(0)).detach()


def _fewest(excitation: Tensor, centre: Tensor, wave_number: float, depths: Tensor) -> list[int]:
    """Slices at which what is left on the diagonal turns no pair of beams by pi: dt |left| / k_n < 1."""
    left = excitation.detach() - centre
    widest = float((left.amax(-1) - left.amin(-1)).max())
    return [max(2, math.ceil(step * widest / (wave_number * RESONANCE))) for step in _steps(depths).tolist()]


def _stable(excitation: Tensor, centre: Tensor, wave_number: float, depths: Tensor, slices: Sequence[int]) -> list[int]:
    fewest = _fewest(excitation, centre, wave_number, depths)
    if len(slices) != len(fewest) or any(count < least for count, least in zip(slices, fewest, strict=True)):
        raise InputError(f"foil: slices = {list(slices)}: unstable, at least {fewest} are needed for these directions")
    return list(slices)


@torch.no_grad()
def slice_counts(
    excitation: Tensor,
    coupling: Tensor,
    wave_number: float,
    thickness_angstrom: Tensor | Sequence[float],
    error: float,
    centre: Tensor | None = None,
) -> list[int]:
    """Slices of each stretch between thicknesses that keep `strang` below an error of the intensities.

    At least so many that no slice turns two beams against each other by pi; then, since the error falls with the
    square of the slices, as many as twice the slices on a sample of directions ask for.

    Raises:
        InputError: more than 20,000 slices would be needed.
    """
    if not 0 < error < 1:
        raise InputError(f"foil: error = {error}: expected 0 to 1, an error of the intensity")
    depths = torch.as_tensor(thickness_angstrom, dtype=torch.float64).detach()
    centre = _centre(excitation, centre)
    far = torch.argsort((excitation - centre).abs().amax(-1), descending=True)
    sample = excitation[far[: SAMPLE * 4 : 4] if len(far) >= SAMPLE * 4 else far[:SAMPLE]]
    counts = _fewest(excitation, centre, wave_number, depths)

    def intensity(slices: list[int]) -> Tensor:
        waves = _strang(sample, centre, coupling.detach(), wave_number, depths, slices, torch.complex128)
        return waves.abs() ** 2

    coarse = intensity(counts)
    for _ in range(2):
        fine = intensity([2 * count for count in counts])
        missed = 4.0 / 3.0 * float((coarse - fine).abs().max())
        if missed < 0.3:
            break
        counts, coarse = [2 * count for count in counts], fine
    factor = max(1.0, 1.2 * math.sqrt(missed / error))
    steps = _steps(depths).tolist()
    counts = [math.ceil(factor * count) for count in counts]
    thinnest = min(step / count for step, count in zip(steps, counts, strict=True))
    equal = [math.ceil(step / thinnest - 1e-9) for step in steps]
    counts = equal if sum(equal) <= MOST_FOR_EQUAL * sum(counts) else counts
    if sum(counts) > MOST_SLICES:
        raise InputError(
            f"foil: an error of {error:g} takes {sum(counts)} slices, more than {MOST_SLICES}; ask for less, or take "
            "the road chebyshev"
        )
    return counts


def _strang(
    excitation: Tensor,
    centre: Tensor,
    coupling: Tensor,
    wave_number: float,
    depths: Tensor,
    slices: Sequence[int],
    dtype: torch.dtype,
) -> Tensor:
    """Half a step of what is left on the diagonal, a step of the mean direction, half a step of what is left."""
    left = (excitation - centre).T.to(torch.float64)
    mean = coupling.to(torch.complex128) + torch.diag(centre).to(torch.complex128)
    waves = torch.zeros(left.shape, dtype=dtype, device=excitation.device)
    waves[0] = 1.0
    found: list[Tensor] = []
    before = math.nan
    for step, count in zip(_steps(depths), slices, strict=True):
        angle = math.pi * step / (count * wave_number)
        if depths.requires_grad or abs(float(angle) - before) > 1e-12 * before or not found:
            turn = torch.linalg.matrix_exp(1j * angle * mean).to(dtype)
            half = torch.exp(0.5j * angle * left)
            whole, half = (half * half).to(dtype), half.to(dtype)
            before = float(angle.detach())
        waves = half * (turn @ _sliced(turn, whole, half * waves, count - 1))
        found.append(waves.T)
    return torch.stack(found)


def _sliced(turn: Tensor, whole: Tensor, waves: Tensor, count: int) -> Tensor:
    """`count` times: a whole step of the mean direction, then of what is left."""
    if torch.is_grad_enabled() and (turn.requires_grad or whole.requires_grad or waves.requires_grad):
        several = max(1, math.isqrt(count))

        def some(turn: Tensor, whole: Tensor, waves: Tensor, number: int) -> Tensor:
            for _ in range(number):
                waves = whole * (turn @ waves)
            return waves

        for begun in range(0, count, several):
            number = min(several, count - begun)
            waves = checkpoint(some, turn, whole, waves, number, use_reentrant=False)  # type: ignore[assignment]
        return waves
    waves, turned = waves.contiguous(), torch.empty_like(waves)
    for _ in range(count):
        torch.matmul(turn, waves, out=turned)
        torch.mul(whole, turned, out=waves)
    return waves


def _chebyshev(
    excitation: Tensor, coupling: Tensor, wave_number: float, depths: np.ndarray, dtype: torch.dtype
) -> Tensor:
    """exp(i pi t A / k_n) e_0 as a series in T_k((A - c)/h), stretch by stretch.

    Absorption moves the spectrum off the real axis, where T_k grows: c is complex, and a stretch is cut where the
    growth, which must cancel in the sum, would eat the digits.
    """
    bound = float(coupling.detach().abs().sum(-1).max())
    low, high = float(excitation.detach().min()) - bound, float(excitation.detach().max()) + bound
    lost = torch.linalg.eigvalsh((coupling.detach() - coupling.detach().mH).to(torch.complex128) / 2j)
    centre = complex(0.5 * (high + low), 0.5 * float(lost[0] + lost[-1]))
    half_width, off_axis = max(0.5 * (high - low), 1e-12), 0.5 * float(lost[-1] - lost[0])
    diagonal = ((excitation.T - centre) / half_width).to(dtype)
    potential = (coupling / half_width).to(dtype)
    waves = torch.zeros(diagonal.shape, dtype=dtype, device=excitation.device)
    waves[0] = 1.0
    found = []
    for step in np.diff(depths, prepend=0.0):
        cuts = max(1, math.ceil(math.pi * step * off_axis / wave_number / MOST_GROWTH))
        turn = math.pi * float(step) / cuts / wave_number
        for _ in range(cuts):
            waves = cmath.exp(1j * turn * centre) * _series(diagonal, potential, waves, turn * half_width)
        found.append(waves.T)
    return torch.stack(found)


def _series(diagonal: Tensor, potential: Tensor, waves: Tensor, phase: float) -> Tensor:
    """exp(i phase X) waves for X = diagonal + potential with its spectrum near [-1, 1]."""
    from scipy.special import jv

    terms = math.ceil(phase + 6 * phase ** (1 / 3) + 12)
    weights = 2.0 * jv(np.arange(terms + 1), phase)
    before, now = waves, diagonal * waves + potential @ waves
    total = 0.5 * float(weights[0]) * before
    for k in range(1, terms + 1):
        total = total + (1j**k) * float(weights[k]) * now
        before, now = now, 2 * (diagonal * now + potential @ now) - before
    return total


def _eig(excitation: Tensor, coupling: Tensor, wave_number: float, depths: Sequence[float]) -> Tensor:
    """All Bloch waves of every direction."""
    matrices = coupling.to(torch.complex128) + torch.diag_embed(excitation.to(torch.complex128))
    values, vectors = torch.linalg.eig(matrices)
    start = torch.zeros(*values.shape, 1, dtype=values.dtype, device=values.device)
    start[:, 0] = 1.0
    excited = torch.linalg.solve(vectors, start)
    return torch.stack(
        [
            (vectors @ (torch.exp(1j * math.pi * depth / wave_number * values)[..., None] * excited))[..., 0]
            for depth in depths
        ]
    )
