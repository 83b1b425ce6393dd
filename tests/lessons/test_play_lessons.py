"""What the lessons of the page ask and answer is so: the right answers, and the goals, by training."""

import itertools

import pytest

from neurosim import Simulator
from neurosim.scenario import load_scenario, shipped

LESSONS = [name for name in shipped() if name.startswith("try-")]


def trained(name, seed=0, **overrides):
    scenario = load_scenario(name, overrides={key.replace("__", "."): value for key, value in overrides.items()})
    return Simulator(scenario, seed=seed).train()


@pytest.mark.parametrize("name", LESSONS)
def test_each_asks_for_a_prediction_and_for_a_goal(name):
    questions = load_scenario(name).play.questions
    assert questions[0].before
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
