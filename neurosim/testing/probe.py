"""A loss and an initializer that make a single layer observable.

The probe's loss is the sum of outputs times targets, so its gradient with respect to the outputs is the targets: the
gradient behind the layer is the layer's derivative times numbers of our choice.
"""

from __future__ import annotations

from typing import Any

from neurosim.plugin import Initializer, Loss


def probe(a: Any, y: Any) -> float:
    """Sum of outputs times targets."""
    total = 0.0
    for k in range(len(a)):
        total += a[k] * y[k]
    return total


def probe_gradient(a: Any, y: Any, da: Any) -> None:
    """The targets."""
    for k in range(len(a)):
        da[k] = y[k]


def zeros(random: Any, shape: Any, fan_in: Any, fan_out: Any) -> Any:
    """Initial values that do nothing."""
    return random.uniform(0.0, 0.0, shape)


PROBE = Loss("probe", probe, probe_gradient)
ZEROS = Initializer("zeros", zeros)
