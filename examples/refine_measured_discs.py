"""How thick is a measured crystal? LACBED discs of Ge(1-x)Sn(x) [1-10] fitted by dynamical diffraction, in a picture.

    python examples/refine_measured_discs.py [DISCS.npz] [fine]

`fine` bins 2 x 2 pixels and couples enough beams, which takes minutes; without it pixels are binned 6 x 6.
"""

import sys
from pathlib import Path

from pymatgen.core import Lattice, Structure

from zoneaxis import refine

LATTICE, SHARE_OF_TIN, B_ISO = 5.68, 0.03, 0.6
"""Å; the composition is not stated with the data; Å²."""
HALF_WIDTH = 3.73 / LATTICE
"""1/Å, from the distance of the Bragg lines."""
SETTINGS = {
    "coarse": {"bin_px": 6, "grid_px": 40, "beams": 60, "weak_beams": 120, "iterations": 3},
    "fine": {"bin_px": 2, "grid_px": 96, "beams": 130, "weak_beams": 200},
}

beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "lacbed"
path = next((Path(one) for one in sys.argv[1:] if one.endswith(".npz")), beside / "gesn_m110_measured_discs.npz")
fine = "fine" in sys.argv[1:]

if not path.is_file():
    print(f"no measured discs at {path}: name the file, one array a disc, called h,k,l")
else:
    corner = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    positions = corner + [[x + 0.25 for x in position] for position in corner]
    mixed = {"Ge": 1 - SHARE_OF_TIN, "Sn": SHARE_OF_TIN}
    crystal = Structure(Lattice.cubic(LATTICE), [mixed] * 8, positions, site_properties={"b_iso": [B_ISO] * 8})
    found = refine(
        path,
        crystal,
        zone=(1, -1, 0),
        columns=(1, 1, 0),
        accelerating_voltage_kv=200.0,
        half_width_per_angstrom=HALF_WIDTH,
        start={"thickness": 137.0, "absorption": 1.4},
        progress=print if fine else None,
        **SETTINGS["fine" if fine else "coarse"],
    )
    print(found)
    for hkl, before, after in zip(found.hkl, found.zncc_common, found.zncc, strict=True):
        print(f"{hkl}: ZNCC {after:.3f}, {before:.3f} before the disc got its own shift")
    Path("lacbed_refined.png").write_bytes(found.figure())
