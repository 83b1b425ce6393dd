"""Running the command line inside the test process, in a folder of its own."""

from dataclasses import dataclass

import pytest

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
