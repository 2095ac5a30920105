"""Matching: the right crystal at the right orientation, whatever the symmetry; and what verify makes of it."""

from dataclasses import replace

import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.instrument.orientation import misorientation_deg
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.reading.candidates import Candidates
from zoneaxis.reading.dictionary import Dictionary, coarse
from zoneaxis.reading.match import Match, Matcher
from zoneaxis.reading.pattern_centre import find_pattern_centre
from zoneaxis.reading.verify import verify


@pytest.fixture(scope="module")
def candidates(masters, symmetry, detector) -> Candidates:
    """All three crystals."""
    return Candidates.prepare(masters, symmetry, detector)


@pytest.fixture(scope="module")
def matcher(candidates, detector) -> Matcher:
    """A matcher with a coarser dictionary than usual, for speed."""
    return Matcher(candidates, detector, step_deg=5.0)


@pytest.mark.parametrize("name", ["wide", "narrow", "tetragonal"])
def test_right_crystal_right_orientation(name, matcher, noisy, symmetry):
    """With as much noise as signal every pattern is given to its crystal, at its orientation."""
    patterns, truth = noisy(name)
    match = matcher.match(patterns)
    own = match.names.index(name)
    off = misorientation_deg(match.orientation[:, own], truth, symmetry[name])
    others = [i for i in range(3) if i != own]
    margin = match.ncc[:, own] - match.ncc[:, others].amax(dim=1)
    print(
        f"{name}: largest error {off.max():.2f} degrees, "
        f"NCC {match.ncc[:, own].mean():.3f}, least margin {margin.min():.3f}"
    )
    assert off.max() < 1.0
    assert (match.ncc.argmax(dim=1) == own).all()


def test_dictionary_entries_match_themselves(candidates, detector):
    """An entry proposes itself first, with NCC 1, and entries have unit norm."""
    names, operations = candidates.by_symmetry()[0]
    dictionary = Dictionary.build(
        {name: candidates.coarse[name] for name in names}, operations, detector, step_deg=12.0
    )
    value, orientation = dictionary.propose(dictionary.entries[1, 5:8], k=2)
    torch.testing.assert_close(value[1, :, 0], torch.ones(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(orientation[1, :, 0], dictionary.orientations[5:8])
    torch.testing.assert_close(dictionary.entries.norm(dim=-1), torch.ones(dictionary.entries.shape[:2]))


def test_coarse_vectors_ignore_gain_offset_and_slope():
    """What is slower than a band does not reach the dictionary."""
    pattern = torch.randn(3, 48, 48, generator=torch.Generator().manual_seed(0))
    ramp = torch.linspace(-1, 1, 48)[:, None]
    alike = (coarse(pattern) * coarse(5 * pattern + 3 + 0.5 * ramp)).sum(-1)
    assert alike.min() > 0.95


def test_symmetries_are_kept_apart(candidates):
    """The cubic pair shares a dictionary, the tetragonal crystal has its own."""
    assert [names for names, _ in candidates.by_symmetry()] == [["wide", "narrow"], ["tetragonal"]]


def test_tolerance_refines_the_pattern_centre(candidates, detector, noisy):
    """With a pattern centre 0.04 off, letting it move raises the NCC and brings the pattern centre back."""
    patterns, _ = noisy("wide")
    x, y, z = detector.pattern_centre
    off = replace(detector, pattern_centre=(x + 0.04, y, z - 0.03))
    fixed, free = (Matcher(candidates, off, tolerance, step_deg=5.0).match(patterns) for tolerance in (0.0, 0.08))
    assert free.ncc[:, 0].mean() > fixed.ncc[:, 0].mean() + 0.05
    error = (free.pattern_centre[:, 0] - torch.tensor([x, y, z])).abs().median(dim=0).values
    print(f"pattern centre from 0.04 off: median error {error.tolist()}")
    assert error.max() < 0.015


def test_unknown_pattern_centre_is_found(candidates, detector, noisy):
    """From a coarse set of pattern centres, none of them right, the scan's pattern centre is found."""
    patterns, _ = noisy("wide")
    centres = ((0.5, 0.15, 0.5), (0.5, 0.3, 0.6), (0.5, 0.15, 0.7))
    steps: list[int] = []
    found = find_pattern_centre(
        patterns, candidates, TiltedDetector(detector.shape), centres, lambda done, _: steps.append(done)
    )
    error = torch.tensor(found.of_scan()) - torch.tensor(detector.pattern_centre)
    print(f"unknown pattern centre: error {[round(e, 4) for e in error.tolist()]}")
    assert error.abs().max() < 0.015 and steps == [1, 2, 3]


def test_progress_is_told_and_results_do_not_depend_on_company(matcher, noisy):
    """A pattern gets the same answer alone and among others."""
    patterns, _ = noisy("wide")
    calls: list[tuple[int, int]] = []
    together = matcher.match(patterns, progress=lambda done, n: calls.append((done, n)))
    alone = matcher.match(patterns[3:4])
    torch.testing.assert_close(alone.ncc[0], together.ncc[3], atol=2e-3, rtol=0)
    assert calls == [(6, 6)]


def test_bad_input_is_refused(matcher, candidates, masters):
    """Wrong shapes, NaN, no crystal, no symmetry, an oblong screen: one line each."""
    size = matcher.detector.shape[0]
    with pytest.raises(InputError, match="detector"):
        matcher.match(torch.zeros(1, size + 1, size + 1))
    with pytest.raises(InputError, match="finite"):
        matcher.match(torch.full((1, size, size), torch.nan))
    with pytest.raises(InputError, match="no crystal"):
        Candidates.prepare({}, {}, matcher.detector)
    with pytest.raises(InputError, match="symmetry"):
        Candidates.prepare(masters, {}, matcher.detector)
    with pytest.raises(InputError, match="square"):
        Matcher(candidates, TiltedDetector((48, 60)))


def _made_up(ncc: list[float]) -> Match:
    n = len(ncc)
    likeness = torch.full((1, n, n), 0.5)
    likeness[0].fill_diagonal_(1)
    likeness[0, 0, 1] = likeness[0, 1, 0] = 0.99
    names = tuple("abcdef"[:n])
    return Match(names, torch.tensor([ncc]), torch.eye(3).expand(1, n, 3, 3), torch.zeros(1, n, 3), likeness)


def test_groups_are_compared_by_their_best_crystal():
    """Best group, its speaker, its margin over the next group, and who is within reach."""
    verification = verify(_made_up([0.60, 0.59, 0.40, 0.45]), {"a": "225", "b": "221", "c": "225", "d": "229"})
    assert verification.groups == ("221", "225", "229")
    assert verification.groups[verification.best[0]] == "225"
    assert verification.crystal[0].tolist() == [1, 0, 3]
    assert verification.margin.item() == pytest.approx(0.01, abs=1e-5)
    assert verification.likeness[0].tolist() == pytest.approx([0.99, 1.0, 0.5], abs=1e-5)
    assert verification.compatible(0.02) == [("225", "221")]
    significance = verification.significance(1000)[0]
    assert significance[1] == 0 and significance[2] > significance[0] > 0


def test_one_group_alone_and_missing_groups():
    """With nothing to compete, the margin is the NCC; a crystal without a group is refused."""
    assert verify(_made_up([0.6, 0.5]), {"a": "x", "b": "x"}).margin.item() == pytest.approx(0.6)
    with pytest.raises(InputError, match="group"):
        verify(_made_up([0.6, 0.5]), {"a": "x"})
