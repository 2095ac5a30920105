"""The spot reader: pictures of one crystal in, its group, lattice parameter and strain out.

The lattice fit answers; a network, where there is one, speaks too: see `spot_verdict`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoneaxis.errors import InputError
from zoneaxis.reading.model import LATTICE_FIT, model_folder, shipped_default, stated
from zoneaxis.reading.reading import Reading, Value
from zoneaxis.reading.spot_reason import spot_reason
from zoneaxis.reading.spot_verdict import SpotVerdict, rounded
from zoneaxis.techniques.sadp.extinction import extinction_class
from zoneaxis.techniques.sadp.lattice_fit import OTHER, LatticeFit, PictureFit, fit_lattice
from zoneaxis.techniques.sadp.net import Net
from zoneaxis.techniques.sadp.spots import Spots, find_spots

TECHNIQUE = "sadp"

SEARCHED_PX = 256
"""Pictures are binned by a whole factor until their shorter side is at least this and less than twice this.
Source: the widths of `techniques.sadp.spots` are made for 256 px."""

SMALLEST_PX = 64
"""Shorter side of a picture that can be read. Source: our choice; a net needs some orders 4 px apart."""

Array = NDArray[np.float64]
Proposer = Callable[[Sequence[Array], Sequence[float | None], Sequence[Array]], Mapping[str, float] | None]
"""A network: pictures of one crystal, their scales [1/Å per pixel] and the places x, y of their direct beams [px] in;
probabilities of the space groups (as strings) out, or None where it has nothing to say."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class SpotReader:
    """Reads selected-area patterns by the positions of their spots, and by a network.

    Attributes:
        proposer: a network that speaks too; None: lattices alone.
        double_diffraction: whether absences of screws and glide planes may be filled, as in thick crystals.
        model: name of the network.
        other_threshold: probability of `other` above which it makes the crystal unknown; None: it never does.
    """

    proposer: Proposer | None = None
    double_diffraction: bool = False
    model: str = "network"
    other_threshold: float | None = None

    @classmethod
    def open(cls, model: str | Path | None = None) -> SpotReader:
        """The reader with a network.

        Args:
            model: name of a shipped model or a folder; None: the shipped one, and lattices alone where there is none;
                `lattice-fit`: lattices alone.

        Raises:
            InputError: no such model, one of another technique, or one that is not whole.
        """
        if model == LATTICE_FIT:
            return cls()
        folder = shipped_default(TECHNIQUE) if model is None else model_folder(model)
        if folder is None:
            return cls()
        if stated(folder)[0] not in ("?", TECHNIQUE):
            raise InputError(f"model {folder.name}: it reads {stated(folder)[0]}, not {TECHNIQUE}")
        from zoneaxis.reading.spot_network import SpotNetwork

        network = SpotNetwork.from_folder(folder)
        return cls(network, model=network.name, other_threshold=network.other_threshold)

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
            verdict = SpotVerdict(fit)
            if self.proposer is not None:
                proposed = self.proposer(
                    [pictures[one] for one in numbers],
                    [steps[one] for one in numbers],
                    [_centre(found[one], fit.pictures[place]) for place, one in enumerate(numbers)],
                )
                verdict = SpotVerdict(fit, self.model, proposed, self.other_threshold)
            for picture, number in zip(fit.pictures, numbers, strict=True):
                kept = {"pattern": pictures[number].astype(np.float32)} if images else {}
                readings.append(_reading(file, number, verdict, picture, found[number], kept))
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


def _centre(spots: Spots, picture: PictureFit) -> Array:
    """Where the direct beam is (2,) x, y [px]: that of the spots where they make a net, else the middle.

    Without a net half of the centres are wrong by a pixel of 128 or more (pictures of the harsh camera).
    """
    rows, cols = (side / spots.magnification for side in spots.shape)
    return spots.picture_centre_px if picture.net is not None else np.array([(cols - 1) / 2, (rows - 1) / 2])


def _reading(
    file: str,
    index: int,
    verdict: SpotVerdict,
    picture: PictureFit,
    spots: Spots,
    images: dict[str, np.ndarray],
) -> Reading:
    """What is said of one of the pictures of a crystal."""
    return Reading(
        file=file,
        index=index,
        technique=TECHNIQUE,
        model=LATTICE_FIT if verdict.model is None or verdict.proposed is None else verdict.model,
        unknown=verdict.unknown,
        unknown_score=verdict.unknown_score,
        answers=verdict.answers,
        prediction_set=verdict.prediction_set,
        reason=spot_reason(verdict),
        evidence=_evidence(verdict.fit, picture, spots) | verdict.evidence,
        images=images,
        values=_values(verdict.fit),
    )


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


def _evidence(fit: LatticeFit, picture: PictureFit, spots: Spots) -> dict[str, Any]:
    """Numbers behind the lattice's answer: of the crystal (`lattice`) and of this picture (`picture`)."""
    classes = {name: rounded(chance) for name, chance in fit.classes.items() if chance >= 1e-3}
    alike = {name: list(extinction_class(name).groups) for name in classes if name != "not cubic"}
    told: dict[str, Any] = {
        "lattice": {
            "pictures": len(fit.pictures),
            "zones": [None if entry.zone is None else list(entry.zone) for entry in fit.pictures],
            "classes": classes,
            "groups": alike,
            "probabilities": {str(group): rounded(p) for group, p in fit.probabilities.items() if group != OTHER},
            "probability_of_other": rounded(fit.probabilities[OTHER]),
            "misfit": rounded(fit.misfit) if math.isfinite(fit.misfit) else None,
            "share_of_spots": rounded(fit.share_of_spots),
            "undecided": list(fit.undecided),
        },
        "picture": {
            "spots": len(spots),
            "centre_px": [rounded(value) for value in spots.picture_centre_px],
            "zone": None if picture.zone is None else list(picture.zone),
            "decides": picture.decides,
        },
    }
    if picture.zone is not None and picture.net is not None:
        e = picture.strain
        told["picture"] |= {
            "strain_percent": {"xx": _percent(e[0, 0]), "yy": _percent(e[1, 1]), "xy": _percent(e[0, 1])},
            "net": _shape(picture.net, spots.magnification),
            "second_net": picture.net.second is not None,
        }
    return told


def _shape(net: Net, magnification: int) -> dict[str, Any]:
    """Shape of a net: lengths of its two shortest vectors [px of the picture] and the angle between them [degree]."""
    first, second = net.basis_px / magnification
    lengths = np.linalg.norm(net.basis_px, axis=1) / magnification
    cosine = float(first @ second / lengths.prod())
    return {
        "lengths_px": [round(float(one), 3) for one in lengths],
        "angle_deg": round(float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))), 3),
    }


def _percent(value: float) -> float:
    return round(100 * float(value), 3)
