"""The Bloch-wave structure matrix of a direction: which beams count, how strongly they couple, what the weak ones add.

Every direction has its own beams. Directions are handled in batches, padded with decoupled beams to one size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.scattering.electron import wavelength_angstrom
from zoneaxis.scattering.structure_factor import FourierCoefficients


@dataclass(frozen=True)
class BeamRule:
    """When a reflection is solved exactly (strong), perturbatively (weak, after Bethe) or not at all.

    A reflection is a candidate if |s_g| K / |U_g| < candidate_cutoff (or |s_g| < forbidden_excitation_error where
    U_g = 0), strong if min_h |s_g| K / |U_{g-h}| = |s_g| K / U_0 <= bethe_strong_cutoff, weak if
    <= bethe_weak_cutoff. (U_0 is the largest coefficient, so h = g always gives the minimum.)

    Attributes:
        bethe_strong_cutoff: c1.
        bethe_weak_cutoff: c2.
        candidate_cutoff: c3.
        forbidden_excitation_error: largest |s_g| of an admitted reflection with U_g = 0 [1/angstrom].
        max_strong: most strong beams of a direction, those with the least |s_g| K / |U_g|; the rest turn weak.
        max_weak: most weak beams, those with the largest |U_g|^2 / |s_g|.
        weak_beams_radiate: whether the waves of the weak beams count in the density on the atoms, to first order.
            EMsoft leaves them out; with them fewer strong beams come as close to convergence.

    Source: Wang and De Graef, Ultramicroscopy 160 (2016) 35; EMsoft's BetheParameters.
    """

    bethe_strong_cutoff: float
    bethe_weak_cutoff: float
    candidate_cutoff: float
    forbidden_excitation_error: float = 0.025
    max_strong: int = 112
    max_weak: int = 96
    weak_beams_radiate: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.bethe_strong_cutoff <= self.bethe_weak_cutoff <= self.candidate_cutoff:
            raise InputError(
                f"Bethe cutoffs {self.bethe_strong_cutoff}, {self.bethe_weak_cutoff}, {self.candidate_cutoff}: "
                "expected 0 < strong <= weak <= candidate"
            )


PRESETS = {
    "emsoft": BeamRule(4.0, 8.0, 50.0, forbidden_excitation_error=0.1, weak_beams_radiate=False),
    "balanced": BeamRule(6.0, 24.0, 150.0),
    "converged": BeamRule(20.0, 40.0, 200.0, max_strong=224, max_weak=160),
}
"""`emsoft` is what EMsoft's reference files used, not converged for heavy elements; `balanced` is the default."""


def beam_rule(preset: str | BeamRule) -> BeamRule:
    """The rule of that name, or the rule itself.

    Raises:
        InputError: no preset has that name.
    """
    if isinstance(preset, BeamRule):
        return preset
    if preset not in PRESETS:
        raise InputError(f"beam preset {preset!r}: expected one of {', '.join(PRESETS)}")
    return PRESETS[preset]


@dataclass(frozen=True)
class StructureMatrices:
    """Structure matrices of a batch of directions, beam (000) first.

    Attributes:
        rows: (b,) which of the given directions these are.
        elastic: (b, n, n) Hermitian part: 2 k_n s_g on the diagonal, U_{g-h} off it, weak beams in it [1/angstrom^2].
        absorptive: (b, n, n) U'_{g-h} off the diagonal, 0 on it: the mean absorption belongs to the depth distribution.
        backscatter: (b, n, n) S_{g-h}, with the weak beams' share if they radiate; zero for padding.
        wave_number: k_n = 1/lambda along the inward normal [1/angstrom].
        excitation_errors: (b, n) s_g before Bethe's correction [1/angstrom].
        strong: (b,) number of true beams, the rest of n is padding.
    """

    rows: Tensor
    elastic: Tensor
    absorptive: Tensor
    backscatter: Tensor
    wave_number: float
    excitation_errors: Tensor
    strong: Tensor

    @property
    def full(self) -> Tensor:
        """M = elastic + i absorptive."""
        return self.elastic + 1j * self.absorptive


def excitation_errors(wave_vectors: Tensor, g: Tensor) -> Tensor:
    """s_g = -g.(2k + g) / (2 (k + g).k_hat), surface normal along k for every direction [1/angstrom].

    Args:
        wave_vectors: (d, 3) k [1/angstrom], all of one length.
        g: reciprocal lattice vectors [1/angstrom], (n, 3) shared by all directions or (d, n, 3) for each its own.

    Returns: (d, n).
    """
    length = torch.linalg.vector_norm(wave_vectors, dim=-1, keepdim=True)
    along = wave_vectors @ g.T if g.ndim == 2 else (g @ wave_vectors[:, :, None]).squeeze(-1)
    return -(2.0 * along + (g**2).sum(-1)) / (2.0 * (length + along / length))


@dataclass(frozen=True)
class _Selection:
    """Beams of every direction: positions in the reflection list, best first, and how many of them count."""

    strong: Tensor
    strong_count: Tensor
    weak: Tensor
    weak_count: Tensor


def _select(errors: Tensor, u_abs: Tensor, k: float, u_0: float, rule: BeamRule) -> _Selection:
    """Strong and weak beams of a chunk of directions; (000), at position 0, always comes first."""
    distance = errors.abs() * k
    forbidden = u_abs < 1e-6 * u_0
    ratio = distance / u_abs.clamp_min(1e-6 * u_0)
    candidate = torch.where(forbidden, errors.abs() < rule.forbidden_excitation_error, ratio < rule.candidate_cutoff)
    candidate[:, 0] = True
    scaled = distance / u_0
    strong = candidate & (scaled <= rule.bethe_strong_cutoff)
    rank = distance / (u_abs + 0.02 * u_0)
    rank[:, 0] = -1.0
    count = min(rule.max_strong, errors.shape[1])
    rank_kept, strong_list = torch.where(strong, rank, torch.inf).topk(count, largest=False)
    strong_count = (rank_kept < torch.inf).sum(-1)

    weak = candidate & (scaled <= rule.bethe_weak_cutoff) & ~forbidden
    weak.scatter_(1, strong_list, weak.gather(1, strong_list) & (rank_kept == torch.inf))
    strength = torch.where(weak, u_abs**2 / errors.abs().clamp_min(1e-9), 0.0)
    kept, weak_list = strength.topk(min(rule.max_weak, errors.shape[1]))
    return _Selection(strong_list, strong_count, weak_list, (kept > 0).sum(-1))


@dataclass(frozen=True)
class _Differences:
    """Table positions of g - h for two lists of beams, relative to the table's centre; padding is marked."""

    offset: Tensor
    real: Tensor

    def look_up(self, table: Tensor) -> Tensor:
        """Values of a flattened table at g - h, zero where either beam is padding."""
        return torch.where(self.real, table[self.offset + table.numel() // 2], 0)


def _differences(first: Tensor, first_real: Tensor, second: Tensor, second_real: Tensor) -> _Differences:
    real = first_real[:, :, None] & second_real[:, None, :]
    return _Differences(torch.where(real, first[:, :, None] - second[:, None, :], 0), real)


def structure_matrices(
    coefficients: FourierCoefficients,
    hkl: Tensor,
    directions: Tensor,
    rule: BeamRule,
    *,
    dtype: torch.dtype = torch.complex64,
    batch: int = 256,
) -> Iterator[StructureMatrices]:
    """Structure matrices of all directions, batch by batch, directions with like numbers of beams together.

    Each direction appears in exactly one batch; what batch and what padding changes nothing (a test).

    Args:
        coefficients: Fourier tables of the crystal.
        hkl: (n, 3) candidate reflections, (000) first.
        directions: (d, 3) unit vectors along the incident beam, Cartesian crystal frame.
        rule: which beams are strong and weak.
        dtype: complex64 is enough for the doubling solver, complex128 for eigenvectors.
        batch: most directions of one batch.

    Source: De Graef (2003), chapter 5; weak beams after Bethe as in Wang and De Graef (2016).
    """
    k = 1.0 / wavelength_angstrom(coefficients.accelerating_voltage_kv, coefficients.inner_potential_v)
    real = torch.float64 if dtype == torch.complex128 else torch.float32
    device = directions.device
    g = (hkl.double() @ coefficients.reciprocal).to(device)
    flat = coefficients.flat_index(hkl).to(device)
    elastic = coefficients.elastic.flatten().to(device=device, dtype=dtype)
    absorptive = coefficients.absorptive.flatten().to(device=device, dtype=dtype)
    backscatter = coefficients.backscatter.flatten().to(device=device, dtype=dtype)
    u_abs = coefficients.elastic.flatten().abs().to(device)[flat + coefficients.centre]

    chunk = max(16, min(2048, 4_000_000 // len(hkl)))
    parts = [
        _select(excitation_errors(k * part.double(), g), u_abs, k, coefficients.mean, rule)
        for part in directions.split(chunk)
    ]
    strong_list, strong_count, weak_list, weak_count = (
        torch.cat([getattr(part, name) for part in parts]) for name in ("strong", "strong_count", "weak", "weak_count")
    )
    order = torch.argsort(strong_count * 1024 + weak_count, stable=True)
    start = 0
    while start < len(order):
        size = int(strong_count[order[start]])
        rows = order[start : start + max(8, min(batch, 2_000_000 // max(size * size, 1)))]
        start += len(rows)
        n, w = int(strong_count[rows].max()), int(weak_count[rows].max())
        beams = strong_list[rows, :n]
        real_beam = torch.arange(n, device=device) < strong_count[rows, None]
        s = excitation_errors(k * directions[rows].double(), g[beams]) * real_beam
        pair = _differences(flat[beams], real_beam, flat[beams], real_beam)
        u, u_prime, source = (pair.look_up(table) for table in (elastic, absorptive, backscatter))
        diagonal = torch.zeros_like(u[:, 0])
        if w:
            weak = weak_list[rows, :w]
            real_weak = torch.arange(w, device=device) < weak_count[rows, None]
            s_weak = excitation_errors(k * directions[rows].double(), g[weak])
            to_weak = _differences(flat[beams], real_beam, flat[weak], real_weak)
            u_weak = to_weak.look_up(elastic)
            admixture = u_weak / (2.0 * k * torch.where(real_weak, s_weak, 1.0)).to(real)[:, None, :]
            u = u - admixture @ u_weak.mH
            diagonal = u.diagonal(dim1=1, dim2=2).real.to(dtype) - coefficients.mean * real_beam
            if rule.weak_beams_radiate:
                interference = to_weak.look_up(backscatter) @ admixture.mH
                source = source - interference - interference.mH
        eye = torch.eye(n, dtype=torch.bool, device=device)
        on_diagonal = (2.0 * k * s).to(dtype) + diagonal
        u = torch.where(eye, on_diagonal[:, :, None], u)
        yield StructureMatrices(
            rows=rows,
            elastic=u,
            absorptive=u_prime.masked_fill(eye, 0),
            backscatter=source,
            wave_number=k,
            excitation_errors=s,
            strong=strong_count[rows],
        )
