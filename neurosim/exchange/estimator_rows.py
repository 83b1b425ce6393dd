"""The rows that an estimator is fitted to, in a form that does not depend on how they are given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import _check_sample_weight

from neurosim.plugin import Table

# Rows that are looked at, or copied, at once: a few that stay in the processor's cache.
AT_ONCE = 256


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
    digests = _digests(X, labels.ravel())
    order = np.argsort(digests, kind="stable")
    # Only rows of one digest can be equal.
    first = np.concatenate([[True], digests[order[1:]] != digests[order[:-1]]])
    alike = np.flatnonzero(~first)
    rows, others = order[alike], order[alike - 1]
    first[alike] = (X[rows] != X[others]).any(axis=1) | (labels.ravel()[rows] != labels.ravel()[others])
    kept = order[first]
    if weights is None and first.all():
        return _taken(X, kept), y[kept], None
    counts = np.ones(len(order)) if weights is None else weights[order]
    return _taken(X, kept), y[kept], np.add.reduceat(counts, np.flatnonzero(first))


def _taken(X: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Some rows as the network takes them; raises ValueError for numbers that it cannot take."""
    taken = np.empty((len(rows), X.shape[1]), np.float32)
    for start in range(0, len(rows), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        with np.errstate(over="ignore"):
            taken[some] = X[rows[some]]
        if not np.isfinite(taken[some]).all():
            raise ValueError("X has values that are too large for float32: put a scaler in front.")
    return taken


def _digests(X: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[np.uint64]:
    """A number for each row and its label, the same for equal ones and nearly always another one for others."""
    factors = np.random.default_rng(0).integers(1 << 63, size=X.shape[1] + 1, dtype=np.uint64)
    factors = factors * np.uint64(2) + np.uint64(1)
    digests = np.empty(len(X), np.uint64)
    for start in range(0, len(X), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        content = np.column_stack([X[some], labels[some]]).astype(np.float64) + 0.0  # -0.0 is 0.0
        bits = content.view(np.uint64)
        mixed = (bits ^ (bits >> np.uint64(29))) * factors
        digests[some] = (mixed ^ (mixed >> np.uint64(32))).sum(axis=1, dtype=np.uint64)
    return digests


def form_of(table: Table) -> Table:
    """A table with one row of each class, or one row: enough to make the network again."""
    rows = np.unique(table.targets, return_index=True)[1] if table.classes else slice(0, 1)
    return replace(table, features=table.features[rows], targets=table.targets[rows], weights=None)
