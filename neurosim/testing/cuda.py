"""Agreement of CUDA code with the formulas as written, on a GPU or in the simulator.

The simulator is a separate process, which takes longer to start than to run. So a check leaves its cases here as
`Pending`, and `resolve` runs those of many records at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.uncompiled import uncompiled
from neurosim.errors import BackendError, NeurosimError
from neurosim.plugin import Activation
from neurosim.plugin.formula import Formula
from neurosim.testing.plain import Array, numbers
from neurosim.testing.verdicts import Verdict, attempt, failed, number, passed, sentence, size, skipped, some

if TYPE_CHECKING:
    from neurosim.backends.cuda.formula_runs import Evaluation

Cases = Mapping[str, Sequence[NDArray[Any]]]
ITEM = "cuda"
TOLERANCE = 1e-5
# Compute capability of the oldest GPUs that CUDA 13 supports; newer ones run the same code.
OLDEST = (7, 5)
_EPSILON = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Pending:
    """A check on CUDA that has not been run yet.

    Attributes
    ----------
    record : Activation, RowActivation, Loss or Optimizer
        What to check.
    cases : mapping of str to sequence of arrays
        For each role, arrays of arguments, as `neurosim.backends.cuda.formula_runs.evaluate` takes them.
    sets : sequence of dict
        Parameters to try.
    """

    record: Any
    cases: Cases
    sets: Sequence[dict[str, float]]


def resolve(checks: Sequence[Sequence[Verdict | Pending]]) -> list[list[Verdict]]:
    """The verdicts of several records, with the pending checks run."""
    pending = [entry for check in checks for entry in check if isinstance(entry, Pending)]
    verdicts = dict(zip(map(id, pending), _verdicts(pending), strict=True)) if pending else {}
    return [[verdicts[id(entry)] if isinstance(entry, Pending) else entry for entry in check] for check in checks]


def _verdicts(pending: Sequence[Pending]) -> list[Verdict]:
    try:
        from neurosim.backends.cuda.formula_runs import Request, evaluate_many

        requests = [Request(entry.record, entry.cases, params) for entry in pending for params in entry.sets]
        answers = iter(evaluate_many(requests))
    except BackendError as error:
        return [skipped(ITEM, sentence(error))] * len(pending)
    verdicts = []
    for entry in pending:
        own = [next(answers) for _ in entry.sets]
        verdicts.append(attempt(ITEM, lambda entry=entry, own=own: _judge(entry, own)))  # type: ignore[misc]
    return verdicts


def _judge(entry: Pending, answers: Sequence[Evaluation | NeurosimError]) -> Verdict:
    worst = 0.0
    where = ""
    for params, answer in zip(entry.sets, answers, strict=True):
        if isinstance(answer, NeurosimError):
            return failed(ITEM, sentence(answer))
        where = answer.where
        # A pair whose activation is not known has no cases; its own verdict says so.
        for formula in (formula for formula in entry.record.formulas if formula.role in entry.cases):
            arrays = entry.cases[formula.role]
            expected = plain_results(formula, arrays, numbers(params))
            errors = _errors(answer.results[formula.role], expected)
            slack = np.zeros_like(errors)
            if isinstance(entry.record, Activation):
                slack = _slack(formula, arrays, numbers(params), expected)
            bad = errors > TOLERANCE + slack
            if bad.any():
                case, entry_number = np.unravel_index(int(np.argmax(errors - slack)), errors.shape)
                given = ", ".join(_text(array[case]) for array in arrays)
                ours, theirs = answer.results[formula.role][case, entry_number], expected[case, entry_number]
                return failed(
                    ITEM,
                    f"{formula.role}({given}) gives {number(ours)} {_on(where)}, and {number(theirs)} uncompiled",
                )
            worst = max(worst, float(errors.max()))
    compiled = _compiled(entry.record)
    if compiled.outcome == "failed":
        return compiled
    return passed(ITEM, f"agrees {_on(where)}, largest difference {size(worst)}; {compiled.detail}")


def plain_results(formula: Formula, arrays: Sequence[NDArray[Any]], params: tuple[float, ...]) -> Array:
    """The results of a formula uncompiled, in float64, for each case: (cases, results) or the rows that it fills."""
    function = uncompiled(formula.function)
    results = []
    with np.errstate(all="ignore"):
        for case in range(len(arrays[0])):
            given = [_argument(array[case]) for array in arrays]
            if formula.results:
                results.append(np.atleast_1d(np.array(function(*given, *params), np.float64)))
            else:
                row = np.full(arrays[0].shape[1], np.nan)
                function(*given, row, *params)
                results.append(row)
    return np.array(results)


def _argument(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.astype(np.float64)
    return int(value) if isinstance(value, np.integer) else np.float64(value)


def _errors(actual: NDArray[Any], expected: Array) -> Array:
    """Differences, relative for numbers above 1; numbers too large for float32 are left out."""
    with np.errstate(all="ignore"):
        errors = np.abs(actual.astype(np.float64) - expected) / np.maximum(1.0, np.abs(expected))
    known = np.isfinite(expected) & (np.abs(expected) < np.finfo(np.float32).max)
    return np.where(known, np.where(np.isnan(errors), np.inf, errors), 0.0)


def _slack(formula: Formula, arrays: Sequence[NDArray[Any]], params: tuple[float, ...], expected: Array) -> Array:
    """The effect on the result of rounding the input alone."""
    z, *rest = arrays
    moved = [plain_results(formula, [z * (1.0 + sign * 4.0 * _EPSILON), *rest], params) for sign in (-1.0, 1.0)]
    return np.maximum(*(np.nan_to_num(_errors(result, expected), posinf=0.0) for result in moved))


def _compiled(record: Any) -> Verdict:
    """Whether the formulas compile for GPUs, to float32 code."""
    from neurosim.backends.cuda.formula_runs import compile_formulas

    try:
        wide = compile_formulas(record, [OLDEST])
    except BackendError as error:
        return skipped(ITEM, f"not compiled for GPUs: {error.message}")
    if wide:
        return failed(ITEM, f"float64 in the code for GPUs: {some(wide, 3)}")
    return passed(ITEM, "compiles for GPUs, without float64")


def _on(where: str) -> str:
    return f"in {where}" if "simulator" in where else f"on {where}"


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"[{', '.join(f'{entry:.3g}' for entry in value)}]"
    return number(value)
