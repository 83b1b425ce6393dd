"""What doctor tries: within a budget of work, without touching the run, and told as it came out."""

import numpy as np
import pytest
from cases import DENSE, SGD, layers, scenario, trained

from neurosim import Simulator, load_scenario
from neurosim.diagnosis import diagnose
from neurosim.diagnosis.budget import Budget, longest
from neurosim.diagnosis.measured import total_steps
from neurosim.diagnosis.words import count, number

SICK = scenario(optimizer=SGD.format(300.0), stack=layers("tanh", 3))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    made = tmp_path_factory.mktemp("trials") / "sick.toml"
    made.write_text(SICK)
    return made


@pytest.fixture(scope="module")
def sick(path):
    simulator, failure = trained(path, 0)
    assert not failure
    return simulator


@pytest.fixture(scope="module")
def found(sick):
    return diagnose(sick)


def test_the_run_is_left_as_it_is_and_the_diagnosis_is_the_same_again(sick, found):
    before = sick.parameters
    again = diagnose(sick)
    assert [finding.as_json() for finding in again.findings] == [finding.as_json() for finding in found.findings]
    assert all(np.array_equal(before[name], array) for name, array in sick.parameters.items())


def test_what_is_said_is_what_the_setting_does(path, found):
    first = found.findings[0]
    assert first.name == "rate_too_high"
    after, _ = trained(path, 0, first.settings)
    assert after.evaluate("train")["loss"] == pytest.approx(first.tried.after.loss, rel=1e-6)
    assert first.tried.whole
    assert first.tried.epochs == 15
    assert f"the training loss is {number(first.tried.after.loss)} instead of" in first.tried.words
    # The range test is the picture, and the rate that was taken is pointed at.
    assert first.picture.label == "learning rate"
    assert first.settings == (f"optimizer.lr={first.picture.mark:g}",)
    assert repr(found).splitlines()[1] == f"  rate_too_high: {first.settings[0]} (tried: {first.tried.words})"


def test_what_there_is_no_time_for_is_a_guess(sick):
    first = diagnose(sick, shared=10**12).findings[0]
    assert first.settings
    assert first.tried is None
    assert "not tried, because" in first.guess
    assert "(a guess: not tried, because" in repr(diagnose(sick, shared=10**12))


def test_a_long_training_is_tried_in_part_and_a_hopelessly_long_one_is_not(sick):
    long = sick.changed({"training.epochs": 1_000_000})
    assert 1000 < longest(long) < total_steps(long)
    wide = [{"kind": "dense", "units": units, "activation": "sigmoid"} for units in (1500, 1500, 1)]
    slow = sick.changed({"network.layers": wide, "training.epochs": 1000, "training.batch_size": 210})
    assert 20 <= longest(slow) < 100
    assert longest(slow, trainings=10) == 0
    assert not Budget(10**12).spend(slow, 1)


def test_layers_inside_of_others_are_changed_too(tmp_path):
    """Eight sigmoid layers, written as one that is repeated."""
    inner = 'layers = [{ kind = "dense", units = 12, activation = "sigmoid" }]'
    stack = f'[[network.layers]]\nkind = "group"\nrepeat = 8\n{inner}\n' + DENSE.format(1, "sigmoid", "")
    (tmp_path / "deep.toml").write_text(scenario(stack=stack, epochs=30))
    first = diagnose(trained(tmp_path / "deep.toml", 0)[0]).findings[0]
    assert first.name == "vanishing_gradient"
    assert first.settings[0] == "network.layers.0.layers.0.activation=relu"
    assert first.tried.helped


def test_what_does_not_help_explains_nothing_else(tmp_path):
    """Inputs that are large, which does no harm here, and a learning rate that does."""
    large = 'source = "moons"\nsamples = 200\nnormalize = { mean = 0.5, std = 0.04 }'
    (tmp_path / "both.toml").write_text(scenario(large, optimizer=SGD.format(300.0), stack=layers("relu", 2)))
    first, second, *_ = diagnose(trained(tmp_path / "both.toml", 0)[0]).findings
    assert (first.name, second.name) == ("unscaled_inputs", "rate_too_high")
    assert first.attempts[0].settings[0].startswith("data.normalize={ mean = ")
    assert first.settings == ()
    assert not second.follows
    assert second.tried.helped


def test_numbers_are_rounded_as_a_person_would():
    shown = [number(value) for value in (0.0184, 421.3, 0.0, 2.0, 1e-6, 310_500.0, 2.5e9, float("inf"), -0.5)]
    assert shown == ["0.018", "420", "0", "2", "1e-06", "310,000", "2.5e+09", "infinite", "-0.5"]
    assert number(310_500.0, 3) in ("310,000", "311,000")
    assert [count(k, "step") for k in (1, 2, 1200)] == ["1 step", "2 steps", "1,200 steps"]


def test_where_no_step_was_made_no_rate_is_to_blame():
    run = Simulator(load_scenario("xor", overrides={"training.epochs": 0}), "reference")
    run.train()
    assert diagnose(run, trials=False).findings == ()
    (finding,) = diagnose(run).findings
    assert (finding.name, finding.settings) == ("few_steps", ("training.epochs=10",))
