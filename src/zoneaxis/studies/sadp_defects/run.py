"""The study: simulate, train, answer, fit lattices; tables, figures, values for the claims."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoneaxis.studies.bench import Bench
from zoneaxis.studies.outcome import Outcome
from zoneaxis.studies.sadp_defects import curves, models, pages, plans, strangers, verdicts
from zoneaxis.studies.sadp_defects.chapter import FITTED, FULL, NOT_CUBIC, OWN, TRAINED, Chapter
from zoneaxis.studies.sadp_defects.joint import joint_rows
from zoneaxis.studies.sadp_defects.rows import PERFECT, PERFECT_ATOMS, Row, defect_rows, described, kinds, row
from zoneaxis.studies.sadp_defects.strangers import ENERGY, LATTICE, OTHER, TOGETHER, Detection

METALS = {"Al": "Al", "Fe": "Fe"}


def run(bench: Bench) -> Outcome:
    """Do what is not done yet, side by side where it can be, and put everything together."""
    chapter = Chapter(bench)
    for name in plans.NAMES:
        plans.stack(bench, name)
    bench.together("training networks", chapter.training_jobs())
    bench.together("reading pictures", chapter.answering_jobs())
    bench.together("fitting lattices", chapter.lattice_jobs())
    bench.together("templates, Bloch waves", chapter.further_jobs())

    validation, counted, of_paper = paper_rows(chapter)
    perfect = perfect_rows(chapter)
    defects = {name: defect_rows(name, *_held(chapter, name)) for name in FULL}
    left_out = left_out_rows(chapter)
    metals = joint_rows(chapter.joint(models.AWARE, "metals"), chapter.weights(models.AWARE))
    together = {name: joint_rows(chapter.joint(models.AWARE, name), chapter.weights(models.AWARE)) for name in _JOINT}
    found = detections(chapter)
    ours = (
        verdicts.paper(validation, of_paper["Al"], of_paper["Fe"])
        | verdicts.honest(
            {listing: perfect[models.CLEAN, listing] for listing in ("unseen_chemistry", "unseen_prototype")},
            perfect[models.SHUFFLED, "unseen_chemistry"],
            defects,
        )
        | verdicts.aware(defects[models.AWARE])
        | verdicts.metals(metals)
        | verdicts.strangers(found, TOGETHER)
    )
    templates = template_rows(chapter)
    dynamical = [
        row(f"{kind}, 10 to 40 nm", name, answers) for name in FULL for kind, answers in chapter.dynamical(name).items()
    ]
    text = "# Space groups from selected-area patterns\n\n"
    text += pages.section("Paper's protocol", pages.validation_text(validation, *counted), pages.paper_table(of_paper))
    text += pages.section(
        "Honest protocol: perfect crystals",
        pages.accuracy_table([*perfect.values(), *templates]),
        "Templates of the tested crystals are the ceiling: they know the very patterns. Intervals count sets of "
        "pictures; zones of one crystal are right or wrong together, so that over crystals they are wider.",
    )
    for name, rows in defects.items():
        text += pages.section(f"Defects, unseen chemistry: model {name}", pages.defects_table(rows))
    text += pages.section("A family of defects left out of training", pages.defects_table(left_out))
    text += pages.section("Aluminium and iron: network and lattice fit", pages.accuracy_table(metals))
    for name, rows in together.items():
        text += pages.section(f"Network and lattice fit: {_JOINT[name]}", pages.accuracy_table(rows))
    text += pages.section("Unknown crystals", pages.strangers_table(found))
    text += pages.section("Intensities of Bloch waves", pages.accuracy_table(dynamical))
    text += pages.section("Pairs that a zone cannot tell apart", chapter.alike())
    drawn: dict[str, str | bytes] = {"tables.md": text, **chapter.gallery()}
    return Outcome(ours, {}, drawn | figures(chapter, of_paper, perfect, metals, found))


_JOINT = {"unseen_chemistry": "perfect crystals of unseen chemistry", "tested": "defects, unseen chemistry"}


def paper_rows(chapter: Chapter) -> tuple[float, tuple[int, int], dict[str, list[Row]]]:
    """Share of the validation patterns that is right, their number and that of crystals, and rows of both metals."""
    validation = chapter.paper.answers("validation")
    share = float((validation.known.argmax(-1) == validation.truth).double().mean())
    closed, explicit = chapter.paper.answers("metals"), chapter.paper.answers("metals, defects")
    rows = {}
    for metal in METALS:
        of = closed.where(crystal=metal)
        first = defect_rows("paper", of.where(family=PERFECT), of)
        one_voltage = explicit.where(crystal=metal)
        second = defect_rows("paper", one_voltage.where(family=[PERFECT, PERFECT_ATOMS]), one_voltage)
        rows[metal] = [*first, *(one for one in second if one.family != PERFECT)]
    counted = (len(validation), len(np.unique(validation.labels["structure"])))
    return share, counted, rows


def perfect_rows(chapter: Chapter) -> dict[tuple[str, str], Row]:
    """Perfect crystals of unseen chemistry and prototypes, by network and listing."""
    names = [name for name in models.names(chapter.bench) if not name.startswith(models.LEFT_OUT)]
    return {
        (name, listing): row(listing.replace("_", " "), name, chapter.answers(name, listing))
        for listing in ("unseen_chemistry", "unseen_prototype")
        for name in names
    }


def template_rows(chapter: Chapter) -> list[Row]:
    """Ceiling and nearest other crystal, on perfect crystals; the ceiling on defects."""
    rows = [
        row("unseen chemistry", f"templates of {kind}", chapter.templated(kind, "unseen_chemistry"))
        for kind in (OWN, TRAINED)
    ]
    for family, strength, some in kinds(chapter.templated(OWN, "tested")):
        rows.append(row(described(family, strength), f"templates of {OWN}", some, family, strength))
    return rows


def left_out_rows(chapter: Chapter) -> list[Row]:
    """Defects of the family that a network was not trained with, and of no other."""
    found = []
    for name in models.names(chapter.bench):
        if name.startswith(models.LEFT_OUT):
            families = list(chapter.model(name).table["left_out"])
            rows = defect_rows(name, *_held(chapter, name))
            found += [one for one in rows if one.family in families]
    return found


def _held(chapter: Chapter, name: str):  # type: ignore[no-untyped-def]
    return chapter.answers(name, "control"), chapter.answers(name, "tested")


def detections(chapter: Chapter) -> list[Detection]:
    """Every kind of stranger against perfect crystals of unseen chemistry, by score and number of zones."""
    fits = {listing: chapter.lattice(listing) for listing in FITTED}
    answers = {listing: chapter.answers(models.OPEN, listing) for listing in FITTED}
    scores = {listing: strangers.scores(answers[listing], fits[listing]) for listing in FITTED}
    found = []
    for size in np.unique(fits["unknown"].size).tolist():
        of = {listing: fits[listing].size == size for listing in FITTED}
        shaping = {name: values[of["validation"]] for name, values in scores["validation"].items()}
        known = _all_scores(shaping, scores["unseen_chemistry"], of["unseen_chemistry"])
        for kind, listing, chosen in _kinds(answers, fits):
            strange = _all_scores(shaping, scores[listing], of[listing] & chosen)
            if len(strange[LATTICE]):
                found += [
                    strangers.detection(kind, name, size, known[name], strange[name], chapter.seed)
                    for name in (ENERGY, OTHER, LATTICE, TOGETHER)
                ]
    return found


def _all_scores(
    shaping: dict[str, np.ndarray], scores: dict[str, np.ndarray], chosen: np.ndarray
) -> dict[str, np.ndarray]:
    some = {name: values[chosen] for name, values in scores.items()}
    return some | {TOGETHER: strangers.together(shaping, some)}


def _kinds(answers, fits):  # type: ignore[no-untyped-def]
    """Name, listing and mask over the sets of pictures of every kind of stranger."""
    first = fits["unknown"].members[:, 0]
    groups = np.asarray(answers["unknown"].labels["space_group"])[first]
    for group in np.unique(groups):
        yield str(group), "unknown", groups == group
    first = fits["tested"].members[:, 0]
    labels = answers["tested"].labels
    stretched = (np.asarray(labels["family"])[first] == "stretch") & (np.asarray(labels["strength"])[first] > NOT_CUBIC)
    yield "stretched by 6 %", "tested", stretched


def figures(
    chapter: Chapter,
    of_paper: dict[str, list[Row]],
    perfect: dict[tuple[str, str], Row],
    metals: Sequence[Row],
    found: Sequence[Detection],
) -> dict[str, str | bytes]:
    """Curves over strain and shear, over pooled zones, and bars of unknown crystals."""
    drawn: dict[str, str | bytes] = {}
    for family, label, paper in (
        ("stretch", "stretched along a", curves.PAPER_STRETCH),
        ("shear", "sheared by [rad]", curves.PAPER_SHEAR),
    ):
        points = {"paper's protocol": _points(of_paper["Al"], family)}
        for name in FULL:
            of = chapter.answers(name, "metals").where(crystal="Al")
            rows = defect_rows(name, of.where(family=PERFECT), of)
            points[name] = _points([one for one in rows if one.family in (PERFECT, family)], family)
        drawn[f"{family}.png"] = curves.strain_curve(points, paper, label)
    shown = [one for (name, _), one in perfect.items() if name in (*FULL, models.CLEAN + "_camera_unknown")]
    drawn["pooled.png"] = curves.pooled_curve([*shown, *(one for one in metals if one.family in _SHOWN)])
    drawn["unknown.png"] = curves.unknown_bars(found)
    return drawn


_SHOWN = ("twin", "dislocations")


def _points(rows: Sequence[Row], family: str) -> list[tuple[float, float, float, float]]:
    """Strength, accuracy from one pattern and its interval; the perfect crystal at 0."""
    found = []
    for one in rows:
        if one.family in (PERFECT, family):
            single = one.accuracies[0]
            found.append((one.strength, single.accuracy, single.low, single.high))
    return sorted(found)
