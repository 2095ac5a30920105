"""Chapter: one preset's images, networks and readers, each made when it is asked for first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from zoneaxis.interpret.latent import intrinsic_dimension, latent_map
from zoneaxis.patterns.amplitude import Normalisation
from zoneaxis.reading.likelihood import BANDS
from zoneaxis.studies.bench import Bench, Result
from zoneaxis.studies.cbleed_autoencoder import autoencoders, noise, readers
from zoneaxis.studies.cbleed_autoencoder.autoencoders import Training
from zoneaxis.studies.cbleed_autoencoder.codes import Components, Encode
from zoneaxis.studies.cbleed_autoencoder.counting import Counting
from zoneaxis.studies.cbleed_autoencoder.data import HIGHER, LOWER, OTHER_PRESET, dataset
from zoneaxis.studies.cbleed_autoencoder.images import TARGETS, Images
from zoneaxis.studies.cbleed_autoencoder.noise import NoisyReader
from zoneaxis.studies.cbleed_autoencoder.parts import PARTS, Key, Part, divided
from zoneaxis.studies.cbleed_autoencoder.plans import FINE, PLANE, SCAN
from zoneaxis.studies.cbleed_autoencoder.protocol import RANDOM
from zoneaxis.studies.cbleed_autoencoder.readers import (
    BEST,
    COMPONENTS,
    LATENT,
    PAPER_REGRESSORS,
    READERS,
    RICH,
    Reader,
    Row,
)

OFF_GRID = "off grid"
TABLE_1: Key = (SCAN, RANDOM)
SEARCH = {"search_rows": 600, "refine_rows": 1000}
"""Kernel ridge in the sweep, where many are fitted, looks for its widths on fewer images."""


@dataclass(frozen=True)
class Chapter:
    """Everything that is done with the images of one preset; all of it is kept on the bench."""

    bench: Bench
    preset: str

    def quiet(self) -> Chapter:
        """The same, light enough for a process of its own."""
        return Chapter(self.bench.quiet(), self.preset)

    # Images: those of the grids normalised by their maximum, as in the paper, unless said otherwise.

    @cached_property
    def scan(self) -> Images:
        """One signed displacement."""
        return dataset(self.bench, SCAN, self.preset)

    @cached_property
    def plane(self) -> Images:
        """Two displacements together."""
        return dataset(self.bench, PLANE, self.preset)

    @cached_property
    def fine(self) -> Images:
        """The plane with a finer height, for the emulator: 0.1 Å of height change an image like seven energies."""
        return dataset(self.bench, FINE, self.preset)

    @cached_property
    def off_plane(self) -> Images:
        """Random values within the plane."""
        return dataset(self.bench, f"off_{PLANE}", self.preset)

    @cached_property
    def shifted(self) -> dict[str, Images]:
        """Random values within the plane under physics that no reader has learned."""
        presets = (*self.bench.settings["presets"], self.bench.settings["other_preset"])
        other = next(preset for preset in presets if preset != self.preset)
        shift_ev = float(self.bench.settings["shift"]["inner_potential_ev"])
        return {
            OTHER_PRESET: dataset(self.bench, f"off_{PLANE}", other),
            HIGHER: dataset(self.bench, f"off_{PLANE}", self.preset, shift_ev),
            LOWER: dataset(self.bench, f"off_{PLANE}", self.preset, -shift_ev),
        }

    def simulate(self) -> None:
        """See that all images are there."""
        dataset(self.bench, f"off_{SCAN}", self.preset)
        _ = self.scan, self.plane, self.fine, self.off_plane, self.shifted

    # Networks.

    def part(self, key: Key) -> Part:
        """A grid divided under a split."""
        return divided(self.bench, self.scan if key[0] == SCAN else self.plane, key, self.preset)

    def noisy_part(self) -> Part:
        """The plane under the random split, normalised by the sum; its network takes counted images to clean ones."""
        electrons = self.bench.settings["noise"]["electrons"]
        counting = Counting(float(min(electrons)), float(max(electrons)))
        images = dataset(self.bench, PLANE, self.preset, normalise="sum")
        return divided(self.bench, images, (PLANE, RANDOM), self.preset, counting)

    def trainings(self) -> list[Training]:
        """Of all parts."""
        return [self.part(key).training for key in PARTS]

    def swept(self) -> dict[tuple[int, int], Training]:
        """Of the sweep, by (latent numbers, seed)."""
        part = self.part(TABLE_1)
        return autoencoders.sweep(self.bench, part.train, part.test)

    # Readers.

    def table(self, key: Key) -> list[Row]:
        """Every reader learned from a part, on its held-out images, and under the random split on those off the grid;
        for the plane also under other physics. The paper's regressors are timed, and all of them asked, in Table 1."""
        part, settings = self.part(key), self.bench.settings["readers"]
        tests = {part.title: part.test} | (dict(self._further_tests(part.kind)) if part.split == RANDOM else {})
        asked = PAPER_REGRESSORS if key == TABLE_1 else settings["everywhere"]
        known = [one for one in READERS if one.regressor not in PAPER_REGRESSORS or one.regressor in asked]
        wanted = [one for one in known if one != RICH]
        options = {
            "components": int(settings["pca_components"]),
            "seed": int(self.bench.settings["seed"]),
            "timed_readings": int(settings["timed_readings"]) if key == TABLE_1 else 0,
        }
        decided_by = {
            "training": part.training.output.name,
            "train": part.train.key,
            "tests": {name: images.key for name, images in tests.items()},
            "readers": [one.name for one in wanted],
            **options,
        }

        def make(asked: list[Reader], options: dict[str, int]) -> Result:
            distances = {} if part.split == RANDOM else {part.title: part.distance}
            tick = partial(self.bench.tick, f"readers, {part.title}")
            encode = part.trained.encode
            return {"rows": readers.table(part.train, tests, part.kind, asked, encode, distances, tick, **options)}

        rows = list(
            self.bench.stage(f"readers {part.training.title}", decided_by, lambda: make(wanted, options))["rows"]
        )
        richer = options | {"components": int(settings["more_components"])}
        decided_by = {**decided_by, "training": None, "readers": [RICH.name], **richer}
        title = f"readers {part.training.title}, more components"
        more = self.bench.stage(title, decided_by, lambda: make([Reader(COMPONENTS, BEST)], richer))["rows"]
        rows += [row | {"reader": RICH.name} for row in more]
        order = {one.name: place for place, one in enumerate(known)}
        return sorted(rows, key=lambda row: (list(tests).index(row["test"]), order[row["reader"]]))

    def latent_row(self, code: str, latent: int, seed: int) -> Row:
        """Figure 4: reconstruction of held-out images, and reading by kernel ridge, for one code of so many numbers.

        Fields: code, latent, seed, minutes, bce_minus_entropy, mse, intrinsic_dimension, mean error of each target.
        """
        part = self.part(TABLE_1)
        training = self.swept()[latent, seed]
        decided_by = {"code": code, "training": training.output.name, "test": part.test.key, "search": SEARCH}

        def make() -> Result:
            encode: Encode
            if code == LATENT:
                trained = training.run()
                encode, quality = trained.encode, trained.record["validation"]
                minutes = trained.record["minutes"]
            else:
                encode = linear = Components.fit(part.train.amplitude, latent)
                missed = linear.reconstruct(part.test.amplitude) - part.test.amplitude
                quality, minutes = {"bce_minus_entropy": None, "mse": float(np.square(missed).mean())}, 0.0
            predict = readers.fitted(Reader(code, BEST), part.train, SCAN, encode, seed, **SEARCH)
            errors = np.abs(predict(part.test.amplitude) - part.test.targets(SCAN)).mean(0)
            dimension = intrinsic_dimension(encode(part.train.amplitude))
            return (
                {"code": code, "latent": latent, "seed": seed, "minutes": minutes, "intrinsic_dimension": dimension}
                | quality
                | dict(zip(TARGETS[SCAN], errors.tolist(), strict=True))
            )

        return self.bench.stage(f"latent {code} {latent} seed {seed}", decided_by, make)

    def latent_rows(self) -> list[tuple[str, int, int]]:
        """Arguments of all `latent_row`: every network of the sweep, and as many components."""
        swept = self.swept()
        first = min(seed for _, seed in swept)
        linear = [(COMPONENTS, latent, first) for latent in sorted({latent for latent, _ in swept})]
        return [(LATENT, latent, seed) for latent, seed in swept] + linear

    def counted(self) -> tuple[list[Row], list[Row], dict[str, float]]:
        """The plane from counted electrons: (errors by dose, honesty, errors of the emulator)."""
        table, seed = self.bench.settings["noise"], int(self.bench.settings["seed"])
        clean, noisy = self.part((PLANE, RANDOM)), self.noisy_part()
        known = self.off_plane.of(np.arange(min(int(table["images"]), len(self.off_plane))))
        components = int(self.bench.settings["readers"]["pca_components"])
        decided_by = {
            "noise": dict(table),
            "networks": [clean.training.output.name, noisy.training.output.name],
            "components": components,
            "starts": BANDS,
            "images": [images.key for images in (known, self.plane, self.fine, *self.shifted.values())],
            "seed": seed,
        }

        def reader(
            name: str, part: Part, normalise: Normalisation, code: str, counting: Counting | None
        ) -> NoisyReader:
            """Kernel ridge on a code, learned from clean training images or from each of them counted once."""
            train = part.train if counting is None else part.train.seen_through(counting, seed)
            encode: Encode = part.trained.encode if code == LATENT else Components.fit(train.amplitude, components)
            return NoisyReader(name, normalise, readers.fitted(Reader(code, BEST), train, PLANE, encode, seed))

        def make() -> Result:
            counting = noisy.training.counting
            guess = reader("autoencoder, trained noisy", noisy, "sum", LATENT, counting)
            asked = [
                reader("autoencoder, trained clean", clean, "maximum", LATENT, None),
                guess,
                reader("components, trained clean", noisy, "sum", COMPONENTS, None),
                reader("components, trained noisy", noisy, "sum", COMPONENTS, counting),
            ]
            emulated = noise.emulator(self.fine, int(table["components"]))
            electrons = [float(dose) for dose in table["electrons"]]
            tick = partial(self.bench.tick, "reading counted images")
            doses = noise.by_dose(known, asked, guess, emulated, electrons, seed, tick)
            doubt_ev = float(table["inner_potential_doubt_ev"])
            honesty = noise.honesty(known, self.shifted, guess, emulated, electrons, doubt_ev, seed)
            return {
                "doses": doses,
                "honesty": honesty,
                "emulator": emulated.errors | {"megabytes": emulated.nbytes / 1e6},
            }

        kept = self.bench.stage(f"counted electrons {self.preset}", decided_by, make)
        return list(kept["doses"]), list(kept["honesty"]), dict(kept["emulator"])

    # Pictures.

    def rebuilt(self, shown: int = 6) -> dict[str, Any]:
        """Figure 5: held-out images from low to high energy, dimers in turn, as network and components hold them."""
        part = self.part(TABLE_1)
        by_energy = np.argsort(part.test.energy_ev, kind="stable")
        picked = []
        for number, place in enumerate(np.linspace(0, len(by_energy) - 1, shown)):
            nearest = by_energy[np.argsort(np.abs(np.arange(len(by_energy)) - place), kind="stable")]
            picked.append(next((one for one in nearest if part.test.dimer[one] == number % 2), nearest[0]))
        images, trained = part.test.of(np.array(picked)), part.trained
        linear = Components.fit(part.train.amplitude, trained.recipe.latent)
        network = trained.decode(trained.encode(images.amplitude))[:, 0]
        return {"images": images, "network": network, "components": linear.reconstruct(images.amplitude)}

    def mapped(self) -> dict[str, Any]:
        """Figure 6: latent numbers of the scan's images, unrolled into three by Hessian locally linear embedding.

        method: `isomap` where the equations of that could not be solved.
        """
        table, training = self.bench.settings["map"], self.part(TABLE_1).training
        count = min(int(table["images"]), len(self.scan))
        chosen = np.sort(np.random.default_rng(self.bench.settings["seed"]).permutation(len(self.scan))[:count])
        decided_by = {"training": training.output.name, "images": self.scan.key, "map": dict(table), "method": "told"}

        def make() -> Result:
            latents = training.run().encode(self.scan.amplitude[chosen])
            found = latent_map(latents, neighbours=int(table["neighbours"]))
            return {"places": found.coordinates.astype(np.float32), "method": found.method}

        kept = self.bench.stage(f"latent map {self.preset}", decided_by, make)
        return {"places": kept["places"], "method": kept["method"], "images": self.scan.of(chosen)}

    def _further_tests(self, kind: str) -> Iterator[tuple[str, Images]]:
        if kind == SCAN:
            yield f"{SCAN} {OFF_GRID}", dataset(self.bench, f"off_{SCAN}", self.preset)
            return
        yield f"{PLANE} {OFF_GRID}", self.off_plane
        for name, images in self.shifted.items():
            yield f"{PLANE} {name}", images
