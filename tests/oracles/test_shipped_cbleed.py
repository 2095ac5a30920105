"""The shipped CBLEED reader on fresh simulated images: errors, uncertainties, and what it must call unknown."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from zoneaxis.crystals.slab import si001_2x1
from zoneaxis.instrument.counting import CountingCamera
from zoneaxis.reading.model import model_folder
from zoneaxis.reading.reading import Reading
from zoneaxis.reading.value_model import open_model
from zoneaxis.reading.value_reader import ValueReader
from zoneaxis.techniques.cbleed.experiment import CBLEEDExperiment
from zoneaxis.techniques.cbleed.layout import DiscLayout
from zoneaxis.techniques.cbleed.physics import Physics

ENERGIES = (33.4, 52.7, 71.2, 88.9)
NAMES = ("beam_energy_ev", "dimer_height_angstrom", "dimer_length_angstrom")
LARGEST_MB = 5.0


@cache
def shipped() -> ValueReader:
    return ValueReader(open_model(model_folder(None, "cbleed")))


@cache
def images(preset: str = "paper") -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Images of both dimers between the nodes of the grid, their values and kinds."""
    draw = np.random.default_rng(7)
    experiment = CBLEEDExperiment(DiscLayout.for_slab(si001_2x1(), grid=7), Physics.preset(preset))
    made, truth, kinds = [], [], []
    for energy in ENERGIES:
        moved = [(dimer, *draw.uniform((-0.28, -0.18), (0.28, 0.18))) for dimer in ("symmetric", "buckled") * 2]
        made.append(experiment.images([si001_2x1(*one) for one in moved], energy))
        truth += [(energy, height, length) for _, height, length in moved]
        kinds += [dimer for dimer, _, _ in moved]
    return torch.cat(made).numpy(), np.array(truth), tuple(kinds)


def read(pixels: np.ndarray, refine: bool = True) -> list[Reading]:
    return shipped().read(["image"] * len(pixels), list(range(len(pixels))), pixels, refine=refine)


def values(readings: list[Reading]) -> tuple[np.ndarray, np.ndarray]:
    told = [[one.values[name] for name in NAMES] for one in readings]
    return (
        np.array([[value.value for value in row] for row in told]),
        np.array([[value.uncertainty for value in row] for row in told]),
    )


def counted(pixels: np.ndarray, electrons: float) -> np.ndarray:
    generator = torch.Generator().manual_seed(3)
    camera = CountingCamera(electrons=(electrons, electrons))
    return camera.apply(torch.from_numpy(pixels), camera.draw(len(pixels), generator), generator).numpy()


def test_reader_is_small():
    """The model that is shipped takes at most 5 MB."""
    size = sum(path.stat().st_size for path in model_folder(None, "cbleed").iterdir()) / 1e6
    print(f"CBLEED reader: {size:.1f} MB")
    assert size <= LARGEST_MB


def test_clean_images_between_the_nodes():
    """Energy, height and length of images it never saw, and the kind of every dimer."""
    pixels, truth, kinds = images()
    readings = read(pixels)
    found, _ = values(readings)
    error = np.abs(found - truth).mean(0)
    print("clean, refined: " + ", ".join(f"{name} {one:.2g}" for name, one in zip(NAMES, error, strict=True)))
    assert (error <= [0.15, 0.008, 0.004]).all()
    assert [one.answers[0].label for one in readings] == list(kinds)
    assert not any(one.unknown for one in readings)


def test_counted_images_are_covered():
    """With 10,000 electrons an image at least nine in ten values lie within two stated uncertainties."""
    pixels, truth, _ = images()
    found, stated = values(read(counted(pixels, 1e4)))
    error = np.abs(found - truth)
    covered = (error <= 2 * stated).mean()
    print(f"1e4 electrons: mean error {error.mean(0).round(4).tolist()}, within two uncertainties {covered:.2f}")
    assert covered >= 0.9
    assert (error.mean(0) <= [0.6, 0.015, 0.015]).all()


def test_other_potentials_are_covered_or_unknown():
    """Images of the other preset, which it never saw, come out as unknown or with an uncertainty that covers it."""
    pixels, truth, _ = images("physical")
    readings = read(counted(pixels, 1e5))
    unknown = np.array([one.unknown for one in readings])
    found, stated = values(readings)
    covered = (np.abs(found - truth) <= 2 * stated).all(1)
    print(f"other preset: unknown {unknown.mean():.2f}, covered or unknown {(unknown | covered).mean():.2f}")
    assert (unknown | covered).mean() >= 0.9


@pytest.mark.parametrize("refine", [True, False])
def test_strangers_are_unknown(refine):
    """Noise, stripes, a Kikuchi pattern, a uniform image: unknown, every one."""
    from zoneaxis.techniques.ebsd.simulator import simulate_ebsd

    draw = np.random.default_rng(0)
    stripes = np.sin(np.linspace(0, 20, 128))[None] * np.ones((128, 1)) + 1.0
    kikuchi = simulate_ebsd("Ni", shape=128, seed=1)["intensity"].values[0]
    strangers = [draw.poisson(20, (128, 128)), stripes, kikuchi, np.ones((128, 128))]
    readings = [read(np.asarray(one, dtype=np.float32)[None], refine)[0] for one in strangers]
    print(f"refine {refine}: strangeness {[round(one.unknown_score, 1) for one in readings]}")
    assert all(one.unknown for one in readings)


def test_energy_outside_the_trained_range_is_unknown():
    """An image at 115 eV is not read as one at 100 eV in silence."""
    experiment = CBLEEDExperiment(DiscLayout.for_slab(si001_2x1(), grid=7))
    pixels = experiment.images([si001_2x1(), si001_2x1("buckled")], 115.0).numpy()
    readings = read(pixels)
    print(f"115 eV: {[(round(one.values[NAMES[0]].value, 1), one.unknown) for one in readings]}")
    assert all(one.unknown for one in readings)
