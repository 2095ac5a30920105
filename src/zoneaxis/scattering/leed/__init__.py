"""Low-energy electron diffraction: potential, phase shifts, lattice sums, layers and their stacking."""
