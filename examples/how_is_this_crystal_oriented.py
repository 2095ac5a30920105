"""How is this crystal oriented? A noisy pattern of known orientation, matched with simulations of two crystals."""

import torch

import zoneaxis
from zoneaxis.instrument.orientation import euler_to_matrix, misorientation_deg
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.patterns.preprocess import prepare
from zoneaxis.reading.candidates import Candidates
from zoneaxis.reading.match import Matcher
from zoneaxis.techniques.ebsd.library import open_library

SIZE_PX, CENTRE, TRUTH_DEG = 64, (0.5, 0.25, 0.6), [30.0, 40.0, 50.0]

recorded = zoneaxis.simulate(
    "ebsd", "Ni", euler_deg=TRUTH_DEG, shape=SIZE_PX, pattern_centre=CENTRE, degradation="mild", seed=1
)
library = open_library()
masters = {name: library[name].collapsed() for name in ("Ni", "Si")}
symmetry = {name: library[name].symmetry for name in masters}
detector = TiltedDetector((SIZE_PX, SIZE_PX), CENTRE)

matcher = Matcher(Candidates.prepare(masters, symmetry, detector), detector)
match = matcher.match(prepare(torch.from_numpy(recorded["intensity"].values), SIZE_PX))

truth = euler_to_matrix(torch.tensor(TRUTH_DEG).deg2rad())
for number, name in enumerate(match.names):
    away = misorientation_deg(match.orientation[0, number], truth, symmetry[name])
    print(f"{name}: correlation {match.ncc[0, number]:.3f}, {away:.2f} degrees from the truth")
