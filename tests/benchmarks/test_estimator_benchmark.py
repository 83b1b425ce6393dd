"""The benchmark of the estimators, once and small; what it measures is nobody's business here."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")

SCRIPT = Path(__file__).parents[2] / "benchmarks/estimators.py"


def test_it_measures():
    command = [sys.executable, str(SCRIPT), "--only", "digits", "--rounds", "1", "--epochs", "2", "--rows", "200"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.startswith("digits 200 rows, 2 epochs: ")
