"""The house keeps its own rules: names, sizes, imports, speed of the command, documents that stay true."""

import ast
import importlib.metadata
import os
import re
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SOURCE = PROJECT / "src" / "zoneaxis"
MODULES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((PROJECT / "tests").rglob("*.py"))
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "core"}
LONGEST_FILE = 400
SLOWEST_HELP_S = 0.5
HEAVY = ("torch", "lightning", "monai", "torchvision", "captum", "pymatgen", "sklearn", "matplotlib", "kikuchipy")


def shown(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


def run_python(code: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, **options)


def test_every_name_says_something():
    """No file or folder is named after nothing (utils, helpers, common, misc, core)."""
    names = [
        path for root in (SOURCE, PROJECT / "tests") for path in root.rglob("*") if "__pycache__" not in path.parts
    ]
    assert not [shown(path) for path in names if path.stem in NAMELESS]


def test_no_file_is_long():
    """Every Python file has at most 400 lines."""
    lengths = {shown(path): len(path.read_text().splitlines()) for path in [*MODULES, *TESTS]}
    longest = max(lengths, key=lengths.get)
    print(f"{len(lengths)} files, longest {longest} with {lengths[longest]} lines")
    assert not {path: length for path, length in lengths.items() if length > LONGEST_FILE}


def test_everything_public_has_a_docstring():
    """Every module, and every public class, function and method, says what it is."""
    silent = []
    for path in MODULES:
        tree = ast.parse(path.read_text())
        if not ast.get_docstring(tree):
            silent.append(shown(path))
        for parent in [tree, *[node for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]]:
            for node in parent.body:
                public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
                if public and not ast.get_docstring(node) and not is_overload(node):
                    silent.append(f"{shown(path)}:{node.lineno} {node.name}")
    assert not silent


def is_overload(node: ast.FunctionDef | ast.ClassDef) -> bool:
    return any("overload" in ast.unparse(decorator) for decorator in node.decorator_list)


def test_nothing_is_unpickled():
    """No call in the source reads or writes pickles; a training run is resumed with tensors only."""
    offences = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom | ast.Import):
                imported = {alias.name.split(".")[0] for alias in node.names} | {getattr(node, "module", "") or ""}
                offences += [
                    f"{shown(path)}:{node.lineno} {name}"
                    for name in imported & {"dill", "cloudpickle", "joblib", "shelve"}
                ]
                continue
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            options = {option.arg: ast.unparse(option.value) for option in node.keywords}
            unsafe = (
                re.fullmatch(
                    r"(.*\.)?pickle\.(load|loads|dump|dumps|Unpickler)|.*\bread_pickle|torch\.(load|save)", called
                )
                or called.endswith("load_from_checkpoint")
                or options.get("allow_pickle") == "True"
                or ("ckpt_path" in options and options.get("weights_only") != "True")
            )
            if unsafe:
                offences.append(f"{shown(path)}:{node.lineno} {called}")
    assert not offences


def test_torchvision_is_no_dependency():
    """Neither directly nor through any dependency, with the extras we ask for, is torchvision required."""
    packaging = pytest.importorskip("packaging.requirements", reason="packaging is not installed")
    waiting, seen = [("zoneaxis", frozenset({"dev", "docs"}))], set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            requirements = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for requirement in map(packaging.Requirement, requirements):
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": e}) for e in extras or {""}):
                waiting.append((requirement.name.lower().replace("_", "-"), frozenset(requirement.extras)))
    names = {name for name, _ in seen}
    print(f"{len(names)} packages in the resolved set")
    assert len(names) > 20
    assert "torchvision" not in names


def test_importing_every_module_loads_no_torchvision_and_no_test_oracle():
    """All modules of the package import, in one fresh process, without torchvision, kikuchipy or lightning's demos."""
    names = [module_name(path) for path in MODULES if path.stem != "__main__"]
    code = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
    done = run_python(
        code + "print([m for m in ('torchvision', 'kikuchipy', 'tensorflow', 'keras') if m in sys.modules])"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"


@pytest.mark.parametrize("module", ["zoneaxis", "zoneaxis.cli"])
def test_the_door_is_light(module):
    """Importing the package or its command line loads nothing heavy."""
    done = run_python(f"import sys, {module}\nprint([m for m in {HEAVY!r} if m in sys.modules])")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_help_answers_at_once():
    """`zoneaxis --help` takes less than 0.5 s of processor time, best of three."""
    command = Path(sys.executable).with_name("zoneaxis")
    assert command.exists(), "the command is not installed: make setup"
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [command, "--help"], capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "100"}
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print(f"zoneaxis --help: {min(taken):.2f} s of processor time")
    assert min(taken) < SLOWEST_HELP_S


def test_every_learning_floor_is_under_the_contract():
    """Each of learn, cluster and interpret that exists is named in the contract that keeps it away from the physics."""
    contracts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    watched = next(contract["source_modules"] for contract in contracts if contract["name"].startswith("Learning"))
    there = {
        f"zoneaxis.{name}" for name in ("learn", "cluster", "interpret") if (SOURCE / name / "__init__.py").exists()
    }
    assert there <= set(watched)


def test_tests_say_what_they_test():
    """Every test has a one-sentence docstring."""
    silent = [
        f"{shown(path)}:{node.lineno} {node.name}"
        for path in TESTS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert not silent


def test_every_convention_has_its_test():
    """Each line of docs/conventions.md names tests, and they exist."""
    rows = [line for line in (PROJECT / "docs" / "conventions.md").read_text().splitlines() if line.startswith("| ")][
        1:
    ]
    assert len(rows) > 10
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
        assert named, f"no test named in: {row}"
        for file, test in named:
            assert f"def {test}(" in (PROJECT / file).read_text(), f"{file} has no {test}"


def test_every_identifier_of_the_notation_is_used():
    """Each name in the code column of docs/notation.md occurs in the source."""
    source = "\n".join(path.read_text() for path in MODULES)
    rows = [
        line.split("|") for line in (PROJECT / "docs" / "notation.md").read_text().splitlines() if line.startswith("| ")
    ]
    identifiers = [name for row in rows for name in re.findall(r"`(\w+)`", row[3])]
    assert len(identifiers) > 30
    assert not [name for name in identifiers if not re.search(rf"\b{name}\b", source)]


def test_every_reference_is_listed():
    """Reference keys [@Key] in the documentation are entries of docs/references.bib, and no key stands twice."""
    keys = re.findall(r"^@\w+\{(\w+),", (PROJECT / "docs" / "references.bib").read_text(), flags=re.MULTILINE)
    assert len(keys) == len(set(keys))
    for page in (PROJECT / "docs").rglob("*.md"):
        assert not set(re.findall(r"\[@(\w+)\]", page.read_text())) - set(keys), shown(page)


def test_no_path_of_a_machine_and_no_address_of_a_registry():
    """Files of the project name no folder of somebody's machine and no package registry."""
    foreign = re.compile(
        r"/(?:work|home|root|tmp|Users)/\w|pypi\.org|files\.pythonhosted|conda\.anaconda|hub\.docker|find-links|extra-index-url"
    )
    kinds = (".py", ".md", ".toml", ".yml", ".cff", ".txt", ".bib")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    files = [
        PROJECT / name for name in listed.stdout.splitlines() if name.endswith(kinds) or name in ("Makefile", ".ci/run")
    ]
    assert len(files) > 20
    found = [
        shown(path)
        for path in files
        if path != Path(__file__).resolve() and path.exists() and foreign.search(path.read_text())
    ]
    assert not found
