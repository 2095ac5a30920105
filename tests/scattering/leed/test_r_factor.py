"""Pendry R factor: closed forms, scale, unrelated and shifted curves, gaps, refusals."""

import numpy as np
import pytest

from zoneaxis.errors import InputError
from zoneaxis.scattering.leed.r_factor import pendry_r_factor, pendry_y

ENERGY = np.arange(30.0, 250.0, 1.0)
V0I = 4.0


def curves(n: int, seed: int) -> np.ndarray:
    """Intensities (energies, n) made of Lorentzian peaks 2 V0i wide at random places, as LEED curves are."""
    generator = np.random.default_rng(seed)
    places = generator.uniform(20, 260, (n, 12, 1))
    heights = generator.uniform(0.2, 1, (n, 12, 1))
    return (heights / ((ENERGY - places) ** 2 + V0I**2)).sum(axis=1).T


@pytest.mark.parametrize("derivative", ["spline", "central"])
def test_equal_up_to_a_factor(derivative: str) -> None:
    """R of a curve with itself is 0, and a factor on either curve changes nothing."""
    a, b = curves(5, 1), curves(5, 2)
    assert pendry_r_factor(ENERGY, a, a, V0I, derivative=derivative).mean == 0
    assert pendry_r_factor(ENERGY, a, 7.3e4 * a, V0I, derivative=derivative).mean < 1e-25
    plain = pendry_r_factor(ENERGY, a, b, V0I, derivative=derivative)
    scaled = pendry_r_factor(ENERGY, 1e-6 * a, 30 * b, V0I, derivative=derivative)
    assert scaled.per_curve == pytest.approx(plain.per_curve, rel=1e-9)
    assert pendry_r_factor(ENERGY, b, a, V0I, derivative=derivative).mean == pytest.approx(plain.mean)


@pytest.mark.parametrize(("a", "b"), [(0.05, 0.02), (0.05, -0.05), (0.05, 1 / (0.05 * V0I**2))])
def test_exponentials(a: float, b: float) -> None:
    """Exponentials have constant Y = a / (1 + V0i² a²), so R is known: 2 for opposite ones, 0 where both Y agree."""
    energy = np.linspace(50, 60, 101)
    ya, yb = (slope / (1 + V0I**2 * slope**2) for slope in (a, b))
    assert pendry_y(energy, np.exp(a * energy), V0I) == pytest.approx(ya, rel=1e-5)
    r = pendry_r_factor(energy, np.exp(a * energy), np.exp(b * energy), V0I)
    assert r.mean == pytest.approx((ya - yb) ** 2 / (ya**2 + yb**2), rel=1e-4, abs=1e-9)


def test_y_is_bounded() -> None:
    """|Y| never exceeds 1 / (2 V0i), and is 0, not a division by zero, where the intensity vanishes."""
    energy = np.linspace(-5, 5, 101)
    y = pendry_y(energy, energy**2, V0I)
    assert np.abs(y).max() <= 1 / (2 * V0I) + 1e-12
    assert y[50] == 0


def test_unrelated_curves() -> None:
    """Unrelated curves give about 1."""
    r = pendry_r_factor(ENERGY, curves(200, 3), curves(200, 4), V0I)
    print(f"200 unrelated pairs: mean {r.mean:.3f}, pooled {r.pooled:.3f}, spread {r.per_curve.std():.3f}")
    assert r.mean == pytest.approx(1, abs=0.1)
    assert r.pooled == pytest.approx(r.mean, abs=0.05)


def test_grows_with_a_shift() -> None:
    """A shift in energy raises R steadily: a tenth of V0i is hardly seen, V0i spoils the fit."""
    energy = np.arange(30, 250, 0.5)
    base = 1.2 + np.sin(energy / 6)
    shifts = (0.4, 1.0, 2.0, 4.0)
    r = [pendry_r_factor(energy, base, 1.2 + np.sin((energy - shift) / 6), V0I).mean for shift in shifts]
    print(", ".join(f"{shift} eV: {value:.4f}" for shift, value in zip(shifts, r, strict=True)))
    assert r == sorted(r) and r[0] < 0.02 and r[-1] > 0.2


def test_derivatives_agree() -> None:
    """Spline and central differences give the same R on a fine grid."""
    a, b = curves(20, 5), curves(20, 6)
    spline, central = (pendry_r_factor(ENERGY, a, b, V0I, derivative=kind).per_curve for kind in ("spline", "central"))
    print(f"largest difference {np.abs(spline - central).max():.4f}")
    assert np.abs(spline - central).max() < 0.02


def test_horizon_is_left_out() -> None:
    """Energies without intensity do not enter, whether 0 or NaN: R is that of the rest, its range is shorter."""
    a, b = curves(2, 7), curves(2, 8)
    rest = pendry_r_factor(ENERGY[60:], a[60:, 0], b[60:, 0], V0I)
    for nothing in (0.0, np.nan):
        dark_a, dark_b = a.copy(), b.copy()
        dark_a[:60, 0] = dark_b[:50, 0] = nothing
        r = pendry_r_factor(ENERGY, dark_a, dark_b, V0I)
        assert r.per_curve[0] == pytest.approx(rest.mean, rel=1e-12)
        assert r.range_ev.tolist() == [159, 219]
        assert r.mean == pytest.approx(np.average(r.per_curve, weights=[159, 219]))


def test_gap_in_the_middle() -> None:
    """Both sides of a gap count, and no derivative reaches across it."""
    a, b = curves(1, 9)[:, 0], curves(1, 10)[:, 0]
    a[100:120] = 0
    r = pendry_r_factor(ENERGY, a, b, V0I)
    left, right = (
        pendry_r_factor(ENERGY[part], a[part], b[part], V0I) for part in (slice(0, 100), slice(120, len(ENERGY)))
    )
    assert r.range_ev[0] == left.range_ev[0] + right.range_ev[0]
    assert min(left.mean, right.mean) < r.mean < max(left.mean, right.mean)


def test_weak_stretches_can_be_left_out() -> None:
    """With a least intensity, the noise of a beam that is almost dark does not decide."""
    a = np.maximum(curves(1, 11)[:, 0], 0)
    noisy = a.copy()
    a[:80] *= 1e-9
    noisy[:80] = 1e-9 * np.random.default_rng(12).random(80)
    assert pendry_r_factor(ENERGY, a, noisy, V0I).mean > 0.3
    assert pendry_r_factor(ENERGY, a, noisy, V0I, least_intensity=1e-6).mean < 1e-12


def test_nothing_in_common() -> None:
    """A pair without common energies has no R and does not spoil the mean of the others."""
    a, b = curves(2, 13), curves(2, 14)
    dark = b.copy()
    dark[:, 0] = 0
    r = pendry_r_factor(ENERGY, a, dark, V0I)
    assert np.isnan(r.per_curve[0]) and r.range_ev[0] == 0
    assert r.mean == r.per_curve[1] == r.pooled
    assert np.isnan(pendry_r_factor(ENERGY, a, 0 * b, V0I).mean)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"energy_ev": ENERGY[::-1]}, "rise"),
        ({"energy_ev": ENERGY[:-1]}, "allowed are"),
        ({"theory": np.ones((3, 2))}, "allowed are"),
        ({"imaginary_potential_ev": 0.0}, "must be positive"),
        ({"derivative": "backward"}, "backward"),
        ({"least_intensity": 1.0}, "between 0 and 1"),
    ],
)
def test_refused(change: dict[str, object], says: str) -> None:
    """Other shapes and values out of range are refused in one line."""
    given = {"energy_ev": ENERGY, "theory": ENERGY, "experiment": ENERGY, "imaginary_potential_ev": V0I} | change
    with pytest.raises(InputError, match=says):
        pendry_r_factor(**given)
