"""The packages in ``plugins/``: written against the public contract only, complete, and through the kit."""

import ast
import importlib
import itertools
import re
import shlex
import tomllib
from pathlib import Path

import pytest

import neurosim
from neurosim.plugin.host import HOOKS, build_registry
from neurosim.scenario.overrides import parse_overrides
from neurosim.testing import assert_passes
from neurosim.version import __version__

PLUGINS = Path(__file__).parents[2] / "plugins"
PACKAGES = sorted(path.parent for path in PLUGINS.glob("*/pyproject.toml"))
SINGLE_FILES = sorted(PLUGINS.glob("*.py"))
RECORDS = {
    "neurosim-focal": {"losses": ["categorical_focal", "focal"]},
    "neurosim-lion": {"optimizers": ["lion"]},
    "neurosim-mish": {"activations": ["mish"]},
    "neurosim-mlflow": {"observers": ["mlflow"]},
    "neurosim-snake": {"activations": ["snake"]},
    "neurosim-sparsemax": {"activations": ["entmax15", "sparsemax"], "losses": ["entmax15_loss", "sparsemax_loss"]},
}

# What else a package needs, and the modules that it imports besides neurosim.
LIBRARIES = {"neurosim-mlflow": (["mlflow-skinny>=2.16"], {"mlflow", "mlflow.entities", "os", "time"})}


def module_name(package):
    return package.name.replace("-", "_")


def project_of(package):
    return tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture
def load(monkeypatch):
    """The module of a package, without installing it."""

    def imported(package):
        monkeypatch.syspath_prepend(package)
        return importlib.import_module(module_name(package))

    return imported


def given(registry):
    """Names by catalog, of the catalogs that are not empty."""
    found = {what: getattr(registry, what).names() for what in HOOKS}
    return {what: names for what, names in found.items() if names}


def records(registry):
    return [entry.record for what in HOOKS for entry in getattr(registry, what)]


def test_these_are_the_packages():
    assert [package.name for package in PACKAGES] == list(RECORDS)
    assert SINGLE_FILES


def imports(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


@pytest.mark.parametrize(
    "path",
    [*SINGLE_FILES, *(package / f"{module_name(package)}.py" for package in PACKAGES)],
    ids=lambda path: path.stem,
)
def test_plugins_import_the_public_contract_only(path):
    assert imports(path) <= {"neurosim", "math"} | LIBRARIES.get(path.parent.name, ([], set()))[1]
    public = {
        alias.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "neurosim"
        for alias in node.names
    }
    assert public <= set(neurosim.__all__)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_their_tests_import_the_public_contract_only(package):
    for path in (package / "tests").glob("*.py"):
        assert imports(path) <= {"neurosim", "neurosim.testing", "math", "pathlib", "pytest", module_name(package)}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_package_gives_what_it_says(load, package):
    """That it passes the kit is held by tests of its own."""
    if package.name == "neurosim-mlflow":
        pytest.importorskip("mlflow")
    registry = build_registry(builtins=False, entry_points=False, environment=False)
    registry.register(load(package))
    assert given(registry) == RECORDS[package.name]
    texts = [file.read_text(encoding="utf-8") for file in (package / "tests").glob("*.py")]
    assert any("assert_passes(" in text for text in texts)


@pytest.mark.parametrize("path", SINGLE_FILES, ids=lambda path: path.stem)
def test_a_single_file_passes_the_kit(path):
    registry = build_registry([path], builtins=False, entry_points=False, environment=False)
    assert registry.activations.names() == [path.stem]
    for record in records(registry):
        assert_passes(record)


def test_the_single_file_is_the_smallest_plugin():
    path = min(SINGLE_FILES, key=lambda path: path.stat().st_size)
    record = build_registry([path], entry_points=False, environment=False).activations.get("gaussian")
    assert record.df is None


def test_the_pade_activation_begins_as_a_leaky_relu():
    (path,) = (path for path in SINGLE_FILES if path.stem == "pade")
    record = build_registry([path], entry_points=False, environment=False).activations.get("pade")
    assert list(record.learn) == list(record.params)
    for z in (-3.0, -2.0, -1.0, -0.3, 0.0, 0.3, 1.0, 2.0, 3.0):
        assert record.f(z, *record.params.values()) == pytest.approx(z if z > 0.0 else 0.01 * z, abs=0.04)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_project_file_names_what_is_there(load, package):
    project = project_of(package)
    module = module_name(package)
    short = package.name.removeprefix("neurosim-")
    assert project["project"]["name"] == package.name
    assert project["project"]["entry-points"] == {"neurosim": {short: module}}
    others = LIBRARIES.get(package.name, ([], set()))[0]
    assert project["project"]["dependencies"] == [f"neurosim-edu>={__version__.rpartition('.')[0]}", *others]
    assert project["project"]["license"] == "MIT"
    assert project["project"]["requires-python"] == ">=3.11"
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"] == [f"{module}.py"]
    assert Path(load(package).__file__) == package / f"{module}.py"


# READMEs -----------------------------------------------------------------------------------------------------


def fenced(package, language):
    text = (package / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def with_builtins(load):
    def make(package):
        registry = build_registry(entry_points=False, environment=False)
        registry.register(load(package))
        return registry

    return make


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_commands_of_a_readme_are_right(with_builtins, monkeypatch, package):
    """Each scenario exists, and takes what is set in it; nothing is trained here."""
    registry = with_builtins(package)
    monkeypatch.chdir(PLUGINS.parent)
    commands = [line for block in fenced(package, "console") for line in block.splitlines()]
    runs = [shlex.split(line)[2:] for line in commands if line.startswith("neurosim run ")]
    assert runs
    for scenario, *options in runs:
        settings = [value for option, value in itertools.pairwise(options) if option == "--set"]
        neurosim.load_scenario(scenario, registry=registry, overrides=parse_overrides(settings))
    assert f"pip install ./plugins/{package.name}" in commands
    assert f"python -m pytest plugins/{package.name}/tests" in commands


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_excerpt_of_a_readme_is_right(with_builtins, tmp_path, package):
    """It takes the place of what a shipped scenario says in the same table."""
    registry = with_builtins(package)
    (excerpt,) = (tomllib.loads(block) for block in fenced(package, "toml"))
    changes = {}
    for section, values in excerpt.items():
        for key, value in values.items():
            if key == "layers":
                changes["network.layers.0.activation"] = value[0]["activation"]
            else:
                changes[f"{section}.{key}"] = value
    neurosim.load_scenario("iris", registry=registry, overrides=changes)
    names = {name for found in RECORDS[package.name].values() for name in found}
    assert any(f'"{name}"' in block for block in fenced(package, "toml") for name in names)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_parameters_of_a_readme_are_those_of_the_record(load, package):
    registry = build_registry(builtins=False, entry_points=False, environment=False)
    registry.register(load(package))
    text = (package / "README.md").read_text(encoding="utf-8")
    written = {name: float(value) for name, value in re.findall(r"^\| `(\w+)` \| ([\d.e-]+) \|", text, re.MULTILINE)}
    params = {}
    for record in records(registry):
        params |= record.params
    assert written == params
