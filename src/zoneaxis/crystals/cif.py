"""A crystal from a CIF file (Crystallographic Information File), with its Debye-Waller factors."""

import math
import re
import warnings
from pathlib import Path

import gemmi
import numpy as np
from pymatgen.core import Element, Structure

from zoneaxis.crystals.asymmetric_unit import ListedSite, fill_cell, operations_of
from zoneaxis.crystals.cell import cell_basis, space_group
from zoneaxis.errors import InputError

ASSUMED_B_ISO = 0.5
"""Debye-Waller B in Å² for atoms whose file states none. Source: middle of the room-temperature values of the elements,
0.16 (W) to 0.81 (Al) (Sears & Shelley 1991)."""

B_PER_U = 8 * math.pi**2
"""B = 8 pi² <u²>: exp(-B s²) with s = |g|/2. Source: Trueblood et al., Acta Cryst. A52, 770 (1996)."""

LONGEST_CELL_A = 1000.0
"""Cell lengths above this, in Å, are taken for a mistake of unit."""


def read_cif(path: Path) -> Structure:
    """The crystal in a CIF file as a `Structure` in the setting of the file.

    B comes from U or B, isotropic or equivalent, else from the anisotropic tensor (B_eq = 8 pi² U_eq); where the file
    states none, 0.5 Å² is assumed, a warning says so and `properties["b_iso_assumed"]` lists the atom labels. Ions are
    read as neutral atoms and deuterium as hydrogen.
    Of several crystals in one file the first is read, with a warning.

    Raises `InputError` when the file is missing, empty, not a CIF, or describes no possible crystal.
    """
    block = _crystal_block(path)
    try:
        return _read_block(block, path)
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from None


def _crystal_block(path: Path) -> gemmi.cif.Block:
    """The data block that holds a cell."""
    if not path.is_file():
        fault = "is not a file" if path.exists() else "no such file"
        raise InputError(f"{path}: {fault}; give a CIF file or one of the names that `zoneaxis list` shows")
    text = path.read_bytes().decode("utf-8", errors="replace")
    if not text.strip():
        raise InputError(f"{path.name}: the file is empty; a CIF file begins with data_NAME")
    try:
        blocks = list(gemmi.cif.read_string(text))
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path.name}: not a CIF file ({' '.join(str(error).split())})") from None
    if not blocks:
        raise InputError(f"{path.name}: not a CIF file (no block data_NAME)")
    crystals = [block for block in blocks if block.find_value("_cell_length_a")]
    if not crystals:
        raise InputError(f"{path.name}: no cell (_cell_length_a is missing)")
    if len(crystals) > 1:
        others = ", ".join(block.name for block in crystals[1:4])
        warnings.warn(
            f"{path.name} holds {len(crystals)} crystals; reading {crystals[0].name}, not {others}", stacklevel=4
        )
    return crystals[0]


def _read_block(block: gemmi.cif.Block, path: Path) -> Structure:
    lengths, angles = _cell(block)
    sites, assumed = _sites(block, cell_basis(lengths, angles))
    code = block.find_value("_cod_database_code")
    properties: dict[str, object] = {
        "name": path.stem,
        "source": f"COD {gemmi.cif.as_string(code)} ({path.name})" if code else path.name,
    }
    if assumed:
        warnings.warn(
            f"{path.name} states no displacement parameter for {', '.join(assumed)}: B = {ASSUMED_B_ISO} Å² is assumed",
            stacklevel=4,
        )
        properties["b_iso_assumed"] = assumed
    structure = fill_cell(lengths, angles, _operations(block), sites, properties)
    structure.properties["space_group"] = space_group(structure)
    return structure


def _cell(block: gemmi.cif.Block) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Lengths in Å and angles in degrees (90 where the file leaves them out, as the CIF dictionary says)."""
    lengths, angles = [], []
    for axis in "abc":
        tag = f"_cell_length_{axis}"
        length = _number(block, tag)
        if length is None or not 0 < length < LONGEST_CELL_A:
            raise InputError(
                f"{tag} is {block.find_value(tag) or 'missing'}; a length from 0 to {LONGEST_CELL_A:g} Å is needed"
            )
        lengths.append(length)
    for angle_name in ("alpha", "beta", "gamma"):
        tag = f"_cell_angle_{angle_name}"
        angle = _number(block, tag) if block.find_value(tag) else 90.0
        if angle is None or not 0 < angle < 180:
            raise InputError(f"{tag} is {block.find_value(tag)}; an angle between 0 and 180 degrees is needed")
        angles.append(angle)
    alpha, beta, gamma = np.cos(np.deg2rad(angles))
    if 1 - alpha**2 - beta**2 - gamma**2 + 2 * alpha * beta * gamma < 1e-6:
        raise InputError(f"the cell angles {', '.join(f'{angle:g}' for angle in angles)} enclose no volume")
    return (lengths[0], lengths[1], lengths[2]), (angles[0], angles[1], angles[2])


def _operations(block: gemmi.cif.Block) -> list[gemmi.Op]:
    """Symmetry operations: as listed, else those of the named or numbered space group."""
    for tag in ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz", "_space_group_symop.operation_xyz"):
        triplets = [value.str(0) for value in block.find([tag])] or _single(block, tag)
        if triplets:
            return [_operation(triplet, tag) for triplet in triplets]
    for tag in ("_space_group_name_H-M_alt", "_symmetry_space_group_name_H-M", "_space_group.name_H-M_alt"):
        for symbol in _single(block, tag):
            return operations_of(symbol)
    for tag in ("_space_group_IT_number", "_symmetry_Int_Tables_number", "_space_group.IT_number"):
        for number in _single(block, tag):
            found = (
                gemmi.find_spacegroup_by_number(int(number)) if number.isdigit() and 1 <= int(number) <= 230 else None
            )
            if found is None:
                raise InputError(f"{tag} is {number}; a whole number from 1 to 230 is needed")
            return list(found.operations())
    raise InputError("no symmetry (_space_group_symop_operation_xyz); write 'x,y,z' there if all atoms are listed")


def _operation(triplet: str, tag: str) -> gemmi.Op:
    try:
        operation = gemmi.Op(triplet)
    except (ValueError, RuntimeError):
        raise InputError(f"{tag} has {triplet!r}, which is no operation such as '-y,x-y,z+1/3'") from None
    if abs(round(np.linalg.det(np.array(operation.rot) / gemmi.Op.DEN), 6)) != 1:
        raise InputError(f"{tag} has {triplet!r}, which does not keep volumes")
    return operation


def _sites(block: gemmi.cif.Block, matrix: np.ndarray) -> tuple[list[ListedSite], list[str]]:
    """Listed atoms, and the labels of those whose B had to be assumed."""
    tags = [
        "label",
        "?type_symbol",
        "fract_x",
        "fract_y",
        "fract_z",
        "?occupancy",
        "?U_iso_or_equiv",
        "?B_iso_or_equiv",
        "?calc_flag",
    ]
    table = block.find("_atom_site_", tags)
    if not table:
        table = block.find("_atom_site_", ["type_symbol", *tags[1:]])
    if not table:
        raise InputError("no atoms with fractional coordinates (_atom_site_label, _atom_site_fract_x, _y, _z)")
    formula = _formula_elements(block)
    tensors = _anisotropic(block, matrix)
    sites, assumed = [], []
    for row in table:
        if row.has(8) and row.str(8) == "dum":
            continue
        label = row.str(0)
        position = tuple(gemmi.cif.as_number(row[column]) for column in (2, 3, 4))
        if not all(math.isfinite(value) for value in position):
            raise InputError(f"atom {label} has coordinates {row[2]}, {row[3]}, {row[4]}; three numbers are needed")
        share = gemmi.cif.as_number(row[5]) if row.has(5) and not gemmi.cif.is_null(row[5]) else 1.0
        if not 0 <= share <= 1.01:
            raise InputError(f"atom {label} has occupancy {row[5]}; a number from 0 to 1 is needed")
        if share == 0:
            continue
        element = _element(row.str(1)) if row.has(1) and not gemmi.cif.is_null(row[1]) else _element(label, formula)
        stated = (_given(row, 6, B_PER_U, label), _given(row, 7, 1.0, label), tensors.get(_key(label)))
        b_iso = next((value for value in stated if value is not None), None)
        if b_iso is None:
            assumed.append(label)
            b_iso = ASSUMED_B_ISO
        elif not 0 <= b_iso < 100:
            raise InputError(f"atom {label} has B = {b_iso:.3g} Å²; a number from 0 to 100 is needed")
        sites.append(ListedSite(label, {element: share}, (position[0], position[1], position[2]), b_iso))
    if not sites:
        raise InputError("no atoms with an occupancy above 0")
    return sites, assumed


def _given(row: gemmi.cif.Table.Row, column: int, factor: float, label: str) -> float | None:
    """B in Å² from an isotropic value, or None where the file has none ('?' or '.')."""
    if not row.has(column) or gemmi.cif.is_null(row[column]):
        return None
    value = gemmi.cif.as_number(row[column])
    if not math.isfinite(value):
        raise InputError(f"atom {label} has displacement parameter {row[column]}; a number is needed")
    return factor * value


def _anisotropic(block: gemmi.cif.Block, matrix: np.ndarray) -> dict[str, float]:
    """B_eq in Å² by atom label, from U_eq = 1/3 sum_ij U_ij a*_i a*_j a_i·a_j.

    Source: Fischer & Tillmanns, Acta Cryst. C44, 775 (1988).
    """
    lengths = np.linalg.norm(np.linalg.inv(matrix).T, axis=1)
    weight = np.outer(lengths, lengths) * (matrix @ matrix.T) / 3
    found: dict[str, float] = {}
    for letter, factor in (("U", B_PER_U), ("B", 1.0)):
        tags = [f"{letter}_{index}" for index in ("11", "22", "33", "12", "13", "23")]
        for row in block.find("_atom_site_aniso_", ["label", *tags]):
            u11, u22, u33, u12, u13, u23 = (gemmi.cif.as_number(row[column]) for column in range(1, 7))
            tensor = np.array([[u11, u12, u13], [u12, u22, u23], [u13, u23, u33]])
            if np.isfinite(tensor).all():
                found[_key(row.str(0))] = factor * float((tensor * weight).sum())
    return found


def _key(label: str) -> str:
    """Label without punctuation and case: some databases write O-h1 in one table and Oh1 in the other."""
    return re.sub(r"[^a-z0-9]", "", label.lower())


def _element(text: str, formula: frozenset[str] = frozenset()) -> str:
    """Element symbol that begins a type symbol ("Ni2+") or label ("IN1"); a label must agree with the formula."""
    letters = re.match(r"[A-Za-z]*", text)
    start = letters.group() if letters else ""
    candidates = ["H" if symbol in ("D", "T") else symbol for symbol in (start[:2].capitalize(), start[:1].upper())]
    known = [symbol for symbol in candidates if Element.is_valid_symbol(symbol)]
    agreeing = [symbol for symbol in known if not formula or symbol in formula]
    if not agreeing:
        raise InputError(
            f"atom {text!r} names no element"
            + (" of the formula " + " ".join(sorted(formula)) if known and formula else "")
        )
    return agreeing[0]


def _formula_elements(block: gemmi.cif.Block) -> frozenset[str]:
    symbols = {
        symbol for text in _single(block, "_chemical_formula_sum") for symbol in re.findall(r"[A-Z][a-z]?", text)
    }
    return frozenset("H" if symbol in ("D", "T") else symbol for symbol in symbols)


def _number(block: gemmi.cif.Block, tag: str) -> float | None:
    """A number without its standard uncertainty ("3.2509(17)"), or None when it is missing or no number."""
    value = block.find_value(tag)
    number = gemmi.cif.as_number(value) if value else math.nan
    return number if math.isfinite(number) else None


def _single(block: gemmi.cif.Block, tag: str) -> list[str]:
    """The text of one item as a list of one, or nothing when it is missing, '?' or '.'."""
    value = block.find_value(tag)
    return [gemmi.cif.as_string(value)] if value and not gemmi.cif.is_null(value) else []
