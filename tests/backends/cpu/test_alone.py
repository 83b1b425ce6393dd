"""A small network by itself has the bits of the engine, which is not compiled for it."""

from dataclasses import replace

import numpy as np
import pytest
import support
from test_lanes import NETWORKS

from neurosim.backends.cpu import engine
from neurosim.backends.cpu.backend import CpuBackend
from neurosim.data.rows import Rows


def both(name):
    """The same network twice: small, and as if it were too large to be one."""
    layers, loss = NETWORKS[name]
    net = support.network(4, layers, loss)
    training = support.training("adam", batch=4)
    alone, large = CpuBackend(net, training, 5, 1), CpuBackend(net, training, 5, 2)
    assert alone._small
    large._small = False
    return alone, large, net


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("count", "weighted"), [(1, False), (16, False), (300, False), (40, True)])
def test_a_small_network_is_evaluated_and_looked_into_with_the_bits_of_the_engine(name, count, weighted):
    alone, large, net = both(name)
    rows = support.rows(count, 4, net.outputs)
    if weighted:
        rows = replace(rows, weights=np.arange(count) % 3 * np.float32(1.1))
    for _ in range(2):
        assert alone.evaluate(rows) == large.evaluate(rows)
        assert alone.forward(rows.features).tobytes() == large.forward(rows.features).tobytes()
        one, other = alone.inspect(rows), large.inspect(rows)
        assert one.loss == other.loss
        assert one.gradient.tobytes() == other.gradient.tobytes()
        for layer, seen in one.layers.items():
            for kind in ("outputs", "sums", "errors"):
                found, expected = getattr(seen, kind), getattr(other.layers[layer], kind)
                np.testing.assert_array_equal(found, expected)
        assert alone.train_step(rows) == large.train_step(rows)
        assert alone.parameters.tobytes() == large.parameters.tobytes()
        assert alone.state.tobytes() == large.state.tobytes()


def test_bytes_are_scaled_and_many_rows_go_in_pieces(monkeypatch):
    monkeypatch.setattr("neurosim.backends.cpu.alone.COPIED_WORK", 1)
    alone, large, net = both("classes")
    pixels = np.random.default_rng(3).integers(0, 256, (300, 4), dtype=np.uint8)
    plain = support.rows(300, 4, net.outputs)
    rows = Rows(pixels, plain.values, plain.classes, plain.accuracy, 1 / 255, -0.5)
    assert alone.evaluate(rows) == large.evaluate(rows)
    assert alone.forward(pixels).tobytes() == large.forward(pixels).tobytes()


def test_numbers_that_the_engine_flushes_are_flushed():
    alone, large, net = both("classes")
    tiny = support.rows(6, 4, net.outputs)
    tiny = Rows(tiny.features * np.float32(1e-38), tiny.values, tiny.classes, tiny.accuracy)
    assert alone.gradients(tiny)[1].tobytes() == large.gradients(tiny)[1].tobytes()


def test_the_engine_is_not_compiled_for_a_small_network():
    compiled = [len(entry.overloads) for entry in (engine.train, engine.evaluate)]
    layers, loss = NETWORKS["one output"]
    alone = CpuBackend(support.network(4, layers, loss), support.training("adam"), 5, 1)
    rows = support.rows(20, 4, 1)
    alone.train_epoch(rows, 0)
    alone.evaluate(rows)
    alone.inspect(rows)
    alone.train_step(rows)
    assert [len(entry.overloads) for entry in (engine.train, engine.evaluate)] == compiled
