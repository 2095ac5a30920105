"""Translation: it learns, repeats itself, resumes where it stopped, and refuses pairs that do not match."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.learn.small_pairs import SIZE_PX, pairs
from zoneaxis.errors import InputError
from zoneaxis.learn.translate import TrainedTranslator, TranslatorRecipe, fit
from zoneaxis.learn.translation_scores import mse
from zoneaxis.learn.translator_run import TranslatorRun

RECIPE = TranslatorRecipe(width=8, images=2400, batch_images=8, learning_rate=3e-3, precision="float32")
SHORT = dataclasses.replace(RECIPE, images=80)


def weights(trained: TrainedTranslator) -> dict[str, Tensor]:
    return trained.network.state_dict()


def test_lattices_are_translated() -> None:
    """A few seconds leave a fifth of the mean image's error on unseen pairs; the curve falls; the record is whole."""
    seen, unseen = pairs(300), pairs(100, seed=1)
    ticks: list[tuple[str, int, int]] = []
    trained = fit(*seen, RECIPE, validation=unseen, progress=lambda *tick: ticks.append(tick))
    record, found = trained.record, trained.record["validation"]
    mean_image = float(mse(seen[1].mean(0, keepdim=True).expand_as(unseen[1]), unseen[1]).mean())
    print(f"translator: mean square {found['mse']:.5f}, mean image {mean_image:.5f}, {60 * record['minutes']:.1f} s")
    assert found["mse"] < 0.2 * mean_image and found["zncc"] > 0.9
    assert record["curve"][-1]["loss"] < 0.1 * record["curve"][0]["loss"]
    assert record["curve"][-1]["images"] >= RECIPE.images
    assert ticks[-1][0] == "training" and ticks[-1][1] <= ticks[-1][2] == RECIPE.images
    answer = trained.translate(unseen[0][:3, 0].numpy())
    assert answer.shape == (3, 1, SIZE_PX, SIZE_PX) and answer.dtype == np.float32
    assert 0 <= answer.min() <= answer.max() <= 1
    assert trained.quality(*unseen) == found


def test_symmetric_answers_turn_with_their_input() -> None:
    """The mean over the eight operations of an image mirrored is the mean mirrored, and keeps a symmetry it had."""
    trained = fit(*pairs(32), SHORT)
    image = torch.rand(2, 1, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(0))
    for turn in (lambda x: x[..., ::-1], lambda x: x.swapaxes(-1, -2)):
        turned = trained.translate(turn(image.numpy()).copy(), symmetric=True)
        assert np.allclose(turned, turn(trained.translate(image, symmetric=True)), atol=1e-5)
    answer = trained.translate(pairs(2)[0], symmetric=True)
    assert np.allclose(answer, answer[..., ::-1], atol=1e-5)


def test_same_seed_gives_same_weights() -> None:
    """Runs of one recipe agree whatever the global random numbers, which they leave alone; another seed does not."""
    recipe = dataclasses.replace(SHORT, dropout=0.5)
    torch.manual_seed(1)
    first = weights(fit(*pairs(32), recipe))
    expected = torch.rand(2)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(2), expected)
    again, other = (weights(fit(*pairs(32), dataclasses.replace(recipe, seed=seed))) for seed in (0, 1))
    for name, tensor in first.items():
        assert torch.allclose(tensor, again[name], atol=1e-6), name
    assert not torch.allclose(first["down.0.weight"], other["down.0.weight"], atol=1e-3)


@pytest.mark.parametrize("discriminator", [False, True])
def test_interrupted_run_ends_as_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discriminator: bool
) -> None:
    """Cut off after a checkpoint and resumed, with dropout and a judge: the weights of a run that never stopped."""
    recipe = dataclasses.replace(SHORT, images=8 * 20, dropout=0.5, discriminator=discriminator, norm="batch")
    whole = fit(*pairs(40), recipe, tmp_path / "whole")
    one_step = TranslatorRun._one_step

    def failing(run: TranslatorRun, rate: float) -> Tensor:
        if run.step == 12:
            run.save(tmp_path / "cut", json.loads((tmp_path / "cut" / "run.json").read_text()))
        if run.step == 15:
            raise ConnectionError
        return one_step(run, rate)

    monkeypatch.setattr(TranslatorRun, "_one_step", failing)
    with pytest.raises(ConnectionError):
        fit(*pairs(40), recipe, tmp_path / "cut")
    monkeypatch.undo()
    resumed = fit(*pairs(40), recipe, tmp_path / "cut")
    for name, tensor in weights(whole).items():
        assert torch.allclose(tensor, weights(resumed)[name], atol=1e-5), name
    assert resumed.record["curve"][-1]["images"] == recipe.images
    assert {path.name for path in (tmp_path / "cut").iterdir()} == {"run.json", "trained.safetensors"}


def test_finished_run_is_read_back(tmp_path: Path) -> None:
    """Asking again gives the same network and record without training; other pairs or recipes are refused."""
    inputs, targets = pairs(32)
    first = fit(inputs, targets, SHORT, tmp_path)
    again = fit(inputs, targets, SHORT, tmp_path)
    assert again.record == first.record == json.loads((tmp_path / "run.json").read_text())
    assert np.array_equal(first.translate(inputs[:3]), again.translate(inputs[:3]))
    with pytest.raises(InputError, match="width"):
        fit(inputs, targets, dataclasses.replace(SHORT, width=16), tmp_path)
    with pytest.raises(InputError, match="targets"):
        fit(inputs, inputs, SHORT, tmp_path)
    with pytest.raises(InputError, match="holds a training run already"):
        fit(inputs, targets, SHORT, tmp_path, resume=False)
    (tmp_path / "trained.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"trained\.safetensors"):
        fit(inputs, targets, SHORT, tmp_path)


def test_judge_is_trained_and_fooled() -> None:
    """With a discriminator the curve holds its verdicts as well, and the error still falls below the mean image's."""
    inputs, targets = pairs(200)
    recipe = dataclasses.replace(RECIPE, images=1200, discriminator=True, loss="l1")
    record = fit(inputs, targets, recipe).record
    assert {"loss", "fooling", "judging"} < set(record["curve"][0])
    assert min(point["judging"] for point in record["curve"]) < 0.6 < record["curve"][0]["judging"]
    assert record["training"]["mse"] < 0.6 * float((targets - targets.mean(0)).square().mean())


def test_bf16_and_mean_distance_learn_too() -> None:
    """Half precision whatever the processor, and the distance of the paper, end within twice the error."""
    recipe = dataclasses.replace(RECIPE, images=400)
    reference = fit(*pairs(200), recipe).record["training"]["mse"]
    for changes in ({"loss": "l1"}, {"precision": "bf16"}):
        assert fit(*pairs(200), dataclasses.replace(recipe, **changes)).record["training"]["mse"] < 2 * reference


def test_lost_loss_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss that is no number ends in one clear error, not in a network of NaN."""
    monkeypatch.setattr(TranslatorRun, "_one_step", lambda run, rate: torch.tensor(float("nan")))
    with pytest.raises(FloatingPointError, match="translator loss is nan"):
        fit(*pairs(32), SHORT)


def test_pairs_that_do_not_match_are_refused() -> None:
    """Unequal numbers or sizes, values outside 0 to 1, and sizes that the network does not know are named."""
    inputs, targets = pairs(8)
    for first, second, words in (
        (inputs, targets[:-1], "8 inputs but 7 targets"),
        (inputs, targets[..., ::2, ::2], "expected"),
        (inputs, 2 * targets + 0.1, "values from"),
        (inputs[..., :24, :24], targets[..., :24, :24], "size_px = 24"),
    ):
        with pytest.raises(InputError, match=words):
            fit(first, second, SHORT)
    with pytest.raises(InputError, match="validation"):
        fit(inputs, targets, SHORT, validation=(inputs, targets[1:]))


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"width": 4}, "width"),
        ({"loss": "bce"}, "loss"),
        ({"norm": "layer"}, "norm"),
        ({"pixel_weight": 0}, "pixel_weight"),
        ({"average_decay": 1}, "average_decay"),
        ({"max_minutes": 0}, "max_minutes"),
        ({"epochs": 3}, "epochs"),
    ],
)
def test_bad_recipes_name_their_field(values: dict, word: str) -> None:
    """An impossible or unknown field raises a line that names it; a good recipe survives JSON."""
    with pytest.raises(InputError, match=f"translator recipe: .*{word}"):
        TranslatorRecipe.from_mapping(values)
    assert TranslatorRecipe.from_mapping(json.loads(json.dumps(RECIPE.to_mapping()))) == RECIPE
