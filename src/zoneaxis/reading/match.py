"""Match: for every candidate crystal the orientation at which it explains a pattern best, and how well that is (NCC).

dictionary, 24 px        a few starts per crystal over the whole fundamental zone
  -> refine at 32 px     blurred masters without their slow part, so that a start may be some degrees off
  -> share               where one crystal fits, the others are tried too: bands lie alike in crystals of one kind
  -> refine at full size orientation, and the pattern centre within its tolerance
  -> NCC                 the simulated pattern through the same filter as the measured one
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.instrument.pattern import project
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.patterns.preprocess import circular_mask, remove_dynamic, resize, standardise
from zoneaxis.reading.candidates import Candidates
from zoneaxis.reading.dictionary import COARSE_SLOW_PER_WIDTH, DICTIONARY_STEP_DEG, Dictionary, coarse
from zoneaxis.reading.refine import Refined, refine

PROPOSALS = 8  # dictionary entries per crystal
SHARED_STARTS = 2  # orientations that every crystal tries
DISTINCT_DEG = 3.0  # starts closer than this climb the same hill
MEDIUM_PX = 32
MEDIUM_ITERATIONS, FULL_ITERATIONS = 4, 6
_PATTERNS_AT_ONCE = 32


@dataclass(frozen=True)
class Match:
    """Best fit of every crystal to every pattern, crystals in the order of `names`.

    ncc (n, crystals); orientation (n, crystals, 3, 3), v_crystal = O @ v_sample; pattern_centre (n, crystals, 3)
    Bruker, of the square pattern; likeness (n, crystals, crystals): NCC of the simulated best fits with each other,
    near 1 where two crystals cannot be told apart at this orientation.
    """

    names: tuple[str, ...]
    ncc: Tensor
    orientation: Tensor
    pattern_centre: Tensor
    likeness: Tensor


@dataclass(frozen=True)
class Matcher:
    """Matches patterns of one detector against candidate crystals.

    candidates: from `Candidates.prepare` for this detector; detector: square, with the patterns' shape;
    pattern_centre_tolerance: how far the pattern centre may be refined, fraction of the height (0: it is known).
    The dictionaries are built at the first match and kept. Raises InputError when the detector is not square.
    """

    candidates: Candidates
    detector: TiltedDetector
    pattern_centre_tolerance: float = 0.0
    step_deg: float = DICTIONARY_STEP_DEG

    def __post_init__(self) -> None:
        if self.detector.shape[0] != self.detector.shape[1]:
            raise InputError(
                f"matcher: detector {self.detector.shape} is not square: use TiltedDetector.square(size_px)"
            )

    @cached_property
    def dictionaries(self) -> tuple[Dictionary, ...]:
        """One dictionary per symmetry, for the detector's pattern centre."""
        return tuple(
            Dictionary.build({name: self.candidates.coarse[name] for name in names}, ops, self.detector, self.step_deg)
            for names, ops in self.candidates.by_symmetry()
        )

    def match(self, patterns: Tensor, progress: Callable[[int, int], None] | None = None) -> Match:
        """Match prepared patterns (n, size, size); `progress(done, n)` is called now and then.

        Prepared as by `patterns.preprocess.prepare`: static background removed when there is one, dynamic background
        removed. Raises InputError for another shape, no pattern, or values that are not finite.
        """
        if patterns.ndim != 3 or tuple(patterns.shape[1:]) != self.detector.shape or not len(patterns):
            raise InputError(
                f"match: patterns {tuple(patterns.shape)} do not fit (n, *{self.detector.shape}) of the detector"
            )
        if not torch.isfinite(patterns).all():
            raise InputError("match: patterns hold values that are not finite (NaN or infinity)")
        parts = []
        for start in range(0, len(patterns), _PATTERNS_AT_ONCE):
            parts.append(self._match(patterns[start : start + _PATTERNS_AT_ONCE]))
            if progress is not None:
                progress(min(start + _PATTERNS_AT_ONCE, len(patterns)), len(patterns))
        return Match(self.candidates.names, *(torch.cat(field) for field in zip(*parts, strict=True)))

    def _match(self, patterns: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        starts = self._starts(patterns)
        best = [self._best_of(patterns, name, starts[:, i]) for i, name in enumerate(self.candidates.names)]
        orientation = torch.stack([fit.orientation for fit in best], dim=1)
        centre = torch.stack([fit.pattern_centre for fit in best], dim=1)
        mask = circular_mask(self.detector.shape).to(patterns.device)
        measured = standardise(patterns, mask)[:, None, mask]
        simulated = torch.stack(
            [self._simulate(name, fit, mask) for name, fit in zip(self.candidates.names, best, strict=True)], 1
        )
        ncc = (simulated * measured).mean(dim=-1)
        return ncc, orientation, centre, simulated @ simulated.transpose(1, 2) / mask.sum()

    def _starts(self, patterns: Tensor) -> Tensor:
        """Orientations (n, crystals, starts, 3, 3) worth refining at full size: a crystal's own best and the shared."""
        medium = self.detector.resized((MEDIUM_PX, MEDIUM_PX))
        mask = circular_mask(medium.shape).to(patterns.device)
        small = remove_dynamic(resize(patterns, medium.shape), sigma=MEDIUM_PX / COARSE_SLOW_PER_WIDTH, mask=mask)
        vectors, names = coarse(patterns), self.candidates.names
        found: dict[str, Refined] = {}
        for dictionary in self.dictionaries:
            _, proposed = dictionary.propose(vectors, PROPOSALS)
            for name, starts in zip(dictionary.names, proposed, strict=True):
                found[name] = _refine_all(small, self.candidates.medium[name], medium, starts, MEDIUM_ITERATIONS)
        score = torch.stack([found[name].ncc for name in names], dim=1)
        orientation = torch.stack([found[name].orientation for name in names], dim=1)
        own = _distinct(score.flatten(0, 1), orientation.flatten(0, 1), 1).unflatten(0, score.shape[:2])
        shared = _distinct(score.flatten(1), orientation.flatten(1, 2), SHARED_STARTS)
        return torch.cat((own, shared[:, None].expand(-1, len(names), -1, -1, -1)), dim=2)

    def _best_of(self, patterns: Tensor, name: str, starts: Tensor) -> Refined:
        """The best full-size refinement of one crystal from starts (n, k, 3, 3)."""
        maps, tolerance = self.candidates.full[name], self.pattern_centre_tolerance
        every = _refine_all(patterns, maps, self.detector, starts, FULL_ITERATIONS, tolerance)
        best, rows = every.ncc.argmax(dim=1), torch.arange(len(patterns), device=patterns.device)
        return Refined(every.orientation[rows, best], every.pattern_centre[rows, best], every.ncc[rows, best])

    def _simulate(self, name: str, fit: Refined, mask: Tensor) -> Tensor:
        """Simulated best fits (n, pixels inside the mask), filtered like measured patterns, mean 0, deviation 1."""
        directions = self.detector.directions(fit.pattern_centre)
        simulated = project(self.candidates.full[name][0], fit.orientation, directions)
        return standardise(remove_dynamic(simulated, mask=mask), mask)[:, mask]


def _refine_all(
    patterns: Tensor, maps: Tensor, detector: TiltedDetector, starts: Tensor, iterations: int, tolerance: float = 0.0
) -> Refined:
    """Refine from every start (n, k, 3, 3) of every pattern; all fields have leading dimensions (n, k)."""
    n, k = starts.shape[:2]
    refined = refine(
        patterns.repeat_interleave(k, dim=0),
        maps,
        detector,
        starts.reshape(-1, 3, 3),
        refine_pattern_centre=tolerance > 0,
        pattern_centre_tolerance=tolerance,
        iterations=iterations,
    )
    return Refined(
        *(field.unflatten(0, (n, k)) for field in (refined.orientation, refined.pattern_centre, refined.ncc))
    )


def _distinct(score: Tensor, orientation: Tensor, count: int) -> Tensor:
    """The `count` best orientations (n, count, 3, 3) of (n, k, 3, 3) by score, DISTINCT_DEG or more from each other.

    Equivalent orientations count as different: a start too many, never one too few.
    """
    score, rows = score.clone(), torch.arange(len(score), device=score.device)
    nearest = 8 * math.sin(math.radians(DISTINCT_DEG) / 2) ** 2  # squared distance of matrices that far apart
    picked = []
    for _ in range(count):
        best = orientation[rows, score.argmax(dim=1)]
        picked.append(best)
        score[(orientation - best[:, None]).square().sum((-2, -1)) < nearest] -= 2  # the NCC spans 2: last choice now
    return torch.stack(picked, dim=1)
