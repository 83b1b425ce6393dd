"""``neurosim compare``: what differs, what came of it, and which runs cannot be compared."""

import json

import pytest


def settings_of(*settings):
    return [word for setting in ("plots.pictures=[]", *settings) for word in ("--set", setting)]


@pytest.fixture
def runs(neurosim, once):
    for name, lr, seed in (("a", 0.01, 0), ("b", 0.1, 0), ("c", 0.01, 4)):
        settings = (f"optimizer.lr={lr}", "training.epochs=3", "expect={}")
        once(name, "iris", "--seed", seed, *settings_of(*settings))
    return neurosim


def test_the_setting_that_differs_and_what_follows(runs, tmp_path):
    done = runs("compare", "a", "b", "--out", "both")
    assert (done.code, done.err) == (0, "")
    rows = {line.split("  ")[0]: line.split() for line in done.out.splitlines() if line}
    assert rows["optimizer.lr"][1:] == ["0.01", "0.1"]
    assert "lr 0.01" in done.out
    assert {"train loss", "test accuracy", "s/epoch", "parameters"} <= set(rows)
    assert "training.epochs" not in rows
    assert (tmp_path / "both" / "comparison.png").is_file()
    assert max(map(len, done.out.splitlines())) <= 80


def test_as_json(runs):
    done = runs("compare", "a", "c", "--json", "--out", "both")
    found = json.loads(done.out)
    assert found["differing"] == {"seed": ["0", "4"]}
    assert [run["label"] for run in found["runs"]] == ["seed 0", "seed 4"]
    assert found["runs"][0]["final"]["test_loss"] is not None


def test_many_settings_are_told_by_folder(runs):
    runs(
        "run",
        "iris",
        "--quiet",
        "--no-report",
        "--out",
        "d",
        *settings_of("optimizer.name=sgd", "network.layers.0.units=4", "training.epochs=2", "expect={}"),
    )
    done = runs("compare", "a", "b", "c", "d")
    assert done.code == 0
    assert "network.layers.0.units" in done.out
    header = next(line for line in done.out.splitlines() if line.startswith("differs"))
    assert header.split()[1:] == ["a", "b", "c", "d"]
    assert "The seeds differ too" in done.out
    assert "runs/comparison-" in done.out
    # More runs than there are columns for: a row for each, and the layer in the heading of the column.
    rows = runs("compare", *"abcd", *"abcd", *"abcd").out
    assert "layers.0.units" in next(line for line in rows.splitlines() if line.startswith("run "))


def test_variants_of_one_study_are_means_over_its_seeds(neurosim):
    neurosim(
        "run",
        "optimizers",
        "--quiet",
        "--no-report",
        "--out",
        "o",
        *settings_of("training.epochs=2", "scenario.repeats=2"),
    )
    done = neurosim("compare", "o", "--out", "p")
    assert done.code == 0
    lines = [line.split() for line in done.out.splitlines()]
    assert next(line for line in lines if line[:1] == ["adam"])[:3] == ["adam", "adam", "0.03"]
    assert sum(line[:1] == ["momentum"] for line in lines) == 2
    assert "±" in done.out
    assert "Pictures in p: comparison.png" in done.out


def test_other_losses_are_no_measure(runs):
    runs(
        "run",
        "iris",
        "--quiet",
        "--no-report",
        "--out",
        "e",
        *settings_of("network.loss=mse", "training.epochs=2", "expect={}"),
    )
    done = runs("compare", "a", "e")
    assert "The losses are different functions (categorical_cross_entropy, mse)" in done.out


def test_other_data_are_refused(runs):
    runs("run", "xor", "--quiet", "--no-report", "--out", "x", *settings_of())
    done = runs("compare", "a", "x")
    assert done.code == 2
    assert 'a and x were measured on different rows: data.source is "iris" and "xor"\n' in done.err
    runs(
        "run",
        "iris",
        "--quiet",
        "--no-report",
        "--out",
        "f",
        *settings_of("data.test_fraction=0.4", "training.epochs=1", "expect={}"),
    )
    other = runs("compare", "a", "f")
    assert other.code == 2
    assert "data.test_fraction is 0.2 and 0.4\n" in other.err


SCENARIO = """
[scenario]
name = "own"
title = "Own"
[data]
source = "csv"
file = "rows.csv"
target = "y"
test_fraction = 0.25
[network]
loss = "binary_cross_entropy"
layers = [{ kind = "dense", units = 1, activation = "sigmoid" }]
[optimizer]
name = "sgd"
lr = 0.1
[training]
epochs = 1
[plots]
pictures = []
"""


def test_the_rows_decide_and_not_the_settings(neurosim, tmp_path):
    def train(out, *words):
        done = neurosim("run", "own.toml", "--backend", "reference", "--no-report", "--quiet", "--out", out, *words)
        assert done.code == 0, done.err

    rows = "x,y\n" + "".join(f"{k},{'no' if k < 20 else 'yes'}\n" for k in range(40))
    (tmp_path / "own.toml").write_text(SCENARIO)
    (tmp_path / "rows.csv").write_text(rows)
    train("first")
    train("another-start", "--seed", "3")
    train("scaled", "--set", "data.standardize=true")
    train("fewer", "--set", "data.validation_fraction=0.25")
    train("another-split", "--set", "data.seed=3")
    # Another start and other scales are the same rows; only the training rows are fewer.
    done = neurosim("compare", "first", "another-start", "scaled")
    assert (done.code, done.err) == (0, "")
    assert "rows" not in done.out
    assert (
        "Not all have learned from the same training rows (20 to 30 of them)."
        in neurosim("compare", "first", "fewer").out
    )
    other = neurosim("compare", "first", "another-split")
    assert other.code == 2
    assert other.err.startswith("Error: first and another-split were measured on different rows: data.seed is 0 and 3")
    # The same settings, another file.
    (tmp_path / "rows.csv").write_text(rows.replace(",no", ".5,no"))
    train("later")
    done = neurosim("compare", "first", "later", "--force")
    assert done.code == 2
    assert "the data themselves have changed" in done.err
    done = neurosim("compare", "first", "another-start")
    assert done.code == 2
    assert done.err.startswith("Error: first has changed since it was trained")
    done = neurosim("compare", "first", "another-start", "--force")
    assert done.code == 0
    for name in ("first", "another-start"):
        assert f"Mixed: the data of {name} have changed since it was trained" in done.out


@pytest.mark.parametrize(
    ("code", "words", "message"),
    [
        (2, (), "which runs? Try: neurosim compare"),
        (2, ("a",), "a is a single run; name another one"),
        (3, ("a", "nothing"), "there is no such run folder"),
    ],
)
def test_mistakes(runs, code, words, message):
    done = runs("compare", *words)
    assert done.code == code
    assert message in done.err
