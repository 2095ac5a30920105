"""Everything registered is held to the same promises: techniques, networks, shipped models and studies."""

import ast
import importlib
import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zoneaxis import studies
from zoneaxis.errors import InputError
from zoneaxis.learn import networks
from zoneaxis.report import claims
from zoneaxis.studies.scale import settings_of

SOURCE = Path(__file__).resolve().parents[1] / "src" / "zoneaxis"
LARGEST_MODEL_MB = 12


def folders(kind: str) -> list[str]:
    """Names of the rooms on a floor."""
    return sorted(path.parent.name for path in (SOURCE / kind).glob("*/__init__.py"))


TECHNIQUES, STUDIES = folders("techniques"), folders("studies")
MODELS = sorted(path.parent.name for path in (SOURCE / "models").glob("*/card.json"))
NETWORKS = networks.names()


def smallest_ebsd(**changes: Any) -> Any:
    from zoneaxis.crystals import load
    from zoneaxis.techniques.ebsd.master import simulate_master

    return simulate_master(load("Al"), **{"accelerating_voltage_kv": 20.0, "half_size": 8, **changes})


def smallest_cbleed(**changes: Any) -> Any:
    from zoneaxis.techniques.cbleed.simulator import simulate_cbleed

    smallest = {"energy_ev": 30.0, "size_px": 16, "directions": 2, "accuracy": "preview"}
    return simulate_cbleed("Si001-2x1", **{**smallest, **changes})


def smallest_lacbed(**changes: Any) -> Any:
    from zoneaxis.techniques.lacbed.simulator import simulate_lacbed

    smallest = {"thickness_nm": 20.0, "half_angle_mrad": 8.0, "size_px": 16, "beams": 40}
    return simulate_lacbed("Al", **{**smallest, **changes})


def smallest_sadp(**changes: Any) -> Any:
    from zoneaxis.techniques.sadp.simulator import simulate_sadp

    return simulate_sadp("Al", **{"cells": (8, 8, 4), "size_px": 16, **changes})


# One run of less than a second for every technique, and one of its arguments with a value that cannot be.
SMALLEST_RUN: dict[str, Callable[..., Any]] = {
    "cbleed": smallest_cbleed,
    "ebsd": smallest_ebsd,
    "lacbed": smallest_lacbed,
    "sadp": smallest_sadp,
}
NONSENSE: dict[str, dict[str, Any]] = {
    "cbleed": {"imaginary_potential_ev": -4.0},
    "ebsd": {"accelerating_voltage_kv": -20.0},
    "lacbed": {"thickness_nm": -20.0},
    "sadp": {"camera_length_mm": -320.0},
}
# Arguments that build the smallest instance of every architecture.
SMALLEST_NETWORK: dict[str, dict[str, Any]] = {
    "polar_resnet": {"classes": 3, "width": 0.125},
    "resnet": {"classes": 3, "width": 0.125},
    "autoencoder": {"latent": 2, "widths": (4, 4), "size_px": 64},
    "translator": {"width": 8, "size_px": 64},
}


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_technique_is_documented(technique):
    """A technique has a README with an example, an experiment or simulator, and says in one sentence what it is."""
    folder = SOURCE / "techniques" / technique
    assert "```" in (folder / "README.md").read_text()
    assert {"experiment", "simulator", "master"} & {path.stem for path in folder.glob("*.py")}
    assert importlib.import_module(f"zoneaxis.techniques.{technique}").__doc__


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_example_of_a_technique_runs(technique, monkeypatch, tmp_path, capsys):
    """The Python in a technique's README runs as it stands and prints something."""
    text = (SOURCE / "techniques" / technique / "README.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(block, f"{technique}/README.md", "exec"), {})
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_technique_is_deterministic_and_labelled(technique):
    """The same call gives the same numbers twice; they are finite and not flat; attributes can be stored as text."""
    first, second = SMALLEST_RUN[technique](), SMALLEST_RUN[technique]()
    assert first.identical(second)
    values = np.asarray(first["intensity"])
    assert np.isfinite(values).all()
    assert values.std() > 0
    json.dumps(first.attrs)
    assert first.attrs


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_technique_refuses_nonsense(technique):
    """A value that cannot be is answered in one line that names the argument."""
    with pytest.raises(InputError, match=next(iter(NONSENSE[technique]))) as caught:
        SMALLEST_RUN[technique](**NONSENSE[technique])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_technique_knows_no_sibling(technique):
    """Modules of a technique import no other technique."""
    for path in (SOURCE / "techniques" / technique).rglob("*.py"):
        imported = set(re.findall(r"zoneaxis\.techniques\.(\w+)", path.read_text()))
        assert imported <= {technique, "import"}, path.name


@pytest.mark.parametrize("architecture", networks.names("classifier"))
def test_classifier_keeps_its_promise(architecture):
    """A classifier maps patterns to logits and offers features and a saliency layer."""
    network = networks.build(architecture, **SMALLEST_NETWORK[architecture]).eval()
    patterns = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, features = network(patterns), network.features(patterns)
    assert logits.shape == (2, SMALLEST_NETWORK[architecture]["classes"])
    assert features.shape[0] == 2
    assert features.ndim == 2
    assert isinstance(network.saliency_layer, torch.nn.Module)


@pytest.mark.parametrize("architecture", networks.names("autoencoder"))
def test_autoencoder_keeps_its_promise(architecture):
    """An autoencoder maps images to codes of the asked size, and codes to logits of the images' shape."""
    network = networks.build(architecture, **SMALLEST_NETWORK[architecture]).eval()
    images = torch.rand(2, 1, network.size_px, network.size_px, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        codes, logits = network.encode(images), network(images)
        assert torch.equal(logits, network.decode(codes))
    assert codes.shape == (2, network.latent) == (2, SMALLEST_NETWORK[architecture]["latent"])
    assert logits.shape == images.shape


@pytest.mark.parametrize("architecture", NETWORKS)
def test_network_says_what_it_is(architecture):
    """The module of an architecture begins with what it is."""
    assert ast.get_docstring(ast.parse((SOURCE / "learn" / "networks" / f"{architecture}.py").read_text()))


@pytest.mark.parametrize("architecture", NETWORKS)
def test_network_is_seeded_and_round_trips(architecture):
    """One seed gives one network; its weights written as safetensors and read again give the same answers."""
    from safetensors.torch import load, save

    def seeded(seed: int) -> torch.nn.Module:
        torch.manual_seed(seed)
        return networks.build(architecture, **SMALLEST_NETWORK[architecture]).eval()

    patterns = torch.randn(3, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    first, again, other = seeded(0), seeded(0), seeded(1)
    with torch.no_grad():
        torch.testing.assert_close(first(patterns), again(patterns), rtol=0, atol=0)
        assert not torch.allclose(first(patterns), other(patterns))
        other.load_state_dict(load(save(dict(first.state_dict()))))
        torch.testing.assert_close(first(patterns), other(patterns), rtol=0, atol=0)
        torch.testing.assert_close(first(patterns)[:1], first(patterns[:1]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", NETWORKS)
def test_network_refuses_unknown_arguments(architecture):
    """An argument that the architecture does not have is named in one line."""
    with pytest.raises(InputError, match="no_such_argument"):
        networks.build(architecture, **SMALLEST_NETWORK[architecture], no_such_argument=1)


@pytest.mark.parametrize("model", MODELS)
def test_shipped_model_is_complete_and_small(model):
    """What is shipped (weights, master patterns) has a card, is small, and holds nothing that could be unpickled."""
    folder = SOURCE / "models" / model
    json.loads((folder / "card.json").read_text())
    assert list(folder.glob("*.safetensors"))
    size_mb = sum(path.stat().st_size for path in folder.rglob("*")) / 1e6
    print(f"model {model}: {size_mb:.1f} MB")
    assert size_mb <= LARGEST_MODEL_MB
    assert not [path.name for path in folder.rglob("*") if path.suffix in (".pt", ".pth", ".ckpt", ".pkl", ".bin")]


@pytest.mark.parametrize("study", STUDIES)
def test_study_is_documented(study):
    """A study is on the registry, says in one sentence what it reproduces, and its README shows how it is run."""
    assert study in studies.names()
    assert importlib.import_module(f"zoneaxis.studies.{study}").__doc__
    assert f"zoneaxis study {study} --scale small" in (SOURCE / "studies" / study / "README.md").read_text()


@pytest.mark.parametrize("study", STUDIES)
def test_study_has_its_three_scales(study):
    """The recipe gives settings and a seed for every scale, and its `run` takes a bench."""
    settings = [settings_of(SOURCE / "studies" / study / "recipe.toml", scale) for scale in studies.SCALES]
    assert len({json.dumps(one, sort_keys=True) for one in settings}) == len(studies.SCALES)
    assert list(inspect.signature(importlib.import_module(f"zoneaxis.studies.{study}.run").run).parameters) == ["bench"]


@pytest.mark.parametrize("study", STUDIES)
def test_study_states_claims_with_their_sources(study):
    """Claims can be read, at least one is the paper's, and each says in words what it means."""
    stated = claims.load(SOURCE / "studies" / study / "claims.toml")
    assert any(claim.source != "own bar" for claim in stated)
    assert all(claim.source and claim.statement.endswith(".") for claim in stated)


def test_everything_found_has_its_smallest_case():
    """Nothing is registered without a run that these checks can make, and no run is left over."""
    assert set(SMALLEST_RUN) >= set(TECHNIQUES)
    assert set(NONSENSE) == set(SMALLEST_RUN)
    assert set(SMALLEST_NETWORK) == set(NETWORKS)
