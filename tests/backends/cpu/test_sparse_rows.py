"""Rows of mostly zero bytes are read by bitmaps of the others; unshifted ones give the same bits as with all terms."""

import numpy as np
import pytest
import support
from support import Dense, Dropout, Flatten

from neurosim.backends.cpu import backend as cpu_backend
from neurosim.backends.cpu.sparse_products import WIDEST
from neurosim.backends.cpu.sparse_rows import MOST, mostly_zero
from neurosim.backends.cpu.sparse_tiles import WORD_BITS
from neurosim.backends.cpu.table import Field
from neurosim.backends.cpu.vectors import WIDTH
from neurosim.data.rows import Rows

CCE = "categorical_cross_entropy"
TILE = WIDEST * WIDTH
# Inputs, units, rows and rows in a batch: whole and partial tiles, several words of bitmaps, batches of 1 row.
SHAPES = [
    (2 * WORD_BITS + 30, 96, 71, 32),
    (WORD_BITS + 6, TILE + 77, 33, 1),
    (3 * WORD_BITS + 5, 2 * TILE, 2 * WORD_BITS + 9, 2 * WORD_BITS + 9),
    (64, 65, 40, 7),
    (1, 64, 300, 300),
]


def images(count, inputs, share=0.2, shift=0.0):
    """Random bytes, most of them 0; the first row has nothing else, the second no 0."""
    random = np.random.default_rng((count, inputs))
    bytes_ = random.integers(1, 256, (count, inputs)).astype(np.uint8)
    bytes_[random.random(bytes_.shape) >= share] = 0
    bytes_[0], bytes_[1:2] = 0, 255
    classes = random.integers(0, 10, count).astype(np.int32)
    return Rows(bytes_, np.zeros((0, 10), np.float32), classes, "argmax", 1 / 255, shift)


def trained(monkeypatch, rows, batch, layers, *, bitmaps, threads=1, optimizer="adam", **how):
    """A backend after two epochs, with everything that it computed."""
    with monkeypatch.context() as patch:
        patch.setattr(cpu_backend, "mostly_zero", lambda rows: bitmaps)
        patch.setattr(cpu_backend, "WORTH_STARTING", 0)
        net = support.network(rows.features.shape[1], layers, CCE)
        settings = support.training((optimizer, {"lr": 0.003}), batch=batch, shuffle=True, **how)
        bench = support.COMPILED[0].make(net, settings, seed=3, threads=threads)
        results = []
        for epoch in range(2):
            totals = bench.train_epoch(rows, epoch)
            results += [totals.loss, totals.correct, bench.parameters.tobytes(), bench.state.tobytes()]
        for plan in bench._plans.values():
            plan.stages[0, Field.BITMAPS] = -1
        results.append(bench.train_step(rows))
        totals = bench.evaluate(rows)
        results += [totals.loss, totals.correct, bench.parameters.tobytes()]
        for plan in bench._plans.values():
            assert (plan.stages[0, Field.BITMAPS] > 0) == bitmaps
    return bench, results


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bitmaps_give_the_same_bits(monkeypatch, shape):
    inputs, units, count, batch = shape
    rows = images(count, inputs)
    layers = [Dense(units, "relu", l2=0.001), Dropout(0.2), Dense(10, "softmax")]
    _, expected = trained(monkeypatch, rows, batch, layers, bitmaps=False)
    for threads in (1, 2, 5):
        assert trained(monkeypatch, rows, batch, layers, bitmaps=True, threads=threads)[1] == expected


@pytest.mark.parametrize(
    "layers",
    [
        [Flatten(), Dense(64, "tanh", bias=False), Dense(10, "softmax")],
        [Dense(70, "softmax"), Dense(10, "softmax")],
        [Dense(64, l1=0.01), Dense(10, "softmax")],
    ],
    ids=["no bias", "whole rows", "linear"],
)
@pytest.mark.parametrize("how", [{}, {"clip_norm": 0.1}, {"optimizer": "muon"}], ids=["", "clipped", "whole arrays"])
def test_other_networks_and_optimizers(monkeypatch, layers, how):
    rows = images(50, 120)
    found = [trained(monkeypatch, rows, 16, layers, bitmaps=bitmaps, **how)[1] for bitmaps in (False, True)]
    assert found[0] == found[1]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_rows_zero_and_none(monkeypatch, share):
    rows = images(40, 100, share)
    layers = [Dense(64, "relu"), Dense(10, "softmax")]
    found = [trained(monkeypatch, rows, 16, layers, bitmaps=bitmaps)[1] for bitmaps in (False, True)]
    assert found[0] == found[1]


@pytest.mark.parametrize("shift", [0.0, -0.4])
def test_they_agree_with_the_reference(monkeypatch, shift):
    rows = images(60, 130, shift=shift)
    layers = [Dense(80, "tanh"), Dense(10, "softmax")]
    bench, _ = trained(monkeypatch, rows, 16, layers, bitmaps=True)
    reference = support.REFERENCE.make(bench.network, bench.training, seed=3)
    for epoch in range(2):
        reference.train_epoch(rows, epoch)
    reference.train_step(rows)
    np.testing.assert_allclose(bench.parameters, reference.parameters, rtol=1e-3, atol=1e-5)
    assert bench.evaluate(rows).loss == pytest.approx(reference.evaluate(rows).loss, rel=1e-4)


def test_shifted_rows_give_the_same_bits_for_any_number_of_threads(monkeypatch):
    rows = images(71, 158, shift=-0.4)
    layers = [Dense(96, "relu", l2=0.001), Dropout(0.2), Dense(10, "softmax")]
    found = [trained(monkeypatch, rows, 32, layers, bitmaps=True, threads=threads)[1] for threads in (1, 2, 5)]
    assert found[0] == found[1] == found[2]


def test_the_sums_of_shifted_rows_are_as_exact_as_with_all_terms(monkeypatch):
    """What the shift adds is worked out once for all rows."""
    rows = images(200, 784, shift=-0.4242)
    net = support.network(784, [Dense(128), Dense(10, "softmax")], CCE)
    exact = support.REFERENCE.make(net, support.training(batch=50)).gradients(rows)[1]
    errors = []
    for bitmaps in (False, True):
        monkeypatch.setattr(cpu_backend, "mostly_zero", lambda rows, bitmaps=bitmaps: bitmaps)
        # Clipping keeps the gradient.
        bench = support.COMPILED[0].make(net, support.training(batch=200, clip_norm=1e9), threads=1)
        bench.train_step(rows)
        errors.append(np.abs(bench.gradient - exact).max())
    assert errors[1] < 2 * errors[0]


@pytest.mark.parametrize("shift", [0.0, -0.4])
@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
def test_a_weight_that_no_byte_needs_is_noticed(monkeypatch, number, shift):
    """Zero times infinity is not 0, and no term with a zero is computed."""
    rows = images(40, 100, shift=shift)
    rows.features[:, 50] = 0
    for bitmaps in (False, True):
        monkeypatch.setattr(cpu_backend, "mostly_zero", lambda rows, bitmaps=bitmaps: bitmaps)
        net = support.network(100, [Dense(64), Dense(10, "softmax")], CCE)
        bench = support.COMPILED[0].make(net, support.training(batch=16), threads=1)
        bench.parameters[50 * 64 + 7] = number
        assert not np.isfinite(bench.evaluate(rows).loss)
        assert not np.isfinite(bench.train_epoch(rows, 0).loss)
        assert np.isnan(bench.parameters[: 100 * 64].reshape(100, 64)[:, 7]).all()


def test_which_rows_are_read_by_bitmaps():
    rows = images(200, 100, MOST - 0.05)
    assert mostly_zero(rows)
    assert mostly_zero(rows.some(slice(0, 0))) is False
    assert not mostly_zero(images(200, 100, MOST + 0.05))
    assert mostly_zero(images(200, 100, MOST - 0.05, shift=-0.5))
    assert not mostly_zero(Rows(rows.features / 255.0, rows.values, rows.classes, "argmax"))


@pytest.mark.parametrize(
    "layers",
    [
        [Dense(32, "relu"), Dense(96, "relu"), Dense(10, "softmax")],
        [Dropout(0.1), Dense(96, "relu"), Dense(10, "softmax")],
        [support.Residual((Dense(96, "relu"), Dense(96))), Dense(10, "softmax")],
    ],
    ids=["narrow", "dropout", "residual"],
)
def test_which_networks_read_bitmaps(layers):
    bench = support.COMPILED[0].make(support.network(120, layers, CCE), support.training(batch=16), threads=1)
    bench.train_epoch(images(50, 120), 0)
    assert bench._plans["training", 0].stages[0, Field.BITMAPS] == 0


def test_whoever_looks_at_inputs_sees_numbers():
    rows = images(30, 100)
    layers = [Flatten(), Dense(64, "relu"), Dense(10, "softmax")]
    bench = support.COMPILED[0].make(support.network(100, layers, CCE), support.training(batch=16), threads=1)
    bench.train_epoch(rows, 0)
    assert bench._plans["training", 0].stages[0, Field.BITMAPS] != 0
    np.testing.assert_array_equal(next(iter(bench.inspect(rows).layers.values())).outputs, rows.inputs(np.float32))


def test_bitmaps_take_no_more_memory_than_the_rows_of_a_batch():
    bench = support.COMPILED[0].make(
        support.network(784, [Dense(256, "relu"), Dense(10, "softmax")], CCE), support.training(batch=512), threads=1
    )
    bench.train_epoch(images(600, 784), 0)
    plan = bench._plans["training", 0]
    assert plan.bitmaps is not None
    assert plan.bitmaps.words.nbytes + 4 * plan.scratch < plan.inputs.nbytes / 15
