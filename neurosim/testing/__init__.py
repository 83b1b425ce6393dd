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
    from neurosim.testing.checks import assert_passes as assert_passes
    from neurosim.testing.checks import check as check
    from neurosim.testing.checks import check_activation as check_activation
    from neurosim.testing.checks import check_dataset as check_dataset
    from neurosim.testing.checks import check_gate as check_gate
    from neurosim.testing.checks import check_initializer as check_initializer
    from neurosim.testing.checks import check_loss as check_loss
    from neurosim.testing.checks import check_many as check_many
    from neurosim.testing.checks import check_metric as check_metric
    from neurosim.testing.checks import check_observer as check_observer
    from neurosim.testing.checks import check_optimizer as check_optimizer
    from neurosim.testing.checks import check_row_activation as check_row_activation
    from neurosim.testing.checks import check_schedule as check_schedule
    from neurosim.testing.verdicts import Verdict as Verdict

__all__ = [
    "Verdict", "assert_passes", "check", "check_activation", "check_dataset", "check_gate", "check_initializer",
    "check_loss", "check_many", "check_metric", "check_observer", "check_optimizer", "check_row_activation",
    "check_schedule",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'neurosim.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module("neurosim.testing.checks"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
