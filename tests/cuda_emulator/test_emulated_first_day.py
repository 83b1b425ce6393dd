"""The script for the first day on a GPU, tried from end to end on the emulated one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_day_at_its_smallest(tmp_path):
    # Each process that it starts has the emulator as its GPU.
    (tmp_path / "sitecustomize.py").write_text("import cuda_emulator\nassert cuda_emulator.start() is None\n")
    paths = [str(tmp_path), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHON": sys.executable, "QUICK": "1"}
    out = tmp_path / "out"
    command = ["bash", str(ROOT / "benchmarks" / "first_day.sh"), str(out)]
    for again in (False, True):
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (done.stdout.count("done before") == 4) == again
    found = json.loads((out / "first_day.json").read_text())
    assert found["right: xor, single block"]["right"]
    assert found["environment"]["gpu"]["name"] == "emulated device"
    measured = [line[0] for facts in found.values() for line in facts.get("predictions", [])]
    assert measured == ["barrier of the grid, us", "launch in a graph, us", "step of 2 xor networks, us"]
    assert "How long it takes" in (out / "first_day.txt").read_text()
