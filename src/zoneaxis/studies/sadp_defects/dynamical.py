"""Dynamical patterns: the same spots with intensities of Bloch waves, for a reader that knows single scattering only.

The kinematical control has the same crystals, thicknesses, zones and turns and the same painter of spots: the Bloch
waves of a crystal whose sites hold a ten-thousandth of their atoms scatter once. What differs between the two is
multiple scattering and absorption alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.recipes.sadp import Plan
from zoneaxis.recipes.sadp_listing import crystal_of
from zoneaxis.recipes.sadp_patterns import equivalents
from zoneaxis.scattering.scatterers import Scatterers
from zoneaxis.techniques.sadp.dynamical import dynamical_pattern
from zoneaxis.techniques.sadp.experiment import SADPExperiment

if TYPE_CHECKING:
    from pymatgen.core import Structure

THICKNESS_NM = (10.0, 40.0)
"""Range of thicknesses. Source: our choice, foils through which 100 to 300 kV are used."""
MOST_ATOMS, LARGEST_ANGSTROM = 24, 8.0
"""Atoms of a cell, and its edge. Source: our choice; few crystals of group 213 have fewer than 20 atoms, and the 150
coupled beams of [001] reach 0.86 1/Å at 8 Å, beyond which spots of thick foils are weak."""
THINNED = 1e-4
"""Share of the atoms that a site of the control holds. Source: our choice; second scattering, which grows with the
share, is then below 1e-3 of the first at 40 nm of gold."""
EMPTIED, OF_BEAM = 1e-6, 0.01
"""A smaller share, at which spots are 1e-4 of those of the control and the direct beam is as bright; and the ratio of
the two pictures from which on a pixel is the direct beam's."""
DYNAMICAL, KINEMATICAL = "dynamical", "kinematical"


def few_atoms(
    plan: Plan,
    numbers: Sequence[int],
    count: int,
    most_atoms: int = MOST_ATOMS,
    largest_angstrom: float = LARGEST_ANGSTROM,
) -> list[int]:
    """The first `count` crystals of each group among `numbers` whose cells are small enough, group by group.

    Raises InputError where none is.
    """
    found: dict[int, list[int]] = {}
    for number in numbers:
        structure = crystal_of(plan, int(number))
        held = found.setdefault(int(structure.properties["space_group"]), [])
        if len(structure) <= most_atoms and structure.lattice.a <= largest_angstrom and len(held) < count:
            held.append(int(number))
    chosen = [number for group in sorted(found) for number in found[group]]
    if not chosen:
        raise InputError(
            f"dynamical patterns: none of {len(numbers)} crystals has up to {most_atoms} atoms in up to "
            f"{largest_angstrom:g} Å"
        )
    return chosen


def dynamical_patterns(
    plan: Plan,
    numbers: Sequence[int],
    seed: int,
    *,
    kinematical: bool = False,
    thickness_nm: tuple[float, float] = THICKNESS_NM,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Patterns of crystals along all zones of the plan, one foil each, at a turn at random; 0.03 to 0.1 s a pattern.

    Voltage, camera length, width of the specimen and equivalent of the zone are drawn as the plan says, the thickness
    evenly from its range. All draws depend on the seed and the crystal's number alone, so that several processes can
    share the crystals, and the control is drawn like what it controls.

    Args:
        plan: whose crystals, zones and conditions.
        numbers: of crystals in the plan.
        seed: of the draws.
        kinematical: the control.
        thickness_nm: smallest and largest thickness.

    Returns:
        Intensities (n, size, size) float32, the incident one 1 (the control: its sum), direct beam in the middle;
        labels (n,) each, as a pattern store has them: set and family (dynamical or kinematical), structure, specimen
        (the same number), crystal, chemical_system, space_group, lattice_parameter_angstrom, zone, u, v, w,
        accelerating_voltage_kv, camera_length_mm, per_angstrom_per_px, rotation_deg, strength (thickness in nm).

    Raises InputError for a thickness outside 0.5 to 1000 nm.
    """
    pictures: list[Tensor] = []
    labels: dict[str, list[Any]] = {}
    name = KINEMATICAL if kinematical else DYNAMICAL
    for number in numbers:
        structure = crystal_of(plan, int(number))
        generator = np.random.default_rng([seed, int(number)])
        foil = float(generator.uniform(*thickness_nm))
        voltage = float(plan.voltages_kv.draw(generator))
        length = float(plan.camera_lengths_mm.draw(generator))
        cells = _cells(plan, structure, generator)
        for zone, axis in enumerate(plan.zones):
            place, turn = int(generator.integers(12)), round(float(generator.uniform(0.0, 360.0)), 4)
            along = equivalents(axis)[place] if plan.equivalent_zones else axis
            experiment = plan.experiment(along, voltage, length, rotation_deg=turn)
            painted = kinematical_pattern if kinematical else dynamical_pattern
            pictures.append(painted(experiment, structure, cells, foil))
            told = {
                "set": name,
                "family": name,
                "strength": foil,
                "structure": int(number),
                "specimen": int(number),
                "crystal": str(structure.properties["name"]),
                "chemical_system": structure.chemical_system,
                "space_group": int(structure.properties["space_group"]),
                "lattice_parameter_angstrom": float(structure.lattice.a),
                "zone": zone,
                **dict(zip("uvw", along, strict=True)),
                "accelerating_voltage_kv": voltage,
                "camera_length_mm": length,
                "per_angstrom_per_px": experiment.detector.step_per_angstrom,
                "rotation_deg": turn,
            }
            for label, value in told.items():
                labels.setdefault(label, []).append(value)
    if not pictures:
        raise InputError("dynamical patterns: no crystals; expected at least one")
    return torch.stack(pictures).numpy(), {label: np.array(values) for label, values in labels.items()}


def kinematical_pattern(
    experiment: SADPExperiment, structure: Structure, cells: Sequence[int], thickness_nm: float
) -> Tensor:
    """Pattern (rows, cols) float32 of single scattering by a parallel foil, painted as `dynamical_pattern` does.

    I_g is proportional to |U_g|² sinc²(s_g t), and so is the direct beam, to U_0²: the ratios of a finite crystal in
    single scattering, as `SADPExperiment.perfect` has them. All spots sum to 1.
    """
    thin = _thinned(structure, THINNED)
    pattern = dynamical_pattern(experiment, thin, cells, thickness_nm)
    beam = dynamical_pattern(experiment, _thinned(structure, EMPTIED), cells, thickness_nm)
    voltage = experiment.accelerating_voltage_kv
    scatterers = Scatterers.of(thin, voltage, absorption="none", form_factor=experiment.form_factor)
    forward = (math.pi * 10.0 * thickness_nm * scatterers.mean / scatterers.wave_number) ** 2
    spots = torch.where(beam > OF_BEAM * pattern, forward * beam, pattern)
    return spots / spots.sum()


def _thinned(structure: Structure, share: float) -> Structure:
    """The crystal with a share of its atoms on every site."""
    from pymatgen.core import Structure

    species = [{element: share * own for element, own in site.species.items()} for site in structure]
    return Structure(
        structure.lattice,
        species,
        structure.frac_coords,
        site_properties={"b_iso": list(structure.site_properties["b_iso"])},
        properties=structure.properties,
    )


def _cells(plan: Plan, structure: Structure, generator: np.random.Generator) -> tuple[int, int, int]:
    """Repeats that make the edges drawn, as the plan's specimens have them."""
    if plan.edges_angstrom is None:
        return plan.cells
    counts = [max(1, round(float(plan.edges_angstrom.draw(generator)) / own)) for own in structure.lattice.abc]
    return counts[0], counts[1], counts[2]
