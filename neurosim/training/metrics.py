"""What the metrics of a scenario say of a network: their functions get its answers, and copies of the targets.

They are measured at the end of an epoch, dropout off, on all rows of a split; nothing that they do changes the network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data import Prepared
from neurosim.data.rows import Rows
from neurosim.network.layers import Chosen
from neurosim.network.network import Network
from neurosim.plugin import Metric
from neurosim.plugin.host.measuring import metric_value

_WORDS = {"train": "training", "validation": "validation", "test": "test"}


def metric_values(
    metrics: Sequence[Chosen[Metric]],
    network: Network,
    outputs_on: Callable[[str], NDArray[Any]],
    splits: Mapping[str, Rows],
    data: Prepared,
) -> dict[str, float | None]:
    """Each metric on each split, under names such as ``test_f1``; None where it is not a finite number.

    `outputs_on` gives what the network answers for the rows of a split.

    Raises
    ------
    PluginError
        When the function of a metric raises an error, or returns no number.
    """
    found: dict[str, float | None] = {}
    for split, rows in splits.items() if metrics else ():
        with np.errstate(all="ignore"):
            answers = _answers(network, outputs_on(split), rows, data)
        targets = _targets(rows, data)
        finite = bool(np.isfinite(answers).all())
        for metric in metrics:
            value = math.nan
            if finite:
                value = metric_value(metric.record, metric.values, answers, targets, f"on the {_WORDS[split]} rows")
            found[f"{split}_{metric.name}"] = value if math.isfinite(value) else None
    return found


def _answers(network: Network, outputs: NDArray[Any], rows: Rows, data: Prepared) -> NDArray[np.float64]:
    """What metrics get as outputs: a column for each class, or values in the units of the table."""
    found = outputs.astype(np.float64)
    if rows.accuracy == "none":
        return data.to_target_units(found[:, : network.answers])
    if rows.accuracy == "threshold":
        # Larger than the other one exactly where it is above the threshold.
        return np.hstack([2.0 * network.loss.record.threshold - found, found])
    return found


def _targets(rows: Rows, data: Prepared) -> NDArray[Any]:
    """What metrics get as targets: class indices, or values in the units of the table."""
    return data.to_target_units(rows.values) if rows.accuracy == "none" else rows.classes.astype(np.int64)
