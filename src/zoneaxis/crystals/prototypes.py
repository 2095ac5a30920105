"""Cubic prototypes: a space group and its filled positions, apart from the elements that sit there."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.resources import files

import gemmi
import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure

from zoneaxis.crystals.element_families import contact_angstrom, is_salt, room_angstrom3
from zoneaxis.errors import InputError

Array = NDArray[np.float64]

B_ISO = 0.5
"""Debye-Waller factor in Å² of every site of a decorated prototype. Source: as `cif.ASSUMED_B_ISO`."""

PARAMETER_SCATTER = 0.01
"""Largest change of a free fractional coordinate when a prototype is decorated with scatter. Source: our choice;
isotypic crystals differ by about as much (oxygen of spinels: u = 0.255 to 0.275)."""

STRETCH_SCATTER = 0.02
"""Standard deviation, relative, of the lattice parameter about the one that radii give. Source: our choice, the trust
that sums of radii deserve."""

SMALLEST_STRETCH, LARGEST_STRETCH = 0.84, 1.25
"""Least and largest stretch that other elements inherit. Source: CaTiO3 has 0.84, BiF3 1.2; triple bonds (CO, N2) and
lithium at 39 GPa have 0.72 to 0.77 and are set to 0.84."""

IMPOSSIBLE_STRETCH = 0.7
"""A template below this is listed wrongly (silicon BC8 with 1.43 Å between atoms), one above `LARGEST_STRETCH` far too
open (Pt3O4): their stretch is set to one. Source: our choice."""


@dataclass(frozen=True)
class Site:
    """One orbit of a prototype: template element, Wyckoff letter, one fractional position."""

    element: str
    letter: str
    position: tuple[float, float, float]


@dataclass(frozen=True)
class Orbit:
    """How a site fills the cell: position @ rotations + translations, with what its symmetry leaves free.

    Attributes:
        position: (3,) fractional, exactly on the special position.
        free: (3, 3) projector on the directions in which it may move and stay on it.
        rotations, translations: (m, 3, 3) and (m, 3), one operation for each of the m atoms.
    """

    position: Array
    free: Array
    rotations: Array
    translations: Array

    def atoms(self, shift: Array) -> Array:
        """(m, 3) fractional positions after the shift (3,), of which only the free part counts."""
        moved = self.position + self.free @ shift
        return np.asarray(np.round(self.rotations @ moved + self.translations, 12) % 1.0)


@dataclass(frozen=True)
class Prototype:
    """A cubic structure type in its conventional cell, reference setting of its space group.

    Attributes:
        name: AFLOW label ("AB_cF8_216_c_a") or, of a random filling, group, letters and number ("W216-ace-017").
        space_group: number, 195 to 230.
        sites: one for every orbit, with the element of the template.
        stretch: lattice parameter of the template over the one at which its atoms touch.
    """

    name: str
    space_group: int
    sites: tuple[Site, ...]
    stretch: float = 1.0

    @property
    def elements(self) -> tuple[str, ...]:
        """Elements of the template, each once, in the order of the sites."""
        return tuple(dict.fromkeys(site.element for site in self.sites))

    @cached_property
    def orbits(self) -> tuple[Orbit, ...]:
        """The orbits of the sites."""
        return tuple(orbit(self.space_group, site.position) for site in self.sites)

    @cached_property
    def distances(self) -> Array:
        """(orbits, orbits) shortest distances of the template's atoms, in lattice parameters."""
        return shortest_distances(tuple(part.atoms(np.zeros(3)) for part in self.orbits))

    @property
    def multiplicities(self) -> tuple[int, ...]:
        """Atoms of each orbit in the conventional cell."""
        return tuple(len(part.rotations) for part in self.orbits)

    def lattice_parameter(self, elements: Sequence[str], distances: Array | None = None) -> float:
        """Lattice parameter [Å] for these elements, one for each site.

        The one at which atoms touch times `stretch`, but no less than gives every atom its room.

        Args:
            elements: element of each site.
            distances: (orbits, orbits) shortest distances where they are not those of the template.
        """
        lengths = self.distances if distances is None else distances
        touching = touching_lattice_parameter(lengths, elements)
        return max(self.stretch * touching, float(np.cbrt(needed_volume(elements, self.multiplicities))))

    @property
    def size(self) -> int:
        """Atoms in the conventional cell."""
        return sum(self.multiplicities)


@cache
def operations(space_group: int) -> tuple[Array, Array]:
    """Rotations (m, 3, 3) and translations (m, 3) of a space group with its centring, reference setting."""
    listed = list(gemmi.get_spacegroup_reference_setting(space_group).operations())
    rotations = np.array([operation.rot for operation in listed], dtype=float) / gemmi.Op.DEN
    translations = np.array([operation.tran for operation in listed], dtype=float) / gemmi.Op.DEN
    return rotations, translations


def orbit(space_group: int, position: tuple[float, float, float], tolerance: float = 1e-4) -> Orbit:
    """The orbit of a fractional position, which is moved onto the special position it lies on within the tolerance."""
    rotations, translations = operations(space_group)
    start = np.array(position, dtype=float)
    offsets = rotations @ start + translations - start
    offsets -= np.round(offsets)
    stays = np.abs(offsets).max(axis=1) < tolerance
    exact = start + offsets[stays].mean(axis=0)
    images = rotations @ exact + translations
    cells = np.round(images % 1.0, 6) % 1.0
    _, first = np.unique(cells, axis=0, return_index=True)
    first = np.sort(first)
    return Orbit(exact, rotations[stays].mean(axis=0), rotations[first], translations[first])


def shortest_distances(orbits: tuple[Array, ...]) -> Array:
    """(orbits, orbits) shortest distance between an atom of one and an atom of another orbit, in lattice parameters.

    Each orbit is given by its (m, 3) fractional positions; by symmetry its first atom speaks for all.
    """
    cells = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    everywhere = np.concatenate(orbits)
    starts = np.cumsum([0, *[len(atoms) for atoms in orbits]])[:-1]
    first = np.stack([atoms[0] for atoms in orbits])
    difference = everywhere - first[:, None]
    difference -= np.round(difference)
    distance = np.linalg.norm(difference[:, None] + cells, axis=-1)
    distance[distance < 1e-9] = np.inf
    return np.asarray(np.minimum.reduceat(distance.min(axis=1), starts, axis=1))


def touching_lattice_parameter(distances: Array, elements: Sequence[str]) -> float:
    """Smallest lattice parameter [Å] at which no two atoms are nearer than `contact_angstrom`.

    Args:
        distances: (orbits, orbits) as `shortest_distances` gives them.
        elements: element of each orbit.
    """
    salt = is_salt(elements)
    contacts = np.array([[contact_angstrom(one, other, salt) for other in elements] for one in elements])
    return float((contacts / distances).max())


def needed_volume(elements: Sequence[str], multiplicities: Sequence[int]) -> float:
    """Sum of the `room_angstrom3` of all atoms of a cell [Å³], from the element and the atoms of each orbit."""
    salt = is_salt(elements)
    return sum(room_angstrom3(element, salt) * count for element, count in zip(elements, multiplicities, strict=True))


def decorate(
    prototype: Prototype,
    elements: Mapping[str, str],
    *,
    generator: np.random.Generator | None = None,
    b_iso: float = B_ISO,
) -> Structure:
    """The prototype with other elements, at a lattice parameter that fits their radii.

    The lattice parameter is `Prototype.lattice_parameter`; the template's own elements give its own one (but see
    `SMALLEST_STRETCH`). With a generator the free coordinates move by at most `PARAMETER_SCATTER` and the lattice
    parameter scatters by `STRETCH_SCATTER` (at most three standard deviations).

    Args:
        prototype: what to fill.
        elements: new element for every element of the template; two kinds of site stay two kinds.
        generator: source of scatter; None for none.
        b_iso: Debye-Waller factor of every site [Å²].

    Returns:
        Conventional cell with `site_properties["b_iso"]`; `properties` holds name (formula), prototype, space_group and
        source.

    Raises:
        InputError: an element of the template without substitute, or one substitute for two of them.
    """
    missing = [symbol for symbol in prototype.elements if symbol not in elements]
    if missing:
        raise InputError(f"elements has no substitute for {', '.join(missing)} of {prototype.name}")
    chosen = [elements[symbol] for symbol in prototype.elements]
    if len(set(chosen)) < len(chosen):
        raise InputError(f"elements {', '.join(chosen)} of {prototype.name}: every kind of site needs its own element")
    shifts = np.zeros((len(prototype.sites), 3))
    scatter = 0.0
    if generator is not None:
        shifts = generator.uniform(-PARAMETER_SCATTER, PARAMETER_SCATTER, shifts.shape)
        scatter = STRETCH_SCATTER * float(np.clip(generator.standard_normal(), -3.0, 3.0))
    atoms = tuple(part.atoms(shift) for part, shift in zip(prototype.orbits, shifts, strict=True))
    species = [elements[site.element] for site in prototype.sites]
    a = prototype.lattice_parameter(species, shortest_distances(atoms)) * (1.0 + scatter)
    structure = Structure(
        Lattice.cubic(a),
        [symbol for symbol, part in zip(species, atoms, strict=True) for _ in part],
        np.concatenate(atoms),
        site_properties={"b_iso": [float(b_iso)] * sum(map(len, atoms))},
    )
    structure.properties = {
        "name": structure.composition.reduced_formula,
        "prototype": prototype.name,
        "space_group": prototype.space_group,
        "source": f"prototype {prototype.name}, radii",
    }
    return structure


@cache
def cubic_prototypes() -> tuple[Prototype, ...]:
    """The cubic prototypes of the AFLOW library with at most 60 atoms in the conventional cell.

    Source: `cubic_prototypes.csv` beside this file, which names its source.
    """
    return read_prototypes("cubic_prototypes.csv")


def read_prototypes(file_name: str) -> tuple[Prototype, ...]:
    """The prototypes of a table beside this file: name, space_group, a_angstrom, sites."""
    text = files("zoneaxis.crystals").joinpath(file_name).read_text(encoding="utf-8")
    return tuple(_prototype(row) for row in csv.DictReader(line for line in text.splitlines() if line[0] != "#"))


def _prototype(row: Mapping[str, str]) -> Prototype:
    sites = tuple(_site(entry) for entry in row["sites"].split(";"))
    template = Prototype(row["name"], int(row["space_group"]), sites)
    touching = touching_lattice_parameter(template.distances, [site.element for site in sites])
    stretch = float(row["a_angstrom"]) / touching
    if not IMPOSSIBLE_STRETCH <= stretch <= LARGEST_STRETCH:
        return template
    return replace(template, stretch=max(stretch, SMALLEST_STRETCH))


def _site(entry: str) -> Site:
    element, letter, *coordinates = entry.split()
    x, y, z = (float(up) / float(down or 1) for up, _, down in (number.partition("/") for number in coordinates))
    return Site(element, letter, (x, y, z))
