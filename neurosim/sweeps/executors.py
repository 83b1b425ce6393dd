"""What trains the tasks of a sweep: this process, processes of this machine, or a cluster; the same loop for all."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Protocol

from neurosim.process.children import end_with_parent, without_main
from neurosim.sweeps.trials import Maker, Recipe, Trial
from neurosim.sweeps.worker import Ended, Worker

# A trial whose process has died so often is given up.
TRIES = 3

Task = list[Trial]


class Counts(Protocol):
    """What is told how many trials are being trained, such as the progress of a sweep."""

    running: int


class Executor(Protocol):
    """Where tasks are trained."""

    @property
    def jobs(self) -> int:
        """How many tasks it trains at a time."""

    def submit(self, task: Task) -> Future[list[Ended]]:
        """Hand out a task."""

    def lost(self) -> tuple[type[BaseException], ...]:
        """What `result` raises when the process that had the task has died."""

    def result(self, future: Future[list[Ended]]) -> list[Ended]:
        """What has become of a task that has ended; its trials are in the folder of the sweep from now on."""

    def close(self, *, at_once: bool) -> None:
        """End: when all has ended, or at once."""


class Here:
    """This process trains one task after the other.

    Parameters
    ----------
    maker : Maker
        Makes the scenarios.
    out : Path
        The folder of the sweep.
    threads : int
        How many share each task.
    """

    jobs = 1

    def __init__(self, maker: Maker, out: Path, threads: int = 1) -> None:
        self._maker, self._out, self._threads = maker, out, threads

    def train(self, tasks: Iterable[Task], progress: Counts, *, ahead: bool) -> Iterator[list[Ended]]:
        """Train tasks as `train` does; with `ahead`, a pack of one is written while the next is trained."""
        worker = Worker(self._maker, self._out, self._threads)
        with ThreadPoolExecutor(1) as pool:
            written: Future[list[Ended]] | None = None
            for number, task in enumerate(tasks):
                progress.running = len(task)
                if not number:
                    yield []
                trained = worker.train(task)
                if written is not None:
                    yield written.result()
                written = pool.submit(trained.kept) if ahead and trained.packs else None
                if written is None:
                    yield trained.kept()
            if written is not None:
                yield written.result()


class Processes:
    """Processes of this machine, which write into the folder of the sweep themselves.

    Parameters
    ----------
    recipe : Recipe
        How they make the scenarios.
    out : Path
        The folder of the sweep.
    jobs : int
        How many.
    """

    def __init__(self, recipe: Recipe, out: Path, jobs: int) -> None:
        self.jobs = jobs
        self._begin = recipe, out, os.getpid()
        self._pool: ProcessPoolExecutor | None = None
        self._others = set(active_children())

    def submit(self, task: Task) -> Future[list[Ended]]:
        """Hand out a task; where a process has died, new ones are started first."""
        with without_main():
            if self._pool is not None:
                try:
                    return self._pool.submit(_work, task)
                except BrokenProcessPool:
                    self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = ProcessPoolExecutor(self.jobs, get_context("spawn"), _begin, self._begin)
            return self._pool.submit(_work, task)

    def lost(self) -> tuple[type[BaseException], ...]:
        """When one process dies, what the others were training is lost too."""
        return (BrokenProcessPool,)

    def result(self, future: Future[list[Ended]]) -> list[Ended]:
        """What has become of a task; its process has kept it."""
        return future.result()

    def close(self, *, at_once: bool) -> None:
        """End the processes; what they are training then is lost, and nothing else."""
        if at_once:
            for child in set(active_children()) - self._others:
                child.terminate()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


Connect = Callable[[Maker, Path], Executor]


def train(
    executor: Executor | Here, tasks: Iterable[Task], progress: Counts, spare: int | None = None
) -> Iterator[list[Ended]]:
    """Train tasks; yields what has become of each, and nothing first, when they begin.

    No more than one for each job and some to `spare`, by default as many, are taken before one of them has ended: if a
    process dies, all of these may have to be handed out again.
    """
    if isinstance(executor, Here):
        # What is chosen by what came out so far cannot be trained ahead.
        yield from executor.train(tasks, progress, ahead=spare is None)
        return
    fresh = ((task, 0) for task in tasks)
    waiting: deque[tuple[Task, int]] = deque()
    under_way: dict[Future[list[Ended]], tuple[Task, int]] = {}
    begun, whole = False, False
    try:
        while True:
            while len(under_way) < executor.jobs + (executor.jobs if spare is None else spare):
                handed = waiting.popleft() if waiting else next(fresh, None)
                if handed is None:
                    break
                under_way[executor.submit(handed[0])] = handed
            if not under_way:
                break
            progress.running = sum(len(task) for task, _ in list(under_way.values())[: executor.jobs])
            if not begun:
                begun = True
                yield []
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                task, tries = under_way.pop(future)
                try:
                    ended = executor.result(future)
                except executor.lost():
                    if tries + 1 < TRIES:
                        waiting.append((task, tries + 1))
                    elif len(task) > 1:
                        # One of them is to blame.
                        waiting.extend(([trial], 0) for trial in task)
                    else:
                        yield [Ended(task[0], "its process was killed each time; memory may be short")]
                else:
                    yield ended
        whole = True
    finally:
        executor.close(at_once=not whole)


_worker: list[Worker] = []


def _begin(recipe: Recipe, out: Path, parent: int) -> None:
    """What a process does first: it ends with its parent, and leaves Ctrl-C to it."""
    import signal

    end_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker[:] = [Worker(Maker(recipe), out)]


def _work(task: Task) -> list[Ended]:
    return _worker[0].train(task).kept()
