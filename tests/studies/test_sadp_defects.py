"""The SADP study at its smallest: plans, rows beside controls, both readers together, strangers, verdicts."""

import json

import numpy as np
import pytest
import torch

from zoneaxis import studies
from zoneaxis.report import claims
from zoneaxis.studies.sadp_defects import chapter, gallery, pages, plans, strangers, verdicts
from zoneaxis.studies.sadp_defects.answers import Answers
from zoneaxis.studies.sadp_defects.joint import BOTH, LATTICE, NETWORK, Joint, Weights, joint_rows
from zoneaxis.studies.sadp_defects.lattice import LatticeAnswers
from zoneaxis.studies.sadp_defects.rows import PERFECT, defect_rows, described, find, shortfall
from zoneaxis.studies.scale import settings_of

HOME = studies.HOME / "sadp_defects"
GROUPS = (213, 221, 225, 227, 229)


def fitted(pictures, per_angstrom_per_px, specimen, zone, sizes=(1, 4), seed=0) -> LatticeAnswers:
    """What stands for the lattice fit: every set says 225, the first picture of each specimen is read alone."""
    sets = [(size, name) for size in sizes for name in np.unique(specimen) if np.sum(specimen == name) >= size]
    members = np.full((len(sets), 16), -1)
    for row, (size, name) in zip(members, sets, strict=True):
        row[:size] = np.flatnonzero(specimen == name)[:size]
    flat = np.ones(len(sets))
    return LatticeAnswers(
        size=np.array([size for size, _ in sets]),
        members=members,
        specimen=np.array([name for _, name in sets]),
        probabilities=np.tile([0.05, 0.05, 0.7, 0.05, 0.05], (len(sets), 1)),
        other=0.1 * flat,
        unknown=flat < 0,
        score=np.linspace(0, 1, len(sets)),
        a_angstrom=4 * flat,
        strain=0 * flat,
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One run at the smoke scale: (results, data)."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chapter, "lattice_answers", fitted)
        patch.setattr(gallery, "drawn", lambda seed, size: {"twins.png": b"picture"})
        studies.run("sadp_defects", "smoke", folder / "results", data=folder / "data", workers=1, progress=False)
        yield folder / "results", folder / "data"


def test_every_claim_has_a_value(ran):
    """The run computes a number for every claim, and for nothing else; figures and tables are written."""
    results, _ = ran
    ours = {one["id"]: one["ours"] for one in json.loads((results / "smoke.json").read_text())["claims"]}
    missing = {name for name, value in ours.items() if value is None}
    beyond_smoke = {name for name in ours if name.endswith("_16")} | {"unknown_tetragonal"}
    assert missing <= beyond_smoke | {"metals_twin", "metals_dislocations"}
    written = {path.name for path in (results / "smoke").iterdir()}
    assert {"tables.md", "stretch.png", "shear.png", "pooled.png", "unknown.png", "twins.png"} <= written
    text = (results / "smoke" / "tables.md").read_text()
    for title in ("Paper's protocol", "Honest protocol", "left out", "Unknown crystals", "Bloch waves"):
        assert title in text


def test_models_are_trained_once(ran):
    """A second chapter at the same bench finds every network and every answer."""
    _, data = ran
    settings = settings_of(HOME / "recipe.toml", "smoke")
    again = chapter.Chapter(studies.bench.Bench("sadp_defects", "smoke", settings, data, 1, lambda *_: None))
    assert again.training_jobs() == []
    assert len(again.answers("clean", "validation")) == len(again.listing("validation"))


def test_small_and_full_differ_from_smoke_in_size_alone():
    """All scales have the same models and the same sets of patterns."""
    every = {scale: settings_of(HOME / "recipe.toml", scale) for scale in studies.SCALES}
    assert len({tuple(one["models"]) for one in every.values()}) == 1
    for name in plans.NAMES:
        sets = {tuple(part.name for part in plans.plan(one, name).sets) for one in every.values()}
        assert len(sets) == 1


def answers(family: str, right: float, specimens: int = 4, explicit: bool = False) -> Answers:
    """Specimens of group 225 along four zones, a share of whose pictures are read right, the others as 229."""
    count = 4 * specimens
    said = torch.zeros(count, 5)
    said[:, 4] = 1.0
    chosen = torch.arange(count) % 4 < round(4 * right)
    said[chosen] = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0])
    labels = {
        "specimen": np.repeat(np.arange(specimens), 4),
        "zone": np.tile(np.arange(4), specimens),
        "family": np.full(count, family),
        "strength": np.full(count, 0.0 if family.startswith("perfect") else 0.5),
        "space_group": np.full(count, 225),
        "explicit_atoms": np.full(count, explicit),
    }
    return Answers(said, torch.zeros(count), labels)


def joined(*parts: Answers) -> Answers:
    """Several answers in one listing, specimens numbered on."""
    labels = {name: np.concatenate([part.labels[name] for part in parts]) for name in parts[0].labels}
    labels["specimen"] = np.concatenate([part.labels["specimen"] + 100 * k for k, part in enumerate(parts)])
    return Answers(
        torch.cat([part.probabilities for part in parts]), torch.cat([part.energy for part in parts]), labels
    )


def test_defects_stand_beside_the_control_of_their_renderer():
    """Twins drawn atom by atom are compared with perfect crystals drawn so; heat with those in closed form."""
    controls = joined(answers(PERFECT, 1.0), answers("perfect_atoms", 0.75, explicit=True))
    rows = defect_rows("clean", controls, joined(answers("twin", 0.5, explicit=True), answers("heat", 0.5)))
    twin, heat = find(rows, "twin"), find(rows, "heat")
    assert twin is not None and heat is not None
    assert shortfall(twin, 1) == pytest.approx(25.0) and shortfall(heat, 1) == pytest.approx(50.0)
    assert shortfall(twin, 16) is None
    assert "25" in pages.defects_table(rows) and described("twin", 0.5) in pages.defects_table(rows)


def test_both_readers_together():
    """Where the lattice knows and the network is wrong, the weight of the network falls."""
    listing = answers("twin", 0.0)
    fits = fitted(None, None, listing.labels["specimen"], listing.labels["zone"])
    joint = Joint.of(listing, fits)
    weights = Weights.fit(joint)
    assert weights.at(1) == weights.at(4) == 0.0
    rows = {row.reader: row for row in joint_rows(joint, weights)}
    assert rows[NETWORK].accuracies[0].accuracy == 0.0
    assert rows[LATTICE].accuracies[0].accuracy == rows[BOTH].accuracies[0].accuracy == 1.0


def test_area_under_the_curve():
    """All above is 1, alike is 1/2, ties count half."""
    known, strange = np.arange(10.0), np.arange(20.0, 25.0)
    assert strangers.auroc(known, strange) == 1.0 and strangers.auroc(known, known) == 0.5
    assert strangers.auroc(np.zeros(4), np.zeros(4)) == 0.5
    one = strangers.detection("198", strangers.LATTICE, 4, known, strange, seed=1)
    assert one.low == one.auroc == one.high == 1.0 and one.detected == 1.0


def test_two_scores_together_order_beyond_the_known():
    """A stranger is above all known crystals if either score says so, and further above the further it is."""
    shaping = {strangers.OTHER: np.arange(20.0), strangers.LATTICE: np.arange(20.0)}
    asked = {strangers.OTHER: np.array([5.0, 5.0, 50.0]), strangers.LATTICE: np.array([5.0, 40.0, 80.0])}
    total = strangers.together(shaping, asked)
    assert total[0] < total[1] < total[2]


def test_verdicts_ask_only_for_claims():
    """Every value that verdicts can give is a claim of the file."""
    stated = {claim.id for claim in claims.load(HOME / "claims.toml")}
    named = {*verdicts.PAPER_ROWS, *verdicts.PAPER_MEANS, "paper_ordering", "paper_validation", "renderer_gap"}
    named |= {f"aware_{family}_{pooled}" for family in verdicts.ASKED for pooled in (1, 16)}
    assert named <= stated
