"""What the lessons say, quoted, and what holds each sentence: facts, the run itself, or runs of their own.

A quote is looked for in the lesson, so a lesson cannot be reworded without its check being looked at again.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neurosim import Simulator, load_scenario, run, study
from neurosim.runs import one_variant, run_ensemble
from neurosim.training.ensemble import Ensemble

# By lesson: a quote, and a check of it.
FACTS: dict[str, list[tuple[str, Callable[[], Any]]]] = {}
OF_THE_RUN: dict[str, list[tuple[str, Callable[[Any], Any]]]] = {}
APART: dict[str, list[tuple[str, Callable[[], Any]]]] = {}


def _adder(table):
    def says(lesson, *quotes):
        def add(check):
            for quote in quotes:
                table.setdefault(lesson, []).append((quote, check))
            return check

        return add

    return says


fact, of_the_run, apart = _adder(FACTS), _adder(OF_THE_RUN), _adder(APART)

# Held by [expect] and [[claims]] of the scenario itself.
BY_CLAIMS = {
    "and": ["Steps of 0.1 find the line within a few dozen epochs"],
    "or": ["with steps of 0.1 a few dozen at most"],
    "universal-approximation": ["about 0.4 with one unit, and less than a thousandth of that with 16"],
    "loss-functions": ["the unit turns around within the 40 epochs from every start"],
    "learning-rate": [
        "in ten epochs at 0.0001 the weights hardly move",
        "up to a flat top from 0.1 to 1",
        "At 3 a step is so long",
        "At 10 the loss is above 50",
    ],
    "optimizers": ["more than five times that of any other", "at epoch 8 Adam is off the plateau"],
    "batch-size": [
        "at 1024 the network has",
        "at 256 the first",
        "at 1024 nothing is learned",
        "training loss of same-1 soon stops falling, and 4 rows a step get far",
    ],
    "overfitting": ["L2 puts a price on large weights"],
    "initialization": [
        "Weights that are too small (deviation 0.02) shrink the signal",
        "Weights that are too large (deviation 1) drive tanh",
        "exactly 0, and only the",
    ],
    "vanishing-gradient": ["adds 1 to the slope", "The slope of tanh is 1 at zero, that of ReLU 1 for every positive"],
    "dying-relu": ["answers 0, with slope 0", "are dead at epoch 0"],
    "depth": ["good with 2 and 10 layers, it fails with 35 and 50", "as good with 50 layers"],
    "mnist-mlp-elastic": ["at most 7 errors in 1,000 test digits"],
}
# Years, definitions, and what another command is told.
OTHERWISE = {
    "and": [
        "answers 1 where the sum is 0 or more, else 0",
        "answers 1 on one side of it",
        "(1, 1)",
        "--seeds 100 --set optimizer.lr=0.01",
    ],
    "or": ["(0, 0)", "--seed 5"],
    "nand": ["0 at the corner (1, 1), and 1 at the other three", "(0, 0)", "--seeds 100"],
    "moons": ["0 is perfect"],
    "sine": ["The loss cannot reach 0"],
    "universal-approximation": ["Cybenko 1989; Hornik 1991", "here -2 to 2"],
    "iris": ["mean 0 and standard deviation 1", "add up to 1", "gave to the right species: 0 for"],
    "digits": ["8 x 8 pixels with gray values from 0 to 16: 64 numbers", "64 separate inputs", "below 100 percent"],
    "loss-functions": ["Nielsen 2015, chapter 3", "a factor of 2"],
    "learning-rate": ["A rate too small for 10 epochs may be right for 1000", "a factor of 3 to 10 below"],
    "overfitting": ["--set data.seed=1"],
    "initialization": ["variance 2 / (inputs + outputs)", "2 / inputs", "the square root of 2"],
    "vanishing-gradient": [
        "Hochreiter 1991; Bengio, Simard and Frasconi 1994; Glorot and Bengio 2010",
        "optimizer.lr=0.002",
    ],
    "depth": ["Sun (2015)", "optimizer.lr=0.001"],
    "digits-cnn": ["8 x 8"],
    "features": ["3 x 3 pixels", "0 for a channel", "1 for one that", "2018"],
    "mnist-cnn": ["LeNet-5", "1998"],
    "mnist-cnn-quick": ["2015"],
    "mnist-mlp-elastic": ["in 2003"],
    "mnist-quick": ["2017"],
    "mnist-resnet": ["2016"],
    "mnist-vgg": ["2014", "3 x 3"],
}


def alone(name, variant=None, **settings):
    """The results of a scenario, or of one variant of it, with `settings` by key path."""
    scenario = load_scenario(name, overrides={key.replace("__", "."): value for key, value in settings.items()})
    chosen = one_variant(scenario, variant) if variant else scenario
    return study(chosen).results if chosen.is_study else (run(chosen),)


def network(name, variant=None):
    scenario = load_scenario(name)
    return Simulator(one_variant(scenario, variant) if variant else scenario, backend="reference")


def size(name, variant=None):
    return network(name, variant).network.size


def mean(results, measure):
    return float(np.mean([result.metrics[measure] for result in results]))


def recorded(results, quantity, place):
    """A recorded quantity of the layers that have it, as the mean of the seeds; `place` counts the times."""
    series = np.mean([result.recording.series(quantity)[place] for result in results], axis=0)
    return series[~np.isnan(series)]


def successes(name, **settings):
    """Of 500 seeds: the share that learns, and how many epochs these take."""
    scenario = load_scenario(name, overrides={key.replace("__", "."): value for key, value in settings.items()})
    with tempfile.TemporaryDirectory() as folder:
        found = run_ensemble(Ensemble(scenario, range(500)), Path(folder))
    return found["success_rate"], found["epochs_to_success"]


# Perceptrons


@fact("and", "how long the steps are: here 0.1")
def _():
    assert load_scenario("and").optimizer.params["lr"] == 0.1


@apart("and", "With steps of 0.01 only about one start in four gets there in 50")
def _():
    assert 0.18 < successes("and", optimizer__lr=0.01)[0] < 0.32
    share, epochs = successes("and")
    assert share == 1.0
    assert epochs["90%"] < 36


@apart("or", "With steps of 0.01 more than half of all starts are too far away to get there in 50 epochs")
def _():
    assert successes("or", optimizer__lr=0.01)[0] < 0.5
    share, epochs = successes("or")
    assert share == 1.0
    assert epochs["90%"] < 36


@of_the_run("nand", "make the weights negative and the bias positive")
def _(result):
    assert (result.simulator.parameters["layers.0.weight"] < 0).all()
    assert (result.simulator.parameters["layers.0.bias"] > 0).all()


# Hidden layers


def best_line(simulator):
    """The share of rows that the best straight line gets right: all directions, all places."""
    rows = [simulator.data.train, simulator.data.test]
    features = np.concatenate([part.features for part in rows])
    ones = np.concatenate([part.targets for part in rows]).ravel() == 1
    best = 0.0
    for angle in np.linspace(0, np.pi, 361):
        sides = ones[np.argsort(features @ [np.cos(angle), np.sin(angle)])]
        right = np.cumsum(~sides) + sides.sum() - np.cumsum(sides)
        best = max(best, right.max() / ones.size, 1 - right.min() / ones.size)
    return best


@fact("spirals", "The best straight line is right for about two thirds of the points")
def _():
    assert 0.64 < best_line(network("spirals")) < 0.7


@of_the_run("spirals", "this network is right for nearly all of them")
def _(result):
    assert result.metrics["train_accuracy"] > 0.98
    assert result.metrics["test_accuracy"] > 0.95


@apart("spirals", "--set network.layers.0.units=4 --set network.layers.1.units=4")
def _():
    assert run("spirals", overrides={f"network.layers.{k}.units": 4 for k in (0, 1)}).metrics["test_accuracy"] < 0.9


@fact("moons", "two layers of sixteen together")
def _():
    assert [layer.output_shape for layer in network("moons").network.layers] == [(16,), (16,), (1,)]


@of_the_run("moons", "turns around somewhere between epochs 20 and 90")
def _(result):
    test, train = np.array(result.history.test_loss), np.array(result.history.train_loss)
    turn = int(test.argmin())
    assert 20 <= turn + 1 <= 90
    assert test[-1] > 1.15 * test[turn]
    assert train[-1] < train[turn]


@apart("moons", "With the scenario's own seed it ends at twice its smallest value")
def _():
    losses = run("moons").history.test_loss
    assert 1.8 < losses[-1] / min(losses) < 2.3


@of_the_run("moons", "The accuracy shows little of it")
def _(result):
    assert max(result.history.test_accuracy) - result.history.test_accuracy[-1] < 0.05


def _curves(simulator):
    """What each unit of the two hidden layers answers over the interval."""
    found, signal = [], np.linspace(-3, 3, 301)[:, None]
    for number in (0, 1):
        weight, bias = (simulator.parameters[f"layers.{number}.{kind}"] for kind in ("weight", "bias"))
        signal = np.tanh(signal @ weight + bias)
        found.append(np.diff(signal, axis=0))
    return found


@of_the_run(
    "sine", "Each unit of the first hidden layer draws one S-shaped curve", "so its curve can go up and down again"
)
def _(result):
    first, second = _curves(result.simulator)
    only_one_way = [((steps >= 0).all(axis=0) | (steps <= 0).all(axis=0)) for steps in (first, second)]
    assert only_one_way[0].all()
    assert not only_one_way[1].all()


@of_the_run("sine", "0.1 here: 0.1 times 0.1 is 0.01")
def _(result):
    assert load_scenario("sine").data.options["noise"] == 0.1
    assert 0.008 < result.metrics["test_loss"] < 0.013


@of_the_run("universal-approximation", "After 5 epochs the widest network is not yet far ahead of the one with 4 units")
def _(found):
    early = [np.mean([result.history.test_loss[4] for result in found[name]]) for name in ("64", "4")]
    assert early[0] > 0.6 * early[1]


@apart("universal-approximation", "With 2 units some seeds end with a poorer curve than others")
def _():
    losses = [result.metrics["test_loss"] for result in alone("universal-approximation", "2")]
    assert max(losses) > 2 * min(losses)


@of_the_run("universal-approximation", "from 32 to 64 units there is little left to gain")
def _(found):
    assert mean(found["32"], "test_loss") - mean(found["64"], "test_loss") < 0.0003


@apart("universal-approximation", "beyond 8 units the loss stays where it is")
def _():
    losses = [
        mean(alone("universal-approximation", name, data__function="square"), "test_loss") for name in ("8", "64")
    ]
    assert 0.7 < losses[1] / losses[0] < 1.4


@apart("iris", "Setosa is learned within a few epochs", "the few mistakes that remain are between these two")
def _():
    result = run("iris", overrides={"record.quantities": ["confusion"]})
    early, late = (np.array(result.recording.confusion[place]) for place in (3, -1))
    for table in (early, late):
        assert table[0, 1:].sum() == table[1:, 0].sum() == 0
    assert 0 < late[1, 2] + late[2, 1] < 5


@fact("iris", "150 iris flowers", "One flower in five is set aside")
def _():
    data = network("iris").data
    assert len(data.train) + len(data.test) == 150
    assert len(data.test) == 30


@fact("digits", "One row in five is set aside")
def _():
    data = network("digits").data
    assert round(len(data.test) / (len(data.test) + len(data.train)), 2) == 0.2


@of_the_run("digits", "After some twenty epochs the network gets every training image right")
def _(result):
    first = result.history.train_accuracy.index(1.0) + 1
    assert 10 <= first <= 30
    assert result.metrics["train_accuracy"] == 1.0
    assert 0.96 < result.metrics["test_accuracy"] < 0.995
