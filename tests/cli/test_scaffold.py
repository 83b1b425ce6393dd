"""``neurosim plugins new``: what it writes installs, passes its own tests, and runs."""

import ast
import importlib.metadata
import json
import os
import shlex
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

from neurosim.cli import plugins_new
from neurosim.cli.application import execute
from neurosim.cli.scaffold import KINDS, plugin_names
from neurosim.errors import UsageError

NAMES = {
    "activation": "bend",
    "row-activation": "shares",
    "gate": "sluice",
    "loss": "soft-gap",
    "optimizer": "neurosim-belief",
    "initializer": "right-angles",
    "schedule": "hill",
    "metric": "f-measure",
    "observer": "plateau-of-training",
    "dataset": "board",
}
RECORDS = {kind: name.removeprefix("neurosim-").replace("-", "_") for kind, name in NAMES.items()}
CHECKOUT = Path(__file__).parents[2]
AUTHOR = "Ada O'Lovelace <ada@example.org>"
URL = "https://example.org/ada/plugin"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(*arguments):
    return execute(["plugins", "new", *arguments])


def next_steps(text):
    """The commands that are printed after the files."""
    return [line.strip() for line in text.partition("Next:\n")[2].splitlines()]


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(folder)): path.read_text() for path in files}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A package of each kind, in a folder of its own."""
    root = tmp_path_factory.mktemp("packages")
    for kind, name in NAMES.items():
        assert new(name, "--kind", kind, "--author", AUTHOR, "--url", URL, "--out", str(root)) == 0
    return root


def test_every_kind_is_generated_here():
    assert list(NAMES) == list(KINDS) == list(plugins_new.KINDS)


@pytest.mark.slow
def test_packages_pass_their_own_tests(packages):
    folders = sorted(packages.iterdir())
    assert len(folders) == len(KINDS)
    path = os.pathsep.join([str(folder) for folder in folders] + [entry for entry in sys.path if entry])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *map(str, folders)],
        cwd=packages,
        env={**os.environ, "PYTHONPATH": path, "NEUROSIM_DISABLE_PLUGINS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # Registered, checked, known values, trained: in each of them.
    assert f"{4 * len(folders)} passed" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_complete(packages, kind):
    record = RECORDS[kind]
    module = f"neurosim_{record}"
    files = contents(packages / f"neurosim-{record.replace('_', '-')}")
    hosted = files.pop(".github/workflows/tests.yml")
    code = {f"{module}.py", f"tests/test_{record}.py"}
    assert set(files) == {"pyproject.toml", *code, "README.md", "LICENSE", ".gitignore"}
    assert not any("$" in text for text in files.values())
    assert "python-version: ${{ matrix.python }}" in hosted
    project = tomllib.loads(files["pyproject.toml"])
    assert project["project"]["authors"] == [{"name": "Ada O'Lovelace", "email": "ada@example.org"}]
    assert project["project"]["urls"] == {"Source": URL}
    assert "(c) 20" in files["LICENSE"]
    assert "Ada O'Lovelace" in files["LICENSE"]
    assert project["project"]["name"] == f"neurosim-{record.replace('_', '-')}"
    assert project["project"]["entry-points"]["neurosim"] == {record: module}
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"] == [f"{module}.py"]
    hooks = [node.name for node in ast.parse(files[f"{module}.py"]).body if isinstance(node, ast.FunctionDef)]
    assert f"neurosim_{KINDS[kind].catalog}" in hooks


@pytest.mark.ci
def test_a_package_is_free_of_lint(packages):
    for words in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]):
        pytest.importorskip(words[0])
        files = map(str, packages.rglob("*.py"))
        options = ["--no-cache"] if words[0] == "ruff" else ["--cache-dir", os.devnull, "--no-incremental"]
        done = subprocess.run(
            [sys.executable, "-m", *words, *options, *files], capture_output=True, text=True, cwd=packages
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_classifiers_are_ones_that_indexes_know(packages):
    known = pytest.importorskip("trove_classifiers").classifiers
    for file in packages.glob("*/pyproject.toml"):
        project = tomllib.loads(file.read_text())["project"]
        assert project["classifiers"]
        assert set(project["classifiers"]) <= known
        assert "neurosim" in project["keywords"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A fresh virtual environment that sees the packages of this one, but for neurosim; gives its Python."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    (site,) = folder.rglob("site-packages")
    (site / "parent.pth").write_text(sysconfig.get_path("purelib"))
    return scripts / "python"


@pytest.mark.slow
def test_a_package_installs_beside_a_checkout_that_is_not_published(packages, environment, tmp_path):
    """As the README says, without an index and so without a network."""
    for needed in ("pip", "hatchling", "editables"):
        pytest.importorskip(needed)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NEUROSIM", "PIP_"))}
    env["NEUROSIM_CACHE"] = str(tmp_path / "cache")

    def call(*words, cwd=tmp_path):
        done = subprocess.run([environment, "-m", *words], capture_output=True, text=True, env=env, cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    offline = ["pip", "install", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    # Its own distribution, even where this environment has one too.
    call(*offline, "--no-deps", "--ignore-installed", "-e", str(CHECKOUT))
    folders = sorted(packages.iterdir())
    for folder in folders:
        call(*offline, "-e", ".[test]", cwd=folder)
    plugins = json.loads(call("neurosim", "plugins", "--json"))["plugins"]
    assert {plugin["name"]: plugin["health"] for plugin in plugins[1:]} == {folder.name: "ok" for folder in folders}
    assert "bend" in call("neurosim", "list", "activations")
    folder = packages / "neurosim-bend"
    assert "4 passed" in call("pytest", "-q", "-p", "no:cacheprovider", cwd=folder)


def test_where_pip_would_not_find_neurosim_it_is_installed_first(here, capsys, monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    assert new("bend") == 0
    steps = next_steps(capsys.readouterr().out)
    assert shlex.split(steps[0]) == ["pip", "install", "-e", str(CHECKOUT)]


@pytest.mark.parametrize(
    "text", ["", "  ", "<ada@example.org>", "Ada <ada>", "Ada\nLovelace", "Ada <a@b.org> and others"]
)
def test_what_names_no_author(here, capsys, text):
    assert new("bend", "--author", text) == 2
    assert "names no author" in capsys.readouterr().err
    assert contents(here) == {}


def test_the_author_is_the_one_that_git_knows(here, monkeypatch):
    (here / "config").write_text("[user]\n\tname = Grace Hopper\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(here / "config"))
    assert new("bend") == 0
    assert "Grace Hopper" in (here / "neurosim-bend" / "LICENSE").read_text()
    monkeypatch.setenv("PATH", str(here))
    assert new("curve") == 0
    project = tomllib.loads((here / "neurosim-curve" / "pyproject.toml").read_text())["project"]
    assert project["authors"] == [{"name": "Your Name"}]
    assert "urls" not in project


def test_an_address_that_is_none(here, capsys):
    assert new("bend", "--url", "example") == 2
    assert "is no address" in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_file_runs_as_the_last_line_says(here, capsys, kind):
    assert new(NAMES[kind], "--kind", kind, "--single-file") == 0
    steps = next_steps(capsys.readouterr().out)
    assert list(contents(here)) == [f"{RECORDS[kind]}.py"]
    assert steps[0] == f"neurosim plugins check {RECORDS[kind]}.py"
    program, *arguments = shlex.split(steps[-1])
    assert program == "neurosim"
    assert f"--plugin {RECORDS[kind]}.py" in steps[-1]
    assert execute([*arguments, "--quiet", "--out", "run"]) == 0


def test_the_next_steps_of_a_package(here, capsys):
    assert new("bend", "--out", "a folder") == 0
    out = capsys.readouterr().out
    assert "wrote a folder/neurosim-bend/pyproject.toml" in out.replace(os.sep, "/")
    steps = next_steps(out)
    assert shlex.split(steps[0]) == ["cd", os.path.join("a folder", "neurosim-bend")]
    assert steps[1:3] == ['pip install -e ".[test]"', "python -m pytest"]
    assert steps[3] == "neurosim plugins check bend"
    assert steps[4] == "neurosim run spirals --set network.layers.0.activation=bend"


def test_an_activation_is_the_usual_kind(here):
    assert new("bend", "--single-file") == 0
    assert "neurosim_activations" in (here / "bend.py").read_text()


@pytest.mark.parametrize("single", [[], ["--single-file"]])
def test_nothing_is_overwritten(here, capsys, single):
    assert new("bend", *single) == 0
    before = contents(here)
    capsys.readouterr()
    assert new("bend", "--kind", "loss", *single) == 3
    assert "already exists" in capsys.readouterr().err
    assert contents(here) == before


def test_one_file_in_the_way_stops_all(here):
    (here / "neurosim-bend").mkdir()
    (here / "neurosim-bend" / "README.md").write_text("mine")
    assert new("bend") == 3
    assert contents(here) == {os.path.join("neurosim-bend", "README.md"): "mine"}


def test_a_folder_that_cannot_be_made(here, capsys):
    (here / "taken").write_text("a file")
    assert new("bend", "--out", "taken") == 3
    assert "cannot write" in capsys.readouterr().err


def test_names_in_each_place():
    for text in ("soft-step", "soft_step", "neurosim-soft-step", "neurosim_soft_step"):
        names = plugin_names(text)
        assert (names.record, names.module, names.distribution) == (
            "soft_step",
            "neurosim_soft_step",
            "neurosim-soft-step",
        )


@pytest.mark.parametrize(
    "text", ["", "Bend", "2bend", "-bend", "bend-", "be--nd", "be nd", "be.nd", "bénd", "neurosim-", "../bend", "be/nd"]
)
def test_names_that_work_nowhere(text):
    with pytest.raises(UsageError, match="cannot name a plugin") as caught:
        plugin_names(text)
    assert "lower-case" in caught.value.hint


@pytest.mark.parametrize("text", ["lambda", "max", "hookimpl", "np", "neurosim-math"])
def test_names_that_mean_something_to_python(text):
    with pytest.raises(UsageError, match="means something in Python"):
        plugin_names(text)


def test_a_file_does_not_hide_a_module(here, capsys):
    assert new("wave", "--single-file") == 2
    assert "such as my-wave" in capsys.readouterr().err
    assert contents(here) == {}
    assert new("wave") == 0


@pytest.mark.parametrize(
    ("kind", "taken"), [("activation", "tanh"), ("optimizer", "adam"), ("dataset", "neurosim-iris")]
)
def test_names_of_built_ins_of_this_kind(here, capsys, kind, taken):
    assert new(taken, "--kind", kind) == 2
    assert "already comes with neurosim" in capsys.readouterr().err
    assert new("tanh", "--kind", "loss") == 0


def test_an_unknown_kind(here, capsys):
    assert new("bend", "--kind", "activations") == 2
    assert "activation" in capsys.readouterr().err
