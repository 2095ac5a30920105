"""Files of CLEED: inputs (.inp) as slab and settings, both ways, and results (.res) as intensities of beams.

CLEED's z points out of the crystal, ours into it; x and y are the same. Å, eV, degrees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoneaxis.crystals.slab import Slab, Substrate
from zoneaxis.scattering.leed.beams import ELECTRON
from zoneaxis.scattering.leed.phase_shifts import PhaseShifts

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CleedInput:
    """What one run of CLEED computes.

    slab: elements are names of phase-shift tables. u_squared: mean-square displacement along an axis in Å² by table.
    theta_deg, phi_deg: polar angle from the normal, azimuth of the incident k from x. tolerance: of beams and sums.
    """

    slab: Slab
    inner_potential_ev: float
    imaginary_potential_ev: float
    energy_ev: Array
    theta_deg: float = 0.0
    phi_deg: float = 0.0
    tolerance: float = 1e-3
    l_max: int = 8
    u_squared: dict[str, float] = field(default_factory=dict)

    def incident_k(self, energy_ev: float) -> Array:
        """In-plane k (2,) of the incident beam in 1/Å, 2 pi included."""
        theta, phi = np.deg2rad([self.theta_deg, self.phi_deg])
        return np.sqrt(ELECTRON * energy_ev) * np.sin(theta) * np.array([np.cos(phi), np.sin(phi)])

    def beams(self, result: CleedResult) -> NDArray[np.int64]:
        """h, k (beams, 2) of a result in the reciprocal cell of the slab, from those of the 1x1 cell."""
        index = result.index @ self.slab.superlattice.T
        assert np.allclose(index, np.rint(index), atol=1e-4), "a beam belongs to no lattice of this surface"
        return np.rint(index).astype(np.int64)

    def text(self) -> str:
        """The input file. The comment is short: a long one corrupts CLEED's memory."""
        slab, below = self.slab, self.slab.substrate
        bulk = below.layer_origins(len(below.steps))
        period = np.sum(below.steps, axis=0)
        up = np.array([1, 1, -1])
        rows = ["c: slab"]
        rows += [f"a{i}: {_numbers(np.append(row, 0))}" for i, row in enumerate(below.cell, start=1)]
        rows += [f"a3: {_numbers(period * up)}"]
        rows += [f"m{i}: {row[0]}. {row[1]}." for i, row in enumerate(slab.superlattice, start=1)]
        depth = np.array([0, 0, below.origin[2]])
        for name, position in zip(slab.elements, slab.positions, strict=True):
            rows.append(self._atom("po", name, (position - depth) * up))
        rows += [f"vr: {-self.inner_potential_ev:.4f}", f"vi: {self.imaginary_potential_ev:.4f}"]
        rows += [self._atom("pb", below.element, (position - depth) * up) for position in bulk]
        step = self.energy_ev[1] - self.energy_ev[0]
        rows += [f"ei: {self.energy_ev[0]:.4f}", f"ef: {self.energy_ev[-1] + 0.01 * step:.4f}", f"es: {step:.4f}"]
        rows += [
            f"it: {self.theta_deg:.4f}",
            f"ip: {self.phi_deg:.4f}",
            f"ep: {self.tolerance:.1e}",
            f"lm: {self.l_max}",
        ]
        return "\n".join(rows) + "\n"

    def _atom(self, kind: str, table: str, position: Array) -> str:
        # CLEED takes a mean-square displacement of twice the square of what stands here.
        u = np.sqrt(self.u_squared.get(table, 0.0) / 2)
        return f"{kind}: {table} {_numbers(position)} dr3 {_numbers(np.full(3, u))}"


@dataclass(frozen=True, eq=False)
class CleedResult:
    """Intensities per incident intensity (energies, beams) of beams h, k (beams, 2) in units of the 1x1 cell."""

    energy_ev: Array
    index: Array
    intensity: Array


def read_input(path: Path) -> CleedInput:
    """An input file with simple settings: vibrations as `dr3` with three equal numbers, none or rotational domains."""
    words: dict[str, list[list[str]]] = {}
    for line in path.read_text().splitlines():
        key, _, rest = line.partition(":")
        words.setdefault(key.strip(), []).append(rest.split())

    def number(key: str) -> float:
        return float(words[key][0][0])

    a1, a2, a3, m1, m2 = (np.array(words[key][0], dtype=float) for key in ("a1", "a2", "a3", "m1", "m2"))
    into = np.array([1, 1, -1])
    cell = np.array([a1[:2], a2[:2]])
    surface, bulk = ([np.array(row[1:4], dtype=float) * into for row in words[key]] for key in ("po", "pb"))
    bulk.sort(key=lambda position: position[2])
    following = [*bulk[1:], bulk[0] + a3 * into]
    tables = {row[0] for row in words["pb"]}
    assert len(tables) == 1, "one kind of atom in the bulk"
    atoms = words["po"] + words["pb"]
    assert all(row[4] == "dr3" and len(set(row[5:8])) == 1 for row in atoms), "isotropic displacements"
    slab = Slab(
        name=path.stem,
        cell=np.array([m1, m2]) @ cell,
        positions=np.array(surface),
        elements=tuple(row[0] for row in words["po"]),
        substrate=Substrate(
            element=tables.pop(),
            cell=cell,
            steps=tuple(lower - upper for upper, lower in zip(bulk, following, strict=True)),
            origin=bulk[0],
        ),
    )
    return CleedInput(
        slab=slab,
        inner_potential_ev=-number("vr"),
        imaginary_potential_ev=number("vi"),
        energy_ev=np.arange(number("ei"), number("ef"), number("es")),
        theta_deg=number("it"),
        phi_deg=number("ip"),
        tolerance=number("ep"),
        l_max=int(number("lm")),
        u_squared={row[0]: 2 * float(row[5]) ** 2 for row in atoms},
    )


def read_result(path: Path) -> CleedResult:
    """A result file: `#bi` lines with number, h, k and set of every beam, then a row of intensities for each energy."""
    lines = path.read_text().splitlines()
    index = np.array([line.split()[2:4] for line in lines if line.startswith("#bi")], dtype=float)
    table = np.array([line.split() for line in lines if line.strip() and not line.startswith("#")], dtype=float)
    assert table.shape[1] == 1 + len(index), f"{path}: {table.shape[1] - 1} columns for {len(index)} beams"
    return CleedResult(table[:, 0], index, table[:, 1:])


def read_case(folder: Path, name: str) -> tuple[CleedInput, CleedResult, dict[str, PhaseShifts]]:
    """Input, result and phase-shift tables, by name, of one case of the oracle folder."""
    case = read_input(folder / f"{name}.inp")
    tables = {
        table: PhaseShifts.read(folder / f"{table}.phs") for table in {*case.slab.elements, case.slab.substrate.element}
    }
    return case, read_result(folder / f"{name}.res"), tables


def _numbers(values: Array) -> str:
    return " ".join(f"{value:.6f}" for value in values)
