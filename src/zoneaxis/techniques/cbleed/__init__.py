"""Convergent-beam LEED: discs of a convergent slow beam on a surface, and I(V) curves, with multiple scattering."""

from zoneaxis.techniques.cbleed.experiment import CBLEEDExperiment
from zoneaxis.techniques.cbleed.layout import DiscLayout
from zoneaxis.techniques.cbleed.physics import Physics

__all__ = ["CBLEEDExperiment", "DiscLayout", "Physics"]
