"""Figures: a measured pattern, the simulation that fits it best, and where the network saw its evidence."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from zoneaxis.interpret.saliency import overlay
from zoneaxis.patterns.preprocess import circular_mask
from zoneaxis.reading.reading import Reading

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIGNATURE = "made by zoneaxis"
"""Stands in every picture and page, so that a later run knows what it may replace."""

MOST_COLUMNS = 12
RANGE = (-2.5, 2.5)
"""Grey values shown, in standard deviations."""

Image = np.ndarray | None


def picture(readings: Sequence[Reading], most: int = MOST_COLUMNS) -> bytes:
    """PNG with one column per reading, of the first `most`; they must hold images (`identify(..., images=True)`).

    Rows: the pattern as it was compared, background removed; the simulation that fits it best; the pattern with the
    network's evidence in warm colours (Grad-CAM). A row for which no reading has an image is left out. Above each
    column stands the answer with its probability, below it what the matching says. The same readings give the same
    bytes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = readings[:most]
    rows = {label: [image(reading) for reading in shown] for label, image in ROWS.items()}
    rows = {label: images for label, images in rows.items() if any(image is not None for image in images)}
    lines, columns = max(1, len(rows)), max(1, len(shown))
    figure = Figure(figsize=(0.35 + 1.5 * columns, 0.55 + 1.43 * lines), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, columns, squeeze=False)
    for line, (label, images) in enumerate(rows.items()):
        for column, image in enumerate(images):
            _show(axes[line][column], image)
        axes[line][0].set_ylabel(label, fontsize=9)
    for column, reading in enumerate(shown):
        axes[0][column].set_title(_headline(reading), fontsize=9)
        axes[-1][column].set_xlabel(_footline(reading), fontsize=8)
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": SIGNATURE})
    return content.getvalue()


def _show(place: Axes, image: Image) -> None:
    """The disc inside an image, grey (rows, cols) or coloured (rows, cols, 3)."""
    place.set_xticks([])
    place.set_yticks([])
    for spine in place.spines.values():
        spine.set_visible(False)
    if image is None:
        place.text(0.5, 0.5, "none", ha="center", va="center", fontsize=8, transform=place.transAxes)
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
    if reading.unknown or not reading.answers:
        return f"{reading.index}: unknown"
    best = reading.answers[0]
    return f"{reading.index}: {best.label}  (p = {best.probability:.2f})"


def _footline(reading: Reading) -> str:
    matching = reading.evidence.get("matching")
    return f"{matching['best_crystal']}, NCC {matching['ncc']:.2f}" if matching else ""


ROWS: dict[str, Callable[[Reading], Image]] = {
    "measured": lambda reading: reading.images.get("pattern"),
    "best simulated match": lambda reading: reading.images.get("simulated"),
    "network's evidence": _evidence,
}
"""What the lines of the picture show."""
