"""A network on a backend with its rows, to be looked into: what it answers, its gradients, how well it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurosim.backends.base import Backend, Inspection, Signals
from neurosim.data.rows import Rows
from neurosim.errors import UsageError
from neurosim.problem.assembly import Problem, given_features, given_rows
from neurosim.suggestions import unknown
from neurosim.training.measures import JUDGED_BY, confusion, final_measures

Measures = dict[str, float | None]


class Workbench:
    """Base of the simulator: all that can be asked of its network, and changed in it, without training.

    Parameters
    ----------
    problem : Problem
        The network and the rows.
    backend : Backend
        Where its numbers are.

    Attributes
    ----------
    network : neurosim.network.network.Network
        Layers and shapes.
    training : neurosim.network.network.Training
        Optimizer, schedule and batches.
    data : neurosim.data.Prepared
        The splits, and how inputs were scaled.
    """

    def __init__(self, problem: Problem, backend: Backend) -> None:
        self._problem = problem
        self._backend = backend
        self._splits = problem.splits
        self.network = problem.network
        self.training = problem.training
        self.data = problem.data

    def _changed(self) -> None:
        """Called when parameters are changed from outside."""

    @property
    def backend(self) -> str:
        """Name of the backend."""
        return self._backend.name

    @property
    def splits(self) -> tuple[str, ...]:
        """Which of train, validation and test there are."""
        return tuple(self._splits)

    @property
    def judged_split(self) -> str:
        """The split that says most about the network: test, else validation, else train."""
        return next(name for name in JUDGED_BY if name in self._splits)

    @property
    def parameters(self) -> dict[str, NDArray[Any]]:
        """Copies of all parameters by name, such as ``layers.0.weight`` (inputs, units).

        float32; float64 on the reference backend. Use `set_parameters` to change them.
        """
        return self.network.named(self._backend.parameters.copy())

    def set_parameters(self, parameters: Mapping[str, ArrayLike]) -> None:
        """Replace all parameters; the optimizer's state stays.

        Raises
        ------
        ShapeError
            When names or shapes differ from those of `parameters`; nothing is changed then.
        """
        self._backend.parameters[:] = self.network.flat(parameters, self._backend.dtype)
        self._changed()

    @property
    def statistics(self) -> dict[str, NDArray[Any]]:
        """Copies of the running means and variances of batch normalization by name; empty where there is none.

        They are not parameters: training moves them, and evaluation uses them.
        """
        return self.network.named_statistics(self._backend.statistics.copy())

    def set_statistics(self, statistics: Mapping[str, ArrayLike]) -> None:
        """Replace all running statistics; raises as `set_parameters` does."""
        self._backend.statistics[:] = self.network.flat_statistics(statistics, self._backend.dtype)
        self._changed()

    def forward(self, X: ArrayLike) -> NDArray[Any]:
        """Outputs (rows, outputs) for inputs (rows, features); dropout off.

        Both as the network has them: ``data.to_input`` and ``data.to_target_units`` lead from and to the units of the
        data set.

        Raises
        ------
        ShapeError
            When X has the wrong number of features.
        UsageError
            When X does not hold numbers.
        """
        return self._backend.forward(given_features(self.network.inputs, X))

    def gradients(
        self, X: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None
    ) -> tuple[float, dict[str, NDArray[Any]]]:
        """Mean loss over the rows with the penalties, and its gradient by parameter name.

        Dropout is off. Batch normalization uses the statistics of these rows, as in training, and leaves
        the running ones as they are.

        `y` holds class indices (rows,) for losses on classes, else values (rows, outputs). `weights`, if there are any,
        are what the loss of each row is multiplied by, as they are: the mean is that of weight times loss.
        Raises ShapeError and UsageError when X and y do not fit the network.
        """
        loss, gradient = self._backend.gradients(given_rows(self.network, X, y, weights))
        return loss, self.network.named(gradient)

    def inspect(self, X: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> Inspection:
        """As `gradients`, with what every layer computed: outputs, weighted sums and their errors, by layer name.

        Raises ShapeError and UsageError when X and y do not fit the network.
        """
        return self._backend.inspect(given_rows(self.network, X, y, weights))

    def signals(self, X: ArrayLike) -> dict[str, Signals]:
        """What every layer computes for inputs (rows, features), by layer name: outputs and weighted sums.

        Dropout is off; batch normalization uses the statistics of these rows. Raises as `forward` does.
        """
        return self._backend.signals(given_features(self.network.inputs, X))

    def loss(self, X: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> float:
        """Mean loss over the rows with the penalties, as `gradients` gives it; raises as it does."""
        rows = given_rows(self.network, X, y, weights)
        if self.network.batch_norms:
            return self._backend.gradients(rows)[0]
        return self._backend.evaluate(rows).mean_loss + self._backend.penalty()

    def step(self, X: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> float:
        """One optimizer update on these rows as one batch, dropout on.

        Returns the mean loss with the penalties, before the update.
        """
        self._changed()
        return self._backend.train_step(given_rows(self.network, X, y, weights))

    def evaluate(self, split: str = "test", most: int | None = None) -> Measures:
        """``{"loss": ..., "accuracy": ...}`` on a split, dropout off; accuracy is None for regression.

        `most` is as in `split_rows`.

        Raises
        ------
        UsageError
            When the scenario has no such split.
        """
        # A loss that is not finite says so itself.
        with np.errstate(all="ignore"):
            totals = self._backend.evaluate(self.split_rows(split, most))
        return {"loss": totals.mean_loss, "accuracy": totals.accuracy_share}

    def confusion(self, split: str = "test", most: int | None = None) -> NDArray[np.uint32] | None:
        """How many rows of a class (down) are taken for a class (across); None where there are no classes.

        `most` is as in `split_rows`.

        Raises
        ------
        UsageError
            When the scenario has no such split.
        """
        return confusion(self._backend, self.split_rows(split, most))

    def split_rows(self, split: str, most: int | None = None) -> Rows:
        """The rows of a split as the backends get them, or so many of them, evenly spread, where there are more.

        Raises UsageError when there is no such split.
        """
        if split not in self._splits:
            raise UsageError(*unknown("split of this scenario", split, self._splits))
        rows = self._splits[split]
        return rows if most is None or rows.count <= most else rows.some(np.arange(most) * rows.count // most)

    def final_measures(self) -> dict[str, float | None]:
        """What there is to say of the network as it is now on every split; see `neurosim.training.measures`."""
        return final_measures(self._backend, self._problem)
