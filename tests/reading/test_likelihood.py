"""Maximum likelihood through an emulator reaches what counting allows, and says when the model does not fit."""

import time

import numpy as np
import pytest

from tests.small_grid import AXES, KINDS, NAMES, counted, grid, intensity, places
from zoneaxis.errors import InputError
from zoneaxis.learn.emulator import Emulator
from zoneaxis.reading.likelihood import Likelihood, cramer_rao_bound

COUNT = 100


@pytest.fixture(scope="module")
def likelihood():
    """Of the small world."""
    return Likelihood(Emulator.fit(*grid()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("electrons", [1e3, 1e4, 1e6])
def test_errors_reach_the_bound(likelihood, kind, electrons):
    """Root mean square errors are the Cramér-Rao bound, stated deviations tell them, and chi2 is 1, gain unknown."""
    at = places(COUNT)
    fit = likelihood.fit(counted(intensity(kind, at), electrons))
    error = fit.values - at
    bound = np.sqrt((cramer_rao_bound(likelihood.emulator, kind, at, electrons) ** 2).mean(0))
    ratio = np.sqrt((error**2).mean(0)) / bound
    spread = (error / fit.sigma).std(0)
    print(f"{kind}, {electrons:.0e} e: error / bound {ratio.round(2)}, error / stated {spread.round(2)}")
    assert (ratio > 0.8).all() and (ratio < 1.25).all()
    assert (spread > 0.8).all() and (spread < 1.25).all()
    assert fit.chi2.mean() == pytest.approx(1.0, abs=0.05)
    assert np.median(fit.electrons) == pytest.approx(electrons, rel=0.1)
    assert [likelihood.emulator.classes[k] for k in fit.klass] == [kind] * COUNT


def test_without_noise_the_emulator_is_the_limit(likelihood):
    """Clean images are read to a thousandth of the grid's step, and leave over what the emulator misses."""
    at = places(COUNT)
    fit = likelihood.fit(intensity("buckled", at))
    error = np.sqrt(((fit.values - at) ** 2).mean(0))
    print(f"clean: rms error {error}, misfit {fit.misfit.max():.1e}")
    assert (error < [2e-3, 2e-4, 5e-4]).all()
    assert fit.misfit.max() < 1e-3


def test_stated_gain_gives_the_same_values(likelihood):
    """Values do not depend on whether the gain is known; the deviations follow it."""
    at = places(10)
    counts = counted(intensity("buckled", at), 1e4)
    unknown, known = likelihood.fit(counts), likelihood.fit(counts, electrons_per_unit=np.ones(10))
    scaled = likelihood.fit(40.0 * counts, electrons_per_unit=np.full(10, 1 / 40.0))
    assert known.values == pytest.approx(unknown.values, abs=1e-9)
    assert scaled.values == pytest.approx(known.values, abs=1e-6)
    assert scaled.sigma == pytest.approx(known.sigma, rel=1e-4)
    assert known.sigma == pytest.approx(unknown.sigma, rel=0.15)


def test_background_does_not_bias(likelihood):
    """A uniform background as bright as half the mean disc is found and leaves values and deviations honest."""
    at = places(COUNT)
    images = intensity("buckled", at)
    level = 0.5 * images[:, likelihood.emulator.lit].mean(1)[:, None, None]
    fit = likelihood.fit(counted(images + level, 2e5))
    assert fit.background.mean() == pytest.approx(1 / 3, rel=0.02)
    assert ((fit.values - at) / fit.sigma).std(0) == pytest.approx(np.ones(3), abs=0.25)
    assert fit.chi2.mean() == pytest.approx(1.0, abs=0.05)


def test_guesses_help_and_never_harm(likelihood):
    """A wild guess changes nothing; a good one finds what a start at the grid finds."""
    at = places(20)
    images = counted(intensity("symmetric", at), 1e4)
    alone = likelihood.fit(images)
    for guess in (at, np.full((20, 3), 1e3), np.stack([at, at[::-1]], axis=1)):
        assert likelihood.fit(images, guess).values == pytest.approx(alone.values, abs=2e-2 * alone.sigma.max(0).max())


def test_another_physics_is_misfit(likelihood):
    """Images that no values explain leave over far more than their noise."""
    right = intensity("buckled", places(20))
    wrong = right + 0.5 * right.mean() * (right > 0) * (1 + np.sin(np.arange(right.shape[1]) / 2.0)[:, None])
    for electrons in (1e5, 1e6):
        misfit = [likelihood.fit(counted(images, electrons)).misfit for images in (right, wrong)]
        print(f"{electrons:.0e} e: misfit {np.median(misfit[0]):.3f} of the right, {np.median(misfit[1]):.3f} of wrong")
        assert misfit[0].max() < 0.02 < 0.05 < misfit[1].min()
    striped = right + 0.3 * right.mean() * (1 + np.sin(np.arange(right.shape[1]) / 3.0)[:, None])
    assert likelihood.fit(striped).stray.min() > 0.05 > likelihood.fit(right).stray.max()


def test_beyond_the_grid_is_told(likelihood):
    """A pattern from outside the grid is read at its end, with how far the search wanted to go; inside it is 0."""
    beyond = places(10)
    beyond[:, 0] = AXES[0][-1] + 1.5
    fit = likelihood.fit(counted(intensity("buckled", beyond), 1e5))
    assert fit.values[:, 0] == pytest.approx(AXES[0][-1])
    assert (fit.outside[:, 0] > 4).all()
    assert not likelihood.fit(counted(intensity("buckled", places(10)), 1e5)).outside.any()


def test_one_by_one_is_all_together(likelihood):
    """Images are read independently of their neighbours in the batch."""
    images = counted(intensity("buckled", places(20)), 1e4)
    together = likelihood.fit(images)
    alone = np.concatenate([likelihood.fit(images[i : i + 1]).values for i in range(20)])
    assert alone == pytest.approx(together.values, abs=1e-6)


def test_bound_falls_with_the_root_of_the_dose(likelihood):
    """A hundred times the electrons give a tenth of the deviation; background raises it."""
    at = places(5)
    few, many = (cramer_rao_bound(likelihood.emulator, "buckled", at, electrons) for electrons in (1e4, 1e6))
    assert few == pytest.approx(10 * many, rel=1e-6)
    assert (cramer_rao_bound(likelihood.emulator, "buckled", at, 1e4, background=20.0) > few).all()


@pytest.mark.parametrize(
    ("images", "named"),
    [
        (np.ones((2, 16, 16)), "shape"),
        (np.zeros((1, 32, 32)), "dark"),
        (np.full((1, 32, 32), np.nan), "not finite"),
        (np.full((1, 32, 32), -1.0), "negative"),
    ],
)
def test_images_that_cannot_be_fitted(likelihood, images, named):
    """Another size, darkness, NaN and negative intensities are refused in one line."""
    with pytest.raises(InputError, match=named):
        likelihood.fit(images)


def test_speed(likelihood):
    """One image takes a few milliseconds, both kinds compared."""
    images = counted(intensity("buckled", places(30)), 1e4)
    likelihood.fit(images[:1])
    taken = []
    for image in images:
        begin = time.process_time()
        likelihood.fit(image[None], places(1))
        taken.append(time.process_time() - begin)
    print(f"one image of {likelihood.emulator.lit.sum()} lit px, {len(NAMES)} values: {1e3 * min(taken):.1f} ms")
    assert min(taken) < 10e-3
