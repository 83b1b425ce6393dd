"""From the values of a table to the network's inputs: one scale and one shift for each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import DataError, UsageError

Floats = NDArray[np.float64]
# float64 numbers that are scaled at a time.
IN_CACHE = 1 << 15


def affine(train: NDArray[Any], normalize: tuple[float, float] | None, standardize: bool) -> tuple[Floats, Floats]:
    """Scale and shift of each feature, from the values in the table to the network's inputs."""
    features = train.shape[1]
    if normalize is not None and standardize:
        raise UsageError("normalize and standardize exclude each other", "Leave one of them out.")
    if standardize:
        return standard("features", train.astype(np.float64))
    mean, deviation = normalize if normalize is not None else (0.0, 1.0)
    if not (abs(mean) <= 1e18 and 1e-18 <= deviation <= 1e18):  # what float32 can divide by
        raise UsageError(
            f"normalize: mean = {mean}, std = {deviation}: expected ordinary numbers and a positive std",
            "MNIST uses  normalize = { mean = 0.1307, std = 0.3081 }.",
        )
    largest = 255.0 if train.dtype == np.uint8 else 1.0
    return np.full(features, 1.0 / (largest * deviation)), np.full(features, -mean / deviation)


def standard(what: str, values: Floats) -> tuple[Floats, Floats]:
    """Scale and shift that give each column mean 0 and standard deviation 1; a constant one becomes 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = values.mean(axis=0), values.std(axis=0)
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
        raise DataError(f"the {what} are too large to standardize", "Give them in another unit.")
    # Compared with itself: the deviation of a constant may be a rounding error above 0.
    constant = (values == values[0]).all(axis=0) | (deviation == 0)
    scale = 1.0 / np.where(constant, 1.0, deviation)
    return scale, np.where(constant, -values[0], -mean * scale)


def scaled_features(features: NDArray[Any], scale: Floats, shift: Floats) -> NDArray[np.float32]:
    """The inputs, a few rows at a time: what is in between stays in the processor's cache."""
    scaled = np.empty(features.shape, np.float32)
    rows = max(IN_CACHE // max(features.shape[1], 1), 1)
    for start in range(0, len(features), rows):
        some = slice(start, start + rows)
        with np.errstate(over="ignore", invalid="ignore"):
            exact = features[some].astype(np.float64)
            exact *= scale
            exact += shift
            scaled[some] = exact
        if not np.isfinite(scaled[some]).all():
            raise DataError("the features are too large for float32", "Scale them with standardize = true.")
    return scaled
