"""The number of threads changes nothing, to the bit."""

import pytest
import support
from support import Dense, Dropout

from neurosim.backends.cpu import team

LAYERS = [
    Dropout(0.1),
    Dense(128, "relu"),
    Dropout(0.2),
    Dense(96, "softmax"),
    Dense(70, "tanh"),
    Dropout(0.5),
    Dense(10, "softmax"),
]


def everything(threads, monkeypatch):
    """Bytes and sums of all that a backend computes, and the sizes of the teams that did."""
    sizes = []
    run_together = team.run_together

    def counted(count, body):
        sizes.append(count)
        run_together(count, body)

    net = support.network(64, LAYERS, "categorical_cross_entropy")
    rows = support.rows(300, 64, 10)
    settings = support.training(("adam", {"lr": 0.003}), batch=64, shuffle=True)
    bench = support.COMPILED[0].make(net, settings, seed=3, threads=threads)
    results = []
    with monkeypatch.context() as patch:
        patch.setattr(team, "run_together", counted)
        for epoch in range(2):
            totals = bench.train_epoch(rows, epoch)
            results += [totals.loss, totals.correct, bench.parameters.tobytes(), bench.state.tobytes()]
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


def test_repeated_runs_with_threads_give_the_same_bits(monkeypatch):
    """A race would show now and then."""
    expected, _ = everything(3, monkeypatch)
    for _ in range(5):
        assert everything(3, monkeypatch)[0] == expected


def test_small_networks_run_on_one_thread(monkeypatch):
    net = support.network(2, [Dense(4, "tanh"), Dense(1, "sigmoid")], "binary_cross_entropy")
    bench = support.COMPILED[0].make(net, support.training(), threads=4)
    sizes = []
    run_together = team.run_together
    monkeypatch.setattr(team, "run_together", lambda count, body: (sizes.append(count), run_together(count, body)))
    bench.train_epoch(support.rows(8, 2, 1), 0)
    assert set(sizes) == {1}


@pytest.mark.parametrize("threads", [2, 5])
def test_a_thread_that_the_system_refuses_is_done_without(monkeypatch, threads):
    expected, _ = everything(1, monkeypatch)

    class Refused(team.threading.Thread):
        def start(self):
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(team.threading, "Thread", Refused)
    assert everything(threads, monkeypatch)[0] == expected
