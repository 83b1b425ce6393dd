"""Checks of activations that are applied to a whole row of units."""

from __future__ import annotations

import numpy as np

from neurosim.network.layers import choose
from neurosim.plugin import RowActivation
from neurosim.testing.agreement import make_layer, row_activation_agreement, run_layer
from neurosim.testing.compiled import SURROGATE, compiled_items, if_compiled, if_derivable
from neurosim.testing.cuda import Cases, Pending
from neurosim.testing.gradients import GradientCheck, row_text
from neurosim.testing.nans import hidden_by_activation
from neurosim.testing.plain import Array, RowCurve, assigned, numbers, parameter_sets, window
from neurosim.testing.probe import PROBE
from neurosim.testing.scope import Scope
from neurosim.testing.speed import activation_speed
from neurosim.testing.verdicts import Verdict, excused, failed, follows, noted, passed, size, some

UNITS = (1, 2, 5)
REACH = 1e4


def row_activation_items(record: RowActivation, chosen: Scope, formula: Verdict) -> list[Verdict | Pending]:
    """The items of a row-wise activation.

    ``formula``, ``derivative``, ``range``, ``float32``, ``reference = cpu``, ``cuda``, ``speed``.
    """
    compiled = formula.outcome == "passed"

    def agreement() -> Verdict:
        return row_activation_agreement(record, rows(record), usable_sets(record))

    def pending() -> Pending:
        return Pending(record, cuda_cases(record), usable_sets(record))

    derivative = if_derivable(record, "derivative", lambda: derivative_verdict(record))
    right = derivative.outcome != "failed"

    def in_range() -> Verdict:
        if not right and not _has_values(record):
            return follows("range", derivative)
        return range_verdict(record, chosen, compiled=compiled and right, slope=right)

    return [
        formula,
        excused(derivative, formula),
        excused(if_derivable(record, "range", in_range), formula),
        *compiled_items(record, formula, chosen, agreement, pending, derivative),
        if_compiled(formula, "speed", chosen, lambda: activation_speed(record), derivative),
    ]


def _has_values(record: RowActivation) -> bool:
    """Whether `f` runs, and fills every ordinary row with numbers."""
    curve = RowCurve(record, numbers(record.params))
    try:
        return all(np.isfinite(curve.f(z)).all() for z, _ in rows(record))
    except Exception:  # a finding of another item
        return False


def widths_of(record: RowActivation) -> tuple[int, ...]:
    """The numbers of units to check it with."""
    return record.widths or UNITS


def rows(record: RowActivation) -> list[tuple[Array, Array]]:
    """Rows of weighted sums, and of gradients with respect to their outputs."""
    random = np.random.default_rng(7)
    drawn = []
    for units in widths_of(record):
        for spread in (0.1, 1.0, 4.0):
            drawn += [(_sums(record, random, spread, units), random.normal(size=units)) for _ in range(3)]
    return [(z.astype(np.float32).astype(np.float64), da.astype(np.float32).astype(np.float64)) for z, da in drawn]


def _sums(record: RowActivation, random: np.random.Generator, spread: float, units: int) -> Array:
    """Random weighted sums, in the domain if there is one."""
    if record.domain is None:
        return spread * random.normal(size=units)
    low, high = window(record.domain)
    # Away from the ends, which finite differences would reach across.
    edge = 0.05 * min(high - low, 1.0)
    return random.uniform(low + edge, low + edge + (high - low - 2.0 * edge) * min(0.25 * spread, 1.0), units)


def usable_sets(record: RowActivation) -> list[dict[str, float]]:
    """The defaults and, if f stays finite with them, other values of the parameters."""

    def is_usable(params: tuple[float, ...]) -> bool:
        return all(np.isfinite(RowCurve(record, params).f(z)).all() for z, _ in rows(record))

    return parameter_sets(record, is_usable)


def cuda_cases(record: RowActivation) -> Cases:
    """Rows of one width."""
    curve = RowCurve(record, numbers(record.params))
    widest = [(z, da) for z, da in rows(record) if z.size == max(widths_of(record))]
    z, da = (np.array(part) for part in zip(*widest, strict=True))
    a = np.array([curve.f(row) for row in z])
    return {"f": [z.astype(np.float32)], "backward": [part.astype(np.float32) for part in (z, a, da)]}


def derivative_verdict(record: RowActivation) -> Verdict:
    """Whether `backward` is the product with the Jacobian of `f`."""
    if record.surrogate:
        return noted("derivative", SURROGATE)
    check = GradientCheck()
    sets = usable_sets(record)
    for params in sets:
        curve = RowCurve(record, numbers(params))
        for z, da in rows(record):
            if not np.isfinite(curve.f(z)).all():
                text = f"f gives {row_text(curve.f(z))} for z = {row_text(z)}"
                limit = "" if record.domain else "; if it is meant for some sums only, declare domain=(low, high)"
                return failed("derivative", f"{text}{limit}")

            def weighted(row: Array, curve: RowCurve = curve, da: Array = da) -> float:
                return float(da @ curve.f(row))

            def describe(k: int, z: Array = z, da: Array = da) -> str:
                return f"dz[{k}] for z = {row_text(z)}, da = {row_text(da)}"

            check.add(weighted, curve.backward(z, da), z, describe)
    whose = "backward derived from f" if record.backward is None else "backward as given"
    if check.wrong:
        count = f"{len(check.wrong)} of {check.compared} numbers"
        return failed("derivative", f"{whose}: wrong in {count}: {some(check.wrong, 2)}")
    if check.too_many_kinks:
        return failed("derivative", f"the slope of f jumps at {check.left_out} of {check.compared} random places")
    others = "".join(f", also with {assigned(params)}" for params in sets[1:])
    return passed(
        "derivative",
        f"{whose}: the product with the Jacobian of f in {check.compared} numbers, rows of "
        f"{', '.join(map(str, widths_of(record)))}{others}; worst error {size(check.worst)}",
    )


def _extremes(record: RowActivation) -> list[Array]:
    """Rows with the largest and the smallest weighted sums."""
    low, high = np.clip(record.domain or (-REACH, REACH), -REACH, REACH)
    if record.domain is not None:
        # Next to the ends, also in float32.
        step = 1e-5 * max(1.0, abs(low), abs(high))
        low, high = low + step, high - step
    middle = min(max(0.0, low), high)
    patterns = [[high, low, middle], [high], [low], [middle], np.clip([1e3, 90.0, 0.0], low, high)]
    found = [np.resize(np.asarray(pattern, float), width) for width in record.widths or (3,) for pattern in patterns]
    return found if record.widths else [np.array([high]), np.array([low]), *found]


def range_verdict(record: RowActivation, chosen: Scope, *, compiled: bool, slope: bool = True) -> Verdict:
    """Whether outputs are finite for weighted sums from -1e4 to 1e4; with `slope`, gradients too."""
    curve = RowCurve(record, numbers(record.params))
    with_cpu = compiled and "cpu" in chosen.backends
    reach = "from -1e4 to 1e4" if record.domain is None else "in its domain"
    for z in _extremes(record):
        da = np.resize([1.0, -0.5, 0.25], z.size)
        results = [("float64", curve.f(z), curve.backward(z, da) if slope else da)]
        if with_cpu:
            bench = make_layer("cpu", z.size, choose(record), choose(PROBE))
            results.append(("float32", *run_layer(bench, z.astype(np.float32), da)[1:]))
        for precision, a, dz in results:
            for name, numbers_found in (("f", a), ("backward", dz)):
                if not np.isfinite(numbers_found).all():
                    where = f"{name} gives {row_text(numbers_found)} for z = {row_text(z)} in {precision}"
                    return failed("range", f"{where}; subtract the largest number of a row before exp")
    precisions = "float64 and float32" if with_cpu else "float64"
    text = f"finite for weighted sums {reach} in {precisions}"
    usual = not (record.widths or record.domain)
    hidden = hidden_by_activation(curve, np.array([0.5, -1.0, 2.0]) if usual else rows(record)[-1][0])
    return noted("range", f"{text}, but {hidden}") if hidden else passed("range", text)
