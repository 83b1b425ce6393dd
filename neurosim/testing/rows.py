"""Checks of activations that are applied to a whole row of units."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from neurosim.network.layers import choose
from neurosim.plugin import RowActivation
from neurosim.plugin.host import Registry
from neurosim.testing.agreement import make_layer, row_activation_agreement, run_layer
from neurosim.testing.compiled import endless_verdicts, float32_verdict, formula_verdict, if_compiled, on_cuda
from neurosim.testing.cuda import Cases, Pending, resolve
from neurosim.testing.gradients import GradientCheck, row_text
from neurosim.testing.nans import hidden_by_activation
from neurosim.testing.plain import Array, RowCurve, assigned, numbers, parameter_sets
from neurosim.testing.probe import PROBE
from neurosim.testing.scope import Scope, scope
from neurosim.testing.speed import activation_speed
from neurosim.testing.verdicts import Verdict, attempt, failed, noted, passed, size, some

UNITS = (1, 2, 5)


def check_row_activation(
    record: RowActivation, *, backends: Iterable[str] | None = None, registry: Registry | None = None
) -> list[Verdict]:
    """Check a row-wise activation; like `check_activation`, with rows instead of single numbers."""
    return resolve([row_activation_items(record, scope(backends, registry))])[0]


def row_activation_items(record: RowActivation, chosen: Scope) -> list[Verdict | Pending]:
    """The items of `check_row_activation`; the one on CUDA is still pending."""
    endless = endless_verdicts(record)
    if endless:
        return endless
    formula = formula_verdict(record, chosen)
    compiled = formula.outcome == "passed"

    def agreement() -> Verdict:
        return row_activation_agreement(record, rows(), usable_sets(record))

    return [
        formula,
        attempt("derivative", lambda: derivative_verdict(record)),
        attempt("range", lambda: range_verdict(record, chosen, compiled=compiled)),
        if_compiled(formula, "float32", chosen, lambda: float32_verdict(record)),
        if_compiled(formula, "reference = cpu", chosen, agreement),
        on_cuda(formula, chosen, lambda: Pending(record, cuda_cases(record), usable_sets(record))),
        if_compiled(formula, "speed", chosen, lambda: activation_speed(record)),
    ]


def rows() -> list[tuple[Array, Array]]:
    """Rows of weighted sums, and of gradients with respect to their outputs."""
    random = np.random.default_rng(7)
    drawn = []
    for units in UNITS:
        for spread in (0.1, 1.0, 4.0):
            drawn += [(spread * random.normal(size=units), random.normal(size=units)) for _ in range(3)]
    return [(z.astype(np.float32).astype(np.float64), da.astype(np.float32).astype(np.float64)) for z, da in drawn]


def usable_sets(record: RowActivation) -> list[dict[str, float]]:
    """The defaults and, if f stays finite with them, other values of the parameters."""

    def is_usable(params: tuple[float, ...]) -> bool:
        return all(np.isfinite(RowCurve(record, params).f(z)).all() for z, _ in rows())

    return parameter_sets(record, is_usable)


def cuda_cases(record: RowActivation) -> Cases:
    """Rows of one width."""
    curve = RowCurve(record, numbers(record.params))
    widest = [(z, da) for z, da in rows() if z.size == max(UNITS)]
    z, da = (np.array(part) for part in zip(*widest, strict=True))
    a = np.array([curve.f(row) for row in z])
    return {"f": [z.astype(np.float32)], "backward": [part.astype(np.float32) for part in (z, a, da)]}


def derivative_verdict(record: RowActivation) -> Verdict:
    """Whether `backward` is the product with the Jacobian of `f`."""
    check = GradientCheck()
    sets = usable_sets(record)
    for params in sets:
        curve = RowCurve(record, numbers(params))
        for z, da in rows():

            def weighted(row: Array, curve: RowCurve = curve, da: Array = da) -> float:
                return float(da @ curve.f(row))

            def describe(k: int, z: Array = z, da: Array = da) -> str:
                return f"dz[{k}] for z = {row_text(z)}, da = {row_text(da)}"

            check.add(weighted, curve.backward(z, da), z, describe)
    if check.wrong:
        count = f"{len(check.wrong)} of {check.compared} numbers"
        return failed("derivative", f"backward as given: wrong in {count}: {some(check.wrong, 2)}")
    if check.too_many_kinks:
        return failed("derivative", f"the slope of f jumps at {check.left_out} of {check.compared} random places")
    others = "".join(f", also with {assigned(params)}" for params in sets[1:])
    return passed(
        "derivative",
        f"backward as given: the product with the Jacobian of f in {check.compared} numbers, rows of "
        f"{', '.join(map(str, UNITS))}{others}; worst error {size(check.worst)}",
    )


def range_verdict(record: RowActivation, chosen: Scope, *, compiled: bool) -> Verdict:
    """Whether outputs and gradients are finite for weighted sums from -1e4 to 1e4."""
    curve = RowCurve(record, numbers(record.params))
    extremes = [[1e4], [-1e4], [1e4, -1e4, 0.0], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4], [0.0, 0.0, 0.0], [1e3, 90.0, 0.0]]
    with_cpu = compiled and "cpu" in chosen.backends
    for values in extremes:
        z = np.array(values)
        da = np.resize([1.0, -0.5, 0.25], z.size)
        results = [("float64", curve.f(z), curve.backward(z, da))]
        if with_cpu:
            bench = make_layer("cpu", z.size, choose(record), choose(PROBE))
            results.append(("float32", *run_layer(bench, z.astype(np.float32), da)[1:]))
        for precision, a, dz in results:
            for name, numbers_found in (("f", a), ("backward", dz)):
                if not np.isfinite(numbers_found).all():
                    where = f"{name} gives {row_text(numbers_found)} for z = {row_text(z)} in {precision}"
                    return failed("range", f"{where}; subtract the largest number of a row before exp")
    precisions = "float64 and float32" if with_cpu else "float64"
    text = f"finite for weighted sums from -1e4 to 1e4 in {precisions}"
    hidden = hidden_by_activation(curve)
    return noted("range", f"{text}, but {hidden}") if hidden else passed("range", text)
