"""The spot reader: pictures of one crystal to a group, a lattice parameter, and words for what stays open."""

import functools

import numpy as np
import pytest
import torch

from tests.small_spots import save_model
from tests.techniques.sadp.net_pictures import CRYSTALS, picture
from zoneaxis.crystals import load
from zoneaxis.errors import InputError
from zoneaxis.instrument.diffraction_camera import DiffractionCamera
from zoneaxis.patterns.schema import pattern_set
from zoneaxis.reading.camera_scale import camera_scales
from zoneaxis.reading.spot_reader import SpotReader, binned
from zoneaxis.recipes.sadp_input import through_camera
from zoneaxis.scattering.electron import wavelength_angstrom
from zoneaxis.techniques.sadp.experiment import SADPExperiment

STEP = 0.0125
ZONES = ((0, 0, 1), (0, 1, 1), (0, 1, 3))


@functools.cache
def pictures(crystal, zones=ZONES):
    """Pictures (n, rows, cols) of one crystal, each turned by another angle, without beam stop."""
    return np.stack(
        [
            picture(crystal, zone, angle_deg=20 + 35 * n, electrons=3e6, stop_px=0.0, seed=n)[0]
            for n, zone in enumerate(zones)
        ]
    )


def test_pictures_of_one_crystal_share_an_answer():
    """Every picture of a file has the crystal's answers, values and reason, and a zone of its own."""
    readings = SpotReader().read("al.npz", pictures("Al"), [STEP] * 3)
    assert [reading.index for reading in readings] == [0, 1, 2]
    assert len({reading.answers for reading in readings}) == 1
    first = readings[0]
    assert first.answers[0].label == "225" and not first.unknown and first.unknown_score < 1
    assert sum(answer.probability for answer in first.answers) == pytest.approx(1)
    assert {answer.label for answer in first.answers} == {"213", "221", "225", "227", "229"}
    a = first.values["lattice_parameter_angstrom"]
    assert abs(a.value - CRYSTALS["Al"][0]) < 4 * a.uncertainty + 1e-3
    assert a.unit == "Å" and 0 < a.uncertainty < 0.02
    strain = first.values["net_strain_percent"]
    assert 0 <= strain.value < 3 * strain.uncertainty
    assert [reading.evidence["picture"]["zone"] for reading in readings] == [list(zone) for zone in ZONES]


def test_reason_names_class_groups_and_zones():
    """The reason holds the class, all groups that share its absences, the zones, and what is not told apart."""
    (first, *_) = SpotReader().read("al.npz", pictures("Al"), [STEP] * 3)
    for word in ("196, 202, 209, 216, 225", "[001] [011] [013]", "do not tell these groups apart"):
        assert word in first.reason
    assert first.evidence["lattice"]["groups"]["F"] == [196, 202, 209, 216, 225]


def test_prediction_set_is_the_smallest_that_holds_the_coverage():
    """One undecided picture ([111]: all nets alike) lists several groups; several pictures one."""
    (alone,) = SpotReader().read("al.npz", pictures("Al", ((1, 1, 1),)), [None])
    held = [answer.probability for answer in alone.answers if answer.label in alone.prediction_set]
    assert len(held) > 1
    assert sum(held) >= 0.95 > sum(held) - min(held)
    assert SpotReader().read("al.npz", pictures("Al"), [STEP] * 3)[0].prediction_set == ("225",)


def test_without_camera_there_is_no_lattice_parameter():
    """The group is the same, the value is left out and the reason says why."""
    (first, *_) = SpotReader().read("al.npz", pictures("Al"), [None] * 3)
    assert first.answers[0].label == "225"
    assert set(first.values) == {"net_strain_percent"}
    assert "without camera length" in first.reason


def test_each_alone_reads_crystals_apart():
    """Two crystals in one file come out as themselves when each picture stands alone."""
    mixed = np.concatenate([pictures("Al", ((0, 1, 3),)), pictures("CsCl", ((0, 1, 3),))])
    readings = SpotReader().read("two.npz", mixed, [STEP, STEP], each_alone=True)
    assert [reading.answers[0].label for reading in readings] == ["225", "221"]
    assert readings[0].values != readings[1].values


def test_picture_without_net_is_unknown():
    """Noise has no answers, no values, and says that no net was seen."""
    noise = np.random.default_rng(3).poisson(1.0, (1, 128, 128))
    (reading,) = SpotReader().read("noise.npz", noise, [STEP])
    assert reading.unknown and reading.unknown_score > 1
    assert reading.answers == () and reading.prediction_set == () and reading.values == {}
    assert "no picture shows a net" in reading.reason
    assert reading.to_json()["evidence"]["picture"]["zone"] is None


def test_large_pictures_are_binned_and_the_scale_with_them():
    """Four times the pixels and a quarter of the scale give the same lattice parameter to 0.3 %."""
    small = SpotReader().read("s", pictures("Al"), [STEP] * 3)[0]
    large = np.repeat(np.repeat(pictures("Al"), 4, axis=1), 4, axis=2)
    found = SpotReader().read("l", large, [STEP / 4] * 3)[0]
    name = "lattice_parameter_angstrom"
    assert found.values[name].value == pytest.approx(small.values[name].value, rel=3e-3)
    assert binned(np.arange(30.0).reshape(5, 6), 2).tolist() == [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]


def test_a_network_can_speak_too():
    """Its probabilities multiply those of the lattices, and stand in the evidence."""
    taken = []

    def proposer(given, scales, centres_px):
        taken.append((given[0].shape, scales, len(centres_px[0])))
        return {"221": 0.9, "225": 0.1}

    (reading,) = SpotReader(proposer, model="n").read("al.npz", pictures("Al", ((1, 1, 1),)), [None])
    (alone,) = SpotReader().read("al.npz", pictures("Al", ((1, 1, 1),)), [None])
    chance = {answer.label: answer.probability for answer in alone.answers}
    told = {answer.label: answer.probability for answer in reading.answers}
    assert taken == [((256, 256), [None], 2)]
    assert told["221"] / told["225"] == pytest.approx(9 * chance["221"] / chance["225"])
    assert told["229"] == 0
    assert reading.evidence["network"] == {
        "model": "n",
        "silent": False,
        "probabilities": {"221": 0.9, "225": 0.1},
    }
    assert reading.evidence["agreement"] is True and reading.model == "n"
    assert "the network agrees with 221 (0.90)" in reading.reason
    assert reading.evidence["lattice"]["probabilities"]["221"] > 0 and "network" not in alone.evidence


def test_opened_with_a_model_and_without(tmp_path, monkeypatch):
    """A folder, the shipped model where there is one, and the lattice alone; other techniques are refused."""
    folder = save_model(tmp_path / "toy")
    reader = SpotReader.open(folder)
    assert (reader.model, reader.other_threshold) == ("toy-spots", 0.9)
    (reading,) = reader.read("al.npz", pictures("Al", ((1, 1, 1),)), [STEP])
    assert set(reading.evidence["network"]["probabilities"]) == {"213", "221", "225", "other"}
    assert SpotReader.open("lattice-fit") == SpotReader()
    monkeypatch.setattr("zoneaxis.reading.spot_reader.shipped_default", lambda technique: None)
    assert SpotReader.open() == SpotReader()
    monkeypatch.setattr("zoneaxis.reading.spot_reader.shipped_default", lambda technique: folder)
    assert SpotReader.open().model == "toy-spots"
    with pytest.raises(InputError, match="it reads cbleed, not sadp"):
        SpotReader.open("cbleed-si001")


def test_bad_pictures_are_refused():
    """Too small, and a wrong number of scales."""
    with pytest.raises(InputError, match=r"a\.png: pictures of 40 x 80 px"):
        SpotReader().read("a.png", np.zeros((1, 40, 80)), [None])
    with pytest.raises(InputError, match="2 scales for 1 pictures"):
        SpotReader().read("a.png", np.zeros((1, 80, 80)), [None, None])


def test_camera_scale_by_hand_by_file_and_by_geometry():
    """What is stated by hand wins; then the label; then pixel over camera length and wavelength; else nothing."""
    images = np.zeros((2, 64, 64), np.float32)

    def made(labels=None, **attributes):
        return pattern_set(images, labels or {}, technique="sadp", provenance="made up", **attributes)

    geometry = {"accelerating_voltage_kv": 200.0, "camera_length_mm": 320.0, "pixel_mm": 0.1}
    assert camera_scales(made(**geometry), 0.01) == [0.01, 0.01]
    assert camera_scales(made({"per_angstrom_per_px": np.array([0.01, 0.02])}, **geometry)) == [0.01, 0.02]
    expected = 0.1 / (320.0 * wavelength_angstrom(200.0))
    assert camera_scales(made(**geometry)) == pytest.approx([expected] * 2)
    assert camera_scales(made(accelerating_voltage_kv=200.0)) == [None, None]
    with pytest.raises(InputError, match="per_angstrom_per_px = -1"):
        camera_scales(made(), -1.0)
    with pytest.raises(InputError, match=r"f\.npz: camera_length_mm = 0"):
        camera_scales(made(**geometry | {"camera_length_mm": 0.0}), None, "f.npz")


def test_small_pictures_are_told_in_their_own_pixels():
    """A picture of 128 px is magnified to find its spots; centre and net are told in its own pixels all the same."""
    experiment = SADPExperiment.of((0, 0, 1), size_px=128, camera_length_mm=320.0)
    ideal = experiment.perfect(load("Al"), (20, 20, 20))[None]
    seen = through_camera(ideal, DiffractionCamera.laboratory(), torch.Generator().manual_seed(1)).numpy()
    step = experiment.detector.step_per_angstrom
    (reading,) = SpotReader().read("al.npz", seen, [step])
    told = reading.evidence["picture"]
    assert told["centre_px"] == pytest.approx([63.5, 63.5], abs=3)
    assert min(told["net"]["lengths_px"]) == pytest.approx(2 / 4.05 / step, rel=0.03)
