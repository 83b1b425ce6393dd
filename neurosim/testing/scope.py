"""What a check may use: the backends it compares, and where it finds other records by name."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from neurosim.backends.select import NAMES
from neurosim.errors import UsageError
from neurosim.plugin.host import Registry, build_registry
from neurosim.suggestions import unknown


@dataclass(frozen=True)
class Scope:
    """Backends to compare, and the registry that names are looked up in."""

    backends: tuple[str, ...]
    registry: Registry

    def activation(self, loss: Any, name: str) -> Any:
        """The activation that a pair of `loss` means by `name`; raises PluginError."""
        for entry in self.registry.losses:
            if entry.record is loss:
                return self.registry.activations.meant_by(entry.plugin, name).record
        return self.registry.activations.get(name)


def scope(backends: Iterable[str] | None, registry: Registry | None) -> Scope:
    """All backends and the built-ins, where nothing else is asked for.

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


@functools.cache
def built_in() -> Registry:
    """A registry of the built-ins only."""
    return build_registry(entry_points=False, environment=False)
