"""What is this pattern? Measured nickel patterns read by network and matching, each with its reason."""

import zoneaxis
from zoneaxis.patterns.readers import kikuchipy_sample

for reading in zoneaxis.identify(kikuchipy_sample(), dataset="Scan 1"):
    best = reading.answers[0]
    print(
        f"{reading.index}: space group {best.label} (probability {best.probability:.2f}), set {reading.prediction_set}"
    )
    print(f"   {reading.reason}")
