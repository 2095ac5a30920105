"""Kinematical amplitudes: a block of perfect crystal in closed form, and a specimen of explicit atoms by one transform.

    A(q) = sum_j o_j f_j(|q|) e^{-B_j q^2/4} e^{-2 pi i q.r_j},   |A|^2 per incident plane wave, f in angstrom

A block is a parallelepiped of N_1 x N_2 x N_3 cells. Its sum over cells is closed, so A(q) holds at every q: spots,
the rods through them that its faces make, and the curvature of the Ewald sphere come without a search for reflections.
A specimen has any atoms; the sum is one non-uniform Fourier transform for each kind of atom.
What is not correlated from atom to atom (heat, random occupation) takes intensity from the spots and spreads it evenly:
`diffuse_intensity` gives the mean of that.

Sources: Warren, X-ray Diffraction (1969), chapters 3, 11 and 12; Barnett, Magland and af Klinteberg, SIAM J. Sci.
Comput. 41 (2019) C479 (finufft).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoneaxis.crystals.cell import basis
from zoneaxis.errors import InputError
from zoneaxis.scattering.form_factors import elastic

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

FORM_FACTOR = "lobato"
"""Table of the form factors unless another is asked for: holds to large angles. Source: our choice, as of LACBED."""

DEFAULT_TOLERANCE, FINE_TOLERANCE = 1e-5, 1e-8
"""Of the transform, relative to the number of atoms. Source: measured against the direct sum, see the tests: errors
below 1e-6 and 1e-9."""
LOOSEST_TOLERANCE = 1e-3
"""Above this weak spots are noise. Source: our choice; spots span six decades of intensity."""
UPSAMPLING = 1.25
"""Of the grid of the transform. Source: measured; finufft's own choice (2) is up to ten times slower here."""

NEGLIGIBLE = 1e-8
"""Intensity of the sum over cells, over its peak, below which the structure factor is not worked out. Source: our
choice; a camera that counts a million electrons in the central spot sees none of it."""
TABLE = 8192
"""Points of a table of form factors, even in |q|. Source: our choice; interpolation is off by less than 1e-6."""
CHUNK = 1 << 15
"""Directions worked on at a time: their intermediates stay in the cache of the processor."""


@dataclass(frozen=True)
class Kind:
    """Atoms of one element with one Debye-Waller factor.

    Attributes:
        atomic_number: Z.
        b_iso: B [angstrom^2], amplitudes carry e^{-B q^2/4}.
        positions: (n, 3) Cartesian [angstrom].
        occupancies: (n,).
    """

    atomic_number: int
    b_iso: float
    positions: NDArray[np.float64]
    occupancies: NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """N_1 x N_2 x N_3 cells of a perfect crystal about `centre`, in the frame in which q is given.

    Attributes:
        cell: (3, 3) rows a, b, c [angstrom].
        kinds: atoms of one cell, positions from the cell's corner.
        repeats: (N_1, N_2, N_3).
        centre: (3,) of the block of cells [angstrom].
    """

    cell: NDArray[np.float64]
    kinds: tuple[Kind, ...]
    repeats: tuple[int, int, int]
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @classmethod
    def of(cls, structure: Structure, repeats: Sequence[int], frame: NDArray[np.float64] | None = None) -> Block:
        """The block of a crystal, turned into `frame` ((3, 3), rows are its axes in the crystal's frame).

        Raises:
            InputError: repeats that are no three whole numbers from 1.
        """
        counts = tuple(int(n) for n in repeats)
        if len(counts) != 3 or min(counts, default=0) < 1 or any(int(n) != n for n in repeats):
            raise InputError(f"cells = {tuple(repeats)}: expected three whole numbers from 1")
        turn = np.eye(3) if frame is None else np.asarray(frame, dtype=float).T
        cell = basis(structure) @ turn
        found: dict[tuple[int, float], list[tuple[NDArray[np.float64], float]]] = {}
        places = structure.frac_coords @ cell
        for site, place, b_iso in zip(structure, places, structure.site_properties["b_iso"], strict=True):
            for element, share in site.species.items():
                found.setdefault((int(element.Z), float(b_iso)), []).append((place, float(share)))
        kinds = tuple(
            Kind(z, b, np.array([place for place, _ in atoms]), np.array([share for _, share in atoms]))
            for (z, b), atoms in found.items()
        )
        return cls(cell, kinds, (counts[0], counts[1], counts[2]))

    @property
    def cells(self) -> int:
        """Number of cells."""
        return math.prod(self.repeats)

    @property
    def extent_angstrom(self) -> float:
        """Longest edge or face diagonal of the block: what the sampling of its spots has to resolve [angstrom]."""
        edges = self.cell * np.array(self.repeats)[:, None]
        return float(
            max(np.linalg.norm(edges[i] + sign * edges[j]) for i in range(3) for j in range(i) for sign in (1, -1))
        )


def block_amplitude(block: Block, q: Tensor, form_factor: str = FORM_FACTOR) -> Tensor:
    """A(q) [angstrom] of a block, complex128 (...), at any q (..., 3) [1/angstrom].

    Limits: sum of all f at q = 0; N F(g) at a reflection g of a block of N cells, with the first zeros 1/(N_i a_i) away
    along each edge; equal to `specimen_amplitude` of the same atoms.
    """
    lattice, sign = _lattice_sum(block, q.double())
    turned = torch.exp(-2j * math.pi * (q.double() @ torch.tensor(block.centre, dtype=torch.float64)))
    corner = torch.exp(1j * math.pi * (q.double() @ torch.from_numpy(block.cell.sum(0))))
    # The middle cell's corner lies half a cell before the block's centre.
    return lattice * sign * corner * turned * cell_amplitude(block.kinds, q.double(), form_factor)


def cell_amplitude(kinds: Sequence[Kind], q: Tensor, form_factor: str = FORM_FACTOR) -> Tensor:
    """F(q) [angstrom] of the atoms of one cell, complex, q (..., 3) [1/angstrom]: their direct sum."""
    components = q.unbind(-1)
    squared = components[0].square() + components[1].square() + components[2].square()
    real, imaginary = torch.zeros_like(squared), torch.zeros_like(squared)
    for kind, f in zip(kinds, _tables(kinds, squared, form_factor), strict=True):
        cosines, sines = torch.zeros_like(squared), torch.zeros_like(squared)
        for (x, y, z), share in zip((-2.0 * math.pi * kind.positions).tolist(), kind.occupancies.tolist(), strict=True):
            angle = components[0] * x + components[1] * y + components[2] * z
            cosines.add_(torch.cos(angle), alpha=share)
            sines.add_(torch.sin(angle), alpha=share)
        real.addcmul_(f, cosines)
        imaginary.addcmul_(f, sines)
    return torch.complex(real, imaginary)


def block_intensity(block: Block, q: Tensor, form_factor: str = FORM_FACTOR) -> Tensor:
    """|A(q)|^2 [angstrom^2] of a block, float32 (...), at any q (..., 3) float64; of a picture see `block_pixels`.

    Single precision after the phases q.a are reduced to one cell; where the sum over cells is below `NEGLIGIBLE` of
    its peak the structure factor is left out and the intensity is 0.
    """
    flat = q.reshape(-1, 3).T.contiguous()
    cell = torch.from_numpy(block.cell.copy())
    found = torch.zeros(flat.shape[1], dtype=torch.float32)
    least = NEGLIGIBLE * float(block.cells) ** 2
    for start in range(0, flat.shape[1], CHUNK):
        part = flat[:, start : start + CHUNK]
        x = cell @ part
        x -= x.round()
        lattice = _fejer(x.float(), block.repeats)
        seen = (lattice > least).nonzero().squeeze(-1)
        amplitude = cell_amplitude(block.kinds, part[:, seen].float().T, form_factor)
        found[start + seen] = lattice[seen] * torch.view_as_real(amplitude).square().sum(-1)
    return found.reshape(q.shape[:-1])


def diffuse_intensity(block: Block, q: Tensor, form_factor: str = FORM_FACTOR) -> Tensor:
    """Mean intensity [angstrom^2] outside the spots of independent disorder, (...) at q (..., 3) [1/angstrom].

    Every site keeps sum_s c_s f_s^2 in all, |sum_s c_s f_s e^{-B_s q^2/4}|^2 of it in the spots; the rest is spread
    with |q| alone (Einstein's model of heat, Laue's of random occupation). c_s are the shares of a site's elements.
    Limits: 0 for full sites at rest; N (1 - e^{-B q^2/2}) f^2 for one full kind of atom.
    """
    squared = q.square().sum(-1)
    resting = _at_rest(block.kinds)
    if squared.numel() <= TABLE:
        damped, bare = _tables(block.kinds, squared, form_factor), _tables(resting, squared, form_factor)
        return block.cells * _uncorrelated(block.kinds, damped, bare)
    end = table_end(float(squared.max()))
    damped, bare = ([damped_table(kind, end, form_factor) for kind in kinds] for kinds in (block.kinds, resting))
    return _read(block.cells * _uncorrelated(block.kinds, damped, bare), squared, end)


def _uncorrelated(kinds: Sequence[Kind], damped: Sequence[Tensor], bare: Sequence[Tensor]) -> Tensor:
    """Of one cell, from the form factors of its kinds with heat and at rest."""
    total = torch.zeros_like(bare[0])
    for site, count in _alike_sites(kinds).items():
        everything, coherent = torch.zeros_like(total), torch.zeros_like(total)
        for kind, share in site:
            everything += share * bare[kind].square()
            coherent += share * damped[kind]
        total += count * (everything - coherent.square())
    return total.clamp_min(0.0)


def thermal_diffuse_intensity(kinds: Sequence[Kind], q: Tensor, form_factor: str = FORM_FACTOR) -> Tensor:
    """The same for explicit atoms, each on a place of its own: sum_j f_j^2 (1 - e^{-B_j q^2/2})."""
    squared = q.square().sum(-1)
    damped, bare = _tables(kinds, squared, form_factor), _tables(_at_rest(kinds), squared, form_factor)
    total = torch.zeros_like(squared)
    for kind, cold, f in zip(kinds, bare, damped, strict=True):
        total += float(kind.occupancies.sum()) * (cold.square() - f.square())
    return total


def _at_rest(kinds: Sequence[Kind]) -> list[Kind]:
    return [replace(kind, b_iso=0.0) for kind in kinds]


def _alike_sites(kinds: Sequence[Kind]) -> Counter[tuple[tuple[int, float], ...]]:
    """How many sites of a cell hold the same kinds, by number, in the same shares."""
    sites: dict[tuple[float, ...], list[tuple[int, float]]] = {}
    for number, kind in enumerate(kinds):
        for place, share in zip(np.round(kind.positions, 6).tolist(), kind.occupancies.tolist(), strict=True):
            sites.setdefault(tuple(place), []).append((number, share))
    return Counter(tuple(site) for site in sites.values())


def specimen_kinds(atoms: Atoms, frame: NDArray[np.float64] | None = None) -> tuple[Kind, ...]:
    """Atoms of a specimen by element and Debye-Waller factor, turned into `frame`; `b_iso` is 0 unless given."""
    places = atoms.get_positions()
    places = places if frame is None else places @ np.asarray(frame, dtype=float).T
    b_iso = atoms.arrays.get("b_iso", np.zeros(len(atoms)))
    numbers = atoms.get_atomic_numbers()
    return tuple(
        Kind(int(z), float(b), places[chosen := (numbers == z) & (b_iso == b)], np.ones(int(chosen.sum())))
        for z in np.unique(numbers)
        for b in np.unique(b_iso[numbers == z])
    )


def specimen_amplitude(
    kinds: Sequence[Kind], q: Tensor, form_factor: str = FORM_FACTOR, tolerance: float = DEFAULT_TOLERANCE
) -> Tensor:
    """A(q) [angstrom] of explicit atoms, complex128 (...), at any q (..., 3) [1/angstrom].

    One transform of type 3 (any places to any q) for every kind. Fastest where the specimen is thin along an axis of
    the frame along which q varies little: turn the beam into z.

    Args:
        kinds: atoms by element, as of `specimen_kinds`.
        q: scattering vectors.
        form_factor: table.
        tolerance: wanted error over the sum of the occupancies.

    Raises:
        InputError: no atoms, or a tolerance outside 1e-14 to 1e-3.
    """
    import finufft

    if not sum(len(kind.positions) for kind in kinds):
        raise InputError("specimen: no atoms; expected at least one")
    if not 1e-14 <= tolerance <= LOOSEST_TOLERANCE:
        raise InputError(f"tolerance = {tolerance:g}: expected 1e-14 to {LOOSEST_TOLERANCE:g}")
    flat = np.ascontiguousarray(q.reshape(-1, 3).double().numpy().T) * (2.0 * math.pi)
    tables = _tables(kinds, q.reshape(-1, 3).double().square().sum(-1), form_factor)
    total = torch.zeros(flat.shape[1], dtype=torch.complex128)
    for kind, f in zip(kinds, tables, strict=True):
        x, y, z = np.ascontiguousarray(kind.positions.T)
        strengths = kind.occupancies.astype(np.complex128)
        sums = finufft.nufft3d3(
            x, y, z, strengths, *flat, eps=tolerance, isign=-1, nthreads=1, upsampfac=UPSAMPLING
        )  # fmt: skip
        total += f * torch.from_numpy(sums)
    return total.reshape(q.shape[:-1])


def direct_amplitude(kinds: Sequence[Kind], q: Tensor, form_factor: str = FORM_FACTOR) -> Tensor:
    """The same by the direct sum over atoms, for a few q: the reference of `specimen_amplitude`."""
    flat = q.reshape(-1, 3).double()
    tables = [elastic(kind.atomic_number, flat.square().sum(-1) / 4.0, form_factor) for kind in kinds]
    total = torch.zeros(len(flat), dtype=torch.complex128)
    for kind, f in zip(kinds, tables, strict=True):
        phases = torch.exp(-2j * math.pi * (flat @ torch.from_numpy(kind.positions.T.copy())))
        total += (
            f
            * torch.exp(-kind.b_iso * flat.square().sum(-1) / 4.0)
            * (phases @ torch.from_numpy(kind.occupancies).to(phases))
        )
    return total.reshape(q.shape[:-1])


def _lattice_sum(block: Block, q: Tensor) -> tuple[Tensor, Tensor]:
    """prod_i sin(pi N_i x_i) / sin(pi x_i), x_i = q.a_i, by its size and its sign, for cells about the centre."""
    x = q @ torch.from_numpy(block.cell.T.copy())
    whole = x.round()
    x = x - whole
    counts = torch.tensor(block.repeats, dtype=q.dtype)
    ratio = _dirichlet(x, counts).prod(-1)
    odd = (whole * (counts - 1)).remainder(2.0).sum(-1)
    return ratio, 1.0 - 2.0 * odd.remainder(2.0)


def _dirichlet(x: Tensor, counts: Tensor) -> Tensor:
    """sin(pi N x) / sin(pi x) for |x| <= 1/2; N at x = 0."""
    near = x.abs() < 1e-6
    safe = torch.where(near, 0.25, x)
    return torch.where(near, counts.expand_as(x), torch.sin(math.pi * counts * safe) / torch.sin(math.pi * safe))


def _fejer(x: Tensor, repeats: Sequence[int]) -> Tensor:
    """prod_i [sin(pi N_i x_i) / sin(pi x_i)]^2, x (3, n) single precision, |x| <= 1/2; x = 0 is taken as 1e-7."""
    angle = math.pi * (x + 1e-7)
    counts = torch.tensor(repeats, dtype=x.dtype)[:, None]
    ratio = torch.sin(angle * counts) / torch.sin(angle)
    return (ratio[0] * ratio[1] * ratio[2]).square()


def table_end(highest: float) -> float:
    """Largest |q| [1/angstrom] of the tables that reach q^2 = `highest`: a power of two, so that few are made."""
    return 2.0 ** math.ceil(0.5 * math.log2(max(highest, 2.0**-10)))


def damped_table(kind: Kind, end: float, form_factor: str = FORM_FACTOR) -> Tensor:
    """f e^{-B q^2/4} [angstrom] of a kind, (TABLE,) float64, |q| evenly from 0 to `end` [1/angstrom]; to be read."""
    return _damped_table(kind.atomic_number, kind.b_iso, end, form_factor)


@lru_cache(maxsize=128)
def _damped_table(atomic_number: int, b_iso: float, end: float, form_factor: str) -> Tensor:
    quarter = torch.linspace(0.0, end, TABLE, dtype=torch.float64).square() / 4.0
    return elastic(atomic_number, quarter, form_factor) * torch.exp(-b_iso * quarter)


def _tables(kinds: Sequence[Kind], squared: Tensor, form_factor: str) -> list[Tensor]:
    """f_j e^{-B_j q^2/4} at given q^2, for every kind, interpolated in a table where there are many."""
    if squared.numel() > TABLE:
        end = table_end(float(squared.max()))
        return [_read(damped_table(kind, end, form_factor), squared, end) for kind in kinds]
    return [
        elastic(kind.atomic_number, squared / 4.0, form_factor) * torch.exp(-kind.b_iso * squared / 4.0)
        for kind in kinds
    ]


def _read(table: Tensor, squared: Tensor, end: float) -> Tensor:
    """Values at given q^2 of a table of |q| that runs evenly from 0 to `end`."""
    values, place = table.to(squared), squared.sqrt() * ((TABLE - 1) / end)
    low = place.long().clamp(0, TABLE - 2)
    return torch.lerp(values[low], values[low + 1], place - low)
