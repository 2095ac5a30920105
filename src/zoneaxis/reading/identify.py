"""Identify: a file of measured patterns in, one Reading per pattern out; the network proposes, the physics confirms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from zoneaxis.errors import InputError
from zoneaxis.patterns import readers
from zoneaxis.patterns.schema import flatten
from zoneaxis.reading.model import DEFAULT_MODEL, model_folder
from zoneaxis.reading.reader import KNOWN_TOLERANCE, MATCH_PX, Progress, Reader
from zoneaxis.reading.reading import Reading
from zoneaxis.reading.stated_centre import Centre, stated_centre

__all__ = ["DEFAULT_MODEL", "KNOWN_TOLERANCE", "MATCH_PX", "Reader", "identify", "model_folder"]


def identify(
    paths: str | Path | Iterable[str | Path],
    *,
    model: str | Path | None = None,
    verify: bool = True,
    dataset: str | None = None,
    pattern_centre: Centre | None = None,
    detector_convention: str = "bruker",
    library: str | Path | None = None,
    images: bool = False,
    progress: Progress | None = None,
) -> Iterator[Reading]:
    """Read every pattern of every file: its space group, a set that holds the truth, or `unknown`, and why.

    Args:
        paths: images or scan files.
        model: name of a shipped model or a folder.
        verify: match simulated patterns of the library's crystals; without it the network alone answers.
        dataset: which data set of an HDF5 file that holds several.
        pattern_centre: (x, y, z) in `detector_convention`; None: the file's, else searched.
        detector_convention: `bruker`, `edax` or `oxford`.
        library: folder of master patterns; None: the shipped one.
        images: keep the pictures behind each answer.
        progress: called with (stage, done, total).

    Raises:
        InputError: a file, model, library or pattern centre that cannot be used; every file is looked at before the
            first one is read.
    """
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    if not listed:
        raise InputError("identify: no file given")
    reader = Reader.open(model, library if verify else None, matching=verify)
    sets = [(str(path), flatten(readers.read(path, dataset))) for path in listed]
    centres = [stated_centre(patterns, pattern_centre, detector_convention) for _, patterns in sets]
    for (path, patterns), centre in zip(sets, centres, strict=True):
        yield from reader.read(path, patterns, centre, images=images, progress=progress)
