"""Networks side by side with numbers of their own: each has the bits of the run alone."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import support

from neurosim.backends.cpu.backend import CpuBackend
from neurosim.backends.select import make_small_ensemble
from neurosim.backends.together import Numbers
from neurosim.network.training import Average

EPOCHS = 3
# Of each optimizer the parameters that vary, with two values each.
OPTIMIZERS = {
    "sgd": {"lr": (0.1, 0.02), "momentum": (0.0, 0.9), "nesterov": (1.0, 0.0), "weight_decay": (-0.0, 0.1)},
    "adam": {"lr": (0.1, 0.02), "beta1": (0.9, 0.5), "beta2": (0.999, 0.9), "eps": (1e-8, 0.1)},
    "radam": {"lr": (0.1, 0.02), "beta2": (0.999, 0.6), "weight_decay": (0.0, 0.1)},
    "nadam": {"lr": (0.1, 0.02), "beta1": (0.9, 0.5), "momentum_decay": (0.004, 0.1)},
    "amsgradw": {"lr": (0.1, 0.02), "weight_decay": (0.0, 0.1)},
}


def variants(optimizer, **settings):
    """A training for each combination of two values of the optimizer's parameters."""
    options = OPTIMIZERS[optimizer]
    chosen = [(optimizer, dict(zip(options, values, strict=True))) for values in product(*options.values())]
    return [support.training(one, batch=4, shuffle=True, epochs=EPOCHS, **settings) for one in chosen]


def hold_against_single_runs(own, rows, some):
    """Train all beside each other, and some of them alone."""
    first = CpuBackend(own[0].network, own[0].training, 0, 2)
    first.prepare()
    seeds = [50 + number // 2 for number in range(len(own))]
    together = make_small_ensemble(first, seeds, [rows], own)
    totals = np.concatenate([together.train(1), together.train(EPOCHS - 1)])
    measured = together.evaluate(rows)
    for number in some:
        single = CpuBackend(own[number].network, own[number].training, seeds[number], 1)
        for epoch in range(EPOCHS):
            found = single.train_epoch(rows, epoch)
            assert (found.loss, found.correct) == tuple(totals[epoch, number])
        with single.averaged():
            assert single.parameters.tobytes() == together.parameters[number].tobytes()
            assert single.evaluate(rows).loss == measured[number, 0]
    return together


@pytest.mark.parametrize(
    "settings",
    [{"schedule": "constant"}, {"schedule": "cosine", "average": Average(3, 2)}],
    ids=["constant", "cosine, averaged"],
)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_member_has_the_bits_of_the_run_with_its_optimizer(optimizer, settings):
    net = support.network(4, [support.Dense(5, "tanh"), support.Dense(1, "sigmoid")], "binary_cross_entropy")
    trainings = variants(optimizer, **settings)
    if settings["schedule"] == "constant":
        trainings = [replace(training, schedule=None) for training in trainings]
    own = [Numbers(net, training) for training in trainings for _ in range(1 + 40 // len(trainings))]
    hold_against_single_runs(own, support.rows(11, 4, 1), (0, 1, len(own) // 2, len(own) - 1))


def test_a_member_has_the_bits_of_the_run_with_its_schedules():
    net = support.network(4, [support.Dense(6, "relu"), support.Dense(3, "softmax")], "categorical_cross_entropy")
    schedules = ["constant", "exponential", "cosine"]
    trainings = [
        support.training("sgd", batch=4, epochs=EPOCHS, schedule=rate, schedules={"momentum": other})
        for rate, other in product(schedules, schedules)
    ]
    hold_against_single_runs([Numbers(net, each) for each in trainings], support.rows(11, 4, 3), range(len(trainings)))


@pytest.mark.parametrize(
    ("units", "count", "some"),
    [(5, 7, (0, 6)), (5, 70, (0, 63, 64, 69)), (9, 70, (0, 69)), (300, 17, (0, 15, 16))],
    ids=["a few", "lanes", "tiles", "larger"],
)
def test_a_member_has_the_bits_of_the_run_with_its_penalties_and_initial_values(units, count, some):
    def numbers(k):
        penalties = {"l1": 0.01 * (k % 3), "l2": 0.1 + 0.01 * k}
        init = ("he_normal", "glorot_uniform")[k % 2]
        net = support.network(
            12,
            [
                support.Dense(units, "tanh", init=init, **penalties),
                support.Dropout(0.2),
                support.Dense(2, "relu"),
                support.Dense(1, l1=0.1),
            ],
        )
        return Numbers(net, support.training(("adam", {"lr": 0.01 + 0.001 * (k // 3)}), batch=4, shuffle=True))

    together = hold_against_single_runs([numbers(k) for k in range(count)], support.rows(11, 12, 1), some)
    assert len({parameters.tobytes() for parameters in together.parameters}) == count


def test_large_batches_have_numbers_of_their_own():
    net = support.network(4, [support.Dense(5, "tanh"), support.Dense(1)])
    own = [Numbers(net, support.training(("adam", {"lr": rate}), batch=600)) for rate in (0.1, 0.01, 0.2)]
    hold_against_single_runs(own, support.rows(1100, 4, 1), range(3))


def test_what_differs_in_more_than_numbers_does_not_go_side_by_side():
    layers = [support.Dense(5, "tanh"), support.Dense(1)]

    def numbers(layers=layers, optimizer="adam", **settings):
        return Numbers(support.network(4, layers), support.training(optimizer, **settings))

    first = numbers()
    assert first.go_beside(numbers(optimizer=("adam", {"lr": 0.5}), schedule="cosine"))
    assert first.go_beside(numbers([support.Dense(5, "tanh", init="he_normal"), support.Dense(1)]))
    others = [
        numbers([support.Dense(6, "tanh"), support.Dense(1)]),
        numbers([support.Dense(5, "relu"), support.Dense(1)]),
        numbers([support.Dense(5, "tanh", l2=0.1), support.Dense(1)]),
        numbers(optimizer="sgd"),
        numbers(batch=9),
        numbers(shuffle=True),
        numbers(average=Average(1, 1)),
    ]
    assert not any(other.go_beside(first) or first.go_beside(other) for other in others)
    backend = CpuBackend(first.network, first.training, 0, 1)
    assert make_small_ensemble(backend, [1, 2], [support.rows(5, 4, 1)], [first, others[0]]) is None
