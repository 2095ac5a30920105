"""Accuracy: where sums and series are cut, under three names.

`benchmarks/leed_accuracy.py` prints the error of each as relative L2 over the discs of an image. With the paper's
absorption `balanced` is off by 1 to 3e-3, with the physical one by 3 to 5e-3, nearly all of it from the beams.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from zoneaxis.errors import InputError


@dataclass(frozen=True)
class Accuracy:
    """Limits of the expansion.

    Attributes:
        beams: evanescent waves weaker than this at the next layer are dropped.
        sums: amplitude at which lattice sums are cut.
        doubling: change of a reflection matrix at which the crystal is deep enough.
        extra_l: angular momenta beyond k R_MT, rounded up together.
        fixed_l: l_max at every energy, in place of that rule.
    """

    beams: float
    sums: float
    doubling: float
    extra_l: float
    fixed_l: int | None = None

    def l_max(self, wave_number: float, radius_angstrom: float) -> int:
        """Highest angular momentum for a wave number in 1/Å and a muffin-tin radius."""
        if self.fixed_l is not None:
            return self.fixed_l
        return max(ceil(wave_number * radius_angstrom + self.extra_l), 2)


PRESETS = {
    "preview": Accuracy(beams=1e-2, sums=1e-2, doubling=1e-3, extra_l=0.5),
    "balanced": Accuracy(beams=1e-3, sums=3e-3, doubling=1e-3, extra_l=0.5),
    "reference": Accuracy(beams=1e-4, sums=1e-4, doubling=1e-5, extra_l=2.0),
}


def accuracy(name: str | Accuracy) -> Accuracy:
    """A preset by name, or what was made by hand."""
    if isinstance(name, Accuracy):
        return name
    if name not in PRESETS:
        raise InputError(f"accuracy {name!r} is not one of {', '.join(PRESETS)}")
    return PRESETS[name]
