"""Translation baselines: what each must give on pairs where the answer is known."""

import numpy as np
import pytest
import torch

from tests.learn.small_pairs import SIZE_PX, pairs
from zoneaxis.errors import InputError
from zoneaxis.learn.translation_baselines import BASELINES, ComponentTrees, Constant, FiveNearest, MeanImage, Nearest


def test_constant_and_mean_image_are_the_best_of_their_kind() -> None:
    """Any other grey value, any other single image, is farther from the targets."""
    inputs, targets = pairs(50)
    constant, mean = (kind.fit(inputs, targets).translate(inputs) for kind in (Constant, MeanImage))
    assert np.ptp(constant) == 0 and constant[0, 0, 0, 0] == pytest.approx(float(targets.mean()))
    assert np.allclose(mean[7], targets.mean(0), atol=1e-6)
    error = ((constant - targets.numpy()) ** 2).mean()
    for other in (-0.01, 0.01):
        assert ((constant + other - targets.numpy()) ** 2).mean() > error
    assert ((mean - targets.numpy()) ** 2).mean() < error


def test_nearest_finds_what_it_has_seen() -> None:
    """A known input has its own target; a little noise changes nothing; five nearest are the mean of five."""
    inputs, targets = pairs(150)
    nearest = Nearest.fit(inputs, targets)
    assert np.array_equal(nearest.translate(inputs), targets.numpy())
    noisy = (inputs + 0.02 * torch.randn(inputs.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    assert (nearest.translate(noisy) == targets.numpy()).mean() > 0.9
    distance = (inputs[3] - inputs).square().sum((1, 2, 3))
    five = targets[distance.argsort()[:5]].mean(0)
    assert np.allclose(FiveNearest.fit(inputs, targets).translate(inputs[3:4])[0], five, atol=1e-6)
    assert np.array_equal(FiveNearest.fit(inputs[:1], targets[:1]).translate(inputs[:2])[1], targets[0].numpy())


def test_each_baseline_beats_the_one_that_knows_less() -> None:
    """On unseen lattices: the mean image beats the constant, neighbours the mean image, and trees neighbours."""
    seen, unseen = pairs(300), pairs(100, seed=1)
    error = {
        name: float(((kind.fit(*seen).translate(unseen[0]) - unseen[1].numpy()) ** 2).mean())
        for name, kind in BASELINES.items()
    }
    print("baselines, mean square: " + ", ".join(f"{name} {value:.5f}" for name, value in error.items()))
    assert error["mean image"] < error["constant"]
    assert max(error["nearest"], error["5 nearest"]) < error["mean image"]
    assert error["PCA + extra trees"] < error["mean image"]


@pytest.mark.parametrize("kind", BASELINES.values())
def test_every_baseline_answers_alike(kind: type) -> None:
    """Shape, type, range, repetition, both layouts; unequal numbers and other images are refused."""
    inputs, targets = pairs(30)
    found = kind.fit(inputs.numpy(), targets.numpy()).translate(inputs[:4, 0])
    assert found.shape == (4, 1, SIZE_PX, SIZE_PX) and found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    assert np.array_equal(found, kind.fit(inputs, targets).translate(inputs[:4]))
    with pytest.raises(InputError, match="one target for each"):
        kind.fit(inputs, targets[:-1])
    with pytest.raises(InputError, match="values from"):
        kind.fit(2 * inputs, targets)


def test_trees_take_few_pairs() -> None:
    """Fewer pairs than components are no error."""
    inputs, targets = pairs(5)
    assert ComponentTrees.fit(inputs, targets).translate(inputs).shape == inputs.shape
