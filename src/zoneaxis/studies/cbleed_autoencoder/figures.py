"""Figures: those of the paper made anew (4, 5, 6), and how errors grow with the split and with fewer electrons."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoneaxis.report.figures import SIGNATURE
from zoneaxis.studies.cbleed_autoencoder.images import TARGETS, Images
from zoneaxis.studies.cbleed_autoencoder.noise import ALONE, BOUND, LIKELIHOOD
from zoneaxis.studies.cbleed_autoencoder.plans import DIMERS, PLANE, SCAN
from zoneaxis.studies.cbleed_autoencoder.protocol import INNER, OUTER, RANDOM, WINDOWS
from zoneaxis.studies.cbleed_autoencoder.readers import BEST, COMPONENTS, LATENT, READERS, Reader, Row
from zoneaxis.studies.style import GREY, INK, STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {LATENT: "#c1440e", COMPONENTS: "#1f6f8b"}
SPLITS = {
    RANDOM: ("random", "o", "#1f6f8b"),
    WINDOWS: ("energies held out", "s", "#c1440e"),
    INNER: ("displacements held out, inner", "^", "#7a5195"),
    OUTER: ("displacements held out, outer", "v", "#bc9a2c"),
}
FOLLOWED = {
    Reader(LATENT, "knn"): "#e39774",
    Reader(LATENT, BEST): COLOURS[LATENT],
    Reader(COMPONENTS, BEST): COLOURS[COMPONENTS],
}
"""Readers whose errors are shown against the distance to training."""


def latent_numbers(rows: Sequence[Row]) -> bytes:
    """Figure 4: loss of reconstruction, and what can be read, against the size of the code; every seed a point."""
    with _style():
        figure, axes = _axes(1, 4, (11.5, 2.9))
        shown = [("bce_minus_entropy", "BCE − entropy (nats per pixel)"), ("mse", "mean squared error")]
        shown += [(target, f"{target}, mean error ({unit})") for target, unit in TARGETS[SCAN].items()]
        for axis, (name, label) in zip(axes[0], shown, strict=True):
            for code in (LATENT, COMPONENTS):
                of = [(row["latent"], row[name]) for row in rows if row["code"] == code and row[name] is not None]
                if not of:
                    continue
                latent, values = np.array(of, dtype=float).T
                sizes = np.unique(latent)
                means = [np.exp(np.log(values[latent == size]).mean()) for size in sizes]
                axis.plot(sizes, means, color=COLOURS[code], label=code)
                axis.plot(latent, values, "o", color=COLOURS[code], markersize=3.5, alpha=0.7)
            _logarithmic(axis, "y")
            axis.set_xticks(sorted({row["latent"] for row in rows}))
            axis.set_xlabel("numbers in the code")
            axis.set_title(label)
            axis.axvline(8, color=GREY, linewidth=0.8, linestyle=":")
            axis.grid(axis="y")
        axes[0][1].legend()
        return _png(figure)


def reconstructions(images: Images, network: np.ndarray, components: np.ndarray) -> bytes:
    """Figure 5: images as they are, from the autoencoder's code, from as many components, and what is missing."""
    with _style():
        rows: list[tuple[str, np.ndarray]] = [
            ("simulated", images.amplitude),
            ("autoencoder", network),
            ("difference × 4", 4 * (network - images.amplitude)),
            ("components", components),
            ("difference × 4", 4 * (components - images.amplitude)),
        ]
        count = len(images)
        figure, axes = _axes(len(rows), count, (1.45 * count + 0.3, 1.42 * len(rows) + 0.45))
        for line, (label, pictures) in enumerate(rows):
            difference = label.startswith("difference")
            for column in range(count):
                axis = axes[line][column]
                limits = (
                    {"cmap": "RdBu_r", "vmin": -1, "vmax": 1} if difference else {"cmap": "gray", "vmin": 0, "vmax": 1}
                )
                axis.imshow(pictures[column], interpolation="nearest", **limits)
                axis.set_xticks([])
                axis.set_yticks([])
                for spine in axis.spines.values():
                    spine.set_visible(False)
            axes[line][0].set_ylabel(label)
        for column in range(count):
            axes[0][column].set_title(_caption(images, column), fontsize=8, loc="center")
        return _png(figure)


UNFOLDED = {"hessian": "Hessian locally linear embedding", "isomap": "Isomap (Hessian LLE could not be solved)"}


def latent_map(places: np.ndarray, images: Images, method: str) -> bytes:
    """Figure 6: the code unrolled into three dimensions, coloured by what is to be read from it."""
    with _style():
        figure = _figure((11.5, 3.9))
        energy_limits = images.energy_ev.min(), images.energy_ev.max()
        largest = float(np.abs(images.displacement).max())
        shown: list[tuple[str, np.ndarray, str, tuple[float, float]]] = [
            ("beam energy (eV)", images.energy_ev, "viridis", energy_limits),
            ("displacement (Å)", images.displacement, "coolwarm", (-largest, largest)),
        ]
        for number, (label, values, colours, limits) in enumerate(shown, start=1):
            axis: Any = figure.add_subplot(1, 3, number, projection="3d")
            points = axis.scatter(*places.T, c=values, cmap=colours, vmin=limits[0], vmax=limits[1], s=3, linewidths=0)
            _bare(axis)
            figure.colorbar(points, ax=axis, shrink=0.65, pad=0.02, label=label)
        axis = figure.add_subplot(1, 3, 3, projection="3d")
        for number, dimer in enumerate(DIMERS):
            of = images.dimer == number
            colour = (COLOURS[COMPONENTS], COLOURS[LATENT])[number]
            axis.scatter(*places[of].T, color=colour, s=3, linewidths=0, label=f"{dimer} dimer")
        _bare(axis)
        axis.legend(markerscale=3, loc="upper right")
        figure.suptitle(f"latent code of the images of the scan, {UNFOLDED[method]}", fontsize=10)
        return _png(figure)


def errors_by_split(tables: Mapping[tuple[str, str], Sequence[Row]]) -> bytes:
    """Mean errors of every reader under every split of the scan, and how they grow with the distance to training."""
    with _style():
        names = [reader.name for reader in READERS]
        figure, axes = _axes(1, 3, (13.0, 4.4), width_ratios=[3, 3, 2.6])
        for axis, (target, unit) in zip(axes[0][:2], TARGETS[SCAN].items(), strict=True):
            for split, (label, marker, colour) in SPLITS.items():
                errors = {row["reader"]: row["mae"] for row in tables[SCAN, split] if _is(row, SCAN, split, target)}
                places = [place for place, name in enumerate(names) if name in errors]
                values = [errors[names[place]] for place in places]
                axis.plot(values, places, marker, color=colour, markersize=5, alpha=0.85, label=label)
            _logarithmic(axis, "x")
            axis.set_yticks(range(len(names)), names if axis is axes[0][0] else [""] * len(names))
            axis.invert_yaxis()
            axis.grid(axis="both")
            axis.set_title(f"{target}, mean error ({unit})")
        axis, unit = axes[0][2], TARGETS[SCAN]["energy"]
        windows = [row for row in tables[SCAN, WINDOWS] if _is(row, SCAN, WINDOWS, "energy")]
        for reader, colour in FOLLOWED.items():
            distance, error = np.array(next(row["by_distance"] for row in windows if row["reader"] == reader.name)).T
            axis.plot(distance, error, "o-", color=colour, markersize=4, label=reader.name)
        _logarithmic(axis, "y")
        axis.set_xticks(distance)
        axis.margins(x=0.15)
        axis.grid(axis="y")
        axis.set_title(f"energies held out, mean error ({unit})")
        axis.set_xlabel(f"distance to the nearest energy in training ({unit})")
        handles, labels = axes[0][0].get_legend_handles_labels()
        more_handles, more_labels = axes[0][2].get_legend_handles_labels()
        figure.legend(handles + more_handles, labels + more_labels, loc="outside lower center", ncols=4)
        return _png(figure)


def errors_by_dose(rows: Sequence[Row]) -> bytes:
    """Mean errors on the plane against the electrons in an image, down to the bound of Cramér and Rao."""
    looks: dict[str, dict[str, Any]] = {
        "autoencoder, trained clean": {"color": "#e39774", "linestyle": "--", "marker": "o"},
        "autoencoder, trained noisy": {"color": COLOURS[LATENT], "marker": "o"},
        "components, trained clean": {"color": "#8fb8c6", "linestyle": "--", "marker": "s"},
        "components, trained noisy": {"color": COLOURS[COMPONENTS], "marker": "s"},
        ALONE: {"color": "#b9dbae", "linewidth": 5, "solid_capstyle": "round"},
        LIKELIHOOD: {"color": "#3f7d2f", "marker": "D"},
        BOUND: {"color": INK, "linestyle": ":"},
    }
    with _style():
        figure, axes = _axes(1, len(TARGETS[PLANE]), (11.5, 3.6))
        for axis, (target, unit) in zip(axes[0], TARGETS[PLANE].items(), strict=True):
            for reader, look in looks.items():
                of = [
                    (row["electrons"], row["mae"]) for row in rows if (row["reader"], row["target"]) == (reader, target)
                ]
                axis.plot(*np.array(sorted(of)).T, markersize=4, label=reader, **look)
            axis.set_xscale("log")
            _logarithmic(axis, "y")
            axis.grid(axis="y")
            axis.set_xlabel("electrons in an image")
            axis.set_title(f"{target}, mean error ({unit})")
        figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
        return _png(figure)


def _is(row: Row, kind: str, split: str, target: str) -> bool:
    return bool(row["test"] == f"{kind} {split}" and row["target"] == target)


def _caption(images: Images, number: int) -> str:
    moved = "height" if images.height[number] else "length"
    displacement = (
        f"{moved} {images.displacement[number]:+.1f} Å".replace("-", "−")
        if images.displacement[number]
        else "undisplaced"
    )
    return f"{DIMERS[images.dimer[number]]}\n{images.energy_ev[number]:.0f} eV, {displacement}"


def _logarithmic(axis: Any, which: str) -> None:
    """A logarithmic scale with plain numbers at 1, 2 and 5 of every decade, fewer where it spans many."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    getattr(axis, f"set_{which}scale")("log")
    side = axis.xaxis if which == "x" else axis.yaxis
    low, high = side.get_view_interval()
    dense = 60 if which == "x" else 300
    side.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < dense * low else (1.0,)))
    side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    side.set_minor_formatter(NullFormatter())


def _bare(axis: Any) -> None:
    """A frame in space without numbers, which mean nothing on a map."""
    for side in (axis.xaxis, axis.yaxis, axis.zaxis):
        side.set_ticklabels([])
        side.set_pane_color((0.97, 0.97, 0.97, 1.0))
    axis.set_box_aspect((1, 1, 0.8))


def _style() -> Any:
    import matplotlib

    return matplotlib.rc_context(STYLE)


def _figure(size: tuple[float, float]) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _axes(lines: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Figure, np.ndarray]:
    figure = _figure(size)
    return figure, figure.subplots(lines, columns, squeeze=False, **options)


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": SIGNATURE})
    return content.getvalue()
