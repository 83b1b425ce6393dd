"""Networks side by side: each has the bits of the run alone, and the meaning of the reference."""

from dataclasses import replace

import numpy as np
import pytest
import support

from neurosim.backends.cpu import backend as cpu_backend
from neurosim.backends.cpu.backend import CpuBackend
from neurosim.backends.cpu.ensembles import SmallEnsemble
from neurosim.backends.cpu.groups import LaneGroup, divided, go_side_by_side, is_small, judge_of, lane_data
from neurosim.backends.reference.backend import ReferenceBackend
from neurosim.network.course import Course

EPOCHS = 3
NETWORKS = {
    "one output": ([support.Dense(5, "tanh"), support.Dense(1, "sigmoid")], "binary_cross_entropy"),
    "classes": ([support.Dense(6, "relu"), support.Dense(3, "softmax")], "categorical_cross_entropy"),
    "softmax inside": ([support.Dense(4, "softmax"), support.Dense(3, "identity")], "mse"),
    "softmax without its pair": ([support.Dense(4, "gelu"), support.Dense(3, "softmax")], "mse"),
    "dropout": (
        [support.Dropout(0.2), support.Dense(7, "swish"), support.Dropout(0.4), support.Dense(2, "sigmoid")],
        "binary_cross_entropy",
    ),
    "tiles": (
        [support.Dense(9, "tanh"), support.Dropout(0.3), support.Dense(7, "relu"), support.Dense(3, "softmax")],
        "categorical_cross_entropy",
    ),
    "no bias": ([support.Dense(5, "elu", bias=False), support.Dense(1, "identity")], "huber"),
}


def problem(name):
    layers, loss = NETWORKS[name]
    net = support.network(4, layers, loss)
    return net, support.rows(11, 4, net.outputs), support.training("adam", batch=4, shuffle=True)


def trained_group(net, rows, training, seeds):
    single = CpuBackend(net, training, seeds[0], 1)
    single.prepare()
    parameters = np.stack([net.start_values(seed) for seed in seeds], axis=1)
    state = np.zeros((2, net.size, len(seeds)), np.float32)
    group = LaneGroup(net, training, single.kernels, seeds, parameters, state)
    totals = group.train(lane_data([rows]), judge_of(net, rows), Course(training, rows.count), 0, EPOCHS, 0)
    return group, totals


@pytest.mark.parametrize("lanes", [2, 16, 33])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_member_has_the_bits_of_the_single_run(name, lanes):
    net, rows, training = problem(name)
    seeds = list(range(40, 40 + lanes))
    group, totals = trained_group(net, rows, training, seeds)
    for member in (0, lanes - 1):
        single = CpuBackend(net, training, seeds[member])
        losses = [single.train_epoch(rows, epoch).loss for epoch in range(EPOCHS)]
        assert np.array_equal(single.parameters, group.parameters[:, member])
        assert np.array_equal(single.state, group.state[:, :, member])
        assert losses == totals[:, member, 0].tolist()


@pytest.mark.parametrize("count", [1, 4, 8, 9])
@pytest.mark.parametrize("name", ["one output", "softmax inside", "classes"])
def test_few_rows_are_in_another_order_for_each_member(name, count):
    layers, loss = NETWORKS[name]
    net = support.network(4, layers, loss)
    rows = replace(support.rows(count, 4, net.outputs), weights=np.linspace(0, 2, count, dtype=np.float32))
    training, seeds = support.training("adam", batch=3, shuffle=True), list(range(40, 59))
    group, totals = trained_group(net, rows, training, seeds)
    for member in (0, 18):
        single = CpuBackend(net, training, seeds[member])
        found = [single.train_epoch(rows, epoch) for epoch in range(EPOCHS)]
        assert np.array_equal(single.parameters, group.parameters[:, member])
        assert [(each.loss, each.correct) for each in found] == [tuple(total) for total in totals[:, member].tolist()]


@pytest.mark.parametrize("small", [True, False], ids=["lanes", "blocks"])
@pytest.mark.parametrize("name", NETWORKS)
def test_both_ways_to_train_agree_with_the_reference(name, small, monkeypatch):
    monkeypatch.setattr(cpu_backend, "is_small", lambda network, training: small)
    net, rows, training = problem(name)
    fast, slow = CpuBackend(net, training, 7), ReferenceBackend(net, training, 7)
    for epoch in range(EPOCHS):
        one, other = fast.train_epoch(rows, epoch), slow.train_epoch(rows, epoch)
        assert one.mean_loss == pytest.approx(other.mean_loss, rel=1e-4)
        assert one.correct == other.correct
    assert support.error(fast.parameters, slow.parameters) < 1e-4


def small_ensemble(net, training, seeds, rows, threads):
    first = CpuBackend(net, training, 0, threads)
    first.prepare()
    return SmallEnsemble(first, seeds, [rows])


@pytest.mark.parametrize("count", [11, 300])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_member_is_evaluated_as_the_single_network(name, count):
    net, rows, training = problem(name)
    ensemble = small_ensemble(net, training, range(3, 22), rows, 1)
    ensemble.train(1)
    many = replace(support.rows(count, 4, net.outputs, seed=8), scale=0.25, shift=0.5)
    totals, outputs = ensemble.evaluate(many), list(ensemble.outputs(many))
    single = CpuBackend(net, training, 0, 1)
    for number in (0, 18):
        single.parameters[:] = ensemble.parameters[number]
        alone = single.evaluate(many)
        assert (alone.loss, alone.correct) == tuple(totals[number])
        assert single.forward(many.inputs(np.float32)).tobytes() == outputs[number].tobytes()


LARGER = {
    "classes": ([support.Dense(70, "relu"), support.Dense(3, "softmax")], "categorical_cross_entropy", "adam"),
    "one output": (
        [support.Dropout(0.1), support.Dense(67, "tanh"), support.Dropout(0.5), support.Dense(1, "sigmoid")],
        "binary_cross_entropy",
        "rmsprop",
    ),
    "softmax inside": ([support.Dense(65, "softmax", bias=False), support.Dense(2, "identity")], "mse", "sgd"),
}


@pytest.mark.parametrize("count", [19, 22])
@pytest.mark.parametrize("name", LARGER)
def test_a_larger_member_has_the_bits_of_the_engine(name, count):
    layers, loss, optimizer = LARGER[name]
    net = support.network(64, layers, loss)
    rows = support.rows(150, 64, net.outputs)
    # The last batch has fewer blocks of rows.
    training = support.training(optimizer, batch=130, shuffle=True)
    assert not is_small(net, training)
    assert go_side_by_side(net, training, count)
    ensemble = small_ensemble(net, training, range(50, 50 + count), rows, 1)
    totals = ensemble.train(EPOCHS)
    measured = ensemble.evaluate(rows)
    for member in (0, 15, count - 1):
        single = CpuBackend(net, training, 50 + member, 1)
        for epoch in range(EPOCHS):
            found = single.train_epoch(rows, epoch)
            assert (found.loss, found.correct) == tuple(totals[epoch, member])
        assert single.parameters.tobytes() == ensemble.parameters[member].tobytes()
        assert single.evaluate(rows).loss == measured[member, 0]


def test_few_larger_networks_are_trained_one_by_one():
    net = support.network(64, [support.Dense(70)])
    assert go_side_by_side(net, support.training(), 16)
    assert not go_side_by_side(net, support.training(), 15)
    assert not go_side_by_side(support.network(784, [support.Dense(16)]), support.training(), 100)


@pytest.mark.parametrize(
    ("units", "count", "groups"),
    [(8, 70, [64, 6]), (30, 70, [64, 16]), (30, 67, [64, 1, 1, 1]), (30, 86, [64, 32]), (300, 37, [16, 16, 16])],
)
def test_members_are_divided_into_lines_of_lanes(units, count, groups):
    found = divided(count, support.network(4, [support.Dense(units)]))
    assert [lanes for _, lanes in found] == groups
    assert [member for members, _ in found for member in range(count)[members]] == list(range(count))


def test_what_is_raised_while_members_train_ends_the_training():
    net, rows, training = problem("one output")
    ensemble = small_ensemble(net, training, range(200), rows, 3)

    def note(members, first, totals):
        raise KeyboardInterrupt(members.start)

    with pytest.raises(KeyboardInterrupt):
        ensemble.train_noting(2, note)
    assert ensemble.epochs_done == 0


def test_members_may_have_data_of_their_own():
    net, rows, training = problem("one output")
    other = support.rows(11, 4, net.outputs, seed=5)
    seeds = [3, 3]
    single = CpuBackend(net, training, 3, 1)
    single.prepare()
    parameters = np.stack([net.start_values(seed) for seed in seeds], axis=1)
    group = LaneGroup(net, training, single.kernels, seeds, parameters, np.zeros((2, net.size, 2), np.float32))
    group.train(lane_data([rows, other]), judge_of(net, rows), Course(training, rows.count), 0, 1, 0)
    for member, its_rows in enumerate((rows, other)):
        alone = CpuBackend(net, training, 3)
        alone.train_epoch(its_rows, 0)
        assert np.array_equal(alone.parameters, group.parameters[:, member])
    assert not np.array_equal(group.parameters[:, 0], group.parameters[:, 1])
