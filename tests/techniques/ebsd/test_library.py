"""Libraries of master patterns: built, taken up again, refused, and the shipped one."""

import numpy as np
import pytest
import torch

from tests.small_world import COARSE, CRYSTALS, hurry, small_library
from zoneaxis.crystals import load, names
from zoneaxis.errors import InputError
from zoneaxis.techniques.ebsd import library
from zoneaxis.techniques.ebsd.library import Physics, build_library, load_master, open_library
from zoneaxis.techniques.ebsd.sector import sector_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A library of three crystals."""
    return small_library(tmp_path_factory.mktemp("library") / "coarse")


def test_what_was_built_is_read(folder):
    """Crystals by name, space groups, five energies with shares of one, layers of mean one."""
    found = open_library(folder)
    assert list(found) == sorted(CRYSTALS)
    assert [found[name].space_group for name in CRYSTALS] == [225, 227, 229]
    for master in found.values():
        assert len(master.energy_kev) == 5
        assert master.weight.sum() == pytest.approx(1.0, abs=1e-5)
        torch.testing.assert_close(master.values.mean(-1), torch.ones(5), rtol=2e-3, atol=0.0)
        assert master.collapsed().shape == (2, 65, 65)
        assert torch.isfinite(master.layers()).all()


def test_an_interrupted_build_goes_on(folder, tmp_path, monkeypatch):
    """What is there stays untouched, what is missing is built, and progress counts both."""
    hurry(monkeypatch)
    kept = tmp_path / "half"
    kept.mkdir()
    for file in ("card.json", "Ni.safetensors"):
        (kept / file).write_bytes((folder / file).read_bytes())
    before = (kept / "Ni.safetensors").stat().st_mtime_ns
    told = []
    build_library(("Ni", "W"), kept, Physics.from_dict(COARSE), progress=lambda *counts: told.append(counts))
    assert told == [(1, 2), (2, 2)]
    assert (kept / "Ni.safetensors").stat().st_mtime_ns == before
    torch.testing.assert_close(
        load_master(kept / "W.safetensors").values, load_master(folder / "W.safetensors").values, rtol=0, atol=0
    )
    assert not list(kept.glob("*.part"))


def test_a_crash_leaves_no_half_file(tmp_path, monkeypatch):
    """When the simulation fails, the folder holds its card and nothing that looks like a master."""

    def fail(*_, **__):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(library, "build_master", fail)
    with pytest.raises(RuntimeError):
        build_library(("Ni",), tmp_path, Physics())
    assert [file.name for file in tmp_path.iterdir()] == ["card.json"]


@pytest.mark.parametrize("change", [{"b_scale": 1.1}, {"half_size": 20}])
def test_another_physics_is_refused(folder, change):
    """A folder holds one physics."""
    before = sorted(file.name for file in folder.iterdir())
    with pytest.raises(InputError, match="another physics"):
        build_library(CRYSTALS, folder, Physics.from_dict(COARSE | change))
    with pytest.raises(InputError, match="another physics"):
        build_library(CRYSTALS, folder, Physics.from_dict(COARSE), seed=1)
    assert sorted(file.name for file in folder.iterdir()) == before


def test_unknown_physics_is_named():
    """A misspelt name is told with the known ones."""
    with pytest.raises(InputError, match="b_scal"):
        Physics.from_dict({"b_scal": 1.1})


@pytest.mark.parametrize("cut", [10, 2000])
def test_truncated_file_is_refused(folder, tmp_path, cut):
    """A file that ends too soon is named."""
    (tmp_path / "Ni.safetensors").write_bytes((folder / "Ni.safetensors").read_bytes()[:cut])
    with pytest.raises(InputError, match="Ni.safetensors") as caught:
        open_library(tmp_path)
    assert "\n" not in str(caught.value)


def test_altered_file_is_refused(folder, tmp_path):
    """One value or one word of the description changed: the file no longer is what its SHA-256 says."""
    content = bytearray((folder / "Ni.safetensors").read_bytes())
    for position in (content.index(b"doubling"), -40):
        altered = bytearray(content)
        altered[position] ^= 1
        (tmp_path / "Ni.safetensors").write_bytes(altered)
        with pytest.raises(InputError, match="altered"):
            load_master(tmp_path / "Ni.safetensors")


def test_foreign_file_is_refused(tmp_path):
    """A safetensors file of another kind, an empty folder and a missing one are told apart from a library."""
    from safetensors.numpy import save_file

    with pytest.raises(InputError, match="no master pattern library"):
        open_library(tmp_path)
    save_file({"values": np.zeros(3, np.float16)}, str(tmp_path / "Ni.safetensors"))
    with pytest.raises(InputError, match="not a readable master pattern"):
        load_master(tmp_path / "Ni.safetensors")
    with pytest.raises(InputError, match="no master pattern library"):
        open_library(tmp_path / "nowhere")


def test_perturbations_change_the_pattern(folder, monkeypatch):
    """A larger B, another depth and another lattice each change the master; the spectrum's weights stay."""
    hurry(monkeypatch)
    reference = load_master(folder / "Ni.safetensors")
    for change in ({"b_scale": 1.3}, {"escape_scale": 0.8}, {"lattice_scale": 1.006}, {"energy_shift_kev": -0.8}):
        other = library.build_master("Ni", Physics.from_dict(COARSE | change))
        np.testing.assert_allclose(other.weight, reference.weight, atol=1e-6)
        assert (other.values - reference.values).abs().max() > 5e-3, change
        assert np.corrcoef(other.values.ravel(), reference.values.ravel())[0, 1] > 0.9, change


def test_shipped_library_holds_the_named_crystals():
    """All 18 crystals of the package, each with the space group of its atoms and shares that sum to one."""
    shipped = open_library()
    assert set(shipped) == set(names())
    assert len(shipped) == 18
    for name, master in shipped.items():
        assert master.space_group == load(name).properties["space_group"]
        assert master.weight.sum() == pytest.approx(1.0, abs=1e-3)
        assert torch.isfinite(master.values).all()
    worst = max(shipped.values(), key=lambda master: master.attributes["beam_error_rms"])
    print(f"largest beam error of a shipped master: {worst.attributes['beam_error_rms']:.4f} rms ({worst.crystal})")


def test_shipped_nickel_is_what_the_code_computes():
    """Forty directions of the shipped nickel, solved again with its stored settings, agree within half precision."""
    from zoneaxis.crystals.cell import centring_translations
    from zoneaxis.scattering.bloch import BeamRule, structure_matrices
    from zoneaxis.scattering.propagate import backscattered_intensity
    from zoneaxis.scattering.reflections import candidate_reflections
    from zoneaxis.scattering.structure_factor import fourier_coefficients

    stored, crystal, physics = open_library()["Ni"], load("Ni"), Physics()
    directions = sector_of(stored.point_group, stored.half_size).directions
    chosen = torch.randperm(len(directions), generator=torch.Generator().manual_seed(0))[:40]
    coefficients = fourier_coefficients(crystal, float(stored.energy_kev[0]))
    hkl = candidate_reflections(coefficients, torch.from_numpy(centring_translations(crystal)))
    rule = BeamRule(
        *stored.attributes["bethe_cutoffs"],
        max_strong=physics.max_strong,
        weak_beams_radiate=physics.weak_beams_radiate,
    )
    again = torch.zeros(40)
    for matrices in structure_matrices(coefficients, hkl, -directions[chosen], rule):
        again[matrices.rows] = backscattered_intensity(matrices, 10.0 * stored.attributes["escape_length_nm"][0])
    ratio = again / stored.values[0, chosen]
    deviation = float((ratio / ratio.mean() - 1.0).abs().max())
    print(f"shipped nickel against its recomputation in 40 directions: at most {deviation:.1e} relative")
    assert deviation < 1.5e-3
