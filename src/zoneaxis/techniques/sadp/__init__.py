"""Selected-area diffraction: spots of a crystal, perfect or with defects, under a parallel beam of fast electrons."""

from zoneaxis.techniques.sadp.experiment import SADPExperiment

__all__ = ["SADPExperiment"]
