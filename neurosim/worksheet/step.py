"""One training step on one sample, with all its numbers: what a worksheet shows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.reference.backend import ReferenceBackend, clipped
from neurosim.backends.reference.trace import Trace
from neurosim.backends.reference.updating import update_parameters
from neurosim.backends.uncompiled import uncompiled
from neurosim.data import Prepared
from neurosim.data.rows import Rows
from neurosim.errors import DivergedError, UsageError
from neurosim.markup import amount
from neurosim.network.layers import Layer
from neurosim.network.network import Network
from neurosim.network.training import Settings, Training
from neurosim.plugin.vectors import constants_of
from neurosim.training.simulator import Simulator
from neurosim.worksheet.numbers import written

Array = NDArray[np.float64]
Index = tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """The numbers of a step, from the reference backend in float64.

    Attributes
    ----------
    backend : ReferenceBackend
        With the parameters from before the update.
    rows : Rows
        The batch: the sample alone or, with batch normalization, the batch that it is in.
    place : int
        The sample's place in the batch.
    sample : int
        Its number among the training rows, from 0.
    done : int
        How many training steps were done before.
    settings : Settings
        What schedules make of the optimizer's parameters in this step.
    objective : float
        The mean loss of the batch, with the penalties.
    gradient : float64 (parameters,)
        Of the objective.
    trace : Trace
        What the forward and backward passes have left behind.
    clipped : float64 (parameters,)
        The gradient that the optimizer gets.
    before : float64 (parameters,)
        The parameters.
    state : float64 (slots, parameters)
        The optimizer's state before the update.
    reason : str
        Why this sample was picked; empty if it was asked for.
    """

    backend: ReferenceBackend
    rows: Rows
    place: int
    sample: int
    done: int
    settings: Settings
    objective: float
    gradient: Array
    trace: Trace
    clipped: Array
    before: Array
    state: Array
    reason: str = ""

    @property
    def network(self) -> Network:
        """The network."""
        return self.backend.network

    @property
    def training(self) -> Training:
        """How it is trained."""
        return self.backend.training

    @property
    def rate(self) -> float:
        """The learning rate of this step."""
        return float(self.settings.rates[0])

    def values(self, *, is_bias: bool = False) -> dict[str, float]:
        """The optimizer's parameters in this step by name, for weights or for anything else."""
        (values,) = self.training.values(self.settings, is_bias=is_bias).tolist()
        return dict(zip(self.training.optimizer.params, values, strict=True))

    @property
    def inputs(self) -> Array:
        """What the network is given, (*input shape)."""
        one = self.rows.some(slice(self.place, self.place + 1))
        return one.inputs(np.float64).reshape(self.network.input_shape)

    @property
    def alone(self) -> bool:
        """Whether the sample is the whole batch."""
        return self.rows.count == 1

    @property
    def weight(self) -> float | None:
        """What the loss of the sample is multiplied by; None where all rows count the same."""
        return self.rows.weight(self.place) if self.rows.weights.size else None

    @property
    def vectors(self) -> list[tuple[str, dict[str, tuple[float, ...]]]]:
        """Each activation, gate, loss or optimizer that has vectors as parameters: its name, and these by theirs."""
        network = self.network
        chosen = [layer.activation for layer in network.activated] + [layer.gate for layer in network.combining]
        found: list[tuple[str, dict[str, tuple[float, ...]]]] = []
        for one in (*chosen, network.loss, self.training.optimizer):
            named = (one.name, constants_of(one.record))
            if named[1] and named not in found:
                found.append(named)
        return found

    def outputs(self, layer: Layer) -> Array:
        """What a layer passes on for the sample."""
        return np.asarray(self.trace.outputs[layer.name][self.place])

    def sums(self, layer: Layer) -> Array:
        """What its activation is given."""
        return np.asarray(self.trace.saved[layer.name][1][self.place])

    def errors(self, layer: Layer) -> Array:
        """Gradient of the objective with respect to its weighted sums; for an activation layer, its inputs."""
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
        rule = self.training.optimizer.record
        if rule.looks_at_arrays:
            return (float(self.after["w"][at]), *(float(self.after[slot][at]) for slot in rule.slots))
        array = next(array for array in self.network.parameters if at < array.span.stop)
        values = map(np.float64, self.values(is_bias=array.is_bias).values())
        numbers = (self.before[at], self.clipped[at], *self.state[:, at])
        with np.errstate(all="ignore"):
            found = uncompiled(rule.update)(*numbers, self.done + 1, *values)
        return tuple(map(float, found)) if self.state.shape[0] else (float(found),)

    @functools.cached_property
    def after(self) -> dict[str, Array]:
        """All parameters (`w`) and slots after the update, its direction (`u`) and its reductions, by name."""
        parameters, gradient, state = self.before.copy(), self.clipped.copy(), self.state.copy()
        training = replace(self.training, average=None)
        known = update_parameters(
            training, self.network.learned, parameters, gradient, state, self.done + 1, self.settings
        )
        return {**known, "w": parameters, **dict(zip(self.training.optimizer.record.slots, state, strict=False))}

    def target(self) -> int | Array:
        """Class index, or values."""
        if self.network.loss.record.targets == "classes":
            return int(self.rows.classes[self.place])
        return np.asarray(self.rows.values[self.place], np.float64)

    def describe(self, rows: int, data: Prepared) -> str:
        """Which of the training rows the sample is, what it should give, and why it was picked."""
        y = self.target()
        number = f"The sample is training row {self.sample} (of {rows}, counted from 0)"
        if isinstance(y, int):
            what = f"{number}; the right class is {data.class_labels[y] if data.classes else y}: output {y + 1}."
        else:
            values = ", ".join(written(float(value)) for value in y)
            what = f"{number}; its target is y = {values if y.size == 1 else f'({values})'}.{_unscaled(y, data)}"
        if self.weight is not None:
            what += f" Its weight, by which its loss is multiplied, is {written(self.weight)}."
        return f"{what} {self.reason}".rstrip()


def _unscaled(y: Array, data: Prepared) -> str:
    """If targets are standardized, how that is done, and what this one is in the units of the data."""
    if not data.scales_targets:
        return ""
    values = data.to_target_units(y[None])[0]
    parts = []
    for k, (value, scale, shift) in enumerate(zip(values, data.target_scale, data.target_shift, strict=True)):
        name = f'"{data.target_labels[k]}"' if data.target_labels else "the value" if y.size == 1 else f"value {k + 1}"
        numbers = [amount(float(number)) for number in (value, -shift / scale, 1.0 / scale)]
        parts.append(f"{name} is {numbers[0]}, with mean {numbers[1]} and standard deviation {numbers[2]}")
    return f" Targets are standardized: (value - mean) / deviation over the training rows; here {', '.join(parts)}."


# Picks one row of a step on several, and says why.
Choose = Callable[["Step", int], tuple[int, str]]
# How many rows it can choose from: the first ones.
CANDIDATES = 32


def take_step(simulator: Simulator, sample: int | None, steps: int, choose: Choose) -> Step:
    """Train `steps` steps of the scenario, then work out one more on the training row `sample`.

    Left out, `choose` picks one: it gets the step on the first rows, and how many rows there are.

    Raises
    ------
    UsageError
        When there is no such row, or training ends before that step.
    DivergedError
        When training has diverged by then.
    """
    features = simulator.split_rows("train").features
    count = features.shape[0]
    if sample is not None and not 0 <= sample < count:
        raise UsageError(
            f"there is no training row {sample}", f"There are {count}: a sample is a number from 0 to {count - 1}."
        )
    simulator.train_to(steps)
    if simulator.steps_done < steps:
        raise UsageError(f"training ends before step {steps}", f"It had {simulator.steps_done} steps.")
    backend = ReferenceBackend(simulator.network, simulator.training, simulator.seed)
    state = simulator.state()
    backend.parameters[:] = state["parameters"]
    backend.state[:] = state["optimizer"]
    backend.steps_done = int(state["steps_done"][0])
    if "statistics" in state:
        backend.statistics[:] = state["statistics"]
    if not np.isfinite(backend.parameters).all():
        raise DivergedError(f"training has diverged within {steps} steps", "Try a smaller learning rate.")
    reason = ""
    if sample is None:
        size = _batch_size(simulator, steps) if simulator.network.batch_norms else min(CANDIDATES, count)
        tried = _step(simulator, backend, slice(0, size), 0, steps)
        sample, reason = choose(tried, count)
    size = _batch_size(simulator, steps)
    first = min(sample // size * size, count - size)
    return replace(_step(simulator, backend, slice(first, first + size), sample - first, steps), reason=reason)


def _step(simulator: Simulator, backend: ReferenceBackend, chosen: slice, place: int, steps: int) -> Step:
    """The numbers of a step on some training rows."""
    rows = simulator.split_rows("train").some(chosen)
    objective, gradient, trace = backend.trace(rows)
    state = backend.state[: len(simulator.training.optimizer.record.slots)]
    return Step(
        backend, rows, place, chosen.start + place, backend.steps_done, simulator.settings_of_step(steps), objective,
        gradient, trace, clipped(gradient, simulator.training), backend.parameters.copy(), state.copy(),
    )  # fmt: skip


def _batch_size(simulator: Simulator, steps: int) -> int:
    """The sample alone; if a layer looks at the whole batch, as many rows as in training."""
    if not simulator.network.batch_norms:
        return 1
    return simulator.course.batch(simulator.course.place(steps)[0])


def last_row(step: Step) -> tuple[Array, Array, int | Array]:
    """The last activation's input and output for the sample, and the target."""
    last = step.network.layers[-1]
    a = step.outputs(last).ravel()
    z = step.sums(last).ravel() if step.network.pair is not None else a
    return z, a, step.target()


def sample_loss(step: Step) -> float:
    """The loss of the sample as the simulator computes it."""
    loss, pair = step.network.loss, step.network.pair
    z, a, y = last_row(step)
    formula = uncompiled((pair or loss.record).value)
    with np.errstate(all="ignore"):
        return float(formula(*((z, a, y) if pair else (a, y)), *loss.values))


def sources(network: Network) -> dict[str, Layer | None]:
    """For each layer, by name, the layer whose outputs it gets; None for the input of the network."""
    found: dict[str, Layer | None] = {}

    def enter(layers: tuple[Layer, ...], source: Layer | None) -> Layer | None:
        for layer in layers:
            found[layer.name] = source
            for branch in layer.branches:
                enter(branch, source)
            source = layer
        return source

    enter(network.layers, None)
    return found


def largest(values: NDArray[Any], count: int) -> list[Index]:
    """Indices of the `count` numbers farthest from 0, in ascending order; all of them if there are no more."""
    flat = np.abs(np.nan_to_num(values.ravel()))
    chosen = np.sort(np.argsort(-flat, kind="stable")[:count])
    return [tuple(int(part) for part in np.unravel_index(place, values.shape)) for place in chosen]
