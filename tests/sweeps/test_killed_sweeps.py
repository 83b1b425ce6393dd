"""Whoever is killed, how often and when: a sweep ends with the table of an undisturbed one, on a Dask cluster too."""

import contextlib
import hashlib
import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from neurosim.cli.application import execute
from neurosim.errors import UsageError
from neurosim.sweeps.cluster import parcel_of, refuse_others
from neurosim.sweeps.trials import Maker, Recipe

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")

TRIALS = ["--over", "optimizer.lr=0.01,0.1", "--set", "expect={}"]
OWN = """
scenario = { name = "own", title = "Own rows" }
data = { source = "csv", file = "rows.csv", target = "kind" }
network.loss = "categorical_cross_entropy"
network.layers = [
    { kind = "dense", units = 4, activation = "gaussian" },
    { kind = "dense", units = 2, activation = "softmax" },
]
optimizer = { name = "sgd", lr = 0.5 }
training = { epochs = 3, batch_size = 16 }
"""
IRIS = [*TRIALS, "--set", "training.epochs=3", "--seeds", "4"]


def sweeping(out, *words, name="iris"):
    return [sys.executable, "-m", "neurosim", "sweep", name, *words, "--json", "--out", str(out)]


def table_hash(text):
    """The hash of a table without times and places."""
    rows = json.loads(text)["ranking"]
    for row in rows:
        row["seconds"] = None
        row["runs"] = [Path(run).name for run in row["runs"]]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def finished(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def children(process):
    """The workers of a sweep or a cluster."""
    with contextlib.suppress(psutil.Error):
        each = psutil.Process(process.pid).children(recursive=True)
        return [child for child in each if "spawn_main" in str(child.cmdline())]
    return []


def disturbed(command, kills, pause, victims):
    """Run a sweep of which `kills` processes are killed; it is started again whenever it has ended."""
    chance = random.Random(0)
    killed = {"parent": 0, "worker": 0}
    all_trained = False
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while sum(killed.values()) < kills:
        with contextlib.suppress(subprocess.TimeoutExpired):
            all_trained = process.wait(chance.uniform(0, pause)) == 0
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            continue
        # Of five, one is the parent; workers that have not begun are waited for, unless there is nothing left for them.
        kind = "worker" if chance.random() < 0.8 and not all_trained else "parent"
        each = victims(process) if kind == "worker" else [process]
        if not each:
            continue
        victim = chance.choice(each)
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
            killed[kind] += 1
    process.kill()
    process.wait()
    return table_hash(finished(command)), killed


@contextlib.contextmanager
def cluster(workers):
    """A cluster; its process and the words that train on it."""
    command = [sys.executable, str(Path(__file__).with_name("dask_cluster.py")), str(workers)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        address = process.stdout.readline().strip().replace("tcp:", "dask:")
        try:
            yield process, ["--on", address]
        finally:
            process.stdin.close()
            process.wait(60)


@pytest.mark.slow
def test_a_hundred_kills_change_nothing(tmp_path, capsys):
    words = [*TRIALS, "--seeds", "1000", "--set", "training.metrics=['f1']", "--set", "training.epochs=100"]
    whole = table_hash(finished(sweeping(tmp_path / "whole", *words)))
    command = sweeping(tmp_path / "killed", *words, "--jobs", "8")
    found, killed = disturbed(command, 100, 3, children)
    with capsys.disabled():
        print(killed)
    assert found == whole


@pytest.mark.slow
def test_a_cluster_whose_workers_are_killed(tmp_path, capsys):
    words = [*TRIALS, "--seeds", "150", "--set", "training.metrics=['f1']", "--set", "training.epochs=100"]
    whole = table_hash(finished(sweeping(tmp_path / "whole", *words)))
    with cluster(4) as (process, on):
        found, killed = disturbed(sweeping(tmp_path / "killed", *words, *on), 30, 3, lambda parent: children(process))
    with capsys.disabled():
        print(killed)
    assert found == whole


@pytest.mark.ci
def test_a_few_kills_change_nothing(tmp_path):
    whole = table_hash(finished(sweeping(tmp_path / "whole", *IRIS, "--jobs", "1")))
    found, _ = disturbed(sweeping(tmp_path / "killed", *IRIS, "--jobs", "2"), 2, 2, children)
    assert found == whole


@pytest.mark.ci
def test_a_cluster_trains_the_same_folders_from_files_that_are_sent(tmp_path):
    lines = [f"{x},{y},{'ab'[x * y > 6]}" for x in range(6) for y in range(6)]
    (tmp_path / "rows.csv").write_text("\n".join(["x,y,kind", *lines]))
    plugin = Path(__file__).parents[2] / "plugins" / "gaussian.py"
    scenario = tmp_path / "own.toml"
    scenario.write_text(OWN)
    words = ["--over", "optimizer.lr=0.1,0.2", "--seeds", "2", "--plugin", str(plugin)]
    whole = finished(sweeping(tmp_path / "whole", *words, "--jobs", "1", name=str(scenario)))
    with cluster(2) as (process, on):
        command = sweeping(tmp_path / "far", *words, *on, name=str(scenario))
        found, _ = disturbed(command, 1, 2, lambda parent: children(process))
    assert found == table_hash(whole)
    for trial in (tmp_path / "whole").iterdir():
        model = "model.safetensors"
        assert (tmp_path / "far" / trial.name / model).read_bytes() == (trial / model).read_bytes()
        summary = json.loads((tmp_path / "far" / trial.name / "summary.json").read_text())
        assert summary["run_dir"] == str(tmp_path / "far" / trial.name)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--on", "somewhere"], 2, "is not the address of a Dask scheduler"),
        (["--on", "dask://localhost:99999"], 2, "is not the address of a Dask scheduler"),
        (["--on", "dask://localhost:1"], 3, "no Dask scheduler answers at dask://localhost:1: "),
        (["--on", "dask://localhost:1", "--jobs", "2"], 2, "--jobs is for this machine"),
    ],
)
def test_an_address_where_nobody_answers_is_said_in_a_sentence(tmp_path, capsys, words, code, said):
    assert execute(["sweep", "iris", *IRIS, "--out", str(tmp_path / "out"), *words]) == code
    assert said in capsys.readouterr().err


def test_a_worker_that_would_train_other_bits_is_refused(tmp_path):
    parcel = parcel_of(Maker(Recipe("xor")), tmp_path)
    refuse_others(parcel)
    there = parcel.versions["NumPy"]
    with pytest.raises(UsageError, match=f"a worker has NumPy {there} in place of 1.0, and would train other bits"):
        refuse_others(replace(parcel, versions={**parcel.versions, "NumPy": "1.0"}))


def test_without_dask_the_command_that_installs_it_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert execute(["sweep", "iris", *IRIS, "--out", str(tmp_path), "--on", "dask://localhost:1"]) == 2
    assert 'pip install "neurosim-edu[cluster]"' in capsys.readouterr().err
