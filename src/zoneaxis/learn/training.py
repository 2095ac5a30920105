"""Training: from a stream of labelled patterns to a classifier's weights, resumable and bound by images or time."""

from __future__ import annotations

import platform
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from zoneaxis.errors import InputError
from zoneaxis.learn import networks
from zoneaxis.learn.grouping import Grouping
from zoneaxis.learn.recipe import TrainingRecipe
from zoneaxis.learn.run_record import RUN, check_same_run, stored_record, write_json
from zoneaxis.learn.stream import PatternSource, PatternStream, Preparation, as_input

EXPECTED_WARNINGS = ".*(num_workers|IterableDataset|GPU available|eval mode|isinstance|LeafSpec|Checkpoint directory).*"
"""Lightning's remarks on what is meant here: few workers, an endless stream, an averaged network in evaluation mode."""


@dataclass(frozen=True)
class TrainedNetwork:
    """Result of a run: the averaged network in evaluation mode and the record that `run.json` holds."""

    network: nn.Module
    grouping: Grouping
    recipe: TrainingRecipe
    record: dict[str, Any]


def fit(
    source: PatternSource,
    validation: tuple[Tensor, Mapping[str, Tensor]],
    grouping: Grouping,
    recipe: TrainingRecipe,
    output: str | Path,
    *,
    prepare: Preparation | None = None,
    provenance: Mapping[str, Any] | None = None,
    progress: bool = True,
    resume: bool = True,
) -> TrainedNetwork:
    """Train a network on batches of `source` until the recipe's budget of images or minutes is spent.

    source: (n, seed) -> patterns (n, rows, cols), {"material": class numbers in the order of `grouping.materials`}.
        It runs in `recipe.workers` processes of one thread each, together with `prepare`, beside the training.
    validation: patterns and labels of the same kind, prepared once and read every `validate_every_images`.
    provenance: where the data come from (recipe, fingerprint, seeds), recorded as given.
    output: folder of the run: `log.csv`, `run.json`, `checkpoints/last.ckpt` (Lightning; for resuming only, read
        back without unpickling) and at the end `trained.safetensors`.
    resume: continue an interrupted run of the same recipe where it stopped; a finished one is read back.

    Raises `InputError` when the folder holds a run and `resume` is off, a run of another recipe, or a checkpoint that
    cannot be read; when validation labels do not fit; `FloatingPointError` when the loss is no longer a number.
    """
    output = Path(output)
    stored = stored_record(output)
    asked = {
        "recipe": recipe.to_mapping(),
        "materials": list(grouping.materials),
        "group_of_material": list(grouping.group_of_material),
    }
    if stored is not None:
        check_same_run(output, stored, asked, resume)
    network = _initial_network(recipe, grouping)
    if stored is not None and stored.get("finished"):
        _load_trained(network, output)
        return TrainedNetwork(network.eval(), grouping, recipe, stored)

    validation_loader = _validation_loader(validation, grouping, prepare)
    output.mkdir(parents=True, exist_ok=True)
    precision = _precision(recipe)
    record = asked | {
        "provenance": dict(provenance or {}),
        "precision": precision,
        "threads": recipe.threads,
        "parameters": sum(p.numel() for p in network.parameters()),
        "versions": versions(),
        "machine": platform.machine(),
        "finished": False,
    }
    if progress:
        setup = f"torch threads: {recipe.threads}, precision: {precision}, generator processes: {recipe.workers}"
        print(setup, file=sys.stderr)
    previous_threads = torch.get_num_threads()
    torch.set_num_threads(recipe.threads)
    try:
        stream = PatternStream(source, recipe.batch_images, recipe.seed, recipe.steps, prepare)
        trained = _run(network, grouping, recipe, stream, validation_loader, output, record, progress)
    finally:
        torch.set_num_threads(previous_threads)
    return TrainedNetwork(trained, grouping, recipe, record)


def versions() -> dict[str, str]:
    """Versions of what decides the numbers of a run."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("zoneaxis", "torch", "lightning", "monai"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def cpu_has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 natively (AVX512_BF16); elsewhere bfloat16 is slower than float32."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16", False))


def _precision(recipe: TrainingRecipe) -> str:
    on_gpu = recipe.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    native = torch.cuda.is_bf16_supported() if on_gpu else cpu_has_bf16()
    wanted = recipe.precision == "bf16" or (recipe.precision == "auto" and native)
    return "bf16-mixed" if wanted else "32-true"


def _initial_network(recipe: TrainingRecipe, grouping: Grouping) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        network = networks.build(recipe.architecture, **(recipe.arguments | {"classes": len(grouping.materials)}))
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _validation_loader(
    validation: tuple[Tensor, Mapping[str, Tensor]], grouping: Grouping, prepare: Preparation | None
) -> DataLoader[tuple[Tensor, ...]]:
    patterns, labels = as_input(validation[0], prepare), torch.as_tensor(validation[1]["material"]).long()
    if len(patterns) != len(labels) or not len(labels):
        raise InputError(f"validation: {len(patterns)} patterns but {len(labels)} labels; give one each, at least one")
    if labels.min() < 0 or labels.max() >= len(grouping.materials):
        last = len(grouping.materials) - 1
        raise InputError(f"validation: material label {int(labels.max())} is outside 0 to {last}")
    return DataLoader(TensorDataset(patterns, labels), batch_size=256)


def _run(
    network: nn.Module,
    grouping: Grouping,
    recipe: TrainingRecipe,
    stream: PatternStream,
    validation_loader: DataLoader[tuple[Tensor, ...]],
    output: Path,
    record: dict[str, Any],
    progress: bool,
) -> nn.Module:
    """One Lightning run from the last checkpoint, or from the start; the averaged network, in evaluation mode."""
    import datetime
    import logging
    import pickle

    import lightning
    from lightning.pytorch.callbacks import ModelCheckpoint
    from safetensors.torch import save_file

    from zoneaxis.learn.classification import Classification
    from zoneaxis.learn.journal import Journal

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    run = Classification(network, grouping, recipe, stream)
    checkpoints = ModelCheckpoint(
        dirpath=output / "checkpoints",
        filename="last",
        save_top_k=1,
        train_time_interval=datetime.timedelta(minutes=recipe.checkpoint_minutes),
        save_on_exception=True,
        enable_version_counter=False,
    )
    every = max(1, min(recipe.validate_every_images // recipe.batch_images, recipe.steps))
    trainer = lightning.Trainer(
        accelerator=recipe.accelerator,
        devices=1,
        precision=record["precision"],
        max_epochs=-1,
        max_steps=recipe.steps,
        val_check_interval=every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        callbacks=[Journal(output, record, progress), checkpoints],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=output,
    )
    last = output / "checkpoints" / "last.ckpt"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=EXPECTED_WARNINGS)
            trainer.fit(
                run, stream.loader(recipe.workers), validation_loader,
                ckpt_path=last if last.exists() else None, weights_only=True,
            )  # fmt: skip
            trainer.validate(run, validation_loader, verbose=False)
    except (pickle.UnpicklingError, EOFError, KeyError, RuntimeError) as reason:
        if last.exists() and run.global_step == 0:
            line = str(reason).splitlines()[0] if str(reason) else type(reason).__name__
            raise InputError(f"{last}: checkpoint cannot be read ({line}); remove it to start over") from None
        raise
    trained = run.average.network.eval().cpu()
    save_file({name: t.contiguous() for name, t in trained.state_dict().items()}, output / "trained.safetensors")
    record |= {
        "finished": True,
        "images": run.images_seen,
        "minutes": round(run.minutes, 3),
        "validation": run.validation,
    }
    write_json(output / RUN, record)
    return trained


def _load_trained(network: nn.Module, output: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        network.load_state_dict(load_file(output / "trained.safetensors"))
    except (OSError, SafetensorError, RuntimeError) as reason:
        raise InputError(f"{output / 'trained.safetensors'}: {str(reason).splitlines()[0]}") from None
