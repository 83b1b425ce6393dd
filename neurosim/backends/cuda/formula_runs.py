"""Every formula of a record on CUDA, over many cases: on the GPU or, if there is none, in the simulator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurosim.backends.cuda.execution import Failure, Job, Launch, Outcome, compile_all, run
from neurosim.backends.cuda.formula_kernels import KernelText, Record, inputs_of, kernel_text
from neurosim.backends.cuda.helper import compile_without_simulator, run_in_simulator
from neurosim.backends.cuda.step_constants import step_constants
from neurosim.backends.cuda.target import Capability, find_device, simulated
from neurosim.backends.refusals import INSTEAD, blamed
from neurosim.errors import BackendError, NeurosimError, PluginError, ShapeError, UsageError
from neurosim.plugin import Loss, Optimizer
from neurosim.plugin.formula import Formula
from neurosim.plugin.reductions import IS_BIAS
from neurosim.suggestions import unknown

Cases = Mapping[str, Sequence[NDArray[Any]]]
CAPABILITIES: tuple[Capability, ...] = ((7, 5), (8, 0), (9, 0))


@dataclass(frozen=True)
class Request:
    """A record and the cases to evaluate its formulas on.

    Attributes
    ----------
    record : Activation, RowActivation, Loss or Optimizer
        The record whose formulas to run.
    cases : mapping of str to sequence of arrays
        For each role to run (see `Formula`), one array for each argument that is not a parameter:
        numbers (cases,), rows (cases, units), class indices (cases,). Rows that the formula fills are not included.
    params : mapping of str to float
        Values of parameters; the others have their defaults.
    """

    record: Record
    cases: Cases
    params: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Evaluation:
    """The results of a record's formulas.

    Attributes
    ----------
    where : str
        The GPU's name, or ``the CUDA simulator``.
    results : mapping of str to float32 array
        For each role, the numbers returned (cases, results) or the rows filled (cases, units).
    """

    where: str
    results: Mapping[str, NDArray[np.float32]]


def evaluate(record: Record, cases: Cases, params: Mapping[str, float] | None = None) -> Evaluation:
    """Run formulas of a record on CUDA, one thread per case.

    Parameters
    ----------
    record, cases, params
        As in `Request`.

    Raises
    ------
    PluginError
        For a formula that cannot be compiled, naming the author's line.
    BackendError
        For one that fails when it runs, or if there is neither a GPU nor the simulator.
    ShapeError, UsageError
        For cases that do not fit the formulas.
    """
    (outcome,) = evaluate_many([Request(record, cases, params)])
    if isinstance(outcome, NeurosimError):
        raise outcome
    return outcome


def evaluate_many(requests: Iterable[Request]) -> list[Evaluation | NeurosimError]:
    """`evaluate` for all requests at once; an error for one of them takes the place of its result.

    Raises
    ------
    BackendError
        If there is neither a GPU nor the simulator.
    """
    answers: list[Any] = [_prepared(request) for request in requests]
    places = [place for place, answer in enumerate(answers) if isinstance(answer, _Prepared)]
    jobs = [answers[place].job for place in places]
    for place, outcome in zip(places, _run(jobs) if jobs else [], strict=True):
        answers[place] = _evaluation(answers[place], outcome)
    return answers


def compile_formulas(record: Record, capabilities: Sequence[Capability] = CAPABILITIES) -> list[str]:
    """Compile every formula of a record for GPUs of these compute capabilities; no GPU is needed.

    Returns
    -------
    list of str
        Each float64 instruction found, as ``role: instruction``; empty if all is float32.

    Raises
    ------
    PluginError
        For a formula that cannot be compiled, naming the author's line.
    BackendError
        If libNVVM, CUDA's compiler, is not found.
    """
    prepared = _prepare(Request(record, {formula.role: _one_case(record, formula) for formula in record.formulas}))
    compile_here = compile_without_simulator if simulated() else compile_all
    (outcome,) = compile_here([prepared.job], capabilities)
    if outcome.failure is not None:
        raise _fault(prepared, outcome.failure, "")
    return outcome.wide


def _run(jobs: Sequence[Job]) -> list[Outcome]:
    if simulated():
        return run(jobs)
    try:
        find_device()
    except BackendError:
        return run_in_simulator(jobs)
    return run(jobs)


# From a request to a job ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Prepared:
    request: Request
    generated: KernelText
    job: Job


def _prepared(request: Request) -> _Prepared | NeurosimError:
    try:
        return _prepare(request)
    except NeurosimError as error:
        return error


def _prepare(request: Request) -> _Prepared:
    record = request.record
    widest = max((np.shape(array)[-1] for arrays in request.cases.values() for array in arrays), default=1)
    generated = kernel_text(record, widest)
    params = {**record.params, **(request.params or {})}
    for name in params:
        if name not in record.params:
            raise UsageError(*unknown(f"parameter of {record.name}", name, list(record.params)))
    formulas = {formula.role: formula for formula in record.formulas}
    launches = []
    for role, arrays in request.cases.items():
        if role not in formulas:
            raise UsageError(*unknown(f"formula of {record.name}", role, list(formulas)))
        inputs = _inputs(record, formulas[role], arrays)
        results = formulas[role].results
        shape = (len(inputs[0]), results) if results else inputs[0].shape
        if isinstance(record, Optimizer):
            inputs = _with_constants(record, role, params, inputs)
        values = _some(np.array(list(params.values()), np.float32))
        # Entries that a formula does not fill stay NaN.
        launches.append(Launch(role, generated.kernels[role], [*inputs, values], np.full(shape, np.nan, np.float32)))
    return _Prepared(request, generated, Job(f"cuda_{record.kind}_{record.name}", generated.text, launches))


def _with_constants(
    record: Optimizer, role: str, params: Mapping[str, float], inputs: Sequence[NDArray[Any]]
) -> list[NDArray[Any]]:
    """The arguments of a function of the rule, with the constants of each case in place of `IS_BIAS` and the step."""
    part = next(part for part in record.parts if part.role == role)
    named = dict(zip([*part.numbers, *part.helpers], inputs, strict=False))
    flags = named.pop(IS_BIAS, np.zeros(len(inputs[-1]), np.float32))
    values = {**params, IS_BIAS: 0.0}
    constants = [step_constants(record, part, values, inputs[-1]) for values[IS_BIAS] in (0.0, 1.0)]
    return [*named.values(), _some(np.where(flags[:, None] > 0, constants[1], constants[0]))]


def _some(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """The array, or zeros if its last axis is empty: a GPU accepts no empty arrays."""
    return array if array.shape[-1] else np.zeros((*array.shape[:-1], 1), np.float32)


def _inputs(record: Record, formula: Formula, arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    kinds = inputs_of(record, formula)
    fitting = len(arrays) == len(kinds)
    inputs = [
        np.ascontiguousarray(array, np.int32 if kind == "class" else np.float32)
        for array, kind in zip(arrays, kinds, strict=False)
    ]
    for array, kind in zip(inputs, kinds, strict=False):
        rows = next((other.shape for other, theirs in zip(inputs, kinds, strict=False) if theirs == "row"), ())
        if kind == "short" and isinstance(record, Loss):
            fitting &= array.shape == (*rows[:1], rows[-1] // record.outputs_per_target)
        else:
            fitting &= array.shape == rows if kind == "row" else array.shape == inputs[0].shape[:1]
    if not fitting or not all(array.size for array in inputs):
        found = ", ".join(str(array.shape) for array in inputs)
        raise ShapeError(
            f"the cases of {formula.role} of {record.name} have shapes {found}",
            f"Its arguments are {', '.join(kinds)}: numbers and classes (cases,), rows (cases, units), at least one.",
        )
    return inputs


def _one_case(record: Record, formula: Formula) -> list[NDArray[Any]]:
    each = getattr(record, "outputs_per_target", 1)
    shapes: dict[str, tuple[int, ...]] = {"row": (1, 2 * each), "short": (1, 2)}
    return [np.ones(shapes.get(kind, (1,)), np.float32) for kind in inputs_of(record, formula)]


# From an outcome to an evaluation ---------------------------------------------------------------------------


def _evaluation(prepared: _Prepared, outcome: Outcome) -> Evaluation | NeurosimError:
    if outcome.failure is not None:
        return _fault(prepared, outcome.failure, outcome.where)
    roles = [launch.role for launch in prepared.job.launches]
    return Evaluation(outcome.where, dict(zip(roles, outcome.results, strict=True)))


def _fault(prepared: _Prepared, failure: Failure, where: str) -> NeurosimError:
    """A failure in terms of the author's line, if that is known."""
    record, generated = prepared.request.record, prepared.generated
    at, source = blamed(generated, failure.lines) or (f"{record.kind} {record.name!r}", "")
    source = repr(source) if source else failure.role
    cause = f": {failure.cause}" if failure.cause else ""
    if failure.refused:
        return PluginError(f"{at}: {source} cannot be compiled for CUDA{cause}", INSTEAD)
    return BackendError(f"{at}: {source} fails on {where}{cause}")
