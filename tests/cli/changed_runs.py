"""Runs of each kind in one folder, ways to change what they were trained with, and the commands that read them."""

import contextlib
import shutil
from pathlib import Path

import pytest

from neurosim.cli.application import execute

SCENARIO = """
[scenario]
name = "own"
title = "Own rows, own activation"
seed = 1
[data]
source = "csv"
file = "rows.csv"
target = "y"
test_fraction = 0.25
[network]
loss = "binary_cross_entropy"
layers = [
  { kind = "dense", units = 3, activation = "wavy" },
  { kind = "dense", units = 2, activation = "tanh" },
  { kind = "dense", units = 1, activation = "sigmoid" },
]
[optimizer]
name = "sgd"
lr = 0.1
[training]
epochs = 3
batch_size = 8
"""
PLUGIN = """
import math
from neurosim import Activation, hookimpl

def wavy(z):
    return math.sin(z)

def slope(z, a):
    return math.cos(z)

@hookimpl
def neurosim_activations():
    return [Activation("wavy", wavy, slope)]
"""
ROWS = "x1,x2,y\n" + "".join(f"{k % 7},{k % 5},{'no' if k < 20 else 'yes'}\n" for k in range(40))
WITH = ["--plugin", "wavy.py"]
QUICK = ["--backend", "reference", "--no-report", "--quiet", *WITH]
DIVERGES = ["--set", "optimizer.lr=1e30", "--set", "network.layers.2.activation=identity", "--set", "network.loss=mse"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run of each kind, of one small scenario."""
    folder = tmp_path_factory.mktemp("changed")
    with contextlib.chdir(folder):
        Path("own.toml").write_text(SCENARIO)
        Path("rows.csv").write_text(ROWS)
        Path("wavy.py").write_text(PLUGIN)
        Path("new.csv").write_text("x1,x2\n1,2\n3,4\n")
        no_pictures = ["--set", "plots.pictures=[]"]
        for out, code, words in (
            ("run", 0, []),
            ("other", 0, ["--seed", "2"]),
            ("study", 0, ["--set", "scenario.repeats=2"]),
            ("seeds", 0, ["--seeds", "2"]),
            ("failed", 4, DIVERGES),
        ):
            assert execute(["run", "own.toml", "--out", out, *QUICK, *no_pictures, *words]) == code
    return folder


def files(place):
    return {path: path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


@pytest.fixture
def here(place, monkeypatch, capsys):
    """The command line in that folder, which is put back to what it was."""
    before = files(place)
    monkeypatch.chdir(place)

    def call(*words):
        capsys.readouterr()
        code = execute([str(word) for word in words])
        return code, *capsys.readouterr()

    yield call
    for path, content in files(place).items():
        if path not in before:
            path.unlink()
        elif content != before[path]:
            path.write_bytes(before.get(path, content))
    for path, content in before.items():
        if not path.exists():
            path.write_bytes(content)
    for folder in sorted((path for path in place.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def edit(file, old, new):
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))


def swap(first, second):
    shutil.move(first, "kept")
    shutil.move(second, first)
    shutil.move("kept", second)


# What is changed, and words of the difference that is shown.
ROWS_CHANGED = (lambda: edit("rows.csv", ",yes", ",maybe"), "rows have changed")
FEWER_ROWS = (lambda: edit("rows.csv", "4,4,yes\n", ""), "rows have changed")
PLUGIN_EDITED = (lambda: edit("wavy.py", "math.sin(z)", "math.sin(z) + 0.0"), "plugin wavy")


def scenario_edited(folder, old, new):
    return lambda: edit(f"{folder}/scenario.toml", old, new), new


def lr(folder):
    return scenario_edited(folder, "lr = 0.1", "lr = 0.25")


def seed(folder):
    return scenario_edited(folder, "seed = 1", "seed = 6")


def activation(folder):
    return scenario_edited(folder, '"tanh"', '"sigmoid"')


def units(folder):
    return scenario_edited(folder, "units = 2", "units = 4")


def model_swapped(first, second):
    return lambda: swap(f"{first}/model.safetensors", f"{second}/model.safetensors"), "model.safetensors"


def history_of_another(folder, other):
    return lambda: swap(f"{folder}/metrics.jsonl", f"{other}/metrics.jsonl"), "metrics.jsonl: not the file"


PLOT = ["plot", "run", *WITH]
REPORT = ["report", "run", *WITH]
DOCTOR = ["doctor", "run", "--no-trials", *WITH]
COMPARE = ["compare", "other", "run", *WITH]
REPLAY = ["replay", "run", "--from", "epoch:1", *WITH]
EXPLAIN = ["explain", "run", *WITH]
PREDICT = ["predict", "run", "--data", "new.csv", *WITH]
OF_RUN = [PLOT, REPORT, DOCTOR, COMPARE, REPLAY]
OF_STUDY = [
    ["plot", "study", *WITH],
    ["report", "study", *WITH],
    ["doctor", "study", "--no-trials", *WITH],
    ["compare", "study", *WITH],
]
OF_MEMBER = [["plot", "study/members/seed-2", *WITH], ["predict", "study/members/seed-2", "--data", "new.csv", *WITH]]
OF_FAILED = [
    ["doctor", "failed", "--no-trials", *WITH],
    ["replay", "failed", "--from", "0", *WITH],
    ["explain", "failed", *WITH],
]
MEMBER = "study/members/seed-2"
