"""Crystals from CIF files: good ones, disordered ones, rounded ones and impossible ones."""

import math
import warnings

import numpy as np
import pytest

from zoneaxis import crystals
from zoneaxis.errors import InputError

MAGNESIUM = """data_Mg
_chemical_formula_sum Mg
_cell_length_a 3.2093(2)
_cell_length_b 3.2093
_cell_length_c 5.2103
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_symmetry_space_group_name_H-M 'P 63/m m c'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
_atom_site_B_iso_or_equiv
Mg1 0.3333 0.6667 0.25 1 1.2
"""
CUBE = MAGNESIUM.replace("3.2093(2)", "3").replace("3.2093", "3").replace("5.2103", "3").replace(" 120", " 90")
CUBE = (
    CUBE.replace("P 63/m m c", "P m -3 m")
    .replace("Mg1 0.3333 0.6667 0.25 1 1.2\n", "")
    .replace("_chemical_formula_sum Mg\n", "")
)


def read(tmp_path, text, name="crystal.cif"):
    path = tmp_path / name
    path.write_text(text)
    return crystals.load(path)


def test_rounded_coordinates_are_moved_onto_the_special_position(tmp_path):
    """0.3333, 0.6667 means 1/3, 2/3: two atoms, exactly placed, and space group 194."""
    structure = read(tmp_path, MAGNESIUM)
    assert structure.composition.formula == "Mg2"
    assert structure.properties == {"name": "crystal", "space_group": 194, "source": "crystal.cif"}
    np.testing.assert_allclose(np.sort(structure.frac_coords[:, 0]), [1 / 3, 2 / 3], atol=1e-12)
    assert structure.site_properties["b_iso"] == [1.2, 1.2]
    assert structure.lattice.a == pytest.approx(3.2093)


def test_u_becomes_b(tmp_path):
    """B = 8 pi² U."""
    structure = read(tmp_path, MAGNESIUM.replace("B_iso_or_equiv", "U_iso_or_equiv").replace(" 1.2\n", " 0.0152(3)\n"))
    assert structure.site_properties["b_iso"][0] == pytest.approx(8 * math.pi**2 * 0.0152)


def test_anisotropic_tensor_becomes_its_equivalent(tmp_path):
    """An isotropic tensor written in hexagonal axes (U12 = U11/2) gives back the same U."""
    tensor = "loop_\n_atom_site_aniso_label\n" + "".join(
        f"_atom_site_aniso_U_{ij}\n" for ij in ("11", "22", "33", "12", "13", "23")
    )
    structure = read(tmp_path, MAGNESIUM.replace(" 1.2\n", " ?\n") + tensor + "Mg1 0.02 0.02 0.02 0.01 0 0\n")
    assert structure.site_properties["b_iso"][0] == pytest.approx(8 * math.pi**2 * 0.02)
    uneven = read(tmp_path, MAGNESIUM.replace(" 1.2\n", " ?\n") + tensor + "Mg1 0.02 0.02 0.05 0.01 0 0\n")
    assert uneven.site_properties["b_iso"][0] == pytest.approx(8 * math.pi**2 * 0.03)


def test_assumed_b_is_said(tmp_path):
    """Without displacement parameters B = 0.5 Å², with a warning and a record."""
    with pytest.warns(UserWarning, match=r"no displacement parameter for Mg1: B = 0.5"):
        structure = read(tmp_path, MAGNESIUM.replace(" 1.2\n", " .\n"))
    assert structure.site_properties["b_iso"] == [0.5, 0.5]
    assert structure.properties["b_iso_assumed"] == ["Mg1"]


def test_shared_site(tmp_path):
    """Two elements listed at one place become one disordered site; its B is the mean weighted by share."""
    structure = read(tmp_path, CUBE + "Fe1 0 0 0 0.667 0.3\nAl1 0 0 0.0001 0.334 0.6\nNi1 0.5 0.5 0.5 1 0.4\n")
    assert len(structure) == 2
    assert structure.composition.num_atoms == pytest.approx(2)
    assert structure[0].species["Al"] == pytest.approx(0.334 / 1.001)
    assert structure.site_properties["b_iso"][0] == pytest.approx((0.667 * 0.3 + 0.334 * 0.6) / 1.001)
    assert structure.properties["space_group"] == 221


def test_vacancies_and_split_atoms_are_possible(tmp_path):
    """A site may be partly empty, and half atoms may lie closer than a bond."""
    structure = read(tmp_path, CUBE + "Fe1 0 0 0 0.9 0.3\nO1 0.45 0.5 0.5 0.16 0.3\n")
    assert structure.composition.as_dict() == pytest.approx({"Fe": 0.9, "O": 6 * 0.16})


def test_listed_operations_come_before_names(tmp_path):
    """The list of operations is what counts: with identity alone the cell holds what is listed."""
    operations = "loop_\n_space_group_symop_operation_xyz\nx,y,z\n"
    assert len(read(tmp_path, MAGNESIUM + operations)) == 1


@pytest.mark.parametrize(("label", "element"), [("FE1", "Fe"), ("Oh2", "O"), ("CA", "Ca"), ("D3", "H"), ("Ni2+", "Ni")])
def test_element_from_label(tmp_path, label, element):
    """Labels in the habits of different databases name their element."""
    assert read(tmp_path, CUBE + f"{label} 0 0 0 1 0.3\n").composition.elements[0].symbol == element


def test_formula_decides_between_readings_of_a_label(tmp_path):
    """CO1 is cobalt, unless the formula holds carbon and no cobalt."""
    assert read(tmp_path, CUBE + "CO1 0 0 0 1 0.3\n").composition.formula == "Co1"
    assert (
        read(
            tmp_path, CUBE.replace("data_Mg\n", "data_x\n_chemical_formula_sum 'C O'\n") + "CO1 0 0 0 1 0.3\n"
        ).composition.formula
        == "C1"
    )


IMPOSSIBLE = {
    "empty": ("  \n", "the file is empty"),
    "text": ("a shopping list\n", "not a CIF file"),
    "cut off": (MAGNESIUM[: MAGNESIUM.rindex("1 1.2")], "not a CIF file"),
    "no cell": (MAGNESIUM.replace("_cell_length_a", "_cell_length_x"), "no cell"),
    "no c": (MAGNESIUM.replace("_cell_length_c", "_cell_length_x"), "_cell_length_c is missing"),
    "negative length": (MAGNESIUM.replace("5.2103", "-5.2103"), "_cell_length_c is -5.2103"),
    "NaN length": (MAGNESIUM.replace("5.2103", "nan"), "_cell_length_c is nan"),
    "in metres": (MAGNESIUM.replace("5.2103", "52103"), "_cell_length_c is 52103"),
    "angle": (MAGNESIUM.replace(" 120", " 190"), "_cell_angle_gamma is 190"),
    "no volume": (MAGNESIUM.replace("_cell_angle_alpha 90", "_cell_angle_alpha 30"), "enclose no volume"),
    "no atoms": (MAGNESIUM[: MAGNESIUM.index("loop_")], "no atoms"),
    "all empty": (MAGNESIUM.replace("0.25 1 1.2", "0.25 0 1.2"), "occupancy above 0"),
    "NaN coordinate": (MAGNESIUM.replace("0.3333", "nan"), "atom Mg1 has coordinates nan"),
    "no coordinate": (MAGNESIUM.replace("0.3333", "?"), "atom Mg1 has coordinates"),
    "occupancy": (MAGNESIUM.replace("0.25 1 1.2", "0.25 1.5 1.2"), "atom Mg1 has occupancy 1.5"),
    "negative occupancy": (MAGNESIUM.replace("0.25 1 1.2", "0.25 -1 1.2"), "atom Mg1 has occupancy -1"),
    "negative B": (MAGNESIUM.replace(" 1.2\n", " -1.2\n"), "atom Mg1 has B = -1.2"),
    "B no number": (MAGNESIUM.replace(" 1.2\n", " soft\n"), "displacement parameter soft"),
    "element": (CUBE + "Xx1 0 0 0 1 0.3\n", "'Xx1' names no element"),
    "element and formula": (MAGNESIUM.replace("Mg1", "Wat"), "'Wat' names no element of the formula Mg"),
    "same place": (CUBE + "Fe1 0 0 0 1 0.3\nAl1 0 0 0 1 0.3\n", "occupancies sum to 2"),
    "listed twice": (CUBE + "Fe1 0 0 0 1 0.3\nFe2 0 0 0 1 0.3\n", "atoms Fe1 and Fe2 lie at the same place"),
    "overlap": (CUBE + "Fe1 0 0 0 1 0.3\nAl1 0.1 0 0 1 0.3\n", "atoms Fe1 and Al1 overlap: 0.30 Å apart"),
    "tiny cell": (CUBE.replace("_length_c 3", "_length_c 0.3") + "Fe1 0 0 0 1 0.3\n", "overlap"),
    "no symmetry": (MAGNESIUM.replace("_symmetry_space_group_name_H-M", "_x"), "no symmetry"),
    "unknown group": (MAGNESIUM.replace("P 63/m m c", "P 99"), "space group 'P 99' is not known"),
    "operation": (MAGNESIUM + "loop_\n_space_group_symop_operation_xyz\nx,y,z\n'x,y,up'\n", "x,y,up"),
    "flattening operation": (
        MAGNESIUM + "loop_\n_space_group_symop_operation_xyz\nx,y,z\n'x,x,z'\n",
        "does not keep volumes",
    ),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_impossible_file(tmp_path, case):
    """Every impossible file gets one line that names the file and the fault."""
    text, fault = IMPOSSIBLE[case]
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, "bad.cif")
    message = str(caught.value)
    assert fault in message
    assert message.startswith("bad.cif: ")
    assert "\n" not in message


def test_missing_file_folder_and_binary(tmp_path):
    """A file that is not there, a folder, and bytes that are no text are refused in one line."""
    with pytest.raises(InputError, match=r"gone\.cif: no such file"):
        crystals.load(str(tmp_path / "gone.cif"))
    with pytest.raises(InputError, match="is not a file"):
        crystals.load(tmp_path)
    (tmp_path / "image.cif").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe")
    with pytest.raises(InputError, match="not a CIF file"):
        crystals.load(tmp_path / "image.cif")


def test_the_first_of_several_crystals_is_read(tmp_path):
    """Two crystals in one file: the first is read and a warning names the other."""
    with pytest.warns(UserWarning, match=r"holds 2 crystals; reading Mg, not Other"):
        structure = read(tmp_path, MAGNESIUM + MAGNESIUM.replace("data_Mg", "data_Other").replace("5.2103", "9"))
    assert structure.lattice.c == pytest.approx(5.2103)


def test_all_entries_of_the_collection(shared):
    """All 88 files load with the space group and the composition that their table states."""
    folder = shared / "data" / "cif"
    rows = [
        line.strip("|").split("|")
        for line in (folder / "SOURCES.md").read_text().splitlines()
        if line.startswith("| `")
    ]
    wrong = []
    for row in rows:
        file, formula, number = row[0].strip(" `"), row[2].strip(), int(row[3])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            structure = crystals.load(folder / file)
        elements = sorted(word.rstrip("0123456789") for word in formula.split())
        if (
            structure.properties["space_group"] != number
            or sorted(e.symbol for e in structure.composition.elements) != elements
        ):
            wrong.append((file, number, structure.properties["space_group"], structure.composition.formula))
        if crystals.is_centrosymmetric(structure):
            assert crystals.origin_on_centre(crystals.centre_origin(structure)), file
    print(f"{len(rows) - len(wrong)} of {len(rows)} CIF files agree with their table")
    assert len(rows) == 88
    assert not wrong
