"""Metrics of a scenario: measured on each split after each epoch, kept, promised and watched; they change nothing."""

import json

import numpy as np
import pytest

import neurosim
from neurosim import Ensemble, Simulator, load_scenario, run, study
from neurosim.cli.application import execute
from neurosim.errors import PluginError, ScenarioError
from neurosim.runs.reading import read_run

SMALL = {
    "data.samples": 60, "data.noise": 0.3, "data.validation_fraction": 0.2, "data.test_fraction": 0.2,
    "network.layers.0.units": 6, "network.layers.1.units": 4, "training.epochs": 6, "training.batch_size": 8,
    "expect": {},
}  # fmt: skip
OWN = """
import numpy as np
from neurosim import Metric, hookimpl

def sure(outputs, targets):
    return outputs.max(axis=1).mean()

def gap(output, target, weight):
    return weight * (1.0 - output[target])

@hookimpl
def neurosim_metrics():
    return [
        Metric("sure", sure, "larger"),
        Metric("gap", gap, "smaller", aggregate="mean", params={"weight": 1.0}),
        Metric("gaps", gap, "smaller", aggregate="sum", params={"weight": 1.0}),
        Metric("root_gap", gap, "smaller", aggregate="root_mean", params={"weight": 1.0}),
    ]
"""


@pytest.fixture
def own(tmp_path):
    """A plugin of one file with metrics."""
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def scenario(metrics, name="moons", plugins=(), **more):
    overrides = {**SMALL, "training.metrics": metrics, **{key.replace("__", "."): v for key, v in more.items()}}
    return load_scenario(name, overrides=overrides, plugins=plugins)


def test_metrics_are_in_the_history_and_in_the_result(backend):
    simulator = Simulator(scenario(["f1", {"name": "top_k_accuracy", "k": 1}]), backend.name)
    history = simulator.train()
    final = simulator.final_measures()
    for split in ("train", "validation", "test"):
        assert len(getattr(history, f"{split}_f1")) == 6
        assert final[f"{split}_f1"] == getattr(history, f"{split}_f1")[-1]
        # One unit tells two classes apart, and its threshold decides.
        assert final[f"{split}_top_k_accuracy"] == final[f"{split}_accuracy"]


def test_metrics_change_no_number_that_is_trained(backend):
    with_metrics, without = Simulator(scenario(["f1", "roc_auc"]), backend.name), Simulator(scenario([]), backend.name)
    assert with_metrics.train().test_loss == without.train().test_loss
    assert all(np.array_equal(a, without.parameters[name]) for name, a in with_metrics.parameters.items())


def test_values_come_in_the_units_of_the_table(tmp_path):
    x = np.linspace(0.0, 1.0, 40)
    rows = "\n".join(f"{a:.4f},{1000.0 + 300.0 * a * a:.4f}" for a in x)
    (tmp_path / "rows.csv").write_text(f"x,y\n{rows}\n")
    changed = {
        "data": {"source": "csv", "file": str(tmp_path / "rows.csv"), "target": "y"},
        "training.metrics": ["mae", "mape"], "training.epochs": 3, "expect": {},
    }  # fmt: skip
    simulator = Simulator(load_scenario("sine", overrides=changed))
    simulator.train()
    assert simulator.data.scales_targets
    answers = simulator.data.to_target_units(simulator.forward(simulator.data.train.features))
    truth = simulator.data.to_target_units(simulator.data.train.targets)
    assert simulator.history.train_mae[-1] == pytest.approx(np.abs(answers - truth).mean(), rel=1e-12)
    assert simulator.history.train_mape[-1] == pytest.approx((np.abs(answers - truth) / truth).mean(), rel=1e-12)


def test_a_metric_on_rows_that_a_run_does_not_have_is_none(tmp_path):
    result = run(load_scenario("xor", overrides={"training.metrics": ["f1"], "training.epochs": 2, "expect": {}}))
    assert result.history.test_f1 == result.history.test_loss == [None, None]
    with pytest.raises(AttributeError, match=r"this history has .*train_f1, lr, seconds, not 'train_f2'"):
        getattr(result.history, "train_f2")  # noqa: B009
    picture = neurosim.plot(result, "learning_curves")
    assert [axes.get_ylabel() for axes in picture.axes] == ["loss", "accuracy", "f1"]


def test_a_metric_of_rows_is_added_up_as_it_says(own):
    metrics = ["gap", "gaps", "root_gap", "own:sure"]
    simulator = Simulator(scenario(metrics, plugins=[own]))
    last = simulator.train()[-1]
    count = len(simulator.data.test)
    assert last["test_gaps"] == pytest.approx(count * last["test_gap"])
    assert last["test_root_gap"] == pytest.approx(last["test_gap"] ** 0.5)
    assert 0.5 < last["test_sure"] <= 1.0
    double = Simulator(scenario([{"name": "gap", "weight": 2.0}], plugins=[own])).train()[-1]
    assert double["test_gap"] == pytest.approx(2.0 * last["test_gap"])


def test_a_metric_can_be_promised_watched_and_read_again(tmp_path):
    chosen = scenario(
        ["f1"],
        training__early_stopping={"metric": "validation_f1", "patience": 2, "min_delta": 0.9},
        training__keep_best="test_f1",
        expect={"test_f1": {"at_least": 0.1}},
    )
    result = run(chosen, out=tmp_path / "run")
    # No value beats the first one by 0.9.
    assert len(result.history) == 3
    values = result.history.test_f1
    assert result.metrics["test_f1"] == max(values)
    assert result.simulator.watch.kept_epoch == values.index(max(values)) + 1
    assert [promise.met for promise in result.expectations] == [True]
    assert result.judged().success
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["final"]["test_f1"] == max(values)
    again = read_run(tmp_path / "run").results[0]
    assert again.metrics == result.metrics
    assert again.history.validation_f1 == result.history.validation_f1
    resumed = run(tmp_path / "run/scenario.toml", resume=tmp_path / "run")
    assert resumed.metrics == result.metrics


def test_a_run_that_was_stopped_resumes_with_its_metrics(tmp_path):
    def stop(record):
        if record["epoch"] == 3:
            raise KeyboardInterrupt

    chosen = scenario(["f1"])
    with pytest.raises(KeyboardInterrupt):
        run(chosen, out=tmp_path / "run", observer=stop)
    resumed = run(chosen, resume=tmp_path / "run")
    assert resumed.history.test_f1 == run(chosen).history.test_f1


def test_several_networks_have_them_too(tmp_path, capsys):
    ensemble = Ensemble(scenario(["f1"], training__epochs=2), 2)
    members = ensemble.train()
    assert set(members[0].measures) >= {"train_f1", "validation_f1", "test_f1"}
    alone = Simulator(scenario(["f1"], training__epochs=2), seed=1)
    alone.train()
    assert members[1].measures == alone.final_measures()
    repeated = study(scenario(["f1"], training__epochs=2, scenario__repeats=2), out=tmp_path / "study")
    assert repeated.spread("", "test_f1") is not None
    header = (tmp_path / "study/study.csv").read_text().splitlines()[0].split(",")
    assert header.count("test_f1") == 1
    members = [str(result.folder) for result in repeated.results]
    assert execute(["compare", *members]) == 0
    assert "test f1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"training.metrics": ["recal"]}, 'training.metrics.0: unknown metric "recal"; did you mean "recall"?'),
        ({"training.metrics": ["f1", "builtin:f1"]}, "training.metrics.1: f1 is in the list already"),
        ({"training.metrics": [{"name": "f1", "k": 1}]}, "unknown parameter of metric f1; it has no parameters"),
        ({"training.metrics": []} | {"expect": {"test_f1": {"at_least": 0.5}}}, "f1 is not measured; add it to "),
        ({"training.metrics": []} | {"training.keep_best": "test_f1"}, "keep_best: f1 is not measured"),
        ({"training.metrics": ["f1"]} | {"training.keep_best": "test_f2"}, 'unknown measure "test_f2"; did you'),
    ],
)  # fmt: skip
def test_what_is_wrong_with_metrics_in_a_scenario_is_said(changes, told):
    with pytest.raises(ScenarioError) as caught:
        load_scenario("moons", overrides=changes)
    assert told in str(caught.value)


def test_a_metric_of_other_targets_is_refused():
    with pytest.raises(ScenarioError, match="mae is a metric of values, but the targets of this data set are classes"):
        Simulator(scenario(["f1", "mae"]))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return outputs.max(axis=1)", r"returns an array of shape \(36,\) \(bad.py, line 2\)"),
        ("return None", r"returns None \(bad.py, line 2\)"),
        ("return 1 / (targets[0] - targets[0])[0]", r"IndexError: .* \(bad.py, line 3\)"),
        ("outputs[:] = 0", r"it writes into an array that it is given; work on a copy \(bad.py, line 3\)"),
    ],
)
def test_a_metric_that_fails_is_named_with_its_line(tmp_path, body, told):
    (tmp_path / "bad.py").write_text(
        f"from neurosim import Metric, hookimpl\ndef bad(outputs, targets):\n    {body}\n"
        "@hookimpl\ndef neurosim_metrics():\n    return [Metric('bad', bad, 'larger')]\n"
    )
    with pytest.raises(PluginError, match=f"metric bad .*{told}"):
        Simulator(scenario(["bad"], plugins=[tmp_path / "bad.py"])).train()


def test_numbers_that_do_not_exist_are_null_and_never_the_best(tmp_path, own):
    own.write_text(OWN.replace("outputs.max(axis=1).mean()", "np.nan if len(outputs) < 15 else 0.5"))
    chosen = scenario(["sure"], plugins=[own], training__keep_best="train_sure")
    result = run(chosen, out=tmp_path / "run")
    assert result.history.test_sure == [None] * 6
    assert result.history.train_sure == [0.5] * 6
    assert '"test_sure": null' in (tmp_path / "run/metrics.jsonl").read_text()
