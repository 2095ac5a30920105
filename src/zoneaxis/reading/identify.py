"""Identify: a file of measured patterns in, one Reading per pattern out; the network proposes, the physics confirms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoneaxis.errors import InputError
from zoneaxis.reading.model import DEFAULT_MODEL, DEFAULTS, LATTICE_FIT, model_folder, stated
from zoneaxis.reading.reading import Reading

if TYPE_CHECKING:
    from zoneaxis.reading.reader import KNOWN_TOLERANCE, MATCH_PX, Reader

__all__ = ["DEFAULT_MODEL", "KNOWN_TOLERANCE", "MATCH_PX", "Reader", "identify", "model_folder"]

REGRESSOR = "zoneaxis-regressor/"
"""How the format of a model begins that reads values."""
BATCH_IMAGES = 64
SPOTS = "sadp"
"""The technique that is read by spots and lattices, with a network or without."""

Progress = Callable[[str, int, int], None]
Centre = tuple[float, float, float]


def identify(
    paths: str | Path | Iterable[str | Path],
    *,
    technique: str | None = None,
    model: str | Path | None = None,
    verify: bool = True,
    refine: bool | None = None,
    dataset: str | None = None,
    pattern_centre: Centre | None = None,
    detector_convention: str = "bruker",
    library: str | Path | None = None,
    images: bool = False,
    per_angstrom_per_px: float | None = None,
    each_alone: bool = False,
    progress: Progress | None = None,
) -> Iterator[Reading]:
    """Read every pattern of every file: what it shows, how sure that is or `unknown`, and why.

    A classifier (EBSD) answers with space groups and a set that holds the truth, a regressor (CBLEED) with values,
    their uncertainties and the likelier of its alternatives. Selected-area patterns (SADP) are read by the plane
    lattices of their spots and, where a model is shipped or named, a network: all pictures of a file together, as one
    crystal.

    Args:
        paths: images or scan files.
        technique: of the patterns; None: the model's own; if no model is named either, what the files state (those
            written by `simulate` do), else `ebsd`.
        model: name of a shipped model or a folder; None: the technique's default. `lattice-fit`: SADP without network.
        verify: let the physics confirm: match simulated patterns of the library's crystals (EBSD), or refine by maximum
            likelihood through the simulator's emulator (CBLEED). Without it the network alone answers.
        refine: the same for a regressor, by its own name; None: as `verify`.
        dataset: which data set of an HDF5 file that holds several.
        pattern_centre: (x, y, z) in `detector_convention`; None: the file's, else searched. EBSD only.
        detector_convention: `bruker`, `edax` or `oxford`.
        library: folder of master patterns; None: the shipped one. EBSD only.
        images: keep the pictures behind each answer.
        per_angstrom_per_px: of the pixels at the centre, |g| = 1/d; None: what the file states (or its voltage, camera
            length and pixel), else not known, and neither is the lattice parameter. SADP only.
        each_alone: read each picture of a file as another crystal. SADP only.
        progress: called with (stage, done, total).

    Raises:
        InputError: a file, model, library or pattern centre that cannot be used; every file is looked at before the
            first one is read.
    """
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    if not listed:
        raise InputError("identify: no file given")
    if technique is None and model is None:
        technique = _stated_by(listed)
    if technique == SPOTS or (technique is None and _of_spots(model)):
        _refuse(SPOTS, verify=None if verify else False, refine=refine, library=library)
        _refuse(SPOTS, pattern_centre=pattern_centre)
        yield from _by_spots(listed, model, dataset, per_angstrom_per_px, each_alone, images, progress)
        return
    _refuse(technique or "models", per_angstrom_per_px=per_angstrom_per_px, each_alone=each_alone or None)
    folder = model_folder(model, technique)
    reads, form = stated(folder)
    if technique is not None and reads not in ("?", technique):
        raise InputError(f"model {folder.name}: it reads {reads}, not {technique}")
    if not form.startswith(REGRESSOR):
        if refine is not None:
            raise InputError("refine: for values read by a regressor; EBSD answers are confirmed by matching (verify)")
        options = (folder, verify, dataset, pattern_centre, detector_convention, library, images, progress)
        yield from _by_matching(listed, *options)
        return
    if pattern_centre is not None or library is not None:
        given = "library" if pattern_centre is None else "pattern_centre"
        raise InputError(f"{given}: for EBSD patterns; the model {folder.name} reads {reads}")
    yield from _by_value(listed, folder, verify if refine is None else refine, dataset, images, progress)


def _stated_by(paths: list[str | Path]) -> str | None:
    """The technique that the files state, None if none does; `InputError` for files of several."""
    from zoneaxis.reading.image_file import stated_technique

    known = sorted({stated_technique(Path(path)) for path in paths} & set(DEFAULTS))
    if len(known) > 1:
        raise InputError(f"identify: files of {' and '.join(known)}; read them one technique at a time")
    return known[0] if known else None


def _refuse(reads: str, **given: object) -> None:
    """`InputError` for the first option that is given and does not belong to what is read."""
    for name, value in given.items():
        if value is not None:
            wanted = "patterns of sadp are read by their lattices" if reads == SPOTS else "for patterns of sadp"
            raise InputError(f"{name} = {value}: {wanted}; leave it out")


def _of_spots(model: str | Path | None) -> bool:
    """Whether a model that is named reads spots."""
    return model is not None and (model == LATTICE_FIT or stated(model_folder(model))[0] == SPOTS)


def _by_spots(
    paths: list[str | Path],
    model: str | Path | None,
    dataset: str | None,
    per_angstrom_per_px: float | None,
    each_alone: bool,
    images: bool,
    progress: Progress | None,
) -> Iterator[Reading]:
    """Space group, lattice parameter and strain from spots."""
    from zoneaxis.patterns import readers
    from zoneaxis.patterns.schema import flatten
    from zoneaxis.reading.camera_scale import camera_scales
    from zoneaxis.reading.spot_reader import SpotReader, check

    reader = SpotReader.open(model)
    sets = [(str(path), flatten(readers.read(path, dataset))) for path in paths]
    scales = []
    for path, patterns in sets:
        if patterns.attrs["technique"] not in ("unknown", SPOTS):
            raise InputError(f"{path}: patterns of {patterns.attrs['technique']}, not {SPOTS}")
        check(patterns["intensity"].values, path)
        scales.append(camera_scales(patterns, per_angstrom_per_px, path))
    for (path, patterns), steps in zip(sets, scales, strict=True):
        pictures = patterns["intensity"].values
        yield from reader.read(path, pictures, steps, each_alone=each_alone, images=images, progress=progress)


def _by_matching(
    paths: list[str | Path],
    folder: Path,
    verify: bool,
    dataset: str | None,
    pattern_centre: Centre | None,
    detector_convention: str,
    library: str | Path | None,
    images: bool,
    progress: Progress | None,
) -> Iterator[Reading]:
    """Space groups from a classifier, confirmed by matching."""
    from zoneaxis.patterns import readers
    from zoneaxis.patterns.schema import flatten
    from zoneaxis.reading.reader import Reader
    from zoneaxis.reading.stated_centre import stated_centre

    reader = Reader.open(folder, library if verify else None, matching=verify)
    sets = [(str(path), flatten(readers.read(path, dataset))) for path in paths]
    for path, patterns in sets:
        if patterns.attrs["technique"] not in ("unknown", "ebsd"):
            raise InputError(f"{path}: patterns of {patterns.attrs['technique']}; the model {folder.name} reads ebsd")
    centres = [stated_centre(patterns, pattern_centre, detector_convention) for _, patterns in sets]
    for (path, patterns), centre in zip(sets, centres, strict=True):
        yield from reader.read(path, patterns, centre, images=images, progress=progress)


def _by_value(
    paths: list[str | Path],
    folder: Path,
    refine: bool,
    dataset: str | None,
    images: bool,
    progress: Progress | None,
) -> Iterator[Reading]:
    """Values from a regressor, refined through its emulator."""
    from zoneaxis.reading.image_file import read_pixels
    from zoneaxis.reading.value_model import open_model
    from zoneaxis.reading.value_reader import ValueReader

    reader = ValueReader(open_model(folder))
    sets = []
    for path in paths:
        pixels, technique = read_pixels(Path(path), dataset)
        if technique not in ("unknown", reader.model.technique):
            raise InputError(f"{path}: patterns of {technique}; the model {folder.name} reads {reader.model.technique}")
        reader.check(pixels, str(path))
        sets.append((str(path), pixels))
    for path, pixels in sets:
        for begin in range(0, len(pixels), BATCH_IMAGES):
            part = pixels[begin : begin + BATCH_IMAGES].astype("float32")
            indices = range(begin, begin + len(part))
            yield from reader.read([path] * len(part), indices, part, refine=refine, images=images)
            if progress is not None:
                progress("reading", begin + len(part), len(pixels))


def __getattr__(name: str) -> Any:
    """The reader of EBSD patterns and its numbers, imported when asked for: they need torch, values do not."""
    if name in ("KNOWN_TOLERANCE", "MATCH_PX", "Reader"):
        from zoneaxis.reading import reader

        return getattr(reader, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
