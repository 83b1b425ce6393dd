"""Which values of a measure are the better ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from neurosim.errors import PluginError

if TYPE_CHECKING:
    from neurosim.plugin.host import Registry

# Whether larger values of a measure are better; None where nobody knows.
Rises = Callable[[str], bool | None]
# What neurosim measures by itself.
LARGER = ("accuracy", "r2", "baseline_accuracy")
SMALLER = ("loss", "rmse", "baseline_rmse")


def rises_by(registry: Callable[[], Registry]) -> Rises:
    """By the metrics of a registry, which is asked for only if neurosim does not measure that by itself."""

    def rises(measure: str) -> bool | None:
        name = measure.partition("_")[2]
        if name in LARGER or name in SMALLER:
            return name in LARGER
        try:
            return bool(registry().metrics.get(name).better == "larger")
        except PluginError:
            return None

    return rises


def rises(measure: str) -> bool | None:
    """By the metrics that come with neurosim, and those of installed plugins."""
    from neurosim.plugin.host import build_registry

    return rises_by(build_registry)(measure)
