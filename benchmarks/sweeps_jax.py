"""JAX's side of `sweeps.py`, a script of its own: every trial in one `vmap`, and a row of the table for each rate.

python benchmarks/sweeps_jax.py TABLE.csv SEEDS STEPS RATE...
"""

from __future__ import annotations

import csv
import os
import sys

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy import stats

UNITS = ((2, 6), (6, 1))
X = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = jnp.array([[0.0], [1.0], [1.0], [0.0]])


def answers(parameters, x):
    (hidden, first), (out, second) = parameters
    return jnp.tanh(x @ hidden + first) @ out + second


def loss_of(parameters):
    return optax.sigmoid_binary_cross_entropy(answers(parameters, X), Y).mean()


def trained(steps, rate, seed):
    """Loss and accuracy of one network at its end."""
    keys = jax.random.split(jax.random.key(seed), len(UNITS))
    glorot = jax.nn.initializers.glorot_uniform()
    parameters = [(glorot(key, shape), jnp.zeros(shape[1])) for key, shape in zip(keys, UNITS, strict=True)]
    optimizer = optax.adam(rate)

    def step(carry, _):
        parameters, state = carry
        updates, state = optimizer.update(jax.grad(loss_of)(parameters), state)
        return (optax.apply_updates(parameters, updates), state), None

    (parameters, _), _ = jax.lax.scan(step, (parameters, optimizer.init(parameters)), None, length=steps)
    right = (answers(parameters, X) > 0) == (Y > 0.5)
    return loss_of(parameters), right.mean()


def main() -> None:
    path, (seeds, steps), rates = sys.argv[1], map(int, sys.argv[2:4]), [float(rate) for rate in sys.argv[4:]]
    of_seeds = jax.vmap(lambda rate, seed: trained(steps, rate, seed), (None, 0))
    train = jax.jit(jax.vmap(of_seeds, (0, None)))
    losses, accuracies = map(np.asarray, train(jnp.array(rates), jnp.arange(seeds)))
    order = np.lexsort((losses.mean(1), -accuracies.mean(1)))
    best = accuracies[order[0]]
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["rate", "accuracy", "half", "n", "p"])
        for place in order:
            own = accuracies[place]
            half = stats.t.ppf(0.975, seeds - 1) * stats.sem(own)
            p = "" if (own == best).all() else stats.ttest_rel(own, best).pvalue
            table.writerow([rates[place], own.mean(), half, seeds, p])


if __name__ == "__main__":
    main()
