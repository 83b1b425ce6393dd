"""The kit with which plugin authors check their records; neurosim's own tests use it too.

::

    from neurosim.testing import assert_passes

    def test_mish():
        assert_passes(neurosim_mish.MISH)

`check` returns a list of `Verdict` objects for a record of any kind; ``neurosim plugins check`` prints them. Tests can
use the fixture ``empty_registry``, which pytest finds automatically.

The names below are loaded when they are first used: pytest imports this package in every run.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurosim.testing.activations import check_activation as check_activation
    from neurosim.testing.checks import assert_passes as assert_passes
    from neurosim.testing.checks import check as check
    from neurosim.testing.checks import check_many as check_many
    from neurosim.testing.gates import check_gate as check_gate
    from neurosim.testing.host import check_dataset as check_dataset
    from neurosim.testing.host import check_initializer as check_initializer
    from neurosim.testing.host import check_schedule as check_schedule
    from neurosim.testing.losses import check_loss as check_loss
    from neurosim.testing.metrics import check_metric as check_metric
    from neurosim.testing.observers import check_observer as check_observer
    from neurosim.testing.optimizers import check_optimizer as check_optimizer
    from neurosim.testing.rows import check_row_activation as check_row_activation
    from neurosim.testing.verdicts import Verdict as Verdict

_HOME = {
    "Verdict": "verdicts",
    "assert_passes": "checks",
    "check": "checks",
    "check_activation": "activations",
    "check_dataset": "host",
    "check_gate": "gates",
    "check_initializer": "host",
    "check_loss": "losses",
    "check_many": "checks",
    "check_metric": "metrics",
    "check_observer": "observers",
    "check_optimizer": "optimizers",
    "check_row_activation": "rows",
    "check_schedule": "host",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'neurosim.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"neurosim.testing.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
