"""Spots: positions, centre and the refusal of noise."""

import numpy as np
import pytest
from scipy import ndimage

from tests.techniques.sadp.net_pictures import painted, picture
from zoneaxis.errors import InputError
from zoneaxis.techniques.sadp.spots import find_spots


@pytest.mark.parametrize(("electrons", "limit_px"), [(None, 0.06), (1e7, 0.15), (3e5, 0.4)])
def test_centre_is_found_from_pairs(electrons, limit_px):
    """The hidden centre comes out to a fraction of a pixel, whatever the dose."""
    for crystal, zone in (("Al", (0, 0, 1)), ("Fe", (1, 1, 1)), ("CsCl", (0, 1, 1))):
        image, blocked, centre = picture(crystal, zone, angle_deg=17, offset_px=(2.3, -1.6), electrons=electrons)
        error = np.linalg.norm(find_spots(image, blocked=blocked).centre_px - centre)
        print(f"{crystal} {zone} {electrons}: centre {error:.3f} px off")
        assert error < limit_px


def test_positions_are_sub_pixel():
    """Spots between pixels are placed within 0.05 px, also shown by their root; within 0.08 px when saturated."""
    generator = np.random.default_rng(4)
    true = np.array([[40 + 25 * i, 45 + 30 * j] for i in range(7) for j in range(6)]) + generator.uniform(
        -0.5, 0.5, (42, 2)
    )
    image = painted(true, np.full(42, 100.0))
    for shown, limit_px in ((image, 0.05), (np.sqrt(image), 0.05), (np.minimum(image, 40.0), 0.08)):
        found = find_spots(shown, centre_px=(5.0, 5.0))
        miss = np.linalg.norm(true[:, None] - found.xy_px[None], axis=-1).min(1)
        print(f"{len(found)} spots, worst {miss.max():.3f} px")
        assert miss.max() < limit_px


def test_noise_has_few_spots():
    """Counting noise of any level gives at most a handful of maxima above 5 widths."""
    generator = np.random.default_rng(0)
    for level in (0.5, 5.0, 100.0):
        found = len(find_spots(generator.poisson(level, (256, 256)).astype(float)))
        print(f"{level} electrons a pixel: {found} spots")
        assert found < 40


def test_beam_stop_and_direct_beam_hold_no_spot():
    """Nothing is found under the stop, nor within the radius of the direct beam without one."""
    image, blocked, centre = picture("Al", (0, 0, 1), stop_px=12)
    assert np.linalg.norm(find_spots(image, blocked=blocked).xy_px - centre, axis=1).min() > 12
    image, _, centre = picture("Al", (0, 0, 1), stop_px=0.0)
    assert np.linalg.norm(find_spots(image).xy_px - centre, axis=1).min() > 3.5


def test_saturated_spots_are_one_each():
    """Spots of 2.5 px that are cut at a tenth of their height are found once, within 0.3 px."""
    true = np.array([[50.3 + 40 * i, 45.6 + 40 * j] for i in range(5) for j in range(5)])
    image = np.minimum(painted(true, np.full(25, 100.0), sigma_px=2.5), 10.0)
    found = find_spots(image + np.random.default_rng(0).normal(0, 0.1, image.shape), centre_px=(5.0, 5.0))
    miss = np.linalg.norm(true[:, None] - found.xy_px[None], axis=-1).min(1)
    print(f"{len(found)} spots, worst {miss.max():.3f} px")
    assert len(found) == 25 and miss.max() < 0.3


def test_streak_is_no_row_of_spots():
    """A ripple of 3 % along a streak gives no spot; a spot that stands on the streak is found."""
    y, x = np.mgrid[:256, :256]
    along, across = (x + y - 255) / np.sqrt(2), (x - y) / np.sqrt(2)
    streak = np.exp(-(across**2) / 4) * (1 + 0.03 * np.cos(along)) * np.exp(-np.abs(along) / 60)
    assert len(find_spots(10 * streak, centre_px=(20.0, 235.0))) < 3
    image = 10 * streak + painted([(60.0, 195.0), (200.0, 60.0)], [30.0, 30.0])
    xy = find_spots(image, centre_px=(20.0, 235.0)).xy_px
    assert np.linalg.norm(xy - (60.0, 195.0), axis=1).min() < 0.3
    assert np.linalg.norm(xy - (200.0, 60.0), axis=1).min() < 0.3


def test_beam_stop_is_found_without_a_mask():
    """A black disc with an arm is hidden; a picture without one hides nothing."""
    image, blocked, _ = picture("Al", (0, 0, 1), stop_px=12, electrons=1e7)
    y, x = np.mgrid[:256, :256]
    arm = (np.abs(y - 127.5) < 3) & (x > 127)
    image[arm] = 0
    found = find_spots(image)
    assert found.blocked is not None
    assert found.blocked[blocked].mean() > 0.95
    assert found.blocked[~ndimage.binary_dilation(blocked | arm, iterations=4)].mean() < 0.002
    image, _, _ = picture("Al", (0, 0, 1), stop_px=0.0, electrons=1e7)
    assert find_spots(image).blocked is None


def test_lonely_electrons_are_no_spots():
    """Where one pixel in a hundred is lit, single electrons are not spots; three side by side in a blob are many."""
    image = np.random.default_rng(5).poisson(0.01, (256, 256)).astype(float)
    few = len(find_spots(image))
    image += painted([(80.0, 90.0), (175.0, 165.0)], [4.0, 4.0])
    xy = find_spots(image, centre_px=(127.5, 127.5)).xy_px
    print(f"{few} spots in noise")
    assert few < 15
    assert np.linalg.norm(xy - (80.0, 90.0), axis=1).min() < 1.0


def test_bad_pictures_are_refused():
    """Shape, size, NaN and a mask of another shape are named."""
    with pytest.raises(InputError, match="shape"):
        find_spots(np.zeros((2, 64, 64)))
    with pytest.raises(InputError, match="finite"):
        find_spots(np.full((64, 64), np.nan))
    with pytest.raises(InputError, match="blocked"):
        find_spots(np.zeros((64, 64)), blocked=np.zeros((32, 32)))
