"""Ensembles over seeds: each member is the single run, and the statistics are the published ones."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from neurosim import Ensemble, Simulator, load_scenario
from neurosim.errors import UsageError
from neurosim.plots.ensembles import ensemble_histogram
from neurosim.training.success import quantiles, verdict, wilson_interval


def short(name, epochs, **more):
    return load_scenario(name, overrides={"training.epochs": epochs, **more})


@pytest.mark.parametrize(("name", "epochs"), [("xor", 60), ("moons", 4), ("iris", 3), ("sine", 2)])
@pytest.mark.parametrize("threads", [1, 2, 4, 7])
def test_a_member_is_the_single_run_with_its_seed(name, epochs, threads):
    scenario = short(name, epochs)
    ensemble = Ensemble(scenario, range(5, 75), threads=threads)
    ensemble.train()
    for k in (0, 1, 69):
        simulator = Simulator(scenario, seed=5 + k)
        history = simulator.train()
        member = ensemble.members[k]
        assert member.seed == 5 + k
        final = simulator.final_measures()
        assert all(final[key] == value for key, value in member.measures.items())
        bound = scenario.expect.get("train_accuracy")
        if bound is not None and member.success:
            reached = [record["epoch"] for record in history if record["train_accuracy"] >= bound.at_least]
            assert member.epochs_to_success == reached[0]


def test_all_members_learn_from_the_same_rows():
    """The seed decides where they start; the seed of the data is another one."""
    scenario = short("moons", 1)
    first, second = Simulator(scenario, seed=1), Simulator(scenario, seed=2)
    assert first.data.sha256 == second.data.sha256
    assert first.data.sha256 == Simulator(short("moons", 1, **{"scenario.seed": 5})).data.sha256
    assert np.array_equal(first.data.train.features, second.data.train.features)
    assert not np.array_equal(first.parameters["layers.0.weight"], second.parameters["layers.0.weight"])
    assert Simulator(short("moons", 1, **{"data.seed": 1}), seed=1).data.sha256 != first.data.sha256
    ensemble = Ensemble(scenario, [1, 2])
    ensemble.train()
    assert ensemble.rows_sha256 == first.data.sha256


def test_networks_too_large_for_lanes_are_trained_too():
    scenario = short("digits", 1)
    ensemble = Ensemble(scenario, [3, 4])
    ensemble.train()
    simulator = Simulator(scenario, seed=4)
    simulator.train()
    assert ensemble.members[1].measures["test_loss"] == simulator.final_measures()["test_loss"]


def test_the_reference_backend_agrees():
    scenario = short("xor", 30)
    found = {}
    for backend in ("cpu", "reference"):
        ensemble = Ensemble(scenario, range(3), backend)
        ensemble.train()
        found[backend] = [member.measures["train_loss"] for member in ensemble.members]
    assert found["cpu"] == pytest.approx(found["reference"], rel=1e-4)


def test_a_diverged_member_has_failed_and_stops_nobody():
    scenario = load_scenario(
        "sine",
        overrides={
            "training.epochs": 5,
            "optimizer": {"name": "sgd", "lr": 1e6},
            "network.layers.0.activation": "identity",
            "network.layers.1.activation": "identity",
        },
    )
    ensemble = Ensemble(scenario, range(3))
    ensemble.train()
    assert [member.success for member in ensemble.members] == [False] * 3
    summary = ensemble.summary()
    assert summary["diverged"] == 3
    assert summary["final_train_loss"] is None


def test_the_baseline_does_not_depend_on_whether_the_first_network_diverged():
    few = {"training.epochs": 2, "data.validation_fraction": 0.2, "training.early_stopping": {"patience": 1}}
    wild = {**few, "optimizer": {"name": "sgd", "lr": 1e30}, "network.layers.0.activation": "relu"}
    # Early stopping has them trained one by one.
    found = []
    for settings in (few, wild):
        ensemble = Ensemble(load_scenario("iris", overrides=settings), range(2), "reference")
        ensemble.train()
        found.append(ensemble)
    assert found[1].summary()["diverged"] == 2
    assert found[0].remarks == found[1].remarks
    assert list(found[0].members[0].measures) == list(found[1].members[0].measures)


def test_no_seeds_is_an_error():
    with pytest.raises(UsageError):
        Ensemble(load_scenario("xor"), [])


def test_seeds_end_somewhere():
    last = 2**63 - 1
    assert Ensemble("xor", range(last, last + 1)).seeds
    with pytest.raises(UsageError, match=f"2 seeds end at {last + 1}; the largest is {last}"):
        Ensemble("xor", range(last, last + 2))
    with pytest.raises(UsageError, match="no seed -1"):
        Ensemble("xor", [3, -1])


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (7, 10), (966, 1000), (1, 1)])
def test_wilson_interval_is_scipys(successes, trials):
    interval = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_quantiles():
    assert quantiles([]) is None
    assert quantiles(list(range(101))) == {"10%": 10.0, "median": 50.0, "90%": 90.0}


def test_success_needs_expectations():
    scenario = short("xor", 2, expect={})
    ensemble = Ensemble(scenario, range(2))
    ensemble.train()
    summary = ensemble.summary()
    assert summary["success_rate"] is None
    assert summary["successes"] is None
    assert all(member.success is None for member in ensemble.members)


FAILURE = {"train_accuracy": {"at_most": 0.75}}


@pytest.mark.parametrize(
    ("expect", "failure"),
    [
        (FAILURE, True),
        ({"train_accuracy": {"at_least": 0.9}}, False),
        ({"train_loss": {"at_least": 0.5}}, True),
        ({"train_loss": {"at_most": 0.1}}, False),
        # Learned by heart: that is to succeed, and the other is how.
        ({"train_accuracy": {"at_least": 1.0}, "test_accuracy": {"at_most": 0.8}}, False),
        ({"train_accuracy": {"at_most": 1.0}}, False),
        ({}, False),
    ],
)
def test_a_lesson_that_is_a_failure(expect, failure):
    assert load_scenario("moons", overrides={"expect": expect}).expects_failure is failure


def test_what_cannot_be_learned_is_no_success(tmp_path, capsys):
    from neurosim.cli.application import execute

    assert execute(["run", "xor-perceptron", "--seeds", "100", "--out", str(tmp_path / "many")]) == 0
    out = capsys.readouterr().out
    assert "as expected, none of 100 networks learns it (best train accuracy 50%)" in out
    assert "success" not in out
    found = json.loads((tmp_path / "many" / "summary.json").read_text())
    told = {name: found[name] for name in ("expects", "successes", "success_rate", "as_expected", "epochs_to_success")}
    assert told == {
        "expects": "failure", "successes": 0, "success_rate": 0.0, "as_expected": 100, "epochs_to_success": None,
    }  # fmt: skip
    assert found["best"] == {"train_accuracy": 0.5}
    rows = csv.DictReader((tmp_path / "many" / "ensemble.csv").read_text().splitlines())
    assert {(row["success"], row["as_expected"]) for row in rows} == {("0", "1")}
    page = (tmp_path / "many" / "report.html").read_text()
    assert "As expected, none of 100 networks learns it" in page
    assert "success" not in page.split("<main>")[1].split("</main>")[0].split('id="scenario"')[0].lower()


def test_the_picture_of_a_failure_that_was_expected_names_none_a_success():
    ensemble = Ensemble(load_scenario("xor-perceptron"), range(40))
    ensemble.train()
    made = ensemble_histogram(ensemble, "XOR")
    words = set()
    for axes in made.axes:
        words |= {text.get_text().strip() for text in axes.texts}
        words |= {text.get_text() for text in (axes.get_legend().get_texts() if axes.get_legend() else [])}
    assert words == {"did not learn it, as expected: 40", "expected: at most 75%"}
    assert made.axes[1].get_xlabel() == "final train accuracy"


def test_failure_may_be_told_by_r2():
    scenario = short("sine", 2, expect={"train_r2": {"at_most": 0.95}})
    ensemble = Ensemble(scenario, range(3), "reference")
    ensemble.train()
    assert verdict(ensemble.summary()).startswith("as expected, none of 3 networks learns it (best train R² ")
    axes = ensemble_histogram(ensemble, "sine").axes[1]
    assert [text.get_text().strip() for text in axes.texts] == ["expected: at most 0.95"]
    assert axes.get_xlabel() == "final train R²"


def test_networks_that_do_better_than_a_failure_are_told():
    ensemble = Ensemble(short("xor", 200, expect=FAILURE), range(6))
    ensemble.train()
    assert [member.success for member in ensemble.members] == [True] * 6
    summary = ensemble.summary()
    assert (summary["successes"], summary["as_expected"], summary["best"]) == (6, 0, {"train_accuracy": 1.0})
    words = "against expectation, 6 of 6 networks do better than the scenario expects (best train accuracy 100%)"
    assert verdict(summary) == words


def test_command_line(tmp_path, monkeypatch, capsys):
    from neurosim.cli.application import execute

    monkeypatch.chdir(tmp_path)
    few_units = ["--set", "network.layers.0.units=4"]
    assert execute(["run", "xor", "--seeds", "100", "--out", "many", "--json", *few_units]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["networks"] == 100
    assert value["seeds"] == [0, 99]
    assert 0.8 < value["success_rate"] <= 1.0
    low, high = value["success_interval"]
    assert low < value["success_rate"] < high
    rows = list(csv.DictReader(Path("many/ensemble.csv").read_text().splitlines()))
    assert [int(row["seed"]) for row in rows] == list(range(100))
    assert sum(int(row["success"]) for row in rows) == value["successes"]
    losses = [float(row["train_loss"]) for row in rows]
    assert np.median(losses) == pytest.approx(value["final_train_loss"]["median"])
    assert all(math.isfinite(loss) for loss in losses)
    assert {path.name for path in Path("many").iterdir()} == {
        "ensemble.csv", "ensemble.png", "report.html", "scenario.toml", "summary.json",
    }  # fmt: skip
    assert execute(["run", "xor", "--seeds", "20", "--seed", "7", "--out", "some"]) == 0
    out = capsys.readouterr().out
    assert "20 (seeds 7 to 26)" in out
    assert "95% interval" in out
    assert execute(["run", "xor", "--seeds", "0"]) == 2
    assert execute(["run", "xor", "--seeds", "5", "--resume", "x"]) == 3
