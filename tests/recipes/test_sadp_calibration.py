"""SADP calibration: the temperature and dependence that pictures have, a threshold with its rate, honest figures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.small_spots import CLASSES, VIEW, network
from zoneaxis.errors import InputError
from zoneaxis.instrument.diffraction_camera import DiffractionCamera
from zoneaxis.learn.grouping import Grouping
from zoneaxis.learn.stored_patterns import StoredPatterns
from zoneaxis.patterns.polar_view import mirror_image
from zoneaxis.reading.spot_network import SpotNetwork
from zoneaxis.recipes.sadp_calibration import SIZES, Singles, calibrate, calibrate_and_save, figures
from zoneaxis.recipes.sadp_input import PolarInput

ZONES = 16
GROUPS = ("213", "221", "225", "other")
NETWORK = SpotNetwork(network(), Grouping(tuple(n for n, _ in CLASSES), tuple(g for _, g in CLASSES)), VIEW)


def _singles(specimens: int = 200, shared: float = 0.0, sharpness: float = 1.0, strength: float = 0.7) -> Singles:
    """Opinions of Gaussian evidence about three groups; what `shared` of its variance is common to a specimen.

    Evidence e of truth t is strength² one-hot(t) + strength noise: its softmax is the posterior of one picture.
    """
    draw = torch.Generator().manual_seed(1)
    truth = torch.randint(0, 3, (specimens,), generator=draw)
    common = torch.randn(specimens, 1, 3, generator=draw) * shared**0.5
    own = torch.randn(specimens, ZONES, 3, generator=draw) * (1 - shared) ** 0.5
    mean = strength**2 * torch.nn.functional.one_hot(truth, 3)[:, None]
    evidence = (mean + strength * (common + own)).flatten(0, 1)
    known = (sharpness * evidence).softmax(-1)
    other = 0.5 * torch.rand(len(known), 1, generator=draw) ** 4
    chances = torch.cat([known * (1 - other), other], 1)
    number = np.repeat(np.arange(specimens), ZONES)
    return Singles(GROUPS, chances, truth.repeat_interleave(ZONES), number, np.tile(np.arange(ZONES), specimens))


def test_temperature_undoes_sharpness() -> None:
    """Honest opinions keep a temperature near one, opinions twice as sharp get one near two."""
    honest, sharp = (calibrate(NETWORK, _singles(sharpness=s)).temperature for s in (1.0, 2.0))
    assert honest == pytest.approx(1, rel=0.15)
    assert sharp == pytest.approx(2, rel=0.15)


def test_dependence_is_that_of_the_pictures() -> None:
    """Independent pictures multiply; pictures whose errors are all shared count as one; between them in between."""
    found = [calibrate(NETWORK, _singles(400, shared)).dependence for shared in (0.0, 0.3, 1.0)]
    assert found[0] < 0.15 and found[2] > 0.85
    assert found[0] < found[1] < found[2]


def test_specimens_with_one_zone_are_read_with_caution() -> None:
    """Without crystals of several zones the dependence is one."""
    few = _singles(100)
    one = few.zone == 0
    alone = Singles(GROUPS, few.probabilities[one], few.truth[one], few.specimen[one], few.zone[one])
    assert calibrate(NETWORK, alone).dependence == 1.0


def test_others_have_a_threshold_with_its_rate() -> None:
    """At most the stated share of known crystals is called unknown at any size; without such a class there is none."""
    singles = _singles()
    fitted = calibrate(NETWORK, singles, 0.1)
    assert fitted.other_threshold is not None and fitted.other_threshold >= 0.5
    told = figures(fitted, singles)
    assert set(told["pooled"]) == set(map(str, SIZES))
    assert all(one["unknown_rate"] <= 0.1 + 1e-9 for one in told["pooled"].values())
    known = singles.known
    assert known.groups == GROUPS[:3] and torch.allclose(known.probabilities.sum(-1), torch.ones(len(known.truth)))
    assert calibrate(NETWORK, known).other_threshold is None


def test_figures_are_honest() -> None:
    """Sixteen zones are read better than one, intervals hold the share, and calibrated probabilities are near it."""
    singles = _singles(400, 0.2)
    told = figures(calibrate(NETWORK, singles), singles)["pooled"]
    assert told["16"]["accuracy"] > told["1"]["accuracy"] + 0.1
    for one in told.values():
        assert one["low"] <= one["accuracy"] <= one["high"]
        assert one["calibration"]["expected_calibration_error"] < 0.08
    assert told["16"]["crystals"] == 400 and told["4"]["sets"] == 1600


def _stored(tmp_path: Path, **changes: Any) -> StoredPatterns:
    """Two specimens along four zones, spots by chance."""
    path = tmp_path / "stack.npy"
    pictures = np.random.default_rng(0).random((8, 32, 32)).astype(np.float16) ** 8
    np.save(path, pictures)
    labels = {
        "specimen": np.repeat([4, 7], 4),
        "zone": np.tile(np.arange(4), 2),
        "per_angstrom_per_px": np.full(8, 0.06),
    }
    values = {"material": np.repeat([0, 2], 4), "labels": labels} | changes
    return StoredPatterns(str(path), np.arange(8), **values)


SEEN = PolarInput(DiffractionCamera.ideal(), size=VIEW.size)
RECORD = {"recipe": {"architecture": "polar_resnet", "arguments": {"width": 0.125}}, "versions": {"torch": "0"}}


def test_singles_are_the_networks_own(tmp_path: Path) -> None:
    """Mean class logits over a picture and its mirror image, summed over the classes of a group; nothing is drawn."""
    stored = _stored(tmp_path)
    singles = Singles.of(NETWORK, stored, SEEN)
    intensity = stored.intensity(np.arange(8))
    cells = VIEW(intensity / intensity.amax((1, 2), keepdim=True), torch.full((8,), 0.06))

    def logits(of: Tensor) -> Tensor:
        return NETWORK.network(of[:, None])

    with torch.no_grad():
        expected = NETWORK.grouping.group_log_probabilities((logits(cells) + logits(mirror_image(cells))) / 2).exp()
    assert torch.allclose(singles.probabilities, expected, atol=1e-5)
    assert singles.truth.tolist() == [0] * 4 + [2] * 4
    assert sorted(sorted(row) for row in singles.sets(4).tolist()) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_trained_network_becomes_a_model(tmp_path: Path) -> None:
    """Written, read back and asked: what the card states is what calibrated it."""
    stored = _stored(tmp_path)
    folder = calibrate_and_save(
        NETWORK.network, NETWORK.grouping, RECORD, SEEN, stored, {"twin": stored}, tmp_path / "m", name="mine"
    )
    read = SpotNetwork.from_folder(folder)
    fitted = calibrate(NETWORK, Singles.of(NETWORK, stored, SEEN))
    assert (read.name, read.picture_px, read.dependence) == ("mine", 32, fitted.dependence)
    assert read.temperature == pytest.approx(fitted.temperature)
    assert read.view.edges == VIEW.edges
    with pytest.raises(InputError, match="exists already"):
        calibrate_and_save(NETWORK.network, NETWORK.grouping, RECORD, SEEN, stored, {}, tmp_path / "m")


def test_what_cannot_be_calibrated(tmp_path: Path) -> None:
    """Patterns of no class, patterns without specimen, and a record without architecture are named."""
    call = (NETWORK.network, NETWORK.grouping)
    with pytest.raises(InputError, match="8 patterns are of no class"):
        calibrate_and_save(*call, RECORD, SEEN, _stored(tmp_path, material=np.full(8, -1)), {}, tmp_path / "m")
    with pytest.raises(InputError, match="no label 'specimen'"):
        calibrate_and_save(*call, RECORD, SEEN, _stored(tmp_path, labels={}), {}, tmp_path / "m")
    with pytest.raises(InputError, match="architecture"):
        calibrate_and_save(*call, {}, SEEN, _stored(tmp_path), {}, tmp_path / "m")
    others = _stored(tmp_path, material=np.full(8, 4))
    with pytest.raises(InputError, match="no pattern is of a known group"):
        calibrate_and_save(*call, RECORD, SEEN, others, {}, tmp_path / "m")
    assert not (tmp_path / "m").exists()
