"""Templates: correlation over all rolls is what a plain loop finds, and a template knows itself."""

import math

import pytest
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.learn.calibrate import negative_log_likelihood
from zoneaxis.learn.grouping import Grouping
from zoneaxis.learn.template_classifier import TemplateClassifier

RADII, ANGLES = 12, 20
GROUPING = Grouping(("A", "B", "C", "D"), ("225", "225", "227", "229"))


def _templates(n: int = 11, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, RADII, ANGLES, generator=generator), torch.arange(n) % 4


def _correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


@pytest.mark.parametrize("mirrored", [False, True])
def test_correlation_is_that_of_a_plain_loop(mirrored: bool) -> None:
    """Two roads: Fourier transform, and every roll (and mirror image) of every template one by one."""
    templates, material = _templates()
    patterns, _ = _templates(5, seed=1)
    found = TemplateClassifier.fit(templates, material, GROUPING, mirrored=mirrored).correlations(patterns)
    assert found.shape == (5, 4)
    for number, pattern in enumerate(patterns):
        for label in range(4):
            images = [t for t, m in zip(templates, material, strict=True) if m == label]
            images += [image.flip(-1) for image in images] if mirrored else []
            best = max(_correlation(pattern, torch.roll(t, roll, -1)) for t in images for roll in range(ANGLES))
            assert float(found[number, label]) == pytest.approx(best, abs=1e-5)


def test_rolled_templates_are_found_again() -> None:
    """A template rolled, brightened and shifted in level has correlation 1 with its class, and the answer is right."""
    templates, material = _templates()
    rolled = 3 * torch.stack([torch.roll(t, 3 * i, -1) for i, t in enumerate(templates)]) + 7
    prediction = TemplateClassifier.fit(templates, material, GROUPING).predict(rolled)
    assert torch.allclose(prediction.features.amax(-1), torch.ones(len(templates)), atol=1e-5)
    assert torch.equal(prediction.material_probabilities.argmax(-1), material)
    assert torch.equal(prediction.group_probabilities.argmax(-1), GROUPING.group_index[material])
    assert torch.allclose(prediction.group_probabilities.sum(-1), torch.ones(len(templates)), atol=1e-5)


def test_mirror_images_are_found_only_when_asked() -> None:
    """A mirrored template correlates fully only with mirrored templates."""
    templates, material = _templates()
    plain, both = (TemplateClassifier.fit(templates, material, GROUPING, mirrored=m) for m in (False, True))
    assert float(plain.correlations(templates.flip(-1)).amax()) < 0.8
    assert torch.allclose(both.correlations(templates.flip(-1)).amax(-1), torch.ones(len(templates)), atol=1e-5)


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Correlating a few at a time gives what all at once give."""
    templates, material = _templates(30)
    patterns, _ = _templates(17, seed=1)
    classifier = TemplateClassifier.fit(templates, material, GROUPING)
    whole = classifier.correlations(patterns)
    monkeypatch.setattr("zoneaxis.learn.template_classifier.PATTERNS_AT_ONCE", 4)
    monkeypatch.setattr("zoneaxis.learn.template_classifier.TEMPLATES_AT_ONCE", 7)
    assert torch.allclose(classifier.correlations(patterns), whole, atol=1e-6)


def test_odd_numbers_of_angles_work() -> None:
    """The transform of an odd number of angles comes back as such."""
    templates = torch.randn(4, 5, 9, generator=torch.Generator().manual_seed(0))
    classifier = TemplateClassifier.fit(templates, torch.arange(4), GROUPING)
    assert torch.allclose(classifier.correlations(torch.roll(templates, 4, -1)).diag(), torch.ones(4), atol=1e-5)


def test_calibration_lowers_the_likelihood_loss() -> None:
    """On noisy patterns a fitted temperature is better in likelihood than the start, with the same answers."""
    templates, material = _templates(8)
    generator = torch.Generator().manual_seed(2)
    noisy = templates.repeat(40, 1, 1) + 6.0 * torch.randn(320, RADII, ANGLES, generator=generator)
    truth = material.repeat(40)
    start = TemplateClassifier.fit(templates, material, GROUPING)
    fitted = start.calibrated(noisy[:160], truth[:160])
    losses = [
        negative_log_likelihood(c.predict(noisy[160:]).material_probabilities, truth[160:]) for c in (start, fitted)
    ]
    print(f"temperature {fitted.temperature:.2f}, loss {losses[0]:.3f} -> {losses[1]:.3f} nats")
    assert losses[1] < losses[0] and losses[1] < math.log(4)


def test_flat_patterns_know_nothing() -> None:
    """A flat pattern has correlation 0 with every class and equal probabilities."""
    classifier = TemplateClassifier.fit(*_templates(), GROUPING)
    prediction = classifier.predict(torch.full((2, RADII, ANGLES), 3.0))
    assert torch.allclose(prediction.features, torch.zeros(2, 4), atol=1e-6)
    assert torch.allclose(prediction.material_probabilities, torch.full((2, 4), 0.25))


def test_nonsense_is_refused() -> None:
    """Empty classes, unequal lists, other shapes and NaN are named in one line."""
    templates, material = _templates()
    with pytest.raises(InputError, match="'D' has none"):
        TemplateClassifier.fit(templates, material % 3, GROUPING)
    with pytest.raises(InputError, match="give one each"):
        TemplateClassifier.fit(templates, material[:3], GROUPING)
    with pytest.raises(InputError, match="classes 1 to 4"):
        TemplateClassifier.fit(templates, material + 1, GROUPING)
    classifier = TemplateClassifier.fit(templates, material, GROUPING)
    with pytest.raises(InputError, match="the templates"):
        classifier.correlations(templates[:, 1:])
    with pytest.raises(InputError, match="finite"):
        classifier.correlations(templates * torch.nan)
