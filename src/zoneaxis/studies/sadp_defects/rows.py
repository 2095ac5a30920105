"""Rows: accuracy of one reader on one test, for 1, 2, 4, 8 and 16 zones of a specimen read together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from zoneaxis.interpret.ensemble import SIZES, PooledAccuracy, pooled_accuracies
from zoneaxis.studies.sadp_defects.answers import Answers

PERFECT, PERFECT_ATOMS = "perfect", "perfect_atoms"
"""Families of the controls: drawn in closed form, and atom by atom."""


@dataclass(frozen=True)
class Row:
    """One reader on one test.

    Attributes:
        test: what the specimens hold.
        reader: network, templates, lattice.
        family, strength: of the defect.
        accuracies: by the number of zones read together.
        control: single-zone and pooled accuracies of the same reader on the same crystals, perfect and drawn by the
            same renderer; None where the test is that itself.
    """

    test: str
    reader: str
    family: str
    strength: float
    accuracies: tuple[PooledAccuracy, ...]
    control: Row | None = None

    def at(self, pooled: int) -> PooledAccuracy | None:
        """Accuracy with so many zones read together; None where no specimen has as many."""
        return next((one for one in self.accuracies if one.pooled == pooled), None)

    @property
    def most(self) -> PooledAccuracy:
        """Accuracy with the most zones."""
        return self.accuracies[-1]

    def beside(self, control: Row | None) -> Row:
        """The same with its control."""
        return Row(self.test, self.reader, self.family, self.strength, self.accuracies, control)


def row(test: str, reader: str, answers: Answers, family: str = PERFECT, strength: float = 0.0) -> Row:
    """Accuracy over the specimens of some answers."""
    labels = answers.labels
    found = pooled_accuracies(
        answers.known.float(), answers.truth, labels["specimen"], labels["zone"], sizes=SIZES, how="product"
    )
    return Row(test, reader, family, strength, tuple(found))


def kinds(answers: Answers) -> Iterator[tuple[str, float, Answers]]:
    """Families and strengths of the specimens of some answers, and the answers on each."""
    families, strengths = np.asarray(answers.labels["family"]), np.asarray(answers.labels["strength"])
    for family in np.unique(families):
        for strength in np.unique(strengths[families == family]):
            yield (
                str(family),
                float(strength),
                answers.at(np.flatnonzero((families == family) & (strengths == strength))),
            )


def defect_rows(reader: str, controls: Answers, defects: Answers) -> list[Row]:
    """A row for every family and strength, beside the perfect specimens that the same renderer drew."""
    drawn = {family: row(described(family, 0.0), reader, some, family) for family, _, some in kinds(controls)}
    found = list(drawn.values())
    for family, strength, some in kinds(defects):
        if family in drawn:
            continue
        explicit = bool(np.asarray(some.labels["explicit_atoms"]).all())
        control = drawn.get(PERFECT_ATOMS if explicit else PERFECT)
        found.append(row(described(family, strength), reader, some, family, strength).beside(control))
    return found


def described(family: str, strength: float) -> str:
    """Family and strength in words."""
    named = {
        PERFECT: "perfect, closed form",
        PERFECT_ATOMS: "perfect, atom by atom",
        "stretch": f"stretched by {100 * strength:g} %",
        "shear": f"sheared by {strength:g} rad",
        "heat": f"heat, B = {strength:g} Å²",
        "temperature": f"{strength:g} K",
        "temperature_atoms": f"{strength:g} K, atom by atom",
        "dislocations": f"{strength:.0f} edge dislocations",
        "twin": f"twin, share {strength:g}",
    }
    share = f", 1 in {1 / strength:.0f}" if 0 < strength < 1 else ""
    return named.get(family, family.replace("_al", " in Al").replace("_fe", " in Fe").replace("_", " ") + share)


def shortfall(one: Row, pooled: int) -> float | None:
    """Points of accuracy by which a test is below its control, at so many zones."""
    ours = one.at(pooled)
    control = None if one.control is None else one.control.at(pooled)
    return None if ours is None or control is None else 100.0 * (control.accuracy - ours.accuracy)


def find(rows: Sequence[Row], family: str, strength: float | None = None) -> Row | None:
    """The row of a family at a strength, or at its only one; None where there is none."""
    near = [one for one in rows if one.family == family and (strength is None or abs(one.strength - strength) < 1e-6)]
    return near[0] if near else None
