"""The CUDA engine's three ways to train, in the simulator or on a GPU: each against the reference.

tests/backends/test_agreement.py runs what the size of a network chooses; here every way runs every
kind of stage, with tiles that do not fit the shapes.
"""

from dataclasses import replace

import numpy as np
import pytest
import support
from support import Dense, Dropout, Flatten

from neurosim.backends.cuda import device, strategy
from neurosim.backends.cuda.backend import CudaBackend
from neurosim.backends.cuda.generation import activations_of
from neurosim.backends.cuda.layout import build_table
from neurosim.backends.cuda.strategy import IN_SIMULATOR, Strategy, choose_strategy
from neurosim.backends.cuda.target import cuda
from neurosim.backends.select import make_small_ensemble
from neurosim.errors import BackendError, DataError

CCE = "categorical_cross_entropy"
MIXED = [Dropout(0.2), Flatten(), Dense(5, "relu"), Dropout(0.3), Dropout(0.1), Dense(4, "softmax"), Dropout(0.5)]
NETWORKS = {
    "softmax": (3, [Dense(5, "tanh"), Dense(2, "softmax")], CCE, "adam"),
    "every stage": (3, [*MIXED, Dense(1, "sigmoid")], "mse", "sgd"),
    "one unit": (2, [Dense(1, "step", bias=False)], "perceptron", "sgd"),
    "unfused pair": (4, [Dense(3, "sigmoid")], CCE, "rmsprop"),
    "wide": (9, [Dense(7, "swish"), Dense(5, "identity")], "huber", "adamw"),
}


def make(name, way, **settings):
    inputs, layers, loss, optimizer = NETWORKS[name]
    net = support.network(inputs, layers, loss)
    training = support.training(optimizer, batch=3, shuffle=True)
    return net, training, CudaBackend(net, training, 3, strategy=way, **settings)


@pytest.mark.parametrize("way", list(Strategy), ids=lambda way: way.value)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_way_trains_as_the_reference_does(name, way):
    net, training, bench = make(name, way)
    rows = support.rows(7, net.inputs, net.outputs)
    reference = support.REFERENCE.make(net, training, 3)
    for epoch in range(2):
        found, expected = bench.train_epoch(rows, epoch), reference.train_epoch(rows, epoch)
        assert found.loss == pytest.approx(expected.loss, rel=1e-5, abs=1e-6)
        assert found.correct == expected.correct
    assert support.error(bench.parameters, reference.parameters) < 1e-4
    if reference.state.size:
        assert support.error(bench.state, reference.state) < 1e-4
    assert bench.steps_done == reference.steps_done == 6


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_the_bits_do_not_depend_on_the_number_of_blocks(blocks):
    net, _, bench = make("wide", Strategy.SEPARATE, given_sizes=replace(strategy.sizes(), most_blocks=blocks))
    _, _, other = make("wide", Strategy.SEPARATE)
    rows = support.rows(7, net.inputs, net.outputs)
    for each in (bench, other):
        each.train_epoch(rows, 0)
    assert bench.parameters.tobytes() == other.parameters.tobytes()


def test_two_runs_give_the_same_bits():
    found = []
    for _ in range(2):
        net, _, bench = make("softmax", Strategy.SINGLE_BLOCK)
        bench.train_epoch(support.rows(7, net.inputs, net.outputs), 0)
        found.append(bench.parameters.tobytes())
    assert found[0] == found[1]


def test_looking_and_writing_between_epochs_counts():
    """Parameters live on the GPU; what the host writes into them is what goes on."""
    net, training, bench = make("softmax", Strategy.SINGLE_BLOCK)
    rows = support.rows(7, net.inputs, net.outputs)
    reference = support.REFERENCE.make(net, training, 3)
    for each in (bench, reference):
        each.train_epoch(rows, 0)
        each.parameters[:] = 0.5 * each.parameters
        each.state[:] = 0.0
        each.train_epoch(rows, 1)
    assert support.error(bench.parameters, reference.parameters) < 1e-5


@pytest.mark.parametrize("way", list(Strategy), ids=lambda way: way.value)
def test_what_is_written_and_looked_at_is_what_is_trained_next(way):
    """A forward pass after a write brings the numbers to the GPU: those that training uses must be the same."""
    net, _, bench = make("softmax", way)
    _, _, other = make("softmax", way)
    rows = support.rows(7, net.inputs, net.outputs)
    bench.train_epoch(rows, 0)
    for written in (bench, other):
        written.parameters[:] = 0.25
        written.state[:] = 0.0
        written.steps_done = 3
    bench.forward(rows.features)
    bench.train_epoch(rows, 1)
    other.train_epoch(rows, 1)
    np.testing.assert_array_equal(bench.parameters, other.parameters)


def test_an_ensemble_is_many_single_runs():
    """One launch for several epochs of several networks; each has the bits of the run with its seed."""
    net, training, first = make("softmax", Strategy.SINGLE_BLOCK)
    rows = support.rows(7, net.inputs, net.outputs)
    together = make_small_ensemble(first, [3, 8], [rows])
    totals = np.concatenate([together.train(2), together.train(1)])
    assert totals.shape == (3, 2, 2)
    measured, outputs = together.evaluate(rows), list(together.outputs(rows))
    for number, seed in enumerate((3, 8)):
        single = CudaBackend(net, training, seed)
        for epoch in range(3):
            found = single.train_epoch(rows, epoch)
            assert (found.loss, found.correct) == tuple(totals[epoch, number])
        assert single.parameters.tobytes() == together.parameters[number].tobytes()
        alone = single.evaluate(rows)
        assert (alone.loss, alone.correct) == tuple(measured[number])
        assert single.forward(rows.features).tobytes() == outputs[number].tobytes()


def test_members_may_have_rows_of_their_own():
    net, training, first = make("softmax", Strategy.SINGLE_BLOCK)
    members = [support.rows(7, net.inputs, net.outputs, seed=seed) for seed in (1, 2)]
    together = make_small_ensemble(first, [3, 3], members)
    together.train(1)
    for number, rows in enumerate(members):
        single = CudaBackend(net, training, 3)
        single.train_epoch(rows, 0)
        assert single.parameters.tobytes() == together.parameters[number].tobytes()


def test_the_way_is_chosen_by_size():
    assert choose_strategy(support.network(2, [Dense(8), Dense(1)])) is Strategy.SINGLE_BLOCK
    assert choose_strategy(support.network(784, [Dense(256), Dense(10)])) is Strategy.RESIDENT
    assert choose_strategy(support.network(784, [Dense(10)])) is Strategy.PERSISTENT
    assert choose_strategy(support.network(784, [Dense(4096), Dense(10)])) is Strategy.SEPARATE


@pytest.mark.skipif(support.BACKENDS[-1].needs_gpu, reason="a GPU has room for more")
def test_the_simulator_refuses_more_blocks_at_a_barrier():
    """It runs one after the other: they would wait for ever, or not at all."""
    with pytest.raises(BackendError, match="2 of them cannot meet at a barrier"):
        device.call_cooperative(None, 2, IN_SIMULATOR.persistent.threads)


@pytest.mark.skipif(support.BACKENDS[-1].needs_gpu, reason="a GPU does not raise")
def test_a_thread_that_fails_in_the_simulator_ends_those_that_wait():
    @cuda.jit
    def kernel(met):
        thread = cuda.threadIdx.x
        cuda.syncthreads()
        if thread == 1:
            raise ValueError("of its own")
        cuda.syncthreads()
        met[thread] = True

    met = np.zeros(3, bool)
    with pytest.raises(ValueError, match="of its own"):
        kernel[1, 3](met)
    assert not met.any()


def test_a_layer_that_is_not_there_is_refused_by_name():
    """Not passed over, as flatten is."""

    class Unknown:
        kind, name, output_shape, parameters = "fourier", "layers.1", (3,), ()

    net = support.network(2, [Dense(3)])
    unknown = replace(net, layers=(*net.layers, Unknown()))
    with pytest.raises(BackendError, match=r"no fourier layer \(layers\.1\)"):
        build_table(unknown, 4, activations_of(net), judge=0)


def test_no_room_is_told_with_what_was_asked():
    device.check_room(2_000_000, lambda: 2_000_000)
    device.check_room(1000, lambda: 999)  # so little is not asked for
    with pytest.raises(DataError, match="2,000,000 bytes asked, 1,999,999 free") as caught:
        device.check_room(2_000_000, lambda: 1_999_999)
    assert caught.value.exit_code == 3
    assert 'backend="cpu"' in caught.value.hint
