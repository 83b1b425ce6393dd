"""The one-way street of imports, without circles, and which libraries each part may use.

Every import counts: those for type checkers, and those inside functions, which hide a circle and do not undo it.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from scipy.sparse import lil_array
from scipy.sparse.csgraph import connected_components
from sources import PACKAGE, SOURCES, imported, place

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
    "supplied": set(),
    "markup": {"printable"},
    "formulas": {"elementary", "errors"},
    "files": {"errors", "process"},
    "plugin": {"errors", "files", "formulas", "markup", "printable", "suggestions", "version"},
    "builtins": {"elementary", "errors", "plugin", "suggestions"},
    "data": {"elementary", "errors", "files", "plugin", "printable", "randomness", "suggestions"},
    "network": {"errors", "formulas", "markup", "plugin", "randomness"},
    "scenario": {"errors", "files", "network", "plugin", "printable", "suggestions", "supplied"},
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
        "scenario", "suggestions", "supplied", "training", "version",
    },
    "classroom": {"errors", "files", "printable", "process", "runs", "scenario", "training", "worksheet"},
    "sweeps": {
        "backends", "data", "errors", "files", "plugin", "printable", "problem", "process", "randomness", "runs",
        "scenario", "suggestions", "training", "version",
    },
    "analysis": {"backends", "data", "errors", "markup", "network", "plugin", "printable", "scenario", "training"},
    "plots": {
        "analysis", "diagnosis", "errors", "files", "markup", "printable", "process", "scenario", "suggestions",
        "training",
    },
    "exchange": {
        "builtins", "data", "errors", "files", "formulas", "network", "plugin", "printable", "runs", "scenario",
        "suggestions", "training", "version",
    },
    "sklearn": {"exchange"},
    "report": {
        "analysis", "data", "errors", "files", "formulas", "markup", "network", "plots", "plugin", "printable",
        "problem", "runs", "scenario", "training", "worksheet",
    },
    "play": {"backends", "data", "errors", "formulas", "network", "plugin", "problem", "scenario", "training"},
    "bench": {"backends", "data", "errors", "network", "plugin", "randomness"},
    "testing": {"backends", "data", "errors", "formulas", "network", "plugin", "randomness", "suggestions"},
    "interactive": {
        "analysis", "diagnosis", "errors", "exchange", "files", "plots", "report", "runs", "scenario", "suggestions",
        "training", "worksheet",
    },
    "cli": {
        "analysis", "backends", "bench", "classroom", "data", "diagnosis", "errors", "exchange", "files", "markup",
        "network", "play", "plots", "plugin", "printable", "problem", "process", "report", "runs", "scenario",
        "suggestions", "sweeps", "testing", "training", "version", "worksheet",
    },
    "__init__": {
        "errors", "formulas", "interactive", "plugin", "runs", "scenario", "supplied", "sweeps", "training", "version",
    },
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
    "safetensors": {"exchange", "files", "runs"},
    "IPython": {"runs"},
    "PIL": {"data", "plots"},
    "onnx": {"exchange"},
    "sklearn": {"exchange", "sweeps"},
    "optuna": {"sweeps"},
    "distributed": {"sweeps"},
    "starlette": {"play"},
    "uvicorn": {"play"},
}


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


@pytest.mark.parametrize("part", ALLOWED)
def test_imports_point_one_way(part):
    for path in SOURCES:
        if part_of(path) != part:
            continue
        for name in imported(path):
            words = name.split(".")
            if words[0] == "neurosim":
                # `from neurosim import builtins` names a part as `from neurosim.builtins import x` does.
                target = words[1] if len(words) > 1 else "__init__"
                assert target == part or target in ALLOWED[part], f"{path} must not import {target} ({name})"
            elif words[0] in CONFINED:
                assert part in CONFINED[words[0]], f"{path} must not import {words[0]}"


def test_one_place_imports_the_cuda_target():
    importing = {place(path) for path in SOURCES if any(name.startswith("numba.cuda") for name in imported(path))}
    assert importing == {"backends/cuda/target.py", "backends/cuda/simulator.py"}


def modules():
    """Module name -> file, for all of neurosim; templates of new plugins are texts."""
    for path in SOURCES:
        words = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield ".".join(words[:-1] if words[-1] == "__init__" else words), path


def test_no_modules_import_each_other_in_a_circle():
    files = dict(modules())
    number = {module: index for index, module in enumerate(files)}
    graph = lil_array((len(number), len(number)), dtype=bool)
    for module, path in files.items():
        for name in imported(path):
            # What is imported may be a name within a module.
            while name and name not in files:
                name = name.rpartition(".")[0]
            if name and name != module:
                graph[number[module], number[name]] = True
    _, circle_of = connected_components(graph, connection="strong")
    circles = {}
    for module, circle in zip(files, circle_of, strict=True):
        circles.setdefault(circle, set()).add(module)
    assert [circle for circle in circles.values() if len(circle) > 1] == []


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
        names = imported(PACKAGE / "builtins" / f"{name}.py")
        ours = {entry.rpartition(".")[0] for entry in names if entry.startswith("neurosim")}
        assert ours <= {"neurosim.elementary", "neurosim.errors", "neurosim.plugin"}, name


def test_formulas_have_one_reader():
    parse = "neurosim.formulas.source.parse"
    readers = [path.name for path in SOURCES if parse in imported(path)]
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
    assert not loaded_by(code) & {"numba", "matplotlib", "scipy", "llvmlite", "starlette", "uvicorn"}


def test_list_needs_no_compiler():
    loaded = loaded_by("from neurosim.cli.application import execute; execute(['list'])")
    assert not loaded & {"numba", "matplotlib"}


def test_every_public_name_is_there():
    for name in neurosim.__all__:
        assert getattr(neurosim, name) is not None
    assert set(neurosim.__all__) <= set(dir(neurosim))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        neurosim.nothing  # noqa: B018
