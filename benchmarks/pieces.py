"""The comparisons in worker processes, one function each: contenders, validation, timing, table rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import peak
import problems
from crew import Plan, Settings, crew, race, validate
from measure import Samples, fastest
from outcome import Outcome, Row, agree, agree_each

# After two epochs, from the same weights but with different shuffles and dropout masks.
TRAINED_ALIKE = {"train_loss": ("relative", 0.05), "test_accuracy": ("absolute", 0.01)}
# Without a peer.
LEARNED = {"test_accuracy": ("absolute", 0.03)}
# The same weights on the same rows.
EVALUATED_ALIKE = {"loss": ("relative", 1e-4), "accuracy": ("absolute", 2e-4)}
# The same start and the same full batches; float32 rounds differently where sums are ordered differently.
XOR_LOSS = 1e-3
# Of a thousand networks a few start on a watershed, where a rounding error decides which way they go.
XOR_SHARE = 0.99
# Steps per call, for contenders that take microseconds per step and for one that takes a hundred, and calls per round.
XOR_STEPS, XOR_PEER_STEPS, XOR_REPEATS = 20_000, 1000, 10
# Steps of 10,000 rows take a millisecond.
MATRIX_STEPS = 200
# What should be reached of the peak of SGEMM, in percent, by the number of threads.
DENSE_SHARES = {1: 80.0, 2: 72.0}
OTHER_ACTIVATIONS = ("tanh", "sigmoid", "gelu", "swish")


def thread_counts(settings: Settings) -> list[int]:
    return sorted({1, settings.threads})


def counted(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def faster(work: str, ours: str, peers: list[str], samples: Mapping[str, Samples], target: float) -> Row:
    """The speed relative to the best of some peers."""
    best = fastest(samples, peers)
    if best is None:
        return Row(work, None, target, "x", ours=describe(ours, samples), theirs="no peer could be timed")
    ratio = samples[best].median / samples[ours].median
    return Row(work, ratio, target, "x", ours=describe(ours, samples), theirs=describe(best, samples))


def describe(name: str, samples: Mapping[str, Samples]) -> str:
    taken = samples[name]
    return f"{name}: {duration(taken.median)} ({duration(taken.low)} to {duration(taken.high)})"


def duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def learned_mnist(result: Any) -> tuple[dict[str, float], Any, dict[str, tuple[str, float]]]:
    """The measures of a trained network, for `agree`."""
    return {"test_accuracy": 0.96}, result, LEARNED


def compare_training(ours: Any, theirs: Any) -> None:
    agree(ours, theirs, TRAINED_ALIKE)


def compare_evaluation(ours: Any, theirs: Any) -> None:
    agree(ours, theirs, EVALUATED_ALIKE)


def compare_outputs(ours: Any, theirs: Any) -> None:
    agree_each(ours["outputs"], theirs["outputs"], 1e-4)


def compare_losses(ours: Any, theirs: Any) -> None:
    count = len(theirs["losses"])
    agree_each(ours["losses"][:count], theirs["losses"], XOR_LOSS, XOR_SHARE)


def mnist(settings: Settings) -> Outcome:
    """An epoch of training, its share of the machine's peak, and the gain from a second thread."""
    problems.write_mnist(settings.folder)
    options = {"folder": settings.folder}
    counts, most = thread_counts(settings), settings.threads
    plans = {f"neurosim, {counted(n)}": Plan("neurosim_side:MnistEpoch", n, options) for n in counts}
    for mode in ("eager", "fused", "compile"):
        for n in counts:
            plan = Plan("torch_peer:MnistEpoch", n, {**options, "mode": mode})
            plans[f"PyTorch {mode}, {counted(n)}"] = plan
    for random in ("threefry2x32", "rbg"):
        plans[f"JAX {random}, {counted(most)}"] = Plan("jax_peer:MnistEpoch", most, {**options, "random": random})
    for n in counts:
        plan = Plan("neurosim_side:MnistEpoch", n, {**options, "dense": True})
        plans[f"neurosim, all terms, {counted(n)}"] = plan
    plans |= {f"SGEMM, {counted(n)}": Plan("peak:Sgemm", n) for n in counts}
    ours, alone = f"neurosim, {counted(most)}", f"neurosim, {counted(1)}"
    outcome = Outcome()
    with crew(plans, settings, outcome) as workers:
        validate(workers, plans, ours, compare_training, settings, outcome)
        samples = race(workers, settings, outcome)
    outcome.rows = [
        faster("mnist epoch vs PyTorch", ours, [n for n in samples if n.startswith("PyTorch")], samples, 4.5),
        faster("mnist epoch vs JAX", ours, [n for n in samples if n.startswith("JAX")], samples, 2.6),
    ]
    flop = problems.epoch_flop(problems.read_mnist(settings.folder))
    for n in counts:
        name = f"neurosim, all terms, {counted(n)}"
        rate, top = flop / samples[name].median, 1 / samples[f"SGEMM, {counted(n)}"].median
        share = Row(
            f"mnist epoch, no term left out, share of SGEMM peak on {counted(n)}",
            100 * rate / top,
            DENSE_SHARES.get(n),
            "%",
            ours=f"{rate / 1e9:.0f} GFLOP/s",
            theirs=f"{peak.SIZE}^3: {top / 1e9:.0f} GFLOP/s",
        )
        outcome.rows.append(share)
    if most > 1:
        outcome.rows.append(faster(f"mnist epoch, {counted(most)} vs 1", ours, [alone], samples, 1.7))
    return outcome


def activations(settings: Settings) -> Outcome:
    """The same network with other hidden units."""
    problems.write_mnist(settings.folder)
    plans = {
        name: Plan("neurosim_side:MnistEpoch", settings.threads, {"folder": settings.folder, "activation": name})
        for name in ("relu", *OTHER_ACTIVATIONS)
    }
    outcome = Outcome()
    with crew(plans, settings, outcome) as workers:
        for name, worker in workers.items():
            settings.say(f"validating {name}")
            result = worker.validate()
            outcome.validation[name] = result
            # There is no peer here, but a network that learns nothing may be fast for a bad reason.
            agree(*learned_mnist(result))
        samples = race(workers, settings, outcome)
    for name in OTHER_ACTIVATIONS:
        ratio = samples[name].median / samples["relu"].median
        texts = {"ours": describe(name, samples), "theirs": describe("relu", samples)}
        outcome.rows.append(Row(f"mnist epoch with {name}, time relative to relu", ratio, 1.15, "x", True, **texts))
    return outcome


def evaluation(settings: Settings) -> Outcome:
    """10,000 rows forward: as an evaluation, and as an array in and an array out."""
    problems.write_mnist(settings.folder)
    outcome = Outcome()
    kinds = (
        ("mnist evaluation (loss and accuracy)", "MnistEvaluation", compare_evaluation),
        ("mnist forward (array to array)", "MnistForward", compare_outputs),
    )
    for work, kind, compare in kinds:
        options = {"folder": settings.folder}
        ours = f"neurosim {kind}, {counted(settings.threads)}"
        plans = {ours: Plan(f"neurosim_side:{kind}", settings.threads, options)}
        for n in thread_counts(settings):
            for rows in (1000, 10_000):
                plan = Plan(f"torch_peer:{kind}", n, {**options, "rows": rows})
                plans[f"PyTorch {kind} by {rows} rows, {counted(n)}"] = plan
        part = Outcome()
        with crew(plans, settings, part) as workers:
            validate(workers, plans, ours, compare, settings, part)
            samples = race(workers, settings, part)
        outcome.rows.append(faster(work, ours, [name for name in plans if name != ours], samples, 1.8))
        for field in ("samples", "first_seconds", "validation", "skipped"):
            getattr(outcome, field).update(getattr(part, field))
    return outcome


def xor(settings: Settings) -> Outcome:
    """One training step of one tiny network."""
    problems.write_xor(settings.folder, 1)
    options = {"folder": settings.folder}
    few = {**options, "steps": XOR_PEER_STEPS, "repeats": 1}
    many = {**options, "networks": 1, "steps": XOR_STEPS, "repeats": XOR_REPEATS}
    plans = {
        "neurosim": Plan("neurosim_side:XorSteps", 1, many),
        "PyTorch eager": Plan("torch_peer:XorSteps", 1, {**few, "mode": "eager"}),
        "PyTorch fused": Plan("torch_peer:XorSteps", 1, {**few, "mode": "fused"}),
    }
    for unroll in (1, 4):
        for n in thread_counts(settings):
            plan = Plan("jax_peer:XorSteps", n, {**many, "unroll": unroll})
            plans[f"JAX unroll={unroll}, {counted(n)}"] = plan
    outcome = Outcome(notes=["neurosim: SmallEnsemble of one network, the loop that `neurosim run xor` uses too"])
    with crew(plans, settings, outcome) as workers:
        validate(workers, plans, "neurosim", compare_losses, settings, outcome)
        samples = race(workers, settings, outcome)
    outcome.rows = [
        faster("xor step vs PyTorch eager", "neurosim", ["PyTorch eager", "PyTorch fused"], samples, 500),
        faster("xor step vs JAX lax.scan", "neurosim", [n for n in samples if n.startswith("JAX")], samples, 4),
    ]
    return outcome


def ensemble(settings: Settings) -> Outcome:
    """A thousand tiny networks at once; time of one step of one network."""
    problems.write_xor(settings.folder, problems.XOR_NETWORKS)
    options = {"folder": settings.folder, "networks": problems.XOR_NETWORKS, "repeats": 1}
    options["steps"] = problems.ENSEMBLE_STEPS
    plans = {
        "neurosim": Plan("neurosim_side:XorSteps", settings.threads, options),
        "JAX vmap": Plan("jax_peer:XorSteps", settings.threads, options),
        "JAX vmap, unroll=4": Plan("jax_peer:XorSteps", settings.threads, {**options, "unroll": 4}),
    }
    outcome = Outcome()
    with crew(plans, settings, outcome) as workers:
        validate(workers, plans, "neurosim", compare_losses, settings, outcome)
        samples = race(workers, settings, outcome)
    work = f"ensemble, {problems.XOR_NETWORKS:,} xor networks x {problems.ENSEMBLE_STEPS:,} steps vs JAX vmap"
    outcome.rows = [faster(work, "neurosim", ["JAX vmap", "JAX vmap, unroll=4"], samples, 4)]
    return outcome


def matrices(settings: Settings) -> Outcome:
    """A step of a small network with all of 10,000 rows."""
    problems.write_matrices(settings.folder)
    options = {"folder": settings.folder, "steps": MATRIX_STEPS, "repeats": 1}
    ours = f"neurosim, {counted(settings.threads)}"
    plans = {ours: Plan("neurosim_side:MatrixSteps", settings.threads, options)}
    for n in thread_counts(settings):
        for mode in ("eager", "fused", "compile"):
            plans[f"PyTorch {mode}, {counted(n)}"] = Plan("torch_peer:MatrixSteps", n, {**options, "mode": mode})
        jax_options = {**options, "networks": 1}
        plans[f"JAX, {counted(n)}"] = Plan("jax_peer:MatrixSteps", n, jax_options)
    outcome = Outcome()
    with crew(plans, settings, outcome) as workers:
        validate(workers, plans, ours, compare_losses, settings, outcome)
        samples = race(workers, settings, outcome)
    work = f"step of a small network with {problems.MATRICES:,} rows vs"
    outcome.rows = [
        faster(f"{work} PyTorch", ours, [n for n in samples if n.startswith("PyTorch")], samples, 4),
        faster(f"{work} JAX", ours, [n for n in samples if n.startswith("JAX")], samples, 1.5),
    ]
    return outcome
