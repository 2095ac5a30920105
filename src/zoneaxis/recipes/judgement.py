"""Fit the judge of a model: what the network and the matching each deserve, on simulated patterns of other physics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.patterns.preprocess import image_quality
from zoneaxis.reading.identify import KNOWN_TOLERANCE, MATCH_PX, Reader
from zoneaxis.reading.judge import Judge, Testimony
from zoneaxis.reading.verify import verify
from zoneaxis.techniques.ebsd.experiment import EBSDExperiment, prepared

CENTRE_ERROR = 0.01
"""Standard deviation of a stated pattern centre's error, fraction of the height."""


def fit_judge(
    reader: Reader,
    experiment: EBSDExperiment,
    settings: Mapping[str, Any],
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Judge:
    """Fit on `judge_patterns` patterns of `judge_detectors` detectors drawn from the experiment.

    The detectors take turns with the experiment's degradations; the first of these is the well-exposed camera that the
    false-alarm rate refers to.

    Args:
        reader: network and candidate masters; the experiment's libraries must be others than these.
        experiment: where the patterns come from.
        settings: the recipe's calibration table.
        seed: of the patterns and detectors.
        progress: called with (detectors done, detectors).
    """
    detectors = int(settings.get("judge_detectors", 8))
    patterns = int(settings.get("judge_patterns", 960))
    witnessed, truths, well_exposed = [], [], []
    for number in range(detectors):
        turn = number % len(experiment.degradations)
        one_camera = replace(experiment, degradations=(experiment.degradations[turn],))
        testimony, truth = witness(reader, one_camera, patterns // detectors, seed + 7919 * (number + 1))
        witnessed.append(testimony)
        truths.append(reader.classifier.grouping.group_index[truth])
        well_exposed.append(torch.full((len(truth),), turn == 0))
        if progress is not None:
            progress(number + 1, detectors)
    return Judge.fit(
        joined(witnessed),
        torch.cat(truths),
        torch.cat(well_exposed),
        reader.classifier.grouping.groups,
        float(settings.get("coverage", 0.95)),
        float(settings.get("false_alarm_rate", 0.05)),
    )


def witness(reader: Reader, experiment: EBSDExperiment, patterns: int, seed: int) -> tuple[Testimony, Tensor]:
    """Testimony of both witnesses on patterns of one detector drawn from the experiment, and the true materials.

    The pattern centre told to the matcher is off by `CENTRE_ERROR`, as stated ones are.
    """
    generator = torch.Generator().manual_seed(seed)
    ranges = (experiment.pattern_centre_x, experiment.pattern_centre_y, experiment.pattern_centre_z)
    x, y, z = (low + (high - low) * float(torch.rand(1, generator=generator)) for low, high in ranges)
    fixed = replace(experiment, pattern_centre_x=(x, x), pattern_centre_y=(y, y), pattern_centre_z=(z, z))
    error = (CENTRE_ERROR * torch.randn(3, generator=generator)).tolist()
    stated = TiltedDetector((MATCH_PX, MATCH_PX), (x + error[0], y + error[1], z + error[2]))
    pictures, backgrounds, labels = fixed.pictures(patterns, seed)
    small = prepared(pictures, backgrounds, labels["static"], MATCH_PX)
    prediction = reader.classifier.predict(prepared(pictures, backgrounds, labels["static"], reader.input_px))
    match = reader.match(small, stated, KNOWN_TOLERANCE)
    verification = verify(match, reader.group_of)
    return reader.testimony(prediction, match, verification, image_quality(small)), labels["material"]


def joined(testimonies: list[Testimony]) -> Testimony:
    """One testimony of all patterns."""
    names = ("network", "ncc", "significance", "contrast", "quality")
    return Testimony(*(torch.cat([getattr(one, name) for one in testimonies]) for name in names))
