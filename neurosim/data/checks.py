"""Whether a table keeps the contract of `neurosim.plugin.Table`.

A data set may come from anybody's plugin or file; a network trained on a table that is silently
wrong would only seem to be bad at learning.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.data.columns import may_lack
from neurosim.errors import DataError
from neurosim.plugin.columns import input_names
from neurosim.plugin.function_records import Table
from neurosim.suggestions import listed


def check_table(table: Table) -> None:
    """Raise DataError at the first thing in `table` that breaks the contract."""
    lacking = _may_lack(table)
    _check_rows("training", table.features, table.targets, table.classes, lacking)
    width = table.features.shape[1]
    if table.classes and len(table.classes) < 2:
        raise DataError(f"there is only one class ({table.classes[0]})", "Classification needs two classes or more.")
    if table.feature_names and len(table.feature_names) != width:
        raise DataError(f"there are {width} features but {len(table.feature_names)} feature names")
    outputs = 1 if table.classes else table.targets.shape[1]
    if table.target_names and len(table.target_names) != outputs:
        raise DataError(f"there are {outputs} targets but {len(table.target_names)} target names")
    if table.image_shape and len(table.image_shape) not in (2, 3):
        raise DataError(f"image_shape is (height, width) or (height, width, channels), not {table.image_shape}")
    if table.image_shape and math.prod(table.image_shape) != width:
        raise DataError(f"there are {width} features, which is not an image of {table.image_shape}")
    if table.weights is not None:
        _check_weights("weights", table.weights, len(table.features))
    _check_apart(table, "validation", table.validation_features, table.validation_targets, table.validation_weights)
    _check_apart(table, "test", table.test_features, table.test_targets, table.test_weights)


def _check_apart(table: Table, part: str, features: Any, targets: Any, weights: Any) -> None:
    """The rows that a table itself keeps apart, if there are any."""
    if weights is not None and (table.weights is None or features is None):
        raise DataError(f"{part}_weights are for {part} rows of their own, beside weights of the training rows")
    if (features is None) != (targets is None):
        raise DataError(f"{part} features and {part} targets must be given together")
    if features is None:
        return
    _check_rows(part, features, targets, table.classes, _may_lack(table))
    if weights is not None:
        _check_weights(f"{part}_weights", weights, len(features))
    for what, apart, train in (("features", features, table.features), ("targets", targets, table.targets)):
        if apart.shape[1:] != train.shape[1:]:
            raise DataError(f"the {part} {what} have the shape {apart.shape}, the training {what} {train.shape}")
    if (features.dtype == np.uint8) != (table.features.dtype == np.uint8):
        raise DataError(
            f"the training features are {table.features.dtype}, the {part} features {features.dtype}",
            "Bytes are read as value / 255: both must be uint8, or neither.",
        )


def _may_lack(table: Table) -> NDArray[np.bool_] | None:
    """Which features may have missing values; None where none may."""
    if not table.columns:
        return None
    if table.features.dtype == np.uint8:
        raise DataError("columns are of features that are floats, not bytes")
    names = input_names(table.columns)
    if names != tuple(table.feature_names):
        raise DataError(
            f"the columns become the inputs {listed(names)}, but the feature names are {listed(table.feature_names)}",
            "feature_names has the inputs of all columns, in their order.",
        )
    lacking = may_lack(table.columns)
    return lacking if lacking.any() else None


def _check_rows(
    part: str, features: Any, targets: Any, classes: tuple[str, ...], lacking: NDArray[np.bool_] | None
) -> None:
    _check_features(f"the {part} features", features, lacking)
    if not isinstance(targets, np.ndarray):
        hint = "Use  np.array(targets)."
        raise DataError(f"the {part} targets must be a NumPy array, not {type(targets).__name__}", hint)
    if targets.ndim and len(targets) != len(features):
        raise DataError(f"there are {len(features)} {part} rows but {len(targets)} {part} targets")
    if classes:
        _check_labels(f"the {part} targets", targets, len(classes))
    else:
        _check_values(f"the {part} targets", targets)


def _check_features(what: str, features: Any, lacking: NDArray[np.bool_] | None) -> None:
    if not isinstance(features, np.ndarray) or features.ndim != 2:
        found = f"shape {features.shape}" if isinstance(features, np.ndarray) else type(features).__name__
        hint = "" if isinstance(features, np.ndarray) else "Use  np.array(features, np.float32)."
        if isinstance(features, np.ndarray) and features.ndim == 1:
            hint = "For a single feature, use  .reshape(-1, 1)."
        raise DataError(f"{what} must be an array (rows, features), not {found}", hint)
    if features.size == 0:
        raise DataError(f"{what} are empty: {features.shape[0]} rows of {features.shape[1]} features")
    if features.dtype == np.uint8:
        return
    if not np.issubdtype(features.dtype, np.floating):
        found = "text" if features.dtype.kind in "US" else str(features.dtype)
        raise DataError(f"{what} must be float or uint8, not {found}", "Use  .astype(np.float32).")
    if lacking is not None and len(lacking) == features.shape[1]:
        features = np.where(np.isnan(features) & lacking, 0.0, features)
    _check_finite(what, features)


def _check_labels(what: str, labels: NDArray[Any], classes: int) -> None:
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{what} must be class indices, integers of shape (rows,), not {labels.dtype} {labels.shape}")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        hint = "Classes are numbered from 0." if labels.min() > 0 else ""
        raise DataError(f"{what} must be 0 to {classes - 1}; row {wrong[0]} has {labels[wrong[0]]}", hint)


def _check_values(what: str, values: NDArray[Any]) -> None:
    if values.ndim != 2 or values.shape[1] == 0 or not np.issubdtype(values.dtype, np.floating):
        raise DataError(
            f"{what} must be floats of shape (rows, outputs), not {values.dtype} {values.shape}",
            "One output: .reshape(-1, 1). Class indices: name the classes.",
        )
    _check_finite(what, values)
    too_large = np.argwhere(np.abs(values) > np.finfo(np.float32).max)
    if len(too_large):
        row, column = too_large[0]
        raise DataError(
            f"{what} are too large for float32; row {row}, column {column} has {values[row, column]}",
            "Give them in another unit, such as thousands.",
        )


def _check_weights(what: str, weights: Any, rows: int) -> None:
    if not isinstance(weights, np.ndarray) or weights.shape != (rows,) or weights.dtype.kind not in "fiu":
        found = f"{weights.dtype} {weights.shape}" if isinstance(weights, np.ndarray) else type(weights).__name__
        raise DataError(f"{what} must be an array of {rows} numbers, one for each row, not {found}")
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise DataError(f"{what} must be finite numbers, 0 or larger; row {wrong[0]} has {weights[wrong[0]]}")
    if not weights.any():
        raise DataError(f"{what} are 0 in all rows, so none of them counts", "Give at least one row a weight above 0.")


def _check_finite(what: str, values: NDArray[Any]) -> None:
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise DataError(f"{what} must be finite numbers; row {row}, column {column} has {values[row, column]}")
