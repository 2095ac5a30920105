"""Electron back-scatter diffraction: master patterns, detector patterns, the shipped library of masters."""
