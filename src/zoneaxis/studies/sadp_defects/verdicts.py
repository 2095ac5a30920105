"""Verdicts: the numbers that the claims ask for, taken from the study's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zoneaxis.studies.sadp_defects.joint import BOTH
from zoneaxis.studies.sadp_defects.rows import PERFECT, PERFECT_ATOMS, Row, find, shortfall
from zoneaxis.studies.sadp_defects.strangers import Detection

Values = dict[str, float | bool]

ASKED = {"twin": None, "dislocations": None, "heat": 0.9, "stretch": 0.035, "shear": 0.03}
"""Defects, and strengths, that a model trained with defects must read nearly as well as perfect crystals."""
PAPER_ROWS = {
    "paper_stretch_2_5": ("stretch", 0.025),
    "paper_stretch_3_5": ("stretch", 0.035),
    "paper_shear_0_015": ("shear", 0.015),
    "paper_shear_0_03": ("shear", 0.03),
    "paper_100_k": ("temperature", 100.0),
    "paper_300_k": ("temperature", 300.0),
    "paper_dislocations": ("dislocations", None),
    "paper_carbon": ("carbon_1_108", None),
}
"""Claims on single defects of aluminium, and the rows that answer them."""
PAPER_MEANS = {
    "paper_twins": ("twin", "twin"),
    "paper_vacancies_low": ("vacancies_al_1_108", "vacancies_fe_1_128"),
    "paper_vacancies_high": ("vacancies_al_1_32", "vacancies_fe_1_54"),
    "paper_substitution_low": ("silicon_1_108", "gold_1_128"),
    "paper_substitution_high": ("silicon_1_32", "gold_1_54"),
}
"""Claims on means over aluminium and iron, and the family of each."""


def paper(validation: float, aluminium: Sequence[Row], iron: Sequence[Row]) -> Values:
    """The paper's protocol: share of right answers over all single patterns, and of ensembles of 16 zones."""
    found: Values = {"paper_validation": validation}
    pristine = find(aluminium, PERFECT)
    if pristine is not None:
        found["paper_al_pristine_ensemble"] = pristine.most.accuracy
        found["paper_al_pristine_single"] = pristine.accuracies[0].accuracy
    for claim, (family, strength) in PAPER_ROWS.items():
        if (row := find(aluminium, family, strength)) is not None:
            found[claim] = row.accuracies[0].accuracy
    for claim, families in PAPER_MEANS.items():
        both = [find(rows, family) for rows, family in zip((aluminium, iron), families, strict=True)]
        of = [row.accuracies[0].accuracy for row in both if row is not None]
        if len(of) == len(both):
            found[claim] = sum(of) / len(of)
    ordered = ("paper_al_pristine_single", "paper_100_k", "paper_300_k", "paper_twins", "paper_dislocations")
    if all(name in found for name in ordered):
        found["paper_ordering"] = all(
            found[before] >= found[after] for before, after in zip(ordered, ordered[1:], strict=False)
        )
    return found


def honest(rows: Mapping[str, Row], shuffled: Row, controls: Mapping[str, Sequence[Row]]) -> Values:
    """Perfect crystals of unseen chemistry and prototypes, read by the clean model; the checks of the protocol.

    rows: by listing; controls: rows of `defect_rows` by model.
    """
    found: Values = {}
    for listing, name in (("unseen_chemistry", "chemistry"), ("unseen_prototype", "prototype")):
        for pooled in (1, 4, 16):
            if (one := rows[listing].at(pooled)) is not None:
                found[f"clean_{name}_{pooled}"] = one.accuracy
    found["shuffled"] = shuffled.accuracies[0].accuracy
    gaps = []
    for of in controls.values():
        drawn = [find(of, family) for family in (PERFECT, PERFECT_ATOMS)]
        if drawn[0] is not None and drawn[1] is not None:
            gaps.append(abs(drawn[0].accuracies[0].accuracy - drawn[1].accuracies[0].accuracy))
    if gaps:
        found["renderer_gap"] = max(gaps)
    return found


def aware(rows: Sequence[Row]) -> Values:
    """The model trained with defects: points lost to each beside its own control."""
    found: Values = {}
    for family, strength in ASKED.items():
        row = find(rows, family, strength)
        for pooled in (1, 16):
            points = None if row is None else shortfall(row, pooled)
            if points is not None:
                found[f"aware_{family}_{pooled}"] = points / 100.0
    return found


def metals(rows: Sequence[Row]) -> Values:
    """Aluminium and iron read by network and lattice fit together, all zones pooled."""
    found: Values = {}
    of = [row for row in rows if row.reader == BOTH]
    for family in ("twin", "dislocations"):
        if (row := find(of, family)) is not None:
            found[f"metals_{family}"] = row.most.accuracy
    return found


def strangers(found: Sequence[Detection], score: str) -> Values:
    """Area under the curve of each kind of stranger, for the most pictures that are read together."""
    ours: Values = {}
    for claim, kind in (
        ("unknown_198", "198"),
        ("unknown_205", "205"),
        ("unknown_216", "216"),
        ("unknown_tetragonal", "stretched by 6 %"),
    ):
        of = [one for one in found if one.kind == kind and one.score == score]
        if of:
            ours[claim] = max(of, key=lambda one: one.pooled).auroc
    return ours
