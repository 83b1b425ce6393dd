"""The comparisons of deeper networks and of augmentation, one function each; see `pieces.py` for the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import deep_problems
from crew import Plan, Settings, crew, race, validate
from measure import Samples
from outcome import Outcome, Row, agree
from pieces import compare_training, counted, describe, duration, faster, learned_mnist, thread_counts

ROWS = 60_000
# As written in deep_torch_peer.py, which cannot be imported without PyTorch.
VECTOR_MODES = ("fused", "compile")
MAP_MODES = (*VECTOR_MODES, "fused, channels last", "compile, channels last")
# If there are many modes and epochs are long, only this many train on all rows.
FINALISTS = 2
HEAT_ROUNDS = 2


def lenet(settings: Settings) -> Outcome:
    """Two convolutions of 5 x 5 with few channels, and three dense layers."""
    return _training(settings, "lenet", "LeNet epoch vs PyTorch", 4, MAP_MODES)


def keras(settings: Settings) -> Outcome:
    """Convolutions of 3 x 3 with 32 and 64 channels."""
    return _training(settings, "keras", "Keras example epoch vs PyTorch", 2.6, MAP_MODES)


def resnet(settings: Settings) -> Outcome:
    """The network of the shipped `mnist-resnet`: 13 convolutions with batch norm in six residual blocks."""
    return _training(settings, "resnet", "mnist-resnet epoch vs PyTorch", 2, MAP_MODES)


def batchnorm(settings: Settings) -> Outcome:
    """784-256-128-10 with batch norm."""
    return _training(settings, "batchnorm", "MLP with batch norm, epoch vs PyTorch", 3.5, VECTOR_MODES)


def residual(settings: Settings) -> Outcome:
    """Nine hidden layers of 128 units, eight of them in four residual blocks."""
    return _training(settings, "residual", "residual MLP, epoch vs PyTorch", 3.5, VECTOR_MODES)


def augmentation(settings: Settings) -> Outcome:
    """The time that all kinds of augmentation add to an epoch of `mnist`."""
    plans = {
        name: Plan("deep_neurosim_side:AugmentedEpoch", settings.threads, {"augmented": name == "augmented"})
        for name in ("plain", "augmented")
    }
    outcome = Outcome()
    with crew(plans, settings, outcome) as workers:
        for name, worker in workers.items():
            settings.say(f"validating {name}")
            outcome.validation[name] = result = worker.validate()
            # There is no peer; the network must learn, even from distorted digits.
            agree(*learned_mnist(result))
        samples = race(workers, settings, outcome)
    added = samples["augmented"].median - samples["plain"].median
    work = "augmentation, all kinds on: time it adds to a mnist epoch, relative to the epoch"
    texts = {"ours": describe("augmented", samples), "theirs": describe("plain", samples)}
    outcome.rows = [Row(work, added / samples["plain"].median, 1.0, "x", True, **texts)]
    return outcome


def _training(settings: Settings, network: str, work: str, target: float, modes: tuple[str, ...]) -> Outcome:
    """An epoch compared with that of PyTorch's best mode.

    All modes are validated, and take part in a heat on some of the rows. The fastest of them then train on all rows,
    in turn with neurosim.
    """
    deep_problems.write_deep(settings.folder, network)
    ours = f"neurosim, {counted(settings.threads)}"
    options = {"folder": settings.folder, "network": network}
    plans = {ours: Plan("deep_neurosim_side:Epoch", settings.threads, options)}
    for mode in modes:
        for n in thread_counts(settings):
            plans[f"PyTorch {mode}, {counted(n)}"] = Plan("deep_torch_peer:Epoch", n, {**options, "mode": mode})
    outcome = Outcome()
    heat = _heat(plans, ours, settings, outcome)
    chosen = finalists(heat, ours)
    finals = {name: _with_rows(plan, ROWS) for name, plan in plans.items() if name == ours or name in chosen}
    with crew(finals, settings, outcome) as workers:
        samples = race(workers, settings, outcome)
    outcome.samples = {**samples, **{f"{name}, heat": taken for name, taken in heat.items()}}
    outcome.rows = [faster(work, ours, chosen, samples, target)]
    return outcome


def _heat(plans: Mapping[str, Plan], ours: str, settings: Settings, outcome: Outcome) -> dict[str, Samples]:
    """Validate all, and time them on some of the rows."""
    short = {name: _with_rows(plan, deep_problems.HEAT_ROWS) for name, plan in plans.items()}
    part = Outcome()
    with crew(short, settings, part) as workers:
        validate(workers, short, ours, compare_training, settings, part)
        samples = race(workers, replace(settings, rounds=HEAT_ROUNDS), part)
    outcome.validation, outcome.skipped = part.validation, part.skipped
    outcome.first_seconds = {f"{name}, heat": seconds for name, seconds in part.first_seconds.items()}
    times = "; ".join(f"{name}: {duration(taken.median)}" for name, taken in samples.items())
    outcome.notes.append(f"heat on {deep_problems.HEAT_ROWS} rows: {times}")
    return samples


def finalists(heat: Mapping[str, Samples], ours: str) -> list[str]:
    """The peers that were fastest in the heat, fastest first."""
    peers = [name for name in heat if name != ours]
    return sorted(peers, key=lambda name: heat[name].median)[:FINALISTS]


def _with_rows(plan: Plan, rows: int) -> Plan:
    return replace(plan, options={**plan.options, "rows": rows})
