"""The first day on a GPU, where there is none: what it says, how it goes on, and its table."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def first_day(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import first_day

    return first_day


@pytest.mark.skipif(os.name != "posix", reason="a script for bash")
@pytest.mark.skipif(bool(os.environ.get("NEUROSIM_TEST_GPU")), reason="there is a GPU")
def test_without_a_gpu_it_says_so(tmp_path):
    done = subprocess.run(
        ["bash", str(BENCHMARKS / "first_day.sh"), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHON": sys.executable},
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("the GPU cannot be used: ")
    assert json.loads((tmp_path / "environment.json").read_text())["failed"]


def test_it_goes_on_where_it_stopped_and_stops_in_time(first_day, tmp_path, capfd):
    day = first_day.Day(tmp_path, time.monotonic() + 60, quick=True)
    assert not day._process("one", 30, ["-c", "raise SystemExit(3)"])
    assert day.found("one") == {"failed": "ended with status 3"}
    writes = f"from pathlib import Path; Path({str(tmp_path / 'one.json')!r}).write_text('{{\"a\": 1}}')"
    assert day._process("one", 30, ["-c", writes])
    assert day._process("one", 30, ["-c", "raise SystemExit(3)"])
    assert "one: done before" in capfd.readouterr().out
    late = first_day.Day(tmp_path, time.monotonic(), quick=True)
    assert not late._process("two", 30, ["-c", "pass"])
    assert late.found("two") == {"failed": "no time was left"}


def test_the_table(first_day, tmp_path):
    day = first_day.Day(tmp_path, 0.0, quick=True)
    check = next(name for name in day.names if name.startswith("right: "))
    good = {"right": True, "same bits": False, "loss differs": 1e-7, "parameters differ": 2e-7}
    for name in day.names:
        first_day.write(tmp_path, name, good if name == check else {})
    first_day.write(tmp_path, "launches", {"predictions": [["barrier, us", 3.0, 1.5], ["product", 2.0, None]]})
    day.names.append("peer mnist")
    row = {"work": "mnist epoch", "value": 16.0, "unit": "x", "target": 15.0}
    first_day.write(tmp_path, "peer mnist", {"pieces": {"mnist": {"rows": [row]}}})
    for name in day.names:
        first_day.write(tmp_path, name, {**day.found(name), "seconds": 1.0})
    text, right = day.table()
    assert right
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "barrier, us 3 1.5 2.00x" in lines
    assert any("losses differ by 1.0e-07" in line for line in lines)
    assert "mnist epoch: 16.0x, target 15.0x" in lines
    first_day.write(tmp_path, check, {"failed": "not done after 3 s"})
    text, right = day.table()
    assert not right
    assert text.splitlines()[-1].split(": ")[-1] == "not done after 3 s"
