"""Pattern centre: where the source point stands in front of the screen, found from patterns when nobody wrote it down.

A dictionary and a refinement that may move the pattern centre by a tenth of the screen are tried from a few centres
that lie no further apart than that; the fit that explains most keeps its centre. All patterns of a scan share one
detector, so a handful of good patterns is enough.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.reading.candidates import Candidates
from zoneaxis.reading.match import Matcher

# Usual cameras: centred sideways, the source point high on the screen, half to three quarters of a height away.
# Steps follow from the reach: a start 0.08 off in x or y, or 0.05 in z, is still pulled in (simulated patterns).
USUAL_CENTRES = tuple(product((0.5,), (0.1, 0.24, 0.38), (0.42, 0.5, 0.6, 0.72)))
REACH = 0.1
STEP_DEG = 5.0


@dataclass(frozen=True)
class FoundCentre:
    """Pattern centre (n, 3) Bruker of each pattern, the NCC (n,) of its best crystal, and that crystal's index (n,)."""

    pattern_centre: Tensor
    ncc: Tensor
    crystal: Tensor

    def of_scan(self) -> tuple[float, float, float]:
        """One centre for all: the median over the better half of the patterns, by NCC."""
        good = self.ncc.topk((len(self.ncc) + 1) // 2).indices
        x, y, z = self.pattern_centre[good].median(dim=0).values.tolist()
        return x, y, z


def find_pattern_centre(
    patterns: Tensor,
    candidates: Candidates,
    detector: TiltedDetector,
    centres: tuple[tuple[float, float, float], ...] = USUAL_CENTRES,
    progress: Callable[[int, int], None] | None = None,
) -> FoundCentre:
    """Search the pattern centre of prepared patterns (n, size, size) from `centres`; the detector's own is ignored.

    Bruker's convention of the square pattern. The cost is mostly one dictionary per centre, whatever the number of
    patterns; candidates may be a few crystals that stand for their kinds. `progress(done, len(centres))`.
    Raises InputError as `Matcher.match` does.
    """
    best = FoundCentre(
        torch.tensor(centres[0]).to(patterns).expand(len(patterns), 3),
        patterns.new_full((len(patterns),), -1.0),
        torch.zeros(len(patterns), dtype=torch.long, device=patterns.device),
    )
    for done, centre in enumerate(centres, start=1):
        matcher = Matcher(candidates, replace(detector, pattern_centre=centre), REACH, STEP_DEG)
        match = matcher.match(patterns)
        ncc, crystal = match.ncc.max(dim=1)
        rows = torch.arange(len(patterns), device=patterns.device)
        better = ncc > best.ncc
        best = FoundCentre(
            torch.where(better[:, None], match.pattern_centre[rows, crystal], best.pattern_centre),
            torch.where(better, ncc, best.ncc),
            torch.where(better, crystal, best.crystal),
        )
        if progress is not None:
            progress(done, len(centres))
    return best
