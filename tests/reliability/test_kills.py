"""A run that is killed again and again, at any moment, ends with the same bits as one that nothing has stopped."""

import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sizes import sizes
from whole_runs import check_what_is_kept, epochs_in, left_by, write_scenario

from neurosim.runs.checkpoint import newest

EPOCHS = 80


def neurosim(*words, **streams):
    command = [sys.executable, "-m", "neurosim", "run", *map(str, words), "--quiet", "--no-report"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **streams)


def wait_for(process, folder, epochs):
    """Until so many epochs are announced, or the process has ended."""
    while process.poll() is None and epochs_in(folder) < epochs:
        time.sleep(0.001)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The scenario, and what a run of it leaves that nothing has stopped."""
    folder = tmp_path_factory.mktemp("whole")
    scenario = write_scenario(folder / "whole.toml", EPOCHS)
    process = neurosim(scenario, "--out", folder / "run")
    assert process.wait() == 0, process.stderr.read()
    process.stderr.close()
    return scenario, left_by(folder / "run")


def kill_to_the_end(scenario, folder, seed, expected, most):
    """Start, kill, resume, kill, ... until the run ends, or it was killed so often; returns the number of kills."""
    moments = random.Random(seed)
    kills = 0
    while True:
        done = epochs_in(folder)
        words = ["--resume", folder] if newest(folder) else [scenario, "--out", folder]
        process = neurosim(*words)
        if kills < most:
            wait_for(process, folder, done + moments.randrange(1, EPOCHS // 3))
            # Anywhere in the epoch, in its checkpoint, or in the end of the run.
            for _ in range(moments.randrange(5000)):
                process.poll()
        else:
            process.wait()
        process.kill()
        _, err = process.communicate()
        assert process.returncode in (0, -9), f"seed {seed}, kill {kills + 1}: {err}"
        if (folder / "summary.json").is_file():
            break
        kills += 1
        check_what_is_kept(folder, epochs_in(folder))
    if newest(folder):  # killed between the last file and the end
        process = neurosim("--resume", folder)
        assert process.wait() == 0, process.stderr.read()
        process.stderr.close()
    assert left_by(folder) == expected, f"seed {seed}"
    assert not list(folder.glob(".*tmp"))
    assert not (folder / "checkpoint").exists()
    return kills


@sizes(short=1, full=500, ci=True)
def test_a_killed_run_goes_on_to_the_same_bits(count, whole, tmp_path):
    scenario, expected = whole
    kills = runs = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while kills < count:
            seeds = range(runs, runs + (os.cpu_count() or 1))
            folders = [tmp_path / str(seed) for seed in seeds]
            each = [scenario] * len(folders), folders, seeds, [expected] * len(folders), [count - kills] * len(folders)
            kills += sum(pool.map(kill_to_the_end, *each))
            runs += len(folders)
    print(f"{kills} kills in {runs} runs: 0 unreadable, 0 older than announced, all to the same bits")
