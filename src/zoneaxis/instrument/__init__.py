"""Instrument floor: beams, detectors, the maps between a sphere and a plane, and noise."""
