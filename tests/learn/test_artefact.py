"""A model folder is written whole, read exactly, and refused when anything about it is wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from zoneaxis.errors import InputError
from zoneaxis.learn import artefact
from zoneaxis.learn.card import Card
from zoneaxis.learn.stream import PatternSource


def test_saved_and_loaded_model_predicts_the_same(
    gratings: PatternSource, network: nn.Module, card: Card, tmp_path: Path
) -> None:
    """Save, load, predict: logits agree to 1e-6, and the card comes back with fingerprints and parameter count."""
    written = artefact.save(tmp_path / "model", network, card, {"open_set": {"means": torch.eye(3)}})
    model = artefact.load(tmp_path / "model")
    patterns = gratings(32, 5)[0][:, None]
    assert torch.allclose(network(patterns), model.network(patterns), atol=1e-6)
    assert model.card == written
    assert set(written.files) == {"weights.safetensors", "open_set.safetensors"}
    assert written.parameter_count == sum(p.numel() for p in network.parameters())
    assert torch.equal(model.tensors["open_set"]["means"], torch.eye(3))


def test_loading_leaves_the_global_random_numbers_alone(network: nn.Module, card: Card, tmp_path: Path) -> None:
    """Reading a model draws no random number that the caller would miss."""
    artefact.save(tmp_path / "model", network, card)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    artefact.load(tmp_path / "model")
    assert torch.equal(torch.rand(3), expected)


def test_existing_folder_is_left_alone_unless_replacement_is_asked_for(
    network: nn.Module, card: Card, tmp_path: Path
) -> None:
    """A second save is refused and changes nothing; with `replace` the whole model is exchanged."""
    folder = tmp_path / "model"
    artefact.save(folder, network, card, {"open_set": {"means": torch.eye(3)}})
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError, match="exists already"):
        artefact.save(folder, network, card)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    artefact.save(folder, network, card, replace=True)
    assert {path.name for path in folder.iterdir()} == {"card.json", "weights.safetensors"}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_folder_of_other_things_is_never_replaced(network: nn.Module, card: Card, tmp_path: Path) -> None:
    """Replacing applies to models only: a folder with somebody's files is refused."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("words")
    with pytest.raises(InputError, match="other things"):
        artefact.save(tmp_path / "thesis", network, card, replace=True)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "words"


def test_failed_save_leaves_nothing_behind(network: nn.Module, card: Card, tmp_path: Path) -> None:
    """An error while writing leaves no half a model and no temporary folder."""
    with pytest.raises(ValueError, match="JSON"):
        artefact.save(tmp_path / "model", network, Card(**(card.__dict__ | {"metrics": {"accuracy": float("nan")}})))
    assert list(tmp_path.iterdir()) == []


def _edit(**changes: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        values = json.loads((folder / "card.json").read_text())
        (folder / "card.json").write_text(json.dumps(values | changes))

    return edit


def _flip_one_bit(folder: Path) -> None:
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(content)


def _cut_short(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _drop_field(folder: Path) -> None:
    values = json.loads((folder / "card.json").read_text())
    del values["materials"]
    (folder / "card.json").write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_flip_one_bit, "altered or incomplete"),
        (_cut_short, "altered or incomplete"),
        (lambda folder: (folder / "weights.safetensors").unlink(), "missing"),
        (lambda folder: (folder / "card.json").unlink(), "no such file"),
        (lambda folder: (folder / "card.json").write_text("{"), "not a readable card"),
        (lambda folder: (folder / "card.json").write_bytes(b"\xff\xfe\x00"), "not a readable card"),
        (lambda folder: (folder / "card.json").write_text("[]"), "JSON object"),
        (_drop_field, "'materials' is missing"),
        (_edit(colour="blue"), "unknown field 'colour'"),
        (_edit(format="zoneaxis-model/9"), "zoneaxis-model/9"),
        (_edit(materials=["A", "B"]), "2 materials but 4 groups"),
        (_edit(materials=[1, 2, 3, 4]), "list of strings"),
        (_edit(input_size_px="large"), "input_size_px"),
        (_edit(group_temperature=0.0), "group_temperature"),
        (_edit(architecture="perceptron"), "perceptron"),
        (_edit(arguments={"classes": 4, "width": 0.25}), "do not fit"),
        (_edit(arguments={"classes": 4, "depth": 7}), "depth"),
        (_edit(parameter_count=3), "parameter_count"),
        (_edit(files={}), "does not name"),
        (_edit(files={"weights.safetensors": {}, "../x.safetensors": {}}), "altered|beside the card"),
    ],
)
def test_damage_is_refused_in_one_line(
    damage: Callable[[Path], None], words: str, network: nn.Module, card: Card, tmp_path: Path
) -> None:
    """Every damage to a model folder raises one line that names it and the file."""
    folder = tmp_path / "model"
    artefact.save(folder, network, card)
    damage(folder)
    with pytest.raises(InputError, match=words) as refusal:
        artefact.load(folder)
    assert "\n" not in str(refusal.value) and str(folder) in str(refusal.value)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    """A path that is no folder is refused by its name."""
    with pytest.raises(InputError, match="nowhere"):
        artefact.load(tmp_path / "nowhere")
