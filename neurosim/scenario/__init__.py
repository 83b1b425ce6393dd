"""Scenario files: what to train, on what data, how, and what the result must be.

The names below are loaded when they are first used: whoever only asks which scenarios there are
need not wait for everything that checks them.

The module can be called: ``neurosim.scenario({...})`` makes a scenario in Python, see `load.scenario`.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurosim.scenario.load import load_scenario as load_scenario
    from neurosim.scenario.scenario import Scenario as Scenario
    from neurosim.scenario.shipped_scenarios import architectures as architectures
    from neurosim.scenario.shipped_scenarios import by_name as by_name
    from neurosim.scenario.shipped_scenarios import shipped as shipped
    from neurosim.scenario.study import Claim as Claim
    from neurosim.scenario.study import RecordSection as RecordSection

_HOME = {
    "Claim": "neurosim.scenario.study",
    "RecordSection": "neurosim.scenario.study",
    "Scenario": "neurosim.scenario.scenario",
    "architectures": "neurosim.scenario.shipped_scenarios",
    "by_name": "neurosim.scenario.shipped_scenarios",
    "load_scenario": "neurosim.scenario.load",
    "shipped": "neurosim.scenario.shipped_scenarios",
}

__all__ = list(_HOME)


class _Callable(ModuleType):
    """This module."""

    def __call__(self, *args: Any, **sections: Any) -> Scenario:
        from neurosim.scenario.load import scenario

        return scenario(*args, **sections)


sys.modules[__name__].__class__ = _Callable


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'neurosim.scenario' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value
