"""The living definition: forward, loss, backward and update, in NumPy float64, as the textbook has it.

It calls the plain Python functions of activations, losses and optimizers one number at a time, so
it is slow and obvious. What the compiled backends compute is right when it agrees with this.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend, Inspection, Signals, Totals, dropout_keys, in_order, shuffle_key
from neurosim.backends.health import check_formulas
from neurosim.backends.reference.kinds import PASSES
from neurosim.backends.reference.trace import Array, Trace
from neurosim.backends.reference.updating import update_parameters
from neurosim.backends.uncompiled import uncompiled
from neurosim.data.rows import Rows
from neurosim.network.layers import Activated
from neurosim.network.network import Network
from neurosim.network.training import Settings, Training
from neurosim.randomness import permutation


class ReferenceBackend(Backend):
    """NumPy, float64, uncompiled functions."""

    name = "reference"
    dtype = np.float64

    def __init__(self, network: Network, training: Training, seed: int, threads: int | None = None) -> None:
        super().__init__(network, training, seed, threads)
        # What would run here only is refused as the compiled backends refuse it.
        activations = [layer.activation.record for layer in network.activated]
        gates = [layer.gate.record for layer in network.combining]
        for record in (*activations, *gates, network.loss.record, training.optimizer.record):
            check_formulas(record)

    def forward(self, features: NDArray[Any]) -> Array:
        """Network outputs (rows, outputs), float64."""
        return self._forward(features.astype(np.float64), self._trace())[1]

    def gradients(self, rows: Rows) -> tuple[float, Array]:
        """Mean objective and its gradient, flat; dropout off, batch statistics."""
        loss, gradient, _ = self.trace(rows)
        return loss, gradient

    def trace(self, rows: Rows) -> tuple[float, Array, Trace]:
        """As `gradients`, with everything that the passes there and back have left behind."""
        everything = np.arange(rows.count)
        trace = self._trace(training=True, row_numbers=everything)
        loss, _, gradient = self._learn(rows, everything, trace)
        return loss / rows.count + self.penalty(), gradient, trace

    def objective(self, rows: Rows) -> float:
        """The mean objective as `gradients` gives it, without its gradient."""
        everything = np.arange(rows.count)
        z, a = self._forward(_inputs(rows, everything), self._trace(training=True, row_numbers=everything))
        losses, _ = self._loss(z, a, rows, everything)
        return in_order(losses) / rows.count + self.penalty()

    def inspect(self, rows: Rows) -> Inspection:
        """As `gradients`, with what every layer computed."""
        loss, gradient, trace = self.trace(rows)
        return Inspection(loss, gradient, self._signals(trace))

    def signals(self, features: NDArray[Any]) -> dict[str, Signals]:
        """What every layer computes for inputs (rows, features), by the forward pass alone."""
        trace = self._trace(training=True, row_numbers=np.arange(len(features)))
        self._forward(features.astype(np.float64), trace)
        return self._signals(trace)

    def _signals(self, trace: Trace) -> dict[str, Signals]:
        return {
            layer.name: Signals(
                trace.outputs[layer.name],
                trace.saved[layer.name][1] if isinstance(layer, Activated) else None,
                trace.errors.get(layer.name),
            )
            for layer in self.network.parts
        }

    def train_step(self, rows: Rows) -> float:
        """One update on all `rows`; returns the mean objective before it."""
        everything = np.arange(rows.count)
        keys = dropout_keys(self.network, self.seed, "step", self.steps_done)
        trace = self._trace(training=True, keys=keys, row_numbers=everything, move_statistics=True)
        loss, _, gradient = self._learn(rows, everything, trace)
        before = loss / rows.count + self.penalty()
        self._update(gradient, self.training.unscheduled)
        return before

    def train_epoch(self, rows: Rows, epoch: int, first: int = 0, last: int | None = None) -> Totals:
        """Update on every batch of an epoch, or of some of its steps."""
        order = (
            permutation(shuffle_key(self.seed, epoch), rows.count) if self.training.shuffle else np.arange(rows.count)
        )
        course = self.course(rows.count)
        batch = course.batch(epoch)
        begin, end, last = self.span(rows, epoch, first, last)
        keys = dropout_keys(self.network, self.seed, epoch)
        loss = correct = 0.0
        settings = course.settings(epoch)
        for step, start in enumerate(range(begin, end, batch), first):
            chosen = order[start : start + batch]
            row_numbers = start + np.arange(chosen.size)
            trace = self._trace(training=True, keys=keys, row_numbers=row_numbers, move_statistics=True)
            batch_loss, batch_correct, gradient = self._learn(rows, chosen, trace)
            self._update(gradient, settings.some(step, step + 1))
            loss, correct = loss + batch_loss, correct + batch_correct
        return Totals(loss, correct, end - begin, rows.accuracy)

    def evaluate(self, rows: Rows) -> Totals:
        """Loss and right answers over `rows`; dropout off."""
        everything = np.arange(rows.count)
        z, a = self._forward(_inputs(rows, everything), self._trace())
        losses, _ = self._loss(z, a, rows, everything)
        return Totals(in_order(losses), self._correct(a, rows, everything), rows.count, rows.accuracy)

    def _trace(self, **how: Any) -> Trace:
        """A pass with the parameters as they are now."""
        statistics = self.network.named_statistics(self.statistics)
        return Trace(PASSES, self.network.named(self.parameters), statistics, **how)

    def _forward(self, x: Array, trace: Trace) -> tuple[Array, Array]:
        """What the last activation is given, and the outputs; both (rows, outputs)."""
        rows = x.shape[0]
        a = x.reshape(rows, *self.network.input_shape)
        for layer in self.network.layers:
            a = trace.forward(layer, a)
        last = self.network.layers[-1]
        z = trace.saved[last.name][1] if isinstance(last, Activated) else a
        return z.reshape(rows, -1), a.reshape(rows, -1)

    def _learn(self, rows: Rows, chosen: NDArray[np.int64], trace: Trace) -> tuple[float, float, Array]:
        """Sum of the loss, right answers and mean gradient of a batch, the rows `chosen`."""
        z, a = self._forward(_inputs(rows, chosen), trace)
        losses, d = self._loss(z, a, rows, chosen)
        gradient = np.zeros(self.network.size)
        trace.gradients = self.network.named(gradient)
        last = self.network.layers[-1]
        if self.network.pair is not None:
            trace.skip_activation(last)
        d = (d / chosen.size).reshape(chosen.size, *last.output_shape)
        for layer in reversed(self.network.layers):
            d = trace.backward(layer, d)
        for layer in self.network.penalized:
            weight, penalty = trace.weights[layer.weight.name], layer.penalty
            trace.gradients[layer.weight.name] += penalty.l1 * np.sign(weight) + penalty.l2 * weight
        gradient[self.network.learned_size :] = 0.0
        return in_order(losses), self._correct(a, rows, chosen), gradient

    def _loss(self, z: Array, a: Array, rows: Rows, chosen: NDArray[np.int64]) -> tuple[list[float], Array]:
        """Loss of each row, and the gradient with respect to a, or to z for a pair from logits; times its weight."""
        loss, pair = self.network.loss, self.network.pair
        formula = pair or loss.record
        value, gradient = uncompiled(formula.value), uncompiled(formula.derivative)
        d = np.zeros_like(a)
        losses = []
        with np.errstate(all="ignore"):
            for i, row in enumerate(chosen):
                weight = rows.weight(row)
                if weight == 0.0:  # left out, whatever its loss is
                    losses.append(0.0)
                    continue
                y = rows.classes[row] if loss.record.targets == "classes" else rows.values[row].astype(np.float64)
                given = (z[i], a[i], y) if pair else (a[i], y)
                losses.append(weight * float(value(*given, *loss.values)))
                gradient(*given, d[i], *loss.values)
                d[i] *= weight
        return losses, d

    def _correct(self, a: Array, rows: Rows, chosen: NDArray[np.int64]) -> float:
        if rows.accuracy == "none":
            return 0.0
        by_threshold = rows.accuracy == "threshold"
        answers = a[:, 0] > self.network.loss.record.threshold if by_threshold else a.argmax(axis=1)
        return float(np.sum(answers == rows.classes[chosen]))

    def _update(self, gradient: Array, settings: Settings) -> None:
        """Clip the gradient, and one step of the optimizer on every parameter."""
        self.steps_done += 1
        gradient = clipped(gradient, self.training)
        update_parameters(
            self.training, self.network.learned, self.parameters, gradient, self.state, self.steps_done, settings
        )


def _inputs(rows: Rows, chosen: NDArray[np.int64]) -> Array:
    return rows.features[chosen].astype(np.float64) * rows.scale + rows.shift


def clipped(gradient: Array, training: Training) -> Array:
    """The gradient within the bounds that training sets (Pascanu et al. 2013, arXiv:1211.5063, algorithm 1)."""
    if training.clip_value is not None:
        return np.clip(gradient, -training.clip_value, training.clip_value)
    if training.clip_norm is not None:
        norm = float(np.sqrt((gradient**2).sum()))
        return gradient * (training.clip_norm / norm) if norm > training.clip_norm else gradient
    return gradient
