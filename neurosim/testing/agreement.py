"""The same numbers from every backend: a record runs in a small network on each, and the results are compared."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.base import Backend
from neurosim.backends.select import make_backend
from neurosim.data.rows import Rows
from neurosim.network.layers import Dense, Gated, Stack, choose
from neurosim.network.network import Network
from neurosim.network.training import Training
from neurosim.plugin import Activation, Gate, Loss, Optimizer, RowActivation
from neurosim.plugin.activation_records import learned_role
from neurosim.testing.plain import Array, Curve, numbers
from neurosim.testing.probe import PROBE, ZEROS
from neurosim.testing.scope import Scope, built_in
from neurosim.testing.verdicts import Verdict, failed, number, passed, size

Sets = Sequence[Mapping[str, float]]
ITEM = "reference = cpu"
# float32 has about seven digits, and a formula loses some of them along the way.
TOLERANCE = 1e-5
UPDATE_TOLERANCE = 1e-4
STEPS = 10
# For networks with more parameters than this, compilation is faster.
LARGE = 4200
_EPSILON, _LARGEST = float(np.finfo(np.float32).eps), float(np.finfo(np.float32).max)


def make_layer(backend: str, units: int, activation: Any, loss: Any, optimizer: Any = None) -> Backend:
    """One dense layer with zero weights, so that the inputs do not matter."""
    registry = built_in()
    stack = Stack((LARGE // units + 1,))
    Dense.put_on(stack, units, activation, choose(ZEROS))
    rule = optimizer or choose(registry.optimizers.get("sgd"))
    training = Training(rule, batch_size=1, shuffle=False, epochs=1)
    return make_backend(backend, Network.of(stack, loss), training, seed=0, threads=1)


def gate_agreement(record: Gate, u: Array, v: Array, sets: Sets) -> Verdict:
    """Whether a gate and its derivatives are the same in the reference and compiled for the CPU."""
    worst = _Worst()
    for params in sets:
        (_, *expected), (_, *actual) = (
            run_layer(_gated(name, u.size, record, params), np.concatenate([u, v]), np.ones(u.size))
            for name in ("reference", "cpu")
        )
        pairs = [f"({number(float(a))}, {number(float(b))})" for a, b in zip(u, v, strict=True)]
        worst.add(actual[0], expected[0], 0.0, [f"f{pair}" for pair in pairs])
        worst.add(actual[1], expected[1], 0.0, [f"{role}{pair}" for role in ("du", "dv") for pair in pairs])
    return worst.verdict("values and derivatives")


def _gated(backend: str, units: int, record: Gate, params: Mapping[str, float]) -> Backend:
    """Gated units behind a dense layer with zero weights."""
    registry = built_in()
    stack = Stack((LARGE // units + 1,))
    Dense.put_on(stack, 2 * units, choose(registry.activations.get("identity")), choose(ZEROS))
    Gated.put_on(stack, choose(record, params), 2)
    training = Training(choose(registry.optimizers.get("sgd")), batch_size=1, shuffle=False, epochs=1)
    return make_backend(backend, Network.of(stack, choose(PROBE)), training, seed=0, threads=1)


def run_layer(bench: Backend, z: NDArray[Any], values: NDArray[Any], label: int = 0) -> tuple[float, Array, Array]:
    """Loss, outputs and gradient with respect to the weighted sums of a layer whose weighted sums are `z`."""
    loss, outputs, gradient, _ = _run(bench, z, values, label)
    return loss, outputs, gradient


def _run(
    bench: Backend, z: NDArray[Any], values: NDArray[Any], label: int = 0
) -> tuple[float, Array, Array, list[Array]]:
    """As `run_layer`, with the gradients with respect to what each unit's activation learns."""
    (layer,) = bench.network.weighted
    assert layer.bias is not None
    bias = layer.bias.span
    bench.parameters[bias] = z
    features = np.zeros((1, bench.network.inputs), np.float32)
    row = Rows(features, values[None].astype(np.float32), np.array([label], np.int32), "none")
    with np.errstate(all="ignore"):
        loss, gradient = bench.gradients(row)
        outputs = bench.forward(features)[0].astype(np.float64)
    learned = [gradient[parameter.span].astype(np.float64) for parameter in layer.learned]
    return float(loss), outputs, gradient[bias].astype(np.float64), learned


def activation_on(backend: str, record: Any, params: Mapping[str, float], z: Array) -> tuple[Array, ...]:
    """`f`, `df` and the derivatives with respect to learned parameters at `z`, computed by a backend."""
    bench = make_layer(backend, z.size, choose(record, params, "unit"), choose(PROBE))
    _, outputs, gradient, learned = _run(bench, z.astype(np.float32), np.ones(z.size))
    return outputs, gradient, *learned


def activation_agreement(record: Activation, z: Array, sets: Sets) -> Verdict:
    """Whether `f` and its derivatives are the same in the reference and compiled for the CPU."""
    z = z.astype(np.float32).astype(np.float64)
    worst = _Worst()
    for params in sets:
        curve = Curve(record, numbers(params))
        expected = activation_on("reference", record, params, z)
        actual = activation_on("cpu", record, params, z)
        functions: dict[str, Callable[[Array], Array]] = {"f": curve.f, "df": curve.df}
        functions |= {learned_role(name): partial(curve.by, name) for name in record.learn}
        for (name, function), ours, theirs in zip(functions.items(), actual, expected, strict=True):
            # The effect on the result of rounding the input alone.
            with np.errstate(all="ignore"):
                near = [np.abs(function(z * (1.0 + sign * 4.0 * _EPSILON)) - theirs) for sign in (-1.0, 1.0)]
            worst.add(ours, theirs, np.maximum(*near), [f"{name}({number(float(at))})" for at in z])
    return worst.verdict("values and derivatives")


class _Worst:
    """The largest difference between two backends, as a share of the tolerance."""

    def __init__(self) -> None:
        self.error = 0.0
        self.share = -1.0
        self.text = ""
        self.compared = 0

    def add(self, actual: Array, expected: Array, slack: Array | float, places: Sequence[str]) -> None:
        """Compare arrays; numbers that are not finite, or too large for float32, are left to other checks."""
        with np.errstate(all="ignore"):
            scale = np.maximum(1.0, np.abs(expected))
            errors = np.nan_to_num(np.abs(actual - expected) / scale, nan=np.inf, posinf=np.inf)
            shares = errors / (TOLERANCE + np.nan_to_num(slack / scale, nan=np.inf))
        known = np.isfinite(expected) & (np.abs(expected) <= _LARGEST)
        self.compared += int(known.sum())
        if not known.any():
            return
        k = int(np.argmax(np.where(known, shares, -1.0)))
        if shares[k] > self.share:
            self.share, self.error = float(shares[k]), float(errors[k])
            self.text = f"{places[k]} is {number(expected[k])} in the reference and {number(actual[k])} on the CPU"

    def verdict(self, what: str) -> Verdict:
        if not self.compared:
            return failed(ITEM, "nothing to compare: no number is finite")
        if self.share > 1.0:
            return failed(ITEM, f"{self.text}: a difference of {size(self.error)}; {TOLERANCE:.0e} is allowed")
        return passed(ITEM, f"{what} agree; largest difference {size(self.error)}")


def row_activation_agreement(record: RowActivation, rows: list[tuple[Array, Array]], sets: Sets) -> Verdict:
    """Whether a row-wise activation is the same in the reference and compiled, forward and backward."""
    worst = _Worst()
    for params in sets:
        for units in sorted({z.size for z, _ in rows}):
            benches = [make_layer(name, units, choose(record, params), choose(PROBE)) for name in ("reference", "cpu")]
            for z, da in rows:
                if z.size != units:
                    continue
                (_, *expected), (_, *actual) = (run_layer(bench, z.astype(np.float32), da) for bench in benches)
                for name, ours, theirs in zip(("f", "backward"), actual, expected, strict=True):
                    places = [f"number {k} of {name} for z = {_row(z)}" for k in range(units)]
                    worst.add(ours, theirs, 0.0, places)
    return worst.verdict("values and products with the Jacobian")


def loss_agreement(record: Loss, cases: Mapping[str, list[tuple[Array, Any]]], sets: Sets, chosen: Scope) -> Verdict:
    """Whether a loss is the same in the reference and compiled.

    `cases` has rows and targets: under an empty name for the loss itself, otherwise for the pair with the activation
    of that name.
    """
    worst = _Worst()
    identity = built_in().activations.get("identity")
    for params, (name, rows) in itertools.product(sets, cases.items()):
        activation = chosen.activation(record, name) if name else identity
        for units in sorted({z.size for z, _ in rows}):
            layer = (units, choose(activation), choose(record, params))
            benches = [make_layer(backend, *layer) for backend in ("reference", "cpu")]
            for z, y in rows:
                if z.size != units:
                    continue
                values, label = (np.zeros(units), int(y)) if record.targets == "classes" else (y, 0)
                (loss, _, slope), (our_loss, _, our_slope) = (
                    run_layer(bench, z.astype(np.float32), values, label) for bench in benches
                )
                where = f"for {'z' if name else 'a'} = {_row(z)}, y = {_row(np.atleast_1d(y))}"
                worst.add(np.array([our_loss]), np.array([loss]), 0.0, [f"the value {where}"])
                worst.add(our_slope, slope, 0.0, [f"entry {k} of the gradient {where}" for k in range(units)])
    return worst.verdict("values and gradients")


def update_agreement(record: Optimizer, sets: Sets) -> Verdict:
    """Whether ten updates are the same in the reference and compiled."""
    largest = 0.0
    for params in sets:
        layer = (3, choose(built_in().activations.get("identity")), choose(PROBE), choose(record, params))
        reference, cpu = (make_layer(backend, *layer) for backend in ("reference", "cpu"))
        for error in _training_errors(reference, cpu):
            if not error <= UPDATE_TOLERANCE:
                text = f"after {reference.steps_done} updates parameters differ by {size(error)}"
                return failed(ITEM, f"{text} of the largest; {UPDATE_TOLERANCE:.0e} is allowed")
            largest = max(largest, error)
    return passed(ITEM, f"parameters agree after {STEPS} updates; largest difference {size(largest)}")


def _training_errors(reference: Backend, cpu: Backend) -> Iterator[float]:
    """The difference of the parameters after each of several updates with equal gradients, relative to the largest."""
    random = np.random.default_rng(10)
    start = random.normal(size=cpu.network.size).astype(np.float32)
    cpu.parameters[:] = start
    reference.parameters[:] = start
    for _ in range(STEPS):
        # Gradients of the probe depend only on the rows: sums of a single number, the same in any precision.
        row = step_row(random, cpu.network.inputs, cpu.network.outputs)
        with np.errstate(all="ignore"):
            reference.train_step(row)
            cpu.train_step(row)
        known = np.isfinite(reference.parameters)
        theirs, ours = reference.parameters[known], cpu.parameters[known]
        yield float(np.abs(ours - theirs).max(initial=0.0) / np.abs(theirs).max(initial=1.0))


def step_row(random: np.random.Generator, inputs: int, outputs: int) -> Rows:
    """A random row for one update with the probe."""
    features = np.round(random.normal(size=(1, inputs)), 2).astype(np.float32)
    values = np.round(random.normal(size=(1, outputs)), 2).astype(np.float32)
    return Rows(features, values, np.zeros(1, np.int32), "none")


def _row(values: Array) -> str:
    return f"[{', '.join(number(value) for value in values)}]"
