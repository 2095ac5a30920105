"""What pattern does a crystal give? Nickel in two orientations, bare and as a camera would record it."""

import zoneaxis

ORIENTATIONS = [[0.0, 0.0, 0.0], [30.0, 40.0, 50.0]]  # Bunge angles in degrees

bare = zoneaxis.simulate("ebsd", "Ni", euler_deg=ORIENTATIONS, shape=128)
recorded = zoneaxis.simulate("ebsd", "Ni", euler_deg=ORIENTATIONS, shape=128, degradation="mild", seed=1)
zoneaxis.save(bare, "bare.png", overwrite=True)
zoneaxis.save(recorded, "recorded.npz", overwrite=True)

electrons = recorded["dose_electrons_per_px"].values
print(
    f"bare: {bare['intensity'].dtype}, recorded: {recorded['intensity'].dtype}, {electrons.round()} electrons a pixel"
)
