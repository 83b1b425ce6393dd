"""neurosim's side of each comparison; `worker.Worker` says what a contender provides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import problems

from neurosim import Simulator
from neurosim.backends.select import make_backend, make_small_ensemble
from neurosim.problem.assembly import assemble


class MnistEpoch:
    """One epoch of training; `dense` if the images are numbers that the network reads one by one, blank or not."""

    units = repeats = 1

    def __init__(self, threads: int, folder: Path, activation: str = "relu", *, dense: bool = False) -> None:
        problem = assemble(problems.mnist_scenario(activation))
        self.rows, self.test = problem.splits["train"], problem.splits["test"]
        if dense:
            self.rows = replace(self.rows, features=self.rows.inputs(np.float32), scale=1.0, shift=0.0)
        self.make = lambda: make_backend("cpu", problem.network, problem.training, 0, threads)
        self.backend, self.epoch = self.make(), 0

    def setup(self) -> None:
        pass

    def run(self) -> None:
        self.totals = self.backend.train_epoch(self.rows, self.epoch)
        self.epoch += 1

    def validate(self) -> dict[str, float]:
        self.backend, self.epoch = self.make(), 0
        for _ in range(problems.VALIDATION_EPOCHS):
            self.run()
        accuracy = self.backend.evaluate(self.test).accuracy_share
        assert accuracy is not None
        return {"train_loss": self.totals.mean_loss, "test_accuracy": accuracy}


class MnistEvaluation:
    """Loss and accuracy on the 10,000 test rows."""

    units, repeats = 1, 20

    def __init__(self, threads: int, folder: Path) -> None:
        self.simulator = Simulator(problems.mnist_scenario(), seed=0, threads=threads)

    def setup(self) -> None:
        pass

    def run(self) -> None:
        self.measures = self.simulator.evaluate("test")

    def validate(self) -> dict[str, float]:
        self.run()
        loss, accuracy = self.measures["loss"], self.measures["accuracy"]
        assert loss is not None
        assert accuracy is not None
        return {"loss": loss, "accuracy": accuracy}


class MnistForward:
    """Output array of 10,000 rows that are given as an array, through the public ``Simulator.forward``."""

    units, repeats = 1, 20

    def __init__(self, threads: int, folder: Path) -> None:
        self.simulator = Simulator(problems.mnist_scenario(), seed=0, threads=threads)
        self.x = problems.read_mnist(folder).rows["test_x"]

    def setup(self) -> None:
        pass

    def run(self) -> None:
        self.outputs = self.simulator.forward(self.x)

    def validate(self) -> dict[str, list[float]]:
        self.run()
        return {"outputs": self.outputs[:100].ravel().tolist()}


class XorSteps:
    """Steps of some networks on the four rows, by the compiled loop that ``run --seeds`` and ``run`` use."""

    def __init__(self, threads: int, folder: Path, networks: int, steps: int, repeats: int) -> None:
        self.networks, self.steps, self.repeats = networks, steps, repeats
        self.units = networks * steps
        problem = assemble(problems.xor_scenario())
        self.rows = problem.splits["train"]
        self.backend = make_backend("cpu", problem.network, problem.training, 0, threads)
        self.backend.prepare()

    def setup(self) -> None:
        ensemble = make_small_ensemble(self.backend, range(self.networks), [self.rows])
        assert ensemble is not None
        self.ensemble = ensemble

    def run(self) -> None:
        self.totals = self.ensemble.train(self.steps)

    def validate(self) -> dict[str, list[float]]:
        self.setup()
        totals = self.ensemble.train(problems.VALIDATION_STEPS)
        return {"losses": (totals[-1, :, 0] / np.float64(self.rows.count)).tolist()}


class MatrixSteps:
    """Full-batch steps, each an epoch that Python asks for, as in `neurosim run`."""

    def __init__(self, threads: int, folder: Path, steps: int, repeats: int) -> None:
        self.units, self.repeats, self.threads = steps, repeats, threads
        self.problem = problems.matrix_problem()
        self.rows = self.problem.splits["train"]

    def setup(self) -> None:
        problem = self.problem
        self.backend = make_backend("cpu", problem.network, problem.training, 0, self.threads)
        self.backend.prepare()

    def run(self) -> None:
        self.train(self.units)

    def train(self, steps: int) -> None:
        for step in range(steps):
            self.totals = self.backend.train_epoch(self.rows, step)

    def validate(self) -> dict[str, list[float]]:
        self.setup()
        self.train(problems.VALIDATION_STEPS)
        return {"losses": [self.totals.mean_loss]}
