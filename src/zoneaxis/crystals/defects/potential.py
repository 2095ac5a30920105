"""Potential: the door to CHGNet, which gives energies and forces. It is optional: pip install zoneaxis[md]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoneaxis.errors import InputError

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

CHGNET_SOURCE = "CHGNet 0.3.0, Deng et al., Nature Machine Intelligence 5 (2023) 1031"


def chgnet() -> Calculator:
    """The pretrained CHGNet as a calculator of ASE, on the processor.

    Raises InputError where CHGNet is not installed. Source: Deng et al., Nature Machine Intelligence 5 (2023) 1031.
    """
    try:
        from chgnet.model.dynamics import CHGNetCalculator
    except ImportError as error:
        raise InputError("CHGNet is not installed: pip install zoneaxis[md]") from error
    return _quiet(CHGNetCalculator)


def _quiet(maker: Any) -> Calculator:
    """The calculator without the lines that it prints while loading."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()):
        calculator: Calculator = maker(use_device="cpu")
    return calculator
