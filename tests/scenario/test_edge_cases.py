"""No rows, one row, one class, no units, and numbers that are too large: each runs, or is refused in plain words."""

import json

import pytest
from scenario_text import GOOD

from neurosim.cli.application import execute

# One unit on two inputs, which any backend trains in a moment.
SMALL = GOOD.replace(
    """[[network.layers]]
kind = "dense"
units = 4
activation = { name = "leaky_relu", alpha = 0.1 }

""",
    "",
).replace("noise = 0.2", "noise = 0.2\nsamples = 40")
CSV = SMALL.replace('"moons"\nnoise = 0.2\nsamples = 40', '"csv"\nfile = "data.csv"\ntarget = "y"')
VALUES = {"binary_cross_entropy": "mse", "sigmoid": "identity", 'target = "y"': 'target = "y"\ntask = "regression"'}
NUMBERS = {**VALUES, '"csv"\nfile = "data.csv"\ntarget = "y"\ntask = "regression"': '"function"\nsamples = 1'}
BACKENDS = ("reference", "cpu")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Train a scenario, changed in places and with this CSV file; gives exit status, --json object and words."""
    monkeypatch.chdir(tmp_path)

    def run_changed(text, changes, rows="", backend="reference"):
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "s.toml").write_text(text)
        (tmp_path / "data.csv").write_text("a,b,y\n" + rows)
        quick = ("--no-report", "--set", "plots.pictures=[]")
        code = execute(["run", "s.toml", "--backend", backend, "--out", "out", "--json", *quick])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return run_changed


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("text", "changes", "rows"),
    [
        (CSV, VALUES, "1,2,3\n"),
        (CSV, NUMBERS, ""),
        (CSV, VALUES, "1,2,7\n3,4,7\n5,6,7\n"),
        (CSV, {}, "1,2,x\n1,3,y\n1,4,x\n"),
        (CSV, {'target = "y"': 'target = "y"\nstandardize = true'}, "1,2,x\n1,3,y\n1,4,x\n"),
        (SMALL, {"samples = 40": "samples = 2"}, ""),
        (SMALL, {"samples = 40": "samples = 4\nvalidation_fraction = 0.999"}, ""),
        (SMALL, {"epochs = 4": "epochs = 4\nbatch_size = 1000000000"}, ""),
        (SMALL, {"epochs = 4": "epochs = 0"}, ""),
        (SMALL, {"lr = 0.05": "lr = 0"}, ""),
    ],
    ids=["one row", "one sample", "one target", "constant column", "constant column, standardized", "two samples",
         "most rows held out", "batch of all rows", "no epochs", "no learning"],
)  # fmt: skip
def test_small_cases_run(run, text, changes, rows, backend):
    code, result, said = run(text, changes, rows, backend)
    assert (code, said) == (0, "")
    assert result["final"]["train_loss"] >= 0.0


@pytest.mark.parametrize(
    ("text", "changes", "rows", "code", "words"),
    [
        (CSV, {}, "", 3, "data.csv: there are no rows below the column names"),
        (CSV, {}, "1,2,x\n", 3, 'data.csv: column "y" has the same value "x" in every row'),
        (CSV, {}, "1,2,x\n3,4,x\n", 3, "Classification needs two classes or more."),
        (CSV, VALUES, "1,2,3\n3,4,1e39\n", 3, "targets are too large for float32; row 1, column 0 has 1e+39"),
        (CSV, VALUES, "1,2,3\n3,4,inf\n", 3, 'row 2 (line 3), column "y": \'inf\' is not a finite number'),
        (CSV, VALUES, "1e39,2,3\n", 3, "the features are too large for float32"),
        (SMALL, {"samples = 40": "samples = 0"}, "", 2, "s.toml:9:1: data: samples = 0: expected 2 to 10000000"),
        (SMALL, {"samples = 40": "samples = 1"}, "", 2, "Each class needs at least one sample."),
        (SMALL, {"noise = 0.2": "noise = -1"}, "", 2, "s.toml:8:1: data: noise = -1.0: expected 0 to 1e+06"),
        (SMALL, {"samples = 40": "validation_fraction = 1e-6"}, "", 2,
         "s.toml:9:1: data: validation_fraction = 1e-06: that is less than one of the 400 rows"),
        (SMALL, {"samples = 40": "validation_fraction = 0.5\ntest_fraction = 0.5"}, "", 2,
         "s.toml:10:1: data.test_fraction: with validation_fraction no row is left to train on"),
        (SMALL, {"units = 1": "units = 0"}, "", 2, "network.layers.0.units: expected a number of at least 1, not 0"),
        (SMALL, {"units = 1": "units = -1"}, "", 2, "network.layers.0.units: expected a number of at least 1, not -1"),
        (SMALL, {"epochs = 4": "epochs = 4\nbatch_size = 0"}, "", 2, "expected a number of at least 1, not 0"),
        (SMALL, {"lr = 0.05": "lr = -1"}, "", 2, "optimizer.lr: expected a learning rate of at least 0, not -1"),
        (SMALL, {"units = 1": "units = 1\nweight = [[1e39], [1]]"}, "", 2,
         "s.toml:17:12: network.layers.0.weight.0.0: expected a number of at most 3.4e+38, not 1e+39"),
        (SMALL, {"units = 1": "units = 1\nbias = [-1e39]"}, "", 2, "expected a number of at least -3.4e+38, not -1e"),
        (SMALL, {"units = 1": "units = 3"}, "", 2, "s.toml:14:1: network.layers.0 has 3 units"),
        (CSV, {"binary_cross_entropy": "categorical_cross_entropy", 'units = 1\nactivation = "sigmoid"':
               'units = 2\nactivation = "softmax"', 'target = "y"': 'target = "y"\ntask = "regression"'},
         "1,2,3.5\n", 2, "s.toml:13:1: network.loss: categorical_cross_entropy tells classes apart"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_plain_words(run, text, changes, rows, code, words):
    found, result, said = run(text, changes, rows)
    assert (found, result) == (code, None)
    assert words in said


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_the_largest_learning_rate_diverges_on_every_backend(run, backend, name):
    code, _, said = run(SMALL, {"lr = 0.05": "lr = 3e38\nweight_decay = 1.0", '"adam"': f'"{name}"'}, backend=backend)
    assert code == 4
    assert "training diverged in epoch " in said
    assert "Try a smaller learning rate" in said


def test_a_larger_learning_rate_than_float32_has_is_refused(run):
    code, _, said = run(SMALL, {"lr = 0.05": "lr = 1e300"})
    assert code == 2
    assert "optimizer.lr: expected a number of at most 3.4e+38, not 1e+300" in said
