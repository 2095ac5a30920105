"""Convergent-beam diffraction along a zone axis: wide-angle discs of any reflection, and all discs on one detector."""

from zoneaxis.techniques.lacbed.experiment import LACBEDExperiment

__all__ = ["LACBEDExperiment"]
