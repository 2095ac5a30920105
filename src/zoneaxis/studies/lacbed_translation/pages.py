"""Pages: every table of the study in full, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from zoneaxis.studies.lacbed_translation.data import Pairs
from zoneaxis.studies.lacbed_translation.protocol import DIRECTIONS, SPLITS, Key, Task
from zoneaxis.studies.lacbed_translation.rows import SCORES, Row, by_method
from zoneaxis.studies.lacbed_translation.verdicts import over_seeds

MISSING = "–"


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the first column is text, the others numbers."""
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(headings) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def shown(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits, without an exponent where that is short."""
    if value is None or not np.isfinite(value):
        return MISSING
    if value == 0 or 1e-4 <= abs(value) < 1e5:
        return f"{value:.{digits}g}" if abs(value) < 100 else f"{value:.0f}"
    return f"{value:.{digits - 1}e}"


def scores_table(rows: Sequence[Row], groups: np.ndarray) -> str:
    """Methods against scores: mean over seeds ± their standard deviation, then the 95 % interval over topologies.

    The interval is that of the first seed, whole topologies drawn anew.
    """
    headings = ["method", "images", "seeds"]
    for title in SCORES.values():
        headings += [title, "95 % over topologies"]
    body = []
    for method, of in by_method(rows).items():
        entries = [method, str(len(of[0].places)), str(len(of)) if of[0].seed is not None else MISSING]
        if of[0].failed:
            entries[1] += f" ({of[0].failed} without an answer of its own)"
        for score in SCORES:
            mean, spread = over_seeds(of, score)
            interval = of[0].summary(score, groups)
            entries.append(shown(mean) + (f" ± {shown(spread, 2)}" if len(of) > 1 else ""))
            entries.append(f"{shown(interval['low'])} to {shown(interval['high'])}")
        body.append(entries)
    return markdown(headings, body)


def topologies_table(rows: Sequence[Row], groups: np.ndarray) -> str:
    """MSE of methods for each topology of the test part, the hardest for the first method last."""
    of = by_method(rows)
    names = np.unique(np.concatenate([groups[row.places] for row in rows]))
    body = []
    for name in names:
        errors = []
        for several in of.values():
            chosen = groups[several[0].places] == name
            errors.append(float(np.mean([row.scores["mse"][chosen] for row in several])) if chosen.any() else None)
        body.append((name, int((groups[rows[0].places] == name).sum()), errors))
    body.sort(key=lambda line: -1.0 if line[2][0] is None else line[2][0])
    lines = [[str(name), str(count), *map(shown, errors)] for name, count, errors in body]
    return markdown(["topology", "images", *(f"MSE, {method}" for method in of)], lines)


def data_text(pairs: Pairs, accuracy: Mapping[str, Any], tasks: Mapping[Key, Task]) -> str:
    """What the data set holds, how long it took, and how exact it is."""
    a = pairs.lattice_parameter
    text = (
        f"{len(pairs)} crystals of {len(np.unique(pairs.prototype))} topologies, {len(np.unique(pairs.crystal))} "
        f"formulas, a = {a.min():.2f} to {a.max():.2f} Å. "
    )
    if pairs.minutes:
        text += f"{len(pairs) / pairs.minutes:.0f} crystals a minute in {pairs.workers} processes. "
    rms, relative = accuracy["rms"], accuracy["relative"]
    text += (
        f"Discs against three times the beams, {len(rms)} crystals: rms of the intensity "
        f"{np.sqrt(np.mean(rms**2)):.4f} over all, {np.median(rms):.4f} in the median, {rms.max():.4f} in the worst; "
        f"over the brightest pixel {np.sqrt(np.mean(relative**2)):.3f}, {np.median(relative):.3f} and "
        f"{relative.max():.3f}.\n\n"
    )
    body = []
    for (direction, split), task in tasks.items():
        parts = (task.train, task.validation, task.test)
        entry = [f"{part.size} ({len(np.unique(task.groups[part]))})" for part in parts]
        scale = MISSING if task.scale is None else f"{task.scale:.1f}"
        body.append([f"{DIRECTIONS[direction]}, {SPLITS[split]}", *entry, scale])
    heads = ["task", "training (topologies)", "validation", "test", "density drawn as 1 (e/Å³)"]
    return text + markdown(heads, body)


def timing_table(timing: Mapping[str, float], minutes: Mapping[str, float]) -> str:
    """One disc by each road, and what the networks cost to train."""
    names = {"torch": "U-Net, torch", "onnxruntime": "U-Net, onnxruntime", "engine": "engine"}
    text = markdown(["one disc, one thread", "ms"], [[title, shown(timing[name])] for name, title in names.items()])
    return text + "\n" + markdown(["training", "minutes"], [[name, shown(value)] for name, value in minutes.items()])


def zincblende_table(found: Mapping[str, Any]) -> str:
    """rms distances between the discs, and the error of each."""
    names = list(found["errors"])
    body = []
    for first in names:
        both = [(f"{first} {second}", f"{second} {first}") for second in names]
        pairs = [found["distances"].get(one, found["distances"].get(other)) for one, other in both]
        body.append([first, *map(shown, pairs), shown(found["errors"][first])])
    return markdown(["rms distance", *names, "error"], body)


def curve_table(curve: Sequence[tuple[int, Row]]) -> str:
    """Crystals in training against scores."""
    counts = sorted({count for count, _ in curve})
    body = []
    for count in counts:
        of = [row for number, row in curve if number == count]
        body.append([str(count), str(len(of)), *(shown(over_seeds(of, score)[0]) for score in SCORES)])
    return markdown(["crystals in training", "seeds", *SCORES.values()], body)


def section(title: str, *parts: str) -> str:
    """A heading and what stands under it."""
    return f"## {title}\n\n" + "\n\n".join(part.rstrip() for part in parts) + "\n\n"
