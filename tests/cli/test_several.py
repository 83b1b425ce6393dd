"""``neurosim run a.toml b.toml``: several scenarios, one after the other, and which did best."""

import json
from pathlib import Path

import pytest

from neurosim import Simulator
from neurosim.analysis.ranking import Contender, rank

TEXT = """
[scenario]
name = "{name}"
title = "A small network"
[data]
source = "xor"
[network]
loss = "{loss}"
[[network.layers]]
kind = "dense"
units = {units}
activation = "tanh"
[[network.layers]]
kind = "dense"
units = 1
activation = "{last}"
[optimizer]
name = "sgd"
lr = {lr}
[training]
epochs = {epochs}
batch_size = 4
[plots]
pictures = []
"""
USUAL = {"loss": "binary_cross_entropy", "last": "sigmoid", "units": 6, "lr": 0.5, "epochs": 3}
DIVERGING = {"loss": "mse", "last": "identity", "lr": 1e30, "epochs": 30}
QUICK = ["--no-report", "--backend", "reference"]


def write(path, more="", **settings):
    Path(path).write_text(TEXT.format_map({**USUAL, "name": Path(path).stem, **settings}) + more)
    return path


def test_several_are_trained_and_ranked(neurosim):
    short, long = write("short.toml"), write("long.toml", lr=3.0, epochs=100)
    done = neurosim("run", short, long, *QUICK)
    assert done.code == 0, done.err
    assert done.out.index("[1/2] short.toml") < done.out.index("[2/2] long.toml")
    table = done.out.partition("2 scenarios, the best train accuracy first")[2]
    assert [line.split()[:2] for line in table.splitlines() if ".toml " in line] == [
        ["1", "long.toml"],
        ["2", "short.toml"],
    ]
    assert "says nothing about new rows" in table
    folders = sorted(Path("runs").iterdir())
    assert [folder.name.split("-")[0] for folder in folders] == ["long", "short"]
    assert f"neurosim compare {folders[1]} {folders[0]}" in table
    assert all((folder / "summary.json").exists() for folder in folders)
    # The lesson of each is not read by anybody here.
    assert "next:" not in done.out


def test_one_that_diverges_or_misses_does_not_end_the_others(neurosim):
    missing = write("missing.toml", more="[expect]\ntrain_loss = { at_most = 1e-9 }\n")
    names = [write("diverging.toml", **DIVERGING), missing, write("good.toml")]
    done = neurosim("run", *names, "--out", "all", *QUICK)
    assert done.code == 4, done.err
    assert "Error: diverging.toml: training diverged" in done.err
    assert "Missed: missing.toml: expected train loss" in done.err
    lines = done.out.splitlines()
    assert any("diverging.toml" in line and line.endswith("diverged") for line in lines)
    assert any("missing.toml" in line and line.endswith("expectation missed") for line in lines)
    assert {path.name for path in Path("all").iterdir()} == {"diverging", "missing", "good"}
    done = neurosim("run", missing, "good.toml", "--out", "two", *QUICK, "--quiet")
    assert (done.code, done.out) == (5, "")


def test_json_is_one_object(neurosim):
    study = write("study.toml", more='[[variants]]\nname = "slow"\n"optimizer.lr" = 0.1\n[[variants]]\nname = "fast"\n')
    names = [write("one.toml"), study, write("diverging.toml", **DIVERGING)]
    done = neurosim("run", *names, "--out", "all", "--json", *QUICK)
    assert done.code == 4
    found = json.loads(done.out)
    assert set(found) == {"measure", "ranking", "remarks", "runs"}
    assert [(run["label"], run["exit_code"]) for run in found["runs"]] == [
        ("one.toml", 0), ("study.toml", 0), ("diverging.toml", 4),
    ]  # fmt: skip
    one, variants, failed = found["runs"]
    assert one["final"]["train_loss"] > 0
    assert one["run_dir"] == "all/one"
    assert len(variants["runs"]) == 2
    assert "diverged" in failed["error"]
    assert "final" not in failed
    assert {entry["label"] for entry in found["ranking"]} == {"one.toml", "study.toml: slow", "study.toml: fast"}
    assert found["ranking"][0]["rank"] == 1
    assert done.err.count("Error:") == 1


def test_ctrl_c_ends_all_and_shows_what_is_done(neurosim, monkeypatch):
    names = [write("first.toml", epochs=1), write("second.toml"), write("third.toml")]
    train = Simulator.train

    def until_the_second(self, *arguments):
        if self.scenario.scenario.name == "second":
            raise KeyboardInterrupt
        return train(self, *arguments)

    monkeypatch.setattr(Simulator, "train", until_the_second)
    done = neurosim("run", *names, "--out", "all", *QUICK)
    assert done.code == 130
    assert "1  first.toml" in done.out
    assert "Files of second.toml" not in done.out
    assert not Path("all/third").exists()
    assert neurosim("run", *names[1:], "--out", "none", *QUICK).code == 130


def test_two_of_one_name_have_folders_of_their_own(neurosim):
    Path("other").mkdir()
    names = [write("one.toml", epochs=1), write("other/one.toml", epochs=1), "one.toml"]
    done = neurosim("run", *names, "--out", "all", "--json", *QUICK)
    found = json.loads(done.out)
    assert [run["run_dir"] for run in found["runs"]] == ["all/one", "all/one-2", "all/one-3"]
    assert [run["label"] for run in found["runs"]] == ["one.toml (1)", "other/one.toml", "one.toml (2)"]
    # They are the same network.
    assert [entry["rank"] for entry in found["ranking"]] == [1, 1, 1]


def test_a_scenario_may_be_called_as_the_second_of_another_would_be(neurosim):
    Path("other").mkdir()
    names = [write("one.toml", epochs=1), write("other/one.toml", epochs=1), write("one-2.toml", epochs=1)]
    done = neurosim("run", *names, "--out", "all", "--json", *QUICK)
    assert done.code == 0, done.err
    assert [run["run_dir"] for run in json.loads(done.out)["runs"]] == ["all/one", "all/one-3", "all/one-2"]


def test_studies_are_ranked_by_what_single_networks_are(neurosim):
    settings = {"loss": "mse", "last": "identity", "lr": 0.1}
    several = write("several.toml", more="[[variants]]\nname = 'a'\n[[variants]]\nname = 'b'\n", **settings)
    text = [Path(name).read_text().replace('"xor"', '"sine"') for name in (several, write("one.toml", **settings))]
    Path("several.toml").write_text(text[0])
    Path("one.toml").write_text(text[1])
    done = neurosim("run", "several.toml", "one.toml", "--json", *QUICK)
    found = json.loads(done.out)
    assert found["measure"] == "train_r2", done.err
    assert len(found["ranking"]) == 3


def test_all_that_cannot_be_read_is_told_before_anything_is_trained(neurosim):
    done = neurosim("run", write("good.toml"), "none.toml", write("bad.toml", last="sigmoyd"), *QUICK)
    assert done.code in (2, 3)
    assert "none.toml" in done.err
    assert "sigmoyd" in done.err
    assert not Path("runs").exists()


@pytest.mark.parametrize("option", [["--seeds", "3"], ["--resume", "there"], ["--variant", "a"]])
def test_options_for_one_scenario_are_refused(neurosim, option):
    done = neurosim("run", "and", "xor", *option)
    assert done.code == 2
    assert f"{option[0]} goes with one scenario, and 2 are given" in done.err


def of(label="", rows="a", loss="bce", **metrics):
    return Contender(label, metrics, loss, {"train": rows, "validation": rows, "test": rows})


@pytest.mark.parametrize(
    ("contenders", "measure", "ranks"),
    [
        ([of(test_accuracy=0.5, test_loss=1.0), of(test_accuracy=0.9, test_loss=2.0)], "test_accuracy", [2, 1]),
        ([of(test_accuracy=0.5, test_loss=1.0), of(test_accuracy=0.5, test_loss=2.0)], "test_accuracy", [1, 2]),
        ([of(test_loss=1.0), of(test_loss=1.0), of(test_loss=2.0)], "test_loss", [1, 1, 3]),
        ([of(validation_loss=3.0, train_loss=0.0), of(validation_loss=2.0, train_loss=1.0)], "validation_loss", [2, 1]),
        ([of(test_accuracy=0.9, train_accuracy=0.1), of(train_accuracy=0.2)], "train_accuracy", [2, 1]),
        ([of(test_loss=float("nan"), train_loss=1.0), of(test_loss=1.0, train_loss=2.0)], "train_loss", [1, 2]),
        ([of(test_loss=1.0, loss="mse"), of(test_loss=2.0)], None, [None, None]),
        # Equal accuracies of different loss functions are equal.
        ([of(test_accuracy=0.5, test_loss=1.0, loss="mse"), of(test_accuracy=0.5, test_loss=2.0)],
         "test_accuracy", [1, 1]),
        ([], None, []),
    ],
)  # fmt: skip
def test_the_measure_that_says_most_decides(contenders, measure, ranks):
    found = rank(contenders)
    assert found.measure == measure
    assert [number for number, place in sorted(found.order, key=lambda entry: entry[1])] == ranks


def test_a_ranking_on_different_rows_says_so():
    assert "not measured on the same rows" in rank([of(test_loss=1.0), of(test_loss=2.0, rows="b")]).remarks[0]
    assert not rank([of(test_loss=1.0), of(test_loss=2.0)]).remarks


def test_values_are_ranked_by_what_has_no_unit():
    """A loss of scaled targets is small whatever it is worth; R² is not."""
    found = rank([of(test_loss=0.1, test_r2=0.7), of(test_loss=1e10, test_r2=0.9)])
    assert found.measure == "test_r2"
    assert [place for _, place in found.order] == [1, 0]
