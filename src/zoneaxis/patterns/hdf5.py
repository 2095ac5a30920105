"""HDF5 files: patterns of kikuchipy, EMsoft and others, and EMsoft's master patterns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from zoneaxis.errors import InputError
from zoneaxis.instrument.tilted_detector import TiltedDetector, check_pattern_centre
from zoneaxis.patterns import schema

if TYPE_CHECKING:
    import h5py

ENDINGS = (".h5", ".hdf5", ".hdf", ".h5ebsd", ".h5oina")
EMSOFT_PATTERNS = "EMData/EBSD/EBSDPatterns"
EMSOFT_MASTER = "EMData/EBSDmaster"
# Where the h5ebsd family (kikuchipy, EDAX, Bruker, Oxford) keeps patterns, below the name of the scan.
H5EBSD = "EBSD/Data/"


def read(path: Path, dataset: str | None = None) -> xr.Dataset:
    """Patterns of an HDF5 file as a pattern set; `dataset` names the scan or the data set when there are several.

    kikuchipy: static background, orientation (`phi1_rad`, `Phi_rad`, `phi2_rad`, Bunge) and pattern centre
    (`pattern_centre_x`, `_y`, `_z`, Bruker) when stated and possible. EMsoft: the same from its name list. Any other
    file: intensities only. Raises InputError as `readers.read` does.
    """
    with _open(path) as file:
        if EMSOFT_MASTER in file and not _candidates(file):
            raise InputError(f"{path}: an EMsoft master pattern, not detector patterns; read it with read_master")
        name = _choose(file, path, dataset)
        try:
            if name == EMSOFT_PATTERNS:
                found = _read_emsoft(file, path)
            elif name.endswith(H5EBSD + "patterns"):
                found = _read_kikuchipy(file, name, path)
            else:
                found = schema.pattern_set(
                    _images(file[name]),
                    technique="unknown",
                    provenance=f"read from {path.name}, {name}",
                    where=str(path),
                )
        except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path}: {name} is damaged or not laid out as its format says ({error})") from error
    return found


def read_master(path: str | Path) -> xr.Dataset:
    """EMsoft's master pattern: `intensity` (beam_energy_ev, hemisphere, row, col), site sets summed, and `weight`.

    Modified Lambert map: hemisphere north (v_z >= 0) then south, row = y and col = x, both from -1 to 1. `weight`
    (beam_energy_ev) is the share of back-scattered electrons in each energy bin of its Monte Carlo run; it sums to 1.
    Attributes: crystal, space_group, accelerating_voltage_kv, technique, provenance.
    Raises InputError when the file is missing, damaged or holds no EMsoft master pattern.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file")
    with _open(path) as file:
        if EMSOFT_MASTER not in file:
            raise InputError(f"{path}: no EMsoft master pattern (group {EMSOFT_MASTER} is missing)")
        try:
            group = file[EMSOFT_MASTER]
            hemispheres = [group[name][()].astype(np.float32).sum(axis=0) for name in ("mLPNH", "mLPSH")]
            intensity = np.stack(hemispheres, axis=1)
            energy_ev = group["EkeVs"][()].astype(np.float64) * 1000
            crystal = Path(_text(group["xtalname"])).stem if "xtalname" in group else path.stem
            space_group = int(file["CrystalData/SpaceGroupNumber"][0])
            voltage_kv = float(file["NMLparameters/MCCLNameList/EkeV"][0])
            counts = file["EMData/MCOpenCL/accum_e"][()].sum(axis=(0, 1), dtype=np.float64)
        except (OSError, KeyError, ValueError, IndexError) as error:
            raise InputError(f"{path}: the EMsoft master pattern is damaged or incomplete ({error})") from error
    if counts.shape != energy_ev.shape or counts.sum() <= 0:
        raise InputError(f"{path}: {counts.size} Monte Carlo energies do not fit {energy_ev.size} master energies")
    return xr.Dataset(
        {
            "intensity": (("beam_energy_ev", "hemisphere", "row", "col"), intensity),
            "weight": ("beam_energy_ev", counts / counts.sum()),
        },
        {"beam_energy_ev": energy_ev, "hemisphere": ["north", "south"]},
        {
            "crystal": crystal,
            "space_group": space_group,
            "accelerating_voltage_kv": voltage_kv,
            "technique": "ebsd",
            "provenance": f"read from {path.name}",
        },
    )


def _open(path: Path) -> h5py.File:
    import h5py

    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: no HDF5 file, or cut off ({str(error).splitlines()[0]})") from error


def _candidates(file: h5py.File) -> list[str]:
    """Paths of the data sets that can be patterns: those at a known place, or else everything like images."""
    import h5py

    images: list[str] = []

    def visit(name: str, item: Any) -> None:
        if (
            isinstance(item, h5py.Dataset)
            and item.ndim in (2, 3, 4)
            and item.dtype.kind in "uif"
            and min(item.shape[-2:]) >= 4
        ):
            images.append(name)

    file.visititems(visit)
    known = [name for name in images if name == EMSOFT_PATTERNS or (H5EBSD in name and file[name].ndim >= 3)]
    others = [name for name in images if not name.startswith(("EMData/", "NMLparameters/"))]
    stacks = [name for name in others if file[name].ndim >= 3]
    return known or stacks or others


def _choose(file: h5py.File, path: Path, dataset: str | None) -> str:
    """The one data set to read."""
    names = _candidates(file)
    if dataset is not None:
        chosen = dataset.strip("/")
        fitting = [name for name in names if name == chosen or name.startswith(chosen + "/")]
        if not fitting and chosen in file and hasattr(file[chosen], "shape"):
            fitting = [chosen]
        if not fitting:
            raise InputError(f"{path}: no patterns at {dataset!r}; there are {', '.join(names) or 'none'}")
        names = fitting
    if not names:
        raise InputError(f"{path}: holds no data set of images")
    if len(names) > 1:
        listed = ", ".join(names)
        raise InputError(f"{path}: holds several data sets: {listed}; choose one with dataset= or --dataset")
    return names[0]


def _images(data: h5py.Dataset) -> np.ndarray:
    values = np.asarray(data[()])
    return values[None] if values.ndim == 2 else values


def _read_kikuchipy(file: h5py.File, name: str, path: Path) -> xr.Dataset:
    scan = file[name.removesuffix(H5EBSD + "patterns").rstrip("/") or "/"]
    intensity = _images(file[name])
    count = intensity.shape[:-2]
    header = scan["EBSD/Header"]
    labels: dict[str, np.ndarray] = {}
    angles = scan.get("EBSD/CrystalMap/crystal_map/data")
    if angles is not None:
        labels |= {f"{angle}_rad": angles[angle][()] for angle in ("phi1", "Phi", "phi2") if angle in angles}
    labels |= _pattern_centres(header)
    labels = {key: values.reshape(count) for key, values in labels.items() if values.size == np.prod(count)}
    background = header["static_background"][()] if "static_background" in header else np.empty(0)
    attributes = {
        "beam_energy_ev": _stated(scan, "SEM/Header/beam_energy", 1000),
        "sample_tilt_deg": _stated(scan, "EBSD/Header/sample_tilt"),
        "camera_elevation_deg": _stated(scan, "EBSD/Header/elevation_angle", least=-90),
        "azimuth_deg": _stated(scan, "EBSD/Header/azimuth_angle", least=-90),
    }
    return schema.pattern_set(
        intensity,
        labels,
        technique="ebsd",
        provenance=f"read from {path.name}, {name}",
        where=str(path),
        static_background=background if background.shape == intensity.shape[-2:] else None,
        **{key: value for key, value in attributes.items() if value is not None},
    )


def _pattern_centres(header: h5py.Group) -> dict[str, np.ndarray]:
    """Pattern centres in Bruker's convention, or nothing when one of them cannot be true (unfilled headers hold -1)."""
    if not all(name in header for name in ("pcx", "pcy", "pcz")):
        return {}
    centres = np.stack([np.ravel(header[name][()]).astype(np.float64) for name in ("pcx", "pcy", "pcz")], axis=-1)
    try:
        for centre in centres:
            check_pattern_centre(tuple(centre.tolist()))
    except InputError:
        return {}
    return {f"pattern_centre_{axis}": centres[:, index] for index, axis in enumerate("xyz")}


def _stated(scan: h5py.Group, name: str, factor: float = 1, least: float = 0) -> float | None:
    """A number of the header, or None when it is missing or below what it can be."""
    if name not in scan:
        return None
    value = float(np.ravel(scan[name][()])[0])
    return value * factor if np.isfinite(value) and value >= least else None


def _read_emsoft(file: h5py.File, path: Path) -> xr.Dataset:
    settings = file["NMLparameters/EBSDNameList"]
    intensity = _images(file[EMSOFT_PATTERNS])
    angles = file["EMData/EBSD/EulerAngles"][()]
    labels: dict[str, Any] = {}
    # Angles in Oxford's sample frame (`hkl`) would need a turn by 90 degrees: only EDAX's (`tsl`), our own, are taken.
    if _text(settings["eulerconvention"]) == "tsl" and angles.shape == (len(intensity), 3):
        labels |= {f"{name}_rad": angles[:, index] for index, name in enumerate(("phi1", "Phi", "phi2"))}
    number = {name: float(settings[name][0]) for name in ("xpc", "ypc", "L", "delta", "thetac", "binning", "energymax")}
    version = 4 if _text(file["EMheader/EBSD/Version"]).startswith(("3", "4")) else 5
    rows, cols = intensity.shape[-2:]
    try:
        detector = TiltedDetector.from_emsoft(
            (rows, cols), number["xpc"], number["ypc"], number["L"], number["delta"], int(number["binning"]), version
        )
        labels |= {f"pattern_centre_{axis}": value for axis, value in zip("xyz", detector.pattern_centre, strict=True)}
    except (InputError, ZeroDivisionError):
        pass  # the name list cannot be true for patterns of this size (cut by hand): they are read without it
    return schema.pattern_set(
        intensity,
        labels,
        technique="ebsd",
        provenance=f"read from {path.name}, {EMSOFT_PATTERNS}",
        where=str(path),
        beam_energy_ev=number["energymax"] * 1000,
        camera_elevation_deg=number["thetac"],
    )


def _text(data: h5py.Dataset) -> str:
    value = np.ravel(data[()])[0]
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()
