"""Picture of a refinement: measured, fitted and difference of every disc."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DISCS_A_ROW = 9


def disc_figure(
    hkl: Sequence[tuple[int, int, int]], measured: Array, fitted: Array, mask: NDArray[np.bool_], zncc: Array
) -> bytes:
    """PNG with three rows for up to nine discs at a time.

    Grey values of a disc run from 0.5 to 99.5 % of the measured pixels that count, as square roots so that weak fringes
    show; the difference, in red where the measured disc is brighter, over half of that range. Pixels that do not count
    are left white in the difference. The same discs give the same bytes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    groups = [range(first, min(first + DISCS_A_ROW, len(hkl))) for first in range(0, len(hkl), DISCS_A_ROW)]
    columns = max(len(group) for group in groups)
    figure = Figure(figsize=(0.5 + 1.25 * columns, 4.2 * len(groups)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3 * len(groups), columns, squeeze=False)
    for place in axes.flat:
        place.set_xticks([])
        place.set_yticks([])
        place.set_visible(False)
    for number, group in enumerate(groups):
        for column, disc in enumerate(group):
            low, high = np.percentile(measured[disc][mask[disc]], [0.5, 99.5])
            span = max(high - low, 1e-12)
            rows = axes[3 * number : 3 * number + 3, column]
            for place, image in zip(rows, (measured[disc], fitted[disc]), strict=False):
                place.imshow(np.sqrt(np.clip((image - low) / span, 0, 1)), cmap="gray", vmin=0, vmax=1)
            left = np.where(mask[disc], (measured[disc] - fitted[disc]) / span, np.nan)
            rows[2].imshow(left, cmap="RdBu_r", vmin=-0.5, vmax=0.5)
            rows[0].set_title(" ".join(str(index) for index in hkl[disc]), fontsize=9)
            rows[2].set_xlabel(f"ZNCC {zncc[disc]:.3f}", fontsize=8)
            for place in rows:
                place.set_visible(True)
        for place, label in zip(axes[3 * number :, 0], ("measured", "fitted", "difference"), strict=False):
            place.set_ylabel(label, fontsize=9)
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": "made by zoneaxis"})
    return content.getvalue()
