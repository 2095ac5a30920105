"""SADP reader: from a recipe to a model folder that names cubic space groups from selected-area patterns.

Patterns of the recipe's plans, simulated where they are not there yet, train a network that sees them through a camera
and on polar cells, each zone of each group a class. Perfect crystals that it was not trained on calibrate it; others
give the figures on its card.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoneaxis.errors import InputError
from zoneaxis.instrument.diffraction_camera import DiffractionCamera
from zoneaxis.learn.pattern_mixture import PatternMixture
from zoneaxis.learn.recipe import TrainingRecipe
from zoneaxis.learn.stored_patterns import PatternStack, StoredPatterns
from zoneaxis.recipes import plan_file, sadp, sadp_patterns
from zoneaxis.recipes.progress import Tick, bar
from zoneaxis.recipes.sadp_calibration import FALSE_ALARM_RATE, calibrate_and_save
from zoneaxis.recipes.sadp_classes import GROUPS, ZONES, SADPClasses
from zoneaxis.recipes.sadp_input import PolarInput

if TYPE_CHECKING:
    from zoneaxis.learn.stored_patterns import Classes

HEADS = ("name", "technique", "seed", "classes", "data", "validation", "test", "input", "training", "calibration")
"""What a recipe may hold."""
PLAN_TABLES = ("structures", "patterns", "set")
"""Tables of a plan of patterns, which is no recipe of a reader."""
VALIDATION_SEED, CALIBRATION_SEED = 1_000_003, 2_000_003
"""Added to the recipe's seed, so that validation and calibration never meet the noise of a training batch."""


@dataclass(frozen=True)
class Supply:
    """Patterns of one table of the recipe.

    Attributes:
        name: of the table.
        source: a plan (.toml), simulated where it is not there yet, or a stored set (.zarr).
        patterns: only the first of a plan's list.
        where: labels and the values that are wanted, see `PatternStack.picked`.
        share: of the patterns in training.
        balance: labels whose combinations are drawn equally often.
        other: every pattern is of the class for others, whatever its group.
    """

    name: str
    source: Path
    patterns: int | None = None
    where: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    share: float = 1.0
    balance: tuple[str, ...] = ()
    other: bool = False

    @classmethod
    def of(cls, name: str, table: Mapping[str, Any], folder: Path) -> Supply:
        """A supply from its table; `plan` and `store` are relative to the folder of the recipe.

        Raises InputError for an entry that there is not, a file that is missing, a number out of its range.
        """
        given = dict(table)
        known = ("plan", "store", "patterns", "where", "share", "balance", "other")
        strange = sorted(set(given) - set(known))
        if strange:
            raise InputError(f"[{name}] has no {strange[0]!r}; known are {', '.join(known)}")
        named = [str(given.pop(kind)) for kind in ("plan", "store") if kind in given]
        if len(named) != 1:
            raise InputError(f"[{name}]: expected a plan (.toml) or a store (.zarr), one of them")
        source = folder / named[0]
        if not source.exists():
            raise InputError(f"[{name}] {named[0]}: there is no {source}")
        where = {label: tuple(values) for label, values in dict(given.pop("where", {})).items()}
        balance = tuple(given.pop("balance", ()))
        made = cls(name, source, where=where, balance=balance, **given)
        if not made.share > 0 or type(made.other) is not bool:
            raise InputError(
                f"[{name}] share = {made.share}, other = {made.other}: expected above 0, and true or false"
            )
        if made.patterns is not None and (type(made.patterns) is not int or made.patterns < 1):
            raise InputError(f"[{name}] patterns = {made.patterns!r}: expected a whole number from 1")
        return made

    def stack(self, data: Path, size_px: int | None, workers: int, tick: Tick) -> PatternStack:
        """The stored set, open; a plan is simulated into the folder `data` the first time."""
        if self.source.suffix != ".toml":
            return PatternStack.open(self.source, size_px)
        plan = sadp.read(self.source)
        count = "" if self.patterns is None else f"-{self.patterns}"
        path = data / f"{plan.name}-{plan.fingerprint[:12]}{count}.zarr"
        if not path.exists():
            data.mkdir(parents=True, exist_ok=True)
            sadp_patterns.generate(plan, path, workers=workers, patterns=self.patterns, progress=tick)
        return PatternStack.open(path, size_px)


@dataclass(frozen=True)
class SADPRecipe:
    """How a reader of selected-area patterns is made.

    Attributes:
        name, seed: of the model; seed of everything random.
        classes: what the network tells apart; with a class for others where a supply is of others.
        data: what it is trained on.
        validation: perfect crystals that watch the training and calibrate.
        tests: further crystals, for the figures on the card.
        seen: camera and view.
        size_px: stored pictures are binned to this side; None: as they are.
        training: settings of the run.
        false_alarm_rate: share of known crystals that a class for others may make unknown.
    """

    name: str
    seed: int
    classes: SADPClasses
    data: tuple[Supply, ...]
    validation: Supply
    tests: tuple[Supply, ...]
    seen: PolarInput
    size_px: int | None
    training: TrainingRecipe
    false_alarm_rate: float = FALSE_ALARM_RATE

    @classmethod
    def read(cls, path: str | Path) -> SADPRecipe:
        """Read and check a recipe.

        Raises:
            InputError: a file that is no TOML, a faulty entry, a plan of patterns in the place of a recipe.
        """
        return plan_file.read(path, partial(planned, folder=Path(path).parent))

    def check(self) -> None:
        """InputError for what would end the run later."""
        if not self.data:
            raise InputError("[data.NAME]: expected at least one table of patterns to train on")
        if self.size_px is not None and (type(self.size_px) is not int or self.size_px < 1):
            raise InputError(f"[input] size_px = {self.size_px!r}: expected a whole number from 1")
        if not 0 < self.false_alarm_rate < 0.5:
            raise InputError(f"[calibration] false_alarm_rate = {self.false_alarm_rate}: expected 0 to 0.5")

    def picked(self, supply: Supply, stack: PatternStack) -> StoredPatterns:
        """The patterns of a supply, with their classes."""
        classes: Classes = self.classes.other_numbers if supply.other else self.classes.numbers
        return stack.picked(supply.where, classes=classes, degrade=self.seen, balance=supply.balance)


def planned(values: Mapping[str, Any], folder: Path) -> SADPRecipe:
    """The recipe of a file's tables; InputError for a table or an entry that there is not."""
    if set(values) & set(PLAN_TABLES):
        raise InputError("a plan of patterns, for `generate`; a recipe for `train` names it in a [data.NAME] table")
    strange = sorted(set(values) - set(HEADS))
    if strange:
        raise InputError(f"unknown {strange[0]!r}; known are {', '.join(HEADS)}")
    missing = [name for name in ("data", "validation") if name not in values]
    if missing:
        raise InputError(f"table [{missing[0]}] is missing")
    seed = values.get("seed", 0)
    if type(seed) is not int or seed < 0:
        raise InputError(f"seed = {seed!r}: expected a whole number from 0")
    data = tuple(Supply.of(f"data.{name}", table, folder) for name, table in values["data"].items())
    given = dict(values.get("input", {}))
    size_px = given.pop("size_px", None)
    camera = given.pop("camera", "laboratory")
    camera = DiffractionCamera.from_dict({"preset": camera} if isinstance(camera, str) else camera)
    calibration = dict(values.get("calibration", {}))
    false_alarm_rate = calibration.pop("false_alarm_rate", FALSE_ALARM_RATE)
    if calibration:
        raise InputError(f"[calibration] has no {sorted(calibration)[0]!r}; known is false_alarm_rate")
    classes = dict(values.get("classes", {}))
    groups, zones = classes.pop("groups", GROUPS), classes.pop("zones", ZONES)
    if classes:
        raise InputError(f"[classes] has no {sorted(classes)[0]!r}; known are groups, zones")
    return SADPRecipe(
        name=str(values.get("name", "sadp-reader")),
        seed=seed,
        classes=SADPClasses(
            tuple(groups), tuple((z[0], z[1], z[2]) for z in zones), other=any(one.other for one in data)
        ),
        data=data,
        validation=Supply.of("validation", values["validation"], folder),
        tests=tuple(Supply.of(f"test.{name}", table, folder) for name, table in values.get("test", {}).items()),
        seen=PolarInput(camera=camera, **given),
        size_px=size_px,
        training=TrainingRecipe.from_mapping(
            {"architecture": "polar_resnet", "seed": seed} | dict(values.get("training", {}))
        ),
        false_alarm_rate=false_alarm_rate,
    )


def train(
    recipe_path: str | Path,
    output: str | Path,
    *,
    workers: int | None = None,
    progress: bool = True,
    overwrite: bool = False,
) -> Path:
    """Make the model of a recipe; run again after an interruption, it goes on where it stopped.

    OUTPUT/data holds simulated patterns, OUTPUT/run the training, OUTPUT/model the model.

    Args:
        recipe_path: TOML file.
        output: folder.
        workers: processes that simulate patterns (default: all cores).
        progress: show progress on stderr.
        overwrite: write over a finished model.

    Raises:
        InputError: a faulty recipe or plan, labels that no pattern has, or a finished model in the way.
    """
    from zoneaxis.learn.training import fit

    recipe = SADPRecipe.read(recipe_path)
    output = Path(output)
    folder = output / "model"
    if (folder / "card.json").exists() and not overwrite:
        raise InputError(f"{folder}: holds a finished model; choose another folder or ask to replace it")
    with bar(lines=True, wanted=progress) as tick:
        opened = partial(_opened, recipe, output / "data", workers or os.cpu_count() or 1, tick)
        data = {supply.name: opened(supply) for supply in recipe.data}
        validation, stack = opened(recipe.validation)
        tests = {supply.name.removeprefix("test."): opened(supply)[0] for supply in recipe.tests}
    total = sum(supply.share for supply in recipe.data)
    trained = fit(
        PatternMixture(
            tuple(picked for picked, _ in data.values()), tuple(supply.share / total for supply in recipe.data)
        ),
        validation.all(recipe.seed + VALIDATION_SEED),
        recipe.classes.grouping,
        recipe.training,
        output / "run",
        provenance=_provenance(recipe, {name: held for name, (_, held) in data.items()} | {"validation": stack}),
        progress=progress,
    )
    return calibrate_and_save(
        trained.network,
        trained.grouping,
        trained.record,
        recipe.seen,
        validation,
        tests,
        folder,
        name=recipe.name,
        false_alarm_rate=recipe.false_alarm_rate,
        seed=recipe.seed + CALIBRATION_SEED,
        overwrite=overwrite,
    )


def _opened(
    recipe: SADPRecipe, data: Path, workers: int, tick: Tick, supply: Supply
) -> tuple[StoredPatterns, PatternStack]:
    stack = supply.stack(data, recipe.size_px, workers, tick)
    try:
        return recipe.picked(supply, stack), stack
    except InputError as reason:
        raise InputError(f"[{supply.name}] {reason}") from None


def _provenance(recipe: SADPRecipe, stacks: Mapping[str, PatternStack]) -> dict[str, Any]:
    """What the card says of the data: fingerprints of the plans, and one of everything that decides them."""
    supplies = {supply.name: asdict(supply) | {"source": ""} for supply in (*recipe.data, recipe.validation)}
    plans = {name: str(stack.attributes.get("plan") or Path(stack.path).stem) for name, stack in stacks.items()}
    described = {"supplies": supplies, "plans": plans, "camera": recipe.seen.camera.to_dict(), "seed": recipe.seed}
    digest = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()
    return {"recipe": recipe.name, "plans": plans, "view": recipe.seen.view.arguments, "data_sha256": digest}
