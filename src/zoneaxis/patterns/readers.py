"""Readers: any image or scan file in, a checked pattern set out."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from zoneaxis.errors import InputError
from zoneaxis.patterns import hdf5, schema, store
from zoneaxis.patterns.hdf5 import read_master

__all__ = ["IMAGE_ENDINGS", "kikuchipy_sample", "read", "read_master"]

TIFF_ENDINGS = (".tif", ".tiff")
IMAGE_ENDINGS = (*TIFF_ENDINGS, ".png", ".bmp", ".jpg", ".jpeg")
# Readers of RosettaSciIO that unpickle what a file holds: a file must not be able to run code.
UNSAFE_READERS = ("PantaRhei",)


def read(path: str | Path, dataset: str | None = None) -> xr.Dataset:
    """Read diffraction patterns from a file or a folder of images.

    Understood: .npz and .zarr of our own; HDF5 of kikuchipy, EMsoft (detector patterns), and any other with one data
    set of images; TIFF (also multi-page), PNG, BMP, JPEG, 8 or 16 bit, grey; .npy; everything RosettaSciIO reads
    (Blockfile, MIB, DM4, EMD, ...). A folder of images is a list of patterns in the order of their names, label `file`.
    Arguments: dataset: which of several data sets in an HDF5 file, e.g. `Scan 1`, or its full path inside the file.
    Values are not scaled; labels that the file states (orientation, pattern centre) come as coordinates, values that
    cannot be true (a header of -1) are left out.
    Raises InputError for a file that is missing, empty, truncated, no image, in colour, with NaN or fewer than 16 px,
    or with several data sets and none chosen.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    ending = path.suffix.lower()
    if dataset is not None and ending not in hdf5.ENDINGS:
        raise InputError(f"{path}: dataset={dataset!r} can be chosen in HDF5 files only ({', '.join(hdf5.ENDINGS)})")
    if ending in (".zarr", ".npz"):
        return store.load(path)
    if path.is_dir():
        return _read_folder(path)
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty")
    if ending in hdf5.ENDINGS:
        return hdf5.read(path, dataset)
    if ending in TIFF_ENDINGS:
        return _read_tiff(path)
    if ending in IMAGE_ENDINGS:
        return _pattern_list(_read_picture(path), path)
    if ending == ".npy":
        return _pattern_list(_attempt(path, "a NumPy array", lambda: np.load(path, allow_pickle=False)), path)
    return _read_scan(path, ending)


def kikuchipy_sample() -> Path:
    """The nine measured nickel patterns that the kikuchipy package brings (read them with dataset="Scan 1").

    kikuchipy is looked up, not imported, which would take 20 s. Data: H. W. Ånes et al., doi 10.5281/zenodo.3265037,
    CC BY 4.0.
    Raises InputError when the package is not installed.
    """
    package = importlib.util.find_spec("kikuchipy")
    for folder in (package.submodule_search_locations or []) if package else []:
        path = Path(folder) / "data" / "kikuchipy_h5ebsd" / "patterns.h5"
        if path.exists():
            return path
    raise InputError(
        'the measured nickel patterns come with kikuchipy, which is not installed: pip install "kikuchipy>=0.11"'
    )


def _pattern_list(
    intensity: np.ndarray, path: Path, labels: dict[str, Any] | None = None, **attributes: Any
) -> xr.Dataset:
    """A pattern set from one image (row, col) or several."""
    if intensity.ndim == 2:
        intensity = intensity[None]
    if intensity.ndim not in (3, 4):
        raise InputError(f"{path}: shape {intensity.shape} is neither an image, a list of images nor a map of images")
    if intensity.dtype == bool:
        intensity = intensity.astype(np.uint8)
    if not intensity.dtype.isnative:
        intensity = intensity.astype(intensity.dtype.newbyteorder("="))
    return schema.pattern_set(
        intensity,
        labels,
        technique=attributes.pop("technique", "unknown"),
        provenance=attributes.pop("provenance", f"read from {path.name}"),
        where=str(path),
        **attributes,
    )


def _read_folder(folder: Path) -> xr.Dataset:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGE_ENDINGS)
    if not files:
        raise InputError(f"{folder}: no image in this folder; endings read are {', '.join(IMAGE_ENDINGS)}")
    sets = [read(file)["intensity"].values for file in files]
    for file, images in zip(files, sets, strict=True):
        if images.shape[-2:] != sets[0].shape[-2:] or images.dtype != sets[0].dtype:
            raise InputError(
                f"{file}: {images.shape[-2]} x {images.shape[-1]} px {images.dtype}, but {files[0].name} has "
                f"{sets[0].shape[-2]} x {sets[0].shape[-1]} px {sets[0].dtype}; images of a folder must be alike"
            )
    names = [file.name for file, images in zip(files, sets, strict=True) for _ in images]
    return _pattern_list(np.concatenate(sets), folder, {"file": names})


def _read_tiff(path: Path) -> xr.Dataset:
    import tifffile

    def pages() -> tuple[np.ndarray, str, int]:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            for other in file.pages:
                ends = [offset + count for offset, count in zip(other.dataoffsets, other.databytecounts, strict=True)]
                if max(ends) > file.filehandle.size:
                    raise ValueError("the image data end before they should")
            return file.asarray(), page.description, page.samplesperpixel

    pixels, description, samples = _attempt(path, "a TIFF image", pages)
    if samples > 1:
        pixels = _grey(pixels, path)
    try:
        own = json.loads(description)
        labels, attributes = own["labels"], own["attributes"]
    except (ValueError, KeyError, TypeError):
        labels, attributes = {}, {}
    return _pattern_list(pixels, path, labels, **attributes)


def _read_picture(path: Path) -> np.ndarray:
    from PIL import Image

    def pixels() -> np.ndarray:
        with Image.open(path) as image:
            image.load()
            return np.asarray(
                image
                if image.mode not in ("1", "P", "PA", "CMYK")
                else image.convert("L" if image.mode == "1" else "RGB")
            )

    values = _attempt(path, "an image", pixels)
    return _grey(values, path) if values.ndim == 3 else values


def _grey(pixels: np.ndarray, path: Path) -> np.ndarray:
    """One grey channel from (..., channels), when the colours are equal and nothing is transparent."""
    channels = pixels.shape[-1]
    colours = pixels[..., : channels if channels in (1, 3) else channels - 1]
    if channels not in (1, 2, 3, 4) or (colours != colours[..., :1]).any():
        raise InputError(f"{path}: a colour image; diffraction patterns are grey, so convert it to grey first")
    return colours[..., 0]


def _read_scan(path: Path, ending: str) -> xr.Dataset:
    """Everything else, through RosettaSciIO: the signals of the file with images in their last two axes."""
    import rsciio

    fitting = [plugin for plugin in rsciio.IO_PLUGINS if ending[1:] in map(str.lower, plugin["file_extensions"])]
    fitting = [plugin for plugin in fitting if plugin["name"] not in UNSAFE_READERS]
    if not ending or not fitting:
        raise InputError(
            f"{path}: no reader for {ending or 'a file without ending'!r}; "
            "known are images, HDF5 and the formats of RosettaSciIO"
        )
    failures: list[InputError] = []
    for plugin in fitting:
        try:
            signals = _attempt(path, plugin["name"], partial(_signals, plugin["api"], path))
        except InputError as failure:
            failures.append(failure)
            continue
        images = [np.asarray(signal["data"]) for signal in signals if np.ndim(signal["data"]) in (2, 3, 4)]
        if len(images) > 1:
            shapes = ", ".join(str(image.shape) for image in images)
            raise InputError(
                f"{path}: holds {len(images)} data sets ({shapes}); export the one to be read to its own file"
            )
        if images:
            return _pattern_list(images[0], path)
    raise failures[0] if failures else InputError(f"{path}: no image in this file")


def _signals(module: str, path: Path) -> list[dict[str, Any]]:
    return importlib.import_module(module).file_reader(str(path))


def _attempt(path: Path, kind: str, reading: Callable[[], Any]) -> Any:
    """Run a foreign reader; whatever goes wrong inside it is the file's fault and is told in one line."""
    try:
        return reading()
    except InputError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: cannot be read as {kind} ({reason}); is it complete and of that format?") from error
