"""Phase shifts of an atom in a crystal: computed from its muffin-tin potential, stored, read and interpolated.

Derivation and figures: docs/theory/phase_shifts.md.
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import spherical_jn, spherical_yn

from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.atom import free_atom
from zoneaxis.scattering.leed.muffin_tin import MuffinTin, muffin_tin
from zoneaxis.scattering.leed.radial_equation import HARTREE_EV, LIGHT_SPEED, logarithmic_derivative

Array = NDArray[np.float64]

L_MAX = 10
ENERGIES_HARTREE = np.round(np.geomspace(0.4, 10.0, 161), 4)
"""Energies of a computed table. Geometric: d resonances just above 0.4 Ha are narrow, nothing is narrow at 10 Ha.
Four decimals, so that a stored table keeps them."""

FIXED_FORMAT = re.compile(r"-?\d*\.\d{4}")
"""Numbers of fixed four decimals that may touch one another."""


@dataclass(frozen=True, eq=False)
class PhaseShifts:
    """Phase shifts delta_l(E), continuous in E (no jumps by pi).

    energy_ev: (energies,) kinetic energy above the muffin-tin zero [eV], that is E + V0r of a LEED calculation;
    rising. delta: (energies, l_max + 1) [rad]. element: of what. source: where from. Both arrays are read-only.

    Raises:
        InputError: shapes do not match, energies do not rise, or a value is not finite.
    """

    energy_ev: Array
    delta: Array
    element: str
    source: str

    def __post_init__(self) -> None:
        energy, delta = np.array(self.energy_ev, dtype=float), np.array(self.delta, dtype=float)
        if energy.ndim != 1 or delta.ndim != 2 or len(energy) != len(delta) or len(energy) < 2 or not delta.size:
            raise InputError(f"phase shifts of {self.element}: {energy.shape} energies and {delta.shape} phases")
        if not (np.isfinite(energy).all() and np.isfinite(delta).all() and (np.diff(energy) > 0.0).all()):
            raise InputError(f"phase shifts of {self.element}: energies must rise and all values be finite")
        energy.setflags(write=False)
        delta.setflags(write=False)
        object.__setattr__(self, "energy_ev", energy)
        object.__setattr__(self, "delta", delta)

    @property
    def l_max(self) -> int:
        """Largest angular momentum of the table."""
        return self.delta.shape[1] - 1

    def at(self, energy_ev: float, l_max: int, kind: str = "cubic") -> Array:
        """Phase shifts delta_0 .. delta_l_max [rad], (l_max + 1,), at one energy above the muffin-tin zero [eV].

        Args:
            energy_ev: inside the table.
            l_max: at most that of the table.
            kind: `cubic` spline, or `linear` as some older programs have it.

        Raises:
            InputError: outside the table, or unknown kind.
        """
        low, high = self.energy_ev[0], self.energy_ev[-1]
        if not low <= energy_ev <= high:
            raise InputError(
                f"phase shifts of {self.element} at {energy_ev:g} eV above the muffin-tin zero:"
                f" the table has {low:.2f} to {high:.2f} eV"
            )
        if not 0 <= l_max <= self.l_max:
            raise InputError(f"phase shifts of {self.element}: l_max = {l_max}, the table has 0 to {self.l_max}")
        delta = self.delta[:, : l_max + 1]
        if kind == "cubic":
            return np.asarray(CubicSpline(self.energy_ev, delta)(energy_ev))
        if kind == "linear":
            return np.array([np.interp(energy_ev, self.energy_ev, column) for column in delta.T])
        raise InputError(f"kind = {kind!r}: expected cubic or linear")

    @staticmethod
    def read(path: str | Path, element: str | None = None) -> PhaseShifts:
        """Table from a `.phs` file of the CLEED format; the element is the file's name unless given.

        First line: number of energies, l_max, comment. Then for each energy one line with the energy [Ha] and one
        with delta_0 .. delta_l_max [rad], whose fixed-format columns may touch. Columns that the first line announces
        and a line lacks are 0. Jumps by multiples of pi are taken out.

        Raises:
            InputError: the file is missing or not of this format.
        """
        path = Path(path)
        try:
            lines = path.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as text ({error})") from error
        head = re.match(r"\s*(\d+)\s+(\d+)\s*(.*)", lines[0] if lines else "")
        if head is None:
            raise InputError(f"{path}, line 1: expected the number of energies and l_max")
        energies, l_max = int(head[1]), int(head[2])
        if energies < 2 or l_max > 40 or len(lines) < 1 + 2 * energies:
            raise InputError(
                f"{path}: {len(lines)} lines for {energies} energies and l_max {l_max};"
                " expected two lines per energy, 2 or more energies, l_max up to 40"
            )
        energy, delta = np.zeros(energies), np.zeros((energies, l_max + 1))
        for index in range(energies):
            (energy[index],) = _numbers(lines[1 + 2 * index], path, 2 + 2 * index)[:1]
            phases = _numbers(lines[2 + 2 * index], path, 3 + 2 * index)[: l_max + 1]
            delta[index, : len(phases)] = phases
        source = f"{path.name}: {head[3].strip()}".removesuffix(": ")
        return PhaseShifts(energy * HARTREE_EV, np.unwrap(delta, axis=0, period=math.pi), element or path.stem, source)

    def write(self, path: str | Path) -> None:
        """Write the table as a new `.phs` file, four decimals of energy [Ha] and phase [rad].

        Raises:
            InputError: the file exists already or cannot be written.
        """
        lines = [f"{len(self.energy_ev)} {self.l_max} neng lmax {self.element} {self.source}"]
        for energy, delta in zip(self.energy_ev / HARTREE_EV, self.delta, strict=True):
            lines += [f"{energy:7.4f}", "".join(f" {phase:7.4f}" for phase in delta)]
        try:
            with Path(path).open("x") as file:
                file.write("\n".join(lines) + "\n")
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error


def _numbers(line: str, path: Path, number: int) -> list[float]:
    """Numbers of one line, separated by blanks or of fixed four decimals."""
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        values = [float(word) for word in FIXED_FORMAT.findall(line)]
        if FIXED_FORMAT.sub("", line).strip():
            raise InputError(f"{path}, line {number}: {line.strip()[:60]!r} is not a row of numbers") from None
    if not values:
        raise InputError(f"{path}, line {number}: expected numbers, found none")
    return values


def scattering_phases(potential: MuffinTin, energy_hartree: Array, l_max: int) -> Array:
    """Phase shifts (energies, l_max + 1) [rad] of a muffin tin, continuous in E, within pi/2 of 0 at the first.

    Inside: gamma = R'/R at the sphere. Outside: R = cos delta j_l(kr) - sin delta n_l(kr), so
    tan delta = (k j' - gamma j) / (k n' - gamma n) at kR. k^2 = 2 E, or 2 E (1 + E / 2 c^2) if relativistic.
    """
    light_speed = LIGHT_SPEED if potential.relativistic else math.inf
    gamma = logarithmic_derivative(potential.mesh, potential.potential, energy_hartree, l_max, light_speed)
    k = np.sqrt(2.0 * energy_hartree * (1.0 + energy_hartree / (2.0 * light_speed**2)))[:, None]
    order, argument = np.arange(l_max + 1), k * potential.radius_bohr
    inward = k * spherical_jn(order, argument, True) - gamma * spherical_jn(order, argument)
    outward = k * spherical_yn(order, argument, True) - gamma * spherical_yn(order, argument)
    return np.unwrap(np.arctan(inward / outward), axis=0, period=math.pi)


@functools.lru_cache(maxsize=64)
def phase_shifts(
    element: str,
    structure: str,
    lattice_parameter_angstrom: float,
    functional: str = "pz",
    relativistic: bool = True,
) -> PhaseShifts:
    """Phase shifts of an element in its crystal: free atom, overlap, muffin tin, radial equation; 0.1 to 0.3 s.

    161 energies from 0.4 to 10 Ha (10.9 to 272 eV), l up to 10. What is left out, delta_11 at 260 eV, is 0.001 rad for
    silicon and copper, 0.005 for tungsten and 0.006 for silver.

    Args:
        element: symbol, H to U.
        structure: `diamond`, `fcc` or `bcc`.
        lattice_parameter_angstrom: edge of the cubic cell [angstrom].
        functional: correlation, `pz` or `vwn`; for silicon the choice moves the phases by less than 1e-3 rad.
        relativistic: without spin-orbit coupling. It moves delta_0 by 0.01 (silicon) to 0.4 rad (gold).

    Raises:
        InputError: unknown element, structure or functional; impossible lattice parameter.
    """
    atom = free_atom(element, functional, relativistic)
    potential = muffin_tin(atom, structure, lattice_parameter_angstrom)
    delta = scattering_phases(potential, ENERGIES_HARTREE, L_MAX)
    source = (
        f"{structure} a {lattice_parameter_angstrom:g} A, LDA {functional}"
        f"{' scalar-relativistic' if relativistic else ''}, R_MT {potential.radius_bohr:.4f} bohr"
    )
    return PhaseShifts(ENERGIES_HARTREE * HARTREE_EV, delta, element, source)
