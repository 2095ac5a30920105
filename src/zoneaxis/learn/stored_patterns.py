"""Stored patterns: a simulated set on disk as the supply of a training, spoilt anew each time a pattern is shown.

Patterns are drawn at random places, and a compressed store unpacks a whole block for each of them. So the pictures are
unrolled once into one plain array beside the store, which is then read through memory mapping.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.lib.format import open_memmap
from torch import Tensor

from zoneaxis.errors import InputError
from zoneaxis.patterns import store

Degradation = Callable[[Tensor, Mapping[str, Tensor], torch.Generator], Tensor]
"""Intensities (n, rows, cols), numeric labels (n,) each, source of chance -> network input (n, a, b); picklable."""

Classes = Callable[[Mapping[str, np.ndarray]], np.ndarray]
"""Labels, (n,) each -> class numbers (n,) int; -1 where a pattern is of no class."""

UNROLLED_AT_ONCE = 256
"""Patterns unrolled together: 67 MB as float32 at 256 x 256."""
UNKNOWN = -1
"""Class number of a pattern that belongs to no class."""


@dataclass(frozen=True)
class StoredPatterns:
    """Chosen patterns of a stack; called with (n, seed) it is a `PatternSource`.

    stack: .npy file of (patterns, rows, cols); places (m,): which of them; material (m,): class numbers, -1 for none;
    labels: further labels, (m,) each, of any kind; root: the stack holds intensity^(1/root); degrade: what the patterns
    go through (default: nothing); weights (m,): chances of being drawn, summing to 1 (default: equal).
    """

    stack: str
    places: np.ndarray
    material: np.ndarray
    labels: Mapping[str, np.ndarray]
    root: float = 1.0
    degrade: Degradation | None = None
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.places)

    def __call__(self, n: int, seed: int) -> tuple[Tensor, dict[str, Tensor]]:
        """n patterns drawn with repetition, and their numeric labels with `material`; depends on (n, seed) only."""
        if (self.material == UNKNOWN).any():
            raise InputError("stored patterns: some are of no class; they can be listed, not drawn for a training")
        drawn = np.random.default_rng([seed, 0]).choice(len(self), n, p=self.weights)
        return self._shown(drawn, [seed, 1])

    def listed(self, seed: int = 0, batch_patterns: int = 128) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """Every pattern once, in order, batch after batch; chance depends on (seed, batch, size of batches) only."""
        if batch_patterns < 1:
            raise InputError(f"stored patterns: batch_patterns = {batch_patterns}: expected at least 1")
        for number, start in enumerate(range(0, len(self), batch_patterns)):
            yield self._shown(np.arange(start, min(start + batch_patterns, len(self))), [seed, 2, number])

    def all(self, seed: int = 0) -> tuple[Tensor, dict[str, Tensor]]:
        """`listed`, joined: for a validation set that fits into memory."""
        batches = list(self.listed(seed))
        labels = {name: torch.cat([batch[1][name] for batch in batches]) for name in batches[0][1]}
        return torch.cat([batch[0] for batch in batches]), labels

    def intensity(self, chosen: np.ndarray) -> Tensor:
        """Intensities (n, rows, cols) float32 of members number `chosen`, without degradation."""
        held = _opened(self.stack)[self.places[chosen]]
        values = torch.from_numpy(np.ascontiguousarray(held, dtype=np.float32))
        return values if self.root == 1 else values**self.root

    def _shown(self, chosen: np.ndarray, entropy: list[int]) -> tuple[Tensor, dict[str, Tensor]]:
        labels = {
            name: torch.from_numpy(values[chosen]) for name, values in self.labels.items() if values.dtype.kind in "if"
        }
        patterns = self.intensity(chosen)
        if self.degrade is not None:
            state = int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1)
            patterns = self.degrade(patterns, labels, torch.Generator().manual_seed(state))
        return patterns, labels | {"material": torch.from_numpy(self.material[chosen]).long()}


@dataclass(frozen=True)
class PatternStack:
    """A stored set opened for reading at random: array file, labels along the patterns, root and attributes."""

    path: str
    labels: Mapping[str, np.ndarray]
    root: float
    attributes: Mapping[str, Any]

    @classmethod
    def open(cls, path: str | Path, size_px: int | None = None) -> PatternStack:
        """Open a .zarr or .npz of listed patterns; the array is written beside it the first time.

        size_px: pictures are binned to this size, a divisor of theirs, as means of intensity; labels that end in
        `_per_px` grow alike. The file's name holds the size and a checksum of labels and attributes, so that another
        set never passes for this one.

        Raises InputError for a file that is no pattern set, a map, or a size that does not divide.
        """
        path = Path(path)
        dataset = store.load(path)
        intensity = dataset["intensity"]
        if intensity.dims[0] != "pattern":
            raise InputError(f"{path}: holds a map; stored patterns are listed along one axis")
        count, rows, cols = intensity.shape
        size = rows if size_px is None else size_px
        if rows != cols or not 0 < size <= rows or rows % size:
            raise InputError(f"{path}: size_px = {size}: expected a divisor of square pictures, here {rows} x {cols}")
        root = float(dataset.attrs.get("root", 1.0))
        if not (math.isfinite(root) and root > 0):
            raise InputError(f"{path}: root = {root:g}: expected a number above 0")
        labels = {str(name): values.values for name, values in dataset.coords.items() if values.dims == ("pattern",)}
        mark = zlib.crc32(json.dumps([count, rows, sorted(map(str, dataset.attrs.items()))]).encode())
        for name in sorted(labels):
            mark = zlib.crc32(labels[name].astype(str).tobytes(), mark)
        array = path.with_name(f"{path.stem}.{size}px.{mark:08x}.npy")
        if not array.exists():
            with store.appearing_whole(array, overwrite=True) as place:
                _unroll(intensity, size, root, place)
        if _opened(str(array)).shape != (count, size, size):
            raise InputError(f"{array}: not {count} pictures of {size} x {size}; remove it and it is written again")
        labels |= {name: values * (rows / size) for name, values in labels.items() if name.endswith("_per_px")}
        return cls(str(array), labels, root, dict(dataset.attrs))

    def picked(
        self,
        where: Mapping[str, Collection[Any]] | None = None,
        *,
        classes: Classes,
        degrade: Degradation | None = None,
        balance: Collection[str] = (),
        unknown: bool = False,
    ) -> StoredPatterns:
        """The patterns whose labels are among those listed, e.g. {"part": ["training"], "family": ["perfect"]}.

        classes: class numbers from labels. unknown: keep patterns of no class (-1) for listing, where they are else
        refused. balance: labels whose every combination is drawn equally often; "material" stands for the class.

        Raises InputError for a label that there is not, a value that no pattern has, or a choice that is empty.
        """
        count = len(next(iter(self.labels.values()))) if self.labels else 0
        chosen = np.ones(count, dtype=bool)
        for name, allowed in (where or {}).items():
            values = self._label(name)
            for value in allowed:
                if not (values == value).any():
                    raise InputError(f"stored patterns: no pattern has {name} = {value!r}; there are {_known(values)}")
            chosen &= np.isin(values, list(allowed))
        places = np.flatnonzero(chosen)
        if not len(places):
            raise InputError(f"stored patterns: none has {', '.join(where or {}) or 'labels'} as asked, all together")
        labels = {name: values[places] for name, values in self.labels.items()}
        material = np.asarray(classes(labels))
        if material.shape != places.shape or material.dtype.kind != "i":
            raise InputError(f"stored patterns: class numbers of shape {material.shape}: expected {places.shape} int")
        if not unknown and (material < 0).any():
            first = int(np.argmax(material < 0))
            raise InputError(
                f"stored patterns: {int((material < 0).sum())} are of no class, the first number {places[first]}; "
                "leave them out, or ask for unknown ones"
            )
        weights = None
        if balance:
            columns = [material if name == "material" else self._label(name)[places] for name in balance]
            keys = np.array([" / ".join(map(str, row)) for row in zip(*columns, strict=True)])
            _, member, sizes = np.unique(keys, return_inverse=True, return_counts=True)
            weights = 1.0 / (len(sizes) * sizes[member])
        return StoredPatterns(self.path, places, material, labels, self.root, degrade, weights)

    def _label(self, name: str) -> np.ndarray:
        if name not in self.labels:
            raise InputError(f"stored patterns: no label {name!r}; there are {', '.join(sorted(self.labels))}")
        return self.labels[name]


def _unroll(intensity: xr.DataArray, size_px: int, root: float, place: Path) -> None:
    """Write the pictures as one float16 .npy, binned to size_px as means of intensity."""
    count, rows, _ = intensity.shape
    factor = rows // size_px
    stack = open_memmap(place, mode="w+", dtype=np.float16, shape=(count, size_px, size_px))
    for start in range(0, count, UNROLLED_AT_ONCE):
        values = intensity[start : start + UNROLLED_AT_ONCE].values
        if factor > 1:
            blocks = (len(values), size_px, factor, size_px, factor)
            values = (values.astype(np.float32) ** root).reshape(blocks).mean((2, 4)) ** (1 / root)
        if float(np.abs(values).max()) > float(np.finfo(np.float16).max):
            raise InputError("stored patterns: values above 65504 do not fit 16 bit; store a root of the intensity")
        stack[start : start + UNROLLED_AT_ONCE] = values
    stack.flush()


@lru_cache(maxsize=16)
def _opened(path: str) -> np.ndarray:
    """The array of a stack, mapped into memory; every process opens it once."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as reason:
        raise InputError(f"{path}: cannot be read as a stack of patterns ({str(reason).splitlines()[0]})") from None


def _known(values: np.ndarray) -> str:
    found = [str(value) for value in np.unique(values)]
    return ", ".join(found[:8]) + (" ..." if len(found) > 8 else "")
