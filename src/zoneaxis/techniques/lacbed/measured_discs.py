"""Measured discs: what a camera gave for each reflection, and which of its pixels can be compared with a simulation.

Discs are cut out of many frames and scaled one by one, so neither their intensities nor their centres lie on one scale.
A disc that mirrors another one pixel by pixel was made from it and is no second measurement.
"""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoneaxis.errors import InputError

Array = NDArray[np.float64]
Hkl = tuple[int, int, int]

SMALLEST_PX, FEWEST_PIXELS = 16, 100
USED_SHARE = 0.5
"""A binned pixel counts when this share of its pixels does."""


@dataclass(frozen=True)
class MeasuredDiscs:
    """Discs of one zone axis on one square field of directions.

    Attributes:
        hkl: (discs,) reflections.
        intensity: (discs, size, size), any scale; x runs right and y downwards.
        mask: (discs, size, size), pixels that count.
        copies: reflection of every disc left out as the mirror image of another -> that other.
    """

    hkl: tuple[Hkl, ...]
    intensity: Array
    mask: NDArray[np.bool_]
    copies: Mapping[Hkl, Hkl]

    @classmethod
    def of(cls, discs: Mapping[Any, Any], *, border_px: int = 4) -> MeasuredDiscs:
        """Discs from arrays by reflection, `(h, k, l)` or `"h,k,l"`.

        Copies are left out. A frame of `border_px` pixels is masked, as are pixels at 0 or below and at the top of the
        disc, where the intensity was clipped, when there is more than one of them.

        Raises:
            InputError: no disc, discs of different or oblong shape, a disc with hardly any pixel that counts.
        """
        images = {_triple(key): np.asarray(image, dtype=np.float64) for key, image in discs.items()}
        shapes = sorted({image.shape for image in images.values()})
        if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][0] != shapes[0][1] or shapes[0][0] < SMALLEST_PX:
            raise InputError(
                f"discs of shape {shapes or 'none'}: expected one square shape of {SMALLEST_PX} px or more"
            )
        size = shapes[0][0]
        if not 0 <= border_px < size // 4:
            raise InputError(f"border_px = {border_px}: expected 0 to {size // 4 - 1}, less than a quarter of the disc")
        kept: dict[Hkl, Array] = {}
        copies: dict[Hkl, Hkl] = {}
        for hkl, image in images.items():
            original = next((other for other, seen in kept.items() if _mirrors(image, seen)), None)
            if original is None:
                kept[hkl] = image
            else:
                copies[hkl] = original
        inside = np.zeros((size, size), dtype=bool)
        inside[border_px : size - border_px, border_px : size - border_px] = True
        masks = []
        for hkl, image in kept.items():
            counts = inside & np.isfinite(image) & (image > 0)
            top = image[np.isfinite(image)].max(initial=0.0)
            if np.count_nonzero(image == top) > 1:
                counts &= image < top
            if np.count_nonzero(counts) < FEWEST_PIXELS:
                raise InputError(
                    f"disc {hkl}: {np.count_nonzero(counts)} pixels count, expected {FEWEST_PIXELS} or more"
                )
            masks.append(counts)
        return cls(tuple(kept), np.stack(list(kept.values())), np.stack(masks), copies)

    @classmethod
    def read(cls, path: str | Path, *, border_px: int = 4) -> MeasuredDiscs:
        """Discs of an .npz file, its square arrays named "h,k,l".

        Raises:
            InputError: the file cannot be read, or holds no such array.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                discs = {name: stored[name] for name in stored.files if name.count(",") == 2}
        except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: not a readable .npz file: {error}") from error
        if not discs:
            raise InputError(f'{path}: holds no disc, expected arrays named "h,k,l" such as "0,0,0"')
        return cls.of(discs, border_px=border_px)

    def __len__(self) -> int:
        return len(self.hkl)

    @property
    def size_px(self) -> int:
        """Side of a disc."""
        return int(self.intensity.shape[-1])

    def binned(self, factor: int) -> MeasuredDiscs:
        """Means of factor x factor pixels, of those that count; a remainder at the right and lower edge is an error.

        Raises:
            InputError: the factor does not divide the size.
        """
        size = self.size_px
        if factor < 1 or size % factor or size // factor < SMALLEST_PX:
            raise InputError(f"bin_px = {factor}: expected a divisor of {size} that leaves {SMALLEST_PX} px or more")
        if factor == 1:
            return self
        shape = (len(self), size // factor, factor, size // factor, factor)
        counts = self.mask.reshape(shape).sum((2, 4))
        total = np.where(self.mask, self.intensity, 0.0).reshape(shape).sum((2, 4))
        mask = counts >= USED_SHARE * factor**2
        return MeasuredDiscs(self.hkl, total / np.maximum(counts, 1), mask, self.copies)


def _triple(key: Any) -> Hkl:
    parts = key.split(",") if isinstance(key, str) else key
    try:
        h, k, l = (int(part) for part in parts)  # noqa: E741
    except (TypeError, ValueError) as error:
        raise InputError(f'disc {key!r}: expected three whole numbers, (h, k, l) or "h,k,l"') from error
    return h, k, l


def _mirrors(image: Array, other: Array) -> bool:
    """Whether one of the eight operations of the square, the identity included, makes an image of the other."""
    return any(
        np.array_equal(np.rot90(image.T if transposed else image, turns), other, equal_nan=True)
        for turns, transposed in itertools.product(range(4), (False, True))
    )
