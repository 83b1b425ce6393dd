"""Losses of extreme outputs and logits: a confident mistake must cost a lot, not NaN."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from neurosim.network.layers import choose
from neurosim.plugin import Loss
from neurosim.testing.agreement import make_layer, run_layer
from neurosim.testing.domains import Rows, target_text
from neurosim.testing.gradients import row_text
from neurosim.testing.plain import Array, Target

# Number of different targets to try for rows of one width.
TARGETS = 4


def extreme_rows(values: tuple[float, ...], rows: Rows) -> Rows:
    """Rows of the given numbers: each one repeated, and all of them in turn; with targets from `rows`."""
    extreme: Rows = []
    for width in sorted({row.size for row, _ in rows}):
        targets = [y for row, y in rows if row.size == width]
        chosen = targets[:: max(1, len(targets) // TARGETS)]
        for y in chosen:
            extreme += [(np.full(width, value), y) for value in values]
            extreme += [(np.resize(values, width), y), (np.resize(values[::-1], width), y)]
    return extreme


def infinite(measure: Any, rows: Rows, name: str, *, slope: bool = True) -> str:
    """A description of the first row whose loss, or with `slope` gradient, is not finite; empty if all are finite."""
    results = ((row, y, measure.value(row, y), measure.gradient(row, y) if slope else row) for row, y in rows)
    return _first_fault(results, name, "float64")


def infinite_on_cpu(record: Loss, activation: Any, rows: Rows, name: str) -> str:
    """The same, compiled."""

    def results() -> Iterator[tuple[Array, Target, float, Array]]:
        benches = {
            units: make_layer("cpu", units, choose(activation), choose(record))
            for units in sorted({row.size for row, _ in rows})
        }
        for row, y in rows:
            values, label = (np.zeros(row.size), y) if isinstance(y, int) else (y, 0)
            loss, _, gradient = run_layer(benches[row.size], row.astype(np.float32), values, label)
            yield row, y, loss, gradient

    return _first_fault(results(), name, "float32")


def _first_fault(results: Iterable[tuple[Array, Target, float, Array]], name: str, precision: str) -> str:
    for row, y, value, gradient in results:
        where = f"for {name} = {row_text(row)}, y = {target_text(y)} in {precision}"
        if not np.isfinite(value):
            return f"the value {where} is {value:g}"
        if not np.isfinite(gradient).all():
            return f"the gradient {where} is {row_text(gradient)}"
    return ""
