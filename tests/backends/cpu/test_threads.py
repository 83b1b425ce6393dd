"""The number of threads changes nothing, to the bit."""

import numpy as np
import pytest
import support
from support import (
    Activation,
    BatchNorm,
    Concatenation,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    Pool,
    Residual,
)

from neurosim.backends.cpu import backend, team
from neurosim.backends.cpu.cutting import parts_of
from neurosim.backends.cpu.table import CONCATENATE, Field

CCE = "categorical_cross_entropy"
LAYERS = [
    Dropout(0.1),
    Dense(128, "relu"),
    Dropout(0.2),
    Dense(96, "softmax"),
    Dense(70, "tanh"),
    Dropout(0.5),
    Dense(10, "softmax"),
]
LAST = (Flatten(), Dense(10, "softmax"))
# Wide enough for several blocks of channels, with a rest.
CONV = Conv2d(20, (3, 3), "relu", padding="same")
SHAPE = (9, 11, 3)
# inputs, layers: one for each kind of layer, all with work for several threads.
KINDS = {
    "conv": (SHAPE, [CONV, Conv2d(17, (3, 2), "tanh", bias=False), *LAST]),
    "conv, stride": (SHAPE, [CONV, Conv2d(17, (3, 3), "tanh", stride=(2, 2), padding="same"), *LAST]),
    "conv, stride larger than the kernel": (SHAPE, [CONV, Conv2d(17, (1, 2), "gelu", stride=(2, 3)), *LAST]),
    "conv, one channel": ((19, 23, 1), [Conv2d(9, (5, 5), "swish"), Conv2d(1, (3, 3)), *LAST]),
    "conv, many channels of few cells": ((2, 3, 40), [Conv2d(70, (3, 3), "relu", padding="same"), *LAST]),
    "conv, depthwise, groups and dilation": (
        SHAPE,
        [
            CONV,
            Conv2d(20, (3, 3), "relu", padding=1, groups=20),
            Conv2d(30, (2, 3), "tanh", dilation=(2, 1), groups=5),
            *LAST,
        ],
    ),
    "max pool": (SHAPE, [CONV, Pool("max"), *LAST]),
    "max pool, overlapping, same": (SHAPE, [CONV, Pool("max", (3, 3), (2, 2), "same"), *LAST]),
    "avg pool": (SHAPE, [CONV, Pool("avg", (3, 3)), *LAST]),
    "avg pool, overlapping, same": (SHAPE, [CONV, Pool("avg", (3, 3), (2, 1), "same"), *LAST]),
    "global avg pool": (SHAPE, [CONV, GlobalAvgPool(), Dense(10, "softmax")]),
    "batch norm": (64, [Dense(128), BatchNorm(), Activation("relu"), Dense(96), BatchNorm(), Dense(10, "softmax")]),
    "batch norm on a map": (SHAPE, [CONV, BatchNorm(), Activation("relu"), CONV, BatchNorm(), *LAST]),
    "layer norm": (64, [Dense(128), LayerNorm(), Activation("gelu"), Dense(10, "softmax")]),
    "layer norm on a map": (SHAPE, [CONV, LayerNorm(), Activation("swish"), *LAST]),
    "activation softmax": (64, [Dense(128), Activation("softmax"), Dense(10), Activation("softmax")]),
    "residual": (64, [Dense(128, "relu"), Residual((BatchNorm(), Dense(128, "relu"))), Dense(10, "softmax")]),
    "residual, projection": (64, [Residual((Dense(96, "relu"), Dropout(0.3), Dense(80))), Dense(10, "softmax")]),
    "shortcut": (
        64,
        [
            Dense(96),
            Residual((Activation("relu"),), (BatchNorm(), Dense(96, "tanh"))),
            Residual((Dense(130, "relu"), Dense(70)), (LayerNorm(), Dense(70), BatchNorm(), Dropout(0.2))),
            Dense(10, "softmax"),
        ],
    ),
    "concatenation": (
        64,
        [
            Concatenation(((Dense(66, "relu"), BatchNorm()), (), (Activation("tanh"), Dropout(0.2)), (LayerNorm(),))),
            Concatenation(((Dense(40), Activation("softmax")), (BatchNorm(),), (Dense(70, "relu"),))),
            BatchNorm(),
            Dense(10, "softmax"),
        ],
    ),
    "concatenation on a map": (
        SHAPE,
        [
            CONV,
            Concatenation(((Conv2d(7, padding="same"), BatchNorm()), (), (Pool("avg", (3, 3), (1, 1), "same"),))),
            Residual((Conv2d(9, (1, 1)), BatchNorm()), (Conv2d(9, (1, 1), "relu"), BatchNorm())),
            *LAST,
        ],
    ),
    "residual on a map": (
        SHAPE,
        [CONV, Residual((Conv2d(20, padding="same"), BatchNorm(), Activation("relu"))), Pool("max"), *LAST],
    ),
    "residual on a map, stride": (
        SHAPE,
        [CONV, Residual((Conv2d(24, stride=(2, 2), padding="same"), LayerNorm())), GlobalAvgPool(), Dense(10)],
    ),
    "dropout on a map": (SHAPE, [Dropout(0.1), CONV, Dropout(0.3), Pool("max"), Dropout(0.5), *LAST]),
    "penalties": (SHAPE, [Conv2d(20, l1=0.001, l2=0.01), Flatten(), Dense(10, "softmax", l2=0.1)]),
}
SMALL = {
    "conv": ((5, 4, 1), [Conv2d(3, (3, 3), "tanh"), *LAST]),
    "pools": ((6, 6, 1), [Conv2d(2, (2, 2)), Pool("max"), Pool("avg", (2, 2), (1, 1)), *LAST]),
    "norms": (4, [Dense(7), BatchNorm(), Activation("relu"), Dense(5), LayerNorm(), Dense(10, "softmax")]),
    "residual": ((4, 4, 2), [Residual((Conv2d(3, padding="same"), BatchNorm())), GlobalAvgPool(), Dense(10)]),
}


def everything(threads, monkeypatch, inputs=64, layers=LAYERS, count=300, batch=64, epochs=2, **how):
    """Bytes and sums of all that a backend computes, and the sizes of the teams that did."""
    sizes = []
    run_together = team.run_together

    def counted(count, body):
        sizes.append(count)
        run_together(count, body)

    net = support.network(inputs, layers, CCE if layers[-1] != Dense(10) else "mse")
    rows = support.rows(count, net.inputs, 10)
    settings = support.training(("adam", {"lr": 0.003}), batch=batch, shuffle=True, **how)
    bench = support.COMPILED[0].make(net, settings, seed=3, threads=threads)
    results = []
    with monkeypatch.context() as patch:
        patch.setattr(team, "run_together", counted)
        patch.setattr(backend, "WORTH_STARTING", 0)
        for epoch in range(epochs):
            totals = bench.train_epoch(rows, epoch)
            results += [totals.loss, totals.correct, bench.parameters.tobytes(), bench.state.tobytes()]
            results.append(bench.statistics.tobytes())
        results.append(bench.train_step(rows))
        totals = bench.evaluate(rows)
        loss, gradient = bench.gradients(rows)
        results += [totals.loss, totals.correct, loss, gradient.tobytes(), bench.forward(rows.features).tobytes()]
    return [*results, bench.parameters.tobytes()], sizes


def test_any_number_of_threads_gives_the_same_bits(monkeypatch):
    expected, sizes = everything(1, monkeypatch)
    assert set(sizes) == {1}
    for threads in (2, 4, 7):
        found, sizes = everything(threads, monkeypatch)
        assert max(sizes) == threads, "the network is too small for threads"
        assert found == expected, threads


def test_every_thread_has_a_block_of_columns():
    net = support.network(64, LAYERS, CCE)
    for threads, blocks in ((1, [1, 1]), (3, [3, 3]), (16, [4, 3])):
        bench = support.COMPILED[0].make(net, support.training(batch=64), threads=threads)
        bench.train_epoch(support.rows(64, 64, 10), 0)
        wide = bench._plans["training", 0].stages[[1, 3]]
        assert [wide[0, Field.COLUMN_BLOCKS], wide[1, Field.COLUMN_BLOCKS]] == blocks


def check_threads(monkeypatch, *, several, **case):
    expected, sizes = everything(1, monkeypatch, **case)
    assert set(sizes) == {1}
    assert all(np.isfinite(value) for value in expected if not isinstance(value, bytes))
    for threads in (2, 7):
        found, sizes = everything(threads, monkeypatch, **case)
        assert max(sizes) == threads or not several, "the network is too small for threads"
        assert found == expected, threads


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_layer_gives_the_same_bits(monkeypatch, kind):
    """Two batches and one of 7 rows, as many as threads; then one of all rows."""
    inputs, layers = KINDS[kind]
    check_threads(monkeypatch, several=True, inputs=inputs, layers=layers, count=71, batch=32, epochs=1)


@pytest.mark.parametrize("kind", ["conv", "batch norm on a map", "residual on a map, stride", "dropout on a map"])
@pytest.mark.parametrize("count", [65, 130])
def test_batches_of_one_and_of_many_rows_give_the_same_bits(monkeypatch, kind, count):
    """The last batch has one row, or two; both fewer than threads."""
    inputs, layers = KINDS[kind]
    check_threads(monkeypatch, several=True, inputs=inputs, layers=layers, count=count, batch=64, epochs=1)


@pytest.mark.parametrize("kind", SMALL)
def test_small_networks_give_the_same_bits(monkeypatch, kind):
    """Whether threads are used or not."""
    inputs, layers = SMALL[kind]
    check_threads(monkeypatch, several=False, inputs=inputs, layers=layers, count=37, batch=8)


@pytest.mark.parametrize("bound", [{"clip_value": 0.001}, {"clip_norm": 0.01}])
@pytest.mark.parametrize("kind", ["conv", "penalties", "residual"])
def test_bounded_steps_give_the_same_bits(monkeypatch, kind, bound):
    """The length of the gradient is a sum over all parameters."""
    inputs, layers = KINDS[kind]
    check_threads(monkeypatch, several=True, inputs=inputs, layers=layers, count=71, batch=32, epochs=1, **bound)


def test_repeated_runs_with_threads_give_the_same_bits(monkeypatch):
    """A race would show now and then."""
    expected, _ = everything(3, monkeypatch)
    for _ in range(5):
        assert everything(3, monkeypatch)[0] == expected


MIXED = [
    CONV,
    BatchNorm(),
    Activation("relu"),
    Dropout(0.2),
    Residual((Conv2d(24, stride=(2, 2), padding="same"), BatchNorm())),
    Pool("max"),
    LayerNorm(),
    *LAST,
]


@pytest.mark.parametrize("threads", [16, 64])
def test_many_more_threads_than_processors_give_the_same_bits(monkeypatch, threads):
    case = {"inputs": SHAPE, "layers": MIXED, "count": 71, "batch": 64, "epochs": 1}
    assert everything(threads, monkeypatch, **case)[0] == everything(1, monkeypatch, **case)[0]


def test_repeated_runs_of_layers_with_threads_give_the_same_bits(monkeypatch):
    case = {"inputs": SHAPE, "layers": MIXED, "count": 71, "batch": 32, "epochs": 1}
    expected, _ = everything(3, monkeypatch, **case)
    for _ in range(5):
        assert everything(3, monkeypatch, **case)[0] == expected


def test_networks_with_little_to_compute_run_on_one_thread(monkeypatch):
    """A penalty keeps it out of the lanes, which need no threads."""
    net = support.network(2, [Dense(4, "tanh", l2=0.1), Dense(1, "sigmoid")], "binary_cross_entropy")
    bench = support.COMPILED[0].make(net, support.training(), threads=4)
    sizes = []
    run_together = team.run_together
    monkeypatch.setattr(team, "run_together", lambda count, body: (sizes.append(count), run_together(count, body)))
    bench.train_epoch(support.rows(8, 2, 1), 0)
    assert set(sizes) == {1}


@pytest.mark.parametrize("threads", [2, 5])
def test_a_thread_that_the_system_refuses_is_done_without(monkeypatch, threads):
    expected, _ = everything(1, monkeypatch)

    def refuse(function, arguments):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(team._thread, "start_new_thread", refuse)
    assert everything(threads, monkeypatch)[0] == expected


@pytest.mark.parametrize(
    ("groups", "threads", "parts"),
    [(4, 1, 1), (4, 2, 1), (4, 3, 3), (4, 4, 1), (4, 5, 1), (4, 6, 3), (4, 8, 2), (4, 64, 16), (1, 7, 7), (1, 13, 13)],
)
def test_groups_are_divided_where_threads_would_have_none(groups, threads, parts):
    assert parts_of.py_func(groups, threads) == parts


def test_a_concatenation_waits_for_the_columns_of_its_branches():
    """Its blocks of columns are others than those of the last branch, which other threads may be at."""
    net = support.network(64, [Concatenation(((), (Dense(96, "relu"),))), Dense(96, "relu"), Dense(10)])
    bench = support.COMPILED[0].make(net, support.training(batch=64), threads=3)
    bench.prepare()
    stages = bench._plan("training", 64).stages
    (place,) = (stages[:, Field.KIND] == CONCATENATE).nonzero()[0]
    assert not stages[place - 1 : place + 1, Field.BY_ROWS].any()
    assert stages[place - 1, Field.WAIT] == 1
