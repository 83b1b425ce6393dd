"""The living definition: forward, loss, backward and update, in NumPy float64, as the textbook has it.

It calls the plain Python functions of activations, losses and optimizers one number at a time, so
it is slow and obvious. What the compiled backends compute is right when it agrees with this.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend, Rows, Totals, dropout_keys, shuffle_key
from neurosim.backends.health import formula_fault
from neurosim.backends.uncompiled import apply, uncompiled
from neurosim.network import Dense, Dropout, Network, Training
from neurosim.plugin import RowActivation
from neurosim.randomness import drop_below, permutation, uniform_bits

Array = NDArray[np.float64]


class ReferenceBackend(Backend):
    """NumPy, float64, uncompiled functions."""

    name = "reference"
    dtype = np.float64

    def __init__(self, network: Network, training: Training, seed: int, threads: int | None = None) -> None:
        super().__init__(network, training, seed, threads)
        # What would run here only is refused as the compiled backends refuse it.
        activations = [layer.activation.record for layer in network.layers if isinstance(layer, Dense)]
        for record in (*activations, network.loss.record, training.optimizer.record):
            fault = formula_fault(record)
            if fault is not None:
                raise fault

    def forward(self, features: NDArray[Any]) -> Array:
        """Network outputs (rows, outputs), float64."""
        return self._forward(features.astype(np.float64), None, None)[-1]

    def gradients(self, rows: Rows) -> tuple[float, Array]:
        """Mean loss and its gradient, flat; dropout off."""
        loss, _, gradient = self._learn(rows, np.arange(rows.count), None, 0)
        return loss / rows.count, gradient

    def train_step(self, rows: Rows) -> float:
        """One update on all `rows`; returns the mean loss before it."""
        keys = dropout_keys(self.network, self.seed, "step", self.steps_done)
        loss, _, gradient = self._learn(rows, np.arange(rows.count), keys, 0)
        self._update(gradient, self.training.rate)
        return loss / rows.count

    def train_epoch(self, rows: Rows, epoch: int) -> Totals:
        """Update on every batch of an epoch."""
        order = (
            permutation(shuffle_key(self.seed, epoch), rows.count) if self.training.shuffle else np.arange(rows.count)
        )
        batch = min(self.training.batch_size, rows.count)
        starts = range(0, rows.count, batch)
        keys = dropout_keys(self.network, self.seed, epoch)
        loss = correct = 0.0
        for start, rate in zip(starts, self.training.rates(epoch, len(starts)), strict=True):
            batch_loss, batch_correct, gradient = self._learn(rows, order[start : start + batch], keys, start)
            self._update(gradient, rate)
            loss, correct = loss + batch_loss, correct + batch_correct
        return Totals(loss, correct, rows.count, rows.accuracy)

    def evaluate(self, rows: Rows) -> Totals:
        """Loss and right answers over `rows`; dropout off."""
        everything = np.arange(rows.count)
        outputs = self._forward(_inputs(rows, everything), None, None)
        losses, _ = self._loss(outputs[-2], outputs[-1], rows, everything)
        return Totals(sum(losses), self._correct(outputs[-1], rows, everything), rows.count, rows.accuracy)

    def _learn(
        self, rows: Rows, chosen: NDArray[np.int64], keys: list[int] | None, first_row: int
    ) -> tuple[float, float, Array]:
        """Sum of the loss, right answers and mean gradient of a batch, the rows `chosen`."""
        row_numbers = first_row + np.arange(chosen.size)
        trace = self._forward(_inputs(rows, chosen), keys, row_numbers)
        losses, d = self._loss(trace[-2], trace[-1], rows, chosen)
        d = d / chosen.size
        weights = self.network.named(self.parameters)
        gradient = np.zeros(self.network.size)
        gradients = self.network.named(gradient)
        from_logits = self.network.pair is not None
        # Each layer left its input, its weighted sums and its outputs behind in the trace.
        for k, layer in reversed(list(enumerate(self.network.layers))):
            x, z, a = trace[2 * k], trace[2 * k + 1], trace[2 * k + 2]
            if isinstance(layer, Dense):
                if not (from_logits and layer is self.network.layers[-1]):
                    d = _activation_backward(layer, z, a, d)
                gradients[layer.weight.name][:] = x.T @ d
                if layer.bias is not None:
                    gradients[layer.bias.name][:] = d.sum(axis=0)
                d = d @ weights[layer.weight.name].T
            elif isinstance(layer, Dropout) and keys is not None:
                d = d * _mask(layer, keys, row_numbers)
        return sum(losses), self._correct(trace[-1], rows, chosen), gradient

    def _forward(self, x: Array, keys: list[int] | None, row_numbers: Any) -> list[Array]:
        """The input, then weighted sums and outputs of every layer; dropout only with `keys`."""
        weights = self.network.named(self.parameters)
        trace = [x]
        for layer in self.network.layers:
            z = trace[-1]
            a = z
            if isinstance(layer, Dense):
                z = z @ weights[layer.weight.name]
                if layer.bias is not None:
                    z = z + weights[layer.bias.name]
                a = _activation(layer, z)
            elif isinstance(layer, Dropout) and keys is not None:
                a = z * _mask(layer, keys, row_numbers)
            trace += [z, a]
        return trace

    def _loss(self, z: Array, a: Array, rows: Rows, chosen: NDArray[np.int64]) -> tuple[list[float], Array]:
        """Loss of each row, and the gradient with respect to a, or to z for a pair from logits."""
        loss, pair = self.network.loss, self.network.pair
        formula = pair or loss.record
        value, gradient = uncompiled(formula.value), uncompiled(formula.derivative)
        d = np.zeros_like(a)
        losses = []
        with np.errstate(all="ignore"):
            for i, row in enumerate(chosen):
                y = rows.classes[row] if loss.record.targets == "classes" else rows.values[row].astype(np.float64)
                given = (z[i], a[i], y) if pair else (a[i], y)
                losses.append(float(value(*given, *loss.values)))
                gradient(*given, d[i], *loss.values)
        return losses, d

    def _correct(self, a: Array, rows: Rows, chosen: NDArray[np.int64]) -> float:
        if rows.accuracy == "none":
            return 0.0
        by_threshold = rows.accuracy == "threshold"
        answers = a[:, 0] > self.network.loss.record.threshold if by_threshold else a.argmax(axis=1)
        return float(np.sum(answers == rows.classes[chosen]))

    def _update(self, gradient: Array, rate: float) -> None:
        """One step of the optimizer on every parameter."""
        self.steps_done += 1
        optimizer = self.training.optimizer
        update = uncompiled(optimizer.record.update)
        names = list(optimizer.record.params)
        values = [
            np.float64(rate if name == "lr" else value) for name, value in zip(names, optimizer.values, strict=True)
        ]
        with np.errstate(all="ignore"):
            for i in range(self.network.size):
                new = update(self.parameters[i], gradient[i], *self.state[:, i], self.steps_done, *values)
                if self.state.shape[0] == 0:
                    self.parameters[i] = new
                else:
                    self.parameters[i], self.state[:, i] = new[0], new[1:]


def _inputs(rows: Rows, chosen: NDArray[np.int64]) -> Array:
    return rows.features[chosen].astype(np.float64) * rows.scale + rows.shift


def _mask(layer: Dropout, keys: list[int], row_numbers: NDArray[np.int64]) -> Array:
    """0 where a unit is dropped, else 1 / (1 - rate)."""
    bits = uniform_bits(keys[layer.index], row_numbers, layer.units)
    return np.where(bits >= drop_below(layer.rate), 1.0 / (1.0 - layer.rate), 0.0)


def _activation(layer: Dense, z: Array) -> Array:
    record, values = layer.activation.record, layer.activation.values
    if not isinstance(record, RowActivation):
        return apply(record.f, z, params=values)
    a = np.empty_like(z)
    with np.errstate(all="ignore"):
        for i in range(z.shape[0]):
            uncompiled(record.f)(z[i], a[i], *values)
    return a


def _activation_backward(layer: Dense, z: Array, a: Array, d: Array) -> Array:
    record, values = layer.activation.record, layer.activation.values
    if not isinstance(record, RowActivation):
        return d * apply(record.derivative, z, a, params=values)
    dz = np.empty_like(z)
    with np.errstate(all="ignore"):
        for i in range(z.shape[0]):
            uncompiled(record.backward)(z[i], a[i], d[i], dz[i], *values)
    return dz
