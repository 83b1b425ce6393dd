"""The command that measures a GPU against PyTorch, where there is no GPU."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        check=False,
    )


def test_without_a_gpu_nothing_is_measured(tmp_path):
    done = run("--json", str(tmp_path / "gpu.json"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "nothing is measured: this process runs the CUDA simulator" in done.stderr
    assert not list(tmp_path.iterdir())


def test_fewer_than_five_rounds_are_refused():
    assert "at least 5" in run("--rounds", "4").stderr


def test_no_script_hides_the_package_of_nvidia():
    assert "cuda" not in {path.stem for path in SCRIPT.parent.iterdir()}
