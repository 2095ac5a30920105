"""Journal: what a training run did, as a CSV table, a JSON record and a progress bar.

Importing this module imports Lightning (seconds); `training.fit` does so when it is called.
"""

from __future__ import annotations

import csv
import math
import time
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from zoneaxis.learn.classification import Classification
from zoneaxis.learn.run_record import RUN, write_json

COLUMNS = (
    "step", "images", "minutes", "learning_rate", "loss", "images_per_s", "waiting_share",
    "validation_loss", "material_accuracy", "group_accuracy",
)  # fmt: skip
ROW_EVERY_STEPS = 25


class Journal(Callback):
    """Writes `log.csv` and `run.json` in `folder` and shows a progress bar with images per second.

    `waiting_share` is the fraction of the time spent waiting for patterns: near 0 the network is the bottleneck,
    near 1 the generator is. A resumed run continues the table after the last step of its checkpoint.
    """

    def __init__(self, folder: Path, record: dict[str, Any], progress: bool) -> None:
        self.folder, self.record, self.progress = folder, record, progress
        self._bar: Any = None
        self._mark = self._batch_ended = 0.0
        self._waited = 0.0
        self._steps_since_row = 0

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Open the table, drop rows beyond the step we resume from, and show the bar."""
        path = self.folder / "log.csv"
        rows: list[dict[str, str]] = []
        if path.exists():
            with path.open(newline="") as table:
                rows = [row for row in csv.DictReader(table) if int(row["step"]) <= pl_module.global_step]
        with path.open("w", newline="") as table:
            writer = csv.DictWriter(table, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        write_json(self.folder / RUN, self.record)
        self._mark = self._batch_ended = time.monotonic()
        if self.progress:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            columns = TextColumn("training"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
            self._bar = Progress(*columns, TextColumn("{task.fields[state]}"), console=Console(stderr=True))
            self._bar.add_task("training", total=1.0, state="")
            self._bar.start()

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Add the time since the last batch to the waiting time."""
        self._waited += time.monotonic() - self._batch_ended

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Every `ROW_EVERY_STEPS` steps: a row, the bar, and a check that the loss is a number."""
        self._batch_ended = time.monotonic()
        self._steps_since_row += 1
        if self._steps_since_row < ROW_EVERY_STEPS:
            return
        assert isinstance(pl_module, Classification)
        loss = float(outputs["loss"])
        if not math.isfinite(loss):
            raise FloatingPointError(f"training loss is {loss} at step {pl_module.global_step}; lower learning_rate")
        seconds = self._batch_ended - self._mark
        rate = self._steps_since_row * pl_module.recipe.batch_images / seconds
        waiting = round(self._waited / seconds, 3)
        self._row(pl_module, loss=round(loss, 5), images_per_s=round(rate, 1), waiting_share=waiting)
        if self._bar:
            accuracy = pl_module.validation.get("group_accuracy")
            state = f"{rate:.0f} images/s  loss {loss:.3f}"
            if accuracy is not None:
                state += f"  groups {accuracy:.3f}"
            self._bar.update(self._bar.task_ids[0], completed=pl_module.run_progress, state=state)
        self._mark, self._waited, self._steps_since_row = self._batch_ended, 0.0, 0

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """A row with the validation figures, which `run.json` keeps as well."""
        assert isinstance(pl_module, Classification)
        figures = {name: round(value, 5) for name, value in pl_module.validation.items()}
        if trainer.state.fn == "fit":
            self._row(pl_module, **figures)
            self.record["validation"] = figures
            self.record["images"], self.record["minutes"] = pl_module.images_seen, round(pl_module.minutes, 3)
            write_json(self.folder / RUN, self.record)
            now = time.monotonic()  # validation is not waiting for patterns
            self._mark, self._batch_ended = self._mark + (now - self._batch_ended), now

    def teardown(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Take the bar down, however the run ended."""
        if self._bar:
            self._bar.stop()
            self._bar = None

    def _row(self, run: Classification, **values: float) -> None:
        learning_rate = run.recipe.learning_rate_at(run.run_progress)
        row = {
            "step": run.global_step,
            "images": run.images_seen,
            "minutes": round(run.minutes, 3),
            "learning_rate": f"{learning_rate:.3e}",
        }
        with (self.folder / "log.csv").open("a", newline="") as table:
            csv.DictWriter(table, COLUMNS).writerow(row | values)
