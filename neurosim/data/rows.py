"""Rows that a network can be trained and measured on: inputs, targets, and how a right answer is recognized."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Accuracy = Literal["none", "threshold", "argmax"]


def _no_weights() -> NDArray[Any]:
    return np.zeros(0, np.float32)


@dataclass(frozen=True)
class Rows:
    """Rows of inputs with their targets, ready for a network.

    Attributes
    ----------
    features : array (rows, inputs), float32, float64 or uint8
        Inputs; the network sees ``features * scale + shift``.
    values : array (rows, outputs), float32 or float64, or (rows, 0)
        Targets of losses on values.
    classes : int32 array (rows,), or (0,)
        Class indices; empty for regression.
    accuracy : "none", "threshold" or "argmax"
        How a right answer is recognized in an output row.
    weights : float array (rows,), or (0,)
        What the loss of each row is multiplied by; empty where all rows count the same.
    """

    features: NDArray[Any]
    values: NDArray[Any]
    classes: NDArray[np.int32]
    accuracy: Accuracy
    scale: float = 1.0
    shift: float = 0.0
    weights: NDArray[Any] = field(default_factory=_no_weights)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return int(self.features.shape[0])

    def inputs(self, kind: type[np.float32] | type[np.float64]) -> NDArray[Any]:
        """The inputs as the network sees them, (rows, inputs) of this kind of number."""
        numbers: NDArray[Any] = self.features.astype(kind)
        return numbers * kind(self.scale) + kind(self.shift)

    def some(self, chosen: slice | NDArray[np.integer]) -> Rows:
        """The chosen ones of the rows."""
        values = self.values[chosen] if self.values.shape[0] else self.values
        classes = self.classes[chosen] if self.classes.size else self.classes
        weights = self.weights[chosen] if self.weights.size else self.weights
        return Rows(self.features[chosen], values, classes, self.accuracy, self.scale, self.shift, weights)

    def weight(self, row: int) -> float:
        """What the loss of a row is multiplied by."""
        return float(self.weights[row]) if self.weights.size else 1.0
