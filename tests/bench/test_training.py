"""All ways of training compute the same; and the arithmetic of the ladder."""

from dataclasses import replace

import numpy as np
import pytest

from neurosim.backends.select import make_backend
from neurosim.bench import parts, plain_numpy, training
from neurosim.bench.measure import Timing
from neurosim.bench.problem import FULL, QUICK, SEED, Size, make_problem
from neurosim.bench.report import Peak
from neurosim.bench.run import run_benchmark
from neurosim.errors import BackendError, UsageError

TINY = Size(widths=(6, 5, 4, 3), batch=8, rows=20, checked_rows=8, peak=8, rounds=3, slow_every=2)


@pytest.fixture
def problem(registry):
    return make_problem(TINY, registry)


def entered(problem, backend="cpu", threads=2):
    def backend_of(count):
        return make_backend(backend, problem.network, problem.training, SEED, count)

    return training.contestants(problem, backend_of, threads)


@pytest.mark.parametrize("name", ["reference", "cpu"])
def test_all_ways_agree(problem, name):
    found = training.check(problem, entered(problem, name), tolerance=1e-5)
    assert max(found.loss, found.gradients, found.loss_after_update) < 1e-5


def test_loops_and_the_reference_backend_agree_as_far_as_float64_does(problem):
    loops = training.NaiveTrainer(problem)
    reference = training.BackendTrainer(make_backend("reference", problem.network, problem.training, SEED))
    rows = problem.rows
    assert loops.gradients(rows)[0] == pytest.approx(reference.gradients(rows)[0], rel=1e-12)
    np.testing.assert_allclose(loops.gradients(rows)[1], reference.gradients(rows)[1], atol=1e-14)
    # Two epochs of three batches each, the last one short.
    for _ in range(2):
        assert loops.train(rows, TINY.batch) == pytest.approx(reference.train(rows, TINY.batch), rel=1e-10)


def test_reset_goes_back_to_the_start(problem):
    for entry in entered(problem):
        before, _ = entry.trainer.gradients(problem.rows)
        first = entry.trainer.train(problem.rows, TINY.batch)
        assert entry.trainer.gradients(problem.rows)[0] != before
        entry.trainer.reset()
        assert entry.trainer.gradients(problem.rows)[0] == before
        assert entry.trainer.train(problem.rows, TINY.batch) == first


def test_the_naive_loops_learn(problem):
    loops = training.NaiveTrainer(problem)
    first = loops.train(problem.rows, TINY.batch)
    for _ in range(60):
        last = loops.train(problem.rows, TINY.batch)
    assert last < 0.9 * first


@pytest.mark.parametrize("part", ["gradients", "adam"])
def test_a_wrong_result_stops_everything(monkeypatch, part):
    right_gradients, right_adam = plain_numpy.gradients, plain_numpy.adam

    def wrong_gradients(*arguments):
        loss, found = right_gradients(*arguments)
        return loss, [(weight * 1.001, bias) for weight, bias in found]

    def wrong_adam(w, g, mean, square, step, rate):
        right_adam(w, g, mean, square, step, 2.0 * rate)

    monkeypatch.setattr(plain_numpy, part, {"gradients": wrong_gradients, "adam": wrong_adam}[part])
    what = {"gradients": "gradients", "adam": "loss after one update"}[part]
    with pytest.raises(BackendError, match=f"nothing was timed: the {what} of numpy"):
        run_benchmark(size=TINY, threads=1, clock=lambda: 0.0)


def test_nan_is_not_agreement(problem):
    ways = entered(problem)
    ways[1].trainer._plain.weights[0][:] = np.nan
    ways[1].trainer.reset = lambda: None
    with pytest.raises(BackendError, match="nothing was timed"):
        training.check(problem, ways)


def test_operations_are_those_of_the_products():
    # 60.4 GFLOP for 60,000 rows of the MNIST network.
    assert FULL.flops_per_sample * 60_000 == pytest.approx(60.4e9, rel=1e-3)
    for size in (FULL, QUICK, TINY):
        _, flops = parts.product_works(size)
        assert sum(flops.values()) == size.flops_per_sample * size.batch


def test_rates_and_ratios(problem):
    ways = entered(problem)
    # Seconds for 8 rows of the loops, and for 20 rows of all others.
    timings = {
        "naive": Timing((8.0, 16.0, 9.6)),
        "numpy": Timing((2.0, 1.0, 4.0)),
        "compiled": Timing((0.5, 0.5, 0.5)),
        "compiled_threads": Timing((0.2, 0.25, 0.3)),
        "numpy_threads": Timing((1.0, 1.0, 1.0)),
        "peak 1": Timing((3.0, 2.0, 4.0)),
        "peak 2": Timing((1.0, 2.0, 1.0)),
    }
    peak = training.peaks(problem, timings, 2)
    assert peak[0] == Peak(1, 2 * 8**3 / 2.0 / 1e9, pytest.approx(1.0 / 3.0))
    assert peak[1].gflops == 2 * 8**3 / 1.0 / 1e9
    steps, beside = training.ladder(problem, ways, timings, peak)
    assert [way.name for way in steps] == ["naive", "numpy", "compiled", "compiled_threads"]
    assert [way.rows for way in steps] == [8, 20, 20, 20]
    assert [way.samples_per_second for way in steps] == pytest.approx([8 / 9.6, 10.0, 40.0, 80.0])
    assert steps[0].over_previous is None
    assert [way.over_previous for way in steps[1:]] == pytest.approx([12.0, 4.0, 2.0])
    assert [way.over_naive for way in steps] == pytest.approx([1.0, 12.0, 48.0, 96.0])
    assert steps[1].spread == pytest.approx(0.75)
    flops = TINY.flops_per_sample
    assert steps[2].gflops == pytest.approx(40 * flops / 1e9)
    assert steps[2].peak_share == pytest.approx(40 * flops / 512)
    assert steps[3].peak_share == pytest.approx(80 * flops / 1024)
    assert [way.name for way in beside] == ["numpy_threads"]
    assert beside[0].over_naive == pytest.approx(24.0)


def test_one_thread_has_no_last_step(problem):
    assert [entry.name for entry in entered(problem, threads=1)] == ["naive", "numpy", "compiled"]


def test_kernels_agree_with_numpy(registry):
    pairs = parts.kernel_pairs(100, registry)
    assert [pair.name for pair in pairs] == ["relu", "tanh", "sigmoid", "gelu", "adam"]
    parts.check_pairs(pairs, 1e-5)
    wrong = replace(pairs[0], result=lambda: np.zeros(parts.SHAPE))
    with pytest.raises(BackendError, match="the compiled relu"):
        parts.check_pairs([wrong], 1e-5)


def test_kernels_from_medians(registry):
    pair = parts.activation_pair("relu", registry)
    timings = {"relu numpy": Timing((4e-6, 2e-6, 9e-6)), "relu compiled": Timing((1e-6, 1e-6, 2e-6))}
    (found,) = parts.kernels([pair], timings)
    assert (found.numpy_microseconds, found.compiled_microseconds) == pytest.approx((4.0, 1.0))
    assert found.speedup == pytest.approx(4.0)


def test_products_together():
    flops = {"forward": 4_000_000_000, "weight_gradients": 2_000_000_000}
    timings = {"forward": Timing((1.0, 2.0, 3.0)), "weight_gradients": Timing((1.0, 1.0, 1.0))}
    found = parts.products(flops, timings, 4.0)
    assert [(entry.name, entry.gflops, entry.peak_share) for entry in found] == [
        ("forward", 2.0, 0.5),
        ("weight_gradients", 2.0, 0.5),
        ("all", 2.0, 0.5),
    ]


def test_a_clock_from_outside_decides_every_figure():
    now = 0.0

    def clock():
        nonlocal now
        now += 0.5
        return now

    report = run_benchmark(size=TINY, threads=2, clock=clock)
    # Every measurement takes one tick.
    assert {way.name: way.samples_per_second for way in (*report.training, *report.beside)} == {
        "naive": 16.0,
        "numpy": 40.0,
        "compiled": 40.0,
        "compiled_threads": 40.0,
        "numpy_threads": 40.0,
    }
    assert report.unsteady == []
    assert report.rounds == 3


def test_nothing_below_one_thread():
    with pytest.raises(UsageError, match="at least 1"):
        run_benchmark(threads=0)
