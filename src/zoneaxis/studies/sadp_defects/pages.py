"""Pages: every table of the study in full, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from zoneaxis.interpret.ensemble import SIZES, PooledAccuracy
from zoneaxis.studies.sadp_defects.curves import PAPER
from zoneaxis.studies.sadp_defects.rows import Row, shortfall
from zoneaxis.studies.sadp_defects.strangers import Detection

MISSING = "–"


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the first column is text, the others numbers."""
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(headings) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def section(title: str, *parts: str) -> str:
    """A heading with its tables and remarks."""
    return f"## {title}\n\n" + "\n".join(part.rstrip("\n") + "\n" for part in parts if part) + "\n"


def percent(accuracy: PooledAccuracy | None) -> str:
    """Share right in per cent with Wilson's 95 % interval, each set of pictures a trial."""
    if accuracy is None:
        return MISSING
    return f"{100 * accuracy.accuracy:.1f} ({100 * accuracy.low:.0f}–{100 * accuracy.high:.0f})"


def accuracy_table(rows: Sequence[Row], sizes: Sequence[int] = SIZES) -> str:
    """Readers and tests against the number of zones read together."""
    sizes = [size for size in sizes if any(row.at(size) for row in rows)]
    headings = ["test", "reader", "specimens", *(f"{size} zone{'s' if size > 1 else ''}" for size in sizes)]
    body = [
        [row.test, row.reader, str(row.accuracies[0].crystals), *(percent(row.at(size)) for size in sizes)]
        for row in rows
    ]
    return markdown(headings, body)


def defects_table(rows: Sequence[Row], sizes: Sequence[int] = (1, 4, 16)) -> str:
    """Defects beside their control: the same crystals perfect, drawn by the same renderer."""
    headings = ["test", "reader", "specimens"]
    for size in sizes:
        headings += [f"{size} zone{'s' if size > 1 else ''}", "control", "points lost"]
    body = []
    for row in rows:
        line = [row.test, row.reader, str(row.accuracies[0].crystals)]
        for size in sizes:
            lost = shortfall(row, size)
            control = None if row.control is None else row.control.at(size)
            line += [percent(row.at(size)), percent(control), MISSING if lost is None else f"{lost:+.1f}"]
        body.append(line)
    return markdown(headings, body)


def paper_table(rows: Mapping[str, Sequence[Row]]) -> str:
    """The paper's protocol by metal: ours from one pattern and from 16 zones, the control, and the paper's figure."""
    headings = ["test", "specimens", "one pattern", "16 zones", "control, one pattern", "control, 16 zones", "paper"]
    body = []
    for metal, of in rows.items():
        for row in of:
            control = row.control
            body.append(
                [
                    f"{metal}: {row.test}",
                    str(row.accuracies[0].crystals),
                    percent(row.at(1)),
                    percent(row.at(16)),
                    percent(None if control is None else control.at(1)),
                    percent(None if control is None else control.at(16)),
                    paper_figure(metal, row),
                ]
            )
    return markdown(headings, body)


def validation_text(share: float, patterns: int, crystals: int) -> str:
    """The one figure of the split by pattern, whose crystals are in training too."""
    return (
        f"Validation part, {patterns} patterns of the {crystals} crystals that are in training too: "
        f"{100 * share:.1f} % right from one pattern (Ra et al. 2021: 92.607 %).\n"
    )


def paper_figure(metal: str, row: Row) -> str:
    """What the paper gives for this test [%], where it gives one for one metal or the mean of both."""
    single = {
        ("perfect", 0.0): "pristine",
        ("temperature", 100.0): "100 K",
        ("temperature", 300.0): "300 K",
        ("shear", 0.03): "shear 0.03",
    }
    of_family = {
        "vacancies_al_1_108": "vacancy low",
        "vacancies_fe_1_128": "vacancy low",
        "vacancies_al_1_32": "vacancy high",
        "vacancies_fe_1_54": "vacancy high",
        "silicon_1_108": "substitution low",
        "gold_1_128": "substitution low",
        "silicon_1_32": "substitution high",
        "gold_1_54": "substitution high",
        "carbon_1_108": "carbon",
        "dislocations": "dislocations",
        "twin": "twins",
    }
    name = of_family.get(row.family) or single.get((row.family, round(row.strength, 6)))
    if name is None or (metal == "Fe" and row.family == "perfect"):
        return MISSING
    return f"{PAPER[name]:g}"


def strangers_table(found: Sequence[Detection]) -> str:
    """Area under the curve of every score for every kind of stranger."""
    headings = ["kind", "score", "zones", "AUROC", "95 %", "found at 5 % false alarms", "specimens", "known"]
    body = [
        [
            one.kind,
            one.score,
            str(one.pooled),
            f"{one.auroc:.3f}",
            f"{one.low:.2f}–{one.high:.2f}",
            f"{100 * one.detected:.0f} %",
            str(one.strangers),
            str(one.known),
        ]
        for one in found
    ]
    return markdown(headings, body)
