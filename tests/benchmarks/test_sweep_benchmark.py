"""The benchmark of sweeps, once and small; how fast anything is does not matter here."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/sweeps.py"


@pytest.mark.ci
def test_it_measures_what_agrees():
    words = ["--rates", "2", "--seeds", "16", "--steps", "20", "--rounds", "1", "--trials", "0", "--no-jax"]
    done = subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("32 trials of 20 steps\n")
    assert done.stdout.endswith("results agree\n")
