"""Lattice fit: from the nets of one or several pictures to lattice parameter, extinction class, group and strain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoneaxis.errors import InputError
from zoneaxis.techniques.sadp.alternatives import fit_nets
from zoneaxis.techniques.sadp.class_fit import (
    ClassFit,
    SeenNets,
    class_fit,
    log_sum,
    log_without_lattice,
    seen_nets,
)
from zoneaxis.techniques.sadp.extinction import extinction_classes
from zoneaxis.techniques.sadp.group_prior import KNOWN_GROUPS, OTHER, class_log_prior, group_shares
from zoneaxis.techniques.sadp.matching import DISTORTION, forms, net_strain
from zoneaxis.techniques.sadp.net import Net
from zoneaxis.techniques.sadp.spots import Spots
from zoneaxis.techniques.sadp.zones import STANDARD_ZONES, Axis

Array = NDArray[np.float64]

LARGEST_STRAIN = 0.03
"""Strain of the nets above which a crystal is no longer called cubic. Source: our choice; metals yield far below, and
nets of a cell stretched by 6 % differ from cubic ones by 4 % at most."""

SURE_MISFIT = 4.0
"""Misfit, in uncertainties, from which a strain is believed. Source: our choice; chance of 1e-4 and room for errors of
the camera."""

NOT_CUBIC_PRIOR = 0.1
"""Prior probability of a crystal that is not cubic. Source: our choice."""

LEAST_PLACED = 0.5
"""Share of the nets that must fit one lattice. Source: our choice; one net in eight of simulated pictures is wrong, and
in pictures of few spots every second one."""

DECIDED = 0.9
"""Probability of a group from which one picture alone decides. Source: our choice."""


@dataclass(frozen=True)
class PictureFit:
    """One picture in the light of the lattice.

    Attributes:
        zone: [uvw] up to the symmetry of the cube; None where the picture shows no net or fits no zone.
        hkl: (2, 3) indices of the two vectors of its net; None likewise.
        strain: (2, 2) of the net, x right, y down; a positive e_xx is a crystal stretched along x. Without camera only
            its part without trace is known.
        strain_sigma: (3,) uncertainties of e_xx, e_yy, e_xy, lens distortion included.
        significance: size of the strain in uncertainties, per degree of freedom.
        decides: whether this picture alone names one group with 90 %.
        net: the net, None without one.
    """

    zone: Axis | None
    hkl: NDArray[np.int64] | None
    strain: Array
    strain_sigma: Array
    significance: float
    decides: bool
    net: Net | None


@dataclass(frozen=True)
class LatticeFit:
    """What the spot positions of all pictures say.

    Attributes:
        probabilities: of the known groups and of `other`. They share what no absence tells apart by the prior: 225 and
            216, 221 and 215, 229 and 217 have the same absences.
        classes: probabilities of the extinction classes, the best first, and of "not cubic".
        best_class: name of the best extinction class.
        groups: all space groups of that class.
        a_angstrom, a_sigma_angstrom: lattice parameter; None without camera.
        misfit: size of the strains in uncertainties, root mean square over pictures; about 1 for a cubic crystal.
        strain: root mean square over pictures of the largest principal strain of their nets.
        share_of_spots: of the nets, mean over the pictures; second nets included.
        pictures: one entry for each picture.
        undecided: numbers of the pictures that alone do not decide.
        unknown: whether no known group is the answer.
        reason: one sentence.
    """

    probabilities: dict[int | str, float]
    classes: dict[str, float]
    best_class: str | None
    groups: tuple[int, ...]
    a_angstrom: float | None
    a_sigma_angstrom: float | None
    misfit: float
    strain: float
    share_of_spots: float
    pictures: tuple[PictureFit, ...]
    undecided: tuple[int, ...]
    unknown: bool
    reason: str

    @property
    def space_group(self) -> int | str:
        """The most probable answer: a known group or `other`."""
        return max(self.probabilities, key=lambda group: self.probabilities[group])


def fit_lattice(
    spot_lists: Sequence[Spots],
    per_angstrom_per_px: float | Sequence[float | None] | None = None,
    *,
    zones: Sequence[Axis] = STANDARD_ZONES,
    known_groups: Sequence[int] = KNOWN_GROUPS,
    double_diffraction: bool = False,
    largest_strain: float = LARGEST_STRAIN,
    nets: Sequence[Sequence[Net]] | None = None,
) -> LatticeFit:
    """Fit all extinction classes of the cubic groups to the pictures of one crystal.

    For each class and each assignment of zones the nets must have the metric of the class with one lattice parameter.
    Classes are then compared by the absences: families of reflections count once over all pictures. A class without
    rules does not win by allowing everything, because each missing family counts against it.

    Args:
        spot_lists: spots of each picture.
        per_angstrom_per_px: scale at the centre of every picture, as it was before it was magnified for its spots; one
            number for all or one for each; None where the camera is not known: then only the shape of that net counts.
        zones: axes that are considered.
        known_groups: the groups that are answers; all others are `other`.
        double_diffraction: whether screw and glide absences may be filled, as in thick crystals.
        largest_strain: strain above which the answer is unknown.
        nets: of each picture, as `fit_nets` gives them; None: they are fitted here.

    Raises:
        InputError: no picture; a scale that is not positive; as many scales as pictures expected; no zone.
    """
    given = _steps(per_angstrom_per_px, len(spot_lists))
    steps = [step and step / spots.magnification for step, spots in zip(given, spot_lists, strict=True)]
    axes = tuple((int(u), int(v), int(w)) for u, v, w in zones)
    if not axes:
        raise InputError("zones = []: expected at least one axis [uvw]")
    known = tuple(int(group) for group in known_groups)
    shown = [fit_nets(spots) for spots in spot_lists] if nets is None else nets
    if len(shown) != len(spot_lists):
        raise InputError(f"nets: {len(shown)} lists, expected one for each of {len(spot_lists)} pictures")
    first = [some[0] if some else None for some in shown]
    pictures = [seen_nets(*entry) for entry in zip(spot_lists, shown, steps, strict=True)]
    used = [picture for picture in pictures if picture is not None]
    if not used:
        return _nothing(first, known)
    entries = extinction_classes()
    tables = {entry.name: forms(entry, axes) for entry in entries}
    fits = [class_fit(entry, tables[entry.name], used, double_diffraction) for entry in entries]
    priors = [class_log_prior(entry, known) + math.log(1 - NOT_CUBIC_PRIOR) for entry in entries]
    scores = np.array([fit.log_likelihood + prior for fit, prior in zip(fits, priors, strict=True)])
    free = math.log(NOT_CUBIC_PRIOR) + sum(log_without_lattice(picture) for picture in used)
    chances = np.exp(np.append(scores, free) - log_sum(np.append(scores, free)))
    best = fits[int(np.argmax(scores))]
    probabilities: dict[int | str, float] = {**dict.fromkeys(known, 0.0), OTHER: float(chances[-1])}
    for entry, chance in zip(entries, chances[:-1], strict=True):
        for group, share in group_shares(entry, known).items():
            probabilities[group] += float(chance) * share
    named = {**dict(zip([entry.name for entry in entries], chances, strict=False)), "not cubic": chances[-1]}
    alone = [_decides(fits, priors, number, known) for number in range(len(used))]
    described, number = [], 0
    for net, picture in zip(first, pictures, strict=True):
        if picture is None:
            described.append(_empty(net))
        else:
            described.append(_described(picture, best, number, alone[number]))
            number += 1
    chi2 = [entry.significance**2 for entry in described if entry.zone is not None]
    sizes = [float(np.abs(np.linalg.eigvalsh(entry.strain)).max()) for entry in described if entry.zone is not None]
    misfit = float(np.sqrt(np.mean(chi2))) if chi2 else math.inf
    strain = float(np.sqrt(np.mean(np.square(sizes)))) if sizes else math.inf
    answers = {**_by_answer(fits, chances, known), "not cubic": float(chances[-1])}
    unknown, reason = _verdict(answers, best, described, misfit, strain, largest_strain)
    a = None if best.log_a is None else float(np.exp(best.log_a))
    return LatticeFit(
        probabilities=probabilities,
        classes={name: float(named[name]) for name in sorted(named, key=lambda name: -named[name])},
        best_class=best.entry.name,
        groups=best.entry.groups,
        a_angstrom=a,
        a_sigma_angstrom=None if a is None else a * best.log_a_sigma,
        misfit=misfit,
        strain=strain,
        share_of_spots=float(np.mean([entry.net.share_with_second for entry in described if entry.net is not None])),
        pictures=tuple(described),
        undecided=tuple(n for n, entry in enumerate(described) if not entry.decides),
        unknown=unknown,
        reason=reason,
    )


def _steps(given: float | Sequence[float | None] | None, count: int) -> list[float | None]:
    if not count:
        raise InputError("spot_lists = []: expected the spots of at least one picture")
    steps = [given] * count if given is None or isinstance(given, int | float) else list(given)
    if len(steps) != count:
        raise InputError(f"per_angstrom_per_px: {len(steps)} scales, expected one for each of {count} pictures")
    for step in steps:
        if step is not None and not (math.isfinite(step) and step > 0):
            raise InputError(f"per_angstrom_per_px = {step}: expected a positive scale in 1/Å, or None")
    return [None if step is None else float(step) for step in steps]


def _decides(fits: list[ClassFit], priors: list[float], number: int, known: tuple[int, ...]) -> bool:
    scores = np.array([fit.alone[number] + prior for fit, prior in zip(fits, priors, strict=True)])
    chances = np.exp(scores - log_sum(scores))
    return max(_by_answer(fits, chances, known).values()) >= DECIDED


def _by_answer(fits: list[ClassFit], chances: Array, known: tuple[int, ...]) -> dict[int | str, float]:
    """Chances of the classes, each given whole to its most common group: what absences can decide."""
    total: dict[int | str, float] = {}
    for fit, chance in zip(fits, chances, strict=False):
        shares = group_shares(fit.entry, known)
        group = max(shares, key=lambda name: shares[name])
        total[group] = total.get(group, 0.0) + float(chance)
    return total


def _empty(net: Net | None) -> PictureFit:
    return PictureFit(None, None, np.zeros((2, 2)), np.full(3, np.inf), 0.0, False, net)


def _described(picture: SeenNets, best: ClassFit, number: int, decides: bool) -> PictureFit:
    chosen = best.chosen[number]
    if chosen is None:
        return _empty(picture.nets[0])
    net, line = picture.nets[chosen[0]], chosen[1]
    hkl = best.table.hkl[line]
    known_scale = best.log_a is not None and picture.step is not None
    log_a_px = math.log(picture.step) + best.log_a if known_scale else best.log_a_px[number]  # type: ignore[arg-type, operator]
    strain, covariance = net_strain(net, hkl, math.exp(log_a_px))
    covariance = covariance + DISTORTION**2 * np.diag([1.0, 1.0, 0.5])
    parts = np.array([strain[0, 0], strain[1, 1], strain[0, 1]])
    if not known_scale:
        flat = np.array([[0.5, -0.5, 0.0], [0.0, 0.0, 1.0]])
        strain = strain - np.eye(2) * np.trace(strain) / 2
        parts, size = flat @ parts, flat @ covariance @ flat.T
    else:
        size = covariance
    significance = math.sqrt(float(parts @ np.linalg.solve(size, parts)) / len(parts))
    sigma = np.sqrt(np.diag(covariance))
    return PictureFit(best.table.zones[line], hkl, strain, sigma, significance, decides, net)


def _verdict(
    answers: dict[int | str, float],
    best: ClassFit,
    described: list[PictureFit],
    misfit: float,
    strain: float,
    largest_strain: float,
) -> tuple[bool, str]:
    placed = sum(entry.zone is not None for entry in described)
    shown = sum(entry.net is not None and entry.net.tested for entry in described)
    answer, rival = sorted(answers, key=lambda group: -answers[group])[:2]
    if answers["not cubic"] > 0.5:
        return True, f"the nets of {shown} pictures fit no cubic lattice"
    if placed < LEAST_PLACED * shown:
        return True, f"only {placed} of {shown} nets fit one cubic lattice"
    if strain > largest_strain and misfit > SURE_MISFIT:
        return True, f"the nets differ from cubic ones by {100 * strain:.1f} %, {misfit:.0f} times their uncertainty"
    if answer == OTHER:
        groups = ", ".join(str(group) for group in best.entry.groups)
        return True, f"the absent reflections are those of {best.entry.name} (space groups {groups})"
    strained = f", strained by {100 * strain:.1f} %" if misfit > SURE_MISFIT else ""
    if answers[answer] < DECIDED:
        return False, f"{answer} or {rival}: these pictures do not decide between their absences{strained}"
    return False, f"{placed} of {shown} nets fit {best.entry.name}{strained}"


def _nothing(nets: list[Net | None], known: tuple[int, ...]) -> LatticeFit:
    probabilities: dict[int | str, float] = dict.fromkeys(known, 0.0)
    probabilities[OTHER] = 1.0
    return LatticeFit(
        probabilities=probabilities,
        classes={},
        best_class=None,
        groups=(),
        a_angstrom=None,
        a_sigma_angstrom=None,
        misfit=math.inf,
        strain=math.inf,
        share_of_spots=0.0,
        pictures=tuple(_empty(net) for net in nets),
        undecided=tuple(range(len(nets))),
        unknown=True,
        reason="no picture shows a net of three pairs of spots or more",
    )
