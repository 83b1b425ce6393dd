"""Checks that all compiled records share: whether they can be compiled, and to which types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neurosim.backends.health import formula_fault
from neurosim.backends.trials import try_record
from neurosim.errors import PluginError
from neurosim.plugin import Activation, Gate, Loss, Optimizer
from neurosim.testing.agreement import ITEM as AGREEMENT
from neurosim.testing.cuda import ITEM as CUDA
from neurosim.testing.cuda import Pending
from neurosim.testing.scope import Scope
from neurosim.testing.verdicts import Verdict, attempt, failed, follows, passed, sentence, skipped, some

# Lengths of the rows that are tried.
WIDTHS = (1, 2, 5)
SURROGATE = "a surrogate, as the record says: not compared with the slope"


def trial_verdicts(record: Any) -> list[Verdict | Pending]:
    """The verdicts on a record with an index beyond its row, or a loop that does not end; otherwise none.

    Nothing else can be run for it.
    """
    if formula_fault(record) is not None:
        return []
    try:
        try_record(record, tuple(record.params.values()), getattr(record, "widths", ()) or WIDTHS, diverged=True)
    except PluginError as error:
        return [failed("formula", sentence(error)), skipped("all others", "the formula must be repaired first")]
    return []


def formula_verdict(record: Any, chosen: Scope) -> Verdict:
    """Whether all formulas can be translated and, with a CPU backend, compiled."""
    fault = formula_fault(record)
    if fault is not None:
        return failed("formula", sentence(fault))
    roles = ", ".join(formula.role for formula in record.formulas)
    if "cpu" not in chosen.backends:
        return passed("formula", f"{roles}: can be translated")
    return attempt("formula", lambda: _compile(record, roles))


def if_derivable(record: Any, item: str, look: Callable[[], Verdict]) -> Verdict:
    """The verdict of `look`; skipped if the derivative, or the gradient, is neither given nor can be derived."""
    try:
        record.derivative  # noqa: B018
    except PluginError:
        return skipped(item, "there is no derivative, and it cannot be worked out")
    return attempt(item, look)


def _compile(record: Any, roles: str) -> Verdict:
    from neurosim.backends.cpu.kernels import (
        activation_kernels,
        gate_kernels,
        learned_kernels,
        loss_kernel,
        optimizer_kernels,
        rule_kernels,
    )

    if isinstance(record, Loss):
        for pair in (None, *record.from_logits):
            loss_kernel(record, pair)
    elif isinstance(record, Optimizer):
        (rule_kernels if record.looks_at_arrays else optimizer_kernels)(record)
    elif isinstance(record, Activation) and record.learn:
        learned_kernels(record, False, False)
    elif isinstance(record, Gate):
        gate_kernels(record, 2)
    else:
        activation_kernels(record)
    return passed("formula", f"{roles}: compiled for the CPU")


def float32_verdict(record: Any) -> Verdict:
    """Whether the compiled formulas take, return and compute only float32."""
    from neurosim.backends.cpu.purity import wide_parts

    wide = wide_parts(record)
    if wide:
        return failed("float32", f"float64 in the compiled code: {some(wide, 3)}")
    return passed("float32", "float32 in and out, no float64 in types or machine code")


def compiled_items(
    record: Any,
    formula: Verdict,
    chosen: Scope,
    agreement: Callable[[], Verdict],
    pending: Callable[[], Pending],
    first: Verdict | None = None,
) -> list[Verdict | Pending]:
    """The items on compiled formulas: ``float32``, ``reference = cpu`` and ``cuda``; the last two after `first`."""
    refusal = _not_run(formula, CUDA, chosen, "cuda", first)
    return [
        if_compiled(formula, "float32", chosen, lambda: float32_verdict(record)),
        if_compiled(formula, AGREEMENT, chosen, agreement, first),
        attempt(CUDA, pending) if refusal is None else refusal,
    ]


def if_compiled(
    formula: Verdict, item: str, chosen: Scope, look: Callable[[], Verdict], first: Verdict | None = None
) -> Verdict:
    """The verdict of `look`; skipped if there is nothing to run, no CPU backend to run it on, or `first` failed."""
    refusal = _not_run(formula, item, chosen, "cpu", first)
    return attempt(item, look) if refusal is None else refusal


def _not_run(formula: Verdict, item: str, chosen: Scope, backend: str, first: Verdict | None) -> Verdict | None:
    if formula.outcome != "passed":
        return skipped(item, "the formula cannot be compiled")
    if backend not in chosen.backends:
        return skipped(item, f"the backend {backend} was not requested")
    # A formula that is wrong in plain Python may do anything once it is compiled.
    return follows(item, first) if first is not None and first.outcome == "failed" else None
