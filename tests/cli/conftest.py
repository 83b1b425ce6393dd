"""Running the command line inside the test process, in a folder of its own."""

import shutil
from dataclasses import dataclass

import pytest
from changed_runs import here, place  # noqa: F401 (fixtures)

from neurosim.cli.application import execute


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def neurosim(tmp_path, monkeypatch, capsys):
    """Call with the words of a command line; gives exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        capsys.readouterr()
        code = execute([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder for the runs of a module, and where each lies by the words that made it."""
    return tmp_path_factory.mktemp("results"), {}


@pytest.fixture
def once(neurosim, results, tmp_path):
    """Have a run in this folder: the first test of a module that asks for it trains, the others get a copy."""
    home, places = results

    def have(folder, *words):
        key = (folder, *words)
        if key in places:
            shutil.copytree(places[key], tmp_path / folder)
            return
        done = neurosim("run", *words, "--quiet", "--no-report", "--out", folder)
        assert done.code == 0, done.err
        places[key] = shutil.copytree(tmp_path / folder, home / str(len(places)))

    return have
