"""Initial values of one parameter for many seeds at once.

Most initializers do nothing with random numbers but return them: one call of ``random.uniform`` or ``random.normal``.
Given something that can only be returned in the place of the numbers, such a function says which call that is,
and the numbers of all seeds are drawn together. Every other initializer is called for each seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.formulas.portable import portable
from neurosim.network.layers.base import Chosen, Parameter
from neurosim.plugin import Initializer
from neurosim.plugin.answers import initial_values
from neurosim.randomness import Shape, Stream, Streams


def drawn(
    init: Chosen[Initializer],
    rule: Callable[..., Any],
    parameter: Parameter,
    fans: tuple[int, int],
    seeds: Sequence[int],
) -> NDArray[Any]:
    """The initial values of a parameter, (seeds, size).

    Raises
    ------
    PluginError
        When the initializer returns no finite numbers of the right shape.
    """
    purpose, shape = ("init", parameter.name), parameter.shape
    own = portable(rule)

    def called(random: Any) -> Any:
        return own(random, shape, *fans, *init.values)

    def checked(found: object) -> NDArray[Any]:
        return initial_values(init.record, rule, found, parameter.name, shape)

    only = _only_call(called) if len(seeds) > 1 else None
    if only is not None and only.shape == shape:
        together = only.on(Streams(seeds, *purpose))
        for found in together[~np.isfinite(together).all(axis=tuple(range(1, together.ndim)))]:
            checked(found)
        return together.reshape(len(seeds), -1)
    return np.stack([checked(called(Stream(seed, *purpose))).ravel() for seed in seeds])


@dataclass(frozen=True)
class _Call:
    """A call of ``random.uniform`` or ``random.normal``."""

    kind: str
    numbers: tuple[float, float]
    shape: Shape

    def on(self, random: Stream) -> NDArray[np.float64]:
        draw = random.uniform if self.kind == "uniform" else random.normal
        return draw(*self.numbers, self.shape)


class _Sketch:
    """Stands in for a stream of random numbers and notes the calls; what it returns is none of use."""

    def __init__(self) -> None:
        self.calls: list[_Call] = []

    def uniform(self, low: float = 0.0, high: float = 1.0, shape: Shape = ()) -> _Call:
        return self._noted(_Call("uniform", (low, high), shape))

    def normal(self, mean: float = 0.0, deviation: float = 1.0, shape: Shape = ()) -> _Call:
        return self._noted(_Call("normal", (mean, deviation), shape))

    def _noted(self, call: _Call) -> _Call:
        self.calls.append(call)
        return call


def _only_call(called: Callable[[Any], Any]) -> _Call | None:
    """The one call whose outcome a function returns as it is; None where it does anything else."""
    sketch = _Sketch()
    try:
        found = called(sketch)
    except Exception:
        # It calculates with the numbers; whether it has a fault shows when it is given some.
        return None
    return found if isinstance(found, _Call) and sketch.calls == [found] else None
