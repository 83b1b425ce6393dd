"""The sentences of the chapters on training, depth and images; see `sentences`."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
from lessons.sentences import alone, apart, fact, mean, network, of_the_run, recorded, size

from neurosim import load_scenario, run, study

# Training


@fact("loss-functions", "the slope is 0.0025 for a weight of 1.5")
def _():
    # The clouds are around x1 = 4 and x1 = -4.
    answer = 1 / (1 + np.exp(-1.5 * 4))
    assert round(answer * (1 - answer), 4) == 0.0025


@apart("loss-functions", "--set optimizer.lr=0.3 frees the weight of 1.5, not that of 2")
def _():
    of = {
        w: mean(alone("loss-functions", f"squared-error-{w}", optimizer__lr=0.3), "train_accuracy")
        for w in ("1.5", "2")
    }
    assert of["1.5"] > 0.95
    assert of["2"] < 0.1


@apart("loss-functions", "the wait doubles with every 0.25 added to the weight")
def _():
    waits = []
    for name in ("0.5", "1", "1.5", "2"):
        (result, *_) = alone("loss-functions", f"squared-error-{name}", training__epochs=500)
        waits.append(next(epoch for epoch, right in enumerate(result.history.train_accuracy, 1) if right > 0.5))
    assert all(3.0 < later / sooner < 5.0 for sooner, later in pairwise(waits)), waits


@fact("learning-rate", "Guessing evenly among ten digits costs 2.3", "batches of 32 rows")
def _():
    assert round(np.log(10), 1) == 2.3
    assert load_scenario("learning-rate").training.batch_size == 32


@apart("learning-rate", "Adam does best between 0.01 and 0.03")
def _():
    names = load_scenario("learning-rate").variants
    found = {name: mean(alone("learning-rate", name, optimizer__name="adam"), "test_accuracy") for name in names}
    assert max(found, key=found.get) in ("0.01", "0.03"), found


@fact("optimizers", "up to tenfold here", "These rates differ thirtyfold")
def _():
    optimizers = [variant.optimizer for variant in load_scenario("optimizers").variants.values()]
    rates = [optimizer.params["lr"] for optimizer in optimizers]
    assert round(max(rates) / min(rates)) == 30
    assert {optimizer.params.get("momentum") for optimizer in optimizers[1:3]} == {0.9}


@apart("optimizers", "with about three times the rate most of them get further, and sgd still comes last")
def _():
    rates = {name: variant.optimizer.params["lr"] for name, variant in load_scenario("optimizers").variants.items()}
    losses = {name: mean(alone("optimizers", name), "train_loss") for name in rates}
    faster = {
        name: mean(alone("optimizers", name, optimizer__lr=3.3 * rate), "train_loss") for name, rate in rates.items()
    }
    assert sum(faster[name] < losses[name] for name in rates) >= 5, (losses, faster)
    assert max(faster, key=faster.get) == "sgd"


@fact("batch-size", "all 1438 training rows: in 1438 steps of one row, in 90 steps of 16, or in 2 steps of up to 1024")
def _():
    rows = len(network("batch-size", "same-1").data.train)
    assert [rows, -(-rows // 1), -(-rows // 16), -(-rows // 1024)] == [1438, 1438, 90, 2]


@fact("batch-size", "moved 20 times and has hardly begun", "With a single row it moves 14,380 times")
def _():
    epochs = load_scenario("batch-size").training.epochs
    assert [2 * epochs, 1438 * epochs] == [20, 14_380]


@of_the_run("batch-size", "From 1 to 64 rows the results are nearly the same")
def _(found):
    losses = [mean(found[f"scaled-{rows}"], "train_loss") for rows in (1, 4, 16, 64)]
    assert max(losses) < 1.25 * min(losses)


@of_the_run("batch-size", "epochs go wrong, which the later ones make up for")
def _(found):
    losses = np.mean([result.history.train_loss for result in found["scaled-256"]], axis=0)
    assert losses[:4].max() > np.log(10)
    assert losses[-1] < 1.0


@fact("overfitting", "the 36 images anew", "nobody with 36 examples has", "Another 36")
@fact(
    "overfitting",
    "85,000 weights has 36 digits",
    "--set data.test_fraction=0.5 leaves 575 to learn from",
    "the 323 rows for validation",
)
def _():
    simulator = network("overfitting", "none")
    assert 84_500 < simulator.network.size < 85_500
    assert [len(simulator.data.train), len(simulator.data.validation)] == [36, 323]
    counts = np.bincount(simulator.data.train.targets.ravel().astype(int))
    assert set(counts) == {3, 4}
    assert round((1 - 0.5 - 0.18) * 1797) == 575


@of_the_run(
    "overfitting", "falls for about five epochs and then rises again", "although the network gets no more digits wrong"
)
def _(found):
    # Means over the seeds: one start alone may turn a few epochs later.
    losses, accuracies, learned = (
        np.mean([getattr(result.history, name) for result in found["none"]], axis=0)
        for name in ("test_loss", "test_accuracy", "train_loss")
    )
    turn = int(np.argmin(losses))
    assert 3 <= turn + 1 <= 8
    assert accuracies[-1] > accuracies[turn] - 0.02
    assert (np.diff(learned[::20]) < 0).all()


@of_the_run("overfitting", "All numbers are means over five starts from the same 36 digits")
def _(found):
    assert len(found["none"]) == 5
    assert len({tuple(result.rows_sha256.values()) for result in found["none"]}) == 1


@apart("overfitting", "--set data.seed=1) give other numbers, and the same lesson")
def _():
    promises = study("overfitting", overrides={"data.seed": 1}).expectations
    # Of the bounds on single numbers another 36 may miss one; what is compared must come out.
    assert [entry.text for entry in promises if not entry.met and "at " not in entry.text] == []


@apart("overfitting", "What helps most is more rows")
def _():
    assert mean(alone("overfitting", "none", data__test_fraction=0.5, training__epochs=60), "test_accuracy") > 0.95


# Depth


@fact("initialization", "so that 64 are worth one", "after twenty layers by a factor of 1024")
def _():
    assert round(np.sqrt(2) ** 20) == 1024
    assert network("initialization", "constant").network.layers[5].units == 64


@of_the_run("initialization", "a spike that does not spread, except at the two ends")
def _(found):
    weights = found["constant"][0].simulator.parameters
    spreads = [float(np.ptp(weights[f"layers.{layer}.weight"])) for layer in range(20)]
    assert spreads[1:19] == [0.0] * 18
    assert min(spreads[0], spreads[19]) > 0.01


@apart("initialization", "With three layers Glorot and He do equally well")
def _():
    settings = {"network__layers__0__repeat": 3}
    found = [mean(alone("initialization", name, **settings), "test_accuracy") for name in ("relu-glorot", "relu-he")]
    assert abs(found[0] - found[1]) < 0.02


@apart(
    "initialization",
    "with twenty Adam makes up for the difference, though not for weights that are too small or too large",
)
def _():
    names = ("relu-glorot", "relu-he", "too-small", "too-large")
    adam = {"name": "adam", "lr": 0.001}
    found = {name: mean(alone("initialization", name, optimizer=adam), "test_accuracy") for name in names}
    assert min(found["relu-glorot"], found["relu-he"]) > 0.9
    assert max(found["too-small"], found["too-large"]) < 0.3


@fact("vanishing-gradient", "1/4 to the power of 16: one part in four billion", "at most 1/4")
def _():
    assert round(4**16 / 1e9) == 4
    z = np.linspace(-5, 5, 1001)
    assert abs((np.exp(-z) / (1 + np.exp(-z)) ** 2).max() - 0.25) < 1e-9


@of_the_run("vanishing-gradient", "do not change by a single bit")
def _(found):
    for result in found["sigmoid"]:
        before, after = result.simulator.fresh().parameters, result.simulator.parameters
        assert all((before[f"layers.{k}.weight"] == after[f"layers.{k}.weight"]).all() for k in range(3))


@of_the_run("vanishing-gradient", "gradients even grow toward the input, by about a fifth per layer")
def _(found):
    norms = recorded(found["relu-batch-norm"], "gradient_norm", 0)
    assert 1.12 < (norms[1] / norms[15]) ** (1 / 14) < 1.28


@of_the_run(
    "vanishing-gradient", "plain ReLU network learns this task as well as those with batch normalization or skips"
)
def _(found):
    accuracies = [mean(found[name], "test_accuracy") for name in ("relu", "relu-batch-norm", "relu-skip")]
    assert max(accuracies) - accuracies[0] < 0.02


@apart("vanishing-gradient", "Adam, which rescales gradients, does not rescue the sigmoid")
def _():
    assert mean(alone("vanishing-gradient", "sigmoid", optimizer={"name": "adam", "lr": 0.002}), "train_accuracy") < 0.2


@fact("dying-relu", "0.002. A hundred times that", "small (0.2 here) but not 0")
def _():
    variants = load_scenario("dying-relu").variants
    assert round(variants["relu-fast"].optimizer.params["lr"] / variants["relu-slow"].optimizer.params["lr"]) == 100
    assert variants["leaky-fast"].network.layers[0].layers[0].activation.params["alpha"] == 0.2


@of_the_run("dying-relu", "its second and third layers are dead", "training never wakes them")
def _(found):
    for place in (0, -1):
        assert (recorded(found["relu-bad-start"], "dead", place)[1:] > 0.95).all()


@of_the_run("dying-relu", "right for one in ten", "a few dead units are normal")
def _(found):
    assert mean(found["relu-fast"], "test_accuracy") < 0.2
    assert 0.0 < recorded(found["relu-slow"], "dead", -1).mean() < 0.2


@fact("depth", "small weights (deviation 0.02)")
def _():
    inner = load_scenario("depth").variants["residual-50"].network.layers[1].layers[0]
    assert inner.init.params["deviation"] == 0.02


@apart("depth", "Adam gets them much further within the same epochs")
def _():
    adam = {"name": "adam", "lr": 0.001}
    sgd, found = (mean(alone("depth", "plain-50", **how), "train_accuracy") for how in ({}, {"optimizer": adam}))
    assert found > sgd + 0.25


# Images


@fact("digits-cnn", "3 x 3 here", "16 windows make 16 channels", "each 2 x 2 cells", "the network has a third fewer")
def _():
    layers = network("digits-cnn").network.layers
    assert [layers[0].window.kernel, layers[0].channels, layers[1].window.kernel] == [(3, 3), 16, (2, 2)]
    assert 0.63 < size("digits-cnn") / size("digits") < 0.7


@apart("digits-cnn", "and is more accurate")
def _():
    found = {
        name: [run(name, seed=seed).metrics["test_accuracy"] for seed in range(3)] for name in ("digits", "digits-cnn")
    }
    assert np.mean(found["digits-cnn"]) > np.mean(found["digits"])


@fact("features", "The second one sees 5 x 5 pixels", "a window of 10 x 10, which is more than the whole image")
def _():
    sees, apart_by, seen = 1, 1, []
    for layer in network("features").network.layers[:4]:
        sees += (layer.window.kernel[0] - 1) * apart_by
        apart_by *= layer.window.stride[0]
        seen.append(sees)
    assert [seen[1], seen[3]] == [5, 10]
    assert network("features").network.input_shape[:2] == (8, 8)


@of_the_run("features", "It grows from layer to layer", "about doubled by training", "training hardly changes it")
def _(result):
    before, after = (recorded([result], "selectivity", place) for place in (0, -1))
    assert list(after) == sorted(after)
    assert 1.5 < after[-1] / before[-1] < 2.6
    assert after[0] - before[0] < 0.05


@fact("mnist", "60,000 images of 28 x 28 pixels", "10,000 others", "Dropout switches off a fifth")
def _():
    assert load_scenario("mnist").network.layers[1].rate == 0.2


@of_the_run("mnist", "reads more than nine of ten test digits", "is lower than the progress line showed")
def _(result):
    assert result.history.test_accuracy[0] > 0.9
    assert result.metrics["train_loss"] < result.history.train_loss[-1]


@of_the_run("mnist", "About 98 percent is what this network reaches")
def _(result):
    assert 0.975 < result.metrics["test_accuracy"] < 0.985


@fact("mnist-quick", "one hidden layer instead of two", "It rises to four times the rate of mnist")
@fact("mnist-quick", "takes ten epochs to read 98 of 100 test digits", "This network gets there in four", "no dropout")
def _():
    quick, plain = load_scenario("mnist-quick"), load_scenario("mnist")
    assert [quick.training.epochs, plain.training.epochs] == [4, 10]
    assert [sum(layer.kind == "dense" for layer in it.network.layers) for it in (quick, plain)] == [2, 3]
    assert all(layer.kind == "dense" for layer in quick.network.layers)
    assert quick.optimizer.params["lr"] == 4 * plain.optimizer.params["lr"]


@of_the_run("mnist-quick", "the last epoch, in which the rate falls to nothing", "more accurate on the training digits")
def _(result):
    errors = [1 - accuracy for accuracy in result.history.test_accuracy]
    assert errors[-1] < 0.95 * errors[-2]
    assert result.metrics["train_accuracy"] > result.metrics["test_accuracy"] + 0.01


@apart("mnist-quick", "the same network ends at less than 97.5 percent")
def _():
    changed = run("mnist-quick", overrides={"optimizer.schedule": "constant"})
    assert changed.metrics["test_accuracy"] < 0.975


@fact("mnist-cnn-quick", "takes 30 epochs to read more than 99 of 100", "get to 99 in two", "a stride of 2")
@fact("mnist-cnn-quick", "12 x 12 places instead of 24 x 24", "windows of 5 x 5 pixels", "ten times that of")
@fact("mnist-cnn-quick", "mean 0 and variance 1")
def _():
    quick, plain = load_scenario("mnist-cnn-quick"), load_scenario("mnist-cnn")
    assert [quick.training.epochs, plain.training.epochs] == [2, 30]
    assert [it.expect["test_accuracy"].at_least for it in (quick, plain)] == [0.99, 0.992]
    assert quick.optimizer.params["lr"] == 10 * load_scenario("mnist").optimizer.params["lr"]
    first = quick.network.layers[0]
    assert [first.kernel, first.stride, first.padding] == [5, 2, "valid"]
    assert [(28 - 5) // 2 + 1, 28 - 5 + 1] == [12, 24]


@of_the_run("mnist-cnn-quick", "the network is wrong about twice as many test digits as at the end")
def _(result):
    first, last = (1 - accuracy for accuracy in result.history.test_accuracy)
    assert 1.5 < first / last < 3


@of_the_run("mnist-mlp-best", "makes half as many errors", "About 1 in 100 digits stays wrong")
def _(found):
    accuracy = np.mean([result.metrics["test_accuracy"] for result in found.results])
    assert 0.989 <= accuracy < 0.991
    assert len(found.results) == 3


@fact(
    "mnist-mlp-best", "reads about 98 of 100", "dropout of 4 of 10 hidden units and 2 of 10 pixels", "costs about 0.5"
)
def _():
    scenario = load_scenario("mnist-mlp-best")
    assert [scenario.network.layers[0].rate, scenario.network.layers[1].layers[3].rate] == [0.2, 0.4]
    right, wrong = 1 - 0.1 + 0.1 / 10, 0.1 / 10
    assert round(-right * np.log(right) - 9 * wrong * np.log(wrong), 2) == 0.5


@of_the_run("mnist-mlp-elastic", "is lower than that: they are harder to read")
def _(result):
    assert result.history.train_accuracy[-1] < result.metrics["test_accuracy"]


# The mnist lesson names this result.
@of_the_run("mnist-mlp-elastic", "come close to convolutional networks")
def _(result):
    # The lesson of mnist says 99.4 percent.
    assert 0.993 <= result.metrics["test_accuracy"] < 0.9945


@fact("mnist", "mnist-mlp-elastic gets to 99.4 percent")
def _():
    assert round(course_figures()["mnist-mlp-elastic"], 3) == 0.994


@fact("mnist-mlp-elastic", "784 unrelated numbers")
def _():
    assert load_scenario("mnist-mlp-elastic").data.source == "mnist"
    assert 28 * 28 == 784


@of_the_run("mnist-cnn", "less than half its errors")
def _(result):
    assert result.metrics["test_accuracy"] > 0.99


@fact("mnist", "mnist-mlp-best makes half as many errors")
def _():
    bounds = [load_scenario(name).expect["test_accuracy"].at_least for name in ("mnist", "mnist-mlp-best")]
    assert bounds == [0.975, 0.989]


@fact("mnist-vgg", "see 5 x 5 pixels with fewer weights")
def _():
    assert 2 * 3 * 3 < 5 * 5


def course_figures():
    """The test accuracies that the course's table gives, by name."""
    text = (Path(__file__).parents[2] / "scenarios" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `neurosim run (mnist\S*)` \|.*?\| ([\d.]+)%", text, flags=re.MULTILINE)
    return {name: float(number) / 100 for name, number in rows}
