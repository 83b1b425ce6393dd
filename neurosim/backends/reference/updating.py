"""One step of an optimizer on all parameters, number by number, as its rule is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.reference.trace import Array
from neurosim.backends.uncompiled import uncompiled
from neurosim.errors import PluginError
from neurosim.network.layers import Parameter
from neurosim.network.training import Settings, Training
from neurosim.plugin.reductions import IS_BIAS, ORTHOGONAL, SCHULZ, SCHULZ_EPSILON, SCHULZ_STEPS, Reduction

_OPERATIONS: dict[str, Callable[..., Array]] = {
    "sum": lambda x, **over: x.sum(**over),
    "mean": lambda x, **over: x.mean(**over),
    "l1": lambda x, **over: np.abs(x).sum(**over),
    "l2": lambda x, **over: np.sqrt((x * x).sum(**over)),
    "rms": lambda x, **over: np.sqrt((x * x).mean(**over)),
    "largest": lambda x, **over: np.abs(x).max(**over),
    "count": lambda x, **over: np.ones_like(x).sum(**over),
}
_AXES = {"array": None, "row": 1, "column": 0}


def update_parameters(
    training: Training,
    arrays: Sequence[Parameter],
    parameters: Array,
    gradient: Array,
    state: Array,
    t: int,
    settings: Settings,
) -> dict[str, Array]:
    """Change `parameters` and `state` (slots, numbers) in place, as step number `t` does, with the settings of a step.

    `arrays` are those that change, the first ones of the flat vectors.

    Returns the direction, if the rule has one, and the values of its reductions, for each number: by name.
    """
    optimizer = training.optimizer.record
    vectors = {"w": parameters, "g": gradient, **dict(zip(optimizer.slots, state, strict=False))}
    known: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        for part in optimizer.parts:
            for reduction in part.before:
                known[reduction.name] = reduced(reduction, vectors[reduction.of], arrays)
            function = uncompiled(part.function)
            if part.role == "direction":
                vectors["u"] = known["u"] = np.zeros_like(gradient)
            for array in arrays:
                (values,) = training.values(settings, is_bias=array.is_bias)
                flags = np.full(array.size, float(array.is_bias))
                columns = [vectors[name][array.span] for name in part.numbers]
                columns += [flags if name == IS_BIAS else known[name][array.span] for name in part.helpers]
                targets = [vectors[name][array.span] for name in part.results]
                for i, numbers in enumerate(zip(*columns, strict=True)):
                    new = function(*numbers, t, *values)
                    given = new if isinstance(new, tuple) else (new,)
                    if len(given) != len(targets):
                        what = f"{part.role} returns {len(given)} numbers; it must return {len(targets)}"
                        raise PluginError(what, f"Return {', '.join(part.results)}, in this order.")
                    for target, value in zip(targets, given, strict=True):
                        target[i] = value
        if training.average is not None:
            share = training.average.share(t)
            state[-1] = parameters if share == 1.0 else state[-1] + (parameters - state[-1]) * share
    return known


def reduced(reduction: Reduction, vector: Array, arrays: Sequence[Parameter]) -> NDArray[np.float64]:
    """The value of a reduction for each number of a flat vector."""
    if reduction.operation == ORTHOGONAL:
        return np.concatenate([orthogonalized(vector[array.span].reshape(array.matrix)).ravel() for array in arrays])
    operation = _OPERATIONS[reduction.operation]
    if reduction.scope == "network":
        return np.full(vector.size, operation(vector[: arrays[-1].span.stop]))
    values = np.empty(vector.size)
    for array in arrays:
        matrix = vector[array.span].reshape(array.matrix)
        taken = operation(matrix, axis=_AXES[reduction.scope], keepdims=True)
        values[array.span] = np.broadcast_to(taken, matrix.shape).ravel()
    return values


def orthogonalized(matrix: Array) -> Array:
    """Nearly the nearest matrix with orthogonal rows, or columns if there are fewer, by Newton and Schulz."""
    rows, columns = matrix.shape
    x = matrix.T if rows > columns else matrix
    x = x / np.maximum(np.sqrt((x * x).sum()), SCHULZ_EPSILON)
    first, third, fifth = SCHULZ
    for _ in range(SCHULZ_STEPS):
        square = x @ x.T
        x = first * x + (third * square + fifth * square @ square) @ x
    return x.T if rows > columns else x
