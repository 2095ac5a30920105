"""Parts: an image set divided under a split, with the autoencoder that is trained on its training part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoneaxis.learn.autoencode import TrainedAutoencoder
from zoneaxis.patterns.splits import distance_to_training
from zoneaxis.studies.bench import Bench
from zoneaxis.studies.cbleed_autoencoder.autoencoders import Training, training
from zoneaxis.studies.cbleed_autoencoder.counting import Counting
from zoneaxis.studies.cbleed_autoencoder.images import Images
from zoneaxis.studies.cbleed_autoencoder.plans import PLANE, SCAN
from zoneaxis.studies.cbleed_autoencoder.protocol import INNER, OUTER, RANDOM, WINDOWS, held_out

Key = tuple[str, str]
"""Kind of the set and split."""

PARTS: tuple[Key, ...] = (
    (SCAN, RANDOM),
    (SCAN, WINDOWS),
    (SCAN, INNER),
    (SCAN, OUTER),
    (PLANE, RANDOM),
    (PLANE, WINDOWS),
)


@dataclass(frozen=True)
class Part:
    """A set divided in two.

    kind: of the set, `scan68` or `grid70`; distance: how far the label that was held out is, for each test image, from
    the nearest in training (eV or Å; zero under a random split); training: of the network on `train`.
    """

    kind: str
    split: str
    train: Images
    test: Images
    distance: np.ndarray
    training: Training

    @property
    def title(self) -> str:
        """Kind and split."""
        return f"{self.kind} {self.split}"

    @property
    def trained(self) -> TrainedAutoencoder:
        """The network; read back when it is trained already."""
        return self.training.run()


def divided(bench: Bench, images: Images, key: Key, preset: str, counting: Counting | None = None) -> Part:
    """A set under a split; counting: what the network's images are seen through in training."""
    kind, split = key
    test = held_out(images, split, bench.settings)
    label = images.displacement if split in (INNER, OUTER) else images.energy_ev
    train, other = images.of(~test), images.of(test)
    title = f"{preset} {kind} {split}" + (" counted" if counting else "")
    one = training(bench, title, train, other, counting=counting)
    return Part(kind, split, train, other, distance_to_training(label, test), one)
