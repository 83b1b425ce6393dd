"""The files at the root agree with each other and with the code, and the commands that they name are there."""

import ast
import re
import shlex
import tomllib
from itertools import chain, pairwise
from pathlib import Path

import pytest

from neurosim.version import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SESSIONS = ("lint", "types", "fast", "full", "slow", "kernels", "emulator", "gpu", "docs")
MARKERS = {marker.partition(":")[0] for marker in PROJECT["tool"]["pytest"]["ini_options"]["markers"]}
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "tests/README.md")
WORKFLOW = ".github/workflows/tests.yml"


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def commands(session):
    """The commands of a session of noxfile.py as lists of words, without those that depend on the caller."""
    for node in ast.walk(session):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "session.run":
            yield [word.value for word in node.args if isinstance(word, ast.Constant)]


NOX = {node.name: node for node in ast.parse(text("noxfile.py")).body if isinstance(node, ast.FunctionDef)}


def scalars(name, key):
    """The values of a key in a file of YAML, in order; enough for scalars and lists on one line."""
    return [value.strip(" \"'") for value in re.findall(rf"^[ -]*{key}: (.+)$", text(name), re.MULTILINE)]


def test_the_citation_is_of_this_version():
    assert scalars("CITATION.cff", "version") == [__version__]
    assert scalars("CITATION.cff", "name") == [author["name"] for author in PROJECT["project"]["authors"]]
    assert scalars("CITATION.cff", "license") == [PROJECT["project"]["license"]]


def test_there_is_a_session_for_each_kind_of_check():
    assert tuple(NOX) == SESSIONS
    assert all(ast.get_docstring(session) for session in NOX.values())


@pytest.mark.parametrize("session", SESSIONS)
def test_the_commands_of_a_session_are_there(session):
    tools = {re.match(r"[\w-]+", need)[0] for need in PROJECT["project"]["optional-dependencies"]["dev"]}
    found = list(commands(NOX[session]))
    assert found
    for program, *words in found:
        assert program in {"python", *tools}
        paths = [word for word in words if "/" in word]
        assert all((ROOT / path).exists() for path in paths)
        marks = [mark for option, mark in pairwise(words) if option == "-m" and mark != "pytest"]
        assert set(marks) <= MARKERS
    strings = [node.value for node in ast.walk(NOX[session]) if isinstance(node, ast.Constant)]
    assert all((ROOT / word).exists() for word in strings if str(word).startswith(("tests/", "docs/")))


def test_what_is_linted_and_typed_is_the_same_everywhere():
    checks = [" ".join(command) for name in ("lint", "types") for command in commands(NOX[name])]
    assert [line for line in text(".ci/run").splitlines() if line in checks] == checks
    hooks = [entry.replace(" --force-exclude", "") for entry in scalars(".pre-commit-config.yaml", "entry")]
    assert hooks == [check.removesuffix(" .") for check in checks]
    assert scalars(".pre-commit-config.yaml", "repo") == ["local"]


def test_the_hosted_checks_cover_what_is_supported():
    (systems,) = (value for value in scalars(WORKFLOW, "os"))
    assert systems == "[ubuntu-latest, macos-latest, windows-latest]"
    (pythons,) = (re.findall(r"3\.\d+", value) for value in scalars(WORKFLOW, "python"))
    assert pythons == ["3.11", "3.12", "3.13", "3.14"]
    assert PROJECT["project"]["requires-python"] == f">={pythons[0]}"
    runs = [shlex.split(line) for line in scalars(WORKFLOW, "run")]
    named = set(chain.from_iterable(run[4:] for run in runs if run[:4] == ["python", "-m", "nox", "-s"]))
    assert named == {"lint", "types", "fast"}
    assert [".ci/run"] in runs


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page):
    words = text(page)
    for target in re.findall(r"\]\(([^)#]+)\)", words):
        assert (ROOT / page).parent.joinpath(target).exists(), target
    for line in re.findall(r"nox -s ([\w ]+)", words):
        assert set(line.split()) <= set(SESSIONS)
    for command in re.findall(r"python -m pytest[^\n`]*", words):
        arguments = shlex.split(command)[3:]
        assert all((ROOT / path).exists() for path in arguments if "/" in path), command
        assert {mark for option, mark in pairwise(arguments) if option == "-m"} <= MARKERS


def test_every_folder_of_tests_has_its_room_or_its_question():
    rooms = {path.name.removesuffix(".py") for path in (ROOT / "neurosim").iterdir()}
    across = set(re.findall(r"^\| `(\w+)` \|", text("tests/README.md"), re.MULTILINE))
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    tops = {folder.parts[0] for folder in folders if folder.parts}
    assert across <= tops
    assert tops - across <= rooms


def test_faults_of_security_are_reported_in_private():
    page = text("SECURITY.md")
    assert "Report a vulnerability" in page
    assert not re.search(r"\S@\S", page)


def test_no_two_files_of_tests_have_one_name():
    """They are imported by it."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
