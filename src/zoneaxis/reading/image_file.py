"""Image file: pixels of one file, quickly; a plain picture needs neither torch nor xarray."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoneaxis.errors import InputError

PLAIN = (".png", ".tif", ".tiff", ".npy", ".bmp", ".jpg", ".jpeg")
SCANS = (".npz", ".h5", ".hdf5", ".h5oina", ".hspy", ".dm3", ".dm4", ".mrc", ".mib", ".blo", ".emd")
SMALLEST_PX = 16


def read_pixels(path: Path, dataset: str | None = None) -> tuple[np.ndarray, str]:
    """Grey values (n, rows, cols) as they stand in the file, and the technique that it states or `unknown`.

    Understood: grey PNG, TIFF (also multi-page), BMP, JPEG and .npy through a short way; everything else that
    `patterns.readers.read` reads through that, maps unrolled row by row; `dataset` chooses among several of HDF5.

    Raises:
        InputError: missing, empty, cut short, no image, colour, not finite, smaller than 16 px.
    """
    ending = path.suffix.lower()
    if ending not in PLAIN or dataset is not None:
        return _scan(path, dataset)
    try:
        pixels, technique = _tiff(path) if ending in (".tif", ".tiff") else (_plain(path, ending), "unknown")
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: cannot be read as an image ({reason}); is it complete?") from error
    if pixels.ndim == 2:
        pixels = pixels[None]
    if pixels.ndim != 3 or 0 in pixels.shape or pixels.dtype.kind not in "buif":
        raise InputError(f"{path}: shape {pixels.shape} of {pixels.dtype} is no grey image and no list of them")
    if min(pixels.shape[1:]) < SMALLEST_PX:
        raise InputError(f"{path}: {pixels.shape[1]} x {pixels.shape[2]} px are too few, at least {SMALLEST_PX}")
    if pixels.dtype.kind == "f" and not (np.abs(pixels) <= np.finfo(np.float32).max).all():
        raise InputError(f"{path}: holds values that are not finite (NaN or infinity), or beyond 3e38")
    return pixels, technique


def stated_technique(path: Path) -> str:
    """The technique that one of our own files (.npz, .zarr, .tif) states, without reading its pixels; else `unknown`.

    A file that is missing or broken is `unknown` too: whoever reads it says what is wrong.
    """
    import json

    ending = path.suffix.lower()
    try:
        if ending == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return str(archive["technique"])
        if ending == ".zarr":
            return str(json.loads((path / "zarr.json").read_text(encoding="utf-8"))["attributes"]["technique"])
        if ending in (".tif", ".tiff"):
            import tifffile

            with tifffile.TiffFile(path) as file:
                return _told(file.pages.first.description)
    except Exception:  # any fault of any library: the file states nothing
        return "unknown"
    return "unknown"


def _told(description: str) -> str:
    """Technique in the description of a TIFF of ours."""
    import json

    try:
        return str(json.loads(description)["attributes"]["technique"]) if description.startswith("{") else "unknown"
    except (ValueError, KeyError, TypeError):
        return "unknown"


def _plain(path: Path, ending: str) -> np.ndarray:
    if ending == ".npy":
        return np.load(path, allow_pickle=False)
    from PIL import Image

    with Image.open(path) as image:
        image.load()
        if image.mode in ("L", "I", "F", "1") or image.mode.startswith("I;"):
            return np.asarray(image)
        colours = np.asarray(image.convert("RGB"))
    if (colours != colours[..., :1]).any():
        raise InputError(f"{path}: a colour image; diffraction patterns are grey, so convert it to grey first")
    return colours[..., 0]


def _tiff(path: Path) -> tuple[np.ndarray, str]:
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        for other in file.pages:
            if max(map(sum, zip(other.dataoffsets, other.databytecounts, strict=True))) > file.filehandle.size:
                raise ValueError("the image data end before they should")
        pixels, told = file.asarray(), page.description
        if page.samplesperpixel > 1:
            if (pixels != pixels[..., :1]).any():
                raise InputError(f"{path}: a colour image; diffraction patterns are grey, so convert it to grey first")
            pixels = pixels[..., 0]
    return pixels, _told(told)


def _scan(path: Path, dataset: str | None) -> tuple[np.ndarray, str]:
    from zoneaxis.patterns.schema import flatten

    if dataset is None and path.suffix.lower() in (".npz", ".zarr"):
        from zoneaxis.patterns.store import load

        patterns = load(path)
    else:
        from zoneaxis.patterns.readers import read

        patterns = read(path, dataset)
    patterns = flatten(patterns)
    return np.asarray(patterns["intensity"].values), str(patterns.attrs["technique"])
