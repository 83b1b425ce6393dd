"""Whether a record's formulas can be translated at all; nothing is compiled, and no compiler is loaded."""

from __future__ import annotations

from typing import Any

from neurosim.backends.invariants import split_part
from neurosim.backends.memo import once_each
from neurosim.errors import PluginError
from neurosim.formulas.float32 import Translator
from neurosim.formulas.kinds import ArgumentKind
from neurosim.plugin import Activation, Loss, Optimizer
from neurosim.plugin.vectors import with_vectors


@once_each
def check_formulas(record: Any) -> None:
    """Raise PluginError if `formula_fault` finds a fault."""
    fault = formula_fault(record)
    if fault is not None:
        raise fault


def formula_fault(record: Any) -> PluginError | None:
    """Why a formula of `record` cannot be translated, or None if all can.

    Initializers, schedules and data sets run on the host and have no formulas.
    """
    translator = Translator()
    try:
        record = with_vectors(record)
        # What the author wrote comes first: only a valid formula can be derived.
        if isinstance(record, Activation):
            translator.add(record.f, ["number"] * (1 + len(record.params)), 1)
        elif isinstance(record, Loss):
            given: list[ArgumentKind] = ["row", record.target_kind]
            given += ["number"] * len(record.params)
            translator.add(record.value, given, 1)
        elif isinstance(record, Optimizer):
            for part in record.parts:
                split_part(record, part)
        for formula in getattr(record, "formulas", ()):
            translator.add(formula.function, formula.arguments, formula.results)
    except PluginError as fault:
        return fault
    return None
