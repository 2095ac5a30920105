"""A small world: three crystals of coarse physics, the patterns they give, and a network that never learned."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch

from zoneaxis.interpret.sets import Conformal
from zoneaxis.learn import artefact
from zoneaxis.learn.card import Card
from zoneaxis.learn.grouping import Grouping
from zoneaxis.learn.networks import build
from zoneaxis.learn.open_set import OpenSet
from zoneaxis.reading.judge import Judge, Testimony
from zoneaxis.scattering import depth
from zoneaxis.techniques.ebsd import library
from zoneaxis.techniques.ebsd.experiment import EBSDExperiment
from zoneaxis.techniques.ebsd.library import Physics, build_library

CRYSTALS = ("Ni", "Si", "W")
GROUPS = ("225", "227", "229")
COARSE = {
    "half_size": 32,
    "bethe_strong_cutoff": 4.0,
    "bethe_weak_cutoff": 8.0,
    "candidate_cutoff": 50.0,
    "max_strong": 40,
    "weak_beams_radiate": False,
}
"""Physics of a second per crystal: EMsoft's cutoffs, few directions."""

FEW_ELECTRONS = 4000
FULL_MONTE_CARLO, FULL_BUILD = depth.escape_distribution, library.build_master
INPUT_PX = 32
CENTRE = (0.48, 0.24, 0.55)


def hurry(patch: pytest.MonkeyPatch) -> None:
    """Let the Monte Carlo follow few electrons and the beam error go unasked: the numbers do not matter here."""
    patch.setattr(depth, "escape_distribution", functools.partial(FULL_MONTE_CARLO, electrons=FEW_ELECTRONS))
    patch.setattr(library, "build_master", functools.partial(FULL_BUILD, convergence_samples=0))


def small_library(folder: Path) -> Path:
    """The three crystals, built by the package's own function."""
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        return build_library(CRYSTALS, folder, Physics.from_dict(COARSE))


def experiment(folder: Path, **changes: object) -> EBSDExperiment:
    """One fixed detector, clean pictures of 64 px."""
    x, y, z = CENTRE
    fixed = {"pattern_centre_x": (x, x), "pattern_centre_y": (y, y), "pattern_centre_z": (z, z)}
    return EBSDExperiment(CRYSTALS, (str(folder),), **({"size_px": 64, "static_share": 0.0} | fixed | changes))


def toy_testimony(n: int, seed: int = 0, network: float = 1.0, matching: float = 1.0) -> tuple[Testimony, torch.Tensor]:
    """Testimony on known patterns whose truth follows softmax(network * log p + matching * NCC deficit) exactly."""
    generator = torch.Generator().manual_seed(seed)
    log_p = (2.0 * torch.randn(n, 3, generator=generator)).log_softmax(-1)
    quality = torch.rand(n, generator=generator)
    ncc = 0.3 + 0.4 * quality[:, None] + 0.06 * torch.randn(n, 3, generator=generator)
    stands_out = 0.3 + 0.08 * torch.randn(n, generator=generator)
    testimony = Testimony(log_p, ncc, torch.zeros(n, 3), stands_out, quality)
    weights = torch.tensor([network, matching, 0.0])
    chances = (testimony.features() * weights).sum(-1).softmax(-1)
    return testimony, torch.multinomial(chances, 1, generator=generator).squeeze(-1)


def small_model(folder: Path) -> Path:
    """A model folder with an untrained network, whose judge lets matching decide."""
    torch.manual_seed(0)
    network = build("resnet", classes=3, width=0.125).eval()
    grouping = Grouping(CRYSTALS, GROUPS)
    noise = torch.randn(240, 1, INPUT_PX, INPUT_PX, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        features = network.features(noise)
        logits = network.head(features)
    labels = torch.arange(240) % 3
    open_set = OpenSet.fit(logits, features, labels)
    open_set = OpenSet(**(open_set.__dict__ | {"threshold": 1e6}))  # an untrained network knows nothing: never strange
    testimony, truth = toy_testimony(2000, network=0.1, matching=40.0)
    judge = Judge.fit(testimony, truth, torch.ones(len(truth), dtype=torch.bool), grouping.groups)
    card = Card(
        name="small-world",
        architecture="resnet",
        arguments={"classes": 3, "width": 0.125},
        input_size_px=INPUT_PX,
        preparation="zoneaxis.patterns.preprocess.prepare",
        preparation_arguments={"size_px": INPUT_PX},
        materials=grouping.materials,
        group_of_material=grouping.group_of_material,
        open_set=open_set.parameters(),
        conformal=Conformal.fit(
            torch.rand(200, 3, generator=torch.Generator().manual_seed(2)), labels[:200]
        ).parameters(),
        judgement=judge.parameters(),
    )
    artefact.save(folder, network, card, {"open_set": open_set.tensors()})
    return folder


def pictures(folder: Path, n: int, seed: int = 3) -> tuple[np.ndarray, list[str]]:
    """Clean 8-bit camera pictures (n, 64, 64) of the small library, and the true space groups."""
    drawn = experiment(folder).draw(n, seed)
    return drawn["intensity"].values, [str(number) for number in drawn["space_group"].values]
