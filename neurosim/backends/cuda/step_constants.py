"""The part of an optimizer's update that is the same for every parameter: computed on the host, once per step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.invariants import split_update
from neurosim.backends.uncompiled import machine_math
from neurosim.formulas.float32 import own_name
from neurosim.plugin import Optimizer


def step_constants(
    optimizer: Optimizer,
    params: Mapping[str, float],
    steps: Iterable[float],
    rates: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """The float32 constants (steps, constants) of the update in each of `steps`.

    `rates` are the learning rates of the steps, if a schedule changes them. Everything is computed in float64 before
    it is rounded, as in the CPU engine.
    """
    split = split_update(optimizer)
    arguments = ", ".join([split.step, *(own_name(name) for name in optimizer.params)])
    lines = "\n".join(f"    {line}" for line in split.constants) or "    pass"
    names: dict[str, Any] = {"F": np.float32, "exact_math": machine_math}
    exec(f"def fill(out, {arguments}):\n{lines}", names)
    fill: Callable[..., None] = names["fill"]
    numbers = np.array(list(steps), np.float64)
    learning_rates = np.full(numbers.size, params["lr"]) if rates is None else rates
    with np.errstate(all="ignore"):
        try:
            return _at_once(fill, split.count, numbers, optimizer, params, learning_rates)
        except ValueError:  # a choice between values, which needs one step at a time
            rows = [
                _at_once(fill, split.count, numbers[k : k + 1], optimizer, params, learning_rates[k : k + 1])
                for k in range(numbers.size)
            ]
            return np.concatenate(rows) if rows else np.zeros((0, split.count), np.float32)


def _at_once(
    fill: Callable[..., None],
    count: int,
    steps: NDArray[np.float64],
    optimizer: Optimizer,
    params: Mapping[str, float],
    rates: NDArray[np.float64],
) -> NDArray[np.float32]:
    """All steps as arrays; raises ValueError if a formula uses an array as a condition."""
    columns: list[Any] = [np.float32(0)] * count
    fill(columns, steps, *(rates if name == "lr" else np.float64(params[name]) for name in optimizer.params))
    constants = np.empty((steps.size, count), np.float32)
    for k, column in enumerate(columns):
        constants[:, k] = column
    return constants
