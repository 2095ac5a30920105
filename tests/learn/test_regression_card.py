"""A regressor's folder is written whole, read exactly without or with torch, and refused when anything is wrong."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from zoneaxis.errors import InputError
from zoneaxis.learn import artefact, model_folder, networks
from zoneaxis.learn.card import Card
from zoneaxis.learn.kernel_ridge import KernelRidge
from zoneaxis.learn.regression_card import RegressionCard

ARGUMENTS = {"latent": 2, "widths": [4, 4], "size_px": 16}
VALUES = {"beam_energy_ev": {"unit": "eV", "low": 30.0, "high": 100.0}}


@pytest.fixture
def card() -> RegressionCard:
    """A card that fits `network`."""
    preparation = {"function": "zoneaxis.patterns.amplitude.amplitude", "size_px": 16, "normalise": "sum", "floor": 0.0}
    return RegressionCard("toy", "cbleed", VALUES, preparation, ARGUMENTS)


@pytest.fixture
def network() -> nn.Module:
    """An untrained autoencoder."""
    torch.manual_seed(0)
    return networks.build("autoencoder", **ARGUMENTS)


@pytest.fixture
def folder(tmp_path: Path, network: nn.Module, card: RegressionCard) -> Path:
    """A whole model."""
    regressor = KernelRidge.fit(np.random.default_rng(0).random((30, 2)), np.arange(30.0))
    tensors = {"regressor": regressor.tensors(), "emulator": {"mean": np.arange(4.0)}}
    artefact.save(tmp_path / "model", network, card, tensors, graphs={"model": b"graph"})
    return tmp_path / "model"


def test_saved_and_loaded_model_is_the_same(folder: Path, network: nn.Module, card: RegressionCard) -> None:
    """Network, regression, arrays, graph and card come back as they went in."""
    model = artefact.load_regressor(folder)
    images = torch.rand(3, 1, 16, 16)
    assert torch.equal(model.network(images), network.eval()(images))
    assert set(model.card.files) == {f"{stem}.safetensors" for stem in ("weights", "regressor", "emulator")} | {
        "model.onnx"
    }
    assert model.graphs == {"model": b"graph"}
    assert KernelRidge.restore(model.tensors["regressor"]).predict(np.zeros((1, 2))).shape == (1, 1)
    assert torch.equal(model.tensors["emulator"]["mean"], torch.arange(4.0, dtype=torch.float64))
    assert model.card.values == card.values and model.card.parameter_count > 0
    assert artefact.load_any(folder).card == model.card


def test_classifier_and_regressor_are_told_apart(folder: Path) -> None:
    """Each loader refuses the other's folder, naming both formats."""
    with pytest.raises(InputError, match=r"zoneaxis-regressor/1.*zoneaxis-model/1"):
        artefact.load(folder)
    card = json.loads((folder / "card.json").read_text()) | {"format": "zoneaxis-model/1"}
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=r"zoneaxis-model/1.*zoneaxis-regressor/1"):
        artefact.load_regressor(folder)
    with pytest.raises(InputError, match="unknown field"):
        artefact.load_any(folder)
    assert Card.SUFFIXES == (".safetensors",)


def _edit(**changes: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        values = json.loads((folder / "card.json").read_text())
        (folder / "card.json").write_text(json.dumps(values | changes))

    return edit


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "model.onnx").write_bytes(b"other"), "altered or incomplete"),
        (lambda folder: (folder / "regressor.safetensors").unlink(), "missing"),
        (lambda folder: (folder / "card.json").unlink(), "no such file"),
        (_edit(values={}), "names nothing"),
        (_edit(values={"beam_energy_ev": {"unit": "eV"}}), "unit, low and high"),
        (_edit(values={"beam_energy_ev": {"unit": "eV", "low": 3.0, "high": 3.0}}), "low < high"),
        (_edit(values={"beam_energy_ev": {"unit": "eV", "low": "3", "high": 4.0}}), "low < high"),
        (_edit(values=[]), "values"),
        (_edit(colour="blue"), "unknown field 'colour'"),
        (_edit(known_limits=[1]), "list of strings"),
        (_edit(arguments=ARGUMENTS | {"latent": 3}), "do not fit"),
        (_edit(arguments=ARGUMENTS | {"depth": 3}), "depth"),
        (_edit(files={"weights.safetensors": {}, "model.pt": {}}), "altered|beside the card"),
    ],
)
def test_damage_is_refused_in_one_line(damage: Callable[[Path], None], words: str, folder: Path) -> None:
    """Every damage to a regressor's folder raises one line that names it and the file."""
    damage(folder)
    with pytest.raises(InputError, match=words) as refusal:
        artefact.load_regressor(folder)
    assert "\n" not in str(refusal.value) and str(folder) in str(refusal.value)


def test_files_elsewhere_are_never_read(folder: Path) -> None:
    """A name that leaves the folder, or of a kind that could be unpickled, is refused before anything is opened."""
    for name in ("../x.onnx", "model.pkl"):
        with pytest.raises(InputError, match="beside the card"):
            model_folder.read(folder, {name: {}}, (".safetensors", ".onnx"))


def test_reading_a_card_needs_no_torch(folder: Path) -> None:
    """Card and checked files come without torch, for a reader of NumPy and onnxruntime alone."""
    code = (
        "import sys; from pathlib import Path; from zoneaxis.learn import model_folder\n"
        "from zoneaxis.learn.regression_card import RegressionCard\n"
        f"folder = Path({str(folder)!r}); card = RegressionCard.read(folder / 'card.json')\n"
        "contents = model_folder.read(folder, card.files, card.SUFFIXES)\n"
        "print(sorted(contents), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("'weights.safetensors'] False")
