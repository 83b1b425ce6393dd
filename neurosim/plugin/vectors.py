"""Records with vectors among their parameters, made into records whose formulas have the vectors as constants."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from neurosim.plugin.record import Declared, Record

AnyRecord = TypeVar("AnyRecord")
# Where a record keeps those that were made of it, one made of another its origin, and the vectors that it has.
_MADE, _ORIGIN, _VECTORS = "_made", "_origin", "_vectors"


def with_vectors(record: AnyRecord, given: Mapping[str, Any] | None = None) -> AnyRecord:
    """A record whose formulas have its vectors as constants: those that are `given`, else the defaults.

    The same vectors give the same record. One without vectors is returned as it is, and so is one whose functions are
    not compiled: they get tuples.

    Raises
    ------
    PluginError
        Naming file and line, where a formula cannot be read.
    """
    if not isinstance(record, Record) or not record.vectors or not record.is_compiled:
        return record
    values = {name: tuple(map(float, (given or {}).get(name, record.defaults[name]))) for name in record.vectors}
    made = record.__dict__.setdefault(_MADE, {})
    key = tuple(values.items())
    if key not in made:
        made[key] = _made(record, values)
    return made[key]  # type: ignore[no-any-return]


def _made(record: Record, values: Mapping[str, Sequence[float]]) -> Record:
    numbers = {name: value for name, value in record.defaults.items() if name not in values}
    own = {entry.name: getattr(record, entry.name) for entry in fields(record)}  # type: ignore[arg-type]
    changed = {name: _filled(value, values) for name, value in own.items() if name != "params"}
    changed["params"] = numbers
    if own.get("per_output"):
        # Rows have as many outputs as there are numbers; one number may still stand for any number of them.
        width = max(len(values[name]) for name in own["per_output"])
        changed["per_output"] = ()
        changed["widths"] = (width,) if width > 1 and width % own["outputs_per_target"] == 0 else own["widths"]
    made: Record = replace(record, **changed)  # type: ignore[type-var]
    for name, value in (("place", record.place), (_ORIGIN, record), (_VECTORS, dict(values))):
        object.__setattr__(made, name, value)
    return made


def _filled(value: Any, values: Mapping[str, Sequence[float]]) -> Any:
    """What a field of a record holds, its functions with the vectors as constants."""
    # Derivations know formulas, and few records have vectors.
    from neurosim.formulas.vectors import with_constants

    if inspect.isfunction(value):
        return with_constants(value, values)  # type: ignore[arg-type]
    if isinstance(value, Mapping):
        return {name: _filled(entry, values) for name, entry in value.items()}
    if isinstance(value, tuple):
        return tuple(_filled(entry, values) for entry in value)
    if isinstance(value, Declared):
        own = {entry.name: getattr(value, entry.name) for entry in fields(value)}  # type: ignore[arg-type]
        return replace(value, **{name: _filled(entry, values) for name, entry in own.items()})  # type: ignore[type-var]
    return value


def origin_of(record: Any) -> Any:
    """The record that one with vectors as constants was made of; any other is its own."""
    return getattr(record, _ORIGIN, record)


def constants_of(record: Any) -> dict[str, tuple[float, ...]]:
    """The vectors that a record has as constants, by name."""
    return dict(getattr(record, _VECTORS, {}))
