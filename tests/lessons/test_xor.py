"""What the lessons about XOR say: the perceptron goes round in circles, two hidden units learn from half the seeds."""

import numpy as np
import pytest

from neurosim import Ensemble, Simulator, load_scenario, run

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
TARGETS = np.array([[0], [1], [1], [0]], np.float32)
# The parameters are recorded after each sample.
SAMPLES = 4


@pytest.fixture(scope="module")
def perceptron():
    return run("xor-perceptron")


def path_of(recording):
    """Weights and bias after each sample, (times, 3)."""
    return np.array(
        [
            np.concatenate([array.ravel() for array in entry])
            for entry in zip(*recording.parameters.values(), strict=True)
        ]
    )


def test_the_perceptron_comes_back_to_the_same_weights_after_each_epoch(perceptron):
    path = path_of(perceptron.recording)
    assert len(path) == 12 * SAMPLES + 1
    circle = path[4 * SAMPLES :]
    assert np.array_equal(circle[SAMPLES:], circle[:-SAMPLES])
    assert not np.array_equal(path[3 * SAMPLES], path[4 * SAMPLES]), "it takes four epochs to get there"
    # Each of the four samples moves the weights, and the four corrections cancel.
    assert all((circle[k] != circle[k + 1]).any() for k in range(SAMPLES))


def test_every_answer_is_wrong_when_its_turn_comes(perceptron):
    assert perceptron.history.train_accuracy[4:] == [0.0] * 8
    # The lesson is of one seed, and says why it is not the accuracy of the last line.
    assert perceptron.metrics["train_accuracy"] == 0.5


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_it_goes_round_in_circles_from_every_seed(backend):
    for seed in range(10):
        simulator = Simulator(load_scenario("xor-perceptron"), backend, seed)
        simulator.train()
        assert simulator.recording is not None
        path = path_of(simulator.recording)[::SAMPLES]
        assert all(np.array_equal(path[k], path[-1]) for k in range(6, len(path))), seed


def hidden(seed):
    """Accuracy of a trained network of two hidden units, and the place of each sample in their plane."""
    simulator = Simulator(load_scenario("xor-two-units"), seed=seed)
    simulator.train()
    seen = simulator.inspect(INPUTS, TARGETS)
    slopes = simulator.gradients(INPUTS, TARGETS)[1]
    return simulator.final_measures()["train_accuracy"], seen.layers["layers.0"].outputs, slopes


def test_two_units_become_or_and_and():
    accuracy, places, _ = hidden(None)
    assert accuracy == 1.0
    assert (places[:, 0] > 0.5).tolist() == [False, True, True, True]
    assert (places[:, 1] > 0.5).tolist() == [False, False, False, True]
    assert places[1] == pytest.approx(places[2], abs=0.05)


def test_two_units_fold_different_classes_onto_one_spot_where_they_fail():
    accuracy, places, slopes = hidden(1)
    assert accuracy < 1.0
    assert places[2] == pytest.approx(places[3], abs=0.01)
    assert max(np.abs(slopes[name]).max() for name in ("layers.0.weight", "layers.0.bias")) < 0.01


@pytest.mark.parametrize(("name", "fewest", "most"), [("xor-two-units", 0.44, 0.56), ("xor", 1.0, 1.0)])
def test_how_often_they_learn(name, fewest, most):
    ensemble = Ensemble(load_scenario(name), range(1000))
    ensemble.train()
    assert fewest <= ensemble.summary()["success_rate"] <= most
