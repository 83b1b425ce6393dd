"""Training a network in plain Python: lists, loops, and textbook formulas.

Nothing is hidden here and nothing is fast. A network is two lists, `weights` and `biases`, with one
entry per layer: ``weights[k][i][j]`` connects input i to unit j of layer k; ``biases[k][j]`` is added in unit j.
Hidden layers are ReLU; the last layer is a softmax with cross-entropy loss.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

Vector = list[float]
Matrix = list[list[float]]


@dataclass
class Layers:
    """One matrix and one vector per layer: parameters, their gradients, or Adam's averages of these."""

    weights: list[Matrix]
    biases: list[Vector]

    def zeros(self) -> Layers:
        """The same shapes, filled with zeros."""
        return Layers(
            [[[0.0] * len(row) for row in weight] for weight in self.weights],
            [[0.0] * len(bias) for bias in self.biases],
        )


def forward(network: Layers, sample: Vector) -> list[Vector]:
    """The outputs of each layer for one sample, preceded by the sample itself."""
    outputs = [sample]
    last = len(network.weights) - 1
    for k in range(len(network.weights)):
        sums = weighted_sums(outputs[k], network.weights[k], network.biases[k])
        outputs.append(softmax(sums) if k == last else relu(sums))
    return outputs


def weighted_sums(inputs: Vector, weight: Matrix, bias: Vector) -> Vector:
    """For each unit, its bias plus the inputs times their weights."""
    sums = []
    for j in range(len(bias)):
        total = bias[j]
        for i in range(len(inputs)):
            total += inputs[i] * weight[i][j]
        sums.append(total)
    return sums


def relu(sums: Vector) -> Vector:
    """Positive numbers unchanged, zero for all others."""
    return [z if z > 0.0 else 0.0 for z in sums]


def softmax(sums: Vector) -> Vector:
    """Probabilities: the exponentials, divided by their sum."""
    largest = max(sums)
    powers = [math.exp(z - largest) for z in sums]
    total = sum(powers)
    return [power / total for power in powers]


def gradients(network: Layers, samples: list[Vector], labels: list[int]) -> tuple[float, Layers]:
    """Mean loss over the samples, and its derivative with respect to every parameter (backpropagation)."""
    gradient = network.zeros()
    loss = 0.0
    share = 1.0 / len(samples)
    for sample, label in zip(samples, labels, strict=True):
        outputs = forward(network, sample)
        loss -= math.log(outputs[-1][label]) * share
        # The derivative of the loss with respect to each weighted sum of the last layer: probability minus truth.
        errors = [p * share for p in outputs[-1]]
        errors[label] -= share
        for k in range(len(network.weights) - 1, -1, -1):
            add_gradient(gradient.weights[k], gradient.biases[k], outputs[k], errors)
            if k > 0:
                errors = errors_before(network.weights[k], outputs[k], errors)
    return loss, gradient


def add_gradient(weight: Matrix, bias: Vector, inputs: Vector, errors: Vector) -> None:
    """Add one sample's share of a layer's gradient: input times error for each weight."""
    for i in range(len(inputs)):
        for j in range(len(errors)):
            weight[i][j] += inputs[i] * errors[j]
    for j in range(len(errors)):
        bias[j] += errors[j]


def errors_before(weight: Matrix, inputs: Vector, errors: Vector) -> Vector:
    """Propagate the errors of a layer back through its weights, and through the ReLU before it."""
    before = []
    for i in range(len(inputs)):
        total = 0.0
        for j in range(len(errors)):
            total += errors[j] * weight[i][j]
        before.append(total if inputs[i] > 0.0 else 0.0)
    return before


@dataclass
class Adam:
    """The optimizer: a running mean of each gradient, divided by the root of a running mean of its square."""

    rate: float
    mean: Layers
    square: Layers
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    step: int = 0

    def update(self, network: Layers, gradient: Layers) -> None:
        """Move every parameter a little downhill."""
        self.step += 1
        for k in range(len(network.weights)):
            for i in range(len(network.weights[k])):
                self.update_row(
                    network.weights[k][i], gradient.weights[k][i], self.mean.weights[k][i], self.square.weights[k][i]
                )
            self.update_row(network.biases[k], gradient.biases[k], self.mean.biases[k], self.square.biases[k])

    def update_row(self, w: Vector, g: Vector, mean: Vector, square: Vector) -> None:
        """The update of a list of parameters `w` with gradients `g`."""
        unbias1 = 1.0 - self.beta1**self.step
        unbias2 = 1.0 - self.beta2**self.step
        for j in range(len(w)):
            mean[j] = self.beta1 * mean[j] + (1.0 - self.beta1) * g[j]
            square[j] = self.beta2 * square[j] + (1.0 - self.beta2) * g[j] * g[j]
            w[j] -= self.rate * (mean[j] / unbias1) / (math.sqrt(square[j] / unbias2) + self.eps)


class Naive:
    """A network and its optimizer.

    Parameters
    ----------
    layers : list of (weight, bias)
        Initial values as arrays, weight (inputs, units); they are copied into lists.
    rate : float
        Learning rate of Adam.
    """

    def __init__(self, layers: list[tuple[Any, Any]], rate: float) -> None:
        self.network = Layers([w.tolist() for w, _ in layers], [b.tolist() for _, b in layers])
        self.adam = Adam(rate, self.network.zeros(), self.network.zeros())
        self._start = copy.deepcopy(self.network)

    def reset(self) -> None:
        """Restore the initial values."""
        self.network = copy.deepcopy(self._start)
        self.adam = Adam(self.adam.rate, self.network.zeros(), self.network.zeros())

    def gradients(self, samples: list[Vector], labels: list[int]) -> tuple[float, Layers]:
        """Mean loss and its gradients; changes nothing."""
        return gradients(self.network, samples, labels)

    def train(self, samples: list[Vector], labels: list[int], batch: int) -> float:
        """One pass over the samples, batch by batch; returns the mean loss, that of each batch before its update."""
        total = 0.0
        for start in range(0, len(samples), batch):
            part = samples[start : start + batch]
            loss, gradient = gradients(self.network, part, labels[start : start + batch])
            self.adam.update(self.network, gradient)
            total += loss * len(part)
        return total / len(samples)
