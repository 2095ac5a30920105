"""How often crystals outside the library are called unknown, beside the false alarms on known ones.

Simulates crystals from CIF files of other Laue groups (hexagonal, trigonal, tetragonal, orthorhombic), degrades their
patterns like known ones, and reads both. The masters go to the user's cache and are made once (about ten minutes).
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from platformdirs import user_cache_dir

from zoneaxis.instrument.noise import Degradation
from zoneaxis.reading.identify import Reader
from zoneaxis.recipes.judgement import joined, witness
from zoneaxis.techniques.ebsd.experiment import EBSDExperiment
from zoneaxis.techniques.ebsd.library import Physics, build_library, open_library

STRANGERS = (
    "Mg",
    "Ti",
    "Zn",
    "Co",
    "Zr",
    "Bi",
    "Sn-beta",
    "vo2-rutile",
    "cod_9017338",
    "cod_9007661",
    "U",
    "cod_1010930",
)
PHYSICS = Physics(half_size=90, max_strong=64, bethe_strong_cutoff=5.0, bethe_weak_cutoff=16.0, candidate_cutoff=80.0)
SHARED_CIF = Path(__file__).resolve().parents[2] / "shared" / "data" / "cif"


def main() -> None:
    """Print the rate of `unknown` for every stranger, for all, and for known crystals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cif-folder", type=Path, default=SHARED_CIF)
    parser.add_argument("--model", default=None)
    parser.add_argument("--patterns", type=int, default=60, help="per stranger")
    parser.add_argument("--degradation", choices=("mild", "harsh"), default="mild")
    parser.add_argument("--only-build", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    if not chosen.cif_folder.is_dir():
        print(f"{chosen.cif_folder}: no CIF files here, nothing measured; name a folder with --cif-folder")
        return
    folder = Path(user_cache_dir("zoneaxis")) / "ebsd-masters" / "strangers"
    files = [str(chosen.cif_folder / f"{name}.cif") for name in STRANGERS]
    build_library(files, folder, PHYSICS, progress=lambda done, total: print(f"masters: {done} of {total}", flush=True))
    if chosen.only_build:
        return
    reader = Reader.open(chosen.model)
    degradation = {"mild": Degradation.mild(), "harsh": Degradation.harsh()}[chosen.degradation]
    masters = open_library(folder)
    flagged_all = []
    print(f"{'crystal':24s} {'group':>5s} {'unknown':>8s} {'best NCC':>9s}")
    for name, master in masters.items():
        experiment = EBSDExperiment((name,), (str(folder),), degradations=(degradation,))
        testimony = joined([strange(reader, experiment, chosen.patterns // 2, seed) for seed in (1, 2)])
        flagged = reader.judge.judge(testimony).unknown.double()
        flagged_all.append(flagged)
        print(
            f"{name:24s} {master.space_group:5d} {flagged.mean():8.2f} {testimony.ncc.amax(-1).mean():9.3f}", flush=True
        )
    known = EBSDExperiment(tuple(reader.masters), degradations=(degradation,))
    testimony = joined([strange(reader, known, 120, seed) for seed in (11, 12, 13)])
    alarms = reader.judge.judge(testimony).unknown.double().mean()
    rate = torch.cat(flagged_all).mean()
    print(f"all strangers, {chosen.degradation}: unknown {rate:.3f} (aim 0.80); false alarms {alarms:.3f} (aim 0.05)")


def strange(reader: Reader, experiment: EBSDExperiment, patterns: int, seed: int):
    """Testimony on patterns whose truth the reader may not know."""
    return witness(reader, replace(experiment), patterns, seed)[0]


if __name__ == "__main__":
    main()
