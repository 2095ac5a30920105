"""CBLEED reader: from a recipe to a model folder that reads beam energy and dimer displacements from an image.

The images of the recipe's grid train an autoencoder that sees them through a camera, a kernel ridge regression on its
codes, and an emulator of the simulator. Images between the nodes, clean, noisy and of other physics, calibrate the
uncertainties and the threshold of `unknown`; others of that kind, never seen, give the figures on the card.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.instrument.counting import CountingCamera
from zoneaxis.learn.autoencoder_recipe import AutoencoderRecipe
from zoneaxis.patterns import store
from zoneaxis.patterns.amplitude import Normalisation, amplitude
from zoneaxis.recipes import cbleed
from zoneaxis.recipes.cbleed import Plan
from zoneaxis.recipes.progress import Tick, bar

SIZE_PX = 64
NORMALISE: Normalisation = "sum"
UNITS = {"beam_energy_ev": "eV", "dimer_height_angstrom": "Å", "dimer_length_angstrom": "Å"}
"""What is read, in the order of the model's answers."""
OTHER_PHYSICS: Mapping[str, dict[str, Any]] = {
    "reference accuracy": {"accuracy": "reference"},
    "inner potential +1 eV": {"inner_potential_ev": +1.0},
    "inner potential -1 eV": {"inner_potential_ev": -1.0},
    "vibration x 1.3": {"vibration_factor": 1.3},
    "other preset": {"preset": "other"},
}
"""Test sets of physics that the model was not trained on; an inner potential is added to the preset's."""
UNHEARD_OF = "other preset"
"""Takes no part in the calibration: what the reader makes of physics that nobody foresaw."""
CAMERA_SET = "camera, 100000 electrons"
DOUBT = {"beam_energy_ev": 0.6}
"""Only the energy inside the crystal shows, and the inner potential of a surface is known to about 1 eV."""
ELECTRONS = (1e6, 1e5, 1e4, 1e3)
SAME_ENERGY = 4
CALIBRATION_SEED, TEST_SEED, CAMERA_SEED = 1_000_003, 2_000_003, 3_000_017
CAMERA = CountingCamera(
    electrons=(1e5, 1e5),
    uniform_background=(0, 0.02),
    point_spread_px=(0.3, 1.0),
    shift_x_px=(-0.7, 0.7),
    shift_y_px=(-0.7, 0.7),
)
"""A camera a little out of focus and out of line, lengths in pixels of 128; one that is worse ought to be unknown."""
READER_DEFAULTS = {"regressor_images": 3000, "components": 32, "calibration_images": 240, "false_alarm_rate": 0.05}
READER_RANGES = {
    "regressor_images": (10, 20_000),
    "components": (1, 256),
    "calibration_images": (40, 100_000),
    "false_alarm_rate": (0.001, 0.5),
}


@dataclass(frozen=True)
class ImageSet:
    """Images whose values are known: intensity (n, rows, cols), truth (n, values) and dimer (n,)."""

    intensity: np.ndarray
    truth: np.ndarray
    dimer: np.ndarray

    @classmethod
    def load(cls, path: Path) -> ImageSet:
        """From a stored pattern set."""
        patterns = store.load(path)
        truth = np.stack([patterns[name].values.astype(np.float64) for name in UNITS], axis=1)
        return cls(patterns["intensity"].values, truth, patterns["dimer"].values.astype(str))

    def under(self, camera: CountingCamera, seed: int) -> ImageSet:
        """The same images as a camera would have counted them."""
        generator = torch.Generator().manual_seed(seed)
        images = torch.from_numpy(self.intensity)
        counted = camera.apply(images, camera.draw(len(images), generator), generator)
        return replace(self, intensity=counted.numpy())


@dataclass(frozen=True)
class Corruption:
    """What a camera does to prepared images during training."""

    camera: CountingCamera

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Clean amplitudes (n, 1, rows, cols) -> amplitudes of the counted images."""
        intensity = images[:, 0].float().square()
        counted = self.camera.apply(intensity, self.camera.draw(len(intensity), generator), generator)
        return torch.from_numpy(amplitude(counted.numpy(), images.shape[-1], NORMALISE))[:, None]


def train(
    recipe_path: str | Path,
    output: str | Path,
    *,
    workers: int | None = None,
    progress: bool = True,
    overwrite: bool = False,
) -> Path:
    """Make the model of a recipe; run again after an interruption, it goes on where it stopped.

    OUTPUT/images holds the image sets, OUTPUT/run the training, OUTPUT/model the model: autoencoder, regression,
    emulator, their ONNX graph, and a card with the figures on every test set.

    Raises:
        InputError: a faulty recipe, or a finished model in the way.
    """
    from zoneaxis.learn import artefact, autoencode
    from zoneaxis.learn.emulator import Emulator
    from zoneaxis.learn.kernel_ridge import KernelRidge
    from zoneaxis.learn.onnx_export import export
    from zoneaxis.learn.regression_card import RegressionCard

    plan = cbleed.read(recipe_path)
    settings = _settings(recipe_path, plan)
    output = Path(output)
    folder = output / "model"
    if (folder / "card.json").exists() and not overwrite:
        raise InputError(f"{folder}: holds a finished model; choose another folder or ask to replace it")
    with bar(lines=True, wanted=progress) as tick:
        processes = workers or os.cpu_count() or 1
        grid = _images(plan, output, "grid", processes, tick)
        prepared = amplitude(grid.intensity, SIZE_PX, NORMALISE)
        trained = autoencode.fit(
            prepared, settings["autoencoder"], output / "run", corrupt=settings["corruption"], progress=tick
        )
        tick("regression and emulator", 0, 1)
        spoilt, chosen = _spoilt(prepared, settings)
        regressor = KernelRidge.fit(trained.encode(spoilt), grid.truth[chosen], seed=settings["seed"])
        columns = {name: grid.truth[:, number] for number, name in enumerate(UNITS)}
        emulator = Emulator.fit(prepared, columns, grid.dimer, settings["components"])
        card = RegressionCard(
            name=settings["name"],
            technique="cbleed",
            values={
                name: {"unit": unit, "low": float(columns[name].min()), "high": float(columns[name].max())}
                for name, unit in UNITS.items()
            },
            preparation={
                "function": "zoneaxis.patterns.amplitude.amplitude",
                "size_px": SIZE_PX,
                "normalise": NORMALISE,
                "floor": 0.0,
            },
            arguments={
                "latent": trained.recipe.latent,
                "widths": list(trained.recipe.widths),
                "size_px": SIZE_PX,
            },
            training=_record(plan, settings, trained.record, emulator.errors),
            known_limits=LIMITS,
            versions=trained.record["versions"],
        )
        graph = export(trained.network, regressor, prepared[:16])
        tensors: dict[str, dict[str, Any]] = {"regressor": regressor.tensors(), "emulator": emulator.tensors()}
        calibration = _sets(plan, output, settings, "calibration", CALIBRATION_SEED, processes, tick)
        tests = _sets(plan, output, settings, "test", TEST_SEED, processes, tick)
        judgement, metrics = _judged(card, graph, emulator, calibration, tests, settings["false_alarm_rate"])
        artefact.save(
            folder,
            trained.network,
            replace(card, judgement=judgement, metrics=metrics),
            tensors,
            graphs={"model": graph},
            replace=overwrite,
        )
    return folder


LIMITS = (
    "Trained on simulated images of Si(001)-(2x1) with one inner potential: an error of 1 eV in it reads as 1 eV; the "
    "uncertainty of the energy holds 0.6 eV for that.",
    "No measured CBLEED pattern was at hand; its figures hold for simulated ones.",
    "Its uncertainties were fitted on other images of the same kinds as in its tests, the other preset left out.",
    "Discs must lie as simulated: 128 px show 4.42 1/Å, (00) in the middle, dimers along the columns' axis.",
)


def _settings(path: str | Path, plan: Plan) -> dict[str, Any]:
    """Sections of the recipe that concern the reader, checked."""
    values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    reader = dict(values.get("reader", {}))
    strange = sorted(set(reader) - set(READER_DEFAULTS))
    if strange:
        raise InputError(f"{path}: [reader] knows {', '.join(READER_DEFAULTS)}, not {strange[0]!r}")
    settings = READER_DEFAULTS | reader
    for name, (low, high) in READER_RANGES.items():
        value, kind = settings[name], float if isinstance(low, float) else int
        if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
            raise InputError(f"{path}: [reader] {name} = {value!r}: expected {kind.__name__} from {low:g} to {high:g}")
    if plan.size_px < SIZE_PX:
        raise InputError(f"{path}: [image] size_px = {plan.size_px}: the reader needs {SIZE_PX} or more")
    seed = values.get("seed", 0)
    if not isinstance(seed, int) or seed < 0:
        raise InputError(f"{path}: seed = {seed!r}: expected a whole number, 0 or more")
    try:
        autoencoder = AutoencoderRecipe.from_mapping({"seed": seed} | dict(values.get("autoencoder", {})))
        camera = CountingCamera.from_dict(values.get("camera", {}))
    except InputError as reason:
        raise InputError(f"{path}: {reason}") from None
    return settings | {
        "name": str(values.get("name", Path(path).stem)),
        "seed": seed,
        "autoencoder": autoencoder,
        "corruption": Corruption(camera),
    }


def _images(plan: Plan, output: Path, name: str, workers: int, tick: Tick) -> ImageSet:
    """An image set, simulated where it is not there yet; its file name holds the plan's fingerprint."""
    path = output / "images" / f"{name.replace(' ', '-')}-{plan.fingerprint[:12]}.zarr"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        cbleed.generate(plan, path, workers=workers, progress=partial(tick, f"images, {name}"))
    return ImageSet.load(path)


def _spoilt(prepared: np.ndarray, settings: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Random images as the camera sees them (n, side, side), a quarter of them clean, and which they are (n,)."""
    draw = np.random.default_rng(settings["seed"])
    chosen = np.sort(draw.choice(len(prepared), min(settings["regressor_images"], len(prepared)), replace=False))
    clean = torch.from_numpy(prepared[chosen])[:, None]
    generator = torch.Generator().manual_seed(settings["seed"] + CAMERA_SEED)
    spoilt = settings["corruption"](clean, generator)[:, 0].numpy()
    untouched = draw.random(len(chosen)) < 0.25
    return np.where(untouched[:, None, None], prepared[chosen], spoilt), chosen


def _sets(
    plan: Plan, output: Path, settings: Mapping[str, Any], purpose: str, seed: int, workers: int, tick: Tick
) -> dict[str, ImageSet]:
    """Images between the nodes: clean, under cameras, and of other physics, by name; `clean` first."""
    images = partial(_images, output=output, workers=workers, tick=tick)
    count, seed = int(settings["calibration_images"]), settings["seed"] + seed
    clean = images(off_grid(plan, count, seed), name=f"{purpose} clean")
    sets = {"clean": clean}
    for number, electrons in enumerate(ELECTRONS):
        sets[f"{electrons:g} electrons"] = clean.under(CountingCamera(electrons=(electrons, electrons)), seed + number)
    sets[CAMERA_SET] = clean.under(CAMERA, seed + len(ELECTRONS))
    for number, (name, change) in enumerate(OTHER_PHYSICS.items(), start=1):
        other = _other_physics(off_grid(plan, count, seed + 7919 * number), change)
        sets[name] = images(other, name=f"{purpose} {name}")
    return sets


def off_grid(plan: Plan, count: int, seed: int) -> Plan:
    """As many images of the plan's kind between its nodes, evenly within its range, `SAME_ENERGY` at each energy.

    Energies, displacements and dimers are random; structures of one energy share the bulk, which saves much time.
    """
    draw = np.random.default_rng(seed)
    low, high = (end(plan.labels["beam_energy_ev"]) for end in (np.min, np.max))
    energies = np.repeat(np.sort(draw.uniform(low, high, -(-count // SAME_ENERGY))), SAME_ENERGY)[:count]
    labels = {name: draw.uniform(plan.labels[name].min(), plan.labels[name].max(), count) for name in UNITS}
    dimer = draw.choice(np.unique(plan.labels["dimer"]), count)
    return replace(plan, labels=labels | {"beam_energy_ev": energies, "dimer": dimer})


def _other_physics(plan: Plan, change: Mapping[str, Any]) -> Plan:
    if "preset" in change:
        return replace(plan, preset="physical" if plan.preset == "paper" else "paper", changes={})
    changed = dict(change)
    if "inner_potential_ev" in changed:
        changed["inner_potential_ev"] += plan.experiment.physics.inner_potential_ev
    return replace(plan, changes={**plan.changes, **changed})


def _judged(
    card: Any,
    graph: bytes,
    emulator: Any,
    calibration: Mapping[str, ImageSet],
    tests: Mapping[str, ImageSet],
    false_alarm_rate: float,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of the judge, fitted on the calibration sets, and the figures of every test set."""
    from zoneaxis.reading.value_calibration import fit_judge
    from zoneaxis.reading.value_model import Span, ValueModel, session
    from zoneaxis.reading.value_reader import ValueReader
    from zoneaxis.recipes.value_figures import figures

    model = ValueModel(
        card.name,
        card.technique,
        {name: Span(**told) for name, told in card.values.items()},
        session(graph, "the trained graph"),
        SIZE_PX,
        NORMALISE,
        0.0,
        emulator,
    )
    reader = ValueReader(model)
    hopeless = f"{ELECTRONS[-1]:g} electrons"
    order = [name for name in calibration if name not in (UNHEARD_OF, hopeless)]
    kind = np.repeat(np.array(order), [len(calibration[name].truth) for name in order])
    judge = fit_judge(
        reader,
        np.concatenate([calibration[name].intensity for name in order]),
        np.concatenate([calibration[name].truth for name in order]),
        clean=kind == "clean",
        wrong=np.isin(kind, [*OTHER_PHYSICS, CAMERA_SET]),
        known=~np.isin(kind, list(OTHER_PHYSICS)),
        doubt=DOUBT,
        false_alarm_rate=false_alarm_rate,
    )
    judged = ValueReader(replace(model, judge=judge))
    return judge.parameters(), {name: figures(judged, one.intensity, one.truth) for name, one in tests.items()}


def _record(plan: Plan, settings: Mapping[str, Any], run: Mapping[str, Any], errors: Mapping[str, float]) -> dict:
    """What the card says of the training."""
    kept = {key: run[key] for key in ("recipe", "precision", "images", "minutes", "bce_minus_entropy", "mse")}
    return {
        "recipe": settings["name"],
        "images": len(plan),
        "data_sha256": plan.fingerprint,
        "preset": plan.preset,
        "camera": settings["corruption"].camera.to_dict(),
        "seed": settings["seed"],
        "autoencoder": kept,
        "emulator_errors": dict(errors),
    }
