"""Noise: the plane read from counted electrons: by networks, by likelihood through an emulator, and the bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoneaxis.learn.emulator import Emulator
from zoneaxis.learn.regression_errors import errors
from zoneaxis.patterns.amplitude import Normalisation, amplitude
from zoneaxis.reading.likelihood import Fit, Likelihood, cramer_rao_bound
from zoneaxis.studies.cbleed_autoencoder.codes import Encode
from zoneaxis.studies.cbleed_autoencoder.counting import counts
from zoneaxis.studies.cbleed_autoencoder.images import TARGETS, Images
from zoneaxis.studies.cbleed_autoencoder.plans import DIMERS, PLANE
from zoneaxis.studies.cbleed_autoencoder.readers import Row

SAME_PHYSICS = "off grid, same physics"
LIKELIHOOD, ALONE, BOUND = "network + likelihood", "likelihood alone", "Cramér-Rao bound"
MEAN_OF_GAUSSIAN = float(np.sqrt(2 / np.pi))
"""Mean absolute value of a normal deviate of unit variance: turns the bound into the error it allows on average."""

FALSE_ALARMS = 0.01
"""Share of images of the emulated physics that the threshold of chi2 is set to call unknown."""
FAR_OUTSIDE = 3.0
"""Standard deviations beyond the end of the grid from which a reading is called unknown."""
WITHIN_SIGMAS, COVERAGE = 2.0, 0.95
"""A stated uncertainty is honest when so many errors lie within so many standard deviations."""


@dataclass(frozen=True)
class NoisyReader:
    """A reader with the normalisation its images need; predict: prepared (n, side, side) to values (n, t)."""

    name: str
    normalise: Normalisation
    predict: Encode


def emulator(images: Images, components: int) -> Emulator:
    """The emulator of a complete grid of images, its axes in the order of `TARGETS[PLANE]`."""
    labels = {"energy": images.energy_ev, "height": images.height, "length": images.length}
    return Emulator.fit(images.amplitude, labels, np.array(DIMERS)[images.dimer], components)


def by_dose(
    images: Images,
    readers: Sequence[NoisyReader],
    guess: NoisyReader,
    emulated: Emulator,
    electrons: Sequence[float],
    seed: int,
    tick: Callable[[int, int], None],
) -> list[Row]:
    """Errors of all readers at every dose, of `guess` refined by likelihood, of likelihood alone, and the bound.

    Rows as those of a table, with `electrons` in an image; for likelihood also `within` (share of images whose truth
    lies within two standard deviations) and `dimer` (share whose dimer is right). The bound has mae and sigma alone.
    """
    rows: list[Row] = []
    size_px = images.amplitude.shape[-1]
    truth = images.targets(PLANE)
    for done, dose in enumerate(electrons):
        tick(done, len(electrons))
        counted = counts(images.amplitude, dose, seed + done)
        for reader in readers:
            predicted = reader.predict(amplitude(counted, size_px, normalise=reader.normalise))
            rows += _rows(reader.name, dose, predicted, truth)
        proposed = guess.predict(amplitude(counted, size_px, normalise=guess.normalise))
        for name, start in ((LIKELIHOOD, proposed), (ALONE, None)):
            fit = fitted(emulated, counted, start)
            rows += _rows(name, dose, fit.values, truth, within(fit, truth), dimer_right(fit, emulated, images))
        klass = np.array([emulated.classes.index(DIMERS[dimer]) for dimer in images.dimer])
        sigma = cramer_rao_bound(emulated, klass, truth, dose).mean(0)
        rows += [
            {
                "reader": BOUND,
                "electrons": dose,
                "target": target,
                "unit": unit,
                "mae": MEAN_OF_GAUSSIAN * float(sigma[column]),
                "sigma": float(sigma[column]),
            }
            for column, (target, unit) in enumerate(TARGETS[PLANE].items())
        ]
    return rows


def honesty(
    known: Images,
    others: Mapping[str, Images],
    guess: NoisyReader,
    emulated: Emulator,
    electrons: Sequence[float],
    doubt_ev: float,
    seed: int,
) -> list[Row]:
    """Whether the stated uncertainty covers the error, or the reading is unknown, under physics never learned.

    Two things are added in quadrature to the standard deviations of the likelihood: what the emulator gets wrong, so
    that 95 % of one half of the `known` images are covered at the highest dose; and for the energy `doubt_ev`, because
    beam energy and inner potential shift an image alike, so an energy is known no better than the potential. Unknown:
    chi2 beyond what 99 % of that half stay below, or values beyond the grid. The other half shows the false alarms.

    Rows: test, electrons, covered (share of values within two standard deviations), unknown (share of images),
    covered_or_unknown (share of values), chi2 (median), and covered_or_unknown, mae and model_error of each target.
    """
    size_px = known.amplitude.shape[-1]
    half = np.arange(len(known)) % 2 == 0
    calibration, tests = known.of(half), {SAME_PHYSICS: known.of(~half)} | dict(others)

    def read(images: Images, dose: float, part: int) -> Fit:
        counted = counts(images.amplitude, dose, seed + 100 * part + int(np.log10(dose)))
        start = guess.predict(amplitude(counted, size_px, normalise=guess.normalise))
        return fitted(emulated, counted, start)

    calibrated = {dose: read(calibration, dose, 1) for dose in electrons}
    missing = model_error(calibrated[max(electrons)], calibration.targets(PLANE))
    added = np.hypot(missing, [doubt_ev, 0.0, 0.0])
    rows: list[Row] = []
    for dose in electrons:
        threshold = float(np.quantile(calibrated[dose].chi2, 1 - FALSE_ALARMS))
        for part, (name, images) in enumerate(tests.items(), start=2):
            fit, truth = read(images, dose, part), images.targets(PLANE)
            covered = within(fit, truth, added)
            unknown = (fit.chi2 > threshold) | (fit.outside > FAR_OUTSIDE).any(1)
            missed = np.abs(fit.values - truth).mean(0)
            rows.append(
                {
                    "test": name,
                    "electrons": dose,
                    "covered": float(covered.mean()),
                    "unknown": float(unknown.mean()),
                    "covered_or_unknown": float((covered | unknown[:, None]).mean()),
                    "chi2": float(np.median(fit.chi2)),
                    **{
                        f"covered_or_unknown_{target}": float((covered[:, column] | unknown).mean())
                        for column, target in enumerate(TARGETS[PLANE])
                    },
                    **{f"mae_{target}": float(missed[column]) for column, target in enumerate(TARGETS[PLANE])},
                    **{f"model_error_{target}": float(missing[column]) for column, target in enumerate(TARGETS[PLANE])},
                }
            )
    return rows


def model_error(fit: Fit, truth: np.ndarray) -> np.ndarray:
    """What (t,) a fit's standard deviations lack, in quadrature, for 95 % of errors to lie within two of them."""
    lacking = np.maximum((np.abs(fit.values - truth) / WITHIN_SIGMAS) ** 2 - fit.sigma**2, 0.0)
    return np.asarray(np.sqrt(np.quantile(lacking, COVERAGE, axis=0)))


def fitted(emulated: Emulator, counted: np.ndarray, guess: np.ndarray | None) -> Fit:
    """Likelihood of counted images (n, side, side), each pixel's unit one electron, from a guess (n, t) or without."""
    return Likelihood(emulated).fit(counted, guess, np.ones(len(counted)))


def within(fit: Fit, truth: np.ndarray, added: np.ndarray | float = 0.0) -> np.ndarray:
    """Whether each true value (n, t) lies within two standard deviations of the read one, `added` in quadrature."""
    return np.asarray(np.abs(fit.values - truth) <= WITHIN_SIGMAS * np.hypot(fit.sigma, added))


def dimer_right(fit: Fit, emulated: Emulator, images: Images) -> float:
    """Share of images whose dimer the likelihood tells right."""
    told = np.array([DIMERS.index(name) for name in emulated.classes])[fit.klass]
    return float((told == images.dimer).mean())


def _rows(
    reader: str,
    dose: float,
    predicted: np.ndarray,
    truth: np.ndarray,
    covered: np.ndarray | None = None,
    dimer: float | None = None,
) -> Iterator[dict[str, Any]]:
    for column, (target, unit) in enumerate(TARGETS[PLANE].items()):
        missed = np.abs(predicted[:, column] - truth[:, column])
        row = {"reader": reader, "electrons": dose, "target": target, "unit": unit}
        row |= errors(predicted[:, column], truth[:, column])
        row["standard_error"] = float(missed.std(ddof=1)) / len(missed) ** 0.5
        if covered is not None:
            row |= {"within": float(covered[:, column].mean()), "dimer": dimer}
        yield row
