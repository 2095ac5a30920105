"""Page: readings as one HTML file that needs nothing beside it: pictures inside, tables, reasons, provenance."""

from __future__ import annotations

import base64
import hashlib
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path

from zoneaxis.reading.reading import Reading
from zoneaxis.report.figures import SIGNATURE
from zoneaxis.report.row import headings, number, rows, words

MOST_DETAILS = 200
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #888; font-weight: 600; }
tr.unknown { color: #888; }
img { max-width: 100%; }
.beside { display: flex; gap: 3rem; align-items: start; }
h1 { margin-bottom: .2rem; } h3 { margin: 1.6rem 0 .2rem; }
"""


def page(readings: Sequence[Reading], picture: bytes | None = None, title: str = "Readings") -> str:
    """The report as HTML text.

    A table of all readings, the picture, then for each of the first 200 its reason, its answers with probabilities and
    how well every crystal matched, and at the end where everything comes from: files with their SHA-256, models,
    versions, date.
    """
    parts = [f"<h1>{escape(title)}</h1>", f"<p>{escape(_summary(readings))}</p>"]
    if picture is not None:
        data = base64.b64encode(picture).decode()
        parts.append(f'<img alt="measured patterns and what explains them best" src="data:image/png;base64,{data}">')
    lines = [
        (Path(reading.file).name, str(reading.index), *entries)
        for reading, entries in zip(readings, rows(readings), strict=True)
    ]
    parts.append(_table(("file", "pattern", *headings(readings)), lines, [reading.unknown for reading in readings]))
    parts.append("<h2>Reasons</h2>")
    parts += [_details(reading) for reading in readings[:MOST_DETAILS]]
    if len(readings) > MOST_DETAILS:
        parts.append(f"<p>Reasons of the first {MOST_DETAILS} of {len(readings)} patterns.</p>")
    parts += ["<h2>Provenance</h2>", _table(("what", "which"), _provenance(readings))]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="generator" content="{SIGNATURE}">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _summary(readings: Sequence[Reading]) -> str:
    unknown = sum(reading.unknown for reading in readings)
    if any(reading.values is not None for reading in readings):
        return f"{len(readings)} patterns, {unknown} of them unknown. ± stands for one standard deviation."
    sizes = [len(reading.prediction_set) for reading in readings if reading.prediction_set]
    mean = f"; a prediction set holds {sum(sizes) / len(sizes):.1f} groups on average" if sizes else ""
    return f"{len(readings)} patterns, {unknown} of them unknown{mean}. Numbers of space groups stand for the groups."


def _details(reading: Reading) -> str:
    """Reason, and beside each other the answers, what was read, and how well every crystal matched."""
    parts = [f"<h3>{escape(Path(reading.file).name)}, pattern {reading.index}</h3>", f"<p>{escape(reading.reason)}</p>"]
    tables = []
    if reading.answers:
        answers = [(answer.label, f"{answer.probability:.3f}") for answer in reading.answers]
        tables.append(_table(("space group" if reading.values is None else "kind", "probability"), answers))
    if reading.values:
        guess = (reading.evidence.get("network") or {}).get("values", {})
        lines = [
            (words(name, value.unit), number(value), f"{guess[name]:.5g} {value.unit}" if name in guess else "–")
            for name, value in reading.values.items()
        ]
        tables.append(_table(("value", "read", "network's guess"), lines))
    matching = reading.evidence.get("matching")
    if matching:
        ranked = sorted(matching["crystals"].items(), key=lambda item: -item[1])
        tables.append(_table(("crystal", "NCC"), [(name, f"{ncc:.3f}") for name, ncc in ranked]))
        parts.append(
            f"<p>Best crystal {escape(matching['best_crystal'])}: Bunge angles {_numbers(matching['euler_deg'], 1)}°, "
            f"pattern centre {_numbers(matching['pattern_centre'], 3)} (Bruker), "
            f"{matching['margin']:.3f} above the best other group.</p>"
        )
    return "\n".join([*parts, '<div class="beside">', *tables, "</div>"])


def _provenance(readings: Sequence[Reading]) -> Iterable[tuple[str, str]]:
    for name in dict.fromkeys(reading.file for reading in readings):
        path = Path(name)
        known = path.is_file()
        yield (
            "patterns",
            f"{path.name}, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}" if known else path.name,
        )
    for model in dict.fromkeys(reading.model for reading in readings):
        yield "model", model
    yield "software", f"zoneaxis {version('zoneaxis')}, torch {version('torch')}, Python {platform.python_version()}"
    yield "date", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _table(headings: Sequence[str], lines: Iterable[Sequence[str]], unknown: Sequence[bool] = ()) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = [
        f"<tr{' class=unknown' if number < len(unknown) and unknown[number] else ''}>"
        + "".join(f"<td>{escape(entry)}</td>" for entry in line)
        + "</tr>"
        for number, line in enumerate(lines)
    ]
    return f"<table>\n<tr>{head}</tr>\n" + "\n".join(body) + "\n</table>"


def _numbers(values: Iterable[float], digits: int) -> str:
    return ", ".join(f"{value:.{digits}f}" for value in values)
