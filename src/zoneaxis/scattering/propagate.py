"""Density of a diffracted electron on the back-scattering atoms, averaged over depth: the intensity of one direction.

I(k) = sum_gh S_gh X_hg with X = integral lambda(z) psi(z) psi(z)^H dz and psi(z) = exp(2 pi i M z / (2 k_n)) e_0.
Three roads to the same number: `doubling` (default), `eig` (reference), `eigh` (preview).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.scattering.bloch import StructureMatrices

SOLVERS = ("doubling", "eig", "eigh")


def safe_escape_length(tau_angstrom: float, wave_number: float, mean_absorption: float) -> float:
    """Escape length for which no Bloch wave can outgrow the depth distribution [angstrom].

    The mean absorption is already in lambda(z), so a channelled wave may grow by up to e^{2 pi z / xi'_0} with
    xi'_0 = K/U'_0. The integral converges surely for tau < xi'_0 / (2 pi); light elements (Al, Si) sit at that edge
    and are held 10 % below it.
    """
    if mean_absorption <= 0.0:
        return tau_angstrom
    return min(tau_angstrom, 0.9 * wave_number / (2.0 * math.pi * mean_absorption))


def backscattered_intensity(
    matrices: StructureMatrices, tau_angstrom: Tensor | float, solver: str = "doubling"
) -> Tensor:
    """Intensity I(k) of every direction of a batch for lambda(z) = e^{-z/tau}/tau.

    Limits: tau -> 0 gives the mean Z^2 per atom, the same in all directions; a single beam gives the same constant.

    Args:
        matrices: structure matrices of the batch.
        tau_angstrom: mean escape length; a scalar, or (t,) for several at once.
        solver: `doubling`: no eigenvectors, gradients finite everywhere; `eig`: full complex eigenproblem;
            `eigh`: Hermitian eigenproblem with absorption to first order, errors up to 20 % in single directions.

    Returns: (b,) or (b, t).

    Raises:
        InputError: unknown solver, or tau not positive.

    Source: Callahan and De Graef, Microsc. Microanal. 19 (2013) 1255 for the integral; doubling of the Lyapunov
        equation after Smith, SIAM J. Appl. Math. 16 (1968) 198.
    """
    tau = torch.as_tensor(tau_angstrom, dtype=torch.float64)
    if not bool((tau > 0).all()):
        raise InputError(f"tau_angstrom = {tau_angstrom}: expected a positive escape length")
    if solver not in SOLVERS:
        raise InputError(f"solver {solver!r}: expected one of {', '.join(SOLVERS)}")
    if solver == "doubling":
        values = [_doubling(matrices, float(one)) for one in tau.reshape(-1)]
    else:
        waves = _eig(matrices) if solver == "eig" else _eigh(matrices)
        values = [_bloch_sum(matrices, *waves, float(one)) for one in tau.reshape(-1)]
    return values[0] if tau.ndim == 0 else torch.stack(values, dim=-1)


def _doubling(matrices: StructureMatrices, tau: float, accuracy: float = 1e-6) -> Tensor:
    """Solve F X + X F^H = -e_0 e_0^H / tau, F = 2 pi i M/(2 k_n) - 1/(2 tau), by Smith's doubling.

    With R = (p - F)^-1 and A = R (p + F) = 2 p R - 1, X = sum_j A^j X_0 A^jH, X_0 = (2p/tau) (R e_0)(R e_0)^H; each
    step doubles the number of terms. A shift of all excitation errors leaves X alone, so the spectrum of F is centred;
    p equal to its half width makes the slowest term fall as 1 - 1/(tau p) per step. X starts as the product of a
    narrow matrix with itself, which keeps the first steps cheap.
    """
    n = matrices.elastic.shape[-1]
    spectrum = matrices.elastic.diagonal(dim1=1, dim2=2).real
    middle = 0.5 * (spectrum.amax(-1) + spectrum.amin(-1))
    factor = math.pi / matrices.wave_number
    width = 0.5 * (spectrum.amax(-1) - spectrum.amin(-1)).amax() + matrices.elastic[:, 0, 1:].abs().sum(-1).amax() / 2
    damping = 0.5 / tau
    p = max(factor * float(width), damping)
    steps = max(4, math.ceil(math.log2(-math.log(accuracy) * p / (2.0 * damping))))

    identity = torch.eye(n, dtype=matrices.elastic.dtype, device=matrices.elastic.device)
    generator = 1j * factor * (matrices.full - middle[:, None, None] * identity) - damping * identity
    resolvent = torch.linalg.inv(p * identity - generator)
    step = 2.0 * p * resolvent - identity
    narrow = math.sqrt(2.0 * p / tau) * resolvent[:, :, :1]
    done = 0
    while done < steps and 2 * narrow.shape[-1] <= n:
        narrow = torch.cat((narrow, step @ narrow), dim=-1)
        step = step @ step
        done += 1
    density = narrow @ narrow.mH
    while done < steps:
        density = density + step @ density @ step.mH
        done += 1
        if done < steps:
            step = step @ step
    return (matrices.backscatter * density.mT).sum((-1, -2)).real


def _eig(matrices: StructureMatrices) -> tuple[Tensor, Tensor, Tensor]:
    """Eigenvalues gamma = w/(2 k_n), eigenvectors C and excitation amplitudes C^-1 e_0 of the full matrix.

    Padding beams are moved far up the diagonal so that their eigenvectors stay apart; amplitude zero.
    """
    n = matrices.elastic.shape[-1]
    padding = torch.arange(n, device=matrices.strong.device) >= matrices.strong[:, None]
    far = 10.0 + torch.arange(n, device=matrices.strong.device, dtype=torch.float64)
    full = matrices.full + torch.diag_embed(far * padding).to(matrices.elastic.dtype)
    values, vectors = torch.linalg.eig(full)
    start = torch.zeros(n, 1, dtype=full.dtype, device=full.device)
    start[0] = 1.0
    amplitudes = torch.linalg.solve(vectors, start.expand(len(full), n, 1)).squeeze(-1)
    return values / (2.0 * matrices.wave_number), vectors, amplitudes


def _eigh(matrices: StructureMatrices) -> tuple[Tensor, Tensor, Tensor]:
    """The same from the Hermitian part; absorption b_j = (C^H U' C)_jj / (2 k_n) to first order.

    Real symmetric for a centrosymmetric crystal with its origin on the centre, several times faster.
    """
    elastic, absorptive = matrices.elastic, matrices.absorptive
    if not bool(elastic.imag.abs().max() > 1e-9 * elastic.abs().max()):
        elastic, absorptive = elastic.real, absorptive.real
    values, vectors = torch.linalg.eigh(elastic)
    damping = ((absorptive.to(vectors.dtype) @ vectors) * vectors.conj()).sum(-2).real
    gamma = torch.complex(values, damping) / (2.0 * matrices.wave_number)
    vectors = vectors.to(gamma.dtype)
    return gamma, vectors, vectors[:, 0, :].conj()


def _bloch_sum(matrices: StructureMatrices, gamma: Tensor, vectors: Tensor, amplitudes: Tensor, tau: float) -> Tensor:
    """sum_jk alpha*_j alpha_k I_jk (C^H S C)_jk with I_jk = 1 / (1 - 2 pi i tau (gamma_k - gamma*_j)).

    A pair of Bloch waves that together would grow faster than 0.9 / tau is held there: see `safe_escape_length`.
    """
    exponent = 2j * math.pi * tau * (gamma[:, None, :] - gamma.conj()[:, :, None])
    depth = 1.0 / (1.0 - torch.complex(exponent.real.clamp_max(0.9), exponent.imag))
    overlap = vectors.mH @ matrices.backscatter.to(vectors.dtype) @ vectors
    return (amplitudes.conj()[:, :, None] * amplitudes[:, None, :] * depth * overlap).sum((-1, -2)).real
