"""What the lessons of the page ask and answer is so: the right answers, and the goals, by training."""

import itertools

import pytest

from neurosim import Simulator
from neurosim.scenario import load_scenario, shipped

LESSONS = [name for name in shipped() if load_scenario(name).play is not None]
# Playgrounds too: these train at once.
FREE = {"xor", "moons", "spirals"}


def trained(name, seed=0, **overrides):
    scenario = load_scenario(name, overrides={key.replace("__", "."): value for key, value in overrides.items()})
    return Simulator(scenario, seed=seed).train()


@pytest.mark.parametrize("name", LESSONS)
def test_each_asks_for_a_prediction_and_for_a_goal(name):
    questions = load_scenario(name).play.questions
    assert questions[0].before == (name not in FREE)
    assert questions[-1].goal is not None


def test_two_lines_do_not_close_an_area_and_three_do():
    best = {
        units: max(
            trained("try-hidden-units", seed, network__layers__0__units=units).test_accuracy[-1] for seed in range(4)
        )
        for units in (1, 2, 3)
    }
    assert best[1] < best[2] < 0.85
    assert best[3] >= 0.98


def test_too_short_and_too_long_steps():
    usual = trained("try-learning-rate").train_loss
    short = trained("try-learning-rate", optimizer__lr=0.0001, training__epochs=50).train_loss
    assert short[0] - short[-1] < 0.1 * (short[0] - min(usual))
    long = trained("try-learning-rate", optimizer__lr=30.0).train_loss
    assert sum(after > before for before, after in itertools.pairwise(long)) > 40
    assert min(trained("try-learning-rate").test_loss) < 0.05


def test_the_test_loss_falls_and_rises_again():
    history = trained("try-overfitting")
    best = min(history.test_loss)
    assert best < 0.9 * history.test_loss[0]
    assert history.test_loss[-1] > 1.5 * best
    assert history.train_loss[-1] < history.test_loss[-1]
    penalties = {f"network__layers__{layer}__l2": 0.01 for layer in (0, 1)}
    assert min(trained("try-overfitting", **penalties).test_loss) < 0.35


LAST = {"kind": "dense", "units": 1, "activation": "sigmoid"}


def tanh(*units):
    return [*({"kind": "dense", "units": count, "activation": "tanh"} for count in units), LAST]


# Whose weights the page shows: how many epochs until all is right, and the signs of both weights and of the bias.
GATES = {"and": (3, (1, 1, -1)), "or": (3, (1, 1, -1)), "nand": (2, (-1, -1, 1))}


@pytest.mark.parametrize("name", GATES)
def test_a_line_is_found_and_then_stays(name):
    simulator = Simulator(load_scenario(name), backend="reference")
    right, found = [], []
    for epoch in range(1, 8):
        simulator.train_to(4 * epoch)
        right.append(simulator.evaluate("train")["accuracy"] == 1.0)
        found.append(simulator.state()["parameters"].tolist())
    epochs, signs = GATES[name]
    assert right == [epoch >= epochs for epoch in range(1, 8)]
    assert found[epochs] == found[epochs - 1]
    assert tuple(1 if value > 0 else -1 for value in found[-1]) == signs
    if name == "and":
        assert load_scenario(name).play.questions[1].answer == epochs


def test_one_line_goes_around_xor():
    simulator = Simulator(load_scenario("xor-perceptron"), backend="reference")
    right, found = [], []
    for step in range(1, 49):
        simulator.train_to(step)
        right.append(simulator.evaluate("train")["accuracy"])
        found.append(simulator.state()["parameters"].tolist())
    assert max(right) == right[0] == 0.75
    assert all(one == other for one, other in itertools.pairwise(found[31::4]))
    assert found[32] != found[31]


def test_two_units_learn_xor_if_they_start_well():
    of = {units: [trained("xor", seed, network__layers__0__units=units) for seed in range(4)] for units in (1, 2, 3)}
    assert max(history.train_accuracy[-1] for history in of[1]) == 0.75
    assert {history.train_accuracy[-1] for history in of[2]} >= {0.5, 1.0}
    assert min(history.train_loss[-1] for history in of[3]) < 0.01
    ends = [trained("xor-two-units", seed) for seed in range(24)]
    learned = sum(history.train_accuracy[-1] == 1.0 for history in ends)
    assert 8 <= learned <= 16
    assert {history.train_accuracy[-1] for history in ends} <= {0.5, 0.75, 1.0}
    assert min(history.train_loss[-1] for history in ends) < 0.02


def test_a_straight_line_and_few_units_on_moons_and_spirals():
    usual = trained("moons")
    assert usual.train_loss[-1] < usual.test_loss[-1]
    for name, split in (("moons", "test_accuracy"), ("spirals", "train_accuracy")):
        question = next(one for one in load_scenario(name).play.questions if one.kind == "number")
        assert all(
            question.is_right(100 * getattr(trained(name, seed, network__layers=[LAST]), split)[-1]) for seed in (0, 1)
        )
    assert max(trained("moons", network__layers=tanh(4, 4)).test_accuracy) >= 0.95
    one, two = (trained("spirals", network__layers=tanh(*units)) for units in ((16,), (8, 8)))
    assert one.test_accuracy[-1] + 0.1 < two.test_accuracy[-1]
    assert max(two.test_accuracy) >= 0.9


def test_one_unit_draws_a_circle_over_the_squares_and_no_line_will_do():
    def best(*inputs):
        return max(trained("try-inputs", seed, data__inputs=list(inputs)).test_accuracy[-1] for seed in range(2))

    assert best("x1", "x2") < 0.65
    assert best("x1", "x1^2") < 0.8
    assert best("x1^2", "x2^2") >= 0.97
    assert max(trained("try-inputs", data__inputs=["x1", "x2"], network__layers=tanh(4)).test_accuracy) >= 0.95
