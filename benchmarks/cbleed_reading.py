"""The shipped CBLEED reader: milliseconds from an image in memory to numbers, and files a second of `watch`.

    python benchmarks/cbleed_reading.py [files, default 1000]

Images are simulated ones at energies and displacements between the nodes of the grid, as 16-bit PNG of 128 x 128 px
with 100,000 electrons each. One thread; medians over single images, one after another.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from zoneaxis.crystals.slab import si001_2x1
from zoneaxis.instrument.counting import CountingCamera
from zoneaxis.reading.model import model_folder
from zoneaxis.reading.value_model import open_model
from zoneaxis.reading.value_reader import ValueReader
from zoneaxis.reading.watch import watch
from zoneaxis.techniques.cbleed.experiment import CBLEEDExperiment
from zoneaxis.techniques.cbleed.layout import DiscLayout

DIFFERENT, ELECTRONS = 40, 1e5
ASKED_MS, ASKED_FILES = 5.0, 100.0


def images() -> np.ndarray:
    """(40, 128, 128) 16-bit grey values."""
    draw = np.random.default_rng(0)
    experiment = CBLEEDExperiment(DiscLayout.for_slab(si001_2x1(), grid=7))
    made = []
    for energy in draw.uniform(30, 100, DIFFERENT // 8):
        slabs = [si001_2x1(dimer, *draw.uniform(-0.2, 0.2, 2)) for dimer in ("symmetric", "buckled") for _ in range(4)]
        made.append(experiment.images(slabs, float(energy)))
    camera = CountingCamera(electrons=(ELECTRONS, ELECTRONS), white_level=(0.8, 0.8))
    generator = torch.Generator().manual_seed(0)
    clean = torch.cat(made)
    return camera.apply(clean, camera.draw(len(clean), generator), generator).numpy().astype(np.uint16)


def main() -> None:
    """Print times and rates beside what was asked."""
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    torch.set_num_threads(1)
    pixels = images()
    begun = time.perf_counter()
    reader = ValueReader(open_model(model_folder(None, "cbleed")))
    print(f"model {reader.model.name}: opened in {1e3 * (time.perf_counter() - begun):.0f} ms")
    for refine in (False, True):
        taken = []
        for round_ in range(5):
            for place, image in enumerate(pixels):
                begun = time.perf_counter()
                reader.read(["x"], [place], image[None].astype(np.float32), refine=refine)
                taken.append(1e3 * (time.perf_counter() - begun))
                if round_ == 0:
                    taken.pop()  # warming up
        what = "refined" if refine else "network alone"
        print(
            f"one image in memory to numbers, {what}: median {np.median(taken):.2f} ms, 95 % "
            f"{np.quantile(taken, 0.95):.2f} ms (asked: median {ASKED_MS:g} ms)"
        )
    for refine in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            for number in range(files):
                Image.fromarray(pixels[number % len(pixels)]).save(Path(folder) / f"{number:05d}.png")
            begun = time.perf_counter()
            readings = [one for arrival in watch(folder, refine=refine, once=True) for one in arrival.readings]
            rate = len(readings) / (time.perf_counter() - begun)
        what = "refined" if refine else "network alone"
        unknown = np.mean([one.unknown for one in readings])
        print(
            f"watch, {files} PNG files, {what}: {rate:.0f} files/s, opening the model included (asked: "
            f"{ASKED_FILES:g}); {unknown:.2f} called unknown"
        )
    command = [sys.executable, "-X", "importtime", "-c", "import zoneaxis.reading.watch, zoneaxis.reading.value_model"]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    torch_there = any(line.split("|")[-1].strip() == "torch" for line in loaded.splitlines())
    print(f"torch is {'' if torch_there else 'not '}imported by what watch needs")


if __name__ == "__main__":
    main()
