"""Regression card: everything about a model that reads numbers except its weights, as checked and readable JSON.

Nothing here needs torch, so that a reader can open a model with NumPy and onnxruntime alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from zoneaxis.errors import InputError
from zoneaxis.learn.card_file import read_fields, to_json

FORMAT = "zoneaxis-regressor/1"
WEIGHTS, REGRESSOR, EMULATOR, GRAPH = (
    "weights.safetensors", "regressor.safetensors", "emulator.safetensors", "model.onnx",
)  # fmt: skip


@dataclass(frozen=True)
class RegressionCard:
    """Identity, range, preparation, origin and limits of a model that reads numbers from images.

    values: name -> {"unit", "low", "high"}, in the order of the model's answers; low and high bound what it was
        trained on, and what lies outside is not to be trusted.
    preparation: {"function": "zoneaxis.patterns.amplitude.amplitude", "size_px", "normalise", "floor"}: how a recorded
        image, linear in intensity, becomes the input.
    architecture, arguments: what `networks.build` is called with; `parameter_count` is checked against the result.
    regressor: name of the regressor on the codes ("kernel_ridge"). judgement: uncertainties and thresholds of a reader.
    training: recipe, data fingerprint, seeds, duration. metrics: figures on named test sets. known_limits: sentences.
    files: name -> {"sha256", "bytes"} of each file beside the card; filled in when the model is saved.
    """

    SUFFIXES: ClassVar[tuple[str, ...]] = (".safetensors", ".onnx")

    name: str
    technique: str
    values: dict[str, dict[str, Any]]
    preparation: dict[str, Any]
    arguments: dict[str, Any]
    architecture: str = "autoencoder"
    regressor: str = "kernel_ridge"
    parameter_count: int = 0
    judgement: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    known_limits: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    licence: str = "GPL-3.0-or-later"
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    format: str = FORMAT

    def __post_init__(self) -> None:
        """Refuse values without a unit and a range."""
        if not self.values:
            raise InputError("regression card: values names nothing that the model reads")
        for name, stated in self.values.items():
            if not isinstance(stated, dict) or set(stated) != {"unit", "low", "high"}:
                raise InputError(f"regression card: values.{name} = {stated!r}, expected unit, low and high")
            numbers = all(
                isinstance(stated[end], int | float) and not isinstance(stated[end], bool) for end in ("low", "high")
            )
            if not isinstance(stated["unit"], str) or not numbers or not stated["low"] < stated["high"]:
                raise InputError(f"regression card: values.{name} = {stated!r}, expected a unit and low < high")

    def to_json(self) -> str:
        """The card as indented JSON, fields in their declared order."""
        return to_json(self)

    @classmethod
    def read(cls, path: Path) -> RegressionCard:
        """A checked card from a file; what is missing, unknown or of the wrong kind raises `InputError`."""
        values = read_fields(path, cls, FORMAT, _KINDS)
        try:
            return cls(**values)
        except InputError as reason:
            raise InputError(f"{path}: {reason}") from None


_KINDS: dict[str, Any] = {
    **dict.fromkeys(("name", "technique", "architecture", "regressor", "licence"), str),
    **dict.fromkeys(("values", "preparation", "arguments", "judgement", "training", "metrics"), dict),
    **dict.fromkeys(("versions", "files"), dict),
    "known_limits": list,
    "parameter_count": int,
}
