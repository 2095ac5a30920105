"""Electron back-scatter diffraction: master patterns, their shipped library, detector patterns of an experiment."""

from zoneaxis.techniques.ebsd.library import open_library
from zoneaxis.techniques.ebsd.master import simulate_master, simulate_sector

__all__ = ["open_library", "simulate_master", "simulate_sector"]
