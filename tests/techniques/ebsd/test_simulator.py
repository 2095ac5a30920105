"""The EBSD simulator makes checked pattern sets that say how they were made."""

import numpy as np
import pytest
import torch

from zoneaxis.crystals import load
from zoneaxis.errors import InputError
from zoneaxis.instrument.orientation import euler_to_matrix
from zoneaxis.instrument.pattern import project
from zoneaxis.instrument.tilted_detector import TiltedDetector
from zoneaxis.patterns import schema
from zoneaxis.techniques.ebsd import simulator
from zoneaxis.techniques.ebsd.library import open_library
from zoneaxis.techniques.ebsd.master import simulate_master
from zoneaxis.techniques.ebsd.simulator import simulate_ebsd, simulate_ebsd_master
from zoneaxis.techniques.simulate import simulate, simulations

SMALL = {"half_size": 8, "escape_length_nm": 10.0}


def test_pattern_is_the_projected_master():
    """Two roads: the simulator gives what projecting the library's master by hand gives, for each orientation."""
    angles = [[10.0, 20.0, 30.0], [200.0, 100.0, 5.0]]
    patterns = simulate_ebsd("Ni", euler_deg=angles, shape=(20, 30), pattern_centre=(0.4, 0.3, 0.7), sample_tilt_deg=65)
    detector = TiltedDetector((20, 30), (0.4, 0.3, 0.7), sample_tilt_deg=65)
    by_hand = project(open_library()["Ni"].collapsed(), euler_to_matrix(torch.tensor(angles).deg2rad()), detector)
    torch.testing.assert_close(torch.from_numpy(patterns["intensity"].values), by_hand, rtol=1e-4, atol=1e-4)
    stored = np.degrees(np.stack([patterns[f"{name}_rad"] for name in ("phi1", "Phi", "phi2")], -1))
    np.testing.assert_allclose(stored, angles, atol=1e-3)
    assert patterns["crystal"].values.tolist() == ["Ni", "Ni"]
    assert patterns["space_group"].values.tolist() == [225, 225]


def test_conventions_of_the_pattern_centre_agree():
    """The same detector told in the words of each vendor gives the same pattern."""
    detector = TiltedDetector((24, 32), (0.45, 0.3, 0.6))
    told = {
        "bruker": detector.pattern_centre,
        "edax": detector.to_edax(),
        "oxford": detector.to_oxford(),
        "emsoft": detector.to_emsoft(50.0),
    }
    made = [
        simulate_ebsd("Ni", shape=(24, 32), pattern_centre=centre, convention=name, pixel_size_um=50.0)["intensity"]
        for name, centre in told.items()
    ]
    for other in made[1:]:
        np.testing.assert_allclose(other, made[0], rtol=1e-4)


def test_degraded_patterns_are_seeded_and_labelled():
    """One seed gives one set, another another; every parameter that was drawn stands beside the patterns."""
    first, again, other = (simulate_ebsd("Ni", count=3, shape=32, degradation="mild", seed=seed) for seed in (1, 1, 2))
    assert first.identical(again)
    assert not np.array_equal(first["intensity"], other["intensity"])
    assert first["intensity"].dtype == np.uint8
    assert first["intensity"].values.std() > 5
    assert {"gamma", "dose_electrons_per_px", "background_ratio"} <= set(first.coords)
    assert "gamma" not in simulate_ebsd("Ni", shape=32).coords


def test_crystal_outside_the_library_is_simulated(monkeypatch):
    """A structure, another voltage or a finer grid has its own master pattern made, and the patterns say so."""
    asked = []

    def fake(structure, **settings):
        asked.append(settings)
        return open_library()["Al"]

    monkeypatch.setattr(simulator, "simulate_sector", fake)
    assert "shipped library" in simulate_ebsd("Al", shape=24).attrs["provenance"]
    assert not asked
    for specimen, settings in (("Al", {"accelerating_voltage_kv": 15.0}), ("Al", {"half_size": 141}), (load("Al"), {})):
        made = simulate_ebsd(specimen, shape=24, **settings)
        assert asked.pop().items() >= settings.items()
        assert "master pattern of half-size" in made.attrs["provenance"]


def test_own_master_pattern():
    """A crystal at another voltage is simulated over five energies, counted from the first direction to the last."""
    steps = []
    own = simulate_ebsd(
        "Al",
        shape=24,
        half_size=8,
        accelerating_voltage_kv=15.0,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert own.attrs["accelerating_voltage_kv"] == 15.0
    assert own["intensity"].values.std() > 0
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1][0] == steps[-1][1]
    assert steps[-1][1] % 5 == 0


def test_master_as_pattern_set_keeps_every_number():
    """Energies and hemispheres in a row hold the same intensities as the master with its four axes."""
    crystal = load("Al")
    energies = {"energies": [10.0, 15.0, 20.0], **SMALL}
    master, patterns = simulate_master(crystal, **energies), simulate_ebsd_master("Al", **energies)
    schema.check(patterns)
    for number, (energy, hemisphere) in enumerate([(e, h) for e in (0, 1, 2) for h in (0, 1)]):
        np.testing.assert_array_equal(patterns["intensity"][number], master["intensity"][energy, hemisphere])
        assert patterns["beam_energy_ev"][number] == master["beam_energy_ev"][energy]
        assert patterns["weight"][number] == master["weight"][energy]
    assert patterns["hemisphere"].values.tolist() == ["north", "south"] * 3


def test_simulations_are_found_by_name():
    """Every simulation of every technique is called by its name; an unknown one is answered with those there are."""
    assert set(simulations()) >= {"ebsd", "ebsd-master"}
    assert simulate("ebsd", "Ni", shape=16).identical(simulate_ebsd("Ni", shape=16))
    with pytest.raises(InputError, match="'stm'.*ebsd-master"):
        simulate("stm", "Ni")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"shape": 8}, "8 x 8"),
        ({"shape": (16, 5000)}, "5000"),
        ({"count": 0}, "count = 0"),
        ({"count": 10**6}, "generate"),
        ({"euler_deg": [1.0, 2.0]}, "euler_deg"),
        ({"euler_deg": [1.0, 2.0, float("nan")]}, "euler_deg"),
        ({"convention": "tsl"}, "tsl"),
        ({"convention": "emsoft"}, "pixel size"),
        ({"pattern_centre": (0.5, 0.5)}, "three numbers"),
        ({"pattern_centre": (9.0, 0.5, 0.5)}, "pattern centre"),
        ({"degradation": "cruel"}, "cruel"),
    ],
)
def test_nonsense_is_refused(settings, said):
    """Each setting that cannot be is named in one line, before any master pattern is simulated."""
    with pytest.raises(InputError) as caught:
        simulate_ebsd(load("Ni"), **settings)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_master_too_small_for_a_pattern_set():
    """A half size below 8 gives no pattern of 16 pixels."""
    with pytest.raises(InputError, match="half_size = 7"):
        simulate_ebsd_master("Ni", half_size=7)
