"""The study: simulate, train, translate both ways, go through the engine; tables, figures, values for the claims."""

from __future__ import annotations

from functools import partial

from zoneaxis.studies.bench import Bench
from zoneaxis.studies.lacbed_translation import figures, pages, verdicts
from zoneaxis.studies.lacbed_translation.chapter import Chapter, Job
from zoneaxis.studies.lacbed_translation.methods import TREES, several_networks
from zoneaxis.studies.lacbed_translation.protocol import BACKWARD, DIRECTIONS, FORWARD, RANDOM, SPLITS, TASKS, UNSEEN
from zoneaxis.studies.lacbed_translation.rows import Row, by_method
from zoneaxis.studies.lacbed_translation.translators import GAN, UNET
from zoneaxis.studies.outcome import Outcome

FIGURED = ("5 nearest", TREES, UNET, GAN)
"""Methods whose answers figures show, the first seed of each; then the engine."""
FOLLOWED = ("mean image", TREES, UNET)
"""Methods whose errors are shown by topology; then the engine."""


def run(bench: Bench) -> Outcome:
    """Do what is not done yet, side by side where it can be, and put everything together."""
    chapter = Chapter(bench)
    _ = chapter.pairs
    bench.together("training translators", chapter.training_jobs())
    quiet = chapter.quiet()
    jobs: list[Job] = [quiet.accuracy, quiet.zincblende, quiet.curve_rows]
    jobs += [partial(quiet.rows, key) for key in TASKS]
    jobs += [partial(quiet.own_scale_rows, direction) for direction in DIRECTIONS]
    bench.together("translating", jobs)
    bench.together("proposing densities", [partial(quiet.proposed, places) for places in chapter.proposals()])
    bench.together("going through the engine", chapter.physics_jobs())

    rows = {key: chapter.rows(key) for key in TASKS}
    engine = {direction: chapter.physics_rows(direction) for direction in DIRECTIONS}
    curve, timing = chapter.curve(), chapter.timing()
    zincblende, accuracy = chapter.zincblende(), chapter.accuracy()
    learned = verdicts.learning(curve)
    ours, spread = verdicts.joined(
        verdicts.forward(rows[FORWARD, RANDOM], rows[FORWARD, UNSEEN]),
        verdicts.backward(rows[BACKWARD, RANDOM]),
        verdicts.engine_forward(rows[FORWARD, UNSEEN], engine[FORWARD][0]),
        verdicts.engine_backward(rows[BACKWARD, UNSEEN], engine[BACKWARD][0]),
        verdicts.checked(timing, zincblende, accuracy),
        learned,
    )
    lines = {row.method: row.mean() for row in rows[FORWARD, RANDOM] if row.method in FOLLOWED[:2]}
    exponent = learned[0].get("learning_curve_exponent")
    drawn: dict[str, str | bytes] = {
        "learning-curve.png": figures.learning_curve(curve, exponent, lines),
        "zincblende.png": figures.discs(zincblende),
    }
    for direction, split in TASKS:
        further = engine[direction] if split == UNSEEN else []
        drawn[f"{direction}-{split}.png"] = _pictures(chapter, rows[direction, split], (direction, split), further)
    for direction, title in DIRECTIONS.items():
        followed = _followed(rows[direction, UNSEEN], engine[direction][0])
        named = f"{title}, unseen topologies"
        drawn[f"{direction}-by-topology.png"] = figures.by_topology(followed, chapter.pairs.prototype, named)
    return Outcome(ours, spread, drawn | {"tables.md": _tables(chapter, rows, engine)})


def _pictures(chapter: Chapter, rows: list[Row], key: tuple[str, str], further: list[Row]) -> bytes:
    task, pairs = chapter.tasks[key], chapter.pairs
    places = chapter.shown(task)
    firsts = [of[0] for method, of in by_method(rows).items() if method in FIGURED]
    captions = [f"{pairs.crystal[place]}\n{pairs.prototype[place]}" for place in places]
    return figures.pictures(task, places, captions, [*firsts, *further])


def _followed(rows: list[Row], engine: Row) -> list[Row]:
    of = by_method(rows)
    return [several_networks(of[method], method) for method in FOLLOWED] + [engine]


def _tables(chapter: Chapter, rows: dict[tuple[str, str], list[Row]], engine: dict[str, list[Row]]) -> str:
    groups, pairs = chapter.pairs.prototype, chapter.pairs
    text = "# LACBED discs and densities of cubic crystals\n\n"
    text += pages.section("Data", pages.data_text(pairs, chapter.accuracy(), chapter.tasks))
    for direction, title in DIRECTIONS.items():
        for split in SPLITS:
            text += pages.section(f"{title}, {SPLITS[split]}", pages.scores_table(rows[direction, split], groups))
        asked = engine[direction][0]
        beside = [row.on(asked.places) for row in rows[direction, UNSEEN]]
        text += pages.section(
            f"{title}, {SPLITS[UNSEEN]}: the engine in the loop, and the others on the same crystals",
            pages.scores_table([*beside, *engine[direction]], groups),
            f"{pages.shown(asked.seconds)} s an image.",
        )
        text += pages.section(
            f"{title}: topologies held out", pages.topologies_table(_followed(rows[direction, UNSEEN], asked), groups)
        )
        text += pages.section(
            f"{title}, {SPLITS[RANDOM]}, every density over its own greatest value (the poster's variant)",
            pages.scores_table(chapter.own_scale_rows(direction), groups),
        )
    text += pages.section("Crystals in training: density to disc, random split", pages.curve_table(chapter.curve()))
    minutes = {
        f"{one.task.title}, {one.network}, seed {one.seed}": float(one.run().record["minutes"])
        for key in TASKS
        for one in chapter.trainings(key)
    }
    text += pages.section("Time", pages.timing_table(chapter.timing(), minutes))
    zincblende = pages.zincblende_table(chapter.zincblende())
    return text + pages.section("Zincblende crystals of one lattice parameter", zincblende)
