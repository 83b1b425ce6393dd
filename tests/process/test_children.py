"""Helper processes find this very package, wherever it lies and whatever is installed."""

import os
import subprocess
import sys
from pathlib import Path

import neurosim
from neurosim.process.children import environment_of


def test_a_helper_process_finds_the_package_that_has_started_it(tmp_path):
    # -S: nothing that is installed.
    command = [sys.executable, "-P", "-S", "-c", "import neurosim; print(neurosim.__file__)"]
    environment = environment_of({"PATH": os.environ["PATH"]})
    done = subprocess.run(command, env=environment, cwd=tmp_path, text=True, capture_output=True, check=True)
    assert Path(done.stdout.strip()) == Path(neurosim.__file__)


def test_what_was_on_the_path_stays_on_it():
    paths = environment_of({"PYTHONPATH": "elsewhere"})["PYTHONPATH"].split(os.pathsep)
    assert paths == [str(Path(neurosim.__file__).parents[1]), "elsewhere"]
