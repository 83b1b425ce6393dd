"""What cannot be exported yet, in words: all of it in one sentence, so that nothing is exported by half."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from neurosim.builtins.activations import softmax
from neurosim.errors import UsageError
from neurosim.network.layers import Layer
from neurosim.network.network import Network
from neurosim.network.training import Training
from neurosim.plugin import FeedbackSchedule, RowActivation
from neurosim.scenario import Scenario
from neurosim.training.simulator import Simulator


def refusal(library: str, what: Iterable[str]) -> UsageError:
    """The error for what cannot be exported."""
    different = list(dict.fromkeys(what))
    listed = ", ".join(different[:-1]) + (" and " if len(different) > 1 else "") + different[-1]
    return UsageError(
        f"this run cannot be exported to {library} yet: it has {listed}",
        "docs/exchange.md says what can be.",
    )


def unexportable(simulator: Simulator) -> Iterator[str]:
    """Everything about a run, besides its layers and its loss, that has no counterpart in a script yet."""
    yield from _of_scenario(simulator.scenario)
    yield from _of_training(simulator.training)
    for layer in simulator.network.activated:
        if layer.learned:
            yield f"an activation that learns ({layer.activation.name})"
    if simulator.augments:
        yield "augmentation"
    if simulator.split_rows("train").weights.size:
        yield "rows that count more than others"


def without_counterpart(
    network: Network, layers: Iterable[Layer], kinds: Container[type[Layer]], *, derives: bool
) -> list[str]:
    """The kinds of layers besides these, and the activations, that a script in a library cannot have yet.

    Where the library `derives` by itself, an activation cannot have the derivative of another function.
    """
    missing = [f"{layer.kind} layers" for layer in layers if type(layer) not in kinds]
    for chosen in (layer.activation for layer in network.activated):
        record = chosen.record
        if isinstance(record, RowActivation) and record.f is not softmax:
            missing.append(f"the activation {chosen.name}, which is of whole rows")
        if derives and record.surrogate:
            missing.append(f"the activation {chosen.name}, whose derivative is another function's")
    return missing


def _of_scenario(scenario: Scenario) -> Iterator[str]:
    section = scenario.training
    for name in ("early_stopping", "keep_best"):
        if getattr(section, name):
            yield f"training.{name}"
    if scenario.may_stop_it:
        yield "training.observers"


def _of_training(training: Training) -> Iterator[str]:
    record = training.optimizer.record
    if record.looks_at_arrays:
        yield f"the optimizer {record.name}, which looks at whole arrays"
    if training.biases is not None:
        yield "optimizer.biases"
    if training.schedules:
        yield "optimizer.schedules"
    if training.batch_schedule is not None:
        yield "training.batch_schedule"
    if training.average is not None:
        yield "training.average"
    if training.schedule is not None and isinstance(training.schedule.record, FeedbackSchedule):
        yield f"the schedule {training.schedule.name}, which follows the losses"
