"""Pages: every table of the study in full, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev

from zoneaxis.studies.cbleed_autoencoder.images import TARGETS
from zoneaxis.studies.cbleed_autoencoder.noise import BOUND
from zoneaxis.studies.cbleed_autoencoder.plans import PLANE, SCAN
from zoneaxis.studies.cbleed_autoencoder.protocol import TITLES
from zoneaxis.studies.cbleed_autoencoder.readers import Row

MISSING = "–"


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the first column is text, the others numbers."""
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(headings) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def shown(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits, without an exponent where that is short."""
    if value is None:
        return MISSING
    if value == 0 or 1e-4 <= abs(value) < 1e5:
        return f"{value:.{digits}g}" if abs(value) < 100 else f"{value:.0f}"
    return f"{value:.{digits - 1}e}"


def errors_table(rows: Sequence[Row], test: str) -> str:
    """Readers against targets on one set of test images: mean, median and 95 % of the absolute error, R², bias.

    Where it was measured, also the median time of reading one prepared image alone on one thread.
    """
    chosen = [row for row in rows if row["test"] == test]
    targets = {row["target"]: row["unit"] for row in chosen}
    headings = ["reader"]
    for target, unit in targets.items():
        headings += [f"{target}: mean ({unit})", "median", "95 %", "R²", "bias"]
    timed = "ms" in chosen[0]
    headings += ["ms per image"] if timed else []
    body = []
    for reader in dict.fromkeys(row["reader"] for row in chosen):
        of = {row["target"]: row for row in chosen if row["reader"] == reader}
        entries = [reader]
        for target in targets:
            row = of[target]
            entries += [
                shown(row["mae"]),
                shown(row["median"]),
                shown(row["p95"]),
                _r2(row["r2"]),
                shown(row["bias"], 2),
            ]
        body.append(entries + ([shown(of["energy"]["ms"], 2)] if timed else []))
    return f"{chosen[0]['n']} images.\n\n" + markdown(headings, body)


def dose_table(rows: Sequence[Row], target: str) -> str:
    """Readers against electrons in an image, for one target: mean and 95 % of the absolute error."""
    chosen = [row for row in rows if row["target"] == target]
    doses = sorted({row["electrons"] for row in chosen})
    readers = list(dict.fromkeys(row["reader"] for row in chosen))

    def entry(reader: str, electrons: float) -> str:
        row = next(row for row in chosen if row["reader"] == reader and row["electrons"] == electrons)
        if reader == BOUND:
            return f"{shown(row['mae'])} (σ {shown(row['sigma'])})"
        tail = f" (95 %: {shown(row['p95'])}" + (f"; in 2σ: {row['within']:.2f})" if "within" in row else ")")
        return shown(row["mae"]) + tail

    headings = [f"{target}, {chosen[0]['unit']}", *(f"{dose(electrons)} electrons" for electrons in doses)]
    return markdown(headings, [[reader, *(entry(reader, electrons) for electrons in doses)] for reader in readers])


def latent_table(rows: Sequence[Row]) -> str:
    """Code and size against loss and reading error: means over the seeds, with their standard deviation."""
    targets = [name for name in TARGETS[SCAN] if name in rows[0]]
    headings = [
        "code",
        "seeds",
        "BCE − entropy",
        "MSE",
        "intrinsic dimension",
        *(f"{name}, {TARGETS[SCAN][name]}" for name in targets),
    ]
    body = []
    for code, latent in dict.fromkeys((row["code"], row["latent"]) for row in rows):
        of = [row for row in rows if (row["code"], row["latent"]) == (code, latent)]
        entries = [
            mean_and_spread([row[name] for row in of])
            for name in ("bce_minus_entropy", "mse", "intrinsic_dimension", *targets)
        ]
        body.append([f"{code}, {latent}", str(len(of)), *entries])
    return markdown(headings, body)


def honesty_table(rows: Sequence[Row]) -> str:
    """Physics and dose against what the reading says of itself."""
    headings = ["physics", "electrons", "covered (2σ)", "unknown", "either", "χ² (median)"]
    headings += [f"{target} ({unit})" for target, unit in TARGETS[PLANE].items()]
    shares = ("covered", "unknown", "covered_or_unknown")
    return markdown(
        headings,
        [
            [
                row["test"],
                dose(row["electrons"]),
                *(f"{row[name]:.2f}" for name in shares),
                *(shown(row[name]) for name in ("chi2", *(f"mae_{target}" for target in TARGETS[PLANE]))),
            ]
            for row in rows
        ],
    )


def tables_text(preset: str, tables: Mapping[tuple[str, str], Sequence[Row]]) -> str:
    """Every table of errors of a preset, each under its heading."""
    parts = [f"# Preset `{preset}`"]
    for (kind, split), rows in tables.items():
        for test in dict.fromkeys(row["test"] for row in rows):
            title = TITLES[split] if test == f"{kind} {split}" else test.removeprefix(f"{kind} ")
            learned = "" if test == f"{kind} {split}" else ", learned under the random split"
            parts.append(f"## {kind}: {title}{learned}\n\n{errors_table(rows, test)}")
    return "\n\n".join(part.rstrip() for part in parts) + "\n\n"


def written(
    preset: str,
    tables: Mapping[tuple[str, str], Sequence[Row]],
    latent: Sequence[Row],
    doses: Sequence[Row],
    honesty: Sequence[Row],
    emulator: Mapping[str, float],
) -> str:
    """The page of all tables of the first preset."""
    by_dose = "\n".join(dose_table(doses, target) for target in TARGETS[PLANE])
    return tables_text(preset, tables) + "\n".join(
        [
            f"## {SCAN}, random split: size of the code, kernel ridge on it, mean over seeds\n\n{latent_table(latent)}",
            f"## {PLANE}, off grid: counted electrons, mean absolute error\n\n{by_dose}",
            f"## {PLANE}, off grid: what the reading by likelihood says of itself\n\n{honesty_table(honesty)}",
            "Added in quadrature for what the emulator gets wrong: "
            + ", ".join(
                f"{target} {shown(honesty[0][f'model_error_{target}'])} {unit}"
                for target, unit in TARGETS[PLANE].items()
            )
            + ".\n",
            "Emulator, relative errors of the amplitude (double step: every second value left out): "
            + ", ".join(f"{name.replace('_', ' ')} {shown(value)}" for name, value in emulator.items())
            + ".\n",
        ]
    )


def mean_and_spread(values: Sequence[float | None]) -> str:
    """Mean and, of several values, standard deviation."""
    known = [value for value in values if value is not None]
    if not known:
        return MISSING
    return shown(fmean(known)) + (f" ± {shown(stdev(known), 2)}" if len(known) > 1 else "")


def dose(electrons: float) -> str:
    """1e4 and the like."""
    return f"{electrons:.0e}".replace("e+0", "e")


def _r2(value: float | None) -> str:
    if value is None:
        return MISSING
    return f"{value:.4f}" if value > -10 else shown(value, 2)
