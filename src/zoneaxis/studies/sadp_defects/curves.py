"""Curves: accuracy against strain and shear, against the zones read together, and how well unknown crystals are found.

What the papers report is drawn into the same axes. It is of their protocol, whose patterns of all crystals are split at
random and whose test crystals have one size and one turn; it is no bar for models of another protocol.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoneaxis.errors import InputError
from zoneaxis.report.figures import SIGNATURE
from zoneaxis.studies.style import GREY, INK, STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from zoneaxis.studies.sadp_defects.rows import Row
    from zoneaxis.studies.sadp_defects.strangers import Detection

Point = tuple[float, float, float, float]
"""Strength of the defect; accuracy, low and high end of its interval, as shares of 1."""

PAPER: Mapping[str, float] = {
    "validation": 92.607,
    "pristine": 98.65,
    "100 K": 94.57,
    "300 K": 90.13,
    "shear 0.03": 69.8,
    "vacancy low": 97.79,
    "vacancy high": 83.24,
    "substitution low": 97.55,
    "substitution high": 94.90,
    "carbon": 95.48,
    "dislocations": 7.97,
    "twins": 33.80,
}
"""Share of right answers [%]. Source: Jeong et al., RSC Adv. 14 (2024) 18489, text and table 2; validation: Ra et al.,
RSC Adv. 11 (2021) 38307, text."""


@dataclass(frozen=True)
class PaperCurve:
    """What a paper says of a curve.

    points: (strength, share right); flat_to: strength up to which it is flat at the first point; below: (strength,
    share): beyond that strength it lies below that share.
    """

    points: tuple[tuple[float, float], ...]
    flat_to: float | None = None
    below: tuple[float, float] | None = None


PAPER_STRETCH = PaperCurve(((0.0, PAPER["pristine"] / 100),), flat_to=0.025, below=(0.035, 0.80))
"""Aluminium stretched along a. Source: Jeong et al. 2024, figure 2a, its level taken from the pristine crystal."""
PAPER_SHEAR = PaperCurve(((0.0, PAPER["pristine"] / 100), (0.03, PAPER["shear 0.03"] / 100)), flat_to=0.015)
"""Aluminium sheared. Source: Jeong et al. 2024, figure 2b and text."""

CHANCE = 0.2
"""Share right of one group out of five."""
AIM = 0.95
"""Area under the curve that this package aims at."""
COLOURS = ("#1f6f8b", "#c1440e", "#7a5195", "#4c8c4a", "#b8860b", "#444444")
PALE = "#cccccc"
MARKS = "osD^vP"
MOST_COLUMNS = 4
"""Panels beside one another."""
SHADE = 0.15
"""Opacity of a band."""


def strain_curve(points: Mapping[str, Sequence[Point]], paper: PaperCurve | None, axis_label: str) -> bytes:
    """PNG of accuracy against the strength of a defect, one line with its band a model, the paper's beside them.

    points: by model, in any order of strengths; axis_label: of the strengths, which are drawn as they are given.
    Raises InputError where there are no points.
    """
    import matplotlib

    if not any(len(of) for of in points.values()):
        raise InputError("strain curve: no points; expected at least one model with some")
    with matplotlib.rc_context(STYLE):
        figure = _figure((5.6, 3.6))
        axis = figure.subplots()
        for number, (name, of) in enumerate((name, of) for name, of in points.items() if len(of)):
            strength, accuracy, low, high = np.array(sorted(of), dtype=float).T
            colour = COLOURS[number % len(COLOURS)]
            mark = MARKS[number % len(MARKS)]
            axis.plot(strength, 100 * accuracy, marker=mark, markersize=3.5, color=colour, label=name)
            axis.fill_between(strength, 100 * low, 100 * high, color=colour, alpha=SHADE, linewidth=0)
        farthest = max(point[0] for of in points.values() for point in of)
        if paper is not None:
            _paper(axis, paper, farthest)
        _chance(axis)
        axis.set(xlabel=axis_label, ylabel="right groups [%]", ylim=(0, 102))
        axis.margins(x=0.03)
        axis.grid(axis="y")
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        return _png(figure)


def pooled_curve(rows: Sequence[Row]) -> bytes:
    """PNG of accuracy against the zones of a specimen that are read together: a panel a test, a line a reader.

    Bands are Wilson's 95 % intervals over sets of pictures. Raises InputError where there are no rows.
    """
    import matplotlib

    tests, readers = (list(dict.fromkeys(names)) for names in ([r.test for r in rows], [r.reader for r in rows]))
    if not tests:
        raise InputError("pooled curve: no rows; expected at least one")
    columns = min(MOST_COLUMNS, len(tests))
    lines = math.ceil(len(tests) / columns)
    with matplotlib.rc_context(STYLE):
        figure = _figure((2.3 * columns + 0.5, 2.2 * lines + 0.4 + 0.2 * math.ceil(len(readers) / columns)))
        axes = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
        for place, axis in enumerate(axes.flat):
            if place >= len(tests):
                axis.set_visible(False)
                continue
            for row in (row for row in rows if row.test == tests[place]):
                number = readers.index(row.reader)
                colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
                zones = [one.pooled for one in row.accuracies]
                right, low, high = (
                    [100 * getattr(one, name) for one in row.accuracies] for name in ("accuracy", "low", "high")
                )
                axis.plot(zones, right, marker=mark, markersize=3.5, color=colour, label=row.reader)
                axis.fill_between(zones, low, high, color=colour, alpha=SHADE, linewidth=0)
            _chance(axis, named=False)
            axis.set_xscale("log", base=2)
            sizes = sorted({one.pooled for row in rows for one in row.accuracies})
            axis.set_xticks(sizes, [str(size) for size in sizes])
            axis.set_title(tests[place], fontsize=8.5)
            axis.set_ylim(0, 102)
            axis.grid(axis="y")
            if place % columns == 0:
                axis.set_ylabel("right groups [%]")
            if place + columns >= len(tests):
                axis.set_xlabel("zones read together")
                axis.tick_params(labelbottom=True)
        found = {
            label: handle for axis in axes.flat for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
        }
        names = [name for name in readers if name in found]
        figure.legend([found[name] for name in names], names, loc="outside lower center", ncols=max(columns, 2))
        return _png(figure)


def unknown_bars(rows: Sequence[Detection], pooled: int | None = None) -> bytes:
    """PNG of the area under the curve of each score for each kind of unknown crystal, with 95 % intervals.

    pooled: number of zones read together; None: the most that there are. Raises InputError where there are no rows.
    """
    import matplotlib

    most = max((row.pooled for row in rows), default=0) if pooled is None else pooled
    chosen = [row for row in rows if row.pooled == most]
    if not chosen:
        raise InputError(f"unknown bars: no rows with {most} zones read together; expected at least one")
    kinds, scores = (list(dict.fromkeys(names)) for names in ([r.kind for r in chosen], [r.score for r in chosen]))
    width = 0.8 / len(scores)
    with matplotlib.rc_context(STYLE):
        figure = _figure((1.0 * len(kinds) + 3.0, 3.3))
        axis = figure.subplots()
        for number, score in enumerate(scores):
            of = [row for row in chosen if row.score == score]
            places = [kinds.index(row.kind) + (number - (len(scores) - 1) / 2) * width for row in of]
            area = np.array([row.auroc for row in of])
            ends = np.array([[row.auroc - row.low, row.high - row.auroc] for row in of]).clip(0).T
            colour = COLOURS[number % len(COLOURS)]
            axis.bar(places, area, 0.92 * width, color=colour, label=score)
            axis.errorbar(places, area, ends, fmt="none", ecolor=INK, elinewidth=0.8, capsize=1.5)
        axis.axhline(AIM, color=INK, linestyle=":", linewidth=1, label=f"aim, {AIM:g}")
        axis.axhline(0.5, color=GREY, linestyle="--", linewidth=1, label="chance")
        axis.set_xticks(range(len(kinds)), [kind.replace(" by ", "\nby ") for kind in kinds])
        axis.set(ylim=(0, 1.02), ylabel="area under the curve", xlabel="unknown crystals")
        axis.set_title(f"{most} zone{'s' if most > 1 else ''} read together")
        axis.grid(axis="y")
        axis.set_axisbelow(True)
        axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        return _png(figure)


def _paper(axis: Axes, paper: PaperCurve, farthest: float) -> None:
    """Points, the flat stretch, and the region under a bound."""
    strength, share = np.array(paper.points, dtype=float).T
    axis.plot(strength, 100 * share, "*", color=INK, markersize=9, label="paper", zorder=5)
    if paper.flat_to is not None:
        label = f"paper: flat to {paper.flat_to:g}"
        axis.plot(
            [strength[0], paper.flat_to], [100 * share[0]] * 2, color=INK, linewidth=1, linestyle="--", label=label
        )
    if paper.below is not None:
        begin, bound = paper.below
        label = f"paper: below {100 * bound:.0f} %"
        axis.fill_between(
            [begin, max(farthest, begin)],
            0,
            100 * bound,
            facecolor="none",
            edgecolor=PALE,
            hatch="//",
            zorder=0,
            linewidth=0,
            label=label,
        )


def _chance(axis: Axes, named: bool = True) -> None:
    axis.axhline(100 * CHANCE, color=GREY, linestyle=":", linewidth=1, label="chance" if named else None)


def _figure(size: tuple[float, float]) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": SIGNATURE})
    return content.getvalue()
