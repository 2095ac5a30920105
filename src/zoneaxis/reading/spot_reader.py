"""The spot reader: pictures of one crystal in, its group, lattice parameter and strain out, from spots alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoneaxis.errors import InputError
from zoneaxis.reading.reading import Answer, Reading, Value, smallest_set
from zoneaxis.reading.spot_reason import spot_reason
from zoneaxis.techniques.sadp.extinction import extinction_class
from zoneaxis.techniques.sadp.lattice_fit import LARGEST_STRAIN, OTHER, SURE_MISFIT, LatticeFit, PictureFit, fit_lattice
from zoneaxis.techniques.sadp.net import Net
from zoneaxis.techniques.sadp.spots import Spots, find_spots

TECHNIQUE = "sadp"

NAME = "lattice-fit"
"""Stands where other readings name their network."""

COVERAGE = 0.95
"""Probability that the prediction set holds together."""

HOPELESS = 99.0
"""Strangeness of pictures without any net."""

SEARCHED_PX = 256
"""Pictures are binned by a whole factor until their shorter side is at least this and less than twice this.
Source: the widths of `techniques.sadp.spots` are made for 256 px."""

SMALLEST_PX = 64
"""Shorter side of a picture that can be read. Source: our choice; a net needs some orders 4 px apart."""

Array = NDArray[np.float64]
Proposer = Callable[[Sequence[Array]], Mapping[str, float]]
"""A network: pictures of one crystal in, probabilities of the space groups (as strings) out."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class SpotReader:
    """Reads selected-area patterns by the positions of their spots.

    Attributes:
        proposer: a network that speaks too; None: lattices alone. Its probabilities multiply those of the lattices,
            for it sees intensities and they do not; it has no say in whether the crystal is one of its groups.
        double_diffraction: whether absences of screws and glide planes may be filled, as in thick crystals.
    """

    proposer: Proposer | None = None
    double_diffraction: bool = False

    def read(
        self,
        file: str,
        intensity: Any,
        scales: Sequence[float | None],
        *,
        each_alone: bool = False,
        images: bool = False,
        progress: Progress | None = None,
    ) -> list[Reading]:
        """One reading for every picture of a file, all pictures being of one crystal unless each stands alone.

        Pictures of one crystal share answers, lattice parameter and verdict; zone and strain are each picture's own.

        Args:
            file: where the pictures come from.
            intensity: (n, rows, cols), any rising map of the intensity.
            scales: of every picture at its centre [1/Å per pixel]; None where the camera is not known.
            each_alone: read every picture as another crystal.
            images: keep the pictures.
            progress: called with (stage, done, total).

        Raises:
            InputError: pictures that are too small or not finite; another number of scales.
        """
        check(intensity, file)
        if len(scales) != len(intensity):
            raise InputError(f"{file}: {len(scales)} scales for {len(intensity)} pictures, expected one for each")
        pictures, found, steps = [], [], []
        for number, (picture, scale) in enumerate(zip(intensity, scales, strict=True), start=1):
            factor = max(1, min(picture.shape) // SEARCHED_PX)
            pictures.append(binned(picture, factor))
            found.append(find_spots(pictures[-1]))
            steps.append(None if scale is None else scale * factor)
            if progress is not None:
                progress("reading", number, len(intensity))
        together = [[number] for number in range(len(found))] if each_alone else [list(range(len(found)))]
        readings = []
        for numbers in together:
            fit = fit_lattice(
                [found[one] for one in numbers],
                [steps[one] for one in numbers],
                double_diffraction=self.double_diffraction,
            )
            proposed = None if self.proposer is None else self.proposer([pictures[one] for one in numbers])
            for picture, number in zip(fit.pictures, numbers, strict=True):
                kept = {"pattern": pictures[number].astype(np.float32)} if images else {}
                readings.append(_reading(file, number, fit, picture, found[number], proposed, kept))
        return readings


def check(intensity: Any, where: str) -> None:
    """`InputError`, beginning with `where`, for pictures (n, rows, cols) that are too small to hold a net."""
    rows, cols = np.shape(intensity)[1:]
    if min(rows, cols) < SMALLEST_PX:
        raise InputError(f"{where}: pictures of {rows} x {cols} px; expected at least {SMALLEST_PX} px a side")


def binned(picture: Any, factor: int) -> Array:
    """Mean over squares of factor x factor pixels; rows and columns that fill none are left out."""
    rows, cols = (side // factor for side in picture.shape)
    part = np.asarray(picture[: rows * factor, : cols * factor], dtype=np.float64)
    return np.asarray(part.reshape(rows, factor, cols, factor).mean((1, 3)))


def _reading(
    file: str,
    index: int,
    fit: LatticeFit,
    picture: PictureFit,
    spots: Spots,
    proposed: Mapping[str, float] | None,
    images: dict[str, np.ndarray],
) -> Reading:
    """What the lattice fit says of one of its pictures."""
    answers = _answers(fit, proposed)
    return Reading(
        file=file,
        index=index,
        technique=TECHNIQUE,
        model=NAME,
        unknown=fit.unknown,
        unknown_score=unknown_score(fit),
        answers=answers,
        prediction_set=smallest_set(answers, COVERAGE),
        reason=spot_reason(fit),
        evidence=_evidence(fit, picture, spots, proposed),
        images=images,
        values=_values(fit),
    )


def _answers(fit: LatticeFit, proposed: Mapping[str, float] | None) -> tuple[Answer, ...]:
    """The known groups, best first, summing to one: given that it is one of them. Empty when none has a chance."""
    chances = {str(group): chance for group, chance in fit.probabilities.items() if group != OTHER}
    if proposed is not None:
        chances = {label: chance * proposed.get(label, 0.0) for label, chance in chances.items()}
    total = sum(chances.values())
    if fit.best_class is None or not total > 0:
        return ()
    ranked = sorted(chances, key=lambda label: -chances[label])
    return tuple(Answer(label, chances[label] / total) for label in ranked)


def unknown_score(fit: LatticeFit) -> float:
    """How strange the crystal is, 1 being the threshold, on the side of it where the verdict of the fit is.

    The larger of the probability that it is none of the known groups, doubled, and of a strain that can be believed
    over the largest at which a crystal is called cubic.
    """
    if fit.best_class is None:
        return HOPELESS
    score = 2 * fit.probabilities[OTHER]
    if fit.misfit > SURE_MISFIT:
        score = max(score, min(fit.strain / LARGEST_STRAIN, HOPELESS))
    return max(score, 1.0001) if fit.unknown else min(score, 1.0)


def _values(fit: LatticeFit) -> dict[str, Value]:
    """Lattice parameter where a camera is known, and strain of the nets; nothing without a net."""
    if fit.best_class is None or not math.isfinite(fit.strain):
        return {}
    values = {}
    if fit.a_angstrom is not None and fit.a_sigma_angstrom is not None:
        values["lattice_parameter_angstrom"] = Value(fit.a_angstrom, "Å", fit.a_sigma_angstrom)
    widths = [float(entry.strain_sigma.max()) for entry in fit.pictures if entry.zone is not None]
    width = math.sqrt(sum(one**2 for one in widths) / len(widths))
    values["net_strain_percent"] = Value(100 * fit.strain, "%", 100 * width)
    return values


def _evidence(
    fit: LatticeFit, picture: PictureFit, spots: Spots, proposed: Mapping[str, float] | None
) -> dict[str, Any]:
    """Numbers behind the answer: of the crystal (`lattice`), of this picture (`picture`), of the network."""
    classes = {name: _rounded(chance) for name, chance in fit.classes.items() if chance >= 1e-3}
    alike = {name: list(extinction_class(name).groups) for name in classes if name != "not cubic"}
    told: dict[str, Any] = {
        "lattice": {
            "pictures": len(fit.pictures),
            "zones": [None if entry.zone is None else list(entry.zone) for entry in fit.pictures],
            "classes": classes,
            "groups": alike,
            "probability_of_other": _rounded(fit.probabilities[OTHER]),
            "misfit": _rounded(fit.misfit) if math.isfinite(fit.misfit) else None,
            "share_of_spots": _rounded(fit.share_of_spots),
            "undecided": list(fit.undecided),
        },
        "picture": {
            "spots": len(spots),
            "centre_px": [_rounded(value) for value in spots.centre_px],
            "zone": None if picture.zone is None else list(picture.zone),
            "decides": picture.decides,
        },
    }
    if picture.zone is not None and picture.net is not None:
        e = picture.strain
        told["picture"] |= {
            "strain_percent": {"xx": _percent(e[0, 0]), "yy": _percent(e[1, 1]), "xy": _percent(e[0, 1])},
            "net": _shape(picture.net),
            "second_net": picture.net.second is not None,
        }
    if proposed is not None:
        told["network"] = {"probabilities": {label: _rounded(chance) for label, chance in proposed.items()}}
    return told


def _shape(net: Net) -> dict[str, Any]:
    """Shape of a net: lengths of its two shortest vectors [px] and the angle between them [degree]."""
    first, second = net.basis_px
    lengths = np.linalg.norm(net.basis_px, axis=1)
    cosine = float(first @ second / lengths.prod())
    return {
        "lengths_px": [round(float(one), 3) for one in lengths],
        "angle_deg": round(float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))), 3),
    }


def _rounded(value: float) -> float:
    return float(f"{float(value):.4g}")


def _percent(value: float) -> float:
    return round(100 * float(value), 3)
