"""Checking a record of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from neurosim.errors import UsageError
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
from neurosim.testing.cuda import Pending, resolve
from neurosim.testing.gates import gate_items
from neurosim.testing.host import check_dataset, check_initializer, check_schedule, options_for
from neurosim.testing.losses import loss_items
from neurosim.testing.metrics import check_metric
from neurosim.testing.observers import check_observer
from neurosim.testing.optimizers import optimizer_items
from neurosim.testing.rows import row_activation_items
from neurosim.testing.scope import Scope, scope
from neurosim.testing.verdicts import Verdict, failed, failures

_ITEMS: dict[type, Callable[[Any, Scope], Sequence[Verdict | Pending]]] = {
    Activation: activation_items,
    RowActivation: row_activation_items,
    Gate: gate_items,
    Loss: loss_items,
    Optimizer: optimizer_items,
    Initializer: lambda record, chosen: check_initializer(record),
    Schedule: lambda record, chosen: check_schedule(record),
    FeedbackSchedule: lambda record, chosen: check_schedule(record),
    Metric: lambda record, chosen: check_metric(record),
    RunObserver: lambda record, chosen: check_observer(record),
    Dataset: lambda record, chosen: check_dataset(record, options=chosen.options),
}


def check(
    record: Any,
    *,
    backends: Iterable[str] | None = None,
    registry: Registry | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[Verdict]:
    """Check a record of any kind.

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
    items = _ITEMS.get(type(record))
    if items is None:
        kinds = ", ".join(kind.__name__ for kind in _ITEMS)
        raise UsageError(f"{record!r} is not a record of a plugin", f"Check one of these: {kinds}.")
    return [*_misspelled(record, chosen.registry), *items(record, chosen)]


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
