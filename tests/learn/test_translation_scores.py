"""Translation scores: against formulas, another implementation, and known intervals."""

import numpy as np
import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.learn.translation_scores import mse, scores, ssim, summary, zncc


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    """Smooth random pictures (300, 1, 32, 32) in [0, 1], more than one part's worth."""
    rough = torch.rand(300, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(rough, 32, mode="bilinear")


def test_a_picture_scores_best_against_itself(images: torch.Tensor) -> None:
    """No error, full correlation and similarity, one of each per picture; both layouts are read."""
    found = scores(images[:, 0].numpy(), images)
    assert {name: each.shape for name, each in found.items()} == {"mse": (300,), "zncc": (300,), "ssim": (300,)}
    assert not found["mse"].any()
    assert np.allclose(found["zncc"], 1) and np.allclose(found["ssim"], 1, atol=1e-6)


def test_scores_of_known_changes(images: torch.Tensor) -> None:
    """A shift by 0.1 has mean square 0.01 and full correlation, the negative -1, a flat picture none."""
    assert np.allclose(mse(images + 0.1, images), 0.01, atol=1e-7)
    assert np.allclose(zncc(0.5 * images + 0.1, images), 1) and np.allclose(zncc(1 - images, images), -1)
    flat = torch.full_like(images, 0.3)
    assert not zncc(flat, images).any() and not zncc(images, flat).any()
    a, b = images[:1].flatten().numpy().astype(float), images[1:2].flatten().numpy().astype(float)
    assert zncc(images[:1], images[1:2])[0] == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-6)


def test_similarity_is_that_of_torchmetrics(images: torch.Tensor) -> None:
    """Structural similarity agrees with torchmetrics' map of it, less the five pixels of edge that it makes up."""
    metrics = pytest.importorskip("torchmetrics.functional.image", reason="torchmetrics is not installed")
    noisy = (images + 0.1 * torch.randn(images.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    _, places = metrics.structural_similarity_index_measure(
        noisy, images, data_range=1.0, reduction="none", return_full_image=True
    )
    assert np.allclose(ssim(noisy, images), places[..., 5:-5, 5:-5].mean((1, 2, 3)).tolist(), atol=1e-5)


def test_interval_covers_as_often_as_it_says() -> None:
    """Of 200 samples of 60 images, the interval holds the true mean in about 95 %; of clustered ones by groups only."""
    rng = np.random.default_rng(0)
    held = {"images": 0, "alike, by image": 0, "alike, by group": 0}
    for seed in range(200):
        free, shared = rng.normal(size=60), np.repeat(rng.normal(size=15), 4) + 0.2 * rng.normal(size=60)
        groups = np.repeat(np.arange(15), 4)
        for name, found in (
            ("images", summary(free, resamples=300, seed=seed)),
            ("alike, by image", summary(shared, resamples=300, seed=seed)),
            ("alike, by group", summary(shared, groups, resamples=300, seed=seed)),
        ):
            held[name] += found["low"] <= 0 <= found["high"]
    print(f"intervals that held the true mean, of 200: {held}")
    assert 172 <= held["images"] <= 199 and held["alike, by group"] >= 172 and held["alike, by image"] < 150


def test_summary_counts_groups_and_repeats_itself() -> None:
    """Uneven groups named by words; the mean is over images; one seed gives one interval; one group gives none."""
    values, names = np.array([1.0, 1.0, 1.0, 5.0]), ["perovskite", "perovskite", "perovskite", "spinel"]
    found = summary(values, names)
    assert (found["mean"], found["n"], found["groups"]) == (2.0, 4, 2)
    assert (found["low"], found["high"]) == (1.0, 5.0)
    assert summary(values, names) == found
    alone = summary(values, ["spinel"] * 4)
    assert alone["mean"] == 2.0 and np.isnan(alone["low"]) and np.isnan(alone["high"])


def test_what_cannot_be_scored_is_refused(images: torch.Tensor) -> None:
    """Other shapes, pictures below the window of similarity, no values, NaN, too few groups."""
    with pytest.raises(InputError, match="300"):
        mse(images, images[:-1])
    with pytest.raises(InputError, match="window"):
        ssim(images[..., :8, :8], images[..., :8, :8])
    for values, groups in (([], None), ([np.nan], None), ([1.0, 2.0], ["a"])):
        with pytest.raises(InputError, match="summary"):
            summary(np.array(values), groups)
