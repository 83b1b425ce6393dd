"""The benchmarks of derived gradients, once and small; what they measure is nobody's business here."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("script", "name", "sizes"),
    [("derived_gradients", "log_cosh", "--outputs"), ("derived_backwards", "softmax", "--units")],
)
def test_it_agrees_and_measures(script, name, sizes):
    arguments = ["--only", name, sizes, "10", "784", "--rounds", "1"]
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()[:-1]] == [[name, "10"], [name, "784"]]
