"""Does the voltage matter? Master patterns of aluminium at two voltages, and how much they differ."""

import numpy as np

import zoneaxis

crystal = zoneaxis.load("Al")
masters = [
    zoneaxis.simulate("ebsd-master", crystal, accelerating_voltage_kv=voltage, half_size=40, escape_length_nm=10.0)
    for voltage in (15.0, 20.0)
]
low, high = (np.asarray(master["intensity"]).ravel() for master in masters)
print(f"correlation of the patterns at 15 and 20 kV: {np.corrcoef(low, high)[0, 1]:.3f}")
