"""The part of an optimizer's update that is the same for every parameter: computed on the host, once per step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.invariants import SplitUpdate, split_part
from neurosim.elementary.arrays import mathematics
from neurosim.formulas.float32 import own_name
from neurosim.network.training import Settings, Training
from neurosim.plugin import Optimizer
from neurosim.plugin.reductions import IS_BIAS, UpdatePart


def training_constants(training: Training, settings: Settings, done: int) -> NDArray[np.float32]:
    """The float32 constants (steps, constants) of the updates in each of the steps that follow `done` others.

    Where the optimizer looks at whole arrays, those of its functions for weights are followed by those for biases.
    The last one is the share of the average, if there is one.
    """
    optimizer, numbers = training.optimizer.record, range(done + 1, done + 1 + len(settings))
    columns = []
    for is_bias in (False, True) if training.looks_at_arrays else (False,):
        columns_of = training.values(settings, is_bias=is_bias).T.copy()
        values = {**dict(zip(optimizer.params, columns_of, strict=True)), IS_BIAS: float(is_bias)}
        columns += [step_constants(optimizer, part, values, numbers) for part in optimizer.parts]
    if training.average is not None:
        columns.append(np.array([[training.average.share(t)] for t in numbers], np.float32).reshape(-1, 1))
    return np.concatenate(columns, axis=1)


def step_constants(
    optimizer: Optimizer,
    part: UpdatePart,
    values: Mapping[str, float | NDArray[np.float64]],
    steps: Iterable[float],
) -> NDArray[np.float32]:
    """The float32 constants (steps, constants) of a function of the rule in each of `steps`.

    `values` are those of the params and of `IS_BIAS`: a number, or one for each step. Everything is computed in float64
    before it is rounded, to the bits of the CPU engine.
    """
    split, fill = _filler(optimizer, part)
    numbers = np.array(list(steps), np.float64)
    given = [np.full(numbers.size, values[name], np.float64) for name in split.inputs]
    with np.errstate(all="ignore"):
        try:
            return _at_once(fill, split.count, numbers, given)
        except ValueError:  # a choice between values, which needs one step at a time
            rows = [
                _at_once(fill, split.count, numbers[k : k + 1], [column[k : k + 1] for column in given])
                for k in range(numbers.size)
            ]
            return np.concatenate(rows) if rows else np.zeros((0, split.count), np.float32)


# Functions of rules that have been read, which takes longer than a whole epoch of a small network.
_FILLERS: dict[tuple[UpdatePart, tuple[str, ...]], tuple[SplitUpdate, Callable[..., None]]] = {}
_MOST_FILLERS = 64


def _filler(optimizer: Optimizer, part: UpdatePart) -> tuple[SplitUpdate, Callable[..., None]]:
    """A function of the rule in its two pieces, and the first of them as ``fill(out, steps, *inputs)``."""
    place = part, tuple(optimizer.params)
    if place not in _FILLERS:
        split = split_part(optimizer, part)
        arguments = ", ".join([split.step, *(own_name(name) for name in split.inputs)])
        lines = "\n".join(f"    {line}" for line in split.constants) or "    pass"
        names: dict[str, Any] = {"F": np.float32, "exact_math": mathematics}
        exec(f"def fill(out, {arguments}):\n{lines}", names)
        if len(_FILLERS) == _MOST_FILLERS:
            _FILLERS.clear()
        _FILLERS[place] = split, names["fill"]
    return _FILLERS[place]


def _at_once(
    fill: Callable[..., None], count: int, steps: NDArray[np.float64], given: list[NDArray[np.float64]]
) -> NDArray[np.float32]:
    """All steps as arrays; raises ValueError if a formula uses an array as a condition."""
    columns: list[Any] = [np.float32(0)] * count
    fill(columns, steps, *given)
    constants = np.empty((steps.size, count), np.float32)
    for k, column in enumerate(columns):
        constants[:, k] = column
    return constants
