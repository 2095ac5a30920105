"""The spot verdict: lattice fit and network together, who may doubt, and what the reason says of it."""

from functools import cache

import numpy as np
import pytest

from tests.techniques.sadp.net_pictures import picture
from zoneaxis.reading.spot_reason import spot_reason
from zoneaxis.reading.spot_verdict import SpotVerdict, unknown_score
from zoneaxis.techniques.sadp.lattice_fit import LatticeFit, fit_lattice
from zoneaxis.techniques.sadp.spots import find_spots


@cache
def _aluminium() -> LatticeFit:
    """One picture along [013], which alone decides for F."""
    return fit_lattice([find_spots(picture("Al", (0, 1, 3), electrons=3e6, stop_px=0.0)[0])], 0.0125)


@cache
def _noise() -> LatticeFit:
    """No net at all."""
    return fit_lattice([find_spots(np.random.default_rng(3).poisson(1.0, (128, 128)))], 0.0125)


def test_without_network_it_is_the_lattice() -> None:
    """Answers, score and verdict are those of the fit; there is no evidence of a network."""
    verdict = SpotVerdict(_aluminium())
    assert verdict.answers == verdict.of_lattice and verdict.answers[0].label == "225"
    assert sum(answer.probability for answer in verdict.answers) == pytest.approx(1)
    assert verdict.unknown is _aluminium().unknown is False
    assert verdict.unknown_score == unknown_score(_aluminium())
    assert verdict.evidence == {} and verdict.agreement is None
    assert "network" not in spot_reason(verdict)


def test_agreement_is_told() -> None:
    """Probabilities multiply; a network whose best group the lattice allows agrees with it."""
    verdict = SpotVerdict(_aluminium(), "n", {"221": 0.1, "225": 0.9})
    lattice = {answer.label: answer.probability for answer in verdict.of_lattice}
    together = {answer.label: answer.probability for answer in verdict.answers}
    assert together["225"] / together["221"] == pytest.approx(9 * lattice["225"] / lattice["221"])
    assert together["229"] == 0.0
    assert verdict.agreement is True and verdict.prediction_set == ("225",)
    assert spot_reason(verdict).endswith("; the network agrees with 225 (0.90)")
    assert verdict.evidence["network"] == {"model": "n", "silent": False, "probabilities": {"221": 0.1, "225": 0.9}}


def test_disagreement_is_told() -> None:
    """A network that says otherwise is outvoted where the lattice is sure, and named in the reason."""
    verdict = SpotVerdict(_aluminium(), "n", {"225": 0.3, "229": 0.7})
    assert verdict.answers[0].label == "225" and verdict.evidence["agreement"] is False
    assert spot_reason(verdict).endswith("; the network says 229 (0.70), the lattice 225")


def test_silence_is_told() -> None:
    """Nothing changes but the reason and the evidence."""
    verdict, alone = SpotVerdict(_aluminium(), "n"), SpotVerdict(_aluminium())
    assert (verdict.answers, verdict.unknown_score) == (alone.answers, alone.unknown_score)
    assert verdict.evidence == {"network": {"model": "n", "silent": True}, "agreement": None}
    assert spot_reason(verdict) == spot_reason(alone) + "; without camera length the network is silent"


@pytest.mark.parametrize(("chance", "threshold"), [(0.8, 0.9), (0.95, 0.9), (0.95, None)])
def test_a_network_with_others_may_doubt(chance: float, threshold: float | None) -> None:
    """Above its threshold the crystal is unknown, with a score above one and the network in the reason."""
    verdict = SpotVerdict(_aluminium(), "n", {"225": 1 - chance, "other": chance}, threshold)
    unknown = threshold is not None and chance > threshold
    assert verdict.unknown is verdict.doubted is unknown and (verdict.unknown_score > 1) is unknown
    assert ("none of the known groups (0.95)" in spot_reason(verdict)) is unknown
    assert verdict.answers[0].label == "225" and "other" not in {answer.label for answer in verdict.answers}


def test_a_network_cannot_save_what_has_no_net() -> None:
    """Noise stays unknown and has no answers; the reason says what the network alone would have said."""
    verdict = SpotVerdict(_noise(), "n", {"225": 1.0})
    assert verdict.unknown and verdict.unknown_score > 1 and verdict.answers == () and verdict.agreement is None
    assert spot_reason(verdict).endswith("; the network alone says 225 (1.00)")
