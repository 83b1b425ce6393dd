"""Checks of gates: formulas of two numbers, with a derivative for each."""

from __future__ import annotations

import numpy as np

from neurosim.backends.uncompiled import apply
from neurosim.plugin import Gate
from neurosim.testing.agreement import gate_agreement
from neurosim.testing.compiled import compiled_items, if_derivable
from neurosim.testing.cuda import Pending
from neurosim.testing.gradients import GradientCheck
from neurosim.testing.nans import ADVICE
from neurosim.testing.plain import Array, assigned, numbers, parameter_sets
from neurosim.testing.scope import Scope
from neurosim.testing.verdicts import (
    Verdict,
    attempt,
    excused,
    failed,
    noted,
    number,
    passed,
    size,
    some,
)

REACH = 1e4


def gate_items(record: Gate, chosen: Scope, formula: Verdict) -> list[Verdict | Pending]:
    """The items of a gate: ``formula``, ``derivative``, ``range``, ``float32``, ``reference = cpu``, ``cuda``."""
    derivative = if_derivable(record, "derivative", lambda: derivative_verdict(record))
    u, v = pairs()

    def agreement() -> Verdict:
        return gate_agreement(record, u, v, usable_sets(record))

    def pending() -> Pending:
        halves = [half.astype(np.float32) for half in (u, v)]
        return Pending(record, {part.role: halves for part in record.formulas}, usable_sets(record))

    return [
        formula,
        excused(derivative, formula),
        excused(attempt("range", lambda: range_verdict(record)), formula),
        *compiled_items(record, formula, chosen, agreement, pending, derivative),
    ]


def pairs() -> tuple[Array, Array]:
    """Pairs of numbers that float32 holds, small and large ones."""
    random = np.random.default_rng(21)
    drawn = [spread * random.normal(size=(2, 40)) for spread in (0.3, 1.0, 4.0)]
    u, v = np.concatenate(drawn, axis=1).astype(np.float32).astype(np.float64)
    return u, v


def usable_sets(record: Gate) -> list[dict[str, float]]:
    """The defaults and, if f stays finite with them, other values of the parameters."""
    return parameter_sets(record, lambda params: bool(np.isfinite(apply(record.f, *pairs(), params=params)).all()))


def derivative_verdict(record: Gate) -> Verdict:
    """Whether `du` and `dv` are the slopes of `f`."""
    check, sets = GradientCheck(), usable_sets(record)
    for params in sets:
        values = numbers(params)
        slopes = [apply(function, *pairs(), params=values) for function in record.derivative]
        for k, pair in enumerate(np.stack(pairs(), axis=1)):

            def f(row: Array, values: tuple[float, ...] = values) -> float:
                return float(apply(record.f, row[:1], row[1:], params=values)[0])

            def describe(place: int, pair: Array = pair) -> str:
                return f"d{'uv'[place]}({number(float(pair[0]))}, {number(float(pair[1]))})"

            check.add(f, np.array([slope[k] for slope in slopes]), pair, describe)
    origin = "derived from f" if record.du is None and record.dv is None else "as given"
    if check.wrong:
        return failed("derivative", f"{origin}: wrong in {len(check.wrong)} numbers: {some(check.wrong, 2)}")
    if check.too_many_kinks:
        return failed("derivative", f"the slope of f jumps at {check.left_out} of {check.compared} random places")
    others = "".join(f", also with {assigned(params)}" for params in sets[1:])
    text = f"{origin}: the slopes of f in {check.compared} numbers{others}; worst error {size(check.worst)}"
    return passed("derivative", text)


def range_verdict(record: Gate) -> Verdict:
    """Whether f and its derivatives are finite for numbers from -1e4 to 1e4, and let NaN through."""
    ends = np.array([-REACH, -100.0, -1.0, 0.0, 1.0, 100.0, REACH])
    u, v = (grid.ravel() for grid in np.meshgrid(ends, ends))
    params = numbers(record.params)
    for formula in record.formulas:
        found = apply(formula.function, u, v, params=params)
        for a, b, value in zip(u, v, found, strict=True):
            if not np.isfinite(value):
                where = f"{formula.role}({number(float(a))}, {number(float(b))}) is {number(float(value))}"
                return failed("range", f"{where}; rearrange the formula so that no exponential overflows")
    text = "finite for numbers from -1e4 to 1e4"
    for pair in ((np.nan, 1.0), (1.0, np.nan)):
        (answer,) = apply(record.f, *(np.array([value]) for value in pair), params=params)
        if not np.isnan(answer):
            where = f"f({', '.join(number(value) for value in pair)}) = {number(float(answer))}"
            return noted("range", f"{text}, but {where}: {ADVICE}")
    return passed("range", text)
