"""The same training on this machine's processors and on its GPU: checked, timed, and where the GPU overtakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from neurosim.backends.base import Backend
from neurosim.backends.cuda import probes
from neurosim.backends.select import make_backend, make_small_ensemble
from neurosim.backends.together import Together
from neurosim.bench.gpu_report import Crossover, Duel
from neurosim.bench.measure import Clock, Work, interleaved
from neurosim.bench.problem import SEED, Problem, Size, make_problem
from neurosim.data.rows import Rows
from neurosim.errors import BackendError
from neurosim.network.layers import Dense, Stack, choose
from neurosim.network.network import Network
from neurosim.network.training import Training
from neurosim.plugin.host import Registry

# Tolerance for the losses of two trainings in float32, which drift apart step by step: 1e-7 in a number becomes about
# 3e-4 within an epoch of MNIST.
TOLERANCE = 3e-3
# Some networks start on a watershed, where rounding decides which way they go.
AGREEING = 0.99
XOR_RATE = 0.05
XOR_UNITS = 4
XOR_CHECKED_STEPS = 100
CPU, GPU = "cpu", "cuda"


def _refuse(what: str, difference: float) -> BackendError:
    return BackendError(
        f"nothing was timed: {what} on the GPU and on the CPU differ by {difference:.1e}, more than "
        f"the {TOLERANCE:.0e} allowed",
        "A bug in neurosim, in a library, or in the GPU. Please report it.",
    )


# One network, epoch by epoch ------------------------------------------------------------------------------------


def compile_training(problem: Problem) -> None:
    """Compile all kernels that train this problem on the GPU, by training on two batches of it."""
    few = problem.first(2 * problem.training.batch_size)
    make_backend(GPU, problem.network, problem.training, SEED).train_epoch(few, 0)


def epoch_duel(value: int, problem: Problem, threads: int, rounds: int, clock: Clock) -> Duel:
    """An epoch of one network on CPU and GPU, with resident data, after an epoch that must give the same loss on both.

    Raises
    ------
    BackendError
        If it does not.
    """
    backends = {name: make_backend(name, problem.network, problem.training, SEED, threads) for name in (CPU, GPU)}
    # The first epoch compiles, uploads, and is compared.
    losses = {name: backend.train_epoch(problem.rows, 0).mean_loss for name, backend in backends.items()}
    difference = abs(losses[GPU] / losses[CPU] - 1.0)
    if not difference <= TOLERANCE:
        raise _refuse(f"the loss of an epoch ({value})", difference)
    works = {name: Work(_epoch_of(backend, problem.rows)) for name, backend in backends.items()}
    timings = interleaved(works, rounds, clock)
    flops = problem.size.flops_per_sample * problem.rows.count
    return Duel.of(value, timings[CPU], timings[GPU], flops, difference)


def _epoch_of(backend: Backend, rows: Rows) -> Any:
    epochs = iter(range(1, 1_000_000))
    # It ends with the sums of losses and of right answers, for which the host waits.
    return lambda: backend.train_epoch(rows, next(epochs))


def by_batch(
    size: Size, batches: Sequence[int], registry: Registry, threads: int, rounds: int, clock: Clock
) -> Crossover:
    """One epoch of the network of `size`, with various batch sizes."""
    duels = []
    problem = make_problem(size, registry)
    for batch in batches:
        changed = replace(problem, training=replace(problem.training, batch_size=batch))
        duels.append(epoch_duel(batch, changed, threads, rounds, clock))
    return Crossover("rows in a batch", duels)


def by_width(
    size: Size, widths: Sequence[int], registry: Registry, threads: int, rounds: int, clock: Clock
) -> Crossover:
    """One epoch of the rows of `size`, for networks with two hidden layers of various widths."""
    duels = []
    for width in widths:
        shape = (size.widths[0], width, width, size.widths[-1])
        problem = make_problem(replace(size, widths=shape), registry)
        duels.append(epoch_duel(width, problem, threads, rounds, clock))
    return Crossover("units in a hidden layer", duels)


# Many small networks --------------------------------------------------------------------------------------------


def xor_problem(registry: Registry) -> tuple[Network, Training, Rows]:
    """2-4-1, tanh and sigmoid, Adam; all four rows in one batch, in order."""
    stack = Stack((2,))
    glorot = choose(registry.initializers.get("glorot_uniform"))
    Dense.put_on(stack, XOR_UNITS, choose(registry.activations.get("tanh")), glorot)
    Dense.put_on(stack, 1, choose(registry.activations.get("sigmoid")), glorot)
    network = Network.of(stack, choose(registry.losses.get("binary_cross_entropy")))
    training = Training(
        optimizer=choose(registry.optimizers.get("adam"), {"lr": XOR_RATE}),
        batch_size=4,
        shuffle=False,
        epochs=1,
    )
    features = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    classes = np.array([0, 1, 1, 0], np.int32)
    return network, training, Rows(features, classes[:, None].astype(np.float32), classes, "threshold")


def by_networks(
    counts: Sequence[int], steps: int, registry: Registry, threads: int, rounds: int, clock: Clock
) -> Crossover:
    """Various numbers of XOR networks that differ in their seed, `steps` steps of each.

    Raises
    ------
    BackendError
        If too many have a different loss on the GPU than on the CPU.
    """
    network, training, rows = xor_problem(registry)
    backends = {name: make_backend(name, network, training, SEED, threads) for name in (CPU, GPU)}
    duels = []
    for count in counts:
        teams = {name: _Team(backend, count, rows) for name, backend in backends.items()}
        checked = min(XOR_CHECKED_STEPS, steps)
        losses = {name: team.fresh().train(checked)[-1, :, 0] for name, team in teams.items()}
        differences = np.sort(np.abs(losses[GPU] / losses[CPU] - 1.0))
        difference = float(differences[int(AGREEING * (count - 1))])
        if not difference <= TOLERANCE:
            raise _refuse(f"the losses of {count:,} XOR networks", difference)
        works = {name: Work(team.trainer(steps), reset=team.renew) for name, team in teams.items()}
        timings = interleaved(works, rounds, clock)
        weights = 2 * XOR_UNITS + XOR_UNITS
        flops = (6 * weights - 2 * 2 * XOR_UNITS) * rows.count * steps * count
        duels.append(Duel.of(count, timings[CPU], timings[GPU], flops, difference))
    return Crossover("XOR networks side by side", duels)


class _Team:
    """Networks on one backend that can be started over."""

    def __init__(self, backend: Backend, count: int, rows: Rows) -> None:
        self._backend, self._count, self._rows = backend, count, rows

    def fresh(self) -> Together:
        """Networks with their initial values."""
        self._backend.prepare()
        made = make_small_ensemble(self._backend, range(self._count), [self._rows])
        assert made is not None, "networks of this size are small on every backend"
        return made

    def renew(self) -> None:
        """Restore the initial values for the next run, off the clock, and wait until the GPU has done so."""
        self._networks = self.fresh()
        probes.synchronize()

    def trainer(self, steps: int) -> Any:
        """A function that trains the networks; it ends with their losses, for which the host waits."""
        return lambda: self._networks.train(steps)
