"""Checks of activations that are applied to each unit separately."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from neurosim.plugin import Activation
from neurosim.plugin.host import Registry
from neurosim.testing.agreement import activation_agreement, activation_on
from neurosim.testing.compiled import (
    NO_DERIVATIVE,
    endless_verdicts,
    float32_verdict,
    formula_verdict,
    has_derivative,
    if_compiled,
    on_cuda,
)
from neurosim.testing.cuda import Cases, Pending, resolve
from neurosim.testing.nans import hidden_by_activation
from neurosim.testing.plain import Array, Curve, assigned, numbers, parameter_sets
from neurosim.testing.scope import Scope, scope
from neurosim.testing.slopes import Jump, find_jump, side_slopes, slopes
from neurosim.testing.speed import activation_speed
from neurosim.testing.verdicts import Verdict, attempt, failed, noted, number, passed, size, skipped, some

TOLERANCE = 1e-8
# Differences of numbers far from 1 are less exact.
TAIL_TOLERANCE = 1e-6
TAILS = np.array([-1000.0, -100.0, -30.0, 30.0, 100.0, 1000.0])
# Closer to a declared kink than this, every difference would reach across it.
KINK_MARGIN = 1e-3
REACH = 1e4


def check_activation(
    record: Activation, *, backends: Iterable[str] | None = None, registry: Registry | None = None
) -> list[Verdict]:
    """Check an activation.

    Parameters
    ----------
    record : Activation
        What to check.
    backends : iterable of str, optional
        Backends to compare; all of them when left out.
    registry : Registry, optional
        Unused here.

    Returns
    -------
    list of Verdict
        ``formula``, ``derivative``, ``range``, ``float32``, ``reference = cpu``, ``cuda``, ``speed``.
    """
    return resolve([activation_items(record, scope(backends, registry))])[0]


def activation_items(record: Activation, chosen: Scope) -> list[Verdict | Pending]:
    """The items of `check_activation`; the one on CUDA is still pending."""
    endless = endless_verdicts(record)
    if endless:
        return endless
    formula = formula_verdict(record, chosen)

    def if_derivable(item: str, look: Callable[[], Verdict]) -> Verdict:
        return attempt(item, look) if has_derivative(record) else skipped(item, NO_DERIVATIVE)

    def agreement() -> Verdict:
        return activation_agreement(record, points(record), usable_sets(record))

    return [
        formula,
        if_derivable("derivative", lambda: derivative_verdict(record)),
        if_derivable("range", lambda: range_verdict(record, chosen, compiled=formula.outcome == "passed")),
        if_compiled(formula, "float32", chosen, lambda: float32_verdict(record)),
        if_compiled(
            formula,
            "reference = cpu",
            chosen,
            agreement,
        ),
        on_cuda(formula, chosen, lambda: Pending(record, cuda_cases(record), usable_sets(record))),
        if_compiled(formula, "speed", chosen, lambda: activation_speed(record)),
    ]


def points(record: Activation) -> Array:
    """Points in [-20, 20] to check: a grid on which kinks usually lie, and random ones."""
    grid = np.union1d(np.linspace(-20.0, 20.0, 161), np.round(np.linspace(-3.0, 3.0, 61), 1))
    random = np.random.default_rng(20).uniform(-20.0, 20.0, 200)
    return _away_from_kinks(record, np.concatenate([grid, random]))


def extremes(record: Activation) -> Array:
    """Points from -1e4 to 1e4, including those at which exponentials overflow, 0 and the kinks."""
    sizes = np.concatenate([np.geomspace(1e-6, REACH, 61), [88.8, 100.5, 710.0, 1000.0]])
    return np.unique(np.concatenate([-sizes, [0.0, *record.kinks], sizes]))


def usable_sets(record: Activation) -> list[dict[str, float]]:
    """The defaults and, if f stays finite with them, other values of the parameters."""
    z = np.linspace(-20.0, 20.0, 41)
    return parameter_sets(record, lambda params: bool(np.isfinite(Curve(record, params).f(z)).all()))


def cuda_cases(record: Activation) -> Cases:
    """Inputs, and outputs for the derivative."""
    z = points(record).astype(np.float32)
    a = Curve(record, numbers(record.params)).f(z.astype(np.float64)).astype(np.float32)
    return {"f": [z], "df": [z, a]}


def _away_from_kinks(record: Activation, z: Array) -> Array:
    near = np.zeros(z.shape, bool)
    for kink in record.kinks:
        near |= np.abs(z - kink) <= KINK_MARGIN
    return z[~near]


@dataclass
class _Comparison:
    """A derivative compared with slopes.

    Attributes
    ----------
    worst, at : float
        The largest error among the points where it is right, and that point.
    wrong : list of str
        Descriptions of where it is wrong, worst first.
    jumps : list of Jump
        Points where the function or its slope jumps, so that there is no single slope to compare with.
    compared : int
        The number of points compared.
    """

    worst: float = 0.0
    at: float = 0.0
    compared: int = 0
    wrong: list[str] = field(default_factory=list)
    jumps: list[Jump] = field(default_factory=list)


def derivative_verdict(record: Activation) -> Verdict:
    """Whether `df` is the slope of `f`, by central differences in float64."""
    whose = "derived from f" if record.df is None else "df as given"
    overall = _Comparison()
    sets = usable_sets(record)
    for number_of_set, params in enumerate(sets):
        comparison = _compare(record, params)
        overall.compared += comparison.compared
        if comparison.worst >= overall.worst:
            overall.worst, overall.at = comparison.worst, comparison.at
        overall.wrong += [f"{entry}{_with(params)}" for entry in comparison.wrong]
        # Kinks are declared for the defaults; other parameters may have moved them.
        if number_of_set == 0:
            overall.jumps = comparison.jumps
    if overall.wrong:
        count = len(overall.wrong)
        places = "one place" if count == 1 else f"{count} of {overall.compared} places"
        return failed("derivative", f"{whose}: wrong at {places}: {some(overall.wrong, 3)}")
    if overall.jumps:
        return failed("derivative", f"{whose}: {_kinks_to_declare(record, overall.jumps)}")
    if not overall.compared:
        return failed("derivative", "f is not finite anywhere in [-20, 20]")
    others = "".join(f", also with {assigned(params)}" for params in sets[1:])
    kinks = f", away from kinks at {some(map(number, record.kinks))}" if record.kinks else ""
    return passed(
        "derivative",
        f"{whose}: the slope of f at {overall.compared} places{kinks}{others}; worst error {size(overall.worst)} "
        f"at z = {number(overall.at)}",
    )


def _with(params: Mapping[str, float]) -> str:
    return f" with {assigned(params)}" if params else ""


def _kinks_to_declare(record: Activation, jumps: list[Jump]) -> str:
    texts = [
        f"{'f' if jump.what == 'value' else 'the slope of f'} jumps at z = {number(jump.at)} "
        f"(from {number(jump.left)} to {number(jump.right)})"
        for jump in jumps
    ]
    kinks = sorted({*record.kinks, *(float(jump.at) for jump in jumps)})
    declared = repr(tuple(kinks)) if len(kinks) <= 8 else f"({kinks[0]}, {kinks[1]}, ...)"
    return f"{some(texts, 2)}; declare kinks={declared}"


def _compare(record: Activation, params: Mapping[str, float]) -> _Comparison:
    curve = Curve(record, numbers(params))
    result = _Comparison()
    for z, tolerance in ((points(record), TOLERANCE), (_away_from_kinks(record, TAILS), TAIL_TOLERANCE)):
        expected, actual = slopes(curve.f, z), curve.df(z)
        known = np.isfinite(expected)
        scale = np.maximum(1.0, np.abs(expected))
        with np.errstate(all="ignore"):
            errors = np.abs(actual - expected) / scale
        errors = np.where(np.isnan(errors), np.inf, errors)
        good = known & (errors <= tolerance)
        result.compared += int(known.sum())
        if tolerance == TOLERANCE and good.any():
            place = int(np.argmax(np.where(good, errors, -1.0)))
            result.worst, result.at = float(errors[place]), float(z[place])
        bad = np.flatnonzero(known & ~good)
        for place in bad[np.argsort(-errors[bad], kind="stable")]:
            _look_closer(curve, float(z[place]), float(actual[place]), float(expected[place]), tolerance, result)
    return result


def _look_closer(curve: Curve, z: float, actual: float, expected: float, tolerance: float, result: _Comparison) -> None:
    """Distinguish a wrong derivative from a point where the slope changes abruptly."""
    jump = find_jump(curve.f, z)
    if jump is not None:
        result.jumps.append(jump)
        return
    # Where the slope itself has a kink (z / (1 + |z|) at 0), only one-sided differences are exact.
    sides = [float(side[0]) for side in side_slopes(curve.f, np.array([z]))]
    if not any(abs(actual - side) <= tolerance * max(1.0, abs(side)) for side in sides):
        result.wrong.append(f"df({number(z)}) = {number(actual)} where the slope of f is {number(expected)}")


def range_verdict(record: Activation, chosen: Scope, *, compiled: bool) -> Verdict:
    """Whether `f` and `df` are finite from -1e4 to 1e4, in both precisions, and their values at infinity and NaN."""
    z = extremes(record)
    curve = Curve(record, numbers(record.params))
    results = [("float64", z, curve.f(z), curve.df(z))]
    if compiled and "cpu" in chosen.backends:
        outputs, gradients = activation_on("cpu", record, record.params, z)
        results.append(("float32", z.astype(np.float32).astype(np.float64), outputs, gradients))
    for precision, at, a, da in results:
        for name, values in (("f", a), ("df", da)):
            bad = np.flatnonzero(~np.isfinite(values))
            if bad.size:
                place = bad[np.argmin(np.abs(at[bad]))]
                advice = _advice(record, float(at[place]), precision)
                where = f"{name}({number(at[place])}) = {values[place]}"
                return failed("range", f"{where} in {precision}, and it must be finite from -1e4 to 1e4{advice}")
    precisions = " and ".join(entry[0] for entry in results)
    text = f"finite from -1e4 to 1e4 in {precisions}; {_at_infinity(curve)}"
    hidden = hidden_by_activation(curve)
    return noted("range", f"{text}; but {hidden}") if hidden else passed("range", text)


def _advice(record: Activation, at: float, precision: str) -> str:
    if abs(at) < 80.0:
        return ""
    limit = "709 in float64, above 88 in float32" if precision == "float64" else "88 in float32"
    return f"; exp is infinite above {limit}: write the formula with exp of negative numbers only"


def _at_infinity(curve: Curve) -> str:
    ends = np.array([-np.inf, np.inf])
    limits = np.array([curve.f(ends), curve.df(ends)])
    texts = [f"at {end}: f = {number(f)}, df = {number(df)}" for end, f, df in zip(ends, *limits, strict=True)]
    return "; ".join(texts) + (" (nan: the formula gives no number)" if np.isnan(limits).any() else "")
