"""The comparisons on a GPU, one function each: contenders, validation, timing, rows of the table."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import problems
from measure import Samples, Timed, interleave
from outcome import Outcome, Row, agree, agree_each
from pieces import TRAINED_ALIKE, XOR_LOSS, XOR_SHARE, describe, faster

from neurosim.backends.base import Backend, shuffle_key
from neurosim.backends.select import make_backend, make_small_ensemble
from neurosim.data.rows import Rows
from neurosim.network.layers import Dense, of_kind
from neurosim.network.network import Network
from neurosim.network.training import Training
from neurosim.problem.assembly import assemble
from neurosim.randomness import permutation

# Same start and order, no dropout; sums are rounded the same but for their own order.
SAME_LOSS = {"train_loss": ("relative", 1e-3)}
# On the GPU and on the CPU: the same dropout masks too; 0.2 percentage points are allowed.
SAME_TRAINING = {"train_loss": ("relative", 5e-3), "test_accuracy": ("absolute", 2e-3)}
GOAL = 0.98
MOST_EPOCHS = 20
REPEATS_OF_GOAL = 5
XOR_STEPS = 20_000
PEER_XOR_STEPS = 1000
NETWORKS = 10_000
PRODUCT = 4096
PRODUCT_REPEATS = 20
WIDE = (784, 4096, 4096, 10)
WIDE_BATCH = 1024
WIDE_ROWS = 16 * WIDE_BATCH


@dataclass(frozen=True)
class Settings:
    """The number of rounds, the number of CPU threads, and the function for progress."""

    rounds: int
    threads: int
    say: Callable[[str], None]


class Ours:
    """Epochs of neurosim, on the GPU or on the CPU."""

    def __init__(
        self, network: Network, training: Training, rows: Rows, backend: str, threads: int | None = None
    ) -> None:
        self.make: Callable[[], Backend] = lambda: make_backend(backend, network, training, 0, threads)
        self.rows = rows
        self.restart()

    def restart(self) -> None:
        self.backend, self.epoch = self.make(), 0

    def run(self) -> None:
        # It ends when the host has the sums.
        totals = self.backend.train_epoch(self.rows, self.epoch)
        self.epoch += 1
        self.loss = totals.mean_loss

    def accuracy(self, rows: Rows) -> float:
        share = self.backend.evaluate(rows).accuracy_share
        assert share is not None
        return share


def scaled(rows: Rows) -> np.ndarray:
    """Features as the network sees them."""
    return rows.features.astype(np.float32) * np.float32(rows.scale) + np.float32(rows.shift)


def for_torch(network: Network, training: Training, rows: Rows, dropout: float, rate: float, epochs: int) -> Any:
    """The same training for PyTorch: initial values, rows, and neurosim's own orders of them."""
    import gpu_torch

    named = network.named(network.start_values(0))
    dense = of_kind(network.layers, Dense)
    order = np.arange(rows.count)
    orders = [permutation(shuffle_key(0, epoch), rows.count) if training.shuffle else order for epoch in range(epochs)]
    return gpu_torch.Classes(
        x=scaled(rows),
        y=rows.classes.astype(np.int64),
        layers=[(named[f"{layer.name}.weight"], named[f"{layer.name}.bias"]) for layer in dense],
        orders=orders,
        batch=training.batch_size,
        dropout=dropout,
        rate=rate,
    )


def prepared(names: Mapping[str, Callable[[], Any]], outcome: Outcome, settings: Settings) -> dict[str, Any]:
    """The contenders that can be created; a missing peer is no reason to measure nothing."""
    found = {}
    for name, make in names.items():
        settings.say(f"preparing {name}")
        start = time.perf_counter()
        try:
            contender = make()
            contender.run()
        except Exception as error:  # whatever PyTorch may raise
            if name == OURS:
                raise
            outcome.skipped[name] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            continue
        outcome.first_seconds[name] = time.perf_counter() - start
        found[name] = contender
    return found


OURS = "neurosim"


def race(
    contenders: Mapping[str, Any], settings: Settings, outcome: Outcome, units: Mapping[str, int] | None = None
) -> dict[str, Samples]:
    """Time all contenders in turn."""
    settings.say("timing")
    timed = {name: Timed(entry.run, (units or {}).get(name, 1)) for name, entry in contenders.items()}
    outcome.samples = interleave(timed, settings.rounds)
    return outcome.samples


def mnist(settings: Settings) -> Outcome:
    """An epoch of the shipped scenario."""
    import gpu_torch

    gpu_torch.full_float32()
    scenario = problems.mnist_scenario()
    problem = assemble(scenario)
    rows, test = problem.splits["train"], problem.splits["test"]
    training = problem.training
    epochs = settings.rounds + problems.VALIDATION_EPOCHS + 1
    work = for_torch(problem.network, training, rows, problems.dropout_of(scenario), problems.rate_of(scenario), epochs)
    outcome = Outcome()
    names: dict[str, Callable[[], Any]] = {OURS: lambda: Ours(problem.network, training, rows, "cuda")}
    for mode in gpu_torch.MODES:
        names[f"PyTorch {mode}"] = lambda mode=mode: gpu_torch.Epochs(work, mode)
    contenders = prepared(names, outcome, settings)

    settings.say("validating")
    on_cpu = Ours(problem.network, training, rows, "cpu", settings.threads)
    for name, entry in {"neurosim, CPU": on_cpu, **contenders}.items():
        entry.restart()
        for _ in range(problems.VALIDATION_EPOCHS):
            entry.run()
        share = (
            entry.accuracy(test)
            if isinstance(entry, Ours)
            else entry.accuracy(scaled(test), test.classes.astype(np.int64))
        )
        outcome.validation[name] = {"train_loss": entry.loss, "test_accuracy": share}
    ours: Any = outcome.validation[OURS]
    agree(outcome.validation["neurosim, CPU"], ours, SAME_TRAINING)  # type: ignore[arg-type]
    for name in contenders:
        agree(ours, outcome.validation[name], TRAINED_ALIKE)  # type: ignore[arg-type]

    samples = race(contenders, settings, outcome)
    compiled = [f"PyTorch {mode}" for mode in gpu_torch.MODES if mode.startswith("compile")]
    outcome.rows = [
        faster("mnist epoch vs PyTorch eager", OURS, [f"PyTorch {mode}" for mode in gpu_torch.EAGER], samples, 15),
        faster("mnist epoch vs PyTorch, whole step as a CUDA graph", OURS, ["PyTorch graph"], samples, 4),
        faster("mnist epoch vs torch.compile(reduce-overhead)", OURS, compiled, samples, 5),
    ]
    return outcome


def accuracy(settings: Settings) -> Outcome:
    """Seconds of training until the test accuracy is high enough; everything is compiled beforehand."""
    problem = assemble(problems.mnist_scenario())
    ours = Ours(problem.network, problem.training, problem.splits["train"], "cuda")
    ours.run()
    ours.accuracy(problem.splits["test"])
    seconds, epochs = [], []
    for _ in range(REPEATS_OF_GOAL):
        ours.restart()
        ours.backend.prepare()
        total, reached = 0.0, False
        while not reached and ours.epoch < MOST_EPOCHS:
            start = time.perf_counter()
            ours.run()
            total += time.perf_counter() - start
            reached = ours.accuracy(problem.splits["test"]) >= GOAL
        if not reached:
            return Outcome([Row("mnist to 98% on the test rows", None, 0.5, "s", True, f"not in {MOST_EPOCHS} epochs")])
        seconds.append(total)
        epochs.append(ours.epoch)
    taken = Samples(tuple(seconds))
    text = f"{epochs[0]} epochs; {taken.low:.3f} s to {taken.high:.3f} s"
    row = Row("mnist to 98% on the test rows", statistics.median(seconds), 0.5, "s", True, text)
    return Outcome([row], {OURS: taken}, notes=["evaluation is not in the time"])


class XorNetworks:
    """XOR networks side by side on one backend, from their initial values each time."""

    def __init__(self, backend: str, networks: int, steps: int, threads: int) -> None:
        problem = assemble(problems.xor_scenario())
        self.rows, self.networks, self.steps = problem.splits["train"], networks, steps
        self.backend = make_backend(backend, problem.network, problem.training, 0, threads)
        self.backend.prepare()
        self.restart()

    def restart(self) -> None:
        made = make_small_ensemble(self.backend, range(self.networks), [self.rows])
        assert made is not None
        self.ensemble = made

    def losses(self, steps: int) -> list[float]:
        """The loss of the last of this many steps."""
        self.restart()
        found = (self.ensemble.train(steps)[-1, :, 0] / self.rows.count).tolist()
        self.restart()
        return found

    def run(self) -> None:
        # It continues from its current state: a network that has learned costs as much as one that has not.
        self.ensemble.train(self.steps)


def xor(settings: Settings) -> Outcome:
    """One training step of one tiny network."""
    import gpu_torch

    gpu_torch.full_float32()
    with tempfile.TemporaryDirectory() as folder:
        problems.write_xor(Path(folder), 1)
        work = problems.read_xor(Path(folder))
    outcome = Outcome()
    names: dict[str, Callable[[], Any]] = {OURS: lambda: XorNetworks("cuda", 1, XOR_STEPS, settings.threads)}
    peers = {f"PyTorch {kind}": kind == "fused" for kind in gpu_torch.EAGER}
    for name, fused in peers.items():
        names[name] = lambda fused=fused: gpu_torch.XorSteps(work, PEER_XOR_STEPS, fused)
    contenders = prepared(names, outcome, settings)
    ours = contenders[OURS].losses(problems.VALIDATION_STEPS)
    for name, fused in peers.items():
        if name in contenders:
            theirs = [gpu_torch.XorSteps(work, 1, fused).train(problems.VALIDATION_STEPS)]
            agree_each(ours, theirs, XOR_LOSS)
    units = {name: XOR_STEPS if name == OURS else PEER_XOR_STEPS for name in contenders}
    samples = race(contenders, settings, outcome, units)
    outcome.rows = [faster("xor step vs PyTorch eager", OURS, list(peers), samples, 100)]
    return outcome


def ensemble(settings: Settings) -> Outcome:
    """Ten thousand tiny networks at once, compared with the CPU engine."""
    outcome = Outcome()
    steps, theirs = problems.ENSEMBLE_STEPS, f"neurosim, CPU, {settings.threads} threads"
    names: dict[str, Callable[[], Any]] = {
        OURS: lambda: XorNetworks("cuda", NETWORKS, steps, settings.threads),
        theirs: lambda: XorNetworks("cpu", NETWORKS, steps, settings.threads),
    }
    contenders = prepared(names, outcome, settings)
    losses = {name: entry.losses(problems.VALIDATION_STEPS) for name, entry in contenders.items()}
    agree_each(losses[OURS], losses[theirs], XOR_LOSS, XOR_SHARE)
    samples = race(contenders, settings, outcome)
    work = f"ensemble, {NETWORKS:,} xor networks x {steps:,} steps vs the CPU engine"
    outcome.rows = [faster(work, OURS, [theirs], samples, 50)]
    return outcome


class Repeated:
    """A product, repeated."""

    def __init__(self, run: Callable[[int], None]) -> None:
        self.multiply = run

    def run(self) -> None:
        self.multiply(PRODUCT_REPEATS)


def product(settings: Settings) -> Outcome:
    """The last rung of the ladder compared with cuBLAS."""
    import gpu_torch

    from neurosim.backends.cuda import ladder, probes
    from neurosim.bench.gpu_products import Operands

    gpu_torch.full_float32()
    operands = Operands((PRODUCT, PRODUCT, PRODUCT))
    rung = ladder.rungs()[-1]

    def multiply(times: int) -> None:
        for _ in range(times):
            rung.multiply(operands.a, operands.b, operands.c)
        probes.synchronize()

    cublas, result = gpu_torch.product(operands.left, operands.right)
    outcome = Outcome()
    contenders = prepared({OURS: lambda: Repeated(multiply), "cuBLAS": lambda: Repeated(cublas)}, outcome, settings)
    agree({"error": 0.0}, {"error": operands.error()}, {"error": ("absolute", 1e-5)})
    difference = float(np.abs(result() - operands.c.copy_to_host()).max() / np.abs(result()).max())
    agree({"difference": 0.0}, {"difference": difference}, {"difference": ("absolute", 1e-5)})
    samples = race(contenders, settings, outcome, dict.fromkeys(contenders, PRODUCT_REPEATS))
    share = 100 * samples["cuBLAS"].median / samples[OURS].median
    rate = 2 * PRODUCT**3 / samples[OURS].median / 1e12
    outcome.rows = [
        Row(
            f"own float32 product at {PRODUCT}^3, share of cuBLAS",
            share,
            65,
            "%",
            ours=f"{describe(OURS, samples)}, {rate:.1f} TFLOP/s",
            theirs=describe("cuBLAS", samples),
        )
    ]
    return outcome


def wide(settings: Settings) -> Outcome:
    """Layers that keep a GPU busy: 784-4096-4096-10 in batches of 1024."""
    import gpu_torch

    from neurosim.bench.problem import FULL, make_problem
    from neurosim.plugin.host import build_registry

    gpu_torch.full_float32()
    size = replace(FULL, widths=WIDE, batch=WIDE_BATCH, rows=WIDE_ROWS)
    problem = make_problem(size, build_registry(entry_points=False, environment=False))
    work = for_torch(problem.network, problem.training, problem.rows, 0.0, 1)
    outcome = Outcome(notes=[f"an epoch of {WIDE_ROWS:,} made-up rows"])
    names: dict[str, Callable[[], Any]] = {OURS: lambda: Ours(problem.network, problem.training, problem.rows, "cuda")}
    peers = [f"PyTorch {mode}" for mode in gpu_torch.EAGER]
    for mode in gpu_torch.EAGER:
        names[f"PyTorch {mode}"] = lambda mode=mode: gpu_torch.Epochs(work, mode)
    contenders = prepared(names, outcome, settings)
    for name, entry in contenders.items():
        entry.restart()
        entry.run()
        outcome.validation[name] = {"train_loss": entry.loss}
    for name in contenders:
        agree(outcome.validation[OURS], outcome.validation[name], SAME_LOSS)  # type: ignore[arg-type]
    samples = race(contenders, settings, outcome)
    row = faster("784-4096-4096-10, batch 1024, time relative to PyTorch eager", OURS, peers, samples, 1.1)
    value = None if row.value is None else 1.0 / row.value
    outcome.rows = [replace(row, value=value, at_most=True)]
    return outcome
