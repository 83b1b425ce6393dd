"""Large batches through a small network: the meaning of the reference, and the same bits for any number of threads."""

from dataclasses import replace

import numpy as np
import pytest
import support
from support import Dense, Dropout

from neurosim.backends.cpu import samples
from neurosim.backends.cpu.backend import CpuBackend
from neurosim.backends.cpu.ensembles import SmallEnsemble
from neurosim.backends.cpu.groups import LARGE_BATCH
from neurosim.backends.cpu.large_batches import BLOCK_ROWS
from neurosim.backends.reference.backend import ReferenceBackend

EPOCHS = 2
# A batch of several blocks, the last of them with a line that is not full, and a smaller batch at the end of an epoch.
BATCH = LARGE_BATCH + BLOCK_ROWS // 2 + 5
ROWS = 2 * BATCH + 37
NETWORKS = {
    "classes": ([Dense(9, "tanh"), Dropout(0.3), Dense(17, "relu"), Dense(3, "softmax")], "categorical_cross_entropy"),
    "one output": ([Dropout(0.1), Dense(5, "gelu", bias=False), Dense(1, "sigmoid")], "binary_cross_entropy"),
    "rows inside": ([Dense(4, "softmax"), Dense(6, "swish"), Dense(3, "tanh")], "mse"),
    "softmax without its pair": ([Dense(8, "elu"), Dense(4, "softmax")], "mse"),
}


def problem(name, *, weighted=False):
    layers, loss = NETWORKS[name]
    net = support.network(4, layers, loss)
    rows = support.rows(ROWS, 4, net.outputs)
    if weighted:
        rows = replace(rows, weights=np.arange(ROWS) % 3 * np.float32(0.9))
    return net, rows, support.training(("adam", {"lr": 0.01}), batch=BATCH, shuffle=True)


def trained(bench, rows):
    """Everything that training changes, in bytes, and the sums on the way."""
    sums = [bench.train_epoch(rows, epoch) for epoch in range(EPOCHS)]
    return [(totals.loss, totals.correct) for totals in sums], bench.parameters.tobytes(), bench.state.tobytes()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_reference_learns_the_same(name, weighted):
    net, rows, training = problem(name, weighted=weighted)
    fast, slow = CpuBackend(net, training, 7), ReferenceBackend(net, training, 7)
    for epoch in range(EPOCHS):
        one, other = fast.train_epoch(rows, epoch), slow.train_epoch(rows, epoch)
        assert one.mean_loss == pytest.approx(other.mean_loss, rel=1e-5)
        assert one.correct == pytest.approx(other.correct, abs=1)
    assert support.error(fast.parameters, slow.parameters) < 1e-4


@pytest.mark.parametrize("name", NETWORKS)
def test_threads_parts_of_epochs_and_networks_side_by_side_give_the_same_bits(name, monkeypatch):
    monkeypatch.setattr(samples, "WORTH_THREADS", 0)
    net, rows, training = problem(name)
    expected = trained(CpuBackend(net, training, 3, 1), rows)
    for threads in (2, 5, 16):
        assert trained(CpuBackend(net, training, 3, threads), rows) == expected
    in_parts = CpuBackend(net, training, 3, 2)
    for epoch in range(EPOCHS):
        for first, last in ((0, 1), (1, 3)):
            in_parts.train_epoch(rows, epoch, first, last)
    assert (in_parts.parameters.tobytes(), in_parts.state.tobytes()) == expected[1:]
    first = CpuBackend(net, training, 0, 1)
    first.prepare()
    together = SmallEnsemble(first, [2, 3], [rows])
    totals = together.train(EPOCHS)
    assert [tuple(sums) for sums in totals[:, 1]] == expected[0]
    assert together.parameters[1].tobytes() == expected[1]


def test_the_same_batch_again_is_the_batch_in_a_call_of_its_own():
    net, rows, training = problem("classes")
    training = replace(training, batch_size=ROWS, shuffle=False)
    expected = trained(CpuBackend(net, training, 3, 1), rows)
    first = CpuBackend(net, training, 0, 1)
    first.prepare()
    together = SmallEnsemble(first, [3], [rows])
    assert [tuple(sums) for sums in together.train(EPOCHS)[:, 0]] == expected[0]
    assert together.parameters[0].tobytes() == expected[1]
