"""Optimizers that look at whole arrays, on small networks of arrays without layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from neurosim.backends.reference.updating import update_parameters
from neurosim.network.layers import Chosen, Parameter
from neurosim.network.training import Training
from neurosim.plugin import Optimizer
from neurosim.plugin.reductions import IS_BIAS
from neurosim.testing.plain import Array

# Where the numbers of an array start, relative to the distance of the first one from its minimum.
SPREAD = (1.0, -0.5, 0.25)


class ArrayRule:
    """Some arrays and their slots, updated by the author's functions.

    Parameters
    ----------
    record : Optimizer
        The rule.
    values : tuple of float
        Its parameters.
    sizes : sequence of int
        Numbers in each array; all are weights.
    """

    def __init__(self, record: Optimizer, values: tuple[float, ...], sizes: Sequence[int] = (1,)) -> None:
        self._training = Training(Chosen(record, values), batch_size=1, shuffle=False, epochs=1)
        starts = [sum(sizes[:k]) for k in range(len(sizes))]
        places = enumerate(zip(sizes, starts, strict=True))
        self._arrays = [Parameter(f"{k}.weight", (size, 1), start) for k, (size, start) in places]
        self.slots = np.zeros((len(record.slots), sum(sizes)))
        self.known: dict[str, Array] = {}
        self.step = 0

    def __call__(self, w: Array, g: Array) -> Array:
        """The parameters after one more update; raises PluginError for a wrong number of results."""
        self.step += 1
        new, gradient, training = w.copy(), g.copy(), self._training
        settings = training.unscheduled
        self.known = update_parameters(training, self._arrays, new, gradient, self.slots, self.step, settings)
        return new


class LoneRule:
    """The same for an array of a single parameter, as plain numbers."""

    def __init__(self, record: Optimizer, values: tuple[float, ...]) -> None:
        self._rule = ArrayRule(record, values)

    @property
    def slots(self) -> list[np.float64]:
        """The slots of the parameter."""
        return list(self._rule.slots[:, 0])

    @property
    def step(self) -> int:
        """How many updates there were."""
        return self._rule.step

    def __call__(self, w: Any, g: Any) -> Any:
        """The parameter after one more update."""
        return self._rule(np.array([w], np.float64), np.array([g], np.float64))[0]


def share_left(
    record: Optimizer, values: tuple[float, ...], problems: Sequence[tuple[float, ...]], steps: int
) -> Array:
    """The share of each loss ``0.5 c (w - m)^2`` after each step, (steps, problems); an array for each problem.

    `problems` are (start, m, c). It ends where a loss has grown a million times.
    """
    rule = ArrayRule(record, values, [len(SPREAD)] * len(problems))
    start, minimum, curvature = (np.repeat(column, len(SPREAD)) for column in np.array(problems).T)
    w = minimum + (start - minimum) * np.tile(SPREAD, len(problems))

    def losses() -> Array:
        summed: Array = (curvature * (w - minimum) ** 2).reshape(len(problems), -1).sum(axis=1)
        return summed

    first, shares = losses(), []
    with np.errstate(all="ignore"):
        for _ in range(steps):
            w = rule(w, curvature * (w - minimum))
            shares.append(losses() / first)
            if not shares[-1].max() < 1e6:
                return np.full((1, len(problems)), math.inf)
    return np.array(shares)


def cases(record: Optimizer, values: tuple[float, ...]) -> dict[str, list[Array]]:
    """For each function of the rule the arguments that it might get, as they are after some steps."""
    random = np.random.default_rng(6)
    rows: dict[str, list[list[Array]]] = {part.role: [] for part in record.parts}
    for _ in range(3):
        rule, w = ArrayRule(record, values, [5]), random.normal(size=5)
        for _ in range(3):
            g = random.normal(size=5)
            numbers = {"w": w, "g": g, **dict(zip(record.slots, rule.slots.copy(), strict=True))}
            w = rule(w, g)
            numbers |= {**rule.known, IS_BIAS: random.integers(0, 2, 5).astype(np.float64)}
            for part in record.parts:
                arguments = [numbers[name] for name in (*part.numbers, *part.helpers)]
                rows[part.role].append([*arguments, np.full(5, float(rule.step))])
    return {role: [np.concatenate(column) for column in zip(*some, strict=True)] for role, some in rows.items()}
