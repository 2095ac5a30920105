"""Molecular dynamics: a periodic block at a temperature, in the forces of CHGNet, and snapshots of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zoneaxis.crystals.defects.thermal import HOTTEST_K, Snapshots
from zoneaxis.crystals.specimen import lattice_coordinates, specimen
from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator
    from pymatgen.core import Structure

Array = NDArray[np.float64]

TIME_STEP_FS = 2.0
"""Source: our choice; the fastest wave of Al takes about 100 fs."""
FRICTION_PER_PS = 10.0
"""Langevin friction. Our choice: the heat of the bath arrives within 0.1 ps, the phonons keep their frequencies."""
SHIPPED_K = (100, 300)
"""Temperatures of the snapshots in this folder. Source: Jeong et al., RSC Adv. 14 (2024) 18489."""
RUN_CELLS = (3, 3, 3)
"""108 atoms of Al. Source: Jeong et al., RSC Adv. 14 (2024) 18489."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One moment of a run.

    Attributes:
        step: number of the time step, 0 is the start.
        time_fs: of the moment.
        temperature_k: from the kinetic energy at this moment.
        displacements_angstrom: (n, 3) from the perfect places, crystal frame, mean over atoms taken out.
    """

    step: int
    time_fs: float
    temperature_k: float
    displacements_angstrom: Array

    @property
    def sigma_angstrom(self) -> float:
        """Root mean square of one component."""
        return float(np.sqrt(np.mean(self.displacements_angstrom**2)))

    @property
    def largest_angstrom(self) -> tuple[float, float]:
        """Largest one-component displacement and largest distance."""
        return (
            float(np.abs(self.displacements_angstrom).max()),
            float(np.linalg.norm(self.displacements_angstrom, axis=1).max()),
        )


def trajectory(
    structure: Structure,
    temperature_k: float,
    steps: int,
    seed: int = 0,
    *,
    cells: Sequence[int] = RUN_CELLS,
    every: int = 1,
    calculator: Calculator | None = None,
) -> Iterator[Snapshot]:
    """Run Langevin dynamics (NVT) of a periodic block and yield a snapshot every few steps, after the step.

    Start: perfect places, velocities of twice the temperature, of which half goes into the springs. The cell stays as
    it is: heat does not widen it. The motion is classical: no zero-point motion, so B is too small below the Debye
    temperature (Al at 100 K).

    Args:
        structure: the crystal, its cell at the temperature wanted.
        temperature_k: of the bath, above 0 to 5000.
        steps: of 2 fs.
        seed: of velocities and bath.
        cells: repeats of the block.
        every: steps between snapshots.
        calculator: of ASE; CHGNet when None.

    Limits: the mean kinetic temperature is that of the bath; with harmonic forces <u^2> is proportional to it.
    Raises InputError for numbers out of range, and for a missing CHGNet, before the first step.
    Source: Langevin integrator of ASE; CHGNet, Deng et al., Nature Machine Intelligence 5 (2023) 1031.
    """
    if not np.isfinite(temperature_k) or not 0 < temperature_k <= HOTTEST_K:
        raise InputError(f"temperature_k = {temperature_k}: expected above 0 to {HOTTEST_K:g}")
    if steps < 1 or every < 1:
        raise InputError(f"steps, every = {steps}, {every}: expected whole numbers above 0")
    if calculator is None:
        from zoneaxis.crystals.defects.potential import chgnet

        calculator = chgnet()
    return _run(structure, temperature_k, steps, seed, cells, every, calculator)


def snapshots(
    structure: Structure,
    temperature_k: float,
    count: int = 20,
    seed: int = 0,
    *,
    cells: Sequence[int] = RUN_CELLS,
    every: int = 50,
    settle: int = 500,
    calculator: Calculator | None = None,
    source: str = "",
) -> Snapshots:
    """Snapshots of a run for `thermal.from_snapshots`.

    Args: count of snapshots; every, steps between them (0.1 ps: about one period of the fastest wave); settle, steps
    before the first; the others as in `trajectory`. The defaults take 1500 steps: with 108 atoms of Al and CHGNet some
    15 minutes of one core. Raises as `trajectory`.
    """
    if count < 1 or settle < 0:
        raise InputError(f"count, settle = {count}, {settle}: expected count above 0, settle 0 or more")
    from zoneaxis.crystals.defects.potential import CHGNET_SOURCE

    run = trajectory(
        structure, temperature_k, settle + count * every, seed, cells=cells, every=1, calculator=calculator
    )
    kept = [
        moment.displacements_angstrom for moment in run if moment.step > settle and (moment.step - settle) % every == 0
    ]
    a, b, c = (int(number) for number in cells)
    return Snapshots(
        cells=(a, b, c),
        lattice=lattice_coordinates(specimen(structure, cells)),
        displacements_angstrom=np.array(kept),
        temperature_k=float(temperature_k),
        source=f"{source or CHGNET_SOURCE}; Langevin, {TIME_STEP_FS:g} fs, {settle} steps to settle, seed {seed}",
    )


def shipped_snapshots(temperature_k: float) -> Snapshots:
    """The 20 snapshots of 108 atoms of aluminium that the package ships, at 100 or 300 K.

    Written by `python benchmarks/aluminium_heat.py --write`. CHGNet is too soft: B is 0.63 and 1.54 Å², where the Debye
    model, which meets measured B at 300 K, has 0.38 and 0.86 Å².

    Raises:
        InputError: another temperature.
    """
    if temperature_k not in SHIPPED_K:
        raise InputError(
            f"temperature_k = {temperature_k:g}: snapshots are shipped for {SHIPPED_K[0]} and {SHIPPED_K[1]} K"
        )
    name = f"aluminium_{temperature_k:g}k.npz"
    with as_file(files("zoneaxis.crystals.defects").joinpath(name)) as path:
        return Snapshots.load(path)


def _run(
    structure: Structure,
    temperature_k: float,
    steps: int,
    seed: int,
    cells: Sequence[int],
    every: int,
    calculator: Calculator,
) -> Iterator[Snapshot]:
    from ase import units
    from ase.md.langevin import Langevin

    block = specimen(structure, cells, seed=seed)
    block.set_pbc(True)
    block.calc = calculator
    perfect = block.get_positions()
    generator = np.random.default_rng(seed)
    masses = block.get_masses()
    momenta = generator.normal(size=(len(block), 3)) * np.sqrt(2 * units.kB * temperature_k * masses)[:, None]
    block.set_momenta(momenta - masses[:, None] * momenta.sum(axis=0) / masses.sum())
    dynamics = Langevin(
        block,
        TIME_STEP_FS * units.fs,
        temperature_K=temperature_k,
        friction=FRICTION_PER_PS / (1000 * units.fs),
        fixcm=False,
        rng=generator,
    )
    for step in range(every, steps + 1, every):
        dynamics.run(every)
        moved = block.get_positions() - perfect
        yield Snapshot(
            step=step,
            time_fs=step * TIME_STEP_FS,
            temperature_k=float(block.get_temperature()),
            displacements_angstrom=moved - moved.mean(axis=0),
        )
