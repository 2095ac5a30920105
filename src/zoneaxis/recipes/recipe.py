"""The recipe file: what is simulated, how a model is trained on it, and on what it is tested."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from zoneaxis.errors import InputError
from zoneaxis.learn.recipe import TrainingRecipe
from zoneaxis.techniques.ebsd.experiment import EBSDExperiment
from zoneaxis.techniques.ebsd.library import Physics, build_library

SECTIONS = (
    "name",
    "technique",
    "seed",
    "crystals",
    "patterns",
    "library",
    "experiment",
    "training",
    "calibration",
    "test",
)
CALIBRATION = (
    "patterns",
    "coverage",
    "strata",
    "false_alarm_rate",
    "judge_libraries",
    "judge_patterns",
    "judge_detectors",
)
SHIPPED = "shipped"


def technique(path: str | Path) -> str:
    """Which technique a recipe file says it is about; "" where it says nothing or cannot be read: its reader tells."""
    try:
        return str(tomllib.loads(Path(path).read_text(encoding="utf-8")).get("technique", ""))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return ""


@dataclass(frozen=True)
class Recipe:
    """A recipe as read from its file.

    Attributes:
        name: name of the model or data set.
        seed: of everything random; each purpose has its own stream derived from it.
        crystals: class order.
        patterns: size of a data set that `generate` writes.
        libraries: name -> physics of the master pattern libraries that may be used; `shipped` needs no entry.
        experiment: settings of the training experiment, its `libraries` by name.
        training: settings of the training run.
        calibration: settings of the calibration, see `CALIBRATION`.
        tests: name -> changes to the experiment for a test set, with `patterns`.
        source: the file's text.
    """

    name: str
    seed: int
    crystals: tuple[str, ...]
    patterns: int
    libraries: dict[str, Physics]
    experiment: dict[str, Any]
    training: TrainingRecipe
    calibration: dict[str, Any] = field(default_factory=dict)
    tests: dict[str, dict[str, Any]] = field(default_factory=dict)
    source: str = ""

    @classmethod
    def read(cls, path: str | Path) -> Recipe:
        """Read and check a recipe.

        Raises:
            InputError: the file is missing or not TOML, a section or a field is unknown, a library is not described.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
            values = tomllib.loads(text)
        except FileNotFoundError:
            raise InputError(f"{path}: no such recipe file") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as reason:
            raise InputError(f"{path}: not a readable TOML recipe ({str(reason).splitlines()[0]})") from None
        try:
            return cls._from_mapping(values, text)
        except InputError as reason:
            raise InputError(f"{path}: {reason}") from None
        except (AttributeError, TypeError, ValueError) as reason:
            raise InputError(f"{path}: an entry is of the wrong kind ({str(reason).splitlines()[0]})") from None

    @classmethod
    def _from_mapping(cls, values: Mapping[str, Any], text: str) -> Recipe:
        unknown = sorted(set(values) - set(SECTIONS))
        if unknown:
            raise InputError(f"unknown {unknown[0]!r}; known are {', '.join(SECTIONS)}")
        for name in ("name", "crystals"):
            if not values.get(name):
                raise InputError(f"{name!r} is missing")
        if not isinstance(values["crystals"], list) or not all(isinstance(name, str) for name in values["crystals"]):
            raise InputError(f"crystals = {values['crystals']!r}: expected a list of names or CIF files")
        if values.get("technique", "ebsd") != "ebsd":
            raise InputError(f"technique {values['technique']!r}: recipes exist for ebsd")
        seed = values.get("seed", 0)
        if not isinstance(seed, int) or seed < 0:
            raise InputError(f"seed = {seed!r}: expected a whole number, 0 or more")
        recipe = cls(
            name=str(values["name"]),
            seed=seed,
            crystals=tuple(values["crystals"]),
            patterns=int(values.get("patterns", 10_000)),
            libraries={name: Physics.from_dict(table) for name, table in values.get("library", {}).items()},
            experiment=dict(values.get("experiment", {})),
            training=TrainingRecipe.from_mapping({"seed": seed} | dict(values.get("training", {}))),
            calibration=dict(values.get("calibration", {})),
            tests={name: dict(table) for name, table in values.get("test", {}).items()},
            source=text,
        )
        strange = sorted(set(recipe.calibration) - set(CALIBRATION))
        if strange:
            raise InputError(f"calibration: unknown {strange[0]!r}; known are {', '.join(CALIBRATION)}")
        judged = {"libraries": recipe.calibration.get("judge_libraries", [SHIPPED])}
        for table in (recipe.experiment, judged, *recipe.tests.values()):
            missing = sorted(set(table.get("libraries", ())) - set(recipe.libraries) - {SHIPPED})
            if missing:
                raise InputError(f"library {missing[0]!r} has no [library.{missing[0]}] table")
            recipe.experiment_for(table)  # a wrong name is better found now than after the training
        return recipe

    def fingerprint(self) -> str:
        """SHA-256 of what decides the data: crystals, physics, experiment (presets by their numbers) and seed."""
        degradations = EBSDExperiment.from_dict({"crystals": self.crystals} | self._degradations()).degradations
        described = {
            "crystals": self.crystals,
            "seed": self.seed,
            "libraries": {name: asdict(physics) for name, physics in self.libraries.items()},
            "experiment": self.experiment | {"degradations": [one.to_dict() for one in degradations]},
        }
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()

    def _degradations(self) -> dict[str, Any]:
        return {name: value for name, value in self.experiment.items() if name == "degradations"}

    def experiment_for(self, changes: Mapping[str, Any] | None = None) -> EBSDExperiment:
        """The training experiment, or that of a test set; its libraries must have been built."""
        settings = self.experiment | {key: value for key, value in (changes or {}).items() if key != "patterns"}
        names = settings.pop("libraries", [SHIPPED])
        folders = tuple("" if name == SHIPPED else str(self.library_folder(name)) for name in names)
        return EBSDExperiment.from_dict({"crystals": self.crystals, "libraries": folders, **settings})

    def library_folder(self, name: str) -> Path:
        """Where a library of that physics lies or will lie: the user's cache, by fingerprint of the physics."""
        from platformdirs import user_cache_dir

        key = hashlib.sha256(json.dumps(asdict(self.libraries[name]), sort_keys=True).encode()).hexdigest()[:12]
        return Path(user_cache_dir("zoneaxis")) / "ebsd-masters" / key

    def build_libraries(self, workers: int, progress: Callable[[str, int, int], None] | None = None) -> None:
        """Simulate the master patterns that are not in the cache yet; resumes where an earlier call stopped."""
        for name, physics in self.libraries.items():
            tick = None if progress is None else partial(progress, f"master patterns, {name}")
            build_library(self.crystals, self.library_folder(name), physics, workers=workers, progress=tick)
