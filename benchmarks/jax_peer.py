"""JAX's side of each comparison; `worker.Worker` says what a contender provides."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
import optax
import problems

Parameters = list[tuple[jax.Array, jax.Array]]


def logits_of(parameters: Parameters, x: jax.Array, keys: Any = None, dropout: float = 0.0) -> jax.Array:
    """Outputs before softmax; dropout after hidden layers if there are keys for it."""
    for number, (weight, bias) in enumerate(parameters[:-1]):
        x = jax.nn.relu(x @ weight + bias)
        if keys is not None:
            kept = jax.random.bernoulli(keys[number], 1 - dropout, x.shape)
            x = jnp.where(kept, x / (1 - dropout), 0)
    weight, bias = parameters[-1]
    return x @ weight + bias


class MnistEpoch:
    """One epoch of training in one call: jit, lax.scan over the batches, optax.adam.

    `random` is the generator for shuffles and dropout: "threefry2x32", JAX's own choice, or "rbg", XLA's.
    """

    units = repeats = 1

    def __init__(self, threads: int, folder: Path, random: str) -> None:
        jax.config.update("jax_default_prng_impl", random)
        self.mnist = problems.read_mnist(folder)
        self.rows = {name: jnp.asarray(array) for name, array in self.mnist.rows.items()}
        self.optimizer = optax.adam(self.mnist.rate)
        self.epoch = jax.jit(self._epoch, donate_argnums=0)
        self.start()

    def start(self) -> None:
        parameters = [(jnp.asarray(weight), jnp.asarray(bias)) for weight, bias in self.mnist.layers]
        self.carry = (parameters, self.optimizer.init(parameters), jax.random.key(0))

    def _epoch(self, carry: Any, x: jax.Array, y: jax.Array) -> tuple[Any, jax.Array]:
        def loss_of(parameters: Parameters, rows: jax.Array, keys: Any) -> jax.Array:
            logits = logits_of(parameters, x[rows], keys, self.mnist.dropout)
            return optax.softmax_cross_entropy_with_integer_labels(logits, y[rows]).mean()

        def step(carry: Any, rows: jax.Array) -> tuple[Any, jax.Array]:
            parameters, state, key = carry
            key, *keys = jax.random.split(key, len(parameters))
            loss, gradients = jax.value_and_grad(loss_of)(parameters, rows, keys)
            updates, state = self.optimizer.update(gradients, state)
            return (optax.apply_updates(parameters, updates), state, key), loss * len(rows)

        parameters, state, key = carry
        key, shuffle = jax.random.split(key)
        order = jax.random.permutation(shuffle, len(x))
        whole = len(x) // self.mnist.batch * self.mnist.batch
        carry, losses = jax.lax.scan(step, (parameters, state, key), order[:whole].reshape(-1, self.mnist.batch))
        if whole == len(x):
            return carry, losses.sum()
        # The last batch is smaller, and a scan has only one shape.
        carry, last = step(carry, order[whole:])
        return carry, losses.sum() + last

    def setup(self) -> None:
        pass

    def run(self) -> None:
        self.carry, self.total = self.epoch(self.carry, self.rows["train_x"], self.rows["train_y"])
        jax.block_until_ready(self.carry)

    def validate(self) -> dict[str, float]:
        self.start()
        for _ in range(problems.VALIDATION_EPOCHS):
            self.run()
        right = logits_of(self.carry[0], self.rows["test_x"]).argmax(1) == self.rows["test_y"]
        return {"train_loss": float(self.total) / len(self.rows["train_x"]), "test_accuracy": float(right.mean())}


class XorSteps:
    """Full-batch steps of some networks in one call: jit, vmap if there are several, lax.scan."""

    read = staticmethod(problems.read_xor)
    loss_of = staticmethod(optax.sigmoid_binary_cross_entropy)

    def __init__(self, threads: int, folder: Path, networks: int, steps: int, repeats: int, unroll: int = 1) -> None:
        self.repeats, self.units = repeats, networks * steps
        self.problem = self.read(folder)
        chosen = slice(0, networks) if networks > 1 else 0
        self.starts = [(jnp.asarray(weight[chosen]), jnp.asarray(bias[chosen])) for weight, bias in self.problem.starts]
        self.optimizer = optax.adam(self.problem.rate)

        def compiled(steps: int) -> Any:
            train = partial(self._train, steps, unroll)
            return jax.jit(jax.vmap(train) if networks > 1 else train)

        self.train, self.short = compiled(steps), compiled(problems.VALIDATION_STEPS)

    def _train(self, steps: int, unroll: int, parameters: Any) -> tuple[Any, jax.Array]:
        x, y = jnp.asarray(self.problem.x), jnp.asarray(self.problem.y)

        def loss_of(parameters: Any) -> jax.Array:
            a = x
            for weight, bias in parameters[:-1]:
                a = jnp.tanh(a @ weight + bias)
            weight, bias = parameters[-1]
            return self.loss_of(a @ weight + bias, y).mean()

        def step(carry: Any, _: None) -> tuple[Any, jax.Array]:
            parameters, state = carry
            loss, gradients = jax.value_and_grad(loss_of)(parameters)
            updates, state = self.optimizer.update(gradients, state)
            return (optax.apply_updates(parameters, updates), state), loss

        carry = (parameters, self.optimizer.init(parameters))
        (parameters, _), losses = jax.lax.scan(step, carry, None, length=steps, unroll=unroll)
        return parameters, losses[-1]

    def setup(self) -> None:
        pass

    def run(self) -> None:
        jax.block_until_ready(self.train(self.starts))

    def validate(self) -> dict[str, list[float]]:
        return {"losses": np.atleast_1d(np.asarray(self.short(self.starts)[1])).tolist()}


class MatrixSteps(XorSteps):
    """The same for the network that learns the exponential of a matrix."""

    read = staticmethod(problems.read_matrices)
    loss_of = staticmethod(optax.squared_error)
