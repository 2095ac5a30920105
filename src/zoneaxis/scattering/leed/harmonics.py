"""Harmonics: spherical waves of complex argument, and the real coupling of two centres by a third harmonic.

Angular momenta are counted L = l² + l + m, so that a table up to l_max has (l_max + 1)² entries. A direction may be
complex (a damped or evanescent wave): then Y* never means numerical conjugation but (-1)^m Y_{l,-m} of that direction.
Phases are Condon and Shortley's. Source: Pendry, Low Energy Electron Diffraction (1974), appendix A.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from math import factorial, pi, sqrt

import numpy as np
import torch
from torch import Tensor


def count(l_max: int) -> int:
    """Number of angular momenta up to l_max."""
    return (l_max + 1) ** 2


def spherical_harmonics(cosine: Tensor, plus: Tensor, l_max: int, minus: Tensor | None = None) -> Tensor:
    """Y_lm (..., n) of directions given by c = z/r, q = (x + iy)/r and q' = (x - iy)/r, each (...), complex allowed.

    minus: q'; None: the conjugate of q, right for real directions only. Equals SciPy's for real directions.
    """
    minus = plus.conj() if minus is None else minus
    plus, minus = torch.broadcast_tensors(plus, minus)
    table: list[Tensor | None] = [None] * count(l_max)
    up, down = torch.ones_like(plus), torch.ones_like(plus)
    diagonal = 1.0  # Q_mm = (-1)^m (2m - 1)!!
    for m in range(l_max + 1):
        if m:
            diagonal *= -(2 * m - 1)
            up, down = up * plus, down * minus
        before, q = torch.zeros_like(cosine), torch.full_like(cosine, diagonal)
        for l in range(m, l_max + 1):  # noqa: E741
            if l > m:
                before, q = q, ((2 * l - 1) * cosine * q - (l + m - 1) * before) / (l - m)
            scaled = sqrt((2 * l + 1) / (4 * pi) * factorial(l - m) / factorial(l + m)) * q
            table[l * l + l + m] = scaled * up
            table[l * l + l - m] = (-1) ** m * scaled * down
    return torch.stack([entry for entry in table if entry is not None], dim=-1)


def conjugate(harmonics: Tensor) -> Tensor:
    """Y* = (-1)^m Y_{l,-m} of the same, possibly complex, direction; harmonics (..., n)."""
    order, sign = _mirrored(harmonics.shape[-1])
    return harmonics[..., order.to(harmonics.device)] * sign.to(harmonics.device, harmonics.real.dtype)


def degrees(l_max: int) -> Tensor:
    """l of every L, (n,)."""
    return torch.cat([torch.full((2 * l + 1,), l) for l in range(l_max + 1)])  # noqa: E741


def outgoing_waves(z: Tensor, l_max: int) -> Tensor:
    """Spherical Hankel functions h_l(z) (..., l_max + 1) of the outgoing wave, complex z not 0.

    Upward recursion, which is stable for h. Limit: h_0 = -i exp(iz)/z.
    """
    inverse = 1.0 / z
    wave = torch.exp(1j * z)
    table = [-1j * wave * inverse, -wave * (inverse + 1j * inverse * inverse)]
    for l in range(1, l_max):  # noqa: E741
        table.append((2 * l + 1) * inverse * table[l] - table[l - 1])
    return torch.stack(table[: l_max + 1], dim=-1)


def two_centre(sums: Tensor, l_max: int) -> Tensor:
    """G_LL' (n, n, ...) from D_l''m'' (n'', ...), l'' up to 2 l_max: outgoing L' of one centre as regular L of another.

    G_LL' = sum over l'' of S_LL'l'' D_{l'', m' - m} with a real, sparse S (`coupling`); the batch stands last, where
    a sparse product runs along it. Differentiable with respect to the sums.
    """
    matrix, transposed = _sparse_coupling(l_max, sums.real.dtype, sums.device)
    n, batch = count(l_max), sums.shape[1:]
    flat = torch.view_as_real(sums.reshape(sums.shape[0], -1).contiguous()).flatten(1)
    coupled = _Coupled.apply(flat, matrix, transposed)
    return torch.view_as_complex(coupled.reshape(n * n, -1, 2)).reshape(n, n, *batch)


@lru_cache(maxsize=16)
def coupling(l_max: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entries of S_LL'l'' = 4 pi i^(l + l'' - l') times the integral of Y_L' Y*_L Y*_{l'',m'-m}: row, column, value.

    Row L n + L', column l''² + l'' + m' - m; l'' = |l - l'|, |l - l'| + 2, ..., l + l', so that S is real. The integral
    over the azimuth is 2 pi, the rest a polynomial in cos(theta) that Gauss-Legendre integrates exactly.
    """
    nodes, weights = np.polynomial.legendre.leggauss(2 * l_max + 2)
    cosine = torch.from_numpy(nodes)
    table = spherical_harmonics(cosine, torch.sqrt(1 - cosine**2), 2 * l_max, torch.sqrt(1 - cosine**2)).numpy()
    n, rows, columns, values = count(l_max), [], [], []
    for l in range(l_max + 1):  # noqa: E741
        for other in range(l_max + 1):
            for m in range(-l, l + 1):
                for m_other in range(-other, other + 1):
                    pair = weights * table[:, other * other + other + m_other] * table[:, l * l + l + m]
                    for third in range(abs(l - other), l + other + 1, 2):
                        if abs(m_other - m) > third:
                            continue
                        column = third * third + third + m_other - m
                        # At azimuth 0 the real Y_lm stands for Y* too: its phase is in the integral over the azimuth.
                        integral = 2 * pi * float(pair @ table[:, column])
                        if abs(integral) > 1e-12:
                            rows.append((l * l + l + m) * n + other * other + other + m_other)
                            columns.append(column)
                            values.append(4 * pi * (-1) ** ((l + third - other) // 2) * integral)
    return np.array(rows), np.array(columns), np.array(values)


class _Coupled(torch.autograd.Function):
    """Sparse constant matrix times dense; the gradient is the transposed product."""

    @staticmethod
    def forward(context, dense, matrix, transposed):  # type: ignore[no-untyped-def]
        """The product."""
        context.transposed = transposed
        return matrix @ dense

    @staticmethod
    def backward(context, gradient):  # type: ignore[no-untyped-def]
        """Gradient with respect to the dense factor."""
        return context.transposed @ gradient.contiguous(), None, None


@lru_cache(maxsize=16)
def _sparse_coupling(l_max: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    rows, columns, values = coupling(l_max)
    shape = (count(l_max) ** 2, count(2 * l_max))
    entries = torch.sparse_coo_tensor(
        torch.from_numpy(np.stack([rows, columns])),
        torch.from_numpy(values),
        shape,
        dtype=dtype,
        device=device,
        check_invariants=True,
    ).coalesce()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return entries.to_sparse_csr(), entries.t().coalesce().to_sparse_csr()


@lru_cache(maxsize=16)
def _mirrored(n: int) -> tuple[Tensor, Tensor]:
    """Position of (l, -m) for every (l, m), and (-1)^m."""
    l_max = round(sqrt(n)) - 1
    pairs = [(l, m) for l in range(l_max + 1) for m in range(-l, l + 1)]  # noqa: E741
    return torch.tensor([l * l + l - m for l, m in pairs]), torch.tensor([(-1.0) ** m for _, m in pairs])  # noqa: E741
