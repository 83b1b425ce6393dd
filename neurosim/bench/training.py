"""The ladder: the same training in plain Python, in NumPy, compiled, and compiled on all threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend
from neurosim.bench.measure import Timing, Work, blas_threads, square_product
from neurosim.bench.naive import Naive
from neurosim.bench.plain_numpy import PlainNumpy
from neurosim.bench.problem import RATE, Problem
from neurosim.bench.report import Agreement, Peak, Way
from neurosim.data.rows import Rows
from neurosim.errors import BackendError

# float32 sums of a few hundred numbers are accurate to about 1e-6 of the largest.
TOLERANCE = 1e-4


class Trainer(Protocol):
    """The interface of all ways of training."""

    def reset(self) -> None:
        """Restore the initial values."""

    def gradients(self, rows: Rows) -> tuple[float, NDArray[Any]]:
        """Mean loss and its gradient, flat in the order of the network's parameters."""

    def train(self, rows: Rows, batch: int) -> float:
        """One pass over the rows; returns the mean loss, each batch's before its update."""


class NaiveTrainer:
    """`Naive`, for arrays; it reads lists, which are made off the clock."""

    def __init__(self, problem: Problem) -> None:
        self._naive = Naive(problem.layers(), RATE)
        self._rows: Rows | None = None

    def _lists(self, rows: Rows) -> tuple[list[list[float]], list[int]]:
        if self._rows is not rows:
            self._rows, self._as_lists = rows, (rows.features.tolist(), rows.classes.tolist())
        return self._as_lists

    def reset(self) -> None:
        """Restore the initial values."""
        self._naive.reset()

    def gradients(self, rows: Rows) -> tuple[float, NDArray[Any]]:
        """Mean loss and its gradient, flat."""
        loss, gradient = self._naive.gradients(*self._lists(rows))
        return loss, _flat(zip(gradient.weights, gradient.biases, strict=True))

    def train(self, rows: Rows, batch: int) -> float:
        """One pass over the rows."""
        return self._naive.train(*self._lists(rows), batch)


class NumpyTrainer:
    """`PlainNumpy`, with its matrix products on `threads` threads."""

    def __init__(self, problem: Problem, threads: int) -> None:
        self._plain = PlainNumpy(problem.layers(), RATE)
        self._threads = threads

    def reset(self) -> None:
        """Restore the initial values."""
        self._plain.reset()

    def gradients(self, rows: Rows) -> tuple[float, NDArray[Any]]:
        """Mean loss and its gradient, flat."""
        with blas_threads(self._threads):
            loss, gradient = self._plain.gradients(rows.features, rows.classes)
        return loss, _flat(gradient)

    def train(self, rows: Rows, batch: int) -> float:
        """One pass over the rows."""
        with blas_threads(self._threads):
            return self._plain.train(rows.features, rows.classes, batch)


class BackendTrainer:
    """One of neurosim's backends."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._start = backend.parameters.copy()

    def reset(self) -> None:
        """Restore the initial values."""
        self._backend.parameters[:] = self._start
        self._backend.state[:] = 0.0
        self._backend.steps_done = 0

    def gradients(self, rows: Rows) -> tuple[float, NDArray[Any]]:
        """Mean loss and its gradient, flat."""
        return self._backend.gradients(rows)

    def train(self, rows: Rows, batch: int) -> float:
        """One pass over the rows; the batch size is that of the backend's training."""
        return self._backend.train_epoch(rows, 0).mean_loss


def _flat(pairs: Any) -> NDArray[Any]:
    return np.concatenate([np.asarray(part, np.float64).ravel() for pair in pairs for part in pair])


@dataclass(frozen=True)
class Contestant:
    """A way of training, its number of threads, and the rows it is timed on."""

    name: str
    threads: int
    trainer: Trainer
    rows: Rows


def contestants(problem: Problem, backend_of: Callable[[int], Backend], threads: int) -> list[Contestant]:
    """All ways, slowest first; those on several threads only if there are several.

    Parameters
    ----------
    problem : Problem
        The problem to train on.
    backend_of : function
        Returns a backend with initial values for a number of threads.
    threads : int
        Number of threads to use at most.
    """
    rows = problem.rows
    entered = [
        Contestant("naive", 1, NaiveTrainer(problem), problem.first(problem.size.batch)),
        Contestant("numpy", 1, NumpyTrainer(problem, 1), rows),
        Contestant("compiled", 1, BackendTrainer(backend_of(1)), rows),
    ]
    if threads > 1:
        entered += [
            Contestant("numpy_threads", threads, NumpyTrainer(problem, threads), rows),
            Contestant("compiled_threads", threads, BackendTrainer(backend_of(threads)), rows),
        ]
    return entered


def check(problem: Problem, entered: Sequence[Contestant], tolerance: float = TOLERANCE) -> Agreement:
    """Have all ways, from the same start, compute loss and gradients of one batch, then its loss after one update.

    The naive loops are float64 and the simplest, so the others are compared with them.

    Raises
    ------
    BackendError
        If any differs by more than `tolerance`, relative to the largest number of the array.
    """
    rows = problem.first(problem.size.checked_rows)
    answers = []
    for entry in entered:
        entry.trainer.reset()
        loss, gradient = entry.trainer.gradients(rows)
        entry.trainer.train(rows, problem.size.batch)
        after, _ = entry.trainer.gradients(rows)
        answers.append((loss, gradient, after))
    expected_loss, expected_gradient, expected_after = answers[0]
    expected = problem.network.named(expected_gradient)
    worst = [0.0, 0.0, 0.0]
    for entry, (loss, gradient, after) in zip(entered[1:], answers[1:], strict=True):
        actual = problem.network.named(gradient)
        errors = [
            abs(loss / expected_loss - 1.0),
            max(_relative(actual[name], expected[name]) for name in expected),
            abs(after / expected_after - 1.0),
        ]
        for what, error in zip(("loss", "gradients", "loss after one update"), errors, strict=True):
            if not error <= tolerance:
                raise BackendError(
                    f"nothing was timed: the {what} of {entry.name} (threads: {entry.threads}) and of the naive loops "
                    f"differ by {error:.1e}, more than the {tolerance:.0e} allowed",
                    "One of them is wrong on this machine: a bug in neurosim or in a library. Please report it.",
                )
        worst = [max(pair) for pair in zip(worst, errors, strict=True)]
    return Agreement(rows.count, worst[0], worst[1], worst[2], tolerance)


def _relative(actual: NDArray[Any], expected: NDArray[Any]) -> float:
    largest = float(np.abs(expected).max())
    return float(np.abs(actual - expected).max()) / (largest or 1.0)


def works(problem: Problem, entered: Sequence[Contestant], threads: int) -> dict[str, Work]:
    """The works that take turns: the peak on one and on all threads, then every way.

    Of the ways compared, only the naive loops directly follow a BLAS with several threads.
    """
    turns = {peak_name(count): Work(square_product(problem.size.peak, count)) for count in sorted({1, threads})}
    # The threads of a BLAS spin for some milliseconds after their work, and would slow down whatever comes next. The
    # naive loops take seconds and are hardly affected, so they follow.
    for entry in sorted(entered, key=lambda entry: entry.name != "numpy_threads"):
        every = problem.size.slow_every if entry.name in ("naive", "numpy_threads") else 1
        turns[entry.name] = Work(_pass_of(entry, problem.size.batch), entry.trainer.reset, every=every)
    return turns


def _pass_of(entry: Contestant, batch: int) -> Callable[[], object]:
    return lambda: entry.trainer.train(entry.rows, batch)


def peak_name(threads: int) -> str:
    """The name of the work that measures the peak."""
    return f"peak {threads}"


def peaks(problem: Problem, timings: Mapping[str, Timing], threads: int) -> list[Peak]:
    """GFLOP/s of the large products: the best round, since it should show what the machine can do."""
    flops = 2 * problem.size.peak**3
    peak = []
    for count in sorted({1, threads}):
        timing = timings[peak_name(count)]
        peak.append(Peak(count, flops / timing.fastest / 1e9, timing.spread))
    return peak


def ladder(
    problem: Problem, entered: Sequence[Contestant], timings: Mapping[str, Timing], peak: Sequence[Peak]
) -> tuple[list[Way], list[Way]]:
    """Rates and ratios of every way, from medians: the ladder, and the ways beside it."""
    gflops_of = {entry.threads: entry.gflops for entry in peak}
    first = timings["naive"].per(problem.first(problem.size.batch).count).median
    steps: list[Way] = []
    beside: list[Way] = []
    before: float | None = None
    for entry in entered:
        timing = timings[entry.name].per(entry.rows.count)
        gflops = problem.size.flops_per_sample / timing.median / 1e9
        on_ladder = entry.name != "numpy_threads"
        way = Way(
            name=entry.name,
            threads=entry.threads,
            rows=entry.rows.count,
            samples_per_second=1.0 / timing.median,
            gflops=gflops,
            peak_share=gflops / gflops_of[entry.threads],
            over_previous=before / timing.median if on_ladder and before is not None else None,
            over_naive=first / timing.median,
            spread=timing.spread,
        )
        (steps if on_ladder else beside).append(way)
        if on_ladder:
            before = timing.median
    return steps, beside
