"""Parameters of a refinement: what can be fitted, in which unit, within which limits, and what came out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zoneaxis.errors import InputError
from zoneaxis.techniques.lacbed.refine_foil import FOIL
from zoneaxis.techniques.lacbed.refine_image import GEOMETRY


@dataclass(frozen=True)
class Parameter:
    """One number that can be fitted.

    unit: empty for a ratio; least, most: limits; longest: longest step of one iteration.
    """

    name: str
    unit: str
    least: float
    most: float
    longest: float


PARAMETERS = {
    parameter.name: parameter
    for parameter in (
        Parameter("thickness", "nm", 1.0, 1000.0, 3.0),
        Parameter("b_iso", "Å²", 0.05, 5.0, 0.2),
        Parameter("absorption", "", 0.0, 10.0, 0.5),
        Parameter("share", "", 0.0, 1.0, 0.1),
        Parameter("lattice", "", 0.5, 2.0, 0.02),
        Parameter("half_width", "1/Å", 0.01, 10.0, 0.01),
        Parameter("aspect", "", -0.2, 0.2, 0.01),
        Parameter("shear", "", -0.2, 0.2, 0.01),
        Parameter("turn", "rad", -0.2, 0.2, 0.01),
        Parameter("centre_x", "px", -30.0, 30.0, 1.0),
        Parameter("centre_y", "px", -30.0, 30.0, 1.0),
        Parameter("blur", "px", 0.4, 20.0, 0.5),
    )
}
"""`absorption` is a factor on U'; `share` that of the second element of mixed sites; `lattice` a factor on the cell but
not on the field of directions; `centre` the zone axis on the camera, so the tilt of the foil; `blur` a standard
deviation; `aspect`, `shear` and `turn` distort the field; px are those of the discs as given."""

DEFAULT_FREE = ("thickness", "b_iso", "absorption", "half_width", "centre_x", "centre_y", "blur")


@dataclass(frozen=True)
class Fitted:
    """A value with its standard uncertainty: 0 for what was held, NaN for what lies at a limit or has no effect.

    beam_shift: by how much it would move with 1.5 times the beams, strong and weak: the error of the simulation.
    """

    name: str
    value: float
    uncertainty: float
    unit: str
    beam_shift: float = 0.0

    def __str__(self) -> str:
        if not self.uncertainty > 0:
            return f"{self.name} {self.value:.6g} {self.unit}".rstrip() + (
                " (held)" if self.uncertainty == 0 else " (at its limit, or without effect)"
            )
        decimals = max(0, 1 - math.floor(math.log10(self.uncertainty)))
        told = f"{self.name} {self.value:.{decimals}f} ± {self.uncertainty:.{decimals}f} {self.unit}".rstrip()
        return f"{told}; more beams: {self.beam_shift:+.{decimals}f}"


def split_free(free: Sequence[str], mixed: bool) -> tuple[list[str], list[str]]:
    """Free parameters of the foil and of the image, each in their order.

    Raises:
        InputError: a name that is no parameter, twice the same, a share where no site is mixed.
    """
    unknown = [name for name in free if name not in PARAMETERS]
    if unknown or len(set(free)) < len(free):
        raise InputError(f"free = {', '.join(free)}: expected each once, of {', '.join(PARAMETERS)}")
    if "share" in free and not mixed:
        raise InputError("free: share needs sites that two elements share, and this crystal has none")
    return [name for name in FOIL if name in free], [name for name in GEOMETRY if name in free]


def starting(start: Mapping[str, float], own: Mapping[str, float]) -> dict[str, float]:
    """All values at the start: those given, else the crystal's and the camera's own.

    Raises:
        InputError: a name that is no parameter, a value outside its limits.
    """
    values = {**own, **{name: float(value) for name, value in start.items()}}
    for name, value in values.items():
        if name not in PARAMETERS:
            raise InputError(f"start: {name!r} is none of {', '.join(PARAMETERS)}")
        limits = PARAMETERS[name]
        if not limits.least <= value <= limits.most:
            raise InputError(f"start: {name} = {value:g} {limits.unit}: expected {limits.least:g} to {limits.most:g}")
    return values
