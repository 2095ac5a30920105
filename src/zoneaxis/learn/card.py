"""Card: everything about a trained model except its numbers, as checked and readable JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from zoneaxis.errors import InputError
from zoneaxis.learn.card_file import read_fields, to_json
from zoneaxis.learn.grouping import Grouping

FORMAT = "zoneaxis-model/1"


@dataclass(frozen=True)
class Card:
    """Identity, preparation, calibration, origin and limits of a model.

    architecture, arguments: what `networks.build` is called with; `parameter_count` is checked against the result.
    input_size_px: side of the square input; `preparation` names the function that makes it from a recorded pattern
        ("zoneaxis.patterns.preprocess.prepare") and `preparation_arguments` its numbers.
    materials, group_of_material: the fine classes in logit order and the space group of each, as a string.
    material_temperature, group_temperature: divisors of the logits, fitted on validation patterns.
    open_set, conformal: parameters of the `unknown` score and of the prediction sets (numbers only; tensors lie in
        their own file); judgement: how a reader weighs the network against matching, empty where it never did.
    training: recipe, data fingerprint, seeds, duration. metrics: figures on named test sets. known_limits: sentences.
    files: name -> {"sha256", "bytes"} of each file beside the card; filled in when the model is saved.
    """

    SUFFIXES: ClassVar[tuple[str, ...]] = (".safetensors",)

    name: str
    architecture: str
    arguments: dict[str, Any]
    input_size_px: int
    preparation: str
    preparation_arguments: dict[str, Any]
    materials: tuple[str, ...]
    group_of_material: tuple[str, ...]
    technique: str = "ebsd"
    parameter_count: int = 0
    material_temperature: float = 1.0
    group_temperature: float = 1.0
    open_set: dict[str, Any] = field(default_factory=dict)
    conformal: dict[str, Any] = field(default_factory=dict)
    judgement: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    known_limits: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    licence: str = "GPL-3.0-or-later"
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    format: str = FORMAT

    @property
    def grouping(self) -> Grouping:
        """The materials and their space groups."""
        return Grouping(self.materials, self.group_of_material)

    def to_json(self) -> str:
        """The card as indented JSON, fields in their declared order."""
        return to_json(self)

    @classmethod
    def read(cls, path: Path) -> Card:
        """A checked card from a file; what is missing, unknown or of the wrong kind raises `InputError`."""
        values = read_fields(path, cls, FORMAT, _KINDS)
        for name in ("material_temperature", "group_temperature"):
            if not 1e-3 <= values[name] <= 1e3:
                raise InputError(f"{path}: {name} = {values[name]!r} is outside 0.001 to 1000")
        card = cls(**values)
        try:
            card.grouping  # noqa: B018  (checks materials against groups)
        except InputError as reason:
            raise InputError(f"{path}: {reason}") from None
        return card


_KINDS: dict[str, Any] = {
    **dict.fromkeys(("name", "technique", "architecture", "preparation", "licence"), str),
    **dict.fromkeys(("arguments", "preparation_arguments", "open_set", "conformal", "judgement", "training"), dict),
    **dict.fromkeys(("metrics", "versions", "files"), dict),
    **dict.fromkeys(("materials", "group_of_material", "known_limits"), list),
    **dict.fromkeys(("input_size_px", "parameter_count"), int),
    **dict.fromkeys(("material_temperature", "group_temperature"), int | float),
}
