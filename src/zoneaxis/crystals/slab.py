"""Slab: the surface of a crystal as LEED sees it, a few free atoms on a half-infinite stack of one-atom layers.

Frame: x and y in the surface (x along the dimer of Si(001)), z points INTO the crystal, so what sticks out has
negative z. Lengths in Å.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoneaxis.crystals.slab_geometry import Array, closest_pair, has_mirror, lattice_points_in_cell
from zoneaxis.errors import InputError

CLOSEST_ANGSTROM = 1.6
"""Atoms nearer than this are refused: shorter than any bond between the elements treated here, H aside."""

LARGEST_DISPLACEMENT_ANGSTROM = 1.0
"""Of a dimer from its preset; further away it is another structure."""
SI_LATTICE_PARAMETER_ANGSTROM = 5.431
SI_BACK_BOND_ANGSTROM = 2.352
"""From a dimer atom to layer 2: the bond of the bulk, √3/4 of the lattice parameter, rounded."""
DIMER_TILT_DEG = {"symmetric": 0.0, "buckled": 18.0}
DIMER_BOND_ANGSTROM = {"symmetric": 2.25, "buckled": 2.26}
"""Presets of the Si(001) dimer. Source: density-functional and LEED values listed in docs/theory/cbleed.md."""


@dataclass(frozen=True, eq=False)
class Substrate:
    """Half-infinite stack of one-atom layers below the slab: every layer has the same cell and the same element.

    cell: (2, 2), rows a1, a2 of the 1x1 layer. steps: (3,) vectors from one layer to the next, taken cyclically.
    origin: (3,), an atom of the topmost layer, in the frame of the slab.
    """

    element: str
    cell: Array
    steps: tuple[Array, ...]
    origin: Array

    def layer_origins(self, layers: int) -> Array:
        """Positions (layers, 3) of one atom in each of the topmost layers, from the surface downwards."""
        steps = [self.steps[i % len(self.steps)] for i in range(layers - 1)]
        return np.asarray(self.origin + np.vstack([np.zeros(3), *np.cumsum(steps, axis=0)]), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Slab:
    """A surface: atoms treated in angular-momentum space (adatoms and top layers) over a substrate of plain layers.

    cell: (2, 2), rows A1, A2 of the surface cell, an integer matrix times the substrate's cell.
    positions: (n, 3), z into the crystal; n may be 0. elements: n symbols. properties: labels such as `dimer`.
    Raises InputError for a cell that does not fit the substrate, for atoms below its first layer, or for atoms closer
    than 1.6 Å to one another, to their own translations or to the substrate.
    """

    name: str
    cell: Array
    positions: Array
    elements: tuple[str, ...]
    substrate: Substrate
    properties: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.positions.shape != (len(self.elements), 3) or not np.isfinite(self.positions).all():
            raise InputError(
                f"slab {self.name}: positions have shape {self.positions.shape} for {len(self.elements)} elements; "
                "allowed are finite numbers, one row of three per element"
            )
        ratio = self.cell @ np.linalg.inv(self.substrate.cell)
        if not np.allclose(ratio, np.rint(ratio), atol=1e-6) or np.linalg.det(ratio) < 0.5:
            raise InputError(
                f"slab {self.name}: surface cell is {ratio.round(4).tolist()} times the substrate's; "
                "allowed are integers with a positive determinant"
            )
        if (self.positions[:, 2] >= self.substrate.origin[2]).any():
            raise InputError(
                f"slab {self.name}: an atom lies {self.positions[:, 2].max():.3f} Å deep; "
                f"allowed is above the substrate, which starts at {self.substrate.origin[2]:.3f} Å"
            )
        _refuse_overlap(self.name, self.cell, *self.atoms_down_to(layers=len(self.substrate.steps) + 1))

    @property
    def superlattice(self) -> NDArray[np.int64]:
        """Integers (2, 2) that make the surface cell out of the substrate's: cell = superlattice @ substrate.cell."""
        return np.rint(self.cell @ np.linalg.inv(self.substrate.cell)).astype(np.int64)

    @property
    def reciprocal_cell(self) -> Array:
        """Rows B1, B2 (1/Å, with the factor 2 pi) with A_i · B_j = 2 pi delta_ij; beams are h B1 + k B2."""
        return np.asarray(2 * np.pi * np.linalg.inv(self.cell).T, dtype=np.float64)

    @property
    def top_z(self) -> float:
        """Depth (Å) of the outermost atom, negative if it stands above the origin."""
        return float(min([*self.positions[:, 2], self.substrate.origin[2]]))

    @cached_property
    def mirror_x(self) -> bool:
        """Whether x -> -x, about some plane, leaves slab and substrate unchanged."""
        return self._mirror(axis=0)

    @cached_property
    def mirror_y(self) -> bool:
        """Whether y -> -y, about some plane, leaves slab and substrate unchanged."""
        return self._mirror(axis=1)

    def atoms_down_to(self, layers: int) -> tuple[Array, tuple[str, ...]]:
        """Slab and the topmost layers of the substrate, spread over the surface cell: positions (n, 3) and kinds."""
        spread = lattice_points_in_cell(self.cell, self.substrate.cell)
        spread = np.column_stack([spread, np.zeros(len(spread))])
        below = (self.substrate.layer_origins(layers)[:, None] + spread).reshape(-1, 3)
        return np.vstack([self.positions, below]), self.elements + (self.substrate.element,) * len(below)

    def _mirror(self, axis: int) -> bool:
        # Two periods of steps settle the rest: a mirror that keeps both also keeps the shift between them.
        return has_mirror(self.cell, *self.atoms_down_to(layers=2 * len(self.substrate.steps) + 1), axis=axis)


def si001_2x1(
    dimer: str = "symmetric",
    dimer_height_angstrom: float = 0.0,
    dimer_length_angstrom: float = 0.0,
    dimer_tilt_deg: float | None = None,
    dimer_bond_angstrom: float | None = None,
    layers_in_slab: int = 1,
) -> Slab:
    """Si(001)-(2x1): rows of dimers along y, each dimer along x on four atoms of layer 2. Origin on a layer-2 atom.

    The preset is a dimer of given bond and tilt whose two back bonds have bulk length; then the height moves both atoms
    outward, the length moves each by half of it along the bond (the height is not solved again), layers below fixed.

    Args:
        dimer: "symmetric" (bond 2.25 Å, tilt 0) or "buckled" (2.26 Å, 18 degrees, left atom up).
        dimer_height_angstrom: outward displacement of the dimer.
        dimer_length_angstrom: added to the length of the dimer.
        dimer_tilt_deg: total tilt instead of the preset's, for the buckled dimer; -30 to 30, negative: right atom up.
        dimer_bond_angstrom: length before `dimer_length_angstrom`, instead of the preset's.
        layers_in_slab: full layers beside the dimer among the free atoms: 1 (layer 2), 2 or 3.

    Raises InputError for another dimer, a tilted symmetric dimer, or displacements that make atoms overlap.
    """
    if dimer not in DIMER_TILT_DEG:
        raise InputError(f"Si001-2x1: dimer {dimer!r} is not one of {', '.join(DIMER_TILT_DEG)}")
    tilt_deg = DIMER_TILT_DEG[dimer] if dimer_tilt_deg is None else float(dimer_tilt_deg)
    bond = DIMER_BOND_ANGSTROM[dimer] if dimer_bond_angstrom is None else float(dimer_bond_angstrom)
    if dimer == "symmetric" and tilt_deg != 0:
        raise InputError(f"Si001-2x1: dimer_tilt_deg = {tilt_deg:g} for a symmetric dimer, which has 0")
    if not abs(tilt_deg) <= 30:
        raise InputError(f"Si001-2x1: dimer_tilt_deg = {tilt_deg:g} must lie between -30 and 30")
    for label, value in (("height", dimer_height_angstrom), ("length", dimer_length_angstrom)):
        if not abs(value) <= LARGEST_DISPLACEMENT_ANGSTROM:
            raise InputError(
                f"Si001-2x1: dimer_{label}_angstrom = {value:g} must lie within {LARGEST_DISPLACEMENT_ANGSTROM:g} Å"
            )
    if layers_in_slab not in (1, 2, 3):
        raise InputError(f"Si001-2x1: layers_in_slab = {layers_in_slab!r} must be 1, 2 or 3")

    a0 = SI_LATTICE_PARAMETER_ANGSTROM
    a_s, q = a0 / math.sqrt(2), a0 / 4
    along_x, along_y = np.array([a_s / 2, 0, q]), np.array([0, a_s / 2, q])
    layers = np.cumsum([np.zeros(3), along_x, along_y, along_x], axis=0)  # layers 2 to 5
    substrate = Substrate(
        element="Si",
        cell=np.diag([a_s, a_s]),
        steps=(along_y, along_x) if layers_in_slab % 2 else (along_x, along_y),
        origin=layers[layers_in_slab],
    )
    atoms = _dimer(a0, bond, math.radians(tilt_deg), dimer_height_angstrom, dimer_length_angstrom)
    full = [layer + shift for layer in layers[:layers_in_slab] for shift in ([0, 0, 0], [a_s, 0, 0])]
    return Slab(
        name="Si001-2x1",
        cell=np.diag([2 * a_s, a_s]),
        positions=np.vstack([atoms, *full]),
        elements=("Si",) * (2 + len(full)),
        substrate=substrate,
        properties={
            "dimer": dimer,
            "dimer_height_angstrom": float(dimer_height_angstrom),
            "dimer_length_angstrom": float(dimer_length_angstrom),
            "dimer_tilt_deg": tilt_deg,
            "dimer_bond_angstrom": bond,
            "lattice_parameter_angstrom": a0,
            "layers_in_slab": layers_in_slab,
        },
    )


def _dimer(a0: float, bond: float, tilt: float, height: float, length: float) -> Array:
    """Left and right atom (2, 3) of a Si dimer with back bonds of bulk length, then displaced.

    Each atom lies on a circle, in the plane y = a_s/2, about the middle of its two layer-2 atoms. tilt in rad, left up.
    """
    a_s = a0 / math.sqrt(2)
    radius = math.sqrt(SI_BACK_BOND_ANGSTROM**2 - a_s**2 / 4)
    across, drop = a_s - bond * math.cos(tilt), bond * math.sin(tilt)
    half_chord = math.hypot(across, drop) / (2 * radius)
    if not bond > 0 or not half_chord < 1:
        raise InputError(f"Si001-2x1: dimer of {bond:g} Å cannot be bonded to layer 2; allowed is about 1.6 to 3.8 Å")
    turn, opening = math.atan2(drop, across), math.acos(half_chord)
    left, right = opening + turn, opening - turn
    atoms = np.array(
        [
            [radius * math.cos(left), a_s / 2, -radius * math.sin(left)],
            [a_s - radius * math.cos(right), a_s / 2, -radius * math.sin(right)],
        ]
    )
    along = np.array([math.cos(tilt), 0, math.sin(tilt)])
    return np.asarray(atoms + np.outer([-length / 2, length / 2], along) - [0, 0, height], dtype=np.float64)


def fcc001(element: str, lattice_parameter_angstrom: float, top_layers_expansion: Sequence[float] = ()) -> Slab:
    """The (001) face of an fcc crystal, unreconstructed: x and y along <110>, cell a0/√2, layers a0/2 apart.

    See `bcc001` for the expansion and the origin.
    """
    a0 = lattice_parameter_angstrom
    return _square_face(f"{element}001", element, a0 / math.sqrt(2), a0 / 2, top_layers_expansion)


def bcc001(element: str, lattice_parameter_angstrom: float, top_layers_expansion: Sequence[float] = ()) -> Slab:
    """The (001) face of a bcc crystal, unreconstructed: x and y along <100>, cell a0, layers a0/2 apart.

    The slab holds one atom for each entry of `top_layers_expansion` (relative change of the spacing below that layer,
    -0.02 for 2 % inwards), or one atom; the origin is the outermost atom. Raises InputError for a spacing that makes
    atoms overlap.
    """
    a0 = lattice_parameter_angstrom
    return _square_face(f"{element}001", element, a0, a0 / 2, top_layers_expansion)


def _square_face(name: str, element: str, side: float, spacing: float, expansion: Sequence[float]) -> Slab:
    """Layers of a square lattice, each shifted by half the diagonal against the last."""
    if not (math.isfinite(side) and side > 0):
        raise InputError(f"slab {name}: lattice parameter must be a positive number of Å")
    step = np.array([side / 2, side / 2, spacing])
    steps = step * np.column_stack([np.ones((len(expansion) or 1, 2)), 1 + np.array(expansion or [0.0])])
    layers = np.vstack([np.zeros(3), np.cumsum(steps, axis=0)])
    return Slab(
        name=name,
        cell=np.diag([side, side]),
        positions=layers[:-1],
        elements=(element,) * (len(layers) - 1),
        substrate=Substrate(element=element, cell=np.diag([side, side]), steps=(step,), origin=layers[-1]),
        properties={"top_layers_expansion": tuple(map(float, expansion))},
    )


SURFACES: Mapping[str, Callable[..., Slab]] = {
    "Si001-2x1": si001_2x1,
    "Al001": partial(fcc001, "Al", 4.0496),
    "Ni001": partial(fcc001, "Ni", 3.5236),
    "Cu001": partial(fcc001, "Cu", 3.6149),
    "Pd001": partial(fcc001, "Pd", 3.8907),
    "Ag001": partial(fcc001, "Ag", 4.0853),
    "Fe001": partial(bcc001, "Fe", 2.8665),
    "Mo001": partial(bcc001, "Mo", 3.1470),
    "W001": partial(bcc001, "W", 3.1647),
}
"""Surfaces by name, lattice parameters (Å) at room temperature. The metals are bulk-terminated, without relaxation."""


def names() -> list[str]:
    """Names that `named` knows."""
    return list(SURFACES)


def named(name: str, **displacements: Any) -> Slab:
    """A surface by name, with what moves its atoms (keywords of `si001_2x1`, `fcc001` or `bcc001`).

    Raises InputError for an unknown name or keyword, and where those functions do.
    """
    if name not in SURFACES:
        raise InputError(f"surface {name!r} is not known; there are: {', '.join(SURFACES)}")
    build = SURFACES[name]
    known = [key for key in inspect.signature(build).parameters if key not in ("element", "lattice_parameter_angstrom")]
    unknown = sorted(set(displacements) - set(known))
    if unknown:
        raise InputError(f"surface {name}: no {', '.join(unknown)}; known are {', '.join(known)}")
    return build(**displacements)


def _refuse_overlap(name: str, cell: Array, positions: Array, kinds: tuple[str, ...]) -> None:
    distance, i, j = closest_pair(cell, positions)
    if distance < CLOSEST_ANGSTROM:
        places = " and ".join(f"{kinds[n]} {positions[n].round(3).tolist()}" for n in (i, j))
        raise InputError(
            f"slab {name}: atoms {places} are {distance:.3f} Å apart; allowed is {CLOSEST_ANGSTROM} Å or more"
        )
