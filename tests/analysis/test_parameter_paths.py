"""The paths of weights and biases: what they are called, where they come to rest, and where they go in circles."""

import numpy as np
import pytest

from neurosim import Simulator, load_scenario
from neurosim.analysis.catalog import lacking
from neurosim.analysis.facts import run_facts
from neurosim.analysis.parameters import parameter_paths
from neurosim.plots.parameters import in_words, parameters


def trained(name, **changes):
    simulator = Simulator(load_scenario(name, overrides={"expect": {}, **changes}), "reference")
    simulator.train()
    return simulator


@pytest.fixture(scope="module")
def perceptron():
    return trained("xor-perceptron")


def test_the_perceptron_on_xor_goes_round_in_circles(perceptron):
    shown = parameter_paths(perceptron)
    assert shown.names == ("w1", "w2", "b")
    assert shown.circle == (3.25, 1.0)
    since = int(np.flatnonzero(shown.epochs == 3.25)[0])
    assert np.array_equal(shown.values[since:-4], shown.values[since + 4 :])
    assert not np.array_equal(shown.values[since - 1], shown.values[since + 3])
    assert in_words(shown) == "round in circles from epoch 3.25 on: every epoch exactly the same numbers come back"
    made = parameters(shown, "XOR")
    assert len(made.axes[0].lines) == 3
    assert (made.axes[1].get_xlabel(), made.axes[1].get_ylabel()) == ("w1", "w2")


def test_where_there_is_a_line_they_come_to_rest():
    simulator = trained("and")
    shown = parameter_paths(simulator)
    assert shown.circle is None
    rest = int(shown.rest)
    assert (shown.values[rest:] == shown.values[-1]).all()
    assert (shown.values[rest - 1] != shown.values[-1]).any()
    assert "parameters" in run_facts(simulator).pictures


def test_what_moves_to_the_end_is_neither():
    few = {"network.layers.0.units": 2, "training.epochs": 5, "record.every": 1}
    shown = parameter_paths(trained("xor", **few))
    assert (shown.circle, shown.rest) == (None, None)
    assert shown.names == ("w1[1,1]", "w1[1,2]", "w1[2,1]", "w1[2,2]", "b1[1]", "b1[2]", "w2[1,1]", "w2[2,1]", "b2[1]")
    assert len(parameters(shown, "XOR").axes) == 1
    assert in_words(shown) == "still moving at the end"


def test_a_rate_of_nothing_moves_nothing():
    assert parameter_paths(trained("and", **{"training.epochs": 0})).rest is None


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("xor", {"training.epochs": 1}, "25 parameters"),
        ("and", {"record": None}, 'overrides={"record.quantities": ["parameters"]}'),
    ],
)
def test_where_there_is_none_it_is_said_why(name, changes, words):
    assert words in lacking(trained(name, **changes))["parameters"]
