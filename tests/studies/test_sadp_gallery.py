"""Gallery of the SADP study: every page is drawn, and circles stand where spots are."""

import numpy as np
import pytest

from zoneaxis.crystals.defects.twin_law import twin_law
from zoneaxis.errors import InputError
from zoneaxis.studies.sadp_defects import gallery
from zoneaxis.studies.sadp_defects.gallery import Panel

PNG = b"\x89PNG\r\n"


def test_all_pages_are_drawn() -> None:
    """At the size of a trial run every page is a PNG of some kilobytes."""
    pages = gallery.drawn(seed=3, size_px=gallery.SMALLEST_PX)
    assert list(pages) == [
        "strain.png",
        "shear.png",
        "heat.png",
        "point_defects.png",
        "dislocations.png",
        "twins.png",
    ]
    assert all(content.startswith(PNG) and len(content) > 10_000 for content in pages.values())
    print(f"pages of {', '.join(f'{len(content) // 1000}' for content in pages.values())} kB")


def test_the_same_seed_gives_the_same_page() -> None:
    """Byte for byte, displaced atoms included."""
    rows = [("Al", [Panel("Al", "warm", ("heat:temperature_k=300",))])]
    first, second, other = (gallery._page(rows, seed, gallery.SMALLEST_PX) for seed in (3, 3, 4))
    assert first == second
    assert first != other


@pytest.mark.parametrize(("crystal", "system"), [("Al", "fcc"), ("Fe", "bcc")])
def test_twin_spots_lie_where_the_twin_is_bright(crystal: str, system: str) -> None:
    """At circles of the twin alone the twinned pattern is bright and the pristine one is not."""
    law, size = twin_law(system), 128
    pristine = Panel(crystal, "", (), law.seen_along)
    twinned = Panel(crystal, "", (f"twin:law={system}",), law.seen_along)
    matrix, twin = gallery._spots(twinned, size), gallery._spots(twinned, size, law)
    apart = np.linalg.norm(matrix[:, None] - twin[None], axis=-1).min(0)
    inside = (np.abs(twin - size / 2).max(1) < 0.35 * size) & (apart > 4)
    patterns = [gallery._pattern(panel, 3, size) for panel in (twinned, pristine)]
    bright, dark = (
        np.median([gallery._around(pattern, place, size) for place in twin[inside]]) for pattern in patterns
    )
    print(f"{crystal}: {inside.sum()} twin spots, {bright / dark:.1f} times as bright as the same places when pristine")
    assert inside.sum() >= 4
    assert bright > 2 * dark


def test_axes_are_printed_with_bars() -> None:
    """Negative indices have a bar over them."""
    assert gallery.zone_text((1, -1, 0)) == r"$[1\overline{1}0]$"


def test_too_small_pictures_are_refused() -> None:
    """Below 32 px there are no spots to be seen."""
    with pytest.raises(InputError, match="at least 32"):
        gallery.drawn(0, 16)
