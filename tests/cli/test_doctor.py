"""``neurosim doctor``: what it says, of healthy, sick and failed runs and of studies."""

import json
import shlex

import pytest

NOISE = """
[scenario]
name = "noise"
title = "Noise"
[data]
source = "csv"
file = "noise.csv"
target = "y"
standardize = true
[network]
loss = "mse"
[[network.layers]]
kind = "dense"
units = 2
activation = "tanh"
[[network.layers]]
kind = "dense"
units = 1
[optimizer]
name = "adam"
lr = 0.01
[training]
epochs = 10
batch_size = 8
"""


def test_nothing_wrong(neurosim, tmp_path):
    neurosim("run", "xor", "--quiet", "--out", "r")
    before = {path.name for path in (tmp_path / "r").iterdir()}
    done = neurosim("doctor", "r")
    assert (done.code, done.err) == (0, "")
    assert "Nothing wrong found." in done.out
    assert "has learned 100%" in done.out
    assert {path.name for path in (tmp_path / "r").iterdir()} == before


def test_a_network_without_a_hidden_layer_gets_one(neurosim):
    neurosim("run", "xor-perceptron", "--quiet", "--out", "r")
    out = " ".join(neurosim("doctor", "r").out.split())
    assert "1. The network is too small There is no hidden layer" in out
    assert "epochs the network learns 100% of what there is to learn instead of 0%" in out
    assert "prove it neurosim run r/scenario.toml --set 'network.layers=[{ kind" in out


def test_no_command_is_broken_at_a_hyphen(neurosim):
    folder = "from-where-two-units-are-stuck"
    neurosim("run", "xor-two-units", "--seed", "1", "--quiet", "--no-report", "--out", folder)
    out = " ".join(neurosim("doctor", folder).out.split())
    assert "1. An unlucky start" in out
    assert f"neurosim run {folder}/scenario.toml --seeds 20 shows" in out


def test_little_learned_is_not_hidden(neurosim, tmp_path):
    """Each input with each target: nothing helps, and nothing is made up."""
    rows = [f"{k % 4},{k // 4 / 3:.3f}" for k in range(40)]
    (tmp_path / "noise.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    (tmp_path / "noise.toml").write_text(NOISE)
    neurosim("run", "noise.toml", "--quiet", "--out", "r")
    out = " ".join(neurosim("doctor", "r").out.split())
    assert "Nothing wrong found. But little was learned. Doctor also tried" in out
    untried = " ".join(neurosim("doctor", "r", "--no-trials").out.split())
    assert "But little was learned. Without --no-trials doctor also tries" in untried
    assert "Doctor also tried" not in untried
    out = " ".join(neurosim("doctor", "r", "--no-trials").out.split())
    assert "Nothing wrong found. But little was learned." in out


def test_a_run_that_diverged_and_the_command_that_proves_it(neurosim, tmp_path):
    failed = neurosim("run", "moons", "--quiet", "--out", "r", "--set", "optimizer.name=sgd",
                      "--set", "optimizer.lr=1e20", "--set", "expect={}")  # fmt: skip
    assert failed.code == 4
    assert neurosim("plot", "r").code == 3
    done = neurosim("doctor", "r")
    assert done.code == 0
    assert "1. The learning rate is too high" in done.out
    assert "limit 0.1" in done.out
    assert "CS231n" in done.out
    assert (tmp_path / "r" / "doctor-rate_too_high.png").is_file()
    (line,) = (line for line in done.out.splitlines() if line.strip().startswith("prove it"))
    words = shlex.split(line)[2:]
    assert words[0] == "neurosim"
    assert neurosim(*words[1:]).code == 0
    assert "The learning rate is too high" not in neurosim("doctor", "r-rate_too_high").out


def test_json_and_a_folder_for_pictures(neurosim, tmp_path):
    neurosim("run", "iris", "--quiet", "--out", "r", "--set", "optimizer.lr=1e-7", "--set", "expect={}")
    (found,) = json.loads(neurosim("doctor", "r", "--json", "--out", "here").out)
    (finding,) = (one for one in found["findings"] if one["name"] == "rate_too_low")
    assert finding["number"] < finding["threshold"]
    assert finding["settings"] == ["optimizer.lr=0.03"] or finding["settings"][0].startswith("optimizer.lr=")
    assert finding["command"].startswith("neurosim run r/scenario.toml --set optimizer.lr=")
    assert (tmp_path / "here" / "doctor-rate_too_low.png").is_file()
    assert not list((tmp_path / "r").glob("doctor-*"))


def test_each_variant_of_a_study(neurosim):
    neurosim("run", "loss-functions", "--quiet", "--out", "o", "--set", "training.epochs=2", "--set", "claims=[]")
    done = neurosim("doctor", "o", "--json", "--no-trials")
    assert [entry["variant"] for entry in json.loads(done.out)][:2] == ["cross-entropy-0", "cross-entropy-0.5"]


@pytest.mark.ci
def test_a_study_of_which_some_or_all_networks_diverged(neurosim, tmp_path):
    wild = ["--set", "scenario.repeats=2", "--set", "optimizer.name=sgd", "--set", "optimizer.lr=1e20"]
    calm = ["--set", "claims=[]", "--set", "training.epochs=2", "--set", "scenario.repeats=1",
            "--set", "network.layers.0.activation=identity",
            "--set", "variants.0.optimizer.name=sgd", "--set", "variants.0.optimizer.lr=1e30"]  # fmt: skip
    assert neurosim("run", "moons", "--quiet", "--out", "all", *wild).code == 4
    assert neurosim("run", "loss-functions", "--quiet", "--out", "some", *calm).code == 4
    (found,) = json.loads(neurosim("doctor", "all", "--json").out)
    assert "diverged" in found["failure"]
    refused = neurosim("plot", "all")
    assert refused.code == 3
    assert "every network of the study in all diverged" in refused.err
    printed = json.loads(neurosim("doctor", "some", "--json", "--no-trials").out)
    entries = {entry["variant"]: entry["failure"] for entry in printed}
    first = next(iter(entries))
    assert "diverged" in entries.pop(first)
    assert entries
    assert not any(entries.values())
    drawn = neurosim("plot", "some")
    assert drawn.code == 0
    assert f"left out: a run that diverged; neurosim doctor some/members/{first}  says why\n" in drawn.err


@pytest.mark.parametrize(
    ("code", "words", "message"),
    [
        (2, (), "which run? Try: neurosim doctor last"),
        (3, ("nothing",), "there is no such run folder"),
    ],
)
def test_mistakes(neurosim, code, words, message):
    done = neurosim("doctor", *words)
    assert done.code == code
    assert message in done.err
