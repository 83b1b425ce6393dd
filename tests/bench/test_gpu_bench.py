"""The benchmark of a GPU, in the simulator with a clock of its own: what is measured, checked and told."""

import json
from dataclasses import replace

import numpy as np
import pytest

from neurosim.backends.cuda import ladder, probes
from neurosim.backends.cuda.target import simulated
from neurosim.bench import gpu_products, gpu_training
from neurosim.bench.gpu import FULL, QUICK, GpuSize, run_gpu_benchmark
from neurosim.bench.gpu_report import Crossover, Duel
from neurosim.bench.measure import Timing
from neurosim.bench.problem import Size, make_problem
from neurosim.cli import bench_gpu
from neurosim.errors import BackendError, UsageError

pytestmark = pytest.mark.skipif(not simulated(), reason="the simulator stands in for a GPU here")

NETWORK = Size((3, 4, 3, 2), batch=4, rows=6, checked_rows=0, peak=0, rounds=0, slow_every=1)
TINY = GpuSize(
    rounds=2,
    launches=2,
    barriers=3,
    odd_shape=(5, 3, 7),
    squares=(4,),
    operations=1.0,
    network=NETWORK,
    batches=(2, 4),
    widths=(2, 3),
    varied_rows=4,
    networks=(1, 2),
    xor_steps=2,
)


class Clock:
    """Half a second passes between any two looks."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.5
        return self.now


@pytest.fixture(scope="module")
def report():
    return run_gpu_benchmark(2, size=TINY, clock=Clock(), simulator=True)


def test_every_part_is_measured(report):
    assert [cost.count for cost in report.launches] == [0, 1, 16]
    # Half a second for two launches; two more barriers take no longer by this clock.
    assert {cost.microseconds for cost in report.launches} == {0.25e6}
    assert (report.barrier.count, report.barrier.microseconds) == (1, 0.0)
    assert report.checked.products == 2 * len(ladder.rungs())
    assert report.checked.error < 1e-6
    assert [(rate.name, rate.size) for rate in report.products] == [(rung.name, 4) for rung in ladder.rungs()]
    assert {rate.gflops for rate in report.products} == {2 * 4**3 / 0.5 / 1e9}
    assert {rate.peak_share for rate in report.products} == {2 * 4**3 / 0.5 / 1e9 / 2.0}
    assert report.epoch.speedup == 1.0
    assert report.epoch.difference < 1e-5
    assert [entry.what for entry in report.crossovers] == [
        "rows in a batch",
        "units in a hidden layer",
        "XOR networks side by side",
    ]
    assert [[duel.value for duel in entry.duels] for entry in report.crossovers] == [[2, 4], [2, 3], [1, 2]]
    assert set(report.compilation) == {"products", "training"}


def test_what_is_measured_was_predicted(report):
    predicted = report.predicted
    phases = ["forward", "finish rows", "judge rows", "backward", "learn"]
    assert [name for name, *_ in predicted.step] == ["fetch", *phases, "sum up"]
    steps = -(-NETWORK.rows // NETWORK.batch)
    assert predicted.epoch == pytest.approx(steps * sum(sum(parts) for _, *parts in predicted.step))
    assert [count for count, _ in predicted.networks] == [1, 2]


def test_json_is_plain(report):
    facts = json.loads(json.dumps(report.as_json()))
    assert facts["backend"] == "cuda"
    assert facts["gpu"]["peak_gflops"] == 2.0
    assert facts["epoch"]["speedup"] == 1.0
    assert facts["crossovers"][0]["overtakes_at"] is None


def test_text_fits_on_a_terminal(report, capsys):
    faster = replace(report.epoch, value=64, gpu_seconds=1e-5)
    overtaken = replace(report.crossovers[0], duels=[report.epoch, faster])
    bench_gpu.show(replace(report, crossovers=[overtaken, *report.crossovers[1:]]))
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= 80
    told = " ".join(text.split())
    for words in (
        "vectorized",
        "grid barrier",
        "not part of any time below",
        "overtakes the CPU at 64",
        "is faster even in the largest",
        "all of it",
        "trust what was measured",
    ):
        assert words in told


def duel(value, cpu, gpu):
    return Duel.of(value, Timing((cpu,)), Timing((gpu,)), 1_000_000_000, 0.0)


@pytest.mark.parametrize(
    ("gpu_seconds", "found"),
    [((3, 1, 1), 20), ((1, 1, 1), 10), ((1, 3, 1), 30), ((1, 1, 3), None), ((2, 2, 2), None)],
)
def test_the_gpu_overtakes_where_it_stays_ahead(gpu_seconds, found):
    duels = [duel(value, 2, seconds) for value, seconds in zip((10, 20, 30), gpu_seconds, strict=True)]
    assert Crossover("x", duels).overtakes_at == found


def test_rates_of_a_duel():
    found = duel(1, 4.0, 0.5)
    assert (found.speedup, found.gpu_gflops) == (8.0, 2.0)


def test_a_wrong_product_stops_everything(monkeypatch):
    right = ladder.Rung.multiply

    def wrong(rung, a, b, c):
        right(rung, a, b, c)
        if rung.name == "tiled":
            c[0, 0] = 9.0

    monkeypatch.setattr(ladder.Rung, "multiply", wrong)
    with pytest.raises(BackendError, match=r"nothing was timed: the tiled product of shape \(5, 3, 7\)"):
        run_gpu_benchmark(1, size=TINY, clock=Clock(), simulator=True)


def test_what_is_not_computed_is_an_error(monkeypatch):
    monkeypatch.setattr(ladder.Rung, "multiply", lambda *arguments: None)
    with pytest.raises(BackendError, match="differ by nan"):
        gpu_products.check([(2, 2, 2)])


def test_another_loss_stops_everything(registry, monkeypatch):
    right = gpu_training.make_backend

    def wrong(name, network, training, seed, threads=None):
        made = right(name, network, training, seed, threads)
        if name == "cuda":
            made.parameters = made.parameters * np.float32(1.1)
        return made

    monkeypatch.setattr(gpu_training, "make_backend", wrong)
    with pytest.raises(BackendError, match="nothing was timed: the loss of an epoch"):
        gpu_training.epoch_duel(4, make_problem(NETWORK, registry), 1, 1, Clock())


def test_flops_of_xor_networks(registry):
    entry = gpu_training.by_networks((1,), 1, registry, 1, 1, Clock())
    # 12 weights: forward and weight gradients of all, input gradients of the last layer's 4; 4 rows.
    assert entry.duels[0].flops == 4 * (2 * 12 + 2 * 12 + 2 * 4)


def test_the_peak_is_that_of_the_data_sheet():
    h200 = probes.DeviceFacts("NVIDIA H200", (9, 0), 132, 128, 1.98e9, 0)
    assert h200.peak == pytest.approx(66.9e12, rel=1e-3)


def test_sizes_grow():
    for size in (FULL, QUICK):
        for values in (size.squares, size.batches, size.widths, size.networks):
            assert list(values) == sorted(set(values))
        assert size.varied_rows >= max(size.batches)


def test_without_a_gpu_it_says_so_at_once():
    with pytest.raises(BackendError, match="simulator"):
        run_gpu_benchmark(size=TINY)
    with pytest.raises(UsageError, match="at least 1"):
        run_gpu_benchmark(0)
