"""Fourier coefficients of a crystal: what the fast electron sees (U), loses (U') and is scattered back by (Z^2).

U_g = gamma/(pi Omega) sum_j occ_j f_j(s) e^{-B_j s^2} e^{-2 pi i g.r_j} in 1/angstrom^2, with |g| = 1/d = 2 s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from zoneaxis.crystals.cell import basis, reciprocal_basis
from zoneaxis.errors import InputError
from zoneaxis.scattering.absorption import absorptive
from zoneaxis.scattering.electron import POTENTIAL_TO_U, relativistic_factor
from zoneaxis.scattering.form_factors import elastic

if TYPE_CHECKING:
    from pymatgen.core import Structure

ABSORPTION_MODELS = ("none", "proportional", "phonon", "phonon+core")


@dataclass(frozen=True)
class FourierCoefficients:
    """Tables over all index triples (h, k, l) up to twice the candidate range, so that every difference g - h is there.

    Attributes:
        reciprocal: (3, 3) rows a*, b*, c* [1/angstrom] in the Cartesian crystal frame (a along x, c* along z).
        index_max: largest h, k, l of a table; its centre is (000).
        elastic: U_g [1/angstrom^2], complex (2 index_max + 1 along each axis).
        absorptive: U'_g [1/angstrom^2], complex; decay for positive (000).
        backscatter: S_g = sum_n occ_n Z_n^2 e^{-B_n g^2/4} e^{-2 pi i g.r_n} / (number of atoms), complex.
        accelerating_voltage_kv: voltage for which gamma and U' hold.
        d_min_angstrom: smallest spacing of a candidate reflection.
    """

    reciprocal: Tensor
    index_max: tuple[int, int, int]
    elastic: Tensor
    absorptive: Tensor
    backscatter: Tensor
    accelerating_voltage_kv: float
    d_min_angstrom: float

    @property
    def mean(self) -> float:
        """U_000 [1/angstrom^2]."""
        return float(self.elastic[self.index_max].real)

    @property
    def mean_absorption(self) -> float:
        """U'_000 [1/angstrom^2]."""
        return float(self.absorptive[self.index_max].real)

    @property
    def inner_potential_v(self) -> float:
        """gamma V_0 [V], the figure that EMsoft's log calls the mean inner potential."""
        return self.mean / POTENTIAL_TO_U

    @property
    def is_real(self) -> bool:
        """Whether every coefficient is real: a centrosymmetric crystal with its origin on the centre."""
        scale = float(self.elastic.abs().max())
        return float(self.elastic.imag.abs().max()) < 1e-9 * scale

    def flat_index(self, hkl: Tensor) -> Tensor:
        """Offset of (h, k, l) from the table's centre in the flattened table; offsets of differences subtract."""
        _, n_k, n_l = self.elastic.shape
        return (hkl[..., 0] * n_k + hkl[..., 1]) * n_l + hkl[..., 2]

    @property
    def centre(self) -> int:
        """Position of (000) in the flattened table."""
        return self.elastic.numel() // 2


def fourier_coefficients(
    structure: Structure,
    accelerating_voltage_kv: float,
    *,
    d_min_angstrom: float = 0.5,
    absorption: str = "phonon+core",
    proportional_factor: float = 0.1,
    form_factor: str = "weickenmeier-kohl",
) -> FourierCoefficients:
    """U_g, U'_g and S_g of a crystal for all differences of reflections with d >= d_min.

    Limits: U_{-g} = conj U_g (Friedel); all real when the origin is an inversion centre.

    Args:
        structure: crystal with `site_properties["b_iso"]` [angstrom^2].
        accelerating_voltage_kv: accelerating voltage [kV].
        d_min_angstrom: smallest lattice spacing of a candidate reflection [angstrom].
        absorption: `none`, `proportional` (U' = factor U), `phonon` (LACBED) or `phonon+core` (EBSD).
        proportional_factor: the factor of `proportional`.
        form_factor: elastic table, see `form_factors`.

    Raises:
        InputError: unknown absorption model, or a spacing that no reflection fits.

    Source: De Graef (2003), section 2.6; Weickenmeier and Kohl (1991).
    """
    if absorption not in ABSORPTION_MODELS:
        raise InputError(f"absorption {absorption!r}: expected one of {', '.join(ABSORPTION_MODELS)}")
    if not 0.1 <= d_min_angstrom <= 5.0:
        raise InputError(f"d_min_angstrom = {d_min_angstrom}: expected 0.1 to 5 angstrom")
    direct = basis(structure)
    lengths = np.linalg.norm(direct, axis=1)
    candidate_max = np.floor(lengths / d_min_angstrom).astype(int)
    index_max = tuple(int(2 * n) for n in candidate_max)
    reciprocal = torch.from_numpy(np.ascontiguousarray(reciprocal_basis(structure)))
    axes = [torch.arange(-n, n + 1, dtype=torch.float64) for n in index_max]
    hkl = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    g_squared = ((hkl @ reciprocal) ** 2).sum(-1)
    reachable = g_squared <= (2.0 / d_min_angstrom) ** 2 * (1.0 + 1e-9)
    unique, inverse = torch.unique((g_squared[reachable] * 1e8).round(), return_inverse=True)
    s = 0.5 * (unique * 1e-8).sqrt()

    shape = tuple(hkl.shape[:3])
    u = torch.zeros(shape, dtype=torch.complex128)
    u_prime, backscatter = torch.zeros_like(u), torch.zeros_like(u)
    elastic_model = "none" if absorption == "proportional" else absorption
    for (atomic_number, b_iso), (positions, occupancies) in _species(structure).items():
        phase = _phase_sum(positions, occupancies, axes)[reachable]
        thermal = torch.exp(-b_iso * s**2)
        f = elastic(atomic_number, s**2, form_factor) * thermal
        f_prime = absorptive(atomic_number, s, b_iso, accelerating_voltage_kv, elastic_model, form_factor)
        u[reachable] += f[inverse] * phase
        u_prime[reachable] += f_prime[inverse] * phase
        backscatter[reachable] += atomic_number**2 * thermal[inverse] * phase
    volume = abs(float(np.linalg.det(direct)))
    scale = relativistic_factor(accelerating_voltage_kv) / (math.pi * volume)
    if absorption == "proportional":
        u_prime = proportional_factor * u
    return FourierCoefficients(
        reciprocal=reciprocal,
        index_max=index_max,  # type: ignore[arg-type]
        elastic=scale * u,
        absorptive=u_prime * scale,
        backscatter=backscatter / len(structure),
        accelerating_voltage_kv=accelerating_voltage_kv,
        d_min_angstrom=d_min_angstrom,
    )


def _species(structure: Structure) -> dict[tuple[int, float], tuple[np.ndarray, np.ndarray]]:
    """Positions (n, 3) and occupancies (n,) of every kind of atom, a kind being an element with one B."""
    sites: dict[tuple[int, float], list[tuple[np.ndarray, float]]] = {}
    for site, b_iso in zip(structure, structure.site_properties["b_iso"], strict=True):
        for element, occupancy in site.species.items():
            sites.setdefault((int(element.Z), float(b_iso)), []).append((site.frac_coords, float(occupancy)))
    return {
        kind: (np.array([position for position, _ in atoms]), np.array([occupancy for _, occupancy in atoms]))
        for kind, atoms in sites.items()
    }


def _phase_sum(positions: np.ndarray, occupancies: np.ndarray, axes: list[Tensor]) -> Tensor:
    """sum_j occ_j e^{-2 pi i (h x_j + k y_j + l z_j)} on the index grid, as one product of two matrices."""
    along_h, along_k, along_l = (
        torch.exp(-2j * math.pi * index[:, None] * torch.from_numpy(positions[:, i])) for i, index in enumerate(axes)
    )
    plane = along_h[:, None, :] * along_k[None, :, :] * torch.from_numpy(occupancies)
    return plane @ along_l.T
