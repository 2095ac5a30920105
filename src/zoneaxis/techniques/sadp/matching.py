"""Matching: which zones of which cubic lattices have the metric of an observed net, at what lattice parameter."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from zoneaxis.techniques.sadp.extinction import ExtinctionClass
from zoneaxis.techniques.sadp.net import Net
from zoneaxis.techniques.sadp.zones import Axis, zone_net

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

DISTORTION = 0.0015
"""Relative error of a net that no counting explains: lens distortion, bent spots. Source: our choice; projector lenses
are good to one or two parts in a thousand."""

LARGEST_MISFIT = 0.09
"""Largest distortion of a net against a cubic one at which they are compared. Source: our choice; the tests go to a
strain of 6 % and a shear of 0.1 rad."""

LARGEST_INDEX = 2
"""A net may hold every node or every second one of what the class allows, when the others are faint.
Source: our choice."""


@dataclass(frozen=True)
class Forms:
    """The ways in which the nets of one class can look, one line for each zone and choice of basis.

    Attributes:
        zones: of each line.
        hkl: (m, 2, 3) indices of the two vectors of a net.
        gram: (m, 2, 2) their scalar products in 1/a^2.
        index: (m,) nodes of the class for each node of the net.
        alike: (m,) number of lines of the same zone and index with the same gram.
    """

    zones: tuple[Axis, ...]
    hkl: Whole
    gram: Array
    index: Whole
    alike: Whole


@dataclass(frozen=True)
class Matches:
    """Lines of `Forms` that fit one of the nets of a picture.

    Attributes:
        net: (m,) number of the net.
        line: (m,) number in the forms.
        log_a: (m,) logarithm of a, in Å where the camera is known, otherwise a times the scale of a pixel.
        misfit: (m,) distortion: half the difference of the logarithmic principal stretches.
    """

    net: Whole
    line: Whole
    log_a: Array
    misfit: Array


@cache
def forms(entry: ExtinctionClass, zones: tuple[Axis, ...]) -> Forms:
    """All bases, nearly reduced, of the nets that a class shows along the zones."""
    lines: list[tuple[Axis, Whole, int]] = []
    for zone in zones:
        basis = zone_net(entry.name, zone).basis_hkl
        seen = set()
        bases = [basis] if entry.keeps_order else [basis, basis[:, [1, 0, 2]]]
        for chosen, turn in itertools.product(bases, _turns()):
            hkl = turn @ chosen
            gram = hkl @ hkl.T
            least = min(gram[0, 0], gram[1, 1])
            longer = gram[0, 0] > 1.45 * gram[1, 1]
            if longer or not -0.2 * np.sqrt(gram[0, 0] * gram[1, 1]) <= gram[0, 1] <= 0.62 * least:
                continue
            key = _look(entry, hkl)
            if key not in seen:
                seen.add(key)
                lines.append((zone, hkl, round(abs(float(np.linalg.det(turn))))))
    hkls = np.stack([line[1] for line in lines])
    grams = hkls @ hkls.transpose(0, 2, 1)
    kinds = [(zone, index, gram.tobytes()) for (zone, _, index), gram in zip(lines, grams, strict=True)]
    count = {kind: kinds.count(kind) for kind in set(kinds)}
    return Forms(
        zones=tuple(line[0] for line in lines),
        hkl=hkls,
        gram=grams.astype(float),
        index=np.array([line[2] for line in lines]),
        alike=np.array([count[kind] for kind in kinds]),
    )


def matches(nets: Sequence[Net], table: Forms, per_angstrom_per_px: float | None) -> Matches:
    """The lines of a table that nets fit within `LARGEST_MISFIT`, and their lattice parameters."""
    step = 1.0 if per_angstrom_per_px is None else per_angstrom_per_px
    number, line, log_a, distortion = [], [], [], []
    for place, net in enumerate(nets):
        observed = net.basis_px @ net.basis_px.T * step**2
        relative = np.linalg.solve(table.gram, observed)
        trace, det = np.trace(relative, axis1=1, axis2=2), np.linalg.det(relative)
        root = np.sqrt(np.maximum(trace**2 / 4 - det, 0))
        low = np.maximum(trace / 2 - root, 1e-12)
        misfit = np.log((trace / 2 + root) / low) / 4
        fits = np.nonzero(misfit < LARGEST_MISFIT)[0]
        number.append(np.full(len(fits), place))
        line.append(fits)
        log_a.append(-np.log(det[fits]) / 4)
        distortion.append(misfit[fits])
    return Matches(*(np.concatenate(part) for part in (number, line, log_a, distortion)))


def net_strain(net: Net, hkl: Whole, a_px: float) -> tuple[Array, Array]:
    """Strain of a net against the cubic one, (2, 2) in the frame of the picture, and its covariance.

    The net is g = R (1 - e) g0 with g0 of the cubic crystal: a positive e_xx is a crystal stretched along x, to first
    order in e. R turns the crystal in the picture and is left out.

    Args:
        net: the observed net.
        hkl: (2, 3) indices of its basis.
        a_px: lattice parameter times the scale of a pixel, so that |g0| in pixels is |hkl| / a_px.

    Returns:
        e (2, 2), symmetric, x right and y down; covariance (3, 3) of (e_xx, e_yy, e_xy), from the spots alone.
    """
    gram = hkl @ hkl.T / a_px**2
    corner = np.linalg.cholesky(gram)
    # basis = corner @ Q @ (1 - e): polar decomposition, 1 - e acts in the frame of the picture.
    left, stretch, right = np.linalg.svd(np.linalg.solve(corner, net.basis_px))
    strain = np.eye(2) - right.T @ np.diag(stretch) @ right
    inverse = np.linalg.inv(net.basis_px)
    jacobian = np.zeros((3, 4))
    for number, (i, j) in enumerate(itertools.product(range(2), repeat=2)):
        change = np.zeros((2, 2))
        change[i, j] = 1.0
        turned = inverse @ change
        jacobian[:, number] = -turned[0, 0], -turned[1, 1], -(turned[0, 1] + turned[1, 0]) / 2
    return strain, jacobian @ net.covariance_px2 @ jacobian.T


def uncertainties(net: Net) -> tuple[float, float]:
    """Uncertainty of each component of the distortion of a net, and of the logarithm of its scale."""
    inverse = np.linalg.inv(net.basis_px)
    directions = np.array([[[1, 0], [0, -1]], [[0, 1], [1, 0]], [[1, 0], [0, 1]]]) / 2
    gradient = np.einsum("kab,ai->kib", directions, inverse).reshape(3, 4)
    variance = np.einsum("ki,ij,kj->k", gradient, net.covariance_px2, gradient)
    shape = float(np.sqrt(variance[:2].mean() + DISTORTION**2))
    return shape, float(np.sqrt(variance[2] + DISTORTION**2))


@cache
def _turns() -> tuple[Whole, ...]:
    """Whole 2 x 2 matrices of determinant up to `LARGEST_INDEX`, one of each pair +T, -T."""
    found = []
    for entries in itertools.product(range(-3, 4), repeat=4):
        turn = np.array(entries).reshape(2, 2)
        first = next((value for value in entries if value), 0)
        if first > 0 and 1 <= abs(entries[0] * entries[3] - entries[1] * entries[2]) <= LARGEST_INDEX:
            found.append(turn)
    return tuple(found)


def _look(entry: ExtinctionClass, hkl: Whole) -> tuple[tuple[int, ...], ...]:
    """What tells two bases apart when the point group of the class makes reflections alike."""
    vectors = [hkl[0], hkl[1], hkl[0] + hkl[1], hkl[0] - hkl[1], 2 * hkl[0] + hkl[1], hkl[0] + 2 * hkl[1]]
    return tuple(family(vector, entry.keeps_order) for vector in vectors)


def family(hkl: Sequence[int] | Whole, keeps_order: bool = True) -> tuple[int, ...]:
    """Name of the reflections that the point group m-3m makes alike, or m-3 where hkl and khl may differ."""
    sizes = [abs(int(value)) for value in hkl]
    if keeps_order:
        return tuple(sorted(sizes, reverse=True))
    return max((sizes[0], sizes[1], sizes[2]), (sizes[1], sizes[2], sizes[0]), (sizes[2], sizes[0], sizes[1]))
