"""Library of master patterns: a folder with one small file per crystal, holding only the asymmetric sector.

The package ships the reference library of its named crystals. Others (another physics, other crystals) are built by the
same function, file by file, so that an interrupted build goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import resources
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zoneaxis.errors import InputError
from zoneaxis.scattering.bloch import BeamRule
from zoneaxis.techniques.ebsd.master import SPECTRUM_EDGES, SectorMaster, simulate_sector

SHIPPED = "ebsd-masters-20kv"


@dataclass(frozen=True)
class Physics:
    """The physics of a library; what differs from the defaults is a deliberate perturbation.

    Attributes:
        accelerating_voltage_kv: incident energy [kV].
        half_size: N of the Lambert squares.
        bethe_strong_cutoff, bethe_weak_cutoff, candidate_cutoff, max_strong, weak_beams_radiate: see `BeamRule`.
        lattice_scale: factor on the lattice parameters.
        b_scale: factor on all Debye-Waller factors.
        escape_scale: factor on the escape lengths of the Monte Carlo.
        energy_shift_kev: added to all energies of the spectrum.
    """

    accelerating_voltage_kv: float = 20.0
    half_size: int = 140
    bethe_strong_cutoff: float = 6.0
    bethe_weak_cutoff: float = 24.0
    candidate_cutoff: float = 150.0
    max_strong: int = 88
    weak_beams_radiate: bool = True
    lattice_scale: float = 1.0
    b_scale: float = 1.0
    escape_scale: float = 1.0
    energy_shift_kev: float = 0.0

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Physics:
        """Physics from a recipe's table.

        Raises:
            InputError: an unknown name.
        """
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            raise InputError(f"physics: unknown {', '.join(unknown)}; known are {', '.join(cls.__dataclass_fields__)}")
        return cls(**values)


def build_master(crystal: str, physics: Physics, convergence_samples: int = 64, seed: int = 0) -> SectorMaster:
    """Simulate one crystal (name or CIF file) over the energy spectrum; every layer is divided by its mean.

    The energy weights and escape lengths are the Monte Carlo's, before the perturbation's factors.
    """
    from zoneaxis.crystals import load
    from zoneaxis.scattering.depth import escape_distribution, target

    structure = load(crystal)
    voltage = physics.accelerating_voltage_kv
    edges = tuple(fraction * voltage for fraction in SPECTRUM_EDGES)
    escaped = escape_distribution(target(structure), voltage, edges, seed=seed)
    middle = [0.5 * (high + low) for high, low in zip(edges[:-1], edges[1:], strict=True)]
    perturbed = structure.copy()
    perturbed.scale_lattice(structure.volume * physics.lattice_scale**3)
    perturbed.add_site_property("b_iso", [physics.b_scale * b for b in structure.site_properties["b_iso"]])
    master = simulate_sector(
        perturbed,
        accelerating_voltage_kv=voltage,
        half_size=physics.half_size,
        energies=[min(voltage, energy + physics.energy_shift_kev) for energy in middle],
        escape_length_nm=[physics.escape_scale * float(tau) for tau in escaped.mean_distance_nm],
        beams=BeamRule(
            physics.bethe_strong_cutoff,
            physics.bethe_weak_cutoff,
            physics.candidate_cutoff,
            max_strong=physics.max_strong,
            weak_beams_radiate=physics.weak_beams_radiate,
        ),
        convergence_samples=convergence_samples,
        seed=seed,
    )
    return SectorMaster(
        crystal=Path(crystal).stem,
        space_group=master.space_group,
        energy_kev=master.energy_kev,
        weight=escaped.weights,
        values=master.values / master.values.mean(-1, keepdim=True),
        point_group=master.point_group,
        half_size=master.half_size,
        attributes=master.attributes,
    )


def build_library(
    crystals: Sequence[str],
    folder: str | Path,
    physics: Physics,
    *,
    workers: int = 1,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Build what is missing of a library; files already there are kept, so it can be interrupted and resumed.

    Args:
        crystals: names of the crystal library, or CIF files.
        folder: the library's folder.
        physics: the same for all of its crystals.
        workers: processes, each with one thread.
        seed: of the Monte Carlo.
        progress: called with (crystals done, crystals in all).

    Raises:
        InputError: the folder holds a library of another physics.
    """
    folder = Path(folder)
    card_file = folder / "card.json"
    card = {"physics": asdict(physics), "seed": seed}
    if card_file.is_file():
        found = json.loads(card_file.read_text())
        if found.get("physics") != card["physics"] or found.get("seed") != seed:
            raise InputError(f"{folder}: holds a library of another physics; choose another folder")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        card_file.write_text(json.dumps(card, indent=1) + "\n")
    missing = [name for name in crystals if not (folder / f"{Path(name).stem}.safetensors").is_file()]
    done = len(crystals) - len(missing)
    if progress is not None:
        progress(done, len(crystals))
    jobs = [(name, folder, physics, seed) for name in missing]
    with _pool(min(workers, len(jobs))) as finished:
        for number, _ in enumerate(finished(_build_file, jobs), start=done + 1):
            if progress is not None:
                progress(number, len(crystals))
    return folder


@contextmanager
def _pool(workers: int) -> Iterator[Callable[..., Iterable[None]]]:
    """A `map` over so many processes, or over this one; on an error or an interruption what waits is dropped."""
    if workers <= 1:
        yield map
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread)
    try:
        yield pool.map
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_thread() -> None:
    torch.set_num_threads(1)


def _build_file(job: tuple[str, Path, Physics, int]) -> None:
    name, folder, physics, seed = job
    save_master(build_master(name, physics, seed=seed), folder / f"{Path(name).stem}.safetensors")


def save_master(master: SectorMaster, path: str | Path) -> None:
    """Write one crystal's sector (float16, a few tens of kB); appears whole or not at all."""
    from safetensors.numpy import save_file

    path = Path(path)
    tensors: dict[str, np.ndarray] = {
        "values": master.values.numpy().astype(np.float16),
        "energy_kev": np.asarray(master.energy_kev, np.float32),
        "weight": np.asarray(master.weight, np.float32),
        "point_group": np.asarray(master.point_group, np.float32),
    }
    described = {
        "crystal": master.crystal,
        "space_group": str(master.space_group),
        "half_size": str(master.half_size),
        "attributes": json.dumps(master.attributes),
    }
    described["sha256"] = _fingerprint(tensors, described)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    save_file(tensors, str(unfinished), metadata=described)
    unfinished.replace(path)


def load_master(path: str | Path) -> SectorMaster:
    """Read one crystal of a library.

    Raises:
        InputError: the file is missing, truncated, altered or not of this kind.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "np") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            described = file.metadata()
        expected = described.pop("sha256", None)
        if expected is not None and expected != _fingerprint(tensors, described):
            raise InputError(f"{path}: altered, its content is not what its SHA-256 says")
        return SectorMaster(
            crystal=described["crystal"],
            space_group=int(described["space_group"]),
            energy_kev=tensors["energy_kev"].astype(float),
            weight=tensors["weight"].astype(float),
            values=torch.from_numpy(tensors["values"].astype(np.float32)),
            point_group=tensors["point_group"].astype(float),
            half_size=int(described["half_size"]),
            attributes=json.loads(described["attributes"]),
        )
    except InputError:
        raise
    except (AttributeError, OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a readable master pattern file ({type(error).__name__})") from None


def _fingerprint(tensors: Mapping[str, np.ndarray], described: Mapping[str, str]) -> str:
    """SHA-256 over everything that a file says, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].shape} {tensors[name].dtype}".encode())
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    for name in sorted(described):
        digest.update(f"{name} {described[name]}".encode())
    return digest.hexdigest()


def shipped_folder() -> Path:
    """Folder of the library that comes with the package."""
    return Path(str(resources.files("zoneaxis") / "models" / SHIPPED))


def open_library(folder: str | Path | None = None) -> dict[str, SectorMaster]:
    """All crystals of a library by name, in the order of their names; None: the one shipped with the package.

    Raises:
        InputError: no such folder, or nothing in it.
    """
    place = shipped_folder() if folder is None else Path(folder)
    files = sorted(place.glob("*.safetensors"))
    if not files:
        raise InputError(f"{place}: no master pattern library here (expected *.safetensors files)")
    masters = [load_master(file) for file in files]
    return {master.crystal: master for master in masters}
