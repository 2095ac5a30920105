"""Thermal disorder: atoms away from their places by Gaussian draws or by snapshots of molecular dynamics."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoneaxis.crystals.defects.sites import GRID
from zoneaxis.crystals.specimen import lattice_coordinates, recorded
from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

Array = NDArray[np.float64]

LARGEST_B_ANGSTROM2 = 20.0
"""Our choice: a displacement of 0.5 Å; no crystal outlives it (Lindemann: about a tenth of the distance of atoms)."""
HOTTEST_K = 5000.0
"""Our choice: above the melting point of every element."""


@dataclass(frozen=True, eq=False)
class Snapshots:
    """Displacements of the atoms of a periodic block at several moments.

    Attributes:
        cells: repeats of the block along a, b, c.
        lattice: (n, 3) lattice coordinates of the perfect places, from 0 to `cells`.
        displacements_angstrom: (moments, n, 3) from the perfect places, in the crystal frame; mean over atoms zero.
        temperature_k: of the run.
        source: potential and settings.
    """

    cells: tuple[int, int, int]
    lattice: Array
    displacements_angstrom: Array
    temperature_k: float
    source: str

    def __post_init__(self) -> None:
        shape = self.displacements_angstrom.shape
        if len(shape) != 3 or shape[0] < 1 or shape[1:] != self.lattice.shape or shape[2] != 3:
            raise InputError(f"snapshots: displacements of shape {shape}; expected (moments, {len(self.lattice)}, 3)")
        if not np.isfinite(self.displacements_angstrom).all():
            raise InputError("snapshots: displacements must be finite")

    @property
    def sigma_angstrom(self) -> float:
        """Root mean square of one component over atoms and moments."""
        return float(np.sqrt(np.mean(self.displacements_angstrom**2)))

    @property
    def largest_angstrom(self) -> tuple[float, float]:
        """Largest one-component displacement and largest distance, each the mean over the moments."""
        component = np.abs(self.displacements_angstrom).max(axis=(1, 2)).mean()
        distance = np.linalg.norm(self.displacements_angstrom, axis=2).max(axis=1).mean()
        return float(component), float(distance)

    @property
    def b_iso_angstrom2(self) -> float:
        """B = 8 pi^2 <u_x^2>. A small block lacks the long waves, so this is below the value of the crystal."""
        return float(8 * np.pi**2 * self.sigma_angstrom**2)

    def save(self, path: str | Path) -> None:
        """Write the snapshots to an .npz file, displacements in single precision."""
        np.savez_compressed(
            path,
            cells=np.array(self.cells),
            lattice=self.lattice,
            displacements_angstrom=self.displacements_angstrom.astype(np.float32),
            temperature_k=self.temperature_k,
            source=self.source,
        )

    @classmethod
    def load(cls, path: str | Path) -> Snapshots:
        """Snapshots from the file that `save` wrote. Raises InputError for a file that holds none."""
        try:
            with np.load(path, allow_pickle=False) as held:
                a, b, c = (int(number) for number in held["cells"])
                return cls(
                    cells=(a, b, c),
                    lattice=held["lattice"].astype(np.float64),
                    displacements_angstrom=held["displacements_angstrom"].astype(np.float64),
                    temperature_k=float(held["temperature_k"]),
                    source=str(held["source"]),
                )
        except (OSError, KeyError, ValueError) as error:
            raise InputError(
                f"{path}: no snapshots ({error}); expected an .npz file written by Snapshots.save"
            ) from error


def displaced(atoms: Atoms, b_iso_angstrom2: float | Mapping[str, float] | None = None, seed: int = 0) -> Atoms:
    """Every atom moved by an independent Gaussian draw, sigma = sqrt(B / 8 pi^2) along each axis.

    The disorder is in the positions afterwards, so `b_iso` of every moved atom is set to 0: no pattern counts it twice.

    Args:
        atoms: the specimen.
        b_iso_angstrom2: None takes `b_iso` of every atom; a number is for all atoms; {element: B} for those elements,
            the others keep place and `b_iso`. A given B takes the place of the atom's own.
        seed: of the draw.

    Limits: B = 0 moves nothing. Spots fall as exp(-B g^2 / 2), diffuse intensity rises as 1 - exp(-B q^2 / 2).
    Raises InputError for a B below 0 or above 20 Å², or an element that the specimen does not hold.
    Source: Debye-Waller factor of independent atoms (Einstein model); docs/theory/spots.md.
    """
    symbols = np.array(atoms.get_chemical_symbols())
    own = np.asarray(atoms.arrays.get("b_iso", np.zeros(len(atoms))), dtype=np.float64)
    moving = np.ones(len(atoms), dtype=bool)
    if b_iso_angstrom2 is None:
        b_iso, given = own, "own"
    elif isinstance(b_iso_angstrom2, Mapping):
        missing = sorted(set(b_iso_angstrom2) - set(symbols.tolist()))
        if missing:
            raise InputError(
                f"b_iso_angstrom2: no {', '.join(missing)} in the specimen; it holds {sorted(set(symbols))}"
            )
        moving = np.isin(symbols, list(b_iso_angstrom2))
        b_iso = np.array([b_iso_angstrom2.get(symbol, 0.0) for symbol in symbols], dtype=np.float64)
        given = ", ".join(f"{element} {value:g}" for element, value in b_iso_angstrom2.items())
    else:
        b_iso, given = np.full(len(atoms), float(b_iso_angstrom2)), f"{float(b_iso_angstrom2):g}"
    if not np.isfinite(b_iso).all() or b_iso.min(initial=0.0) < 0 or b_iso.max(initial=0.0) > LARGEST_B_ANGSTROM2:
        raise InputError(f"b_iso_angstrom2 = {given}: expected 0 to {LARGEST_B_ANGSTROM2:g} Å²")
    sigma = np.where(moving, np.sqrt(b_iso / (8 * np.pi**2)), 0.0)
    draws = np.random.default_rng(seed).normal(size=(len(atoms), 3))
    result = recorded(
        atoms, "displaced", b_iso_angstrom2=given, mean_b_angstrom2=float(b_iso[moving].mean()), seed=seed
    )
    result.set_positions(atoms.get_positions() + sigma[:, None] * draws)
    result.set_array("b_iso", np.where(moving, 0.0, own))
    return result


def from_snapshots(atoms: Atoms, snapshots: Snapshots, seed: int = 0) -> Atoms:
    """Every atom moved as in a molecular-dynamics run: each block of the specimen takes another moment.

    The specimen is cut into blocks of the run's size. Every block draws a moment and a lattice translation of it, so
    that blocks differ and no false superlattice spots arise. Waves longer than the block are missing, and the
    displacement is broken at the faces of the blocks. `b_iso` is set to 0.

    Args:
        atoms: the specimen, of the same kind of cell as the run. Substituted atoms move as the host would.
        snapshots: of a run, in the crystal frame.
        seed: of the draw of moments and translations.

    Limits: the mean square displacement is that of the snapshots.
    Raises InputError where an atom has no place in the run, as interstitials and the other half of a twin have
    not: heat first.
    """
    lattice = lattice_coordinates(atoms)
    cells = np.array(snapshots.cells)
    generator = np.random.default_rng(seed)
    corner = np.floor(lattice + 1e-6).astype(np.int64)
    _, block = np.unique(corner // cells, axis=0, return_inverse=True)
    block = block.reshape(-1)
    count = int(block.max()) + 1 if len(block) else 0
    moments = generator.integers(len(snapshots.displacements_angstrom), size=count)
    shifts = generator.integers(0, cells, size=(count, 3))
    grid = np.rint((lattice + shifts[block]) * GRID).astype(np.int64) % (cells * GRID)
    known = np.rint(snapshots.lattice * GRID).astype(np.int64) % (cells * GRID)
    size = int((cells * GRID).max())
    code, known_code = (places @ np.array([size * size, size, 1]) for places in (grid, known))
    order = np.argsort(known_code)
    place = order[np.clip(np.searchsorted(known_code, code, sorter=order), 0, len(order) - 1)]
    lost = known_code[place] != code
    if lost.any():
        raise InputError(
            f"snapshots: {int(lost.sum())} of {len(atoms)} atoms have no place in the run; expected the same cell, "
            "and this heat before interstitials and twins"
        )
    result = recorded(
        atoms,
        "from_snapshots",
        temperature_k=snapshots.temperature_k,
        b_iso_angstrom2=snapshots.b_iso_angstrom2,
        blocks=count,
        moments=len(snapshots.displacements_angstrom),
        source=snapshots.source,
        seed=seed,
    )
    result.set_positions(atoms.get_positions() + snapshots.displacements_angstrom[moments[block], place])
    result.set_array("b_iso", np.zeros(len(atoms)))
    return result


def b_iso_of_temperature(element: str, temperature_k: float) -> float:
    """Debye-Waller B in Å² of an elemental cubic crystal at a temperature, from the Debye model.

    B = 8 pi^2 <u_x^2>, <u_x^2> = 3 hbar^2 / (M k Theta) (phi(x)/x + 1/4), x = Theta/T, phi(x) the mean of t/(e^t - 1)
    from 0 to x. Theta is the Debye temperature of displacements, not that of the heat capacity; it reproduces the
    room-temperature B of the table it stands in.

    Args: element symbol; temperature_k from 0 to 5000.
    Limits: at 0 K the zero-point motion is left; far above Theta, B grows in proportion to T.
    Raises InputError for an element that is not in the table or a temperature out of range.
    Source: Debye (1913), Waller (1923); as in Willis and Pryor, Thermal Vibrations in Crystallography (1975), ch. 3.
    """
    table = _debye_table()
    if element not in table:
        raise InputError(f"element = {element!r}: no Debye temperature in the table; there are {', '.join(table)}")
    return debye_b_iso(atomic_mass(element), table[element]["theta_k"], temperature_k)


def debye_b_iso(mass_u: float, theta_k: float, temperature_k: float) -> float:
    """B in Å² of the Debye model for an atomic mass [u] and a Debye temperature [K]. See `b_iso_of_temperature`."""
    from scipy import constants, integrate

    if not np.isfinite(temperature_k) or not 0 <= temperature_k <= HOTTEST_K:
        raise InputError(f"temperature_k = {temperature_k}: expected 0 to {HOTTEST_K:g}")
    if not (mass_u > 0 and theta_k > 0):
        raise InputError(f"mass_u, theta_k = {mass_u}, {theta_k}: expected numbers above 0")
    square = 3 * constants.hbar**2 / (mass_u * constants.atomic_mass * constants.k * theta_k) * 1e20
    heat = 0.0
    if temperature_k > 0:
        x = theta_k / temperature_k
        # Beyond 50 the integrand is below 1e-19.
        heat = integrate.quad(lambda t: t / np.expm1(t) if t > 0 else 1.0, 0.0, min(x, 50.0))[0] / x**2
    return float(8 * np.pi**2 * square * (heat + 0.25))


def atomic_mass(element: str) -> float:
    """Standard atomic mass in u. Source: the table of pymatgen."""
    from pymatgen.core import Element

    return float(Element(element).atomic_mass)


@cache
def _debye_table() -> dict[str, dict[str, Any]]:
    text = files("zoneaxis.crystals.defects").joinpath("debye_temperatures.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
