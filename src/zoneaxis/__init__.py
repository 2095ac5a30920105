"""Reads electron-diffraction patterns."""
