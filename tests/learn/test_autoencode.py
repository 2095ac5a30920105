"""Autoencoding: it learns, repeats itself, resumes where it stopped, and refuses what it cannot learn from."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.small_discs import SIZE_PX, disc_images, grid
from zoneaxis.errors import InputError
from zoneaxis.learn.autoencode import AutoencoderRecipe, as_images, fit
from zoneaxis.learn.autoencoder_run import AutoencoderRun
from zoneaxis.learn.trained_autoencoder import entropy
from zoneaxis.patterns.amplitude import amplitude

RECIPE = AutoencoderRecipe(
    latent=4, widths=(8, 16), images=5000, max_minutes=None, batch_images=16, learning_rate=1e-2, precision="float32"
)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Amplitudes (231, 32, 32) of the small world."""
    return amplitude(disc_images(grid()), SIZE_PX)


def weights(trained: object) -> dict[str, Tensor]:
    return trained.network.state_dict()  # type: ignore[attr-defined]


def test_discs_are_learned(images: np.ndarray) -> None:
    """A few seconds leave a tenth of the variance of unseen images; the curve falls; codes and images have shapes."""
    seen: list[tuple[str, int, int]] = []
    trained = fit(images[::2], RECIPE, validation=images[1::2], progress=lambda *tick: seen.append(tick))
    record, variance = trained.record, float(images.var(0).mean())
    found = record["validation"]
    print(f"autoencoder, 5000 images: mse {found['mse']:.5f} of {variance:.5f}, {60 * record['minutes']:.1f} s")
    assert found["mse"] < 0.1 * variance
    assert found["bce_minus_entropy"] > 0 and record["curve"][-1]["loss"] < 0.2 * record["curve"][0]["loss"]
    assert record["curve"][-1]["images"] >= RECIPE.images and record["curve"][-1]["learning_rate"] < 1e-4
    assert seen[-1][0] == "training" and seen[-1][1] <= seen[-1][2] == RECIPE.images
    codes = trained.encode(images[:5])
    assert codes.shape == (5, 4) and codes.dtype == np.float32
    back = trained.decode(codes)
    assert back.shape == (5, 1, SIZE_PX, SIZE_PX) and 0 <= back.min() <= back.max() <= 1
    assert trained.quality(images[1::2]) == found
    assert np.allclose(trained.encode(images[:5][:, None]), codes)


def test_same_seed_gives_same_weights(images: np.ndarray) -> None:
    """Runs of one recipe agree whatever the global random numbers, which they leave alone; another seed does not."""
    short = dataclasses.replace(RECIPE, images=320)
    torch.manual_seed(1)
    first = weights(fit(images, short))
    expected = torch.rand(2)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(2), expected)
    again, other = weights(fit(images, short)), weights(fit(images, dataclasses.replace(short, seed=1)))
    for name, tensor in first.items():
        assert torch.allclose(tensor, again[name], atol=1e-6), name
    assert not torch.allclose(first["encoder.0.weight"], other["encoder.0.weight"], atol=1e-3)


def test_interrupted_run_ends_as_an_uninterrupted_one(
    images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off after a checkpoint, with noise on its inputs, and resumed: the weights of a run that never stopped."""

    def noisy(clean: Tensor, generator: torch.Generator) -> Tensor:
        return (clean + 0.05 * torch.randn(clean.shape, generator=generator)).clamp(0, 1)

    short = dataclasses.replace(RECIPE, images=16 * 40, checkpoint_minutes=1e-3)
    whole = fit(images, short, tmp_path / "whole", corrupt=noisy)
    one_step = AutoencoderRun._one_step

    def failing(run: AutoencoderRun, rate: float) -> Tensor:
        if run.step == 25:
            run.save(tmp_path / "cut", json.loads((tmp_path / "cut" / "run.json").read_text()))
        if run.step == 30:
            raise ConnectionError
        return one_step(run, rate)

    monkeypatch.setattr(AutoencoderRun, "_one_step", failing)
    with pytest.raises(ConnectionError):
        fit(images, short, tmp_path / "cut", corrupt=noisy)
    monkeypatch.undo()
    resumed = fit(images, short, tmp_path / "cut", corrupt=noisy)
    for name, tensor in weights(whole).items():
        assert torch.allclose(tensor, weights(resumed)[name], atol=1e-6), name
    assert [point["images"] for point in resumed.record["curve"]][-1] == short.images
    assert {path.name for path in (tmp_path / "cut").iterdir()} == {"run.json", "trained.safetensors"}


def test_finished_run_is_read_back(images: np.ndarray, tmp_path: Path) -> None:
    """Asking again gives the same network and record without training; other images or recipes are refused."""
    short = dataclasses.replace(RECIPE, images=320)
    first = fit(images, short, tmp_path)
    again = fit(images, short, tmp_path)
    assert again.record == first.record == json.loads((tmp_path / "run.json").read_text())
    assert np.array_equal(first.encode(images[:3]), again.encode(images[:3]))
    with pytest.raises(InputError, match="another recipe"):
        fit(images, dataclasses.replace(short, latent=3), tmp_path)
    with pytest.raises(InputError, match="another recipe"):
        fit(images[:-1], short, tmp_path)
    with pytest.raises(InputError, match="holds a training run already"):
        fit(images, short, tmp_path, resume=False)


def test_broken_files_are_named(images: np.ndarray, tmp_path: Path) -> None:
    """A checkpoint or weights that cannot be read are refused by name, nothing is overwritten."""
    short = dataclasses.replace(RECIPE, images=320)
    fit(images, short, tmp_path)
    (tmp_path / "trained.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"trained\.safetensors"):
        fit(images, short, tmp_path)
    record = json.loads((tmp_path / "run.json").read_text()) | {"finished": False}
    (tmp_path / "run.json").write_text(json.dumps(record))
    (tmp_path / "checkpoint.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"checkpoint\.safetensors"):
        fit(images, short, tmp_path)


def test_noise_on_the_input_is_learned_away(images: np.ndarray) -> None:
    """Trained on noisy inputs with clean targets, noisy images come out nearer to the clean ones than they went in."""

    def noisy(clean: Tensor, generator: torch.Generator) -> Tensor:
        return (clean + 0.2 * torch.randn(clean.shape, generator=generator)).clamp(0, 1)

    trained = fit(images, dataclasses.replace(RECIPE, images=4500), corrupt=noisy)
    clean = as_images(images)
    seen = noisy(clean, torch.Generator().manual_seed(9))
    back = torch.from_numpy(trained.decode(trained.encode(seen)))
    before, after = (float((x - clean).square().mean()) for x in (seen, back))
    print(f"mean square to the clean images: {before:.4f} seen, {after:.4f} redrawn")
    assert after < 0.3 * before


def test_clock_ends_a_run_at_rate_zero(images: np.ndarray) -> None:
    """A run bound by the clock stops near its time, with the learning rate all but gone, and has seen fewer images."""
    trained = fit(images, dataclasses.replace(RECIPE, images=10**7, max_minutes=0.02))
    assert trained.record["minutes"] == pytest.approx(0.02, abs=0.01)
    assert trained.record["images"] < 10**6


def test_mean_square_loss_and_bf16_learn_too(images: np.ndarray) -> None:
    """The ablation's loss, and half precision whatever the processor, end within twice the error of the default."""
    short = dataclasses.replace(RECIPE, images=1500)
    reference = fit(images, short).record["mse"]
    for changes in ({"loss": "mse"}, {"precision": "bf16"}):
        assert fit(images, dataclasses.replace(short, **changes)).record["mse"] < 2 * reference


def test_entropy_is_the_least_cross_entropy() -> None:
    """The cross-entropy of an image with itself is its entropy: zero for black and white, ln 2 for grey."""
    images = torch.tensor([0.0, 1.0, 0.5, 0.25]).reshape(4, 1, 1, 1).expand(4, 1, 2, 2)
    expected = [0, 0, math.log(2), -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))]
    assert torch.allclose(entropy(images), torch.tensor(expected))


def test_lost_loss_is_an_error(images: np.ndarray) -> None:
    """A learning rate far too high ends in one clear error, not in a network of NaN."""
    with pytest.raises(FloatingPointError, match="lower learning_rate"):
        fit(images, dataclasses.replace(RECIPE, learning_rate=10.0, loss="bce", warmup_fraction=0.0), corrupt=_nan)


def _nan(clean: Tensor, generator: torch.Generator) -> Tensor:
    return clean * float("nan")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((3, 32, 31)), "expected"),
        (np.zeros((3, 2, 32, 32)), "expected"),
        (np.full((3, 32, 32), 1.5), "1.5"),
        (np.full((3, 32, 32), np.nan), "NaN"),
        (np.zeros((3, 30, 30)), "multiple of 4"),
        (np.zeros((0, 32, 32)), "expected"),
    ],
)
def test_other_images_are_refused(bad: np.ndarray, words: str) -> None:
    """Images of another shape, outside 0 to 1 or of a size that cannot be halved are named."""
    with pytest.raises(InputError, match=words):
        fit(bad, RECIPE)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"latent": 0}, "latent"),
        ({"loss": "l1"}, "loss"),
        ({"precision": "half"}, "precision"),
        ({"device": "tpu"}, "device"),
        ({"max_minutes": 0}, "max_minutes"),
        ({"epochs": 3}, "epochs"),
    ],
)
def test_bad_recipes_name_their_field(values: dict, word: str) -> None:
    """An impossible or unknown field raises a line that names it; a good recipe survives JSON."""
    with pytest.raises(InputError, match=word):
        AutoencoderRecipe.from_mapping(values)
    assert AutoencoderRecipe.from_mapping(json.loads(json.dumps(RECIPE.to_mapping()))) == RECIPE
