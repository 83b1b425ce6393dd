"""Calling the function of a metric: over all rows at once or row by row, and what it has to return."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.plugin.host.calls import blaming, wrong
from neurosim.plugin.run_records import Metric


def metric_value(
    record: Metric, params: Sequence[float], outputs: NDArray[np.float64], targets: NDArray[Any], doing: str = ""
) -> float:
    """The metric of these rows, which may be NaN; the arrays are closed to writing.

    `doing` says where, for messages: ``on the test rows``.

    Raises
    ------
    PluginError
        When its function raises an error, or returns no number.
    """
    outputs.flags.writeable = targets.flags.writeable = False
    with np.errstate(all="ignore"), blaming(record, record.value, doing):
        if record.aggregate == "all":
            returned = [record.value(outputs, targets, *params)]
        else:
            # Python's own numbers, which cost less one by one.
            own = targets.tolist() if targets.ndim == 1 else targets
            returned = [record.value(output, target, *params) for output, target in zip(outputs, own, strict=True)]
    numbers = np.array([_number(record, value) for value in returned])
    if record.aggregate == "sum":
        return float(numbers.sum())
    mean = float(numbers.mean())
    if record.aggregate != "root_mean":
        return mean
    return math.sqrt(mean) if mean >= 0.0 else math.nan


def _number(record: Metric, value: Any) -> float:
    if np.ndim(value) == 0:
        try:
            return float(value)
        except (TypeError, ValueError):
            pass
    of = "all rows" if record.aggregate == "all" else "the row that it is given"
    what = f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else f"{value!r:.60}"
    raise wrong(record, record.value, f"returns {what}", f"It must return one number: the metric of {of}.")
