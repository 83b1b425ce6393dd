"""Checks of losses."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from neurosim.errors import PluginError
from neurosim.plugin import FromLogits, Loss
from neurosim.testing.agreement import loss_agreement
from neurosim.testing.compiled import SURROGATE, compiled_items, if_derivable
from neurosim.testing.cuda import Cases, Pending
from neurosim.testing.domains import DOMAINS, Fit, Rows, compare, fitting_domain
from neurosim.testing.extremes import extreme_rows, infinite, infinite_on_cpu
from neurosim.testing.nans import hidden_by_loss
from neurosim.testing.pairs import pair_item, pair_rows, pair_verdict
from neurosim.testing.plain import Array, Measure, PairMeasure, assigned, numbers, parameter_sets, with_params
from neurosim.testing.scope import Scope, built_in
from neurosim.testing.verdicts import Verdict, excused, failed, follows, noted, passed, size, some

# float32 can hold the square of the exponential of such outputs.
MODERATE = 40.0
NOWHERE = "the value is not finite for any kind of outputs and targets that was tried"


def loss_items(record: Loss, chosen: Scope, formula: Verdict) -> list[Verdict | Pending]:
    """The items of a loss.

    ``formula``, ``gradient``, ``range``, one for each pair (``from logits of sigmoid``), ``float32``,
    ``reference = cpu``, ``cuda``.
    """
    compiled = formula.outcome == "passed" and "cpu" in chosen.backends

    @functools.cache
    def fit() -> Fit:
        return fitting_domain(Measure(record, numbers(record.params)))

    gradient = if_derivable(record, "gradient", lambda: gradient_verdict(record, fit()))
    right = gradient.outcome != "failed"

    def in_range() -> Verdict:
        if not right and not _has_values(fit):
            return follows("range", gradient)
        return range_verdict(record, fit(), compiled=compiled and right, slope=right)

    def pair_check(pair: FromLogits) -> Verdict:
        def look() -> Verdict:
            return pair_verdict(record, pair, chosen, compiled=compiled and right, chained=right)

        return if_derivable(record, pair_item(pair), look)

    def agreement() -> Verdict:
        cases = agreement_cases(record, fit(), chosen)
        return loss_agreement(record, cases, usable_sets(record, fit()), chosen)

    def pending() -> Pending:
        return Pending(record, cuda_cases(record, fit(), chosen), usable_sets(record, fit()))

    pairs = [pair_check(pair) for pair in record.from_logits]
    first = next((verdict for verdict in (gradient, *pairs) if verdict.outcome == "failed"), None)
    return [
        formula,
        excused(gradient, formula),
        excused(if_derivable(record, "range", in_range), formula),
        *(excused(verdict, formula) for verdict in pairs),
        *compiled_items(record, formula, chosen, agreement, pending, first),
    ]


def _has_values(fit: Callable[[], Fit]) -> bool:
    """Whether the value of the loss is a number for some outputs and targets."""
    try:
        return bool(fit().rows)
    except Exception:  # a finding of another item
        return False


def gradient_verdict(record: Loss, fit: Fit) -> Verdict:
    """Whether the gradient is the slope of the value."""
    whose = "derived from value" if record.gradient is None else "gradient as given"
    if not fit.rows:
        return failed(
            "gradient", NOWHERE if record.domain is None else f"the value is not finite for {fit.domain.text}"
        )
    if record.surrogate:
        return noted("gradient", SURROGATE)
    sets, check, where = usable_sets(record, fit), copy.deepcopy(fit.check), f"for {fit.domain.text}"
    for params in sets[1:]:
        compare(check, Measure(record, numbers(params)), fit.all_rows, "a")
    if check.wrong:
        count = f"{len(check.wrong)} of {check.compared} numbers"
        return failed("gradient", f"{whose}: wrong in {count} {where}: {some(check.wrong, 2)}")
    if check.too_many_kinks:
        text = f"the slope of value jumps at {check.left_out} of {check.compared} random places {where}"
        return failed("gradient", f"{whose}: {text}")
    others = "".join(f", also with {assigned(params)}" for params in sets[1:])
    left_out = f"; {check.left_out} at kinks left out" if check.left_out else ""
    unusable = f"; the value is not finite for targets that are {' or '.join(fit.unusable)}" if fit.unusable else ""
    return passed(
        "gradient",
        f"{whose}: the slope of value in {check.compared} numbers {where}{others}; worst error {size(check.worst)}"
        f"{left_out}{unusable}",
    )


def range_verdict(record: Loss, fit: Fit, *, compiled: bool, slope: bool = True) -> Verdict:
    """Whether the value is finite for the most extreme outputs, and where output and target are equal.

    With `slope`, the gradient has to be finite too.
    """
    measure = Measure(record, numbers(record.params))

    def fault(extremes: tuple[float, ...]) -> str:
        rows = extreme_rows(extremes, fit.all_rows)
        rows += [
            (np.concatenate([y, a[len(y) :]]), y)
            for a, y in fit.all_rows
            if not isinstance(y, int) and _inside(y, extremes)
        ]
        identity = built_in().activations.get("identity")
        return (
            infinite(measure, rows, "a", slope=slope)
            or (compiled and infinite_on_cpu(record, identity, rows, "a"))
            or ""
        )

    precisions = "float64 and float32" if compiled else "float64"
    problem = fault(fit.domain.extremes)
    if not problem:
        text = f"finite for {_reach(fit.domain.extremes)} in {precisions}"
        hidden = hidden_by_loss(measure, fit.all_rows, "a")
        return noted("range", f"{text}, but {hidden}") if hidden else passed("range", text)
    for extremes in _narrower(fit):
        if not fault(extremes):
            return noted("range", f"finite for {_reach(extremes)} in {precisions}, but {problem}")
    advice = "such outputs do occur: divide by max(..., 1e-30), and take the logarithm of max(..., 1e-30)"
    return failed("range", f"{problem}; {advice}")


def _reach(extremes: tuple[float, ...]) -> str:
    return f"outputs from {min(extremes):g} to {max(extremes):g}"


def _narrower(fit: Fit) -> list[tuple[float, ...]]:
    """Narrower ranges of outputs that a loss may be meant for if it is not finite for all.

    Exponentials overflow float32 for outputs that no working training reaches, and losses of probabilities may have
    poles elsewhere.
    """
    moderate = tuple(float(np.clip(value, -MODERATE, MODERATE)) for value in fit.domain.extremes)
    narrower = DOMAINS[DOMAINS.index(fit.domain) + 1 :] if fit.domain in DOMAINS else ()
    return [moderate, *(domain.extremes for domain in narrower)]


def _inside(y: Array, extremes: tuple[float, ...]) -> bool:
    return bool((y >= min(extremes)).all() and (y <= max(extremes)).all())


def usable_sets(record: Loss, fit: Fit) -> list[dict[str, float]]:
    """The defaults and, if the value stays finite with them, other values of the parameters."""

    def is_usable(params: tuple[float, ...]) -> bool:
        return all(np.isfinite(Measure(record, params).value(a, y)) for a, y in fit.all_rows)

    return parameter_sets(record, is_usable)


def cuda_cases(record: Loss, fit: Fit, chosen: Scope) -> Cases:
    """Rows of one width for the loss and each of its pairs."""
    cases: dict[str, list[Any]] = {}
    for name, rows in agreement_cases(record, fit, chosen).items():
        width = max(row.size for row, _ in rows)
        z, y = zip(*((row, y) for row, y in rows if row.size == width), strict=True)
        arrays = [np.array(z, np.float32), np.array(y, np.int32 if record.targets == "classes" else np.float32)]
        if name:
            activation = chosen.activation(record, name)
            curve = with_params(activation, activation.params)
            arrays.insert(1, np.array([curve.f(row) for row in z], np.float32))
        prefix = f"from_logits[{name}]." if name else ""
        cases |= {f"{prefix}value": arrays, f"{prefix}gradient": arrays}
    return cases


def agreement_cases(record: Loss, fit: Fit, chosen: Scope) -> dict[str, Rows]:
    """Rows for the loss itself and for each of its pairs, by the name of the activation."""
    if not fit.rows:
        raise PluginError(NOWHERE)
    cases = {"": fit.all_rows}
    for pair in record.from_logits:
        try:
            activation = chosen.activation(record, pair.activation)
        except PluginError:
            continue
        measure = PairMeasure(Measure(record, numbers(record.params)), pair, with_params(activation, activation.params))
        cases[pair.activation] = pair_rows(measure)
    return cases
