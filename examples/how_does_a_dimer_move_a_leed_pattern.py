"""How does a dimer move a LEED pattern? Discs of Si(001)-(2x1) before and after the dimer rises by 0.1 Å, and tilts."""

import numpy as np

import zoneaxis

ENERGY_EV = 60.0
DIMERS = {
    "as it is": {},
    "0.1 Å higher": {"dimer_height_angstrom": 0.1},
    "0.1 Å longer": {"dimer_length_angstrom": 0.1},
    "buckled": {"dimer": "buckled"},
}

images = {
    name: zoneaxis.simulate("cbleed", "Si001-2x1", energy_ev=ENERGY_EV, directions=7, **dimer)
    for name, dimer in DIMERS.items()
}
zoneaxis.save(images["buckled"], "buckled.png", overwrite=True)

before = np.sqrt(images["as it is"]["intensity"].values[0])
for name, image in images.items():
    amplitude = np.sqrt(image["intensity"].values[0])
    changed = np.linalg.norm(amplitude / amplitude.max() - before / before.max()) / np.linalg.norm(
        before / before.max()
    )
    left, right = amplitude[:, :64].sum(), amplitude[:, 64:].sum()
    print(f"{name:>13}: changed by {changed:.1%}, left over right {left / right:.2f}")
