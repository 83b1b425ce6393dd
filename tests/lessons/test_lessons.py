"""Every shipped scenario shows what it promises, from any seed: a lesson that holds by luck is no lesson."""

import os
from pathlib import Path

import pytest
from lessons import sentences
from lessons.later_sentences import course_figures

from neurosim import load_scenario, run, study
from neurosim.scenario import shipped

HAS_MNIST = Path(os.environ.get("NEUROSIM_DATA", "nowhere"), "mnist").is_dir()
# Seconds on two cores, where it is more than a few.
LONG = {name for name in shipped() if name.startswith("mnist")}
# What its lesson is about holds from some seeds only: how many, tests/lessons/test_xor.py counts.
BY_LUCK = {"xor-two-units"}
NAMES = sorted(set(shipped()) - BY_LUCK)
SEEDS = range(5)
# Seconds each: left to continuous integration.
LATER = ("depth", "digits", "digits-cnn", "features", "overfitting", "vanishing-gradient")


def missed(name, seed, **overrides):
    """The promises that were not kept, in words."""
    scenario = load_scenario(name, overrides=overrides, seed=seed)
    return broken(study(scenario) if scenario.is_study else run(scenario))


def broken(outcome):
    return [f"{entry.text}, but it is {entry.value}" for entry in outcome.expectations if not entry.met]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.ci if name in LATER else ()) for name in sorted(set(NAMES) - LONG)]
)
def test_a_short_lesson_keeps_its_promises(name):
    """From a seed that nobody has chosen, one network of each variant."""
    assert missed(name, 2026, **{"scenario.repeats": 1}) == []


@pytest.mark.lessons
@pytest.mark.parametrize("draw", SEEDS)
def test_overfitting_is_the_same_lesson_with_other_digits(draw):
    """Its text says that another 36 digits teach the same."""
    assert missed("overfitting", 0, **{"data.seed": draw}) == []


@pytest.mark.lessons
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NAMES)
def test_every_lesson_keeps_its_promises_from_every_seed(name, seed):
    if name in LONG and not HAS_MNIST:
        pytest.skip("NEUROSIM_DATA has no mnist")
    # The best networks take tens of minutes, as the mean of several seeds: once is enough.
    if name in ("mnist-mlp-best", "mnist-mlp-elastic", "mnist-vgg", "mnist-resnet") and seed:
        pytest.skip("once")
    scenario = load_scenario(name, seed=seed)
    outcome = study(scenario) if scenario.is_study else run(scenario)
    assert broken(outcome) == []
    for check in dict.fromkeys(check for _, check in sentences.OF_THE_RUN.get(name, ())):
        check(outcome)
    if name in course_figures() and not seed:
        results = outcome.results if scenario.is_study else [outcome]
        accuracy = sum(result.metrics["test_accuracy"] for result in results) / len(results)
        assert accuracy == pytest.approx(course_figures()[name], abs=0.0012)
