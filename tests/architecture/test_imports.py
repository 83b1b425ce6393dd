"""The one-way street of imports, and which libraries each part may use."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from sources import PACKAGE, SOURCES, tree

import neurosim

# Part of the package -> the parts it may import: those of earlier rows, never a later one. Parts are the folders and
# files right below neurosim/; each row names all it may see, so nothing is allowed by way of something else.
ALLOWED = {
    "printable": set(),
    "version": set(),
    "errors": set(),
    "elementary": set(),
    "randomness": {"elementary"},
    "suggestions": {"printable"},
    "process": set(),
    "markup": {"printable"},
    "formulas": {"errors"},
    "files": {"errors", "process"},
    "plugin": {"errors", "files", "formulas", "printable", "suggestions", "version"},
    "builtins": {"elementary", "errors", "plugin", "suggestions"},
    "data": {"errors", "files", "plugin", "printable", "randomness", "suggestions"},
    "network": {"errors", "markup", "plugin", "randomness"},
    "scenario": {"errors", "files", "network", "plugin", "printable", "suggestions"},
    "problem": {"data", "errors", "network", "plugin", "randomness", "scenario", "suggestions"},
    "backends": {
        "data", "elementary", "errors", "files", "formulas", "network", "plugin", "process", "randomness",
        "suggestions", "version",
    },
    "training": {
        "backends", "data", "errors", "files", "markup", "network", "plugin", "problem", "process", "randomness",
        "scenario", "suggestions",
    },
    "diagnosis": {
        "backends", "data", "errors", "markup", "network", "plugin", "printable", "scenario", "training",
    },
    "worksheet": {
        "backends", "data", "errors", "formulas", "markup", "network", "plugin", "printable", "training",
    },
    "runs": {
        "backends", "data", "errors", "files", "markup", "network", "plugin", "printable", "problem", "process",
        "scenario", "suggestions", "training", "version",
    },
    "analysis": {"backends", "data", "errors", "markup", "network", "plugin", "printable", "scenario", "training"},
    "plots": {
        "analysis", "diagnosis", "errors", "files", "markup", "printable", "process", "scenario", "suggestions",
        "training",
    },
    "report": {
        "analysis", "errors", "files", "formulas", "markup", "network", "plots", "plugin", "printable", "runs",
        "scenario", "training", "worksheet",
    },
    "bench": {"backends", "data", "errors", "network", "plugin", "randomness"},
    "testing": {"backends", "data", "errors", "formulas", "network", "plugin", "randomness", "suggestions"},
    "interactive": {
        "analysis", "diagnosis", "errors", "files", "plots", "report", "runs", "scenario", "suggestions", "training",
        "worksheet",
    },
    "cli": {
        "analysis", "backends", "bench", "data", "diagnosis", "errors", "files", "markup", "network", "plots", "plugin",
        "printable", "problem", "process", "report", "runs", "scenario", "suggestions", "testing", "training",
        "version", "worksheet",
    },
    "__init__": {"errors", "formulas", "interactive", "plugin", "runs", "scenario", "training", "version"},
    "__main__": {"cli"},
}  # fmt: skip

MOST_LEVELS = 12

# Library -> the only parts that may import it.
CONFINED = {
    "numba": {"backends", "runs"},  # runs asks for its version only
    "llvmlite": {"backends"},
    "pluggy": {"plugin"},
    "click": {"cli"},
    "rich": {"cli"},
    "matplotlib": {"plots", "interactive"},  # interactive names the type of a figure only
    "pydantic": {"network", "scenario"},
    "pydantic_core": {"network", "scenario"},
    "pooch": {"data"},
    "safetensors": {"files", "runs"},
    "IPython": {"runs"},
}


def imported(module: ast.AST) -> set[str]:
    """Full names of everything imported anywhere in a module."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


@pytest.mark.parametrize("part", ALLOWED)
def test_imports_point_one_way(part):
    for path in SOURCES:
        if part_of(path) != part:
            continue
        for name in imported(tree(path)):
            words = name.split(".")
            if words[0] == "neurosim":
                # `from neurosim import builtins` names a part as `from neurosim.builtins import x` does.
                target = words[1] if len(words) > 1 else "__init__"
                assert target == part or target in ALLOWED[part], f"{path} must not import {target} ({name})"
            elif words[0] in CONFINED:
                assert part in CONFINED[words[0]], f"{path} must not import {words[0]}"


def test_the_table_is_read_from_the_ground_up_and_has_few_levels():
    levels = {}
    for part, below in ALLOWED.items():
        assert below <= set(levels), f"{part} imports from above: {below - set(levels)}"
        levels[part] = 1 + max((levels[other] for other in below), default=0)
    assert max(levels.values()) <= MOST_LEVELS, levels


def test_the_table_names_every_part():
    parts = {part_of(path) for path in SOURCES}
    assert parts == set(ALLOWED)


def test_builtins_see_only_the_public_contract():
    formulas = ["activations", "losses", "optimizers", "initializers", "schedules", "toy_datasets"]
    for name in formulas:
        module = tree(PACKAGE / "builtins" / f"{name}.py")
        ours = {entry.rpartition(".")[0] for entry in imported(module) if entry.startswith("neurosim")}
        assert ours <= {"neurosim.elementary", "neurosim.errors", "neurosim.plugin"}, name


def test_formulas_have_one_reader():
    parse = "neurosim.formulas.source.parse"
    readers = [path.name for path in SOURCES if parse in imported(tree(path))]
    # The other takes arguments out of a function, which the reader is then given.
    assert readers == ["reader.py", "vectors.py"]


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {line.split(".")[0] for line in done.stdout.splitlines()}


@pytest.mark.parametrize(
    "code",
    [
        "import neurosim",
        "from neurosim.cli.application import execute; execute(['--help'])",
        "from neurosim.cli.application import execute; execute(['run', '--help'])",
        "from neurosim.cli.application import execute; execute(['--version'])",
    ],
)
def test_help_and_import_are_light(code):
    assert not loaded_by(code) & {"numba", "matplotlib", "scipy", "llvmlite"}


def test_list_needs_no_compiler():
    loaded = loaded_by("from neurosim.cli.application import execute; execute(['list'])")
    assert not loaded & {"numba", "matplotlib"}


def test_every_public_name_is_there():
    for name in neurosim.__all__:
        assert getattr(neurosim, name) is not None
    assert set(neurosim.__all__) <= set(dir(neurosim))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        neurosim.nothing  # noqa: B018
