"""Students' networks are trained within limits, each from its student's seed."""

import os

import pytest

import neurosim
from neurosim.classroom.training import Limits, Trainer
from neurosim.scenario import shipped

XOR = shipped()["xor"]


def train(changes=(), seed=7, **limits):
    text = XOR.read_text()
    for old, new in dict(changes).items():
        assert old in text
        text = text.replace(old, new, 1)
    return Trainer(XOR, Limits(**limits)).train(text.encode(), seed)


def test_the_student_s_own_seed_decides():
    trained = train({"seed = 7": "seed = 8", "epochs = 400": "epochs = 3"}, seed=12)
    alone = neurosim.run("xor", seed=12, overrides={"training.epochs": 3, "expect": {}})
    assert trained.final["train_loss"] == alone.metrics["train_loss"]
    assert (trained.epochs, trained.parameters, trained.reason) == (3, 25, "")


def test_no_more_parameters_than_allowed():
    assert train(parameters=24).reason == "has 25 parameters; 24 are allowed"


@pytest.mark.ci
@pytest.mark.skipif(os.name != "posix", reason="the system has no such limits")
def test_limits_of_time_and_memory():
    endless = {
        "epochs = 400": "epochs = 1_000_000_000",
        'quantities = ["parameters"]': 'quantities = ["dead"]',
        "every = 5": "every = 1_000_000",
    }
    assert train(endless, seconds=1, epochs=10**9).reason == "takes longer than 1 seconds"
    large = {"units = 6": "units = 1_000_000"}
    assert train(large, memory=64, parameters=10**9).reason == "needs more memory than it may have"
