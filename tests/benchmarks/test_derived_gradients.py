"""The benchmark of derived gradients, once and small; what it measures is nobody's business here."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "derived_gradients.py"


def test_it_agrees_and_measures():
    arguments = ["--only", "log_cosh", "--outputs", "10", "784", "--rounds", "1"]
    done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()[:-1]] == [["log_cosh", "10"], ["log_cosh", "784"]]
