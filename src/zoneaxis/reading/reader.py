"""The Reader: a model and a library of master patterns, ready to read sets of measured patterns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.instrument.pattern import project
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.interpret.saliency import grad_cam
from zoneaxis.interpret.sets import Conformal, as_labels, probability_nonconformity
from zoneaxis.learn.classify import Classifier, Prediction
from zoneaxis.patterns.preprocess import circular_mask, image_quality, prepare, remove_dynamic, standardise
from zoneaxis.reading.candidates import Candidates
from zoneaxis.reading.judge import INDEPENDENT_PIXELS, Judge, Testimony, contrast
from zoneaxis.reading.match import Match, Matcher
from zoneaxis.reading.model import model_folder
from zoneaxis.reading.pattern_centre import find_pattern_centre
from zoneaxis.reading.reading import Answer, Reading
from zoneaxis.reading.reason import ALONE, EMPTY, matching_evidence, network_evidence, ranked, reason, rounded
from zoneaxis.reading.stated_centre import Centre
from zoneaxis.reading.verify import Verification, verify
from zoneaxis.techniques.ebsd.library import open_library
from zoneaxis.techniques.ebsd.master import SectorMaster

MATCH_PX = 64
KNOWN_TOLERANCE = 0.025
"""How far a stated pattern centre may be refined, fraction of the pattern's height: stated ones are off by as much."""
CENTRE_SAMPLE = 9
"""Patterns of a file that take part in the search of an unknown pattern centre."""
HOPELESS = 99.0
"""Strangeness of an image without any pattern."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Reader:
    """A model and a library of master patterns, ready to read.

    Attributes:
        classifier: the network with its calibration.
        masters: candidate crystals; empty: the network answers alone.
    """

    classifier: Classifier
    masters: dict[str, SectorMaster]

    @classmethod
    def open(cls, model: str | Path | None, library: str | Path | None = None, *, matching: bool = True) -> Reader:
        """Load a model and a library, both checked."""
        return cls(Classifier.from_folder(model_folder(model)), open_library(library) if matching else {})

    @property
    def input_px(self) -> int:
        """Side of the network's input."""
        assert self.classifier.card is not None
        return self.classifier.card.input_size_px

    @cached_property
    def judge(self) -> Judge:
        """Weighs both witnesses; fitted when the model was trained."""
        card = self.classifier.card
        if card is None or not card.judgement:
            raise InputError(
                "model: its card holds no judgement of matching; read without it (--no-verify) or train anew"
            )
        return Judge.restore(card.judgement)

    @cached_property
    def group_of(self) -> dict[str, str]:
        """Space group of every candidate crystal."""
        return {name: str(master.space_group) for name, master in self.masters.items()}

    def read(
        self,
        file: str,
        patterns: xr.Dataset,
        pattern_centre: Centre | None,
        *,
        images: bool = False,
        progress: Progress | None = None,
    ) -> list[Reading]:
        """Readings of a pattern set; `pattern_centre` in Bruker's convention of the whole pattern, None: unknown."""
        raw = torch.from_numpy(np.ascontiguousarray(patterns["intensity"].values).astype(np.float32))
        background = None
        if "static_background" in patterns:
            background = torch.from_numpy(patterns["static_background"].values.astype(np.float32))
        prepared = prepare(raw, self.input_px, static_background=background)
        prediction = self.classifier.predict(prepared)
        small = prepare(raw, MATCH_PX, static_background=background)
        quality = image_quality(small)
        if self.masters:
            detector = self._detector(patterns, small, pattern_centre, progress)
            match = self.match(small, detector, KNOWN_TOLERANCE, progress)
            found = self._both(file, prediction, quality, match)
        else:
            found = self._network_alone(file, prediction, quality)
        empty = (small.abs().amax((-2, -1)) == 0.0).tolist()
        found = [_without_pattern(one) if nothing else one for one, nothing in zip(found, empty, strict=True)]
        if not images:
            return found
        target = prediction.material_probabilities.argmax(-1)
        pictures = {
            "pattern": prepared,
            "saliency": grad_cam(self.classifier.network, prepared, target).detach(),
        }
        if self.masters:
            pictures["simulated"] = self._simulated(found, match, detector)
        return [
            replace(one, images={name: stack[i].numpy() for name, stack in pictures.items()})
            for i, one in enumerate(found)
        ]

    def match(
        self, prepared: Tensor, detector: TiltedDetector, tolerance: float, progress: Progress | None = None
    ) -> Match:
        """Match prepared 64 px patterns of one detector with all candidates."""
        tick = None if progress is None else (lambda done, total: progress("matching", done, total))
        kept = self._last_matcher.get((detector, tolerance))
        if kept is None:
            kept = Matcher(self._candidates(detector), detector, tolerance)
            self._last_matcher.clear()
            self._last_matcher[detector, tolerance] = kept
        return kept.match(prepared, tick)

    def testimony(self, prediction: Prediction, match: Match, verification: Verification, quality: Tensor) -> Testimony:
        """Both witnesses on the network's groups.

        Raises:
            InputError: the library holds no crystal of a group that the network knows.
        """
        missing = [group for group in self.classifier.grouping.groups if group not in verification.groups]
        if missing:
            raise InputError(f"library: no crystal of space group {', '.join(missing)}, which the model tells apart")
        order = [verification.groups.index(group) for group in self.classifier.grouping.groups]
        return Testimony(
            prediction.group_probabilities.clamp_min(1e-12).log(),
            verification.ncc[:, order],
            verification.significance(INDEPENDENT_PIXELS)[:, order],
            contrast(match.ncc),
            quality,
        )

    @cached_property
    def _collapsed(self) -> dict[str, Tensor]:
        return {name: master.collapsed() for name, master in self.masters.items()}

    @cached_property
    def _last_matcher(self) -> dict[tuple[TiltedDetector, float], Matcher]:
        """The matcher used last, with its dictionary, for further files of the same detector."""
        return {}

    def _candidates(self, detector: TiltedDetector) -> Candidates:
        symmetry = {name: master.symmetry for name, master in self.masters.items()}
        return Candidates.prepare(self._collapsed, symmetry, detector)

    def _detector(
        self, patterns: xr.Dataset, small: Tensor, pattern_centre: Centre | None, progress: Progress | None
    ) -> TiltedDetector:
        """The square detector that belongs to the prepared patterns; an unknown pattern centre is searched."""
        rows, cols = patterns["intensity"].shape[-2:]
        whole = TiltedDetector(
            (rows, cols),
            sample_tilt_deg=float(patterns.attrs.get("sample_tilt_deg", 70.0)),
            camera_elevation_deg=float(patterns.attrs.get("camera_elevation_deg", 0.0)),
        )
        if pattern_centre is not None:
            return replace(whole, pattern_centre=pattern_centre).square(MATCH_PX)
        square = replace(whole, shape=(MATCH_PX, MATCH_PX))
        best = image_quality(small).topk(min(CENTRE_SAMPLE, len(small))).indices
        tick = None if progress is None else (lambda done, total: progress("pattern centre", done, total))
        found = find_pattern_centre(small[best], self._candidates(square), square, progress=tick)
        return replace(square, pattern_centre=found.of_scan())

    def _strangeness(self, prediction: Prediction) -> Tensor:
        """How strange the network finds each pattern, 1 at its own threshold; 0 if that was never fitted."""
        open_set = self.classifier.open_set
        if open_set is None:
            return torch.zeros(len(prediction))
        return open_set.score(prediction.logits, prediction.features) / open_set.threshold

    def _network_sets(self, prediction: Prediction, quality: Tensor) -> list[list[str]]:
        """Prediction sets of the network alone."""
        assert self.classifier.card is not None
        nonconformity = probability_nonconformity(prediction.group_probabilities)
        members = Conformal.restore(self.classifier.card.conformal).sets(nonconformity, quality)
        return as_labels(members, nonconformity, self.classifier.grouping.groups)

    def _network_alone(self, file: str, prediction: Prediction, quality: Tensor) -> list[Reading]:
        sets, strangeness = self._network_sets(prediction, quality), self._strangeness(prediction).tolist()
        return [
            self._reading(
                file, i, strangeness[i], answers, tuple(sets[i]), ALONE, {"image_quality": rounded(quality[i])}
            )
            for i, answers in enumerate(self._ranked(prediction.group_probabilities))
        ]

    def _both(self, file: str, prediction: Prediction, quality: Tensor, match: Match) -> list[Reading]:
        verification = verify(match, self.group_of)
        verdict = self.judge.judge(self.testimony(prediction, match, verification, quality))
        sets = as_labels(
            verdict.sets, probability_nonconformity(verdict.probabilities), self.classifier.grouping.groups
        )
        alone = self._ranked(prediction.group_probabilities)
        alone_sets, alone_strangeness = self._network_sets(prediction, quality), self._strangeness(prediction)
        readings = []
        for i, answers in enumerate(self._ranked(verdict.probabilities)):
            matching = matching_evidence(match, verification, i)
            evidence = {
                "network": network_evidence(alone[i], alone_sets[i], alone_strangeness[i]),
                "matching": matching,
                "agreement": alone[i][0].label == matching["best_group"],
                "image_quality": rounded(quality[i]),
            }
            strange, members = float(verdict.strangeness[i]), tuple(sets[i])
            why = reason(members, evidence, strange)
            readings.append(self._reading(file, i, strange, answers, members, why, evidence))
        return readings

    def _ranked(self, probabilities: Tensor) -> list[tuple[Answer, ...]]:
        return [ranked(row, self.classifier.grouping.groups) for row in probabilities]

    def _reading(
        self,
        file: str,
        index: int,
        strangeness: float,
        answers: tuple[Answer, ...],
        prediction_set: tuple[str, ...],
        why: str,
        evidence: dict[str, Any],
    ) -> Reading:
        assert self.classifier.card is not None
        return Reading(
            file=file,
            index=index,
            technique=self.classifier.card.technique,
            model=self.classifier.card.name,
            unknown=strangeness > 1.0,
            unknown_score=strangeness,
            answers=answers,
            prediction_set=prediction_set,
            reason=why,
            evidence=evidence,
        )

    def _simulated(self, readings: list[Reading], match: Match, detector: TiltedDetector) -> Tensor:
        """Best-fitting simulated pattern of each reading, filtered like the measured one, at the network's size."""
        size = self.input_px
        mask, screen = circular_mask((size, size)), detector.resized((size, size))
        pictures = []
        for i, reading in enumerate(readings):
            name = reading.evidence["matching"]["best_crystal"]
            crystal = match.names.index(name)
            directions = screen.directions(match.pattern_centre[i, crystal])
            simulated = project(self._collapsed[name], match.orientation[i, crystal][None], directions)
            pictures.append(standardise(remove_dynamic(simulated, mask=mask), mask)[0])
        return torch.stack(pictures)


def _without_pattern(reading: Reading) -> Reading:
    """The reading of a uniform image: unknown, whatever the witnesses made of it."""
    return replace(reading, unknown=True, unknown_score=max(reading.unknown_score, HOPELESS), reason=EMPTY)
