"""The one-way street of imports, and which libraries each part may use."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import neurosim

PACKAGE = Path(neurosim.__file__).parent

# Part of the package -> the parts it may import. Parts are the folders and files right below
# neurosim/; each row names all it may see, so nothing is allowed by way of something else.
ALLOWED = {
    "printable": set(),
    "version": set(),
    "errors": set(),
    "input_files": {"errors"},
    "suggestions": set(),
    "randomness": set(),
    "markup": set(),
    "glossary": set(),
    "history": {"markup"},
    "interruption": set(),
    "children": set(),
    "surroundings": {"errors"},
    "private_folder": {"interruption"},
    "unasked": set(),
    "files": {"errors", "interruption"},
    "formulas": {"errors"},
    "plugin": {"errors", "formulas", "input_files"},
    "layers": {"plugin"},
    "builtins": {"plugin", "errors", "data", "suggestions"},
    "data": {"errors", "files", "input_files", "plugin", "randomness", "suggestions"},
    "registry": {"builtins", "formulas", "plugin", "errors", "suggestions"},
    "scenario": {"registry", "plugin", "errors", "suggestions"},
    "run_folders": {"files", "scenario", "errors"},
    "network": {"layers", "markup", "plugin", "errors", "randomness"},
    "memory": {"layers", "network", "errors"},
    "building": {"layers", "network", "plugin", "errors"},
    "backends": {
        "children", "formulas", "interruption", "layers", "network", "plugin", "private_folder", "errors", "randomness",
        "suggestions", "surroundings", "unasked", "version",
    },
    "construction": {"building", "data", "layers", "network", "plugin", "registry", "scenario", "errors"},
    "assembly": {
        "backends", "construction", "data", "layers", "network", "plugin", "registry", "scenario", "errors",
        "randomness",
    },
    "recording": {"backends", "input_files", "layers", "network", "plugin", "scenario", "errors"},
    "watch": {"backends", "network", "history", "scenario", "errors"},
    "augmentation": {"backends", "data", "scenario", "errors"},
    "divergence": {"backends", "layers", "errors", "randomness"},
    "epochs": {"backends", "divergence", "recording"},
    "measures": {"backends", "data", "markup"},
    "simulator": {
        "assembly", "augmentation", "backends", "epochs", "history", "markup", "measures", "memory", "recording",
        "run_folders", "scenario", "watch", "errors", "suggestions",
    },
    "ensemble": {
        "assembly", "augmentation", "backends", "construction", "history", "markup", "measures", "memory",
        "run_folders", "scenario", "simulator", "watch", "errors",
    },
    "training": {
        "assembly", "simulator", "divergence", "ensemble", "backends", "building", "recording", "registry", "scenario",
        "layers", "network", "data", "history", "files", "input_files", "interruption", "markup", "measures", "memory",
        "errors", "run_folders", "suggestions", "version",
    },
    "analysis": {
        "backends", "layers", "markup", "measures", "memory", "network", "plugin", "recording", "scenario",
        "simulator", "training", "history", "errors",
    },
    "worksheet": {
        "backends", "data", "formulas", "layers", "network", "plugin", "simulator", "history", "markup", "errors",
    },
    "report": {
        "analysis", "glossary", "plots", "worksheet", "training", "simulator", "recording", "formulas", "layers",
        "network", "plugin", "scenario", "history", "files", "markup", "errors",
    },
    "diagnosis": {
        "backends", "layers", "markup", "network", "plugin", "recording", "scenario", "simulator", "history", "errors",
    },
    "plots": {
        "analysis", "children", "diagnosis", "ensemble", "history", "recording", "files", "interruption", "markup",
        "errors", "suggestions", "unasked",
    },
    "interactive": {
        "analysis", "diagnosis", "ensemble", "files", "history", "plots", "report", "run_folders", "scenario",
        "simulator", "suggestions", "training", "worksheet", "errors",
    },
    "bench": {"backends", "building", "layers", "network", "randomness", "registry", "errors"},
    "scaffold": {"errors", "files", "version"},
    "testing": {
        "backends", "building", "data", "formulas", "layers", "network", "plugin", "registry", "errors", "randomness",
        "suggestions",
    },
    "cli": {
        "analysis", "assembly", "bench", "construction", "diagnosis", "ensemble", "training", "plots", "recording",
        "glossary", "report", "simulator", "scenario", "registry", "data", "backends", "history", "scaffold", "testing",
        "worksheet", "plugin", "files", "interruption", "markup", "measures", "memory", "errors", "run_folders",
        "suggestions", "surroundings", "unasked", "version",
    },
    "__init__": {
        "ensemble", "errors", "interactive", "plugin", "registry", "scenario", "simulator", "training", "version",
    },
    "__main__": {"cli"},
}  # fmt: skip

# What every part may import: it imports nothing itself.
FOR_ALL = {"printable"}

# Library -> the only parts that may import it.
CONFINED = {
    "numba": {"backends", "training"},  # training asks for its version only
    "llvmlite": {"backends"},
    "pluggy": {"plugin", "registry"},
    "click": {"cli"},
    "rich": {"cli"},
    "matplotlib": {"plots", "interactive"},  # interactive names the type of a figure only
    "pydantic": {"scenario"},
    "pydantic_core": {"scenario"},
    "pooch": {"data"},
    "safetensors": {"training"},
    "IPython": {"training"},
}


def imported(tree: ast.AST) -> set[str]:
    """Full names of everything imported anywhere in a module."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    part = part_of(path)
    for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        words = name.split(".")
        if words[0] == "neurosim":
            # `from neurosim import builtins` names a part as `from neurosim.builtins import x` does.
            target = words[1] if len(words) > 1 else "__init__"
            assert target == part or target in ALLOWED[part] | FOR_ALL, f"{part} must not import {target} ({name})"
        elif words[0] in CONFINED:
            assert part in CONFINED[words[0]], f"{part} must not import {words[0]}"


def test_the_table_has_no_cycle():
    seen = []
    remaining = dict(ALLOWED)
    while remaining:
        free = [part for part, targets in remaining.items() if not targets - set(seen)]
        assert free, f"cycle among {sorted(remaining)}"
        seen += free
        for part in free:
            del remaining[part]


def test_the_table_names_every_part():
    parts = {part_of(path) for path in MODULES}
    assert parts == set(ALLOWED)


def test_builtins_see_only_the_public_contract():
    formulas = ["activations", "losses", "optimizers", "initializers", "schedules", "toy_datasets"]
    for name in formulas:
        tree = ast.parse((PACKAGE / "builtins" / f"{name}.py").read_text(encoding="utf-8"))
        ours = {entry.rpartition(".")[0] for entry in imported(tree) if entry.startswith("neurosim")}
        assert ours <= {"neurosim.plugin", "neurosim.errors"}, name


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
