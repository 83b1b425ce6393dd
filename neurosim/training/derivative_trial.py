"""Derivatives that authors have written by hand, tried at a few points before a network is trained with them.

A wrong one still trains, only badly, and nothing else would say so. ``neurosim plugins check`` compares at many more
points, and far more strictly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.slopes import axis, find_jump, side_slopes, slopes
from neurosim.backends.uncompiled import apply, uncompiled
from neurosim.data.rows import Rows
from neurosim.errors import PluginError
from neurosim.network.layers import Activated, Chosen
from neurosim.network.network import Network
from neurosim.plugin import Activation, RowActivation
from neurosim.plugin.answers import name_of, place_of

Array = NDArray[np.float64]

# How far a domain without ends is gone through, and at which shares of the way; irregular, so as to meet no kink.
SPAN = 10.6
SHARES = np.array([0.0556, 0.2827, 0.4116, 0.4701, 0.5163, 0.5584, 0.6252, 0.7699, 0.9861])
# Greater errors than those of the most careless rounding.
TOLERANCE = 1e-3
# Nearer to a declared kink than this, differences reach across it.
MARGIN = 2e-3
# Entries of a row that are tried, and rows of targets.
ENTRIES, ROWS = 4, 2
REMEDY = (
    "Leave it out, and neurosim works it out; "
    "if it is deliberately not the derivative, say surrogate=True in the record."
)


def check_derivatives(network: Network, rows: Rows) -> None:
    """Try the hand-written derivatives of a network's activations and of its loss, on targets of its rows.

    Raises
    ------
    PluginError
        Naming the function, its place and a point where it is wrong.
    """
    tried: list[Any] = []
    for layer in network.activated:
        chosen = layer.activation
        if chosen.record not in tried and not getattr(chosen.record, "surrogate", False):
            tried.append(chosen.record)
            if isinstance(chosen.record, RowActivation):
                _try_row(chosen)
            elif isinstance(chosen.record, Activation):
                _try_activation(chosen)
    for part in network.combining:
        _try_gate(part.gate)
    if not getattr(network.loss.record, "surrogate", False):
        _try_loss(network, rows)


def _by_hand(function: Callable[..., Any] | None) -> TypeGuard[Callable[..., Any]]:
    """Whether a plugin's author has written it; what neurosim brings along is tested elsewhere."""
    return function is not None and function.__module__.partition(".")[0] != "neurosim"


def _try_activation(chosen: Chosen[Any]) -> None:
    record = chosen.record
    given = {name: function for name, function in record.learned.items() if _by_hand(function)}
    if not (_by_hand(record.df) or given):
        return
    z = _points(*(record.domain or (-SPAN / 2, SPAN / 2)))
    kinks = np.array(record.kinks_within(z[0] - MARGIN, z[-1] + MARGIN))
    z = z[[not kinks.size or np.abs(kinks - point).min() > MARGIN for point in z]]

    def f(points: Array) -> Array:
        return apply(record.f, points, params=chosen.values)

    if _by_hand(record.df):
        actual = apply(record.df, z, f(z), params=chosen.values)
        for point, slope, found in zip(z, slopes(f, z), actual, strict=True):
            if _differs(found, slope) and not _at_a_kink(f, point, found):
                where = f"for z = {point:.4g}, where the slope of {name_of(record.f)} is {slope:.4g}"
                raise _wrong(record, record.df, f"gives {found:.4g} {where}")
    for name, function in given.items():
        place = list(record.params).index(name)
        for point in z:
            _try_learned(chosen, function, place, point)


def _try_learned(chosen: Chosen[Any], function: Callable[..., Any], place: int, point: float) -> None:
    """The derivative with respect to the parameter at `place` among the others, at one point."""
    record, values, z = chosen.record, chosen.values, np.array([point])

    def along(moved: Array) -> Array:
        settings = (*values[:place], moved, *values[place + 1 :])
        return apply(record.f, np.full_like(moved, point), params=settings)

    slope = float(slopes(along, np.array([values[place]]))[0])
    found = float(apply(function, z, apply(record.f, z, params=values), params=values)[0])
    if _differs(found, slope) and not _at_a_kink(along, values[place], found):
        name = list(record.params)[place]
        what = (
            f"the slope of {name_of(record.f)} with respect to {name}, at {name} = {values[place]:.4g}, is {slope:.4g}"
        )
        raise _wrong(record, function, f"gives {found:.4g} for z = {point:.4g}, where {what}")


def _points(low: float, high: float) -> Array:
    """Points of a domain, in order."""
    if math.isinf(low) and math.isinf(high):
        low, high = -SPAN / 2, SPAN / 2
    low = max(low, high - SPAN) if math.isfinite(high) else low
    return low + SHARES * min(high - low, SPAN)


def _try_row(chosen: Chosen[Any]) -> None:
    record, values = chosen.record, chosen.values
    if not _by_hand(record.backward):
        return
    z = _row((record.widths or (3,))[0])
    da = np.cos(1.0 + np.arange(z.size))
    dz = np.full_like(z, np.nan)
    with np.errstate(all="ignore"):
        uncompiled(record.backward)(z.copy(), _outputs(chosen, z), da.copy(), dz, *values)
    _compare(record, record.backward, lambda row: float(da @ _outputs(chosen, row)), z, dz)


def _try_gate(chosen: Chosen[Any]) -> None:
    record = chosen.record
    numbers = _row(SHARES.size), _row(2 * SHARES.size)[SHARES.size :]
    for place, function in enumerate((record.du, record.dv)):
        if not _by_hand(function):
            continue
        found = apply(function, *numbers, params=chosen.values)
        for u, v, given in zip(*numbers, found, strict=True):

            def along(moved: Array, u: float = u, v: float = v, place: int = place) -> Array:
                other = np.full_like(moved, v if place == 0 else u)
                return apply(record.f, *((moved, other) if place == 0 else (other, moved)), params=chosen.values)

            point = (u, v)[place]
            slope = float(slopes(along, np.array([point]))[0])
            if _differs(given, slope) and not _at_a_kink(along, point, given):
                where = f"for u = {u:.4g}, v = {v:.4g}, where the slope of {name_of(record.f)} is {slope:.4g}"
                raise _wrong(record, function, f"gives {given:.4g} {where}")


def _try_loss(network: Network, rows: Rows) -> None:
    record, params, pair = network.loss.record, network.loss.values, network.pair
    last = network.layers[-1]
    function = record.gradient if pair is None else pair.gradient
    if not _by_hand(function):
        return

    def outputs(z: Array) -> Array:
        return _outputs(last.activation, z) if isinstance(last, Activated) else z

    z = _row(network.outputs)
    row = outputs(z) if pair is None else z
    for number in range(min(rows.count, ROWS)):
        y = int(rows.classes[number]) if record.targets == "classes" else rows.values[number].astype(np.float64)
        filled = np.full_like(row, np.nan)

        def value(moved: Array, y: Any = y) -> float:
            with np.errstate(all="ignore"):
                if pair is None:
                    return float(uncompiled(record.value)(moved, y, *params))
                return float(uncompiled(pair.value)(moved, outputs(moved), y, *params))

        with np.errstate(all="ignore"):
            given = (row.copy(), y) if pair is None else (row.copy(), outputs(row), y)
            uncompiled(function)(*given, filled, *params)
        _compare(record, function, value, row, filled)


def _compare(
    record: Any, function: Callable[..., Any], value: Callable[[Array], float], row: Array, given: Array
) -> None:
    """Raise PluginError if some of `given` is not the slope of `value` along its entry of the row."""
    for k in np.unique(np.linspace(0, row.size - 1, min(row.size, ENTRIES)).astype(int)):
        along = axis(value, row, int(k))
        slope = float(slopes(along, row[k : k + 1])[0])
        if _differs(given[k], slope) and not _at_a_kink(along, row[k], given[k]):
            shown = ", ".join(f"{entry:.3g}" for entry in row[:ENTRIES]) + (", ..." if row.size > ENTRIES else "")
            raise _wrong(
                record, function, f"fills in {given[k]:.4g} for entry {k} of [{shown}], but the slope is {slope:.4g}"
            )


def _wrong(record: Any, function: Callable[..., Any], what: str) -> PluginError:
    remedy = REMEDY if hasattr(record, "surrogate") else f"{REMEDY.partition(';')[0]}."
    return PluginError(f"{place_of(function)}{record.kind} {record.name!r}: {name_of(function)} {what}", remedy)


def _outputs(chosen: Chosen[Any], z: Array) -> Array:
    """What an activation makes of a row."""
    if isinstance(chosen.record, RowActivation):
        a = np.full_like(z, np.nan)
        with np.errstate(all="ignore"):
            uncompiled(chosen.record.f)(z.copy(), a, *chosen.values)
        return a
    found: Array = apply(chosen.record.f, z, params=chosen.values)
    return found


def _row(width: int) -> Array:
    """Moderate numbers, no two of them alike."""
    numbers: Array = 1.3 * np.cos(0.3 + 1.7 * np.arange(width))
    return numbers


def _at_a_kink(function: Callable[[Array], Array], point: float, given: float) -> bool:
    """Whether something jumps here, or so near that only one side has the slope that is given."""
    if find_jump(function, float(point)) is not None:
        return True
    return any(not _differs(given, float(side[0])) for side in side_slopes(function, np.array([point])))


def _differs(given: float, slope: float) -> bool:
    return bool(np.isfinite(slope)) and not abs(given - slope) <= TOLERANCE * max(1.0, abs(slope))
