"""The formulas of a record as its author wrote them, in float64, with parameters filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.uncompiled import apply, uncompiled
from neurosim.plugin import Activation, FromLogits, Loss, Optimizer, RowActivation

Array = NDArray[np.float64]
Target = Any
WINDOW = 20.0


@dataclass(frozen=True)
class Curve:
    """An activation with parameters: `f` and `df` on arrays of any shape."""

    record: Activation
    params: tuple[float, ...]

    def f(self, z: Array) -> Array:
        """The activation."""
        return apply(self.record.f, z, params=self.params)

    def df(self, z: Array) -> Array:
        """Its derivative, as given or as derived."""
        return apply(self.record.derivative, z, self.f(z), params=self.params)

    def by(self, name: str, z: Array) -> Array:
        """Its derivative with respect to a learned parameter, as given or as derived."""
        return apply(self.record.learned_slopes[name], z, self.f(z), params=self.params)

    def f_of(self, name: str, z: Array) -> Callable[[Array], Array]:
        """The activation at `z` as a function of one of its parameters, an array of the shape of `z`."""
        place = list(self.record.params).index(name)
        return lambda value: apply(self.record.f, z, params=(*self.params[:place], value, *self.params[place + 1 :]))


@dataclass(frozen=True)
class RowCurve:
    """A row-wise activation with parameters."""

    record: RowActivation
    params: tuple[float, ...]

    def f(self, z: Array) -> Array:
        """The activation of one row."""
        a = np.full_like(z, np.nan)
        with np.errstate(all="ignore"):
            uncompiled(self.record.f)(z.copy(), a, *self.params)
        return a

    def backward(self, z: Array, da: Array) -> Array:
        """The product of `da` with the Jacobian."""
        dz = np.full_like(z, np.nan)
        with np.errstate(all="ignore"):
            uncompiled(self.record.derivative)(z.copy(), self.f(z), da.copy(), dz, *self.params)
        return dz


@dataclass(frozen=True)
class Measure:
    """A loss with parameters, on one row of outputs and its target."""

    record: Loss
    params: tuple[float, ...]

    def value(self, a: Array, y: Target) -> float:
        """The loss."""
        with np.errstate(all="ignore"):
            return float(uncompiled(self.record.value)(a, y, *self.params))

    def gradient(self, a: Array, y: Target) -> Array:
        """Its gradient, as given or as derived."""
        da = np.full_like(a, np.nan)
        with np.errstate(all="ignore"):
            uncompiled(self.record.derivative)(a.copy(), y, da, *self.params)
        return da


@dataclass(frozen=True)
class PairMeasure:
    """A loss together with an output activation, on one row of weighted sums and its target."""

    loss: Measure
    pair: FromLogits
    activation: Curve | RowCurve

    def value(self, z: Array, y: Target) -> float:
        """The loss, by the pair's own formula."""
        with np.errstate(all="ignore"):
            return float(uncompiled(self.pair.value)(z, self.activation.f(z), y, *self.loss.params))

    def gradient(self, z: Array, y: Target) -> Array:
        """Its gradient with respect to `z`, by the pair's own formula."""
        dz = np.full_like(z, np.nan)
        with np.errstate(all="ignore"):
            uncompiled(self.pair.gradient)(z.copy(), self.activation.f(z), y, dz, *self.loss.params)
        return dz

    def chain_gradient(self, z: Array, y: Target) -> Array:
        """The same from the loss's own gradient and the activation's derivative."""
        da = self.loss.gradient(self.activation.f(z), y)
        if isinstance(self.activation, RowCurve):
            return self.activation.backward(z, da)
        return da * self.activation.df(z)


def with_params(record: Any, params: Mapping[str, float]) -> Curve | RowCurve:
    """An activation of either kind with its parameters."""
    values = numbers(params)
    return RowCurve(record, values) if isinstance(record, RowActivation) else Curve(record, values)


def numbers(params: Mapping[str, float]) -> tuple[float, ...]:
    """The values of parameters as NumPy doubles, which divide by zero as the hardware does."""
    return tuple(np.float64(value) for value in params.values())


def parameter_sets(record: Any, is_usable: Callable[[tuple[float, ...]], bool]) -> list[dict[str, float]]:
    """The defaults and, if there are parameters, other values, to detect one that is ignored or works only by default.

    The other values have no more digits than float32 keeps, and those of optimizers stay below 1, as decay rates must.
    They are left out if the record makes no sense with them.
    """
    sets = [dict(record.params)]
    if record.params:
        factor, shift = (0.9, 0.02) if isinstance(record, Optimizer) else (1.3, 0.1)
        other = {name: float(np.float32(factor * value + shift)) for name, value in record.params.items()}
        try:
            if is_usable(numbers(other)):
                sets.append(other)
        except Exception:  # such as int(nan); with the defaults the same would be a finding
            return sets
    return sets


def window(domain: tuple[float, float] | None) -> tuple[float, float]:
    """The part of a domain in which most inputs of formulas are: that in [-20, 20], or its end that is closest to 0."""
    low, high = domain or (-np.inf, np.inf)
    if low >= WINDOW:
        return low, min(high, low + 2.0 * WINDOW)
    if high <= -WINDOW:
        return max(low, high - 2.0 * WINDOW), high
    return max(low, -WINDOW), min(high, WINDOW)


def inside(z: Array, domain: tuple[float, float] | None) -> Array:
    """Those of `z` that are in a domain, and not at one of its ends."""
    low, high = domain or (-np.inf, np.inf)
    return z[(z > low) & (z < high)]


def assigned(params: Mapping[str, float]) -> str:
    """Parameters in the form ``beta = 1.4``."""
    return ", ".join(f"{name} = {value:.6g}" for name, value in params.items())
