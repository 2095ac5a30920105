"""The tilted detector: its frame, its pixels, its vendors."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoneaxis.errors import InputError
from zoneaxis.instrument.tilted_detector import TiltedDetector, detector_matrix


def test_matrix_rows_by_hand():
    """The rows for 70 degrees of tilt, without and with 10 degrees of camera elevation."""
    a = math.radians(20)
    expected = [[0, 1, 0], [-math.cos(a), 0, math.sin(a)], [math.sin(a), 0, math.cos(a)]]
    torch.testing.assert_close(detector_matrix(70, 0), torch.tensor(expected, dtype=torch.float64))
    expected = [[0, 1, 0], [-math.sqrt(0.75), 0, 0.5], [0.5, 0, math.sqrt(0.75)]]
    torch.testing.assert_close(detector_matrix(70, 10), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("angles", [(70, 0, 0, 0), (70, 5, 3, 0), (60, -3, 0, 2), (70, 1, 2, 3)])
def test_matrix_is_a_rotation(angles):
    """Whatever the angles, the frame stays right-handed and orthonormal."""
    matrix = detector_matrix(*angles)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(3, dtype=torch.float64))
    assert torch.linalg.det(matrix) > 0


def test_azimuth_and_twist():
    """Twist turns the screen in its plane; azimuth leaves Y_d alone."""
    plain, twisted, swung = detector_matrix(70), detector_matrix(70, twist_deg=7), detector_matrix(70, azimuth_deg=7)
    torch.testing.assert_close(twisted[2], plain[2])
    torch.testing.assert_close(swung[1], plain[1])
    assert math.isclose(math.degrees(math.acos(twisted[0] @ plain[0])), 7, abs_tol=1e-6)
    assert math.isclose(math.degrees(math.acos(swung[2] @ plain[2])), 7, abs_tol=1e-6)


def test_directions_meet_the_screen_where_they_should():
    """The pixel under the pattern centre looks along Z_d; the bottom of the screen is nearer to the sample's foot."""
    detector = TiltedDetector((41, 61), (30.5 / 61, 10.5 / 41, 0.6))
    v = detector.directions()
    torch.testing.assert_close(v[10, 30], detector.matrix()[2].float())
    torch.testing.assert_close(v.norm(dim=-1), torch.ones(41, 61))
    half_angle = math.atan(30 / 41 / 0.6)  # columns are as high as rows: 30 px of 1/41 height each
    assert math.isclose(math.acos(float(v[10, 0] @ v[10, 30])), half_angle, abs_tol=1e-5)
    assert v[0, 30, 2] > v[40, 30, 2]  # the top of the screen looks more along the surface normal
    assert v[10, 60, 1] > 0 > v[10, 0, 1]  # columns run along +Y_s


def test_directions_follow_a_given_pattern_centre():
    """A tensor of pattern centres gives the directions of the detectors that have them, with gradients."""
    centres = torch.tensor([[0.5, 0.2, 0.6], [0.45, 0.3, 0.5]], dtype=torch.float64)
    many = TiltedDetector((6, 8)).directions(centres)
    for own, centre in zip(many, centres, strict=True):
        torch.testing.assert_close(own.float(), TiltedDetector((6, 8), tuple(centre.tolist())).directions())
    assert torch.autograd.gradcheck(TiltedDetector((3, 4)).directions, centres.requires_grad_())


@pytest.mark.parametrize("shape", [(480, 640), (640, 480), (50, 50)])
def test_central_square_looks_where_the_cropped_pixels_look(shape):
    """Cutting the central square out of a screen changes no direction."""
    whole = TiltedDetector(shape, (0.45, 0.3, 0.6))
    top, left, short = (shape[0] - min(shape)) // 2, (shape[1] - min(shape)) // 2, min(shape)
    cut = whole.directions()[top : top + short, left : left + short]
    torch.testing.assert_close(whole.square(short).directions(), cut)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.integers(10, 2000),
    cols=st.integers(10, 2000),
    centre=st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5), st.floats(0.1, 2)),
    binning=st.sampled_from([1, 2, 4, 8]),
    version=st.sampled_from([4, 5]),
)
def test_vendor_conventions_there_and_back(rows, cols, centre, binning, version):
    """Bruker to EDAX, Oxford and EMsoft and back is the identity, square screen or not."""
    detector = TiltedDetector((rows, cols), centre)
    shape = (rows, cols)
    edax = TiltedDetector.from_edax(shape, *detector.to_edax())
    oxford = TiltedDetector.from_oxford(shape, *detector.to_oxford())
    emsoft = TiltedDetector.from_emsoft(
        shape, *detector.to_emsoft(50.0, binning, version), 50.0, binning=binning, version=version
    )
    for other in (edax, oxford, emsoft):
        assert other.pattern_centre == pytest.approx(centre, abs=1e-9)


def test_vendor_conventions_by_hand():
    """Known points: the note's EMsoft example of both versions, and a wide screen in EDAX's and Oxford's words."""
    four = TiltedDetector.from_emsoft((480, 640), 20, 20, 15000, 50, version=4)
    five = TiltedDetector.from_emsoft((480, 640), 20, 20, 15000, 50, version=5)
    assert four.pattern_centre == pytest.approx((0.53125, 0.458333, 0.625), abs=1e-6)
    assert five.pattern_centre == pytest.approx((0.46875, 0.458333, 0.625), abs=1e-6)
    assert TiltedDetector.from_edax((480, 640), 0.5, 0.7, 0.6).pattern_centre == pytest.approx((0.5, 0.3, 0.6))
    assert TiltedDetector.from_edax((640, 480), 0.5, 0.7, 0.6).pattern_centre == pytest.approx((0.5, 0.3, 0.45))
    assert TiltedDetector.from_oxford((480, 640), 0.5, 0.6, 0.6).pattern_centre == pytest.approx((0.5, 0.2, 0.8))


@pytest.mark.parametrize(
    "centre", [(0.5, 0.5, 0.0), (0.5, 0.5, 3.5), (2.5, 0.5, 0.5), (0.5, -1.5, 0.5), (0.5, 0.5, math.nan)]
)
def test_impossible_pattern_centres_are_refused(centre):
    """A pattern centre far outside of the detector, or not a number, is one clear line."""
    with pytest.raises(InputError, match="pattern centre"):
        TiltedDetector((60, 60), centre)


def test_other_nonsense_is_refused():
    """Screens without pixels, angles beyond half a turn and unknown programs are refused."""
    with pytest.raises(InputError, match="shape"):
        TiltedDetector((1, 60))
    with pytest.raises(InputError, match="angles"):
        TiltedDetector((60, 60), sample_tilt_deg=700)
    with pytest.raises(InputError, match="version"):
        TiltedDetector.from_emsoft((60, 60), 0, 0, 15000, 50, version=3)
