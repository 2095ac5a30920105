"""Figures: a measured pattern, what explains it best, and where the network saw its evidence or what is left over."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from zoneaxis.interpret.saliency import overlay
from zoneaxis.patterns.preprocess import circular_mask
from zoneaxis.reading.reading import Reading
from zoneaxis.report.row import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIGNATURE = "made by zoneaxis"
"""Stands in every picture and page, so that a later run knows what it may replace."""

MOST_COLUMNS = 12
RANGE = (-2.5, 2.5)
"""Grey values shown, in standard deviations."""
RESIDUAL = 0.25
"""Leftover amplitude at which the colours of a residual end, as a fraction of the pattern's largest."""

Image = np.ndarray | None


def picture(readings: Sequence[Reading], most: int = MOST_COLUMNS) -> bytes:
    """PNG with one column per reading, of the first `most`; they must hold images (`identify(..., images=True)`).

    Rows of a classifier: the pattern as it was compared, background removed; the simulation that fits it best; the
    pattern with the network's evidence in warm colours (Grad-CAM). Of a regressor: the amplitude as it was compared;
    the emulated one that fits it best or, without refinement, the network's reconstruction; what is left over, red
    where the pattern is brighter, with colours that end at a quarter of its largest amplitude. A row for which no
    reading has an image is left out. Above each column stands the answer with its probability, below it what the
    matching says or what was read. The same readings give the same bytes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = readings[:most]
    rows = {label: [image(reading) for reading in shown] for label, image in ROWS.items()}
    rows = {label: images for label, images in rows.items() if any(image is not None for image in images)}
    lines, columns = max(1, len(rows)), max(1, len(shown))
    feet = max((_footline(reading).count("\n") for reading in shown), default=0)
    figure = Figure(figsize=(0.35 + 1.5 * columns, 0.55 + 0.13 * feet + 1.43 * lines), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, columns, squeeze=False)
    for line, (label, images) in enumerate(rows.items()):
        for column, image in enumerate(images):
            _show(axes[line][column], image, _range(shown[column], label))
        axes[line][0].set_ylabel(label, fontsize=9)
    for column, reading in enumerate(shown):
        axes[0][column].set_title(_headline(reading), fontsize=9)
        axes[-1][column].set_xlabel(_footline(reading), fontsize=8)
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": SIGNATURE})
    return content.getvalue()


def _range(reading: Reading, label: str) -> tuple[float, float] | None:
    """Amplitudes between which a regressor's image is shown; None for a classifier's, which is standardised."""
    if reading.values is None or "pattern" not in reading.images:
        return None
    largest = max(float(np.nan_to_num(reading.images["pattern"]).max()), 1e-9)
    return (-RESIDUAL * largest, RESIDUAL * largest) if label == "residual" else (0.0, largest)


def _show(place: Axes, image: Image, shown: tuple[float, float] | None = None) -> None:
    """An image between two amplitudes, or the disc inside a standardised one, grey or coloured (rows, cols, 3)."""
    place.set_xticks([])
    place.set_yticks([])
    for spine in place.spines.values():
        spine.set_visible(False)
    if image is None:
        place.text(0.5, 0.5, "none", ha="center", va="center", fontsize=8, transform=place.transAxes)
        return
    if shown is not None:
        low, high = shown
        place.imshow(image, cmap="RdBu_r" if low < 0 else "gray", vmin=low, vmax=high, interpolation="nearest")
        return
    rows, cols = image.shape[:2]
    outside = ~circular_mask((rows, cols)).numpy()
    if image.ndim == 3:
        place.imshow(np.where(outside[..., None], 1.0, image), interpolation="bilinear")
    else:
        low, high = RANGE
        place.imshow(np.ma.masked_where(outside, image), cmap="gray", vmin=low, vmax=high, interpolation="bilinear")


def _evidence(reading: Reading) -> Image:
    """Pattern in grey, the network's evidence over it."""
    pattern, saliency = reading.images.get("pattern"), reading.images.get("saliency")
    if pattern is None or saliency is None:
        return None
    return overlay(torch.from_numpy(pattern).clamp(*RANGE), torch.from_numpy(saliency)).numpy()


def _headline(reading: Reading) -> str:
    if reading.values and not reading.answers and not reading.unknown:
        return str(reading.index)
    if reading.unknown or not reading.answers:
        return f"{reading.index}: unknown"
    best = reading.answers[0]
    if reading.values is not None:
        return f"{reading.index}: {best.label} {best.probability:.2f}"
    return f"{reading.index}: {best.label}  (p = {best.probability:.2f})"


def _footline(reading: Reading) -> str:
    if reading.values is not None:
        return "\n".join(map(number, reading.values.values()))
    matching = reading.evidence.get("matching")
    return f"{matching['best_crystal']}, NCC {matching['ncc']:.2f}" if matching else ""


ROWS: dict[str, Callable[[Reading], Image]] = {
    "measured": lambda reading: reading.images.get("pattern"),
    "best simulated match": lambda reading: reading.images.get("simulated"),
    "network's evidence": _evidence,
    "best emulated": lambda reading: reading.images.get("emulated"),
    "reconstruction": lambda reading: reading.images.get("reconstruction"),
    "residual": lambda reading: reading.images.get("residual"),
}
"""What the lines of the picture show."""
