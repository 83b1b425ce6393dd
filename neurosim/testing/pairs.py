"""Checks of a loss that is computed from the logits, together with its output activation."""

from __future__ import annotations

import numpy as np

from neurosim.errors import PluginError
from neurosim.plugin import FromLogits, Loss
from neurosim.testing.compiled import SURROGATE
from neurosim.testing.domains import Rows, compare, draw_rows, target_text
from neurosim.testing.extremes import extreme_rows, infinite, infinite_on_cpu
from neurosim.testing.gradients import GradientCheck, row_text
from neurosim.testing.nans import hidden_by_loss
from neurosim.testing.plain import Measure, PairMeasure, numbers, with_params
from neurosim.testing.scope import Scope
from neurosim.testing.verdicts import Verdict, failed, noted, passed, size, skipped, some

UNITS = (1, 3)
# The activation's output loses digits where it saturates; the pair does not.
CHAIN_TOLERANCE = 1e-6


def pair_item(pair: FromLogits) -> str:
    """The name of the verdict on a pair."""
    return f"from logits of {pair.activation}"


def pair_verdict(record: Loss, pair: FromLogits, chosen: Scope, *, compiled: bool, chained: bool = True) -> Verdict:
    """Compare the gradient with the slope, both with the activation followed by the loss, and try extreme logits.

    Without `chained`, nothing is compared with the activation followed by the loss, whose own gradient is wrong.
    """
    item = pair_item(pair)
    if record.surrogate:
        return noted(item, SURROGATE)
    try:
        activation = chosen.activation(record, pair.activation)
    except PluginError as error:
        return skipped(item, error.message)
    measure = PairMeasure(Measure(record, numbers(record.params)), pair, with_params(activation, activation.params))
    rows = pair_rows(measure)
    check = GradientCheck()
    compare(check, measure, rows, "z")
    if check.wrong:
        return failed(item, f"wrong in {len(check.wrong)} of {check.compared} numbers: {some(check.wrong, 2)}")
    if not check.right:
        return failed(item, "the value is not finite, or its slope jumps at most places")
    chain = _chain(measure, rows) if chained else None
    if not chained:
        unfused = f"not compared with {pair.activation} followed by {record.name}, which is wrong"
    elif chain is None:
        unfused = f"{pair.activation} has no slope of its own to compare with"
    elif isinstance(chain, str):
        return failed(item, chain)
    else:
        unfused = f"equals {pair.activation} followed by {record.name} within {size(chain)}"
    extreme = extreme_rows((-1e4, 0.0, 1e4), rows)
    fault = infinite(measure, extreme, "z") or (compiled and infinite_on_cpu(record, activation, extreme, "z"))
    if fault:
        return failed(item, f"{fault}; write the formula so that exp gets only negative numbers")
    text = (
        f"gradient is the slope of the value in {check.compared} numbers, worst error {size(check.worst)}; "
        f"{unfused}; finite for weighted sums of +-1e4"
    )
    hidden = hidden_by_loss(measure, rows, "z")
    return noted(item, f"{text}; but {hidden}") if hidden else passed(item, text)


def pair_rows(measure: PairMeasure) -> Rows:
    """Rows of moderate logits with targets for which the value is finite."""
    drawn = draw_rows(measure.loss.record, lambda random, units: 2.0 * random.normal(size=units), UNITS)
    kinds = [rows for rows in drawn.values() if all(np.isfinite(measure.value(z, y)) for z, y in rows)]
    return [row for rows in kinds for row in rows]


def _chain(measure: PairMeasure, rows: Rows) -> float | str | None:
    """The largest difference from the unfused formulas; a description if it is too large; None without a slope."""
    unfused = [(z, y, measure.loss.value(measure.activation.f(z), y), measure.chain_gradient(z, y)) for z, y in rows]
    if not any(np.any(gradient != 0.0) for *_, gradient in unfused):
        return None
    worst = 0.0
    for z, y, value, gradient in unfused:
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            continue
        for name, actual, expected in (
            ("value", np.array([measure.value(z, y)]), np.array([value])),
            ("gradient", measure.gradient(z, y), gradient),
        ):
            error = float((np.abs(actual - expected) / np.maximum(1.0, np.abs(expected))).max())
            if not error <= CHAIN_TOLERANCE:
                return (
                    f"the {name} for z = {row_text(z)}, y = {target_text(y)} is {row_text(actual)}, but with "
                    f"{measure.pair.activation} followed by {measure.loss.record.name} it is {row_text(expected)}"
                )
            worst = max(worst, error)
    return worst
