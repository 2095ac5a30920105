"""Template classifier: the nearest of many stored patterns decides, whatever the turn in the plane.

Polar patterns are correlated over all rolls of their angle axis by Fourier transform. The best template of each class
gives the class's score. Nothing is learned: it is the baseline that a network has to beat, and, with templates of the
very crystals that are tested, the ceiling of what their patterns can tell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.learn.calibrate import fit_temperature, temper
from zoneaxis.learn.classify import Prediction
from zoneaxis.learn.grouping import Grouping
from zoneaxis.patterns.preprocess import standardise

SHARPNESS = 100.0
"""Logit per unit of correlation at temperature 1: a lead of 0.01 is a factor e. Our choice, before calibration."""
PATTERNS_AT_ONCE, TEMPLATES_AT_ONCE = 64, 1024
"""Correlated together: 64 x 1024 x 96 rolls take 25 MB."""


@dataclass(frozen=True)
class TemplateClassifier:
    """Templates (t, radii, angles), of mean 0 and variance 1, with their classes (t,).

    mirrored: templates also count seen from the other side. temperature divides the logits, as in `Classifier`.
    """

    templates: Tensor
    material: Tensor
    grouping: Grouping
    mirrored: bool = False
    temperature: float = 1.0

    @classmethod
    def fit(
        cls, patterns: Tensor, material: Tensor, grouping: Grouping, *, mirrored: bool = False
    ) -> TemplateClassifier:
        """Classifier with all given polar patterns (t, radii, angles) as templates; material (t,) class numbers.

        Raises InputError for shapes that do not fit, values that are not finite, or a class without a template.
        """
        _check(patterns, None)
        if material.shape != patterns.shape[:1]:
            raise InputError(f"templates: {len(material)} classes for {len(patterns)} patterns; give one each")
        if int(material.min()) < 0 or int(material.max()) >= len(grouping.materials):
            raise InputError(
                f"templates: classes {int(material.min())} to {int(material.max())} are not in the grouping"
            )
        absent = torch.bincount(material, minlength=len(grouping.materials)) == 0
        if bool(absent.any()):
            raise InputError(f"templates: class {grouping.materials[int(absent.long().argmax())]!r} has none")
        return cls(standardise(patterns.to(torch.float32)), material.long(), grouping, mirrored)

    @torch.inference_mode()
    def correlations(self, patterns: Tensor) -> Tensor:
        """Correlation with the best template of each class at its best roll, (n, radii, angles) -> (n, classes).

        1 for a template itself, rolled by any number of angles; a flat pattern has 0. Raises InputError for another
        shape or values that are not finite.
        """
        _check(patterns, self.templates)
        radii, angles = self.templates.shape[1:]
        spectra = torch.fft.rfft(standardise(patterns.to(torch.float32)), dim=-1) / (radii * angles)
        best = torch.full((len(patterns), len(self.grouping.materials)), -1.0)
        for start in range(0, len(self.templates), TEMPLATES_AT_ONCE):
            part = slice(start, start + TEMPLATES_AT_ONCE)
            known = torch.fft.rfft(self.templates[part], dim=-1).permute(2, 1, 0)  # (frequencies, radii, templates)
            for first in range(0, len(patterns), PATTERNS_AT_ONCE):
                some = slice(first, first + PATTERNS_AT_ONCE)
                seen = spectra[some].permute(2, 0, 1)  # (frequencies, patterns, radii)
                scores = _over_rolls(seen @ known.conj(), angles)
                if self.mirrored:
                    scores = torch.maximum(scores, _over_rolls(seen @ known, angles))
                index = self.material[part][None].expand(len(scores), -1)
                best[some] = best[some].scatter_reduce(1, index, scores, "amax")
        return best

    def predict(self, patterns: Tensor) -> Prediction:
        """What the templates say, in the form of a network's prediction; features are the correlations."""
        correlations = self.correlations(patterns)
        logits = SHARPNESS * correlations
        tempered = temper(logits, self.temperature)
        groups = self.grouping.group_log_probabilities(tempered).exp()
        return Prediction(logits, tempered.softmax(-1), groups, correlations)

    def calibrated(self, patterns: Tensor, material: Tensor) -> TemplateClassifier:
        """The same with a temperature fitted on patterns of other crystals than those of the templates."""
        return replace(self, temperature=fit_temperature(SHARPNESS * self.correlations(patterns), material))


def _over_rolls(spectrum: Tensor, angles: int) -> Tensor:
    """Largest value over all rolls of spectra (frequencies, n, t) -> (n, t)."""
    return torch.fft.irfft(spectrum, n=angles, dim=0).amax(0)


def _check(patterns: Tensor, templates: Tensor | None) -> None:
    if patterns.ndim != 3 or 0 in patterns.shape:
        raise InputError(f"templates: patterns have shape {tuple(patterns.shape)}, expected (n, radii, angles)")
    if templates is not None and patterns.shape[1:] != templates.shape[1:]:
        raise InputError(
            f"templates: patterns are {tuple(patterns.shape[1:])}, the templates {tuple(templates.shape[1:])}"
        )
    if not bool(torch.isfinite(patterns).all()):
        raise InputError("templates: patterns hold values that are not finite (NaN or infinity)")
