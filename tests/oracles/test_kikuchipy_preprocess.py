"""Background removal and image quality against kikuchipy, an independent code, on the nine measured nickel patterns."""

from pathlib import Path

import h5py
import pytest
import torch

from zoneaxis.patterns.preprocess import image_quality, ncc, remove_dynamic, remove_static

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def nickel(shared: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Raw patterns and static background of the measured file."""
    with h5py.File(shared / "data" / "ebsd" / "patterns.h5") as file:
        scan = file["Scan 1/EBSD"]
        return (
            torch.from_numpy(scan["Data/patterns"][()]).float(),
            torch.from_numpy(scan["Header/static_background"][()]).float(),
        )


@pytest.mark.parametrize("operation", ["subtract", "divide"])
def test_background_removal_agrees(nickel: tuple[torch.Tensor, torch.Tensor], operation: str) -> None:
    """Static, then dynamic removal correlates at least 0.99 with kikuchipy (its window is even, ours odd)."""
    kikuchipy = pytest.importorskip("kikuchipy", reason="kikuchipy is not installed")
    patterns, background = nickel
    signal = kikuchipy.signals.EBSD(patterns.numpy().reshape(3, 3, 60, 60).astype("uint8"))
    signal.static_background = background.numpy().astype("uint8")
    signal.remove_static_background(operation, show_progressbar=False)
    static = torch.from_numpy(signal.data.reshape(9, 60, 60).copy()).float()
    signal.remove_dynamic_background(operation, filter_domain="frequency", show_progressbar=False)
    both = torch.from_numpy(signal.data.reshape(9, 60, 60).copy()).float()

    agreement_static = ncc(remove_static(patterns, background, operation), static).min().item()
    agreement_dynamic = ncc(remove_dynamic(static, operation), both).min().item()
    print(f"{operation}: static {agreement_static:.5f}, dynamic {agreement_dynamic:.5f} (bound 0.99)")
    assert agreement_static >= 0.99
    assert agreement_dynamic >= 0.99


def test_image_quality_agrees(nickel: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Image quality of the corrected patterns agrees within 0.015 (kikuchipy's frequencies start at an offset)."""
    kikuchipy = pytest.importorskip("kikuchipy", reason="kikuchipy is not installed")
    patterns, background = nickel
    corrected = remove_dynamic(remove_static(patterns, background))
    ours = image_quality(corrected)
    signal = kikuchipy.signals.EBSD(corrected.numpy().reshape(3, 3, 60, 60).copy())
    theirs = torch.from_numpy(signal.get_image_quality(normalize=True, show_progressbar=False).reshape(9)).float()
    print(f"ours {ours.min():.3f} to {ours.max():.3f}, kikuchipy {theirs.min():.3f} to {theirs.max():.3f}")
    assert (ours - theirs).abs().max() <= 0.015
