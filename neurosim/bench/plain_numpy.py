"""The same training in straightforward NumPy: whole batches at once, one line per formula.

Compare with `naive`: ``@`` replaces the loops over samples, inputs and units. The formulas are the same, in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def forward(weights: list[Array], biases: list[Array], samples: Array) -> list[Array]:
    """The outputs of each layer for a batch, preceded by the batch itself."""
    outputs = [samples]
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        outputs.append(np.maximum(outputs[-1] @ weight + bias, 0.0))
    sums = outputs[-1] @ weights[-1] + biases[-1]
    powers = np.exp(sums - sums.max(axis=1, keepdims=True))
    outputs.append(powers / powers.sum(axis=1, keepdims=True))
    return outputs


def gradients(
    weights: list[Array], biases: list[Array], samples: Array, labels: Array
) -> tuple[float, list[tuple[Array, Array]]]:
    """Mean loss over the batch, and its gradient with respect to the weight and the bias of each layer."""
    outputs = forward(weights, biases, samples)
    rows = np.arange(len(samples))
    loss = -np.log(outputs[-1][rows, labels]).mean()
    errors = outputs[-1].copy()
    errors[rows, labels] -= 1.0
    errors /= len(samples)
    layers = []
    for k in reversed(range(len(weights))):
        layers.append((outputs[k].T @ errors, errors.sum(axis=0)))
        if k > 0:
            errors = (errors @ weights[k].T) * (outputs[k] > 0.0)
    return float(loss), layers[::-1]


def adam(
    w: Array,
    g: Array,
    mean: Array,
    square: Array,
    step: int,
    rate: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
) -> None:
    """One update of the parameters `w` with gradients `g`, in place; `step` counts from 1."""
    mean[:] = beta1 * mean + (1.0 - beta1) * g
    square[:] = beta2 * square + (1.0 - beta2) * g * g
    w -= rate * (mean / (1.0 - beta1**step)) / (np.sqrt(square / (1.0 - beta2**step)) + eps)


class PlainNumpy:
    """A network and its optimizer.

    Parameters
    ----------
    layers : list of (weight, bias)
        Initial values, weight (inputs, units); they are copied.
    rate : float
        Learning rate of Adam.
    """

    def __init__(self, layers: list[tuple[Array, Array]], rate: float) -> None:
        self._start = layers
        self.rate = rate
        self.reset()

    def reset(self) -> None:
        """Restore the initial values."""
        self.weights = [weight.copy() for weight, _ in self._start]
        self.biases = [bias.copy() for _, bias in self._start]
        self.averages = [(np.zeros_like(w), np.zeros_like(w)) for pair in self._start for w in pair]
        self.step = 0

    def gradients(self, samples: Array, labels: Array) -> tuple[float, list[tuple[Array, Array]]]:
        """Mean loss and its gradients by layer; changes nothing."""
        return gradients(self.weights, self.biases, samples, labels)

    def train(self, samples: Array, labels: Array, batch: int) -> float:
        """One pass over the samples, batch by batch; returns the mean loss, that of each batch before its update."""
        total = 0.0
        for start in range(0, len(samples), batch):
            part = samples[start : start + batch]
            loss, layers = self.gradients(part, labels[start : start + batch])
            self.step += 1
            parameters = [w for pair in zip(self.weights, self.biases, strict=True) for w in pair]
            flat = [g for pair in layers for g in pair]
            for w, g, (mean, square) in zip(parameters, flat, self.averages, strict=True):
                adam(w, g, mean, square, self.step, self.rate)
            total += loss * len(part)
        return total / len(samples)
