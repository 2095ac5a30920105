"""Foil: what a plane-parallel crystal makes of fast electron waves, for many directions that share a potential.

    psi(t) = exp(i pi t A / k_n) e_0,   A_gg = 2 K s_g,  A_gh = U_{g-h} + i U'_{g-h},   I_g = |psi_g|²

Only the diagonal depends on the direction. Three roads to the same waves: `eig`, the reference; `chebyshev`, a series
of products with A, exact to its precision; `strang`, which takes diagonal and potential in turn, slice by slice, and
is the fastest. The mean absorption is a common factor and stays out of A. Lengths in Å, wave numbers in 1/Å without
2 pi.

Source: Tal-Ezer and Kosloff, J. Chem. Phys. 81 (1984) 3967 (Chebyshev); Strang, SIAM J. Numer. Anal. 5 (1968) 506.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from zoneaxis.errors import InputError

ROADS = ("strang", "chebyshev", "eig")
DIRECTIONS_AT_ONCE = 2048
"""Directions that are propagated together: a block of waves stays in the cache."""
SAMPLE = 24
"""Directions on which the number of slices is found."""
MOST_SLICES = 20_000
RESONANCE = 0.9
"""Slices are held this far below the thickness at which the splitting couples beams that do not couple."""


def foil_waves(
    excitation: Tensor,
    coupling: Tensor,
    wave_number: float,
    thickness_angstrom: Sequence[float],
    *,
    road: str = "strang",
    error: float = 1e-3,
    dtype: torch.dtype = torch.complex64,
) -> Tensor:
    """Waves psi_g (thicknesses, directions, beams) behind the foil, beam 000 first, without mean absorption.

    Limits: a thin foil scatters once, I_g = (pi t |U_g| / k_n)² sinc²; without absorption the intensities sum to 1.

    Args:
        excitation: 2 K s_g (directions, beams) in 1/Å², zero for the beam 000.
        coupling: U_{g-h} + i U'_{g-h} (beams, beams) complex in 1/Å², zero on the diagonal.
        wave_number: k_n, normal component inside the crystal in 1/Å.
        thickness_angstrom: one or several, rising.
        road: see above.
        error: largest error of an intensity that `strang` aims at; the others are exact to their precision.
        dtype: of the waves; matrices are exponentiated, and `eig` solved, in complex128.

    Raises:
        InputError: an unknown road, thicknesses that do not rise from above 0, an error that no number of slices up to
            20,000 reaches.
    """
    depths = np.asarray(thickness_angstrom, dtype=np.float64)
    if depths.ndim != 1 or not len(depths) or not (np.diff(depths, prepend=0.0) > 0).all() or not wave_number > 0:
        raise InputError(f"foil: thickness_angstrom = {list(thickness_angstrom)}: expected rising values above 0")
    if road not in ROADS:
        raise InputError(f"foil: road {road!r} is not one of {', '.join(ROADS)}")
    if excitation.ndim != 2 or coupling.shape != (excitation.shape[1],) * 2:
        raise InputError(f"foil: excitation {tuple(excitation.shape)} and coupling {tuple(coupling.shape)} do not fit")
    if road == "eig":
        return _eig(excitation, coupling, wave_number, depths).to(dtype)
    blocks = excitation.split(DIRECTIONS_AT_ONCE)
    if road == "chebyshev":
        return torch.cat([_chebyshev(block, coupling, wave_number, depths, dtype) for block in blocks], dim=1)
    slices = slice_counts(excitation, coupling, wave_number, depths, error)
    return torch.cat([_strang(block, coupling, wave_number, depths, slices, dtype) for block in blocks], dim=1)


@torch.no_grad()
def slice_counts(
    excitation: Tensor, coupling: Tensor, wave_number: float, depths: np.ndarray, error: float
) -> list[int]:
    """Slices of each stretch between thicknesses that keep `strang` below an error of the intensities.

    At least so many that no two beams come into the false resonance dt |2 K s| / k_n = 2; then, since the error falls
    with the square of the slices, as many as twice the slices on a sample of directions ask for.

    Raises:
        InputError: more than 20,000 slices would be needed.
    """
    if not 0 < error < 1:
        raise InputError(f"foil: error = {error}: expected 0 to 1, an error of the intensity")
    steps = np.diff(depths, prepend=0.0)
    widest = float((excitation.amax(-1) - excitation.amin(-1)).max())
    counts = [max(4, math.ceil(step * widest / (wave_number * RESONANCE))) for step in steps]
    places = torch.linspace(0, len(excitation) - 1, min(SAMPLE, len(excitation))).round().long()
    sample = excitation[places]

    def intensity(slices: list[int]) -> Tensor:
        return _strang(sample, coupling, wave_number, depths, slices, torch.complex128).abs() ** 2

    coarse, fine = intensity(counts), intensity([2 * count for count in counts])
    missed = 4.0 / 3.0 * float((coarse - fine).abs().max())
    factor = max(1.0, 1.2 * math.sqrt(missed / error))
    counts = [math.ceil(factor * count) for count in counts]
    if sum(counts) > MOST_SLICES:
        raise InputError(
            f"foil: an error of {error:g} takes {sum(counts)} slices, more than {MOST_SLICES}; ask for less, or take "
            "the road chebyshev"
        )
    return counts


def _strang(
    excitation: Tensor,
    coupling: Tensor,
    wave_number: float,
    depths: np.ndarray,
    slices: Sequence[int],
    dtype: torch.dtype,
) -> Tensor:
    """Half a step of the diagonal, a step of the potential, half a step of the diagonal."""
    diagonal = excitation.T.to(torch.float64)
    waves = torch.zeros(diagonal.shape, dtype=dtype, device=excitation.device)
    waves[0] = 1.0
    found = []
    for step, count in zip(np.diff(depths, prepend=0.0), slices, strict=True):
        angle = math.pi * float(step) / count / wave_number
        potential = torch.linalg.matrix_exp(1j * angle * coupling.to(torch.complex128)).to(dtype)
        half = torch.exp(0.5j * angle * diagonal)
        whole, half = (half * half).to(dtype), half.to(dtype)
        waves = half * waves
        for _ in range(count - 1):
            waves = whole * (potential @ waves)
        waves = half * (potential @ waves)
        found.append(waves.T)
    return torch.stack(found)


def _chebyshev(
    excitation: Tensor, coupling: Tensor, wave_number: float, depths: np.ndarray, dtype: torch.dtype
) -> Tensor:
    """exp(i pi t A / k_n) e_0 as a series in T_k((A - c)/h); the thicknesses share the vectors."""
    from scipy.special import jv

    bound = float(coupling.detach().abs().sum(-1).max())
    low, high = float(excitation.detach().min()) - bound, float(excitation.detach().max()) + bound
    centre, half_width = 0.5 * (high + low), max(0.5 * (high - low), 1e-12)
    phases = math.pi * depths * half_width / wave_number
    terms = math.ceil(float(phases.max()) + 6 * float(phases.max()) ** (1 / 3) + 12)
    weights = jv(np.arange(terms + 1)[:, None], phases)
    weights[1:] *= 2.0
    real = torch.float32 if dtype == torch.complex64 else torch.float64
    diagonal = ((excitation.T - centre) / half_width).to(real)
    potential = (coupling / half_width).to(dtype)
    before = torch.zeros(diagonal.shape, dtype=dtype, device=excitation.device)
    before[0] = 1.0
    now = diagonal * before + potential @ before
    total = [float(weight) * before for weight in weights[0]]
    for k in range(1, terms + 1):
        total = [sum_ + (1j**k) * float(weight) * now for sum_, weight in zip(total, weights[k], strict=True)]
        before, now = now, 2 * (diagonal * now + potential @ now) - before
    turns = np.exp(1j * math.pi * depths * centre / wave_number)
    return torch.stack([(complex(turn) * sum_).T for turn, sum_ in zip(turns, total, strict=True)])


def _eig(excitation: Tensor, coupling: Tensor, wave_number: float, depths: np.ndarray) -> Tensor:
    """All Bloch waves of every direction."""
    matrices = coupling.to(torch.complex128) + torch.diag_embed(excitation.to(torch.complex128))
    values, vectors = torch.linalg.eig(matrices)
    start = torch.zeros(*values.shape, 1, dtype=values.dtype, device=values.device)
    start[:, 0] = 1.0
    excited = torch.linalg.solve(vectors, start)
    return torch.stack(
        [
            (vectors @ (torch.exp(1j * math.pi * float(depth) / wave_number * values)[..., None] * excited))[..., 0]
            for depth in depths
        ]
    )
