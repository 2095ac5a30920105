"""Value model: a regressor's folder opened for reading, by onnxruntime and NumPy alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zoneaxis.errors import InputError
from zoneaxis.learn import model_folder
from zoneaxis.learn.card_file import CARD
from zoneaxis.learn.emulator import Emulator
from zoneaxis.learn.regression_card import EMULATOR, GRAPH, RegressionCard
from zoneaxis.patterns.amplitude import Normalisation
from zoneaxis.reading.value_judge import ValueJudge

PREPARATION = "zoneaxis.patterns.amplitude.amplitude"


@dataclass(frozen=True)
class Span:
    """What a value is counted in, and between which limits it was trained."""

    unit: str
    low: float
    high: float


@dataclass(frozen=True)
class Proposal:
    """What the network says about n prepared images: values (n, t), latent (n, k), reconstruction (n, rows, cols)."""

    values: np.ndarray
    latent: np.ndarray
    reconstruction: np.ndarray


@dataclass(frozen=True)
class ValueModel:
    """A trained regressor.

    Attributes:
        name: of the model; technique: of its images.
        spans: what it reads, in the order of the network's values.
        propose: prepared images (n, 1, size, size) float32 -> Proposal.
        size_px, normalise, floor: of `patterns.amplitude.amplitude`, which prepares images.
        emulator: for refinement; None: the network alone.
        judge: uncertainties and thresholds.
    """

    name: str
    technique: str
    spans: dict[str, Span]
    propose: Callable[[np.ndarray], Proposal]
    size_px: int = 64
    normalise: Normalisation = "sum"
    floor: float = 0.0
    emulator: Emulator | None = None
    judge: ValueJudge = field(default_factory=ValueJudge)

    def __post_init__(self) -> None:
        if self.emulator is None:
            return
        if self.emulator.names != tuple(self.spans) or self.emulator.lit.shape != (self.size_px, self.size_px):
            raise InputError(
                f"model {self.name}: its emulator tells {', '.join(self.emulator.names)} at {self.emulator.lit.shape} "
                f"px, its network {', '.join(self.spans)} at {self.size_px} px"
            )


def open_model(folder: str | Path) -> ValueModel:
    """The model in a folder; every file is held against the card before it is used. Needs no torch.

    Raises:
        InputError: no model of values, a file missing, altered or cut short, a card that does not fit.
    """
    folder = Path(folder)
    card = RegressionCard.read(folder / CARD)
    contents = model_folder.read(folder, card.files, card.SUFFIXES)
    if GRAPH not in contents:
        raise InputError(f"{folder / CARD}: files names no {GRAPH}, which reading needs")
    emulator = None
    if EMULATOR in contents:
        from safetensors.numpy import load

        emulator = Emulator.restore(load(contents[EMULATOR]))
    spans = {name: Span(**told) for name, told in card.values.items()}
    try:
        settings = _preparation(card.preparation) | {"judge": ValueJudge.restore(card.judgement)}
    except InputError as reason:
        raise InputError(f"{folder / CARD}: {reason}") from None
    return ValueModel(
        card.name, card.technique, spans, session(contents[GRAPH], str(folder / GRAPH)), emulator=emulator, **settings
    )


def _preparation(stated: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `amplitude` that a card states."""
    settings = {name: value for name, value in stated.items() if name != "function"}
    if stated.get("function", PREPARATION) != PREPARATION or set(settings) - {"size_px", "normalise", "floor"}:
        raise InputError(f"preparation {stated!r}: this version knows {PREPARATION} of size_px, normalise and floor")
    return settings


def session(content: bytes, where: str) -> Callable[[np.ndarray], Proposal]:
    """The network of an ONNX graph on one thread; `InputError`, beginning with `where`, when it is none."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        graph = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as reason:
        raise InputError(f"{where}: not a network ({str(reason).splitlines()[0]})") from None
    (entry,) = [one.name for one in graph.get_inputs()]

    def propose(images: np.ndarray) -> Proposal:
        values, latent, reconstruction = graph.run(
            ["values", "latent", "reconstruction"], {entry: np.ascontiguousarray(images, dtype=np.float32)}
        )
        return Proposal(values.astype(np.float64), latent, reconstruction[:, 0])

    return propose
