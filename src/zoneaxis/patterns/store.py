"""The store: pattern sets on disk, in the format that the file's ending names.

.zarr  sharded Zarr v3 for large sets: chunks of 64 patterns, shards of 4096, LZ4 with bit shuffle
.npz   one NumPy archive: `intensity`, coordinates and attributes under their own names
.tif   one page per pattern, labels and attributes as JSON in the description
.png   one pattern, or all of them as a mosaic, 8 bit, for looking at

What is written appears whole or not at all: it is written beside its place and then renamed.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from zoneaxis.errors import InputError
from zoneaxis.patterns import schema

CHUNK = 64
SHARD = 4096
# Larger patterns get smaller shards: a shard is held in memory while it is written.
SHARD_BYTES = 2**28
# Key of an .npz file that says along which dimensions each array runs; arrays not named there are attributes.
DIMENSIONS = "_dimensions"
ENDINGS = (".zarr", ".npz", ".tif", ".tiff", ".png")


def save(dataset: xr.Dataset, path: str | Path, overwrite: bool = False) -> Path:
    """Write a pattern set to `path`, in the format of its ending, and return the path.

    Raises InputError when the set fails `schema.check`, the ending is unknown, the folder does not exist, or there is
    something at `path` already and `overwrite` is off.
    """
    path = Path(path)
    schema.check(dataset)
    ending = refuse(path, ENDINGS, overwrite)
    writers: dict[str, Callable[[xr.Dataset, Path], None]] = {
        ".zarr": lambda data, place: write_zarr([data], place),
        ".npz": _write_npz,
        ".tif": _write_tiff,
        ".tiff": _write_tiff,
        ".png": _write_png,
    }
    with appearing_whole(path, overwrite) as place:
        writers[ending](dataset, place)
    return path


def load(path: str | Path) -> xr.Dataset:
    """Read a pattern set from a .zarr (lazily) or .npz of our own; `readers.read` also reads other formats.

    Raises InputError when the file is missing, damaged, of another kind, or fails `schema.check`.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    ending = path.suffix.lower()
    if ending not in (".zarr", ".npz"):
        raise InputError(f"{path}: a stored pattern set ends in .zarr or .npz, not {ending or 'nothing'!r}")
    dataset = _read_zarr(path) if ending == ".zarr" else _read_npz(path)
    schema.check(dataset, where=str(path))
    return dataset


def refuse(path: Path, endings: Iterable[str], overwrite: bool = False) -> str:
    """The ending of a path that may be written to; InputError when it is unknown or something would be lost."""
    ending = path.suffix.lower()
    if ending not in endings:
        raise InputError(f"{path}: unknown ending {ending!r}; known are {', '.join(endings)}")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: folder {path.absolute().parent} does not exist")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists already and is not overwritten; choose another name or remove it")
    return ending


@contextmanager
def appearing_whole(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Give a place beside `path` to write to; rename it to `path` at the end, or remove it after an error."""
    place = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    _remove(place)
    try:
        yield place
        if path.exists() and not overwrite:
            raise InputError(f"{path}: exists already and is not overwritten; choose another name or remove it")
        if path.is_dir():
            old = path.with_name(f".{path.stem}.{os.getpid()}.old{path.suffix}")
            path.rename(old)
            place.rename(path)
            _remove(old)
        else:
            place.replace(path)
    finally:
        _remove(place)


def write_zarr(parts: Iterable[xr.Dataset], place: Path) -> None:
    """Write pattern sets one after the other into one new sharded Zarr v3 store, holding one part in memory.

    Attributes are those of the first part.
    """
    attributes: dict[Any, Any] = {}
    for number, part in enumerate(parts):
        part = part.drop_encoding()
        attributes = attributes or part.attrs
        strings = {
            name: variable.astype(np.dtypes.StringDType())
            for name, variable in part.coords.items()
            if variable.dtype.kind in "UO"
        }
        part = part.assign_coords(strings)
        if number == 0:
            part.to_zarr(
                place,
                mode="w-",
                zarr_format=3,
                consolidated=False,
                encoding={name: _encoding(array) for name, array in part.data_vars.items() if array.ndim > 2},
            )
        else:
            # Variables without the pattern axis (a static background) are the same in every part and already there.
            growing = part.drop_vars(
                [name for name, variable in part.variables.items() if "pattern" not in variable.dims]
            )
            growing = growing.assign_attrs(attributes)
            growing.to_zarr(place, append_dim="pattern", zarr_format=3, consolidated=False, safe_chunks=False)


def _encoding(intensity: xr.DataArray) -> dict[str, Any]:
    from zarr.codecs import BloscCodec

    image = intensity.shape[-2:]
    leading = (1,) * (intensity.ndim - 3)
    chunk_bytes = CHUNK * math.prod(image) * intensity.dtype.itemsize
    chunks_in_shard = max(1, min(SHARD // CHUNK, SHARD_BYTES // chunk_bytes))
    return {
        "chunks": (*leading, CHUNK, *image),
        "shards": (*leading, CHUNK * chunks_in_shard, *image),
        "compressors": (BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle", typesize=intensity.dtype.itemsize),),
    }


def _read_zarr(path: Path) -> xr.Dataset:
    try:
        dataset = xr.open_zarr(path, chunks=None, consolidated=False)
        texts = {
            name: (label.dims, np.array(label.values.tolist(), dtype=str).reshape(label.shape))
            for name, label in dataset.coords.items()
            if label.dtype.kind == "T"
        }
        return dataset.assign_coords(texts)
    except Exception as error:
        raise InputError(f"{path}: cannot be read as a Zarr store ({_first_line(error)})") from error


def _write_npz(dataset: xr.Dataset, place: Path) -> None:
    arrays = {str(name): variable.values for name, variable in dataset.variables.items()}
    arrays = {name: array.astype(str) if array.dtype.kind in "OT" else array for name, array in arrays.items()}
    dimensions = {str(name): list(variable.dims) for name, variable in dataset.variables.items()}
    clash = set(dataset.attrs) & set(arrays) | set(dataset.attrs) & {DIMENSIONS}
    if clash:
        raise InputError(f"{place.name}: attribute {sorted(clash)[0]!r} has the name of an array; rename one of them")
    attributes = {str(name): np.asarray(value) for name, value in dataset.attrs.items()}
    content = arrays | attributes | {DIMENSIONS: np.asarray(json.dumps(dimensions))}
    # Written entry by entry: np.savez takes names as keyword arguments and so cannot hold a label called `file`.
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for name, array in content.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def _read_npz(path: Path) -> xr.Dataset:
    try:
        with np.load(path, allow_pickle=False) as archive:
            content = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read as a NumPy archive ({_first_line(error)})") from error
    if "intensity" not in content or DIMENSIONS not in content:
        raise InputError(
            f"{path}: no pattern set; arrays 'intensity' and '{DIMENSIONS}' are needed, there are {', '.join(content)}"
        )
    try:
        dimensions = json.loads(str(content.pop(DIMENSIONS)))
        variables = {name: (tuple(dims), content.pop(name)) for name, dims in dimensions.items()}
        attributes = {name: value.item() if value.ndim == 0 else value.tolist() for name, value in content.items()}
        pictures = [name for name, (dims, _) in variables.items() if dims[-2:] == schema.IMAGE]
        data = {name: variables.pop(name) for name in pictures}
        return xr.Dataset(data, variables, attributes)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: arrays and their '{DIMENSIONS}' do not fit together ({_first_line(error)})"
        ) from error


def _write_tiff(dataset: xr.Dataset, place: Path) -> None:
    import tifffile

    flat = schema.flatten(dataset)
    labels = {str(name): label.values.tolist() for name, label in flat.coords.items() if label.dims == ("pattern",)}
    description = json.dumps({"attributes": _plain(dataset.attrs), "labels": labels})
    pages = flat["intensity"].values
    pages = pages.astype(np.float32) if pages.dtype == np.float64 else pages
    tifffile.imwrite(place, pages, photometric="minisblack", description=description, metadata=None)


def _write_png(dataset: xr.Dataset, place: Path) -> None:
    from PIL import Image

    patterns = schema.flatten(dataset)["intensity"].values
    grey = patterns if patterns.dtype == np.uint8 else np.stack([_eight_bit(pattern) for pattern in patterns])
    Image.fromarray(_mosaic(grey)).save(place, format="PNG")


def _eight_bit(pattern: np.ndarray) -> np.ndarray:
    low, high = float(pattern.min()), float(pattern.max())
    return np.round((pattern - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)


def _mosaic(patterns: np.ndarray, gap: int = 2) -> np.ndarray:
    """Patterns (n, rows, cols) on a near-square sheet, row by row; a single pattern stays as it is."""
    count, rows, cols = patterns.shape
    if count == 1:
        return patterns[0]
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    sheet = np.zeros((down * (rows + gap) - gap, across * (cols + gap) - gap), patterns.dtype)
    for number, pattern in enumerate(patterns):
        top, left = number // across * (rows + gap), number % across * (cols + gap)
        sheet[top : top + rows, left : left + cols] = pattern
    return sheet


def _plain(attributes: dict[Any, Any]) -> dict[str, Any]:
    return {
        str(name): value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        for name, value in attributes.items()
    }


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
