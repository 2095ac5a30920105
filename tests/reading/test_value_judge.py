"""The value judge covers errors as often as it says and raises alarms as rarely as it says."""

import numpy as np
import pytest

from zoneaxis.errors import InputError
from zoneaxis.reading.value_judge import THRESHOLDS, ValueJudge, fit_thresholds, fit_uncertainty

N = 4000


def known(seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {"misfit": draw.gamma(2.0, 0.1, N), "stray": draw.gamma(1.0, 0.2, N)}


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_false_alarms_are_as_rare_as_asked(rate):
    """Fresh known patterns exceed the thresholds together in the stated share, each statistic taking part."""
    judge = ValueJudge(fit_thresholds(known(0), rate))
    strangeness, culprit = judge.strangeness(known(1))
    alarms = strangeness > 1.0
    print(f"false alarms {alarms.mean():.4f} of {rate}")
    assert alarms.mean() == pytest.approx(rate, rel=0.15, abs=0.003)
    blamed = {name: np.mean([c == name for c, alarm in zip(culprit, alarms, strict=True) if alarm]) for name in known()}
    assert min(blamed.values()) > 0.3


def test_thresholds_have_a_least():
    """Perfect training patterns do not make a threshold of zero; statistics without a fit keep theirs."""
    fitted = fit_thresholds({"misfit": np.zeros(100), "outside": np.full(100, 99.0)})
    assert 0 < fitted["misfit"] < 0.05
    assert fitted["outside"] == THRESHOLDS["outside"]


def test_too_little_to_fit():
    """A handful of patterns and an impossible rate are refused."""
    with pytest.raises(InputError, match="at least 40"):
        fit_thresholds({"misfit": np.zeros(39)})
    with pytest.raises(InputError, match="rate"):
        fit_thresholds({"misfit": np.zeros(100)}, 0.9)


def test_nan_is_strange():
    """A statistic that is no number is beyond every threshold."""
    assert ValueJudge().strangeness({"misfit": np.array([np.nan])})[0] > 1.0


def test_floor_and_slope_cover():
    """Model errors that floor and slope were fitted on are covered in 95 % of fresh cases; both are found."""

    def draw(seed: int) -> tuple[np.ndarray, ...]:
        rng = np.random.default_rng(seed)
        sigma, misfit, wrong = np.full((N, 2), 0.1), rng.uniform(0.02, 0.3, N), np.arange(N) % 2 == 1
        spread = np.sqrt(sigma**2 + np.array([0.3, 0.0]) ** 2 + (np.array([0.0, 5.0]) * (misfit * wrong)[:, None]) ** 2)
        return spread * rng.normal(size=(N, 2)), sigma, misfit * wrong, wrong

    floor, slope = fit_uncertainty(*draw(0))
    print(f"floor {floor.round(3)} of 0.3, 0; slope {slope.round(2)} of 0, 5")
    assert floor[0] == pytest.approx(0.3, rel=0.1)
    assert slope[1] == pytest.approx(5.0, rel=0.15)
    names = ("a", "b")
    judge = ValueJudge(
        floor={"likelihood": dict(zip(names, floor, strict=True))},
        slope={"likelihood": dict(zip(names, slope, strict=True))},
    )
    errors, sigma, misfit, _ = draw(1)
    stated = judge.uncertainty("likelihood", names, sigma, misfit)
    assert (np.abs(errors) < 1.96 * stated).mean(0) == pytest.approx([0.95, 0.95], abs=0.03)


def test_parameters_bring_it_back():
    """Plain numbers out and in; an empty card gives the unfitted judge."""
    judge = ValueJudge(THRESHOLDS | {"misfit": 0.03}, {"network": {"e": 0.2}}, {"likelihood": {"e": 3.0}}, 0.05)
    assert ValueJudge.restore(judge.parameters()) == judge
    assert ValueJudge.restore({}) == ValueJudge()


def test_doubt_is_always_there():
    """What no image shows is added to a value in quadrature, whatever the likelihood is sure of, and to no other."""
    judge = ValueJudge(doubt={"e": 0.6})
    stated = judge.uncertainty("likelihood", ("e", "h"), np.array([[0.8, 0.01]]), np.zeros(1))
    np.testing.assert_allclose(stated, [[1.0, 0.01]])
    assert ValueJudge.restore(judge.parameters()) == judge


@pytest.mark.parametrize(
    ("spoilt", "named"),
    [
        ({"doubt": {"e": -1.0}}, "doubt.e = -1.0"),
        ({"thresholds": {"misfit": 0.0}}, "misfit = 0.0"),
        ({"thresholds": {"colour": 1.0}}, "colour"),
        ({"floor": {"oracle": {}}}, "oracle"),
        ({"slope": {"network": {"e": -1.0}}}, "slope.network.e"),
        ({"mood": 1}, "mood"),
    ],
)
def test_spoilt_parameters(spoilt, named):
    """Numbers that cannot be and names that are not known are refused."""
    with pytest.raises(InputError, match=named):
        ValueJudge.restore(spoilt)
