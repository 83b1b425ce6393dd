"""Where an activation is flat: for which inputs nothing, or next to nothing, flows back through it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.uncompiled import apply
from neurosim.network.layers import Activated
from neurosim.plugin import Activation

# A slope below this passes nothing back.
DEAD = 1e-6
# A slope below this share of the largest one passes next to nothing back.
SATURATED = 0.05
REACH, POINTS, WIDTH = 30.0, 6001, 1e-9


@dataclass(frozen=True)
class Flat:
    """Inputs for which the slope of an activation is below a limit.

    Attributes
    ----------
    bounds : float64 array (n,)
        Where it changes, ascending.
    flags : bool array (n + 1,)
        Whether it is below before the first of these, between them, and from the last one on.
    """

    bounds: NDArray[np.float64]
    flags: NDArray[np.bool_]

    def __call__(self, z: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether each number lies where the activation is flat, in the shape of `z`."""
        if self.bounds.size == 1:
            above: NDArray[np.bool_] = z >= self.bounds[0]
            return above if self.flags[1] else ~above
        found: NDArray[np.bool_] = self.flags[np.searchsorted(self.bounds, z, side="right")]
        return found


def layer_regions(layer: Activated, named: Mapping[str, NDArray[Any]]) -> tuple[Flat, Flat] | None:
    """`flat_regions` of a layer's activation with its learned parameters from `named`.

    None for an activation of whole rows, and where each unit has learned parameters, and so regions, of its own.
    """
    record, values = layer.activation.record, layer.activation_values(named)
    if not isinstance(record, Activation) or any(np.ndim(value) for value in values):
        return None
    return flat_regions(record, tuple(float(value) for value in values))


def flat_regions(activation: Activation, params: tuple[float, ...]) -> tuple[Flat, Flat]:
    """Where a unit with this activation is dead, and where it is saturated.

    The slope is looked at from -30 to 30, and the places where it crosses the limit are found by halving.
    """
    return _regions(activation.f, activation.derivative, params)


@lru_cache(maxsize=64)
def _regions(f: Callable[..., float], derivative: Callable[..., float], params: tuple[float, ...]) -> tuple[Flat, Flat]:
    def slope(z: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.abs(apply(derivative, z, apply(f, z, params=params), params=params))

    z = np.linspace(-REACH, REACH, POINTS)
    slopes = slope(z)
    largest = float(np.nanmax(slopes))
    return _below(slope, z, slopes, DEAD), _below(slope, z, slopes, SATURATED * largest)


def _below(
    slope: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    z: NDArray[np.float64],
    slopes: NDArray[np.float64],
    limit: float,
) -> Flat:
    flags = slopes < limit
    changes = np.flatnonzero(flags[1:] != flags[:-1])
    low, high = z[changes].copy(), z[changes + 1].copy()
    while changes.size and (high - low).max() > WIDTH:
        middle = (low + high) / 2
        as_before = (slope(middle) < limit) == flags[changes]
        low, high = np.where(as_before, middle, low), np.where(as_before, high, middle)
    return Flat(high, flags[np.concatenate([[0], changes + 1])])
