"""Matching speed and success: one core, the shipped master patterns, known and unknown pattern centre.

    python benchmarks/matching.py [patterns per crystal, default 4]

Test patterns are simulated from the same masters and degraded (mild, harsh); what is done once per detector (maps,
dictionary) is timed apart from what is done per pattern. The refinement alone is timed like a peer's.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import sys
import time

import torch

from zoneaxis.instrument.noise import Degradation
from zoneaxis.instrument.orientation import misorientation_deg, random_orientations
from zoneaxis.instrument.pattern import project
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.patterns.preprocess import prepare
from zoneaxis.reading.candidates import Candidates
from zoneaxis.reading.match import Matcher
from zoneaxis.reading.pattern_centre import find_pattern_centre
from zoneaxis.reading.refine import refine
from zoneaxis.reading.verify import verify
from zoneaxis.techniques.ebsd.library import open_library

SIZE_PX = 64
CENTRE = (0.45, 0.22, 0.52)


def main(each: int) -> None:
    torch.set_num_threads(1)
    library = open_library()
    masters = {name: master.collapsed() for name, master in library.items()}
    symmetry = {name: master.symmetry for name, master in library.items()}
    group_of = {name: str(master.space_group) for name, master in library.items()}
    detector = TiltedDetector((SIZE_PX, SIZE_PX), CENTRE)

    start = time.perf_counter()
    candidates = Candidates.prepare(masters, symmetry, detector)
    maps_s = time.perf_counter() - start
    start = time.perf_counter()
    matcher = Matcher(candidates, detector)
    entries = sum(dictionary.entries.numel() for dictionary in matcher.dictionaries)
    dictionary_s = time.perf_counter() - start
    print(
        f"{len(masters)} crystals, {SIZE_PX} px, one thread; once per detector: maps {maps_s:.1f} s, "
        f"dictionary {dictionary_s:.1f} s ({entries * 4 / 2**20:.0f} MiB)"
    )

    for preset in ("mild", "harsh"):
        generator = torch.Generator().manual_seed(0)
        degradation = getattr(Degradation, preset)()
        seconds, found, group_first = 0.0, [], []
        for index, name in enumerate(masters):
            truth = random_orientations(each, seed=index)
            clean = project(masters[name], truth, detector)
            patterns = prepare(degradation.apply(clean, degradation.draw(each, generator), generator), SIZE_PX)
            start = time.perf_counter()
            match = matcher.match(patterns)
            seconds += time.perf_counter() - start
            found.append(misorientation_deg(match.orientation[:, index], truth, symmetry[name]) < 2.5)
            verification = verify(match, group_of)
            group_first += [verification.groups[best] == group_of[name] for best in verification.best.tolist()]
        n = each * len(masters)
        print(
            f"{preset:5s}: {seconds / n:.3f} s a pattern; orientation within 2.5 degrees "
            f"{torch.cat(found).float().mean():.1%}, group first {sum(group_first) / n:.1%} of {n}"
        )

    name = next(iter(masters))
    truth = random_orientations(64, seed=1)
    patterns = prepare(project(masters[name], truth, detector), SIZE_PX)
    for label, free in (("orientation", False), ("orientation and pattern centre", True)):
        start = time.perf_counter()
        refine(patterns, candidates.full[name], detector, truth, refine_pattern_centre=free, iterations=12)
        print(f"refinement of {label}, 12 iterations: {64 / (time.perf_counter() - start):.0f} patterns/s")

    start = time.perf_counter()
    found_centre = find_pattern_centre(patterns[:4], candidates, detector)
    off = (torch.tensor(found_centre.of_scan()) - torch.tensor(CENTRE)).abs().max()
    print(f"unknown pattern centre, 4 patterns: {time.perf_counter() - start:.1f} s a scan, error {off:.4f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
