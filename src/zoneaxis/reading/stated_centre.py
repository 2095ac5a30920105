"""The pattern centre that somebody stated: on the command line, or in the file with the patterns."""

from __future__ import annotations

import xarray as xr

from zoneaxis.errors import InputError
from zoneaxis.instrument.tilted_detector import TiltedDetector

Centre = tuple[float, float, float]


def stated_centre(patterns: xr.Dataset, given: Centre | None, convention: str) -> Centre | None:
    """The pattern centre in Bruker's convention of the whole pattern: as given, or the mean of the file's, or None.

    Args:
        patterns: flat pattern set; its coordinates `pattern_centre_x`, `_y`, `_z` count if nothing is given.
        given: (x, y, z) in the convention, which goes before the file's.
        convention: `bruker`, `edax` or `oxford`.

    Raises:
        InputError: not three numbers, another convention, or a centre that lies off the detector.
    """
    if given is None:
        names = [f"pattern_centre_{axis}" for axis in "xyz"]
        if not all(name in patterns.coords for name in names):
            return None
        x, y, z = (float(patterns[name].mean()) for name in names)
        return x, y, z
    if len(given) != 3:
        raise InputError(f"pattern centre {given}: expected three numbers x, y, z")
    rows, cols = patterns["intensity"].shape[-2:]
    makers = {"bruker": None, "edax": TiltedDetector.from_edax, "oxford": TiltedDetector.from_oxford}
    if convention not in makers:
        raise InputError(f"pattern centre convention {convention!r}: expected one of {', '.join(makers)}")
    maker = makers[convention]
    detector = TiltedDetector((rows, cols), given) if maker is None else maker((rows, cols), *given)
    x, y, z = detector.pattern_centre
    if not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):
        raise InputError(
            f"pattern centre ({x:g}, {y:g}, {z:g}): x and y must lie on the detector, 0 to 1 in Bruker's convention"
        )
    return x, y, z
