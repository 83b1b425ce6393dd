"""The contenders of one benchmark: started, validated against neurosim, timed in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import Samples, interleave
from outcome import DisagreementError, Outcome
from worker import Worker, WorkerError


@dataclass(frozen=True)
class Settings:
    """The settings from the command line."""

    rounds: int
    threads: int
    folder: Path
    say: Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How to create a contender; a peer may be missing, neurosim may not."""

    factory: str
    threads: int
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def peer(self) -> bool:
        return "peer:" in self.factory


@contextmanager
def crew(plans: Mapping[str, Plan], settings: Settings, outcome: Outcome) -> Iterator[dict[str, Worker]]:
    """Workers by name, one process each; those that cannot be started are noted in `outcome`."""
    with ExitStack() as stack:
        workers = {}
        for name, plan in plans.items():
            settings.say(f"starting {name}")
            try:
                worker = Worker(plan.factory, plan.threads, settings.threads, **plan.options)
            except WorkerError as error:
                if not plan.peer:
                    raise WorkerError(f"{name}: {error}") from None
                outcome.skipped[name] = str(error)
                continue
            stack.callback(worker.close)
            workers[name] = worker
            outcome.first_seconds[name] = worker.first_seconds
        yield workers


def validate(
    workers: Mapping[str, Worker],
    plans: Mapping[str, Plan],
    against: str,
    compare: Callable[[Any, Any], object],
    settings: Settings,
    outcome: Outcome,
) -> None:
    """Compare every peer's result with that of `against`; raise DisagreementError if one differs."""
    results = {}
    for name, worker in workers.items():
        settings.say(f"validating {name}")
        results[name] = worker.validate()
    for name, result in results.items():
        if plans[name].peer:
            try:
                compare(results[against], result)
            except DisagreementError as error:
                raise DisagreementError(f"{against} and {name} do not agree on {error}") from None
    outcome.validation.update({name: _in_short(result) for name, result in results.items()})


def race(workers: Mapping[str, Worker], settings: Settings, outcome: Outcome) -> dict[str, Samples]:
    """Time the contenders in turn."""
    settings.say(f"timing {', '.join(workers)}: {settings.rounds} rounds")
    outcome.samples = interleave(workers, settings.rounds)
    return outcome.samples


def _in_short(result: Any) -> Any:
    """Replace long lists by their mean."""
    return {
        name: value if isinstance(value, float) else {"mean": sum(value) / len(value), "values": len(value)}
        for name, value in result.items()
    }
