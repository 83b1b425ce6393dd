"""What a check may use: the backends to compare, and the registry for looking up other records by name."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from neurosim.backends.select import NAMES
from neurosim.errors import UsageError
from neurosim.plugin.host import Registry, build_registry
from neurosim.plugin.vectors import origin_of, with_vectors
from neurosim.suggestions import unknown

# Targets that a loss is checked with where any number of them would do.
WIDTH = 4


@dataclass(frozen=True)
class Scope:
    """Backends to compare, the registry in which names are looked up, and options of a data set."""

    backends: tuple[str, ...]
    registry: Registry
    options: Mapping[str, Any] = field(default_factory=dict)

    def activation(self, loss: Any, name: str) -> Any:
        """The activation that a pair of `loss` means by `name`; raises PluginError."""
        for entry in self.registry.losses:
            if entry.record is origin_of(loss):
                return self.registry.activations.meant_by(entry.plugin, name).record
        return self.registry.activations.get(name)


def scope(backends: Iterable[str] | None, registry: Registry | None) -> Scope:
    """The given backends and registry; all backends and the built-ins by default.

    Raises
    ------
    UsageError
        For an unknown backend.
    """
    chosen = NAMES if backends is None else tuple(backends)
    for name in chosen:
        if name not in NAMES:
            raise UsageError(*unknown("backend", name, NAMES))
    return Scope(chosen, built_in() if registry is None else registry)


def settled(record: Any) -> Any:
    """A record with its vectors as constants of its formulas, as they are by default; one without is returned as it is.

    A number that stands for all outputs is written for as many as the record declares in `widths`.
    """
    per_output = getattr(record, "per_output", ())
    if not per_output:
        return with_vectors(record)
    given = max(len(record.params[name]) for name in per_output)
    usual = given if given > 1 else WIDTH * record.outputs_per_target
    return with_vectors(record, record.spread(record.params, (*record.widths, usual)[0]))


@functools.cache
def built_in() -> Registry:
    """A registry with only the built-ins."""
    return build_registry(entry_points=False, environment=False)
