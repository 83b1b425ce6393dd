"""A gradient with respect to a row of numbers, compared with finite differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from neurosim.backends.slopes import axis, find_jump, side_slopes, slopes
from neurosim.testing.plain import Array
from neurosim.testing.verdicts import number

TOLERANCE = 1e-8
# If a larger share of numbers is at a kink, something else is wrong.
MOST_LEFT_OUT = 0.2


@dataclass
class GradientCheck:
    """The result of many comparisons.

    Attributes
    ----------
    compared : int
        How many numbers were compared with a slope.
    left_out : int
        How many numbers were left out because the slope jumps there.
    worst : float
        The largest error among the numbers that are right.
    wrong : list of str
        Descriptions of the wrong ones.
    """

    compared: int = 0
    left_out: int = 0
    worst: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def add(
        self, function: Callable[[Array], float], gradient: Array, row: Array, describe: Callable[[int], str]
    ) -> None:
        """Compare `gradient` with the gradient of `function` at `row`."""
        for k in range(row.size):
            along, at = axis(function, row, k), row[k : k + 1]
            expected = float(slopes(along, at)[0])
            self.compared += 1
            error = self._error(float(gradient[k]), expected)
            if error <= TOLERANCE:
                self.worst = max(self.worst, error)
            elif find_jump(along, float(at[0])) is not None:
                self.left_out += 1
            # Where the slope itself has a kink, only one-sided differences are exact.
            elif not any(
                self._error(float(gradient[k]), float(side[0])) <= TOLERANCE for side in side_slopes(along, at)
            ):
                self.wrong.append(f"{describe(k)} is {number(gradient[k])}, the slope there {number(expected)}")

    @staticmethod
    def _error(actual: float, expected: float) -> float:
        error = abs(actual - expected) / max(1.0, abs(expected))
        return error if np.isfinite(error) else np.inf

    @property
    def too_many_kinks(self) -> bool:
        """Whether so many numbers were left out that the rest proves little."""
        return self.left_out > MOST_LEFT_OUT * max(self.compared, 1)

    @property
    def right(self) -> bool:
        """Whether the gradient is right wherever it was compared, and was compared often enough."""
        return not self.wrong and not self.too_many_kinks and self.compared > 0


def row_text(values: Array) -> str:
    """A row of numbers, short enough to read."""
    return f"[{', '.join(f'{value:.3g}' for value in np.atleast_1d(values))}]"
