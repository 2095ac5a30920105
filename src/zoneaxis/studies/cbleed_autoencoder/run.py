"""The study: simulate, train, read under every split and from counted electrons; tables, figures, values for claims."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from zoneaxis.studies.bench import Bench
from zoneaxis.studies.cbleed_autoencoder import autoencoders, figures, pages, verdicts
from zoneaxis.studies.cbleed_autoencoder.chapter import OFF_GRID, TABLE_1, Chapter
from zoneaxis.studies.cbleed_autoencoder.parts import PARTS
from zoneaxis.studies.outcome import Outcome


def run(bench: Bench) -> Outcome:
    """Do what is not done yet, side by side where it can be, and put everything together."""
    chapters = [Chapter(bench, preset) for preset in bench.settings["presets"]]
    first, *more = chapters
    for chapter in chapters:
        chapter.simulate()
    trainings = [training for chapter in chapters for training in chapter.trainings()]
    trainings += [first.noisy_part().training, *first.swept().values()]
    autoencoders.train_all(bench, trainings)
    readings: list[Callable[[], object]] = [first.quiet().counted]
    readings += [partial(chapter.quiet().table, key) for chapter in chapters for key in PARTS]
    readings += [partial(first.quiet().latent_row, *code) for code in first.latent_rows()]
    bench.together("fitting readers", readings)

    tables = {key: first.table(key) for key in PARTS}
    latent = [first.latent_row(*code) for code in first.latent_rows()]
    doses, honesty, emulator = first.counted()
    ours, spread = verdicts.joined(
        verdicts.table_1(tables[TABLE_1], " ".join(TABLE_1)),
        verdicts.best_readers(tables, OFF_GRID),
        verdicts.figure_4(latent),
        verdicts.doses(doses, float(bench.settings["noise"]["claimed_electrons"])),
        verdicts.shifts(honesty, float(bench.settings["noise"]["claimed_electrons"])),
        verdicts.times(first.part(TABLE_1).trained.record, _shown(bench), first.scan.minutes),
    )
    text = pages.written(first.preset, tables, latent, doses, honesty, emulator)
    for chapter in more:
        text += pages.tables_text(chapter.preset, {key: chapter.table(key) for key in PARTS})
    drawn: dict[str, str | bytes] = {
        "fig4-latent-numbers.png": figures.latent_numbers(latent),
        "fig5-reconstructions.png": figures.reconstructions(**first.rebuilt()),
        "fig6-latent-map.png": figures.latent_map(**first.mapped()),
        "errors-by-split.png": figures.errors_by_split(tables),
        "errors-by-dose.png": figures.errors_by_dose(doses),
    }
    return Outcome(ours, spread, drawn | {"tables.md": text})


def _shown(bench: Bench) -> int:
    """Images that the recipe shows an autoencoder, in whole batches."""
    table = bench.settings["autoencoder"]
    batch = int(table["batch_images"])
    return int(table["images"]) // batch * batch
