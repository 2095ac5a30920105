"""The classifier reads prepared patterns and refuses everything else."""

from pathlib import Path

import pytest
import torch
from torch import nn

from zoneaxis.errors import InputError
from zoneaxis.learn import artefact
from zoneaxis.learn.card import Card
from zoneaxis.learn.classify import Classifier, preparation
from zoneaxis.learn.grouping import Grouping
from zoneaxis.learn.open_set import OpenSet
from zoneaxis.learn.stream import PatternSource


def test_batch_size_changes_nothing(gratings: PatternSource, network: nn.Module, grouping: Grouping) -> None:
    """Patterns read one by one, in sevens and all at once give the same answers to 1e-5."""
    patterns = gratings(20, 0)[0]
    whole, *others = (Classifier(network, grouping).predict(patterns, batch_images=b) for b in (20, 7, 1))
    assert whole.logits.shape == (20, 4) and whole.group_probabilities.shape == (20, 3)
    for other in others:
        assert torch.allclose(whole.logits, other.logits, atol=1e-5)
    assert torch.allclose(whole.group_probabilities.sum(-1), torch.ones(20), atol=1e-6)


def test_temperature_keeps_the_answer(gratings: PatternSource, network: nn.Module, grouping: Grouping) -> None:
    """Temperatures soften both levels and change neither the best material nor the best group."""
    patterns = gratings(50, 0)[0]
    plain = Classifier(network, grouping).predict(patterns)
    soft = Classifier(network, grouping, material_temperature=3.0, group_temperature=2.0).predict(patterns)
    assert torch.equal(plain.material_probabilities.argmax(-1), soft.material_probabilities.argmax(-1))
    assert torch.equal(plain.group_probabilities.argmax(-1), soft.group_probabilities.argmax(-1))
    assert (soft.group_probabilities.amax(-1) <= plain.group_probabilities.amax(-1) + 1e-6).all()


def test_model_folder_becomes_the_same_classifier(
    gratings: PatternSource, network: nn.Module, grouping: Grouping, card: Card, tmp_path: Path
) -> None:
    """Weights, temperatures and open-set scores survive the folder: predictions and `unknown` agree to 1e-6."""
    patterns, labels = gratings(200, 0)
    prediction = Classifier(network, grouping).predict(patterns)
    open_set = OpenSet.fit(prediction.logits, prediction.features, labels["material"])
    full = Card(**(card.__dict__ | {"group_temperature": 1.7, "open_set": open_set.parameters()}))
    artefact.save(tmp_path / "model", network, full, {"open_set": open_set.tensors()})
    here = Classifier(network, grouping, group_temperature=1.7, open_set=open_set)
    there = Classifier.from_folder(tmp_path / "model")
    a, b = here.predict(patterns), there.predict(patterns)
    assert torch.allclose(a.group_probabilities, b.group_probabilities, atol=1e-6)
    assert there.open_set is not None
    assert torch.allclose(open_set.score(a.logits, a.features), there.open_set.score(b.logits, b.features), atol=1e-4)


def test_wrong_patterns_are_refused(network: nn.Module, grouping: Grouping, card: Card, tmp_path: Path) -> None:
    """Another rank, an empty stack, NaN or another size than the card's raise one line."""
    artefact.save(tmp_path / "model", network, card)
    classifier = Classifier.from_folder(tmp_path / "model")
    for patterns, words in (
        (torch.zeros(32, 32), "expected"),
        (torch.zeros(0, 32, 32), "expected"),
        (torch.full((1, 32, 32), torch.nan), "not finite"),
        (torch.zeros(1, 48, 48), "32 x 32"),
    ):
        with pytest.raises(InputError, match=words):
            classifier.predict(patterns)


@pytest.mark.parametrize(
    "name", ["os.system", "zoneaxis.patterns.preprocess.nothing", "prepare", "zoneaxis.patterns.no.where"]
)
def test_card_may_name_preparations_of_this_package_only(name: str) -> None:
    """A card cannot make the reader call anything outside the pattern floor."""
    with pytest.raises(InputError, match="preparation"):
        preparation(name, size_px=3)


def test_preparation_named_in_the_card_runs(network: nn.Module, card: Card, tmp_path: Path) -> None:
    """The card's preparation makes network input of the card's size from larger patterns."""
    artefact.save(tmp_path / "model", network, card)
    classifier = Classifier.from_folder(tmp_path / "model")
    recorded = torch.rand(2, 60, 80, generator=torch.Generator().manual_seed(0)) * 255
    assert classifier.prepare(recorded).shape == (2, 32, 32)
    assert len(classifier.predict(classifier.prepare(recorded))) == 2
