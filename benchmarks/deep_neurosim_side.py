"""neurosim's side of the deeper networks and of augmentation; `worker.Worker` says what a contender provides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import deep_problems

from neurosim.backends.base import Backend
from neurosim.backends.select import make_backend
from neurosim.data.rows import Rows
from neurosim.problem.assembly import Problem, assemble
from neurosim.training.augmentation import make_augmenter

SEED = 0


def first(rows: Rows, count: int) -> Rows:
    """The first rows, for a classifier, which has no target values."""
    return replace(rows, features=rows.features[:count], classes=rows.classes[:count])


def cpu_backend(problem: Problem, threads: int) -> Backend:
    return make_backend("cpu", problem.network, problem.training, SEED, threads)


class Epoch:
    """One epoch of training on the first `rows` rows."""

    units = repeats = 1

    def __init__(self, threads: int, folder: Path, network: str, rows: int) -> None:
        self.problem, self.threads = assemble(deep_problems.deep_scenario(network)), threads
        self.rows = first(self.problem.splits["train"], rows)
        self.backend, self.epoch = cpu_backend(self.problem, threads), 0

    def setup(self) -> None:
        pass

    def run(self) -> None:
        self.backend.train_epoch(self.rows, self.epoch)
        self.epoch += 1

    def validate(self) -> dict[str, float]:
        backend = cpu_backend(self.problem, self.threads)
        rows = first(self.problem.splits["train"], deep_problems.VALIDATION_ROWS)
        for epoch in range(deep_problems.VALIDATION_EPOCHS):
            totals = backend.train_epoch(rows, epoch)
        accuracy = backend.evaluate(self.problem.splits["test"]).accuracy_share
        assert accuracy is not None
        return {"train_loss": totals.mean_loss, "test_accuracy": accuracy}


class AugmentedEpoch:
    """One epoch of the shipped `mnist`, with or without augmenting its rows first, as in `Simulator.train_epoch`."""

    units = repeats = 1

    def __init__(self, threads: int, augmented: bool) -> None:
        scenario = deep_problems.augmented_scenario(augmented)
        self.problem, self.threads = assemble(scenario), threads
        self.rows = self.problem.splits["train"]
        self.augmenter = make_augmenter(scenario, self.problem.data, self.rows, SEED, threads)
        assert (self.augmenter is not None) == augmented
        self.start()

    def start(self) -> None:
        self.backend, self.epoch = cpu_backend(self.problem, self.threads), 0

    def setup(self) -> None:
        pass

    def run(self) -> None:
        rows = self.rows if self.augmenter is None else self.augmenter.rows(self.epoch)
        self.totals = self.backend.train_epoch(rows, self.epoch)
        self.epoch += 1

    def validate(self) -> dict[str, float]:
        self.start()
        for _ in range(deep_problems.VALIDATION_EPOCHS):
            self.run()
        accuracy = self.backend.evaluate(self.problem.splits["test"]).accuracy_share
        assert accuracy is not None
        return {"train_loss": self.totals.mean_loss, "test_accuracy": accuracy}
