"""The value reader: images in, numbers with their uncertainty out; the network proposes, the emulator confirms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from zoneaxis.errors import InputError
from zoneaxis.patterns.amplitude import amplitude_or_nan, bin_to
from zoneaxis.reading.likelihood import Fit, Likelihood
from zoneaxis.reading.reading import Answer, Reading, Value, smallest_set
from zoneaxis.reading.value_model import Proposal, ValueModel

HOPELESS = 99.0
"""Strangeness of an image without any pattern."""
COVERAGE = 0.95
"""Probability that the set of alternatives holds together."""
LEAST_SIGMA = 0.01
"""The least the network's guess is taken to be off, as a fraction of the range, when asking whether it lies outside."""
EMPTY = "the image is empty or uniform: it holds no pattern"
UNKNOWN = {
    "reconstruction": "the network cannot redraw the image",
    "misfit": "no emulated pattern explains the image",
    "stray": "there is structure between the discs that no emulated pattern has",
    "outside": "the best values lie beyond the trained range",
    "vagueness": "the image holds too little to tell the values",
}


@dataclass(frozen=True)
class Measurement:
    """Numbers of n images before they are put into words.

    values, sigma (n, t): of the last witness asked, sigma without the model's own error; statistics: of `ValueJudge`;
    fit: None without refinement.
    """

    proposal: Proposal
    values: np.ndarray
    sigma: np.ndarray
    misfit: np.ndarray
    statistics: dict[str, np.ndarray]
    fit: Fit | None

    @property
    def witness(self) -> str:
        """Who spoke last."""
        return "network" if self.fit is None else "likelihood"


@dataclass(frozen=True)
class ValueReader:
    """A model ready to read images; refinement is done where the model brings an emulator."""

    model: ValueModel

    @cached_property
    def likelihood(self) -> Likelihood:
        """Of the model's emulator; `InputError` when it has none."""
        if self.model.emulator is None:
            raise InputError(f"model {self.model.name}: brings no emulator; read without refinement (--no-refine)")
        return Likelihood(self.model.emulator)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the values."""
        return tuple(self.model.spans)

    def check(self, intensity: np.ndarray, where: str) -> None:
        """`InputError`, beginning with `where`, when images (n, rows, cols) are not square or too small to be read."""
        rows, cols = intensity.shape[1:]
        if rows != cols or rows < self.model.size_px:
            raise InputError(
                f"{where}: images of {rows} x {cols} px; the model {self.model.name} reads square ones of at least "
                f"{self.model.size_px} px, discs and centre as in its simulations"
            )

    def prepare(self, intensity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Network input (n, size, size) of images (n, rows, cols), and which of them have content (n,)."""
        return amplitude_or_nan(intensity, self.model.size_px, self.model.normalise, self.model.floor)

    def measure(
        self,
        intensity: np.ndarray,
        prepared: np.ndarray,
        *,
        refine: bool = True,
        electrons_per_unit: np.ndarray | None = None,
    ) -> Measurement:
        """Numbers of images (n, rows, cols) that have content, `prepared` belonging to them."""
        model = self.model
        proposal = model.propose(prepared[:, None])
        low, high = self._limits
        left = prepared - proposal.reconstruction
        reconstruction = np.sqrt((left**2).sum((1, 2)) / (prepared**2).sum((1, 2)))
        if not refine:
            none = np.zeros_like(proposal.values)
            sigma = self._sigma("network", none, reconstruction)
            beyond = np.maximum(np.maximum(low - proposal.values, proposal.values - high), 0.0)
            statistics = {
                "reconstruction": reconstruction,
                "outside": (beyond / np.maximum(sigma, LEAST_SIGMA * (high - low))).max(1),
                "vagueness": (sigma / (high - low)).max(1),
            }
            return Measurement(proposal, proposal.values, none, reconstruction, statistics, None)
        binned = np.maximum(bin_to(intensity, model.size_px), 0.0)
        gain = None
        if electrons_per_unit is not None:
            gain = np.asarray(electrons_per_unit) * (intensity.shape[-1] / model.size_px) ** 2
        fit = self.likelihood.fit(binned, proposal.values, gain)
        sigma = self._sigma("likelihood", fit.sigma, fit.misfit)
        statistics = {
            "misfit": fit.misfit,
            "stray": fit.stray,
            "outside": (fit.outside * fit.sigma / np.maximum(sigma, 1e-300)).max(1),
            "vagueness": (sigma / (high - low)).max(1),
        }
        return Measurement(proposal, fit.values, fit.sigma, fit.misfit, statistics, fit)

    def read(
        self,
        files: Sequence[str],
        indices: Sequence[int],
        intensity: np.ndarray,
        *,
        refine: bool = True,
        electrons_per_unit: float | None = None,
        images: bool = False,
    ) -> list[Reading]:
        """Readings of images (n, rows, cols), linear intensities in any unit, of these files at these positions.

        Args:
            refine: confirm the network's guess by maximum likelihood through the emulator.
            electrons_per_unit: if known; else the noise tells.
            images: keep the pictures behind each answer, as amplitudes.

        Raises:
            InputError: images that are not square or smaller than the network's input; no emulator to refine with.
        """
        prepared, content = self.prepare(intensity)
        if refine:
            _ = self.likelihood
            lit = self.likelihood.emulator.lit
            content &= np.nan_to_num(prepared)[:, lit].max(1) > 0
        readings = [self._empty(file, index) for file, index in zip(files, indices, strict=True)]
        if not content.any():
            return readings
        places = np.flatnonzero(content)
        gain = None if electrons_per_unit is None else np.full(len(places), electrons_per_unit)
        told = self.measure(intensity[places], prepared[places], refine=refine, electrons_per_unit=gain)
        sigma = self.stated_uncertainty(told)
        strangeness, culprit = self.model.judge.strangeness(told.statistics)
        for i, place in enumerate(places):
            one = self._reading(readings[place], told, i, sigma[i], float(strangeness[i]), culprit[i])
            readings[place] = replace(one, images=self._images(prepared[place], told, i)) if images else one
        return readings

    def stated_uncertainty(self, told: Measurement) -> np.ndarray:
        """Standard deviations (n, t) that belong to a measurement, the model's own error included."""
        return self._sigma(told.witness, told.sigma, told.misfit)

    @cached_property
    def _limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest trained values (t,)."""
        spans = self.model.spans.values()
        return np.array([span.low for span in spans]), np.array([span.high for span in spans])

    def _sigma(self, witness: str, sigma: np.ndarray, misfit: np.ndarray) -> np.ndarray:
        """Standard deviations (n, t) with the model's own error; at most the whole range, which is no answer."""
        low, high = self._limits
        whole = self.model.judge.uncertainty(witness, self.names, sigma, misfit)
        return np.minimum(np.nan_to_num(whole, nan=np.inf), high - low)

    def _empty(self, file: str, index: int) -> Reading:
        """The reading of an image that holds nothing."""
        return Reading(file, index, self.model.technique, self.model.name, True, HOPELESS, (), (), EMPTY, values={})

    def _reading(
        self, blank: Reading, told: Measurement, i: int, sigma: np.ndarray, strangeness: float, culprit: str
    ) -> Reading:
        """One image put into words."""
        guess = {name: round(float(value), 6) for name, value in zip(self.names, told.proposal.values[i], strict=True)}
        network: dict[str, Any] = {"values": guess}
        if "reconstruction" in told.statistics:
            network["reconstruction"] = rounded(told.statistics["reconstruction"][i])
        evidence: dict[str, Any] = {"network": network}
        answers: tuple[Answer, ...] = ()
        if told.fit is not None:
            assert self.model.emulator is not None
            classes, chance = self.model.emulator.classes, told.fit.class_probability[i]
            answers = tuple(Answer(classes[j], float(chance[j])) for j in np.argsort(-chance, kind="stable"))
            evidence["likelihood"] = self._likelihood_evidence(told.fit, i)
        strangeness = min(strangeness, HOPELESS)
        unknown = strangeness > 1.0
        return replace(
            blank,
            unknown=unknown,
            unknown_score=strangeness,
            answers=answers,
            prediction_set=smallest_set(answers, COVERAGE),
            reason=self._reason(told, i, answers, culprit if unknown else None),
            evidence=evidence,
            values={
                name: Value(float(value), span.unit, float(one))
                for (name, span), value, one in zip(self.model.spans.items(), told.values[i], sigma, strict=True)
            },
        )

    def _likelihood_evidence(self, fit: Fit, i: int) -> dict[str, Any]:
        """What the likelihood says; `electrons` is left out for an image without visible noise."""
        assert self.model.emulator is not None
        of_class = {
            name: {value: round(float(x), 6) for value, x in zip(self.names, row, strict=True)}
            for name, row in zip(self.model.emulator.classes, fit.values_of_class[i], strict=True)
        }
        told: dict[str, Any] = {
            "classes": of_class,
            "statistical_uncertainty": {name: rounded(x) for name, x in zip(self.names, fit.sigma[i], strict=True)},
            "chi2": rounded(fit.chi2[i]),
            "misfit": rounded(fit.misfit[i]),
            "stray": rounded(fit.stray[i]),
            "background": rounded(fit.background[i]),
        }
        return told | ({"electrons": rounded(fit.electrons[i])} if fit.electrons[i] < 1e9 else {})

    def _reason(self, told: Measurement, i: int, answers: tuple[Answer, ...], culprit: str | None) -> str:
        """One sentence."""
        if culprit is not None:
            figure, limit = told.statistics[culprit][i], self.model.judge.thresholds[culprit]
            return f"{UNKNOWN[culprit]}: {culprit} {figure:.3g}, known patterns stay below {limit:.3g}"
        if told.fit is None:
            return f"the network alone, not refined; it redraws all but {100 * told.misfit[i]:.1f} % of the amplitude"
        fit = told.fit
        light = "an image without noise"
        if fit.electrons[i] < 1e9:
            light = f"about {fit.electrons[i]:.1e} electrons with chi2 {fit.chi2[i]:.2f}"
        sure = f"the {answers[0].label} kind" if answers[0].probability > COVERAGE else "either kind"
        return f"{sure} explains {light}, all but {100 * fit.misfit[i]:.1f} % of the amplitude"

    def _images(self, prepared: np.ndarray, told: Measurement, i: int) -> dict[str, np.ndarray]:
        """Amplitudes: measured, the witness's best, and their difference in the same scale."""
        if told.fit is None:
            best, name = told.proposal.reconstruction[i], "reconstruction"
        else:
            assert self.model.emulator is not None
            lit = self.model.emulator.lit
            share = np.zeros(lit.shape)
            share[lit] = told.fit.amplitude[i] ** 2
            light = prepared.astype(np.float64) ** 2
            b = float(told.fit.background[i]) * light[lit].mean()
            best, name = np.sqrt(share * max(float((light[lit] - b).sum()), 0.0) + b), "emulated"
        return {"pattern": prepared, name: best.astype(np.float32), "residual": (prepared - best).astype(np.float32)}


def rounded(value: float) -> float:
    """Four significant figures, as evidence is told."""
    return float(f"{float(value):.4g}")
