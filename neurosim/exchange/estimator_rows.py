"""The rows that an estimator is fitted to, in a form that does not depend on how they are given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import _check_sample_weight

from neurosim.plugin import Table


def counting(
    X: NDArray[Any], y: NDArray[Any], sample_weight: ArrayLike | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64] | None]:
    """The rows that count, and their weights: without a weight a row is as if it were not there."""
    if sample_weight is None:
        return X, y, None
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    kept = weights > 0
    if not kept.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return X[kept], y[kept], weights[kept]


def merged(
    X: NDArray[Any], y: NDArray[Any], weights: NDArray[np.float64] | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64] | None]:
    """The rows in an order that depends on their content only, and equal ones as one with the sum of their weights.

    So a row of weight 2 is a row that is there twice, to the last bit, and the order of the rows does not matter.
    """
    _, labels = np.unique(y, return_inverse=True, axis=0 if y.ndim > 1 else None)
    content = np.column_stack([X, labels]).astype(np.float64) + 0.0  # -0.0 is 0.0
    order = np.argsort(_digest(content.view(np.uint64)), kind="stable")
    content = content[order]
    first = np.concatenate([[True], (content[1:] != content[:-1]).any(axis=1)])
    counts = np.ones(len(order)) if weights is None else weights[order]
    together = np.add.reduceat(counts, np.flatnonzero(first))
    kept = order[first]
    return X[kept], y[kept], None if weights is None and first.all() else together


def _digest(content: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A number for each row, the same for equal rows and nearly always another one for others."""
    factors = np.random.default_rng(0).integers(1 << 63, size=content.shape[1], dtype=np.uint64) * np.uint64(
        2
    ) + np.uint64(1)
    mixed = (content ^ (content >> np.uint64(29))) * factors
    digests: NDArray[np.uint64] = (mixed ^ (mixed >> np.uint64(32))).sum(axis=1, dtype=np.uint64)
    return digests


def form_of(table: Table) -> Table:
    """A table with one row of each class, or one row: enough to make the network again."""
    rows = np.unique(table.targets, return_index=True)[1] if table.classes else slice(0, 1)
    return replace(table, features=table.features[rows], targets=table.targets[rows], weights=None)
