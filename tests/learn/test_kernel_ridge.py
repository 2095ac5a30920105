"""Kernel ridge regression: exact leave-one-out, widths that suit the data, a round trip through tensors and torch."""

import numpy as np
import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.learn.kernel_ridge import RIDGES, KernelRidge, leave_one_out


def sheet(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Codes (n, 5) on a folded sheet of two numbers, and these numbers (n, 2) in unlike units."""
    u, v = np.random.default_rng(seed).uniform(-1, 1, (2, n))
    codes = np.stack([np.sin(3 * u), np.cos(3 * u) + v, 0.2 * v * u, np.sin(2 * v), 0.1 * u**3], axis=1)
    return codes, np.stack([65 + 35 * u, 0.3 * v], axis=1)


def test_leave_one_out_is_what_it_says() -> None:
    """The closed form agrees with fits that really leave each point out, to 1e-9, for every ridge and target."""
    x, y = sheet(25)
    y = y / y.std(0)
    kernel = np.exp(-((x[:, None] - x) ** 2).sum(-1))
    ridges = (1e-4, 1e-1)
    expected = np.zeros((2, 2))
    for r, ridge in enumerate(ridges):
        for i in range(25):
            kept = np.arange(25) != i
            a = np.linalg.solve(kernel[np.ix_(kept, kept)] + ridge * np.eye(24), y[kept])
            expected[r] += np.abs(y[i] - kernel[i, kept] @ a) / 25
    assert np.allclose(leave_one_out(kernel, y, ridges), expected, atol=1e-9)


def test_smooth_values_are_read_to_a_thousandth() -> None:
    """600 codes of a folded sheet give both numbers of new ones to 1e-3 of their range, as leave-one-out foretells."""
    fitted = KernelRidge.fit(*sheet(600), search_rows=300)
    x, y = sheet(300, seed=1)
    mae = np.abs(fitted.predict(x) - y).mean(0)
    print(
        f"kernel ridge on a sheet: mean errors {mae[0]:.1e} of 70, {mae[1]:.1e} of 0.6; left out {fitted.left_out_mae}"
    )
    assert (mae < 1e-3 * np.array([70, 0.6])).all()
    assert (fitted.left_out_mae < 10 * mae).all() and (mae < 10 * fitted.left_out_mae).all()


def test_noise_is_averaged_not_followed() -> None:
    """With 10 % noise on the targets leave-one-out states the noise, and the error against the clean truth is less."""
    x, y = sheet(400)
    noisy = y + y.std(0) * 0.1 * np.random.default_rng(3).standard_normal(y.shape)
    fitted = KernelRidge.fit(x, noisy, search_rows=200, ridges=RIDGES[::2])
    new, truth = sheet(300, 1)
    mae = np.abs(fitted.predict(new) - truth).mean(0) / y.std(0)
    left_out = fitted.left_out_mae / y.std(0)
    print(f"noise of 0.080 mean: left out {left_out.round(3)}, error {mae.round(3)}")
    assert (abs(left_out - 0.08) < 0.015).all() and (mae < 0.04).all()


def test_units_do_not_matter() -> None:
    """Scaling all inputs by one factor, or targets by one each, scales the answers only."""
    x, y = sheet(120)
    new = sheet(20, 1)[0]
    reference = KernelRidge.fit(x, y).predict(new)
    assert np.allclose(KernelRidge.fit(1e3 * x, y).predict(1e3 * new), reference, rtol=1e-5)
    assert np.allclose(KernelRidge.fit(x, y * [10, 1e-3] + 5).predict(new), reference * [10, 1e-3] + 5, rtol=1e-5)


def test_useless_inputs_are_bounded() -> None:
    """A constant input changes nothing, and one target alone may come as a vector."""
    x, y = sheet(120)
    padded = np.concatenate([x, np.full((120, 1), 3.0)], axis=1)
    new = sheet(20, 1)[0]
    more = np.concatenate([new, np.full((20, 1), 3.0)], axis=1)
    assert np.allclose(KernelRidge.fit(padded, y[:, 0]).predict(more), KernelRidge.fit(x, y[:, :1]).predict(new))


def test_far_away_it_says_the_mean() -> None:
    """Limit: without a centre near, the answer is the mean of the fitted targets, never a wild extrapolation."""
    x, y = sheet(120)
    assert np.allclose(KernelRidge.fit(x, y).predict(np.full((1, 5), 1e3)), y.mean(0))


def test_tensors_and_torch_give_the_same_numbers() -> None:
    """Stored and restored it predicts the same; its torch module agrees to 1e-9 of the range in float64."""
    from safetensors.torch import load, save

    x, y = sheet(150)
    fitted = KernelRidge.fit(x, y)
    restored = KernelRidge.restore(load(save(fitted.tensors())))
    new = sheet(40, 1)[0]
    assert np.array_equal(restored.predict(new), fitted.predict(new))
    module = fitted.module()
    difference = np.abs(module(torch.from_numpy(new)).numpy() - fitted.predict(new)) / y.std(0)
    print(f"torch against NumPy: {difference.max():.1e}")
    assert difference.max() < 1e-7
    assert module(torch.from_numpy(new).float()).dtype == torch.float32
    assert fitted.predict(new[:0]).shape == (0, 2)


@pytest.mark.parametrize(
    ("inputs", "targets", "words"),
    [
        (np.zeros((5, 2)), np.arange(5.0), "5 rows"),
        (np.zeros((20, 2)), np.arange(19.0), "must be"),
        (np.zeros((20, 2)), np.ones(20), "same value 1"),
        (np.full((20, 2), np.nan), np.arange(20.0), "NaN"),
        (np.zeros(20), np.arange(20.0), "must be"),
    ],
)
def test_what_cannot_be_fitted_is_refused(inputs: np.ndarray, targets: np.ndarray, words: str) -> None:
    """Too few rows, shapes that do not fit, NaN and targets that do not vary are named."""
    with pytest.raises(InputError, match=words):
        KernelRidge.fit(inputs, targets)


def test_damaged_tensors_are_refused() -> None:
    """Missing names, wrong shapes and inputs of another width are named."""
    x, y = sheet(60)
    fitted = KernelRidge.fit(x, y)
    tensors = fitted.tensors()
    with pytest.raises(InputError, match="coefficients"):
        KernelRidge.restore({name: t for name, t in tensors.items() if name != "coefficients"})
    with pytest.raises(InputError, match="inverse_length"):
        KernelRidge.restore(tensors | {"inverse_length": tensors["inverse_length"][:, :2]})
    with pytest.raises(InputError, match=r"expected \(n, 5\)"):
        fitted.predict(x[:, :3])
