"""One training step on one sample, with every number of it: what the worksheet tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Rows
from neurosim.backends.reference import ReferenceBackend, clipped
from neurosim.backends.reference_layers import Trace
from neurosim.backends.uncompiled import uncompiled
from neurosim.errors import DivergedError, UsageError
from neurosim.layers import Layer, Residual
from neurosim.network import Network, Training
from neurosim.simulator import Simulator

Array = NDArray[np.float64]
Index = tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """The numbers of a step, from the reference backend in float64.

    Attributes
    ----------
    backend : ReferenceBackend
        With the parameters as they were before the update.
    rows : Rows
        The batch: the sample alone or, with batch normalization, the batch that it stands in.
    place : int
        The sample's place in the batch.
    sample : int
        Its number among the training rows, from 0.
    done : int
        How many steps of training were done before.
    rate : float
        The learning rate of this step.
    objective : float
        The mean loss of the batch, with the penalties.
    gradient : float64 (parameters,)
        Of the objective.
    trace : Trace
        What the passes there and back have left behind.
    clipped : float64 (parameters,)
        The gradient as the optimizer gets it.
    before : float64 (parameters,)
        The parameters.
    state : float64 (slots, parameters)
        The optimizer's state before the update.
    """

    backend: ReferenceBackend
    rows: Rows
    place: int
    sample: int
    done: int
    rate: float
    objective: float
    gradient: Array
    trace: Trace
    clipped: Array
    before: Array
    state: Array

    @property
    def network(self) -> Network:
        """The network."""
        return self.backend.network

    @property
    def training(self) -> Training:
        """How it is trained."""
        return self.backend.training

    @property
    def inputs(self) -> Array:
        """What the network is given, (*input shape)."""
        rows = self.rows
        x = rows.features[self.place].astype(np.float64) * rows.scale + rows.shift
        return np.asarray(x).reshape(self.network.input_shape)

    @property
    def alone(self) -> bool:
        """Whether the sample is the whole batch."""
        return self.rows.count == 1

    def outputs(self, layer: Layer) -> Array:
        """What a layer passes on for the sample."""
        return np.asarray(self.trace.outputs[layer.name][self.place])

    def sums(self, layer: Layer) -> Array:
        """What its activation is given."""
        return np.asarray(self.trace.saved[layer.name][1][self.place])

    def errors(self, layer: Layer) -> Array:
        """Gradient of the objective with respect to its weighted sums; for an activation on its own, its inputs."""
        found = self.trace.errors.get(layer.name, self.trace.sent[layer.name])
        return np.asarray(found[self.place])

    def received(self, layer: Layer) -> Array:
        """Gradient of the objective with respect to its outputs."""
        return np.asarray(self.trace.received[layer.name][self.place])

    def sent(self, layer: Layer) -> Array:
        """Gradient of the objective with respect to its inputs."""
        return np.asarray(self.trace.sent[layer.name][self.place])

    def updated(self, at: int) -> tuple[float, ...]:
        """A parameter, by its place in the flat vector, and its state after the update."""
        optimizer = self.training.optimizer
        values = [self.rate if name == "lr" else value for name, value in optimizer.params.items()]
        numbers = (self.before[at], self.clipped[at], *self.state[:, at])
        with np.errstate(all="ignore"):
            found = uncompiled(optimizer.record.update)(*numbers, self.done + 1, *map(np.float64, values))
        return tuple(map(float, found)) if self.state.shape[0] else (float(found),)

    def target(self) -> int | Array:
        """Class index, or values."""
        if self.network.loss.record.targets == "classes":
            return int(self.rows.classes[self.place])
        return np.asarray(self.rows.values[self.place], np.float64)


def take_step(simulator: Simulator, sample: int | None, steps: int) -> Step:
    """Train `steps` steps of the scenario, then work out one more on the training row `sample`.

    Left out, it is the first row that has an input other than 0.

    Raises
    ------
    UsageError
        When there is no such row, or training ends before.
    DivergedError
        When training has diverged by then.
    """
    features = simulator.split_rows("train").features
    count = features.shape[0]
    if sample is None:
        sample = int(features.any(axis=1).argmax())
    if not 0 <= sample < count:
        raise UsageError(
            f"there is no training row {sample}", f"There are {count}: --sample takes a number from 0 to {count - 1}."
        )
    simulator.train_to(steps)
    backend = ReferenceBackend(simulator.network, simulator.training, simulator.seed)
    state = simulator.state()
    backend.parameters[:] = state["parameters"]
    backend.state[:] = state["optimizer"]
    backend.steps_done = int(state["steps_done"][0])
    if "statistics" in state:
        backend.statistics[:] = state["statistics"]
    if not np.isfinite(backend.parameters).all():
        raise DivergedError(f"training has diverged within {steps} steps", "Try a smaller learning rate.")
    rows, place = _batch(simulator, sample)
    objective, gradient, trace = backend.trace(rows)
    return Step(
        backend, rows, place, sample, backend.steps_done, simulator.rate_of_step(steps), objective, gradient, trace,
        clipped(gradient, simulator.training), backend.parameters.copy(), backend.state.copy(),
    )  # fmt: skip


def _batch(simulator: Simulator, sample: int) -> tuple[Rows, int]:
    """The sample alone; where a layer looks at the whole batch, the rows of the file that begin with it."""
    rows = simulator.split_rows("train")
    size = 1
    if simulator.network.batch_norms:
        size = min(simulator.training.batch_size, rows.count)
    first = min(sample, rows.count - size)
    return rows.some(slice(first, first + size)), sample - first


def in_order(layers: tuple[Layer, ...]) -> Iterator[Layer]:
    """Every layer in the order in which they compute: a residual one after those inside it."""
    for layer in layers:
        if isinstance(layer, Residual):
            yield from in_order(layer.parts)
        yield layer


def sources(network: Network) -> dict[str, Layer | None]:
    """For each layer by name the one whose outputs it gets; None for the input of the network."""
    found: dict[str, Layer | None] = {}

    def enter(layers: tuple[Layer, ...], source: Layer | None) -> Layer | None:
        for layer in layers:
            found[layer.name] = source
            if isinstance(layer, Residual):
                enter(layer.layers, source)
                if layer.projection is not None:
                    found[layer.projection.name] = source
            source = layer
        return source

    enter(network.layers, None)
    return found


def largest(values: NDArray[Any], count: int) -> list[Index]:
    """Indices of the `count` numbers that are farthest from 0, in ascending order; all where there are as few."""
    flat = np.abs(np.nan_to_num(values.ravel()))
    chosen = np.sort(np.argsort(-flat, kind="stable")[:count])
    return [tuple(int(part) for part in np.unravel_index(place, values.shape)) for place in chosen]
