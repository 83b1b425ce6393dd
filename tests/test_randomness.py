"""Random numbers: moments, keys, permutations, and that every backend draws the very same ones."""

import math

import numpy as np
import pytest
import support
from hypothesis import given
from hypothesis import strategies as st

from neurosim.backends.cpu import masks
from neurosim.randomness import Stream, Streams, drop_below, key, keys, mix64, permutation, uniform_bits, words

SEEDS = st.integers(0, 2**63 - 1)


def test_mix64_is_the_finalizer_of_splitmix64():
    """First outputs of SplitMix64 with seed 1234567, as published with the generator."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert words(1234567, 0, 4).tolist() == expected
    assert mix64((1234567 + 0x9E3779B97F4A7C15) % 2**64) == expected[0]


def test_words_are_numbered():
    whole = words(99, 0, 10)
    assert (words(99, 4, 6) == whole[4:]).all()


def test_keys_depend_on_seed_purpose_and_order():
    keys = [
        key(1, "shuffle", 0),
        key(2, "shuffle", 0),
        key(1, "shuffle", 1),
        key(1, "dropout", 0),
        key(1, "shuffle"),
        key(1, 0, "shuffle"),
        key(1, "ab", "c"),
        key(1, "a", "bc"),
        key(1, "abc"),
    ]
    assert len(set(keys)) == len(keys)
    assert key(1, "shuffle", 0) == keys[0]


@given(SEEDS, st.integers(0, 63))
def test_one_bit_of_the_seed_changes_half_of_the_key(seed, bit):
    changed = (key(seed, "x") ^ key(seed ^ (1 << bit), "x")).bit_count()
    assert 8 <= changed <= 56


def test_uniform_numbers_have_the_right_moments():
    values = Stream(3, "test").uniform(-2.0, 4.0, 200_000)
    assert values.min() >= -2.0
    assert values.max() < 4.0
    assert values.mean() == pytest.approx(1.0, abs=0.02)
    assert values.var() == pytest.approx(3.0, rel=0.01)
    counts = np.histogram(values, 20, (-2.0, 4.0))[0]
    assert np.abs(counts - 10_000).max() < 500


def test_normal_numbers_have_the_right_moments():
    values = Stream(3, "test").normal(1.0, 2.0, 200_000)
    scaled = (values - 1.0) / 2.0
    assert scaled.mean() == pytest.approx(0.0, abs=0.01)
    assert scaled.var() == pytest.approx(1.0, rel=0.01)
    assert np.mean(scaled**3) == pytest.approx(0.0, abs=0.03)
    assert np.mean(scaled**4) == pytest.approx(3.0, rel=0.03)
    assert np.isfinite(values).all()
    neighbors = np.corrcoef(scaled[:-1], scaled[1:])[0, 1]
    assert abs(neighbors) < 0.01


def test_a_stream_goes_on_where_it_was():
    together = Stream(8, "x").uniform(shape=(4, 5))
    stream = Stream(8, "x")
    parts = np.concatenate([stream.uniform(shape=7), stream.uniform(shape=13)])
    assert (together.ravel() == parts).all()
    assert np.ndim(Stream(8, "x").uniform()) == 0
    assert Stream(8, "x").uniform(shape=(2, 3)).shape == (2, 3)
    assert (Stream(8, "y").uniform(shape=20) != together.ravel()).all()


def test_many_streams_are_those_of_the_seeds():
    seeds = [0, 5, 2**63 - 1]
    together = Streams(seeds, "init", "wörter", 3)
    found = [together.uniform(-1.0, 2.0, (2, 3)), together.normal(1.0, 0.5, 7), together.uniform()]
    for number, seed in enumerate(seeds):
        stream = Stream(seed, "init", "wörter", 3)
        for array, alone in zip(
            found, (stream.uniform(-1.0, 2.0, (2, 3)), stream.normal(1.0, 0.5, 7), stream.uniform()), strict=True
        ):
            assert array[number].shape == np.shape(alone) or np.ndim(alone) == 0
            assert array[number].tobytes() == np.asarray(alone).tobytes()
    assert keys(seeds, "dropout", 2).tolist() == [key(seed, "dropout", 2) for seed in seeds]


@given(SEEDS, st.integers(0, 200))
def test_permutation_is_a_permutation(stream_key, count):
    assert sorted(permutation(stream_key, count).tolist()) == list(range(count))


def test_permutations_are_uniform():
    """All 24 orders of four, equally often: chi-squared with 23 degrees of freedom."""
    trials = 12_000
    counts = {}
    for epoch in range(trials):
        order = tuple(permutation(key(5, "shuffle", epoch), 4).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 24
    expected = trials / 24
    assert sum((count - expected) ** 2 / expected for count in counts.values()) < 60.0


def test_a_stream_permutes_anew_each_time():
    stream = Stream(4, "split")
    first, second = stream.permutation(50), stream.permutation(50)
    assert (first != second).any()
    assert (Stream(4, "split").permutation(50) == first).all()


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_dropout_drops_its_share(rate):
    bits = uniform_bits(key(1, "dropout", 0, 0), np.arange(2000), 100)
    dropped = bits < drop_below(rate)
    assert dropped.mean() == pytest.approx(rate, abs=0.005)
    assert dropped.mean(axis=0) == pytest.approx(np.full(100, rate), abs=0.05)
    assert dropped.mean(axis=1).std() == pytest.approx(math.sqrt(rate * (1.0 - rate) / 100), abs=0.005)


def test_dropout_bits_are_independent_between_units_rows_and_keys():
    bits = uniform_bits(key(1, "dropout", 0, 0), np.arange(1000), 64).astype(np.float64)
    other = uniform_bits(key(1, "dropout", 0, 1), np.arange(1000), 64).astype(np.float64)
    assert np.abs(np.corrcoef(bits.T) - np.eye(64)).max() < 0.16
    assert np.abs(np.corrcoef(bits[:64]) - np.eye(64)).max() < 0.6
    assert abs(np.corrcoef(bits.ravel(), other.ravel())[0, 1]) < 0.02
    assert (uniform_bits(7, np.array([5, 900]), 64) == uniform_bits(7, np.arange(901), 64)[[5, 900]]).all()


@given(st.integers(0, 2**64 - 1), st.integers(0, 300))
def test_compiled_shuffles_are_the_defined_ones(stream_key, count):
    order = np.zeros(count, np.int64)
    masks.shuffle(np.uint64(stream_key), order)
    assert (order == permutation(stream_key, count)).all()


@pytest.mark.parametrize(("rate", "batch", "units"), [(0.5, 10, 40), (0.2, 7, 80), (0.0, 50, 5), (1 / 3, 1, 33)])
def test_dropout_masks_are_the_defined_ones(backend, rate, batch, units):
    """Seen through training: the gradient of a bias behind the mask is the sum of the mask's scales.

    With one batch for the whole epoch, loss ``mae`` and targets above every output, a bias moves by
    lr / (rows units) for each row that kept its unit, times 1 / (1 - rate).
    """
    count = batch
    net = support.network(1, [support.Dense(units), support.Dropout(rate)], "mae")
    bench = backend.make(net, support.training(("sgd", {"lr": 1.0}), batch=batch), seed=11)
    bench.parameters[:] = 0.0
    rows = support.Rows(
        np.zeros((count, 1), np.float32), np.full((count, units), 1e6, np.float32), np.zeros(0, np.int32), "none"
    )
    bench.train_epoch(rows, 4)
    bits = uniform_bits(key(11, "dropout", 0, 4), np.arange(count), units)
    kept = (bits >= drop_below(rate)).sum(axis=0)
    expected = kept / (1.0 - rate) / (count * units)
    np.testing.assert_allclose(bench.parameters[units:], expected, rtol=1e-5, atol=1e-12)


def test_masks_and_orders_belong_to_the_place_in_the_epoch(backend):
    """Row i of the shuffled epoch gets mask i, whatever the batch: found in the gradient of one-hot inputs."""
    count, units = 12, 6
    net = support.network(count, [support.Dropout(0.5), support.Dense(units, bias=False)], "mae")
    bench = backend.make(net, support.training(("sgd", {"lr": 1.0}), batch=5, shuffle=True), seed=2)
    bench.parameters[:] = 0.0
    rows = support.Rows(
        np.eye(count, dtype=np.float32), np.full((count, units), 1e6, np.float32), np.zeros(0, np.int32), "none"
    )
    bench.train_epoch(rows, 3)
    moved = bench.parameters.reshape(count, units)[:, 0] > 0.0
    order = permutation(key(2, "shuffle", 3), count)
    bits = uniform_bits(key(2, "dropout", 0, 3), np.arange(count), count)
    expected = np.zeros(count, bool)
    for place, row in enumerate(order):
        expected[row] = bits[place, row] >= drop_below(0.5)
    assert (moved == expected).all()
    assert 0 < moved.sum() < count


def test_single_steps_draw_new_masks_each_time(backend):
    net = support.network(1, [support.Dense(64), support.Dropout(0.5)], "mae")
    bench = backend.make(net, support.training(("sgd", {"lr": 1.0})), seed=1)
    bench.parameters[:] = 0.0
    rows = support.Rows(np.zeros((1, 1), np.float32), np.full((1, 64), 1e6, np.float32), np.zeros(0, np.int32), "none")
    seen = []
    for step in range(3):
        before = bench.parameters[64:].copy()
        bench.train_step(rows)
        seen.append(bench.parameters[64:] > before)
        bits = uniform_bits(key(1, "dropout", 0, "step", step), np.arange(1), 64)[0]
        assert (seen[-1] == (bits >= drop_below(0.5))).all()
    assert (seen[0] != seen[1]).any()
