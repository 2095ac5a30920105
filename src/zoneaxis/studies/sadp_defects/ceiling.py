"""Ceiling: what spot patterns can tell when nothing is learned: the most alike of many stored patterns answers.

Two sets of templates ask two questions. The tested patterns themselves: what do turn and camera leave of them? The
patterns of the training: how far does likeness to other crystals of a group reach?

    template: picture of a still camera -> polar cells -> less the mean of each ring
    test:     turn at random -> picture of the laboratory camera -> polar cells -> less the mean of each ring

A still camera blurs as the laboratory camera does on average and counts without chance. Taking the mean of each ring
away removes the inelastic background, which would otherwise decide the correlation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.instrument.diffraction_camera import DiffractionCamera
from zoneaxis.learn.calibrate import fit_temperature
from zoneaxis.learn.grouping import Grouping
from zoneaxis.learn.stored_patterns import StoredPatterns
from zoneaxis.learn.template_classifier import SHARPNESS, TemplateClassifier
from zoneaxis.recipes.sadp_classes import SADPClasses, standard_zone
from zoneaxis.recipes.sadp_input import SCALE, PolarInput, through_camera
from zoneaxis.techniques.sadp.zones import zone_net

SIZE = 64
"""Rings and angles. Source: our choice, as coarse as the spots of 128 px are wide."""
STRETCH: Final = "root"
"""Of the grey values. Source: our choice, after 320 of the tested pictures: the ceiling is a few points flattered."""
AVERAGED = ("spot_sigma_px", "tail_share", "inelastic_ratio", "inelastic_decay", "saturated_share")
"""Parameters of the laboratory camera that the still camera has at the middle of their ranges; the others are ideal."""
STILL_GAMMA = 0.5
"""Display map of the still camera. Source: our choice, the geometric middle of the laboratory's 0.25 to 1."""
PICTURES_AT_ONCE = 128
"""Prepared together, to bound memory."""
TEMPERATURE = 4.0
"""Of the logits unless fitted. Source: our measurement; the tested patterns themselves as templates ask for 2, those of
other crystals for 8. The best of pooled answers does not depend on it."""
LEAST_CALIBRATED = 20
"""Pictures that a temperature is fitted on at least. Source: our choice."""

ALIKE = 0.98
"""Correlation from which two patterns count as alike. Source: our choice; the laboratory camera leaves 0.89 in the
median between a picture and its own template."""
UNIT_FIRST, UNIT_LAST = 0.5, 2.5
"""Rings compared at any size of the cell, over the shortest reflection of the zone. Source: our choice; further out
the smallest cells leave the picture."""
MISSING = "–"


def still_camera() -> DiffractionCamera:
    """The laboratory camera at the middle of its ranges, without chance, beam stop or rounding."""
    laboratory = DiffractionCamera.laboratory()
    middle = {name: sum(getattr(laboratory, name)) / 2 for name in AVERAGED}
    ranges: dict[str, Any] = {name: (value, value) for name, value in middle.items()}
    return replace(DiffractionCamera.ideal(), gamma=(STILL_GAMMA, STILL_GAMMA), **ranges)


def prepared_templates(templates: StoredPatterns) -> np.ndarray:
    """Templates (t, 64, 64) float32 as `ceiling_answers` compares them; 1.3 ms each, worth keeping."""
    return _still(templates, _input()).numpy()


def ceiling_answers(
    templates: StoredPatterns,
    tests: StoredPatterns,
    classes: SADPClasses,
    seed: int,
    *,
    chosen: np.ndarray | None = None,
    temperature: float = TEMPERATURE,
    prepared: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Which group the most alike template of each test pattern has, after a turn at random and a laboratory camera.

    The picture of a test pattern depends on the seed and its place in `tests` alone, so that several processes can
    share the places. 5 ms a picture and 0.8 ms for every 1000 templates.

    Args:
        templates: known patterns; those of groups outside `classes` do not count.
        tests: patterns to be read, with labels per_angstrom_per_px.
        classes: its groups are the answers; zones are not asked for.
        seed: of turns and camera.
        chosen: (n,) places in `tests`; all by default.
        temperature: divides the logits; see `fitted_temperature`.
        prepared: `prepared_templates(templates)`, where it is at hand.

    Returns:
        places (n,); probabilities (n, groups) float32; correlations (n, groups) float32 with the best template of
        each group, 1 for the template itself.

    Raises InputError for a group without a template, places outside the tests, or prepared templates that do not fit.
    """
    places = np.arange(len(tests)) if chosen is None else np.asarray(chosen)
    if len(places) and (places.min() < 0 or places.max() >= len(tests)):
        raise InputError(f"ceiling: places {places.min()} to {places.max()}: there are {len(tests)} test patterns")
    known = _classifier(templates, classes, prepared)
    shown = _shown(tests, places, seed)
    correlations = known.correlations(shown) if len(places) else torch.zeros(0, len(classes.groups))
    probabilities = (SHARPNESS * correlations / temperature).softmax(-1)
    return {"places": places, "probabilities": probabilities.numpy(), "correlations": correlations.numpy()}


def fitted_temperature(
    templates: StoredPatterns,
    known: StoredPatterns,
    classes: SADPClasses,
    seed: int,
    *,
    most: int = 400,
    prepared: np.ndarray | None = None,
) -> float:
    """Temperature at which the probabilities fit patterns of crystals that are not tested, such as validation ones.

    most: patterns used, spread evenly over `known`. For templates that are the tested patterns themselves, give the
    validation patterns as templates and as known ones.

    Raises InputError for fewer than 20 patterns of the classes' groups, and as `ceiling_answers`.
    """
    groups = classes.group_numbers(known.labels)
    usable = np.flatnonzero(groups >= 0)
    if len(usable) < LEAST_CALIBRATED:
        raise InputError(f"ceiling: {len(usable)} known patterns of these groups; expected at least {LEAST_CALIBRATED}")
    chosen = usable[np.linspace(0, len(usable) - 1, min(most, len(usable))).round().astype(int)]
    found = ceiling_answers(templates, known, classes, seed, chosen=chosen, prepared=prepared)
    return fit_temperature(SHARPNESS * torch.from_numpy(found["correlations"]), torch.from_numpy(groups[chosen]).long())


@dataclass(frozen=True)
class Alike:
    """How alike patterns of two groups along one zone are.

    zone: [uvw] of the standard triangle; groups: the two, or twice the same for different crystals of one group;
    share: of the patterns of both that have a counterpart with a correlation above the limit; best: largest
    correlation; patterns: of both groups.
    """

    zone: tuple[int, int, int]
    groups: tuple[int, int]
    share: float
    best: float
    patterns: int


def alike(
    templates: StoredPatterns, classes: SADPClasses, *, limit: float = ALIKE, any_size: bool = False
) -> list[Alike]:
    """Pairs of groups whose noise-free patterns along a zone cannot be told apart, zone by zone.

    Compared are patterns of different crystals at their best turn, either side of the foil. Two of one group are the
    yardstick: they differ by atoms, thickness and size of the cell too.

    Args:
        templates: patterns with labels space_group, structure, u, v, w, per_angstrom_per_px (and
            lattice_parameter_angstrom).
        classes: groups and zones.
        limit: correlation from which two patterns are alike.
        any_size: rings over the shortest reflection of the zone, as if the size of the cell were not known; else in
            1/Å, where two patterns must also have the same lattice parameter.

    Returns every zone with every pair of groups of which there are patterns. Raises InputError for a limit outside 0
    to 1.
    """
    if not 0 < limit < 1:
        raise InputError(f"alike: limit = {limit}: expected 0 to 1, a correlation")
    groups = classes.group_numbers(templates.labels)
    zones = [standard_zone(axis) for axis in zip(*(templates.labels[name].tolist() for name in "uvw"), strict=True)]
    found = []
    for zone in classes.zones:
        chosen = np.array([place for place, own in enumerate(zones) if own == zone and groups[place] >= 0], dtype=int)
        if len(chosen) < 2:
            continue
        between = _mutual(templates, chosen, zone if any_size else None)
        crystal = np.asarray(templates.labels["structure"])[chosen]
        between[crystal[:, None] == crystal[None]] = -1.0
        for first, second in itertools.combinations_with_replacement(range(len(classes.groups)), 2):
            ours, theirs = groups[chosen] == first, groups[chosen] == second
            part = between[np.ix_(ours, theirs)]
            if not part.size:
                continue
            nearest = np.concatenate([part.max(1), part.max(0)])
            pair = (classes.groups[first], classes.groups[second])
            found.append(Alike(zone, pair, float((nearest > limit).mean()), float(part.max()), int(nearest.size)))
    return found


def alike_table(rows: Sequence[Alike]) -> str:
    """Markdown: zones against pairs of groups; per cent of the patterns with a counterpart, and the best correlation.

    The last column is the same for other crystals of a pattern's own group, mean over the groups; the last line the
    mean share and the best of all zones.
    """
    pairs = sorted({row.groups for row in rows if row.groups[0] != row.groups[1]})
    zones = list(dict.fromkeys(row.zone for row in rows))
    lines = [_line(f"[{''.join(map(str, zone))}]", [row for row in rows if row.zone == zone], pairs) for zone in zones]
    heads = ["zone", *(f"{first}, {second}" for first, second in pairs), "same group"]
    rule = "|---|" + "---:|" * (len(heads) - 1)
    return "\n".join(["| " + " | ".join(heads) + " |", rule, *lines, _line("all", rows, pairs)]) + "\n"


def _line(name: str, rows: Sequence[Alike], pairs: Sequence[tuple[int, int]]) -> str:
    of = [[row for row in rows if row.groups == pair] for pair in pairs]
    of.append([row for row in rows if row.groups[0] == row.groups[1]])
    return f"| {name} | " + " | ".join(map(_entry, of)) + " |"


def _entry(rows: Sequence[Alike]) -> str:
    if not rows:
        return MISSING
    return f"{100 * float(np.mean([row.share for row in rows])):.0f} ({max(row.best for row in rows):.2f})"


def _input(zone: Any = None) -> PolarInput:
    """Polar cells of a known camera, in 1/Å or over the shortest reflection of a zone."""
    if zone is None:
        return PolarInput(size=SIZE, stretch=STRETCH)
    return PolarInput(size=SIZE, stretch=STRETCH, first=UNIT_FIRST, last=UNIT_LAST)


def _classifier(templates: StoredPatterns, classes: SADPClasses, prepared: np.ndarray | None) -> TemplateClassifier:
    """Every group is a class: the best template of any of its zones counts."""
    cells = _still(templates, _input()) if prepared is None else torch.from_numpy(np.asarray(prepared)).float()
    if len(cells) != len(templates):
        raise InputError(f"ceiling: {len(cells)} prepared templates for {len(templates)} patterns")
    groups = classes.group_numbers(templates.labels)
    absent = sorted(set(range(len(classes.groups))) - set(groups.tolist()))
    if absent:
        raise InputError(f"ceiling: no template of group {classes.groups[absent[0]]}; expected one of each")
    names = tuple(str(group) for group in classes.groups)
    counted = groups >= 0
    return TemplateClassifier.fit(
        cells[torch.from_numpy(counted)], torch.from_numpy(groups[counted]), Grouping(names, names)
    )


def _still(
    stored: StoredPatterns, form: PolarInput, chosen: np.ndarray | None = None, unit: np.ndarray | None = None
) -> Tensor:
    """Cells of patterns as a still camera shows them; unit (n,): 1/Å that count as 1."""
    places = np.arange(len(stored)) if chosen is None else chosen
    camera, generator, parts = still_camera(), torch.Generator().manual_seed(0), []
    for start in range(0, len(places), PICTURES_AT_ONCE):
        some = places[start : start + PICTURES_AT_ONCE]
        pictures = through_camera(stored.intensity(some), camera, generator)
        of = 1.0 if unit is None else unit[start : start + PICTURES_AT_ONCE]
        parts.append(_cells(pictures, np.asarray(stored.labels[SCALE])[some] / of, form))
    return torch.cat(parts) if parts else torch.zeros(0, SIZE, SIZE)


def _shown(stored: StoredPatterns, places: np.ndarray, seed: int) -> Tensor:
    """Cells of patterns turned at random and shown by the laboratory camera, each with a chance of its own."""
    camera, parts = DiffractionCamera.laboratory(), []
    for start in range(0, len(places), PICTURES_AT_ONCE):
        some = places[start : start + PICTURES_AT_ONCE]
        pictures = []
        for place, intensity in zip(some.tolist(), stored.intensity(some), strict=True):
            state = int(np.random.SeedSequence([seed, place]).generate_state(1, np.uint64)[0] >> 1)
            generator = torch.Generator().manual_seed(state)
            angle = 2 * math.pi * float(torch.rand((), generator=generator))
            pictures.append(through_camera(_turned(intensity[None], angle), camera, generator))
        parts.append(_cells(torch.cat(pictures), np.asarray(stored.labels[SCALE])[some], _input()))
    return torch.cat(parts) if parts else torch.zeros(0, SIZE, SIZE)


def _turned(pictures: Tensor, angle_rad: float) -> Tensor:
    """Pictures (n, size, size) turned about their middle, read by linear interpolation, dark beyond their edges."""
    cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
    turn = pictures.new_tensor([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
    shape = (len(pictures), 1, *pictures.shape[1:])
    grid = F.affine_grid(turn.expand(len(pictures), 2, 3), list(shape), align_corners=False)
    return F.grid_sample(pictures[:, None], grid, mode="bilinear", align_corners=False)[:, 0]


def _cells(pictures: Tensor, per_angstrom_per_px: np.ndarray, form: PolarInput) -> Tensor:
    """Polar cells less the mean of each ring; only the disc that every turn of the picture holds counts."""
    size = pictures.shape[-1]
    away = torch.arange(size) - (size - 1) / 2
    disc = torch.hypot(away[:, None], away[None]) <= (size - 1) / 2
    cells = form.prepared(pictures * disc, torch.from_numpy(np.asarray(per_angstrom_per_px, dtype=np.float64)))
    return cells - cells.mean(-1, keepdim=True)


def _mutual(stored: StoredPatterns, chosen: np.ndarray, zone: tuple[int, int, int] | None) -> np.ndarray:
    """Correlations (n, n) of patterns with one another at their best turn, mirrored or not."""
    unit = None
    if zone is not None:
        group, edge = stored.labels["space_group"][chosen], stored.labels["lattice_parameter_angstrom"][chosen]
        shortest = [math.sqrt(zone_net(int(number), zone).gram[0, 0]) for number in group.tolist()]
        unit = np.array(shortest) / np.asarray(edge, dtype=np.float64)
    cells = _still(stored, _input(zone), chosen, unit)
    names = tuple(str(place) for place in range(len(chosen)))
    every = TemplateClassifier.fit(cells, torch.arange(len(chosen)), Grouping(names, names), mirrored=True)
    return every.correlations(cells).numpy()
