"""Rings: medians by distance, with pixels left out."""

import numpy as np

from zoneaxis.techniques.sadp.rings import rings_about


def test_medians_are_those_of_each_ring():
    """On a hill of its own noise the level is the hill and the width the noise; one pixel in ten does not matter."""
    generator = np.random.default_rng(3)
    rings = rings_about((128, 128), 63.5, 63.5)
    hill = 100 - rings.number.astype(float)
    image = hill + generator.normal(0, 0.5, hill.shape)
    image[generator.random(hill.shape) < 0.1] += 50
    level, width = rings.medians(image)
    assert rings.sizes.sum() == image.size and len(level) == rings.count
    assert np.abs(level[5:30] - (100 - np.arange(5, 30))).max() < 0.3
    assert np.abs(width[5:30] / 0.5 - 1).max() < 0.4


def test_hidden_pixels_and_steps():
    """Hidden pixels do not count; every second pixel gives as many rings."""
    rings, thin = (rings_about((64, 64), 31.5, 31.5, step) for step in (1, 2))
    image = np.full((64, 64), 2.0)
    hidden = np.zeros(image.shape, dtype=bool)
    hidden[:, :30] = True
    image[hidden] = np.inf
    level, width = rings.medians(image, hidden)
    assert np.allclose(level, 2.0) and np.allclose(width, 0.0)
    assert thin.count == rings.count and thin.number.shape == (32, 32)
