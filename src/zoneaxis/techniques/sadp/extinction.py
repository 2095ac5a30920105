"""Extinction: which reflections a cubic space group forbids, and which groups no absence can tell apart."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import gemmi
import numpy as np
from numpy.typing import NDArray

from zoneaxis.errors import InputError

CUBIC_GROUPS = range(195, 231)
"""Numbers of the cubic space groups. Source: International Tables for Crystallography A."""

FINGERPRINT_REACH = 9
"""Largest index of the reflections by which classes are told apart. Source: our choice; every cubic absence repeats
with a period of at most 4, and 9 holds two periods."""

LISTED_REACH = 24
"""Reflections up to this index are looked up in a list. Source: our choice; farther ones of a cell of 10 Å lie beyond
2 1/Å."""

ENANTIOMORPHS = {212: 213}
"""P4_332 and P4_132 are mirror images: kinematical intensities never separate them, so both are called 213.
Source: docs, International Tables for Crystallography A."""

DIAMOND = "diamond"
"""Name of the class of atoms on 8a of Fd-3m alone, which also lacks h + k + l = 4n + 2."""


@dataclass(frozen=True)
class ExtinctionClass:
    """Cubic space groups whose general positions forbid the same reflections.

    Attributes:
        name: lattice letter and rules, such as "P", "I", "F", "P 0kl:k=2n"; "diamond" for 8a of Fd-3m.
        groups: numbers of the space groups; the first known to the reader is named by the reading.
        lattice: P, I or F.
        keeps_order: whether hkl and khl are always forbidden together. False for the classes of 205 and 206, where the
            index order (the hand of the axes) matters.
    """

    name: str
    groups: tuple[int, ...]
    lattice: str
    keeps_order: bool = True

    def allowed(self, hkl: Any) -> NDArray[np.bool_]:
        """Whether reflections (..., 3) may scatter, as (...) booleans; (000) may."""
        indices = _whole(hkl)
        sizes = np.abs(indices)
        if sizes.size and sizes.max() > LISTED_REACH:
            allowed = reflection_allowed(self.groups[0], indices)
        else:
            allowed = _listed(self.groups[0])[sizes[..., 0], sizes[..., 1], sizes[..., 2]]
        if self.name == DIAMOND:
            allowed = allowed & (indices.sum(-1) % 4 != 2)
        return allowed

    def centring_allowed(self, hkl: Any) -> NDArray[np.bool_]:
        """Whether the lattice centring alone lets reflections (..., 3) through; double diffraction fills the rest."""
        indices = _whole(hkl)
        if self.lattice == "I":
            return np.asarray(indices.sum(-1) % 2 == 0)
        if self.lattice == "F":
            return np.asarray((indices % 2 == indices[..., :1] % 2).all(-1))
        return np.ones(indices.shape[:-1], dtype=bool)


def reflection_allowed(space_group: int, hkl: Any) -> NDArray[np.bool_]:
    """Whether the symmetry of a cubic space group lets reflections scatter, atoms on general positions.

    A reflection is absent when an operation (R, t) maps it onto itself, h R = h, with h.t no whole number. Atoms on
    special positions may forbid more (222 of diamond); accidental zeros are no extinction.

    Args:
        space_group: number, 195 to 230, reference setting.
        hkl: (..., 3) whole numbers.

    Returns:
        (...) booleans; (000) is allowed.

    Raises:
        InputError: a group that is not cubic; indices that are no whole numbers.

    Source: general positions of International Tables A as gemmi lists them.
    """
    if space_group not in CUBIC_GROUPS:
        raise InputError(f"space_group = {space_group}: expected a cubic one, 195 to 230")
    indices = _whole(hkl)
    rotations, translations = _operations(space_group)
    flat = indices.reshape(-1, 3)
    absent = np.zeros(len(flat), dtype=bool)
    for rotation, translation in zip(rotations, translations, strict=True):
        stays = np.all(flat @ rotation == flat, axis=1)
        absent |= stays & ((flat @ translation) % _DENOMINATOR != 0)
    return ~absent.reshape(indices.shape[:-1])


@cache
def extinction_classes() -> tuple[ExtinctionClass, ...]:
    """All classes of the 36 cubic groups, derived from the operations, and diamond's; fewest absences first.

    Within a class no presence or absence of reflections tells the groups apart: 225 and 216, 221 and 215, 229 and 217.
    """
    reach = range(-1, FINGERPRINT_REACH + 1)
    hkl = np.array(list(itertools.product(reach, repeat=3)))
    alike: dict[bytes, list[int]] = defaultdict(list)
    for group in CUBIC_GROUPS:
        alike[np.packbits(reflection_allowed(group, hkl)).tobytes()].append(group)
    found = []
    for groups in alike.values():
        swapped = np.array_equal(reflection_allowed(groups[0], hkl), reflection_allowed(groups[0], hkl[:, [1, 0, 2]]))
        lattice = gemmi.find_spacegroup_by_number(groups[0]).hm[0]
        found.append(ExtinctionClass(_name(groups[0], lattice), tuple(groups), lattice, bool(swapped)))
    found.append(ExtinctionClass(DIAMOND, (227,), "F"))
    return tuple(sorted(found, key=lambda entry: int((~entry.allowed(hkl)).sum())))


def extinction_class(name_or_group: str | int) -> ExtinctionClass:
    """The class of a name or of a space group (for 227 the general one, not diamond's).

    Raises:
        InputError: no such class.
    """
    for entry in extinction_classes():
        if name_or_group == entry.name or (name_or_group in entry.groups and entry.name != DIAMOND):
            return entry
    names = ", ".join(entry.name for entry in extinction_classes())
    raise InputError(f"extinction class = {name_or_group!r}: expected a group 195 to 230 or one of {names}")


_DENOMINATOR = 24
"""Translations of gemmi are whole multiples of 1/24. Source: gemmi.Op.DEN."""


@cache
def _listed(space_group: int) -> NDArray[np.bool_]:
    """Which reflections are allowed, by the sizes of their indices: the Laue group m-3 makes all signs alike."""
    sizes = np.array(list(np.ndindex(*(LISTED_REACH + 1,) * 3)))
    return reflection_allowed(space_group, sizes).reshape((LISTED_REACH + 1,) * 3)


@cache
def _operations(space_group: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rotations (n, 3, 3) and translations (n, 3) in units of 1/24 that may forbid a reflection.

    The centring, and one operation of each rotation that leaves more than 000 in place; the others of that rotation
    differ by the centring.
    """
    one = np.eye(3, dtype=np.int64)
    held: dict[bytes, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
    for operation in gemmi.find_spacegroup_by_number(space_group).operations():
        rotation, translation = np.array(operation.rot) // gemmi.Op.DEN, np.array(operation.tran)
        centring = np.array_equal(rotation, one)
        if (centring and translation.any()) or (not centring and round(np.linalg.det(rotation - one)) == 0):
            held.setdefault(rotation.tobytes() + (translation.tobytes() if centring else b""), (rotation, translation))
    rotations, translations = zip(*held.values(), strict=True)
    return np.stack(rotations), np.stack(translations)


def _name(group: int, lattice: str) -> str:
    """Lattice letter and the rules on h00, 0kl and hhl beyond the centring, read off the operations."""
    plain = ExtinctionClass(lattice, (group,), lattice)
    rules = []
    reach = np.arange(1, 9)
    planes = {
        "0kl": [(0, k, m) for k in reach for m in reach if k != m],
        "hhl": [(h, h, m) for h in reach for m in reach if h != m],
        "h00": [(h, 0, 0) for h in reach],
    }
    conditions = {
        "0kl": {
            "k=2n": lambda i: i[:, 1],
            "k+l=2n": lambda i: i[:, 1] + i[:, 2],
            "k+l=4n": lambda i: i[:, 1] + i[:, 2],
        },
        "hhl": {"l=2n": lambda i: i[:, 2], "2h+l=4n": lambda i: i.sum(1)},
        "h00": {"h=2n": lambda i: i[:, 0], "h=4n": lambda i: i[:, 0]},
    }
    seen_planes = False
    for plane, listed in planes.items():
        indices = np.array(listed)
        centred = plain.centring_allowed(indices)
        allowed = reflection_allowed(group, indices)
        if np.array_equal(allowed, centred) or (plane == "h00" and seen_planes):
            continue
        fitting = [
            text
            for text, value in conditions[plane].items()
            if np.array_equal(allowed, centred & (value(indices) % int(text[-2]) == 0))
        ]
        rules.append(f"{plane}:{fitting[0]}" if fitting else f"{plane}:special")
        seen_planes = True
    return " ".join([lattice, *rules])


def _whole(hkl: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
    indices = np.asarray(hkl)
    whole = indices.dtype == np.int64 or bool(np.equal(indices, np.round(indices)).all())
    if indices.ndim == 0 or indices.shape[-1] != 3 or not whole:
        raise InputError(f"hkl of shape {indices.shape}: expected whole numbers h, k, l along the last axis")
    return indices.astype(np.int64, copy=False)
