"""Formulas on CUDA: on the GPU where there is one, else in the simulator."""

import sys
from dataclasses import dataclass

import authors_formulas
import numpy as np
import pytest
import support

from neurosim.backends.cuda import simulated_math, target
from neurosim.backends.cuda.formula_kernels import inputs_of
from neurosim.backends.cuda.formula_runs import Request, evaluate, evaluate_many
from neurosim.backends.cuda.helper import run_in_simulator
from neurosim.backends.uncompiled import machine_math, uncompiled
from neurosim.errors import BackendError, PluginError, ShapeError, UsageError
from neurosim.formulas.source import MATH_FUNCTIONS, OF_TWO
from neurosim.plugin import Activation, Loss, Optimizer, RowActivation
from neurosim.plugin.reductions import IS_BIAS

TOLERANCE = 1e-5


def gpu():
    try:
        target.find_device()
    except BackendError:
        return False
    return True


SIMULATED = pytest.mark.skipif(gpu(), reason="the GPU does not tell of such mistakes")


def expected_of(record, formula, arrays, params):
    """What the author's code gives in float64, case by case."""
    plain = uncompiled(formula.function)
    numbers = [np.float64(np.float32(value)) for value in params.values()]
    found = []
    with np.errstate(all="ignore"):
        for inputs in zip(*(wide(array) for array in arrays), strict=True):
            if formula.results:
                found.append(np.atleast_1d(plain(*inputs, *numbers)))
            else:
                row = np.full(arrays[0].shape[1], np.nan)
                plain(*inputs, row, *numbers)
                found.append(row)
    return np.array(found, np.float64)


def wide(array):
    array = np.asarray(array)
    return array if array.dtype.kind == "i" else array.astype(np.float32).astype(np.float64)


@dataclass
class Checked:
    """A request, for comparison with the author's code."""

    request: Request

    def assert_agrees(self, outcome):
        assert not isinstance(outcome, Exception), outcome
        record = self.request.record
        params = {**record.params, **(self.request.params or {})}
        assert set(outcome.results) == set(self.request.cases)
        for formula in record.formulas:
            found = outcome.results[formula.role]
            expected = expected_of(record, formula, self.request.cases[formula.role], params)
            assert found.dtype == np.float32
            what = f"{record.name}, {formula.role}"
            np.testing.assert_allclose(found, expected, TOLERANCE, TOLERANCE, equal_nan=True, err_msg=what)


RANDOM = np.random.default_rng(3)
FAR = [-np.inf, -1e4, -800.0, -100.0, -30.0, 30.0, 100.0, 800.0, 1e4, np.inf]
POINTS = np.array([*FAR, *np.linspace(-5.0, 5.0, 41), np.nan], np.float32)


def activation_cases(record, params):
    f = record.formulas[0]
    outputs = expected_of(record, f, [POINTS], {**record.params, **params})[:, 0]
    given = [POINTS, outputs]
    return {formula.role: given[: len(formula.arguments) - len(record.params)] for formula in record.formulas}


def row_cases(record, units, spread=2.0):
    """Rows of all sizes, for every formula: z normal, everything else between 0 and 1."""
    count, targets = 24, units
    units *= getattr(record, "outputs_per_target", 1)
    classes = RANDOM.integers(0, units, count).astype(np.int32)
    cases = {}
    for formula in record.formulas:
        kinds = inputs_of(record, formula)
        widths = [targets if kind == "short" else units for kind in kinds]
        arrays = [RANDOM.uniform(0.02, 0.98, (count, width)) for width in widths]
        arrays = [classes if kind == "class" else array for kind, array in zip(kinds, arrays, strict=True)]
        if isinstance(record, RowActivation) or formula.role.startswith("from_logits"):
            arrays[0] = RANDOM.normal(0.0, spread, (count, units))
        cases[formula.role] = arrays
    return cases


def update_cases(record):
    """For each function of the rule: slots and reductions from 0 up, `is_bias` 0 or 1, and steps."""
    count = 40
    cases = {}
    for part in record.parts:
        arrays = [RANDOM.uniform(0.0, 2.0, count) for _ in (*part.numbers, *part.helpers)]
        arrays[:2] = [RANDOM.normal(size=count) for _ in range(2)]
        if IS_BIAS in part.helpers:
            arrays[len(part.numbers) + part.helpers.index(IS_BIAS)] = RANDOM.integers(0, 2, count)
        cases[part.role] = [*arrays, RANDOM.choice([1.0, 2.0, 3.0, 10.0, 1000.0, 60000.0], count)]
    return cases


def built_in_requests():
    for entry in support.BUILTINS.activations:
        record = entry.record
        others = {name: 0.5 * value + 0.3 for name, value in record.params.items()}
        if isinstance(record, Activation):
            for params in [{}, others] if others else [{}]:
                yield Request(record, activation_cases(record, params), params)
        else:
            for units in (1, 2, 7):
                yield Request(record, row_cases(record, units, spread=200.0))
    for entry in support.BUILTINS.losses:
        for units in (1, 5):
            yield Request(entry.record, row_cases(entry.record, units))
        yield Request(entry.record, row_cases(entry.record, 3, spread=500.0))
    for entry in support.BUILTINS.optimizers:
        yield Request(entry.record, update_cases(entry.record))
    sgd = support.BUILTINS.optimizers.get("sgd")
    yield Request(sgd, update_cases(sgd), {"momentum": 0.9, "nesterov": 1.0, "weight_decay": 0.01})


def test_built_ins_agree_with_the_definition():
    checked = [Checked(request) for request in built_in_requests()]
    outcomes = evaluate_many(entry.request for entry in checked)
    for entry, outcome in zip(checked, outcomes, strict=True):
        entry.assert_agrees(outcome)
    names = {entry.request.record.name for entry in checked}
    assert len(names) == sum(
        len(catalog.names())
        for catalog in (support.BUILTINS.activations, support.BUILTINS.losses, support.BUILTINS.optimizers)
    )


@pytest.fixture
def plugin(write):
    return write(authors_formulas.WRITTEN)


def test_what_authors_may_write_agrees_with_the_definition(plugin):
    z = np.array([-3.5, -2.0, -0.7, 0.25, 1.0, 2.5, 4.0, 9.0])
    language = Activation("language", plugin.language, plugin.language_derivative, params={"beta": 0.75})
    ranks = RowActivation("ranks", plugin.ranks, plugin.ranks_back, params={"shift": 0.5})
    focal = Loss("focal", plugin.focal, plugin.focal_gradient, targets="classes", params={"gamma": 2.0})
    plain = Optimizer("plain", plugin.plain, params={"lr": 0.1})
    three = Optimizer("three", plugin.three, slots=("m", "v", "s"), params={"lr": 0.1, "beta": 0.9})
    checked = [
        Checked(Request(language, {"f": [z], "df": [z, z]})),
        Checked(Request(language, {"f": [z], "df": [z, z]}, {"beta": 2.5})),
        Checked(Request(ranks, row_cases(ranks, 4))),
        Checked(Request(focal, row_cases(focal, 4), {"gamma": 1.5})),
        Checked(Request(plain, update_cases(plain))),
        Checked(Request(three, update_cases(three))),
    ]
    for entry, outcome in zip(checked, evaluate_many(entry.request for entry in checked), strict=True):
        entry.assert_agrees(outcome)


def test_formulas_go_on_where_python_would_raise(plugin):
    z = np.array([-np.inf, -1e4, -800.0, -90.0, 0.0, 90.0, 800.0, np.inf, np.nan])
    overflowing = Activation("overflowing", plugin.overflowing, plugin.dividing)
    ratio = Activation("ratio", plugin.ratio, plugin.dividing)
    checked = Checked(Request(overflowing, {"f": [z], "df": [z, np.ones(z.size)]}))
    first, second = evaluate_many([checked.request, Request(ratio, {"f": [z]})])
    checked.assert_agrees(first)
    # In float32 exp overflows from 88.7 on, in float64 only from 709.8 on.
    in_float32 = [np.nan, np.nan, np.nan, 1.0, 0.5, np.nan, np.nan, np.nan, np.nan]
    np.testing.assert_allclose(second.results["f"][:, 0], in_float32, equal_nan=True)


def test_numbers_are_float32(plugin):
    record = Activation("small_steps", plugin.small_steps, plugin.small_steps_in_math)
    z = np.array([1e-9, 1e-3])
    results = evaluate(record, {"f": [z], "df": [z, z]}).results
    for role in ("f", "df"):
        assert results[role][0, 0] == 0.0
        assert results[role][1, 0] == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("name", sorted(MATH_FUNCTIONS))
def test_math_of_the_simulator_is_that_of_float32(name):
    function, exact = getattr(simulated_math, name), getattr(machine_math, name)
    for x in np.array([-800.0, -1.0, -0.3, 0.0, 0.3, 1.0, 2.5, 90.0, np.inf, np.nan], np.float32):
        numbers = [x, np.float32(0.75)] if name in OF_TWO else [x]
        with np.errstate(all="ignore"):
            found = function(*numbers)
            expected = exact(*(np.float64(number) for number in numbers))
            expected = expected if isinstance(expected, bool) else np.float32(expected)
        if name.startswith("is"):
            assert bool(found) == expected
        else:
            assert type(found) is np.float32
            assert found == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_says_where_it_ran():
    identity = support.BUILTINS.activations.get("identity")
    where = target.find_device().name if gpu() else "the CUDA simulator"
    assert evaluate(identity, {"f": [[1.0]]}).where == where


# What goes wrong --------------------------------------------------------------------------------------------


@SIMULATED
def test_failures_are_told_with_the_authors_line_and_hurt_no_other_record(write):
    module = write(authors_formulas.BROKEN)
    mixing = Loss("mixing", module.mixing, module.mixing_gradient)
    late = Loss("late", module.value, module.mixing_gradient)
    untranslatable = Activation("untranslatable", module.untranslatable, module.derivative)
    rows = np.ones((3, 4))
    requests = [
        Request(mixing, {"value": [rows, rows]}),
        Request(late, {"value": [rows, rows], "gradient": [rows, rows]}),
        Request(untranslatable, {"f": [[1.0]]}),
        Request(support.BUILTINS.activations.get("identity"), {"f": [[2.0]]}),
    ]
    first, second, third, sound = evaluate_many(requests)
    assert isinstance(first, BackendError)
    assert first.message == (
        f"{module.__file__}:16: in mixing: 'return (' fails on the CUDA simulator: "
        "TypeError: bad operand type for unary -: 'tuple'"
    )
    assert isinstance(second, BackendError)
    assert second.message.startswith(f"{module.__file__}:26: in mixing_gradient: 'da[k] = -pair(a[k])' fails on")
    assert isinstance(third, PluginError)
    assert ":29: in untranslatable" in third.message
    assert sound.results["f"].tolist() == [[2.0]]
    with pytest.raises(BackendError, match="bad operand type"):
        evaluate(mixing, {"value": [rows, rows]})


def test_cases_that_do_not_fit_are_refused(registry):
    swish, cross_entropy = registry.activations.get("swish"), registry.losses.get("categorical_cross_entropy")
    with pytest.raises(UsageError, match='"slope"'):
        evaluate(swish, {"slope": [[1.0]]})
    with pytest.raises(UsageError, match='"alpha"'):
        evaluate(swish, {"f": [[1.0]]}, {"alpha": 1.0})
    for cases in ({"f": [[1.0], [1.0]]}, {"df": [[1.0, 2.0], [1.0]]}, {"f": [[]]}, {"f": [[[1.0]]]}, {"f": []}):
        with pytest.raises(ShapeError, match="of swish"):
            evaluate(swish, cases)
    rows = np.ones((2, 3))
    for cases in ({"value": [rows, rows]}, {"value": [rows, [0]]}, {"value": [rows[0], [0]]}):
        with pytest.raises(ShapeError, match=r"rows \(cases, units\)"):
            evaluate(cross_entropy, cases)


def test_a_process_that_fails_is_told_in_one_line(monkeypatch, tmp_path):
    (tmp_path / "numba.py").write_text("raise RuntimeError('out of order')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(BackendError, match=r"^the process for CUDA failed: RuntimeError: out of order$"):
        run_in_simulator([])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    with pytest.raises(BackendError, match=r"^no process for CUDA can be started: No such file"):
        run_in_simulator([])
