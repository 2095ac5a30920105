"""Figures: pictures beside what every method makes of them, errors by topology, and errors by number of crystals."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoneaxis.report.figures import SIGNATURE
from zoneaxis.studies.lacbed_translation.protocol import FORWARD, Task
from zoneaxis.studies.lacbed_translation.rows import Row, by_method
from zoneaxis.studies.style import GREY, STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#8a8a8a", "#1f6f8b", "#c1440e", "#7a5195")


def pictures(task: Task, places: np.ndarray, captions: Sequence[str], rows: Sequence[Row]) -> bytes:
    """Inputs, targets and what each row's method answers, one column a crystal; its MSE stands in the picture."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        names = ("density", "disc") if task.direction == FORWARD else ("disc", "density")
        lines: list[tuple[str, np.ndarray, np.ndarray | None]] = [
            (names[0], task.inputs[places], None),
            (f"{names[1]}, true", task.targets[places], None),
        ]
        lines += [(row.method, row.shown, _errors(row, places)) for row in rows]
        figure = _figure((1.35 * len(places) + 1.5, 1.35 * len(lines) + 0.35))
        axes = figure.subplots(len(lines), len(places), squeeze=False)
        for line, (label, images, errors) in enumerate(lines):
            for column, axis in enumerate(axes[line]):
                axis.imshow(images[column], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                axis.set_xticks([])
                axis.set_yticks([])
                for spine in axis.spines.values():
                    spine.set_visible(False)
                if errors is not None:
                    axis.set_xlabel(f"{errors[column]:.4f}", fontsize=7, labelpad=1)
            axes[line][0].set_ylabel(
                label.replace(" + ", "\n+ ").replace(" through", "\nthrough").replace(" where that ", "\nwhere that\n"),
                fontsize=8,
            )
        for column, caption in enumerate(captions):
            axes[0][column].set_title(caption, fontsize=8, loc="center")
        return _png(figure)


def by_topology(rows: Sequence[Row], groups: np.ndarray, title: str) -> bytes:
    """MSE of methods for each topology, in the order of the first method's."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        figure = _figure((9.0, 3.2))
        axis = figure.subplots()
        order: list[str] = []
        for colour, (method, several) in zip(COLOURS, by_method(rows).items(), strict=False):
            names = np.unique(groups[several[0].places])
            mean = {
                str(name): float(np.mean([row.scores["mse"][groups[row.places] == name].mean() for row in several]))
                for name in names
            }
            order = order or sorted(mean, key=mean.__getitem__)
            axis.plot([mean.get(name, np.nan) for name in order], "o-", markersize=3, color=colour, label=method)
        axis.set_yscale("log")
        axis.set_xlabel("topology, in the order of the first method's error")
        axis.set_ylabel("MSE")
        axis.set_title(title)
        axis.grid(axis="y")
        axis.legend(ncols=2)
        return _png(figure)


def learning_curve(curve: Sequence[tuple[int, Row]], exponent: float | None, lines: Mapping[str, float]) -> bytes:
    """The network's error against the number of crystals that it learned from; lines: errors of others, dotted."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        figure = _figure((4.6, 3.4))
        axis = figure.subplots()
        counts, errors = np.array([(count, row.mean()) for count, row in curve]).T
        axis.plot(counts, errors, "o", color=COLOURS[2], markersize=4, label="U-Net, every seed")
        if exponent is not None:
            middle = np.exp(np.log(errors).mean()), np.exp(np.log(counts).mean())
            ends = np.array([counts.min(), counts.max()])
            fitted = middle[0] * (ends / middle[1]) ** exponent
            axis.plot(ends, fitted, color=COLOURS[2], label=f"n to the {exponent:.2f}")
        for colour, (name, error) in zip((GREY, COLOURS[1], COLOURS[3]), lines.items(), strict=False):
            axis.axhline(error, color=colour, linestyle=":", label=name)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("crystals in training")
        axis.set_ylabel("MSE, density to disc")
        axis.grid(axis="y")
        axis.legend()
        return _png(figure)


def discs(found: Mapping[str, Any]) -> bytes:
    """Discs of the zincblende crystals, and the difference of each from the first."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        images, names = np.asarray(found["discs"]), list(found["errors"])
        figure = _figure((1.6 * len(names) + 0.5, 3.4))
        axes = figure.subplots(2, len(names), squeeze=False)
        for column, name in enumerate(names):
            difference = images[column] - images[0]
            axes[0][column].imshow(images[column], cmap="gray", vmin=0, vmax=1)
            axes[1][column].imshow(difference, cmap="RdBu_r", vmin=-0.5, vmax=0.5)
            axes[0][column].set_title(name, loc="center")
            for axis in axes[:, column]:
                axis.set_xticks([])
                axis.set_yticks([])
        axes[0][0].set_ylabel("disc")
        axes[1][0].set_ylabel(f"less that of {names[0]}")
        return _png(figure)


def _errors(row: Row, places: np.ndarray) -> np.ndarray:
    return row.scores["mse"][np.searchsorted(row.places, places)]


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
