"""Checking a record of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from neurosim.errors import PluginError, UsageError
from neurosim.plugin import (
    Activation,
    Dataset,
    FeedbackSchedule,
    Gate,
    Initializer,
    Loss,
    Metric,
    Optimizer,
    RowActivation,
    RunObserver,
    Schedule,
)
from neurosim.plugin.host import Registry
from neurosim.testing.activations import activation_items
from neurosim.testing.compiled import formula_verdict, trial_verdicts
from neurosim.testing.cuda import Pending, resolve
from neurosim.testing.gates import gate_items
from neurosim.testing.host import dataset_items, initializer_items, options_for, schedule_items
from neurosim.testing.losses import loss_items
from neurosim.testing.metrics import metric_items
from neurosim.testing.observers import observer_items
from neurosim.testing.optimizers import optimizer_items
from neurosim.testing.rows import row_activation_items
from neurosim.testing.scope import Scope, scope, settled
from neurosim.testing.verdicts import Verdict, failed, failures, sentence

_COMPILED: dict[type, Callable[[Any, Scope, Verdict], Sequence[Verdict | Pending]]] = {
    Activation: activation_items,
    RowActivation: row_activation_items,
    Gate: gate_items,
    Loss: loss_items,
    Optimizer: optimizer_items,
}
_ON_THE_HOST: dict[type, Callable[[Any], Sequence[Verdict]]] = {
    Initializer: initializer_items,
    Schedule: schedule_items,
    FeedbackSchedule: schedule_items,
    Metric: metric_items,
    RunObserver: observer_items,
}


def check(
    record: Any,
    *,
    backends: Iterable[str] | None = None,
    registry: Registry | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[Verdict]:
    """Check a record of any kind; `check_gate` and the like are this function, typed for one kind.

    Parameters
    ----------
    record : Activation, RowActivation, Gate, Loss, Optimizer, Initializer, Schedule, FeedbackSchedule, Metric,
        RunObserver or Dataset
        What to check.
    backends : iterable of str, optional
        Backends to compare, of ``reference``, ``cpu`` and ``cuda``; all of them when left out.
    registry : Registry, optional
        Where other records, such as the activation of a loss's pair, are looked up by name; the built-ins when left
        out.
    options : mapping, optional
        Options of a data set, in place of their defaults; files may lie anywhere.

    Returns
    -------
    list of Verdict
        One for each item, always in the same order for one kind of record. If a formula does not terminate, that is
        the only one. What may only follow from a failure is skipped.

    Raises
    ------
    UsageError
        For something that is not a record, for an unknown backend, and for an option that the data set does not have.
    """
    return check_many([record], backends=backends, registry=registry, options=options)[0]


Kind = TypeVar("Kind", contravariant=True)


class Check(Protocol[Kind]):
    """`check` of records of one kind."""

    def __call__(
        self,
        record: Kind,
        *,
        backends: Iterable[str] | None = None,
        registry: Registry | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> list[Verdict]:
        """The verdicts on a record."""


check_activation: Check[Activation] = check
check_row_activation: Check[RowActivation] = check
check_gate: Check[Gate] = check
check_loss: Check[Loss] = check
check_optimizer: Check[Optimizer] = check
check_initializer: Check[Initializer] = check
check_schedule: Check[Schedule | FeedbackSchedule] = check
check_metric: Check[Metric] = check
check_observer: Check[RunObserver] = check
check_dataset: Check[Dataset] = check


def check_many(
    records: Iterable[Any],
    *,
    backends: Iterable[str] | None = None,
    registry: Registry | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[list[Verdict]]:
    """Check several records; like `check` for each, but the CUDA simulator is started only once.

    Each data set is given those of the options that it has; one of them has to have it.
    """
    chosen, records = scope(backends, registry), list(records)
    own = options_for(records, options or {})
    return resolve([_items(record, replace(chosen, options=o)) for record, o in zip(records, own, strict=True)])


def _items(record: Any, chosen: Scope) -> Sequence[Verdict | Pending]:
    kind = type(record)
    if kind in _COMPILED:
        try:
            record = settled(record)
        except PluginError as error:
            return [failed("formula", sentence(error))]
        items = trial_verdicts(record) or _COMPILED[kind](record, chosen, formula_verdict(record, chosen))
    elif kind in _ON_THE_HOST:
        items = _ON_THE_HOST[kind](record)
    elif kind is Dataset:
        items = dataset_items(record, chosen.options)
    else:
        kinds = ", ".join(known.__name__ for known in (*_COMPILED, *_ON_THE_HOST, Dataset))
        raise UsageError(f"{record!r} is not a record of a plugin", f"Check one of these: {kinds}.")
    return [*_misspelled(record, chosen.registry), *items]


def _misspelled(record: Any, registry: Registry) -> Sequence[Verdict]:
    """A verdict on names of other records that a record has, if one of them is nearly that of a known one."""
    named = [("usual_init", getattr(record, "usual_init", ""), registry.initializers)]
    named += [("from_logits", pair.activation, registry.activations) for pair in getattr(record, "from_logits", ())]
    for field, name, catalog in named:
        if name and (near := catalog.misspelled(name)):
            return [failed("names", f'{field}: there is no {catalog.what} "{name}"; {near}')]
    return []


def assert_passes(
    record: Any,
    *,
    backends: Iterable[str] | None = None,
    registry: Registry | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[Verdict]:
    """Check a record and raise AssertionError, saying what failed, unless all is well; for tests.

    Parameters are those of `check`; returns the verdicts.
    """
    verdicts = check(record, backends=backends, registry=registry, options=options)
    failed = failures(verdicts)
    if failed:
        lines = [f"{record.kind} {record.name} fails {len(failed)} of {len(verdicts)} checks:"]
        raise AssertionError("\n".join([*lines, *(f"  {verdict.item}: {verdict.detail}" for verdict in failed)]))
    return verdicts
