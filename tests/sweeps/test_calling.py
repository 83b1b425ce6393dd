"""`neurosim.sweep` and `neurosim.rank`, as Python programs and notebooks call them."""

import json
import subprocess
import sys

import numpy as np
import pytest

import neurosim
from neurosim.errors import UsageError

SHORT = {"training.epochs": 2, "expect": {}}
SCRIPT = """
import neurosim
print("begun")
swept = neurosim.sweep(
    "iris", "out", over={"optimizer.lr": [0.01, 0.1]}, seeds=2, overrides={"training.epochs": 2, "expect": {}}, jobs=2
)
print(swept.trained)
"""


def test_a_sweep_from_python_and_its_ranking(tmp_path):
    told = []
    over = {"optimizer.lr": np.array([0.01, 0.1])}
    swept = neurosim.sweep(
        "iris", tmp_path, over=over, seeds=2, overrides=SHORT, jobs=1, by="train_loss", observer=told.append
    )
    assert (swept.trials, swept.trained, told[-1].done) == (4, 4, 4)
    assert swept.best.settings["optimizer.lr"] in (0.01, 0.1)
    assert neurosim.run(swept.best_run).metrics["train_loss"] == swept.best.entries[0].final["train_loss"]
    again = neurosim.rank(tmp_path, by="train_loss")
    assert [place.mean for place in again.places] == [place.mean for place in swept.table.places]
    assert neurosim.sweep("iris", tmp_path, over=over, overrides=SHORT, jobs=1).trained == 0


def test_the_best_of_many_seeds_has_a_folder(tmp_path):
    swept = neurosim.sweep("xor", tmp_path, seeds=32, overrides={"training.epochs": 3, "expect": {}}, jobs=1)
    assert json.loads((swept.best_run / "summary.json").read_text())["seed"] == swept.best.finished[0].seed


def test_a_scenario_and_rows_of_ones_own(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    scenario = neurosim.scenario(
        network={"loss": "mse", "layers": [{"kind": "dense", "units": 4}, {"kind": "dense", "units": 1}]},
        optimizer={"name": "adam", "lr": 0.1},
        training={"epochs": 2},
        sweep={"over": {"optimizer.lr": [0.1, 0.2]}},
    )
    swept = neurosim.sweep(scenario, tmp_path, data=(X, X @ [1.0, 2.0, 3.0]), jobs=1)
    assert (swept.trained, len(swept.table.places)) == (2, 2)
    assert neurosim.sweep(scenario, tmp_path, data=(X, X @ [1.0, 2.0, 3.0]), jobs=1).trained == 0
    # Other rows make other trials, and leave those of the first where they are.
    other = neurosim.sweep(scenario, tmp_path, data=(X, X @ [3.0, 2.0, 1.0]), jobs=1)
    assert other.trained == 2
    assert neurosim.run(swept.best_run).metrics["train_loss"] == swept.best.entries[0].final["train_loss"]


@pytest.mark.ci
def test_a_script_needs_no_guard(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("begun\n4\n", "")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda out: neurosim.sweep("xor", out), "nothing varies"),
        (lambda out: neurosim.sweep(3, out, seeds=2), "a scenario is wanted"),
        (lambda out: neurosim.sweep("xor", out, over={"optimizer.lr": 0.1}), "expected a list of values, or a range"),
        (lambda out: neurosim.sweep("xor", out, seeds=2, test=([[1]], [1])), "validation and test rows go with data"),
        (lambda out: neurosim.sweep("optimizers", out, seeds=2), "is several networks"),
        (lambda out: neurosim.rank(), "which runs?"),
        (
            lambda out: neurosim.sweep(neurosim.load_scenario("xor"), out, seeds=2, overrides=SHORT),
            "overrides and plugins go with a path or a name",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path, call, words):
    with pytest.raises(UsageError, match=words.replace("?", r"\?")):
        call(tmp_path)
