"""Studies: variants and repeats trained side by side give what each gives alone, and are judged together."""

import csv
import gc
import json
import math

import numpy as np
import pytest

from neurosim import Ensemble, Simulator, load_scenario, run, study
from neurosim.errors import BackendError, ScenarioError, UsageError
from neurosim.network import memory
from neurosim.report.comparison import compare
from neurosim.runs import StudyObserver
from neurosim.runs.expectations import Outcome, check_claims
from neurosim.scenario import Claim
from neurosim.training.history import History
from neurosim.training.measures import diverged_measures

TEXT = """
[scenario]
name = "small-study"
title = "Small"
seed = 3
repeats = 2
[data]
source = "moons"
samples = 60
test_fraction = 0.25
[network]
loss = "binary_cross_entropy"
[[network.layers]]
kind = "dense"
units = 6
activation = "tanh"
[[network.layers]]
kind = "dense"
units = 1
activation = "sigmoid"
[optimizer]
name = "adam"
lr = 0.05
[training]
epochs = 6
batch_size = 15
[expect]
train_loss = { at_most = 10.0 }
[[variants]]
name = "tanh"
[[variants]]
name = "relu"
training.epochs = 4
"network.layers.0.activation" = "relu"
[[variants]]
name = "stuck"
optimizer.lr = 0.0
expect.train_loss = { at_least = 0.3 }
[[claims]]
measure = "train_loss"
of = "stuck"
exceeds = ["tanh", "relu"]
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "small.toml"
    file.write_text(TEXT)
    return file


def same_bits(first, second):
    ours, theirs = first.simulator.parameters, second.simulator.parameters
    return all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_each_run_is_what_it_is_alone(path, threads):
    found = study(path, threads=threads)
    assert [(r.scenario.variant, r.simulator.seed) for r in found.results] == [
        ("tanh", 3), ("tanh", 4), ("relu", 3), ("relu", 4), ("stuck", 3), ("stuck", 4),
    ]  # fmt: skip
    for result in found.results:
        alone = run(
            path, variant=result.scenario.variant, seed=result.simulator.seed, overrides={"scenario.repeats": 1}
        )
        assert same_bits(result, alone)
        assert result.metrics == alone.metrics
    assert [len(result.history) for result in found.results] == [6, 6, 4, 4, 6, 6]


def test_promises_are_held_against_the_mean_of_all_seeds(path):
    found = study(path)
    assert found.met
    by_name = {expectation.name: expectation for expectation in found.expectations}
    assert list(by_name) == [
        "train_loss of tanh", "train_loss of relu", "train_loss of stuck",
        "train_loss of stuck minus that of tanh", "train_loss of stuck minus that of relu",
    ]  # fmt: skip
    losses = {name: [result.metrics["train_loss"] for result in found[name]] for name in found.names}
    mean, deviation = found.spread("tanh", "train_loss")
    assert mean == pytest.approx(np.mean(losses["tanh"]))
    assert deviation == pytest.approx(np.std(losses["tanh"], ddof=1))
    assert by_name["train_loss of tanh"].value == pytest.approx(np.mean(losses["tanh"]))
    assert by_name["train_loss of stuck minus that of tanh"].value == pytest.approx(
        np.mean(losses["stuck"]) - np.mean(losses["tanh"])
    )
    assert by_name["train_loss of stuck"].at_least == 0.3


def test_the_folder_has_every_run_and_a_table(path, tmp_path):
    found = study(path, out=tmp_path / "out")
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["variants"] == ["tanh", "relu", "stuck"]
    assert summary["repeats"] == 2
    assert summary["final"] == dict.fromkeys(("train_loss", "train_accuracy", "test_loss", "test_accuracy"))
    assert [(entry["variant"], entry["seed"]) for entry in summary["runs"]] == [
        (result.scenario.variant, result.simulator.seed) for result in found.results
    ]
    rows = list(csv.DictReader((tmp_path / "out/study.csv").read_text().splitlines()))
    assert [float(row["train_loss"]) for row in rows] == [result.metrics["train_loss"] for result in found.results]
    member = tmp_path / "out/members/relu/seed-4"
    assert {"scenario.toml", "metrics.jsonl", "summary.json", "model.safetensors"} == {p.name for p in member.iterdir()}
    again = run(member / "scenario.toml")
    assert same_bits(again, found["relu"][1])
    assert study(tmp_path / "out/scenario.toml").results[3].metrics == found.results[3].metrics


def test_repeats_alone_are_a_study_without_variants():
    found = study("xor", overrides={"scenario.repeats": 3, "training.epochs": 5, "expect": {}}, seed=8)
    assert [result.simulator.seed for result in found.results] == [8, 9, 10]
    assert found.as_json()["final"]["train_loss"] == pytest.approx(
        np.mean([result.metrics["train_loss"] for result in found.results])
    )
    assert found.as_json()["parameters"] == 25


def test_repeats_are_judged_as_many_seeds_are():
    few = {"training.epochs": 40}
    found = study("xor", overrides={**few, "scenario.repeats": 4}, seed=8)
    many = Ensemble(load_scenario("xor", overrides=few), range(8, 12))
    many.train()
    assert found.members("") == many.members
    assert found.summary("") == many.summary() == found.as_json()["over_seeds"][""]
    rows = [{name: row[name] for name in many.records()[0]} for row in found.records()]
    assert rows == many.records()


def test_one_variant_can_be_repeated(path):
    scenario = load_scenario(path)
    alone, among = study(scenario.variants["relu"]), study(scenario)["relu"]
    assert alone.names == ("relu",)
    assert [result.metrics for result in alone.results] == [result.metrics for result in among]
    assert alone.spread("relu", "train_loss") is not None
    assert alone.as_json()["final"]["train_loss"] is not None
    assert [(entry.name, entry.met) for entry in alone.expectations] == [("train_loss of relu", True)]


def test_seeds_share_their_rows_and_variants_may_have_others(path):
    overrides = {"variants.1.data.samples": 40, "claims": [], "training.epochs": 1}
    found = study(path, overrides=overrides)
    rows = {name: {result.rows_sha256["test"] for result in found[name]} for name in found.names}
    assert [len(own) for own in rows.values()] == [1, 1, 1]
    assert rows["tanh"] == rows["stuck"] != rows["relu"]
    remarks = compare(found.results, of_one_study=True).remarks
    assert remarks == (
        "Not all were measured on the same rows: their losses and accuracies cannot be compared directly.",
        "Not all have learned from the same training rows (30 to 45 of them).",
    )


def test_run_trains_one_network_only(path):
    with pytest.raises(UsageError) as caught:
        run(path)
    assert "small-study is several networks" in caught.value.message
    assert "tanh, relu, stuck" in caught.value.hint
    with pytest.raises(UsageError, match='unknown variant "rleu"'):
        run(path, variant="rleu")


def test_a_run_that_diverges_does_not_end_the_study(path):
    wild = {"variants.0.optimizer.lr": 1e30, "variants.0.network.loss": "mse",
            "network.layers.1.activation": "identity", "claims": []}  # fmt: skip
    found = study(path, overrides=wild)
    assert set(found.diverged) == {"tanh seed-3", "tanh seed-4"}
    assert "training diverged" in found.diverged["tanh seed-3"]
    assert not found.met
    assert found.spread("tanh", "train_loss") is None
    assert found.spread("stuck", "train_loss") is not None
    json.dumps(found.as_json(), allow_nan=False)


def test_no_measure_of_a_network_that_diverged_is_a_number():
    found = diverged_measures({"train_loss": 1.0, "train_accuracy": 0.0, "test_loss": None, "train_baseline_rmse": 2.0})
    assert math.isnan(found["train_loss"])
    assert math.isnan(found["train_accuracy"])
    assert (found["test_loss"], found["train_baseline_rmse"]) == (None, 2.0)


class StopsAfter(StudyObserver):
    """Stops as Ctrl-C does, when this share is done."""

    def __init__(self, share):
        self.limit, self.told = share, None

    def share(self, done):
        if done >= self.limit:
            raise KeyboardInterrupt

    def interrupted(self, folder):
        self.told = folder


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_study_that_was_stopped_goes_on_to_the_same_end(path, tmp_path, share):
    whole = study(path, out=tmp_path / "whole")
    observer = StopsAfter(share)
    with pytest.raises(KeyboardInterrupt):
        study(path, out=tmp_path / "parts", observer=observer)
    assert observer.told == tmp_path / "parts"
    resumed = study(tmp_path / "parts/scenario.toml", resume=tmp_path / "parts")
    for one, other in zip(whole.results, resumed.results, strict=True):
        assert same_bits(one, other)
        assert one.metrics == other.metrics
        assert [record["train_loss"] for record in one.history] == [record["train_loss"] for record in other.history]
    assert (tmp_path / "parts/summary.json").is_file()
    again = study(tmp_path / "parts/scenario.toml", resume=tmp_path / "parts")
    assert [result.metrics for result in again.results] == [result.metrics for result in whole.results]


class Counts(StudyObserver):
    """How many networks there are when training begins, and how many are looked at before."""

    def __init__(self):
        self.there, self.looked_at = 0, []

    def read(self, number, count):
        self.looked_at.append((number, count))

    def planned(self, members, epochs):
        mine = [found for found in gc.get_objects() if type(found) is Simulator]
        # One that could not be made, of another test, has no scenario.
        scenarios = [found.scenario for found in mine if hasattr(found, "scenario")]
        self.there = sum(scenario.scenario.name == "counted" for scenario in scenarios)


def test_networks_are_made_when_their_turn_comes(path, tmp_path):
    path.write_text(TEXT.replace("small-study", "counted").replace("repeats = 2", "repeats = 7"))
    observer = Counts()
    found = study(path, backend="reference", overrides={"training.epochs": 0}, observer=observer, out=tmp_path / "out")
    assert len(found.results) == 21
    assert observer.there == 3  # one of each variant, to know that they can be made
    again = Counts()
    study(tmp_path / "out/scenario.toml", backend="reference", resume=tmp_path / "out", observer=again)
    assert again.looked_at == [(number, 21) for number in range(1, 22)]


def test_more_networks_than_there_is_memory_for_are_refused_before_any_is_trained(path, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: 300 << 10)
    assert study(path, overrides={"training.epochs": 0}).results
    with pytest.raises(BackendError, match=r"300 networks take at least .* and this machine has 300 KiB") as refused:
        study(path, overrides={"scenario.repeats": 100}, out=tmp_path / "out")
    assert "seeds=..." in refused.value.hint
    assert not (tmp_path / "out").exists()


def test_seeds_end_somewhere(path):
    last = 2**63 - 1
    found = study(path, seed=last - 1, overrides={"training.epochs": 0})["tanh"]
    assert [result.simulator.seed for result in found] == [last - 1, last]
    with pytest.raises(UsageError, match=f"2 seeds end at {last + 1}; the largest is {last}"):
        study(path, seed=last)
    with pytest.raises(ScenarioError, match=r"scenario\.repeats: from seed .* the largest is"):
        load_scenario(path, overrides={"scenario.seed": last})


# Claims -----------------------------------------------------------------------------------------------------


def outcome(loss, *, at_epoch_2=None):
    history = History([{"epoch": 1, "train_loss": 9.0}, {"epoch": 2, "train_loss": at_epoch_2}])
    return Outcome({"train_loss": loss}, history, None)


def judged(outcomes, **claim):
    (found,) = check_claims([Claim(measure="train_loss", **claim)], outcomes)
    return found


TWO = {"a": [outcome(4.0), outcome(2.0)], "b": [outcome(1.0, at_epoch_2=7.0), outcome(0.5, at_epoch_2=5.0)]}


@pytest.mark.parametrize(
    ("claim", "value", "met"),
    [
        ({"of": "a", "at_least": 3.0}, 3.0, True),
        ({"of": "a", "at_most": 2.9}, 3.0, False),
        ({"of": "a", "exceeds": "b"}, 2.25, True),
        ({"of": "b", "exceeds": "a"}, -2.25, False),
        ({"of": "a", "exceeds": "a"}, 0.0, False),
        ({"of": "a", "exceeds": "b", "by": 2.25}, 2.25, True),
        ({"of": "a", "exceeds": "b", "by": 2.3}, 2.25, False),
        ({"of": "a", "exceeds": "b", "times": 4.0}, 4.0, True),
        ({"of": "a", "exceeds": "b", "times": 4.1}, 4.0, False),
        ({"of": "b", "epoch": 2, "at_least": 6.0}, 6.0, True),
        ({"of": "b", "epoch": 3, "at_least": 0.0}, None, False),
    ],
)
def test_a_claim_is_about_means(claim, value, met):
    found = judged(TWO, **claim)
    assert found.value == (None if value is None else pytest.approx(value))
    assert found.met is met


def test_a_claim_about_all_is_one_for_each():
    found = check_claims([Claim(measure="train_loss", at_most=2.0)], TWO)
    assert [(entry.name, entry.met) for entry in found] == [("train_loss of a", False), ("train_loss of b", True)]


def test_nothing_is_not_many_times_nothing():
    zeros = {"a": [outcome(0.0)], "b": [outcome(0.0)], "c": [outcome(1.0)], "d": [outcome(math.nan)]}
    assert not judged(zeros, of="a", exceeds="b", times=2.0).met
    assert judged(zeros, of="c", exceeds="b", times=2.0).met
    assert not judged(zeros, of="d", exceeds="b").met


def test_claims_of_a_scenario_without_variants_are_checked_by_run():
    scenario = load_scenario(
        "xor", overrides={"training.epochs": 2, "expect": {}, "claims": [{"measure": "train_loss", "at_most": 0.0}]}
    )
    result = run(scenario)
    assert [(entry.name, entry.met) for entry in result.expectations] == [("train_loss", False)]
