"""Claims: what a paper states, held against what our own run gave; what misses is reported as a miss."""

from __future__ import annotations

import json
import math
import os
import platform
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zoneaxis.errors import InputError
from zoneaxis.patterns.store import appearing_whole

RELATIONS = ("at least", "at most", "within", "holds")


@dataclass(frozen=True)
class Claim:
    """One statement of a paper that a run can confirm or miss.

    id: short name, unique in its file; source: paper and table, figure or section; statement: in words.
    relation: `at least`, `at most` or `within` the tolerance of the paper's value; or `holds`, an ordering or a check
    that our run computes as true or false.
    paper: the value, None for `holds`; tolerance: 0 or more, its reason in the statement.
    """

    id: str
    source: str
    statement: str
    relation: str
    paper: float | None = None
    tolerance: float = 0.0

    def met(self, ours: float | bool | None) -> bool:
        """Whether our value confirms the claim; a value that is missing or not finite never does."""
        if ours is None or (isinstance(ours, float) and not math.isfinite(ours)):
            return False
        if self.relation == "holds":
            return ours is True
        assert self.paper is not None
        above = float(ours) - self.paper
        if self.relation == "at least":
            return above >= -self.tolerance
        if self.relation == "at most":
            return above <= self.tolerance
        return abs(above) <= self.tolerance


@dataclass(frozen=True)
class Result:
    """A claim beside what our run gave: ours, its spread (one standard deviation), the verdict `met` or `missed`."""

    id: str
    source: str
    paper: float | None
    ours: float | bool | None
    spread: float | None
    verdict: str


def load(path: str | Path) -> list[Claim]:
    """Claims of a `claims.toml`: tables [[claim]] with the fields of `Claim`.

    Raises:
        InputError: the file is missing or no TOML; a field is unknown, missing or cannot be; an id stands twice.
    """
    path = Path(path)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("claim", [])
    except FileNotFoundError:
        raise InputError(f"{path}: no such file of claims") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as reason:
        raise InputError(f"{path}: not a readable file of claims ({str(reason).splitlines()[0]})") from None
    if not isinstance(tables, list) or not tables:
        raise InputError(f"{path}: no [[claim]] table")
    claims = [_checked(table, f"{path}: claim {number}") for number, table in enumerate(tables, start=1)]
    twice = [claim.id for number, claim in enumerate(claims) if claim.id in {other.id for other in claims[:number]}]
    if twice:
        raise InputError(f"{path}: id {twice[0]!r} stands twice")
    return claims


def compare(
    claims: Sequence[Claim], ours: Mapping[str, float | bool], spread: Mapping[str, float] | None = None
) -> list[Result]:
    """Every claim with our value by its id; one without a value is missed.

    Raises:
        InputError: a value that no claim asks for.
    """
    stray = sorted(set(ours) - {claim.id for claim in claims})
    if stray:
        raise InputError(f"results: no claim is called {stray[0]!r}")
    return [
        Result(
            claim.id,
            claim.source,
            claim.paper,
            ours.get(claim.id),
            (spread or {}).get(claim.id),
            "met" if claim.met(ours.get(claim.id)) else "missed",
        )
        for claim in claims
    ]


def write(results: Sequence[Result], folder: str | Path, scale: str, *, study: str, seed: int) -> tuple[Path, Path]:
    """Write SCALE.json and SCALE.md with date, machine and seed into a folder, in the place of earlier ones."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    head = {
        "study": study,
        "scale": scale,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "seed": seed,
    }
    content = head | {"claims": [_finite(asdict(result)) for result in results]}
    paths = folder / f"{scale}.json", folder / f"{scale}.md"
    texts = json.dumps(content, indent=1, allow_nan=False) + "\n", _markdown(results, head)
    for path, text in zip(paths, texts, strict=True):
        with appearing_whole(path, overwrite=True) as place:
            place.write_text(text, encoding="utf-8")
    return paths


def machine() -> str:
    """Kind of machine, without its name."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def _checked(table: Any, where: str) -> Claim:
    fields = Claim.__dataclass_fields__
    unknown = sorted(set(table) - set(fields))
    missing = [name for name in ("id", "source", "statement", "relation") if not isinstance(table.get(name), str)]
    if unknown or missing:
        raise InputError(
            f"{where}: " + (f"unknown {unknown[0]!r}" if unknown else f"{missing[0]!r} is missing or no text")
        )
    if table["relation"] not in RELATIONS:
        raise InputError(f"{where}: relation {table['relation']!r} is not one of {', '.join(RELATIONS)}")
    number = {name: table.get(name) for name in ("paper", "tolerance") if name in table}
    if any(
        isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)
        for value in number.values()
    ):
        raise InputError(f"{where}: paper and tolerance are finite numbers, found {number}")
    if (table["relation"] == "holds") == ("paper" in table) or table.get("tolerance", 0) < 0:
        raise InputError(
            f"{where}: a value of the paper belongs to every relation but 'holds'; the tolerance is 0 or more"
        )
    return Claim(**table)


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN: a value that is not finite is none."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }


def _markdown(results: Sequence[Result], head: Mapping[str, Any]) -> str:
    met = sum(result.verdict == "met" for result in results)
    lines = [
        f"# {head['study']}, {head['scale']}: {met} of {len(results)} claims met",
        "",
        f"{head['date']} · {head['machine']} · seed {head['seed']}",
        "",
        "| claim | source | paper | ours | spread | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        entries = (result.id, result.source, *map(_shown, (result.paper, result.ours, result.spread)), result.verdict)
        lines.append("| " + " | ".join(entry.replace("|", "\\|") for entry in entries) + " |")
    return "\n".join(lines) + "\n"


def _shown(value: float | bool | None) -> str:
    if value is None:
        return "–"
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value:.4g}"
