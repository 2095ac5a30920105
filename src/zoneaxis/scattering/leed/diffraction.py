"""Diffraction: intensities of the beams a surface sends back, at one energy, for many angles and many structures.

What belongs to the energy alone (waves, the bulk's reflection) is made once; structures that share cell and substrate
go through the last step together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from zoneaxis.crystals.slab import Slab, Substrate
from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.accuracy import Accuracy, accuracy
from zoneaxis.scattering.leed.beams import ELECTRON, Beams, select_beams
from zoneaxis.scattering.leed.layer import scatter, scattering_factors
from zoneaxis.scattering.leed.medium import Medium
from zoneaxis.scattering.leed.stack import half_crystal, moved
from zoneaxis.scattering.leed.surface import Ground, reflected_amplitudes
from zoneaxis.scattering.leed.waves import INWARD, OUTWARD, Waves

STEP_HEIGHT_ANGSTROM = 1.25
"""The potential steps, without reflecting, in a plane this far above the outermost atom (as in CLEED)."""
MATRICES_AT_ONCE = 96
"""Matrices solved together: more do not run faster and need more memory (0.5 MB each at 95 eV)."""


def beam_intensities(
    slabs: Sequence[Slab],
    energy_ev: float,
    k: Tensor,
    beams: np.ndarray,
    medium: Medium,
    *,
    limits: str | Accuracy = "balanced",
    dtype: torch.dtype = torch.complex64,
    step_plane_angstrom: float | None = None,
    cone_axis: np.ndarray | None = None,
    positions: Tensor | None = None,
    cleed_prefactor: bool = False,
) -> Tensor:
    """|a_g|² (structures, angles, beams) just outside of the potential step, float32 or float64 after `dtype`.

    The intensity per incident intensity is this times kz_vac(k + g) / kz_vac(k); the factor is left to the caller, for
    |a_g|² is smooth in k, also across the horizon, and can be interpolated.

    Args:
        slabs: structures with one cell, one substrate and the same elements.
        energy_ev: in vacuum.
        k: in-plane wave vectors (angles, 2) in 1/Å, 2 pi included; they should lie together, as in a cone.
        beams: (beams, 2) indices h, k in the surface's reciprocal cell.
        medium: optical potential and scatterers.
        limits: accuracy or its name.
        dtype: of the surface's matrices; the bulk is doubled in complex128.
        step_plane_angstrom: height of the potential step above the origin; None: 1.25 Å above the top atom of each.
        cone_axis: (2,) k about which plane waves are chosen, where directions lie to one side of it; None: their mean.
        positions: in place of the slabs' own (structures, atoms, 3), with gradient if wanted.
        cleed_prefactor: 1/Re kappa in one-atom layers, as CLEED has it, for comparison with that program alone: with
            it two layers are not the same as one layer of two atoms.

    Raises:
        InputError: slabs that do not fit together; an energy outside the phase shifts; k beyond the horizon; layer
            doubling that does not converge.
    """
    if not slabs:
        raise InputError("beam intensities: no slab given")
    first, limits = slabs[0], accuracy(limits)
    _check_alike(slabs)
    k = torch.as_tensor(k, dtype=torch.float64)
    if not float((k * k).sum(-1).max()) < ELECTRON * energy_ev:
        raise InputError(f"energy {energy_ev:g} eV: an incident direction lies beyond the horizon")
    kappa = medium.kappa(energy_ev)
    l_max = limits.l_max(kappa.real, _sphere_radius(first))
    depth = float(first.substrate.origin[2]) - max([*first.positions[:, 2]], default=-np.inf)
    spacing = min([float(step[2]) for step in first.substrate.steps] + ([depth] if np.isfinite(depth) else []))
    chosen = select_beams(
        first.cell,
        first.superlattice,
        energy_ev + medium.inner_potential_ev,
        spacing,
        limits.beams,
        k.mean(0).numpy() if cone_axis is None else cone_axis,
    )
    wanted, incident = chosen.position(beams), int(chosen.position(np.zeros((1, 2)))[0])
    waves = Waves(chosen.g[None] + k[:, None], kappa, l_max)
    bulk = [
        block.to(dtype)
        for block in bulk_reflection(first.substrate, waves, k, chosen, medium, energy_ev, limits, cleed_prefactor)
    ]
    if positions is None:
        positions = torch.from_numpy(np.stack([slab.positions for slab in slabs]))
    known = torch.from_numpy(np.where(wanted < 0, 0, wanted))
    if first.elements:
        t_matrix = medium.t_matrix(first.elements, energy_ev, l_max)
        moves = _moving(positions)
        ground = Ground(
            positions[0, ~moves].detach(),
            t_matrix[~moves],
            first.cell,
            k,
            waves,
            bulk,
            chosen.cosets,
            incident,
            limits.sums,
        )
        share = max(1, MATRICES_AT_ONCE // len(k))
        parts = positions[:, moves].split(share)
        amplitudes = torch.cat([reflected_amplitudes(part, t_matrix[moves], ground, known) for part in parts])
    else:
        coset = next(number for number, beams in enumerate(chosen.cosets) if beams.start <= incident < beams.stop)
        amplitudes = torch.zeros(1, len(k), len(chosen), dtype=dtype)
        column = incident - chosen.cosets[coset].start
        amplitudes[0, :, chosen.cosets[coset]] = bulk[coset][..., column]
        amplitudes = amplitudes[..., known].expand(len(slabs), -1, -1)
    top = (
        positions[..., 2].min(1).values
        if first.elements
        else torch.full((len(slabs),), first.top_z, dtype=torch.float64)
    )
    height = STEP_HEIGHT_ANGSTROM - top if step_plane_angstrom is None else step_plane_angstrom + 0 * top
    damping = (waves.kz[:, known].imag + waves.kz[:, incident, None].imag) * height.to(torch.float64)[:, None, None]
    intensity = amplitudes.abs() ** 2 * torch.exp(-2 * damping).to(amplitudes.real.dtype)
    return intensity * torch.from_numpy(wanted >= 0)


def bulk_reflection(
    substrate: Substrate,
    waves: Waves,
    k: Tensor,
    beams: Beams,
    medium: Medium,
    energy_ev: float,
    limits: Accuracy,
    cleed_prefactor: bool = False,
) -> list[Tensor]:
    """R-+ of the half crystal, a block (angles, beams, beams) for each coset, referred to the frame's origin.

    Arguments as of `beam_intensities`; waves of all these beams.
    """
    t_matrix = medium.t_matrix((substrate.element,), energy_ev, waves.l_max)
    steps = [torch.from_numpy(np.asarray(step, dtype=np.float64)) for step in substrate.steps]
    origin = torch.from_numpy(np.asarray(substrate.origin, dtype=np.float64))
    blocks = []
    for coset in beams.cosets:
        part = waves.of(coset)
        # A layer with the bulk's own lattice sums its waves at any wave vector of the coset.
        layer = scatter(
            part,
            torch.zeros(1, 3, dtype=torch.float64),
            substrate.cell,
            k + beams.g[coset][0],
            t_matrix,
            limits.sums,
            prefactor=part.kappa.real if cleed_prefactor else None,
        )
        try:
            reflection, _ = half_crystal(layer, steps, part, limits.doubling)
        except FloatingPointError as reason:
            raise InputError(
                f"{substrate.element} at {energy_ev:g} eV, V0i {medium.imaginary_potential_ev:g} eV: {reason}"
            ) from None
        blocks.append(moved(reflection, origin, part))
    return blocks


def kinematic_intensities(
    slab: Slab, energy_ev: float, k: Tensor, beams: np.ndarray, medium: Medium, *, limits: str | Accuracy = "balanced"
) -> Tensor:
    """|a_g|² (1, angles, beams) of single scattering with true phase shifts and absorption, as `beam_intensities`.

    Right in geometry, wrong in contrast: for teaching and tests. Layers are summed until the wave has decayed to the
    accuracy's `sums`.
    """
    limits = accuracy(limits)
    k = torch.as_tensor(k, dtype=torch.float64)
    kappa = medium.kappa(energy_ev)
    l_max = limits.l_max(kappa.real, _sphere_radius(slab))
    every = np.concatenate([np.asarray(beams), np.zeros((1, 2), dtype=int)])
    g = torch.from_numpy(every @ slab.reciprocal_cell)
    waves = Waves(g[None] + k[:, None], kappa, l_max)
    period = float(np.mean([step[2] for step in slab.substrate.steps]))
    deep = int(np.ceil(np.log(1 / limits.sums) / (2 * kappa.imag) / period)) + 1
    positions, elements = slab.atoms_down_to(deep)
    factors = scattering_factors(medium.t_matrix(elements, energy_ev, l_max), len(elements))
    sites, area = torch.from_numpy(positions), abs(float(np.linalg.det(slab.cell)))
    taken = factors * waves.arriving(sites, INWARD)[..., -1]
    amplitude = (waves.leaving(sites, OUTWARD, area) @ taken[..., None])[..., 0]
    damping = (waves.kz.imag + waves.kz[:, -1:].imag) * (STEP_HEIGHT_ANGSTROM - slab.top_z)
    return (amplitude.abs() ** 2 * torch.exp(-2 * damping))[None, :, :-1]


def _sphere_radius(slab: Slab) -> float:
    """Half the distance of nearest neighbours in the substrate, in Å."""
    origins = slab.substrate.layer_origins(len(slab.substrate.steps) + 2)
    shells = np.array([(i, j) for i in range(-2, 3) for j in range(-2, 3)]) @ slab.substrate.cell
    shells = np.column_stack([shells, np.zeros(len(shells))])
    distance = np.linalg.norm(origins[:, None] + shells - origins[0], axis=-1)
    return float(distance[distance > 1e-6].min()) / 2


def _moving(positions: Tensor) -> Tensor:
    """Which atoms (atoms,) have places of their own in every structure; of a single one, those that have gradients."""
    if positions.requires_grad:
        return torch.ones(positions.shape[1], dtype=torch.bool)
    return (positions != positions[:1]).any(-1).any(0)


def _check_alike(slabs: Sequence[Slab]) -> None:
    first = slabs[0]
    for slab in slabs[1:]:
        same = slab.elements == first.elements and slab.substrate.element == first.substrate.element
        if not (
            same
            and np.allclose(slab.cell, first.cell)
            and np.allclose(slab.substrate.cell, first.substrate.cell)
            and np.allclose(slab.substrate.origin, first.substrate.origin)
            and np.allclose(slab.substrate.steps, first.substrate.steps)
        ):
            raise InputError(f"slabs {first.name} and {slab.name}: cell, substrate and elements must be the same")
