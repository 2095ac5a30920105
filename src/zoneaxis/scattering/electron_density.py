"""Electron density of a cubic crystal as the beam along [001] sees it: a picture on a fixed field, in electrons per Å³.

One atom is a sum of Gaussians, f_x(s) = sum_i a_i exp(-b_i s²) + c; the constant c is a Gaussian with b = 0, and
thermal motion adds B to every b. A Gaussian of the form factor with coefficient b is exp(-4 pi² r²/b) in space.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

FIELD_ANGSTROM = 12.0
"""Side of the picture in Å. Source: our choice; one to four cells of the cubic crystals with a = 3 to 12 Å."""

REACH = 6.0
"""Images farther from the picture than this many standard deviations of the widest Gaussian are left out: erfc of it
divided by the root of two is 2e-9."""


@functools.cache
def x_ray_gaussians(atomic_number: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Amplitudes a_i (electrons) and widths b_i [Å²] of the X-ray form factor of a neutral atom, the constant last.

    f_x(s) = sum_i a_i exp(-b_i s²), s = |g|/2; the amplitudes add up to Z within 0.1 electrons.

    Raises:
        InputError: no such element in the table (Z = 1 to 98).

    Source: International Tables C, table 6.1.1.4, as in gemmi.
    """
    import gemmi

    table = gemmi.Element(atomic_number).it92 if 1 <= atomic_number <= 98 else None
    if table is None:
        raise InputError(f"atomic number {atomic_number}: X-ray form factors hold 1 to 98")
    return (*table.a, table.c), (*table.b, 0.0)


def projected_density(structure: Structure, size_px: int = 64, field_angstrom: float = FIELD_ANGSTROM) -> Tensor:
    """Electron density [e/Å³] of a cubic crystal averaged along [001], (rows, cols) float64: see `density_of_atoms`.

    Args:
        structure: cubic crystal in its conventional cell with `site_properties["b_iso"]` [Å²]; sites may be shared.
        size_px: rows and columns of the picture.
        field_angstrom: side of the picture [Å].

    Raises:
        InputError: a cell that is not cubic; what `density_of_atoms` refuses.
    """
    a, b, c = structure.lattice.abc
    if max(abs(b - a), abs(c - a)) > 1e-3 * a or max(abs(angle - 90.0) for angle in structure.lattice.angles) > 0.05:
        raise InputError(
            f"cell {a:.4g}, {b:.4g}, {c:.4g} Å, angles {', '.join(f'{x:.4g}' for x in structure.lattice.angles)}: "
            "a cubic conventional cell is needed"
        )
    b_iso = structure.site_properties.get("b_iso")
    if b_iso is None:
        raise InputError("site_properties['b_iso'] is missing: give every site its Debye-Waller factor in Å²")
    atoms = [
        (int(element.Z), site.frac_coords, float(share), float(b_site))
        for site, b_site in zip(structure, b_iso, strict=True)
        for element, share in site.species.items()
    ]
    numbers, positions, occupancies, widths = zip(*atoms, strict=True)
    return density_of_atoms(
        numbers,
        torch.stack([torch.as_tensor(position, dtype=torch.float64) for position in positions]),
        torch.tensor(occupancies, dtype=torch.float64),
        torch.tensor(widths, dtype=torch.float64),
        a,
        size_px,
        field_angstrom,
    )


def density_of_atoms(
    atomic_numbers: Sequence[int],
    positions: Tensor,
    occupancies: Tensor,
    b_iso: Tensor,
    lattice_parameter_angstrom: float | Tensor,
    size_px: int = 64,
    field_angstrom: float = FIELD_ANGSTROM,
) -> Tensor:
    """Electron density [e/Å³] of the atoms of a cubic cell averaged along c, over each pixel, (rows, cols) float64.

    It is the density of a foil projected along the beam and divided by the thickness, so its mean is the number of
    electrons of a cell over a³, and it does not matter how high the cell is taken. x = fractional[0] a points right,
    y = fractional[1] a down; the origin of the cell is the corner of the four middle pixels. Differentiable in
    positions, occupancies, b_iso and the lattice parameter.

    Limits: the Fourier coefficient of the picture at (h, k) is sum_j occ_j f_x(s) exp(-B_j s²) exp(-2 pi i g.r_j) / a³
    times the transform of a pixel.

    Args:
        atomic_numbers: Z of every atom (atoms of a shared site one by one).
        positions: (atoms, 3) fractional coordinates; the third is not used.
        occupancies: (atoms,) shares.
        b_iso: (atoms,) Debye-Waller factors B > 0 [Å²].
        lattice_parameter_angstrom: a [Å].
        size_px: rows and columns of the picture.
        field_angstrom: side of the picture [Å].

    Raises:
        InputError: no atoms, lengths that do not match, B or a size that is not positive, an element without factors.
    """
    _refuse(atomic_numbers, positions, occupancies, b_iso, lattice_parameter_angstrom, size_px, field_angstrom)
    gaussians = [x_ray_gaussians(int(z)) for z in atomic_numbers]
    amplitude = torch.tensor([a for a, _ in gaussians], dtype=torch.float64)
    width = torch.tensor([b for _, b in gaussians], dtype=torch.float64) + b_iso.to(torch.float64)[:, None]
    scale = 2.0 * math.pi / width.sqrt()

    a = torch.as_tensor(lattice_parameter_angstrom, dtype=torch.float64)
    half, pixel = 0.5 * field_angstrom, field_angstrom / size_px
    reach = half + REACH / (math.sqrt(2.0) * float(scale.detach().min()))
    cells = math.ceil(reach / float(a.detach())) + 1
    shifts = torch.arange(-cells, cells + 1, dtype=torch.float64) * a
    edges = torch.linspace(-half, half, size_px + 1, dtype=torch.float64)
    plane = positions.to(torch.float64)[:, :2]
    centre = (plane - plane.detach().floor()) * a

    # Images on the square lattice factor: the sum over both axes is the product of one sum along each.
    distance = edges - (centre[..., None] + shifts)[..., None]
    below = torch.erf(scale[:, :, None, None, None] * distance[:, None]).sum(-2)
    along = 0.5 * below.diff(dim=-1) / pixel
    weight = occupancies.to(torch.float64)[:, None] * amplitude / a
    columns, rows = along[:, :, 0], along[:, :, 1] * weight[..., None]
    return rows.flatten(0, 1).T @ columns.flatten(0, 1)


def _refuse(
    atomic_numbers: Sequence[int],
    positions: Tensor,
    occupancies: Tensor,
    b_iso: Tensor,
    lattice_parameter_angstrom: float | Tensor,
    size_px: int,
    field_angstrom: float,
) -> None:
    count = len(atomic_numbers)
    if count == 0:
        raise InputError("atomic_numbers is empty: give at least one atom")
    if tuple(positions.shape) != (count, 3):
        raise InputError(f"positions has shape {tuple(positions.shape)}: ({count}, 3) fits the atomic numbers")
    for name, values in (("occupancies", occupancies), ("b_iso", b_iso)):
        if tuple(values.shape) != (count,):
            raise InputError(f"{name} has shape {tuple(values.shape)}: ({count},) fits the atomic numbers")
    smallest_b = float(b_iso.detach().min())
    if not smallest_b > 0.0:
        raise InputError(f"b_iso = {smallest_b:g}: a Debye-Waller factor above 0 Å² is needed")
    a = float(torch.as_tensor(lattice_parameter_angstrom).detach())
    if not 0.0 < a < math.inf:
        raise InputError(f"lattice_parameter_angstrom = {a:g}: a length above 0 Å is needed")
    if size_px < 1:
        raise InputError(f"size_px = {size_px}: at least 1 pixel is needed")
    if not 0.0 < field_angstrom < math.inf:
        raise InputError(f"field_angstrom = {field_angstrom}: a length above 0 Å is needed")
