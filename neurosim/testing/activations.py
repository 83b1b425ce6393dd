"""Checks of activations that are applied to each unit separately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from neurosim.backends.slopes import Jump, find_jump, side_slopes, slopes
from neurosim.plugin import Activation, Every
from neurosim.plugin.activation_records import learned_role
from neurosim.testing.agreement import activation_agreement, activation_on
from neurosim.testing.compiled import SURROGATE, compiled_items, if_compiled, if_derivable
from neurosim.testing.cuda import Cases, Pending
from neurosim.testing.nans import hidden_by_activation
from neurosim.testing.plain import Array, Curve, assigned, inside, numbers, parameter_sets, window
from neurosim.testing.scope import Scope
from neurosim.testing.speed import activation_speed
from neurosim.testing.verdicts import (
    Verdict,
    excused,
    failed,
    follows,
    noted,
    number,
    passed,
    size,
    some,
)

TOLERANCE = 1e-8
# Differences of numbers far from 1 are less exact.
TAIL_TOLERANCE = 1e-6
TAILS = np.array([-1000.0, -100.0, -30.0, 30.0, 100.0, 1000.0])
LEARNED_TOLERANCE = 1e-6
# Closer to a declared kink than this, every difference would reach across it.
KINK_MARGIN = 1e-3
REACH = 1e4
# Of kinks at regular distances there are many.
MOST_KINKS = 40
# Fewer kinks at equal distances may do so by chance.
ENOUGH_TO_TELL = 4


def activation_items(record: Activation, chosen: Scope, formula: Verdict) -> list[Verdict | Pending]:
    """The items of an activation.

    ``formula``, ``derivative``, ``learned`` if it learns, ``range``, ``float32``, ``reference = cpu``, ``cuda``,
    ``speed``.
    """

    def agreement() -> Verdict:
        return activation_agreement(record, points(record), usable_sets(record))

    def pending() -> Pending:
        return Pending(record, cuda_cases(record), usable_sets(record))

    derivative = if_derivable(record, "derivative", lambda: derivative_verdict(record))
    right = derivative.outcome != "failed"
    learned = [if_derivable(record, "learned", lambda: learned_verdict(record))] if record.learn else []

    def in_range() -> Verdict:
        if not right and not _has_values(record):
            return follows("range", derivative)
        return range_verdict(record, chosen, compiled=formula.outcome == "passed", slope=right)

    return [
        formula,
        excused(derivative, formula),
        *(excused(entry, formula) for entry in learned),
        excused(if_derivable(record, "range", in_range), formula),
        *compiled_items(record, formula, chosen, agreement, pending, derivative),
        if_compiled(formula, "speed", chosen, lambda: activation_speed(record)),
    ]


def _has_values(record: Activation) -> bool:
    """Whether `f` runs, and gives a finite number somewhere."""
    try:
        return bool(np.isfinite(Curve(record, numbers(record.params)).f(points(record))).any())
    except Exception:  # a finding of another item
        return False


def points(record: Activation) -> Array:
    """Points in [-20, 20], or in the domain, to check: a grid on which kinks usually lie, and random ones."""
    low, high = window(record.domain)
    grid = np.union1d(np.linspace(-20.0, 20.0, 161), np.round(np.linspace(-3.0, 3.0, 61), 1))
    if record.domain is not None:
        grid = np.union1d(inside(grid, record.domain), np.linspace(low, high, 163)[1:-1])
    random = np.random.default_rng(20).uniform(low, high, 200)
    return _away_from_kinks(record, np.concatenate([grid, random]))


def extremes(record: Activation) -> Array:
    """Points from -1e4 to 1e4, including those at which exponentials overflow, 0, the kinks and the ends' neighbors."""
    sizes = np.concatenate([np.geomspace(1e-6, REACH, 61), [88.8, 100.5, 710.0, 1000.0]])
    z = np.concatenate([-sizes, [0.0, *_nearest_kinks(record)], sizes])
    if record.domain is not None:
        low, high = window(record.domain)
        z = np.concatenate([z, low + sizes, high - sizes, [0.5 * (low + high)]])
        # In float32, the closest neighbors of an end are the end itself.
        z = inside(z.astype(np.float32).astype(np.float64), record.domain)
    return np.unique(z[np.abs(z) <= REACH])


def _nearest_kinks(record: Activation) -> list[float]:
    """The declared kinks that are closest to 0."""
    return sorted(record.kinks_within(-REACH, REACH), key=abs)[:MOST_KINKS]


def usable_sets(record: Activation) -> list[dict[str, float]]:
    """The defaults and, if f stays finite with them, other values of the parameters."""
    z = np.linspace(*window(record.domain), 43)[1:-1] if record.domain else np.linspace(-20.0, 20.0, 41)
    return parameter_sets(record, lambda params: bool(np.isfinite(Curve(record, params).f(z)).all()))


def cuda_cases(record: Activation) -> Cases:
    """Inputs, and outputs for the derivative."""
    z = points(record).astype(np.float32)
    a = Curve(record, numbers(record.params)).f(z.astype(np.float64)).astype(np.float32)
    return {"f": [z], "df": [z, a], **{learned_role(name): [z, a] for name in record.learn}}


def _away_from_kinks(record: Activation, z: Array) -> Array:
    return z[_reach(record, z) > KINK_MARGIN]


def _reach(record: Activation, z: Array) -> Array:
    """The distance of each of `z` from the closest kink, or end of the domain."""
    reach = np.full(z.shape, np.inf)
    if z.size:
        edges = [*(record.domain or ()), *record.kinks_within(z.min() - 10.0, z.max() + 10.0)]
        for edge in edges:
            reach = np.minimum(reach, np.abs(z - edge))
    return reach


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
    if record.surrogate:
        return noted("derivative", SURROGATE)
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
        low, high = window(record.domain)
        return failed("derivative", f"f is not finite anywhere in [{number(low)}, {number(high)}]")
    others = "".join(f", also with {assigned(params)}" for params in sets[1:])
    kinks = f", away from kinks at {some(map(_kink_text, record.declared_kinks))}" if record.kinks else ""
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
    found = sorted({float(jump.at) for jump in jumps})
    regular = regular_kinks(found)
    periodic = [kink for kink in record.declared_kinks if isinstance(kink, Every)]
    kinks = sorted({*(kink for kink in record.declared_kinks if not isinstance(kink, Every)), *found})
    if regular is not None and not periodic:
        declared = f"Every({regular.step}{f', {regular.start}' if regular.start else ''})"
    elif len(kinks) <= 8:
        declared = repr((*kinks, *periodic))
    else:
        declared = f"({kinks[0]}, {kinks[1]}, ...)"
    return f"{some(texts, 2)}; declare kinks={declared}"


def regular_kinks(kinks: list[float]) -> Every | None:
    """What declares kinks that lie at equal distances, if there are enough of them to tell."""
    # Of the grids in `points`: others were found from beside them, and far out the grid is too coarse for some.
    on_grid = [kink for kink in kinks if min(abs(kink * n - round(kink * n)) for n in (4, 10)) < 1e-9]
    for limit in (20.0, 3.0):
        near = [kink for kink in on_grid if abs(kink) <= limit]
        if len(near) >= ENOUGH_TO_TELL and np.ptp(np.diff(near)) < 1e-6:
            step = float(np.round(np.diff(near).mean(), 6))
            start = float(np.round(near[0] % step, 6))
            return Every(step, 0.0 if step - start < 1e-6 else start)
    return None


def _kink_text(kink: float | Every) -> str:
    if not isinstance(kink, Every):
        return number(kink)
    multiples = f"all multiples of {number(kink.step)}"
    return f"{number(kink.start)} plus {multiples}" if kink.start else multiples


def _compare(record: Activation, params: Mapping[str, float]) -> _Comparison:
    curve = Curve(record, numbers(params))
    result = _Comparison()
    for z, tolerance in ((points(record), TOLERANCE), (_away_from_kinks(record, TAILS), TAIL_TOLERANCE)):
        z = z if record.domain is None else inside(z, record.domain)
        expected, actual = slopes(curve.f, z, _reach(record, z)), curve.df(z)
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


def learned_verdict(record: Activation) -> Verdict:
    """Whether the derivatives with respect to learned parameters are slopes of `f`, by central differences."""
    if record.surrogate:
        return noted("learned", SURROGATE)
    z = points(record)
    worst = 0.0
    sets = usable_sets(record)
    for name, given in record.learned.items():
        whose = "as given" if given is not None else "derived from f"
        for params in sets:
            curve = Curve(record, numbers(params))
            expected = slopes(curve.f_of(name, z), np.full_like(z, params[name]))
            actual = curve.by(name, z)
            with np.errstate(all="ignore"):
                errors = np.abs(actual - expected) / np.maximum(1.0, np.abs(expected))
            errors = np.where(np.isfinite(expected), np.where(np.isnan(errors), np.inf, errors), 0.0)
            for bad in np.flatnonzero(errors > LEARNED_TOLERANCE):
                # Where f has a kink in the parameter, there is no slope to compare with.
                if find_jump(curve.f_of(name, z[bad : bad + 1]), params[name]) is not None:
                    errors[bad] = 0.0
            place = int(np.argmax(errors))
            if errors[place] > LEARNED_TOLERANCE:
                where = f"{learned_role(name)}({number(z[place])}) = {number(actual[place])}"
                found = f"{where}{_with(params)} where the slope of f is {number(expected[place])}"
                return failed("learned", f"{whose}: wrong at {int((errors > LEARNED_TOLERANCE).sum())} places: {found}")
            worst = max(worst, float(errors[place]))
    names = {
        whose: ", ".join(name for name, given in record.learned.items() if (given is not None) == is_given)
        for whose, is_given in (("as given", True), ("derived from f", False))
    }
    texts = [f"{listed} {whose}" for whose, listed in names.items() if listed]
    others = "".join(f", also with {assigned(params)}" for params in sets[1:])
    return passed("learned", f"{', '.join(texts)}: the slope of f in each{others}; worst error {size(worst)}")


def range_verdict(record: Activation, chosen: Scope, *, compiled: bool, slope: bool = True) -> Verdict:
    """Whether `f` is finite from -1e4 to 1e4, in both precisions, and its values at infinity and NaN.

    With `slope`, its derivatives have to be finite too.
    """
    z = extremes(record)
    curve = Curve(record, numbers(record.params))
    names = ("f", "df", *map(learned_role, record.learn)) if slope else ("f",)
    exact = (curve.f(z), *((curve.df(z), *(curve.by(name, z) for name in record.learn)) if slope else ()))
    results = [("float64", z, exact)]
    if compiled and "cpu" in chosen.backends:
        at = z.astype(np.float32).astype(np.float64)
        results.append(("float32", at, activation_on("cpu", record, record.params, z)[: len(names)]))
    low, high = (number(end) for end in (z.min(), z.max())) if record.domain else ("-1e4", "1e4")
    for precision, at, found in results:
        for name, values in zip(names, found, strict=True):
            bad = np.flatnonzero(~np.isfinite(values))
            if bad.size:
                place = bad[np.argmin(np.abs(at[bad]))]
                advice = _advice(curve, float(at[place]), precision)
                where = f"{name}({number(at[place])}) = {values[place]}"
                return failed("range", f"{where} in {precision}, and it must be finite from {low} to {high}{advice}")
    precisions = " and ".join(entry[0] for entry in results)
    ends = _at_infinity(curve)
    text = f"finite from {low} to {high} in {precisions}{f'; {ends}' if ends else ''}"
    hidden = hidden_by_activation(curve)
    return noted("range", f"{text}; but {hidden}") if hidden else passed("range", text)


def _advice(curve: Curve, at: float, precision: str) -> str:
    if abs(at) < 80.0:
        return _domain_to_declare(curve)
    limit = "709 in float64, above 88 in float32" if precision == "float64" else "88 in float32"
    return f"; exp is infinite above {limit}: write the formula with exp of negative numbers only"


def _domain_to_declare(curve: Curve) -> str:
    """Advice for a formula that has no value below some number, or above one."""
    if curve.record.domain is not None:
        return ""
    z = np.linspace(-20.0, 20.0, 161)
    finite = np.flatnonzero(np.isfinite(curve.f(z)))
    if finite.size < 2 or finite[-1] - finite[0] + 1 > finite.size or finite.size == z.size:
        return ""
    low = "-math.inf" if finite[0] == 0 else _border(curve, z[finite[0]], z[finite[0] - 1])
    high = "math.inf" if finite[-1] == z.size - 1 else _border(curve, z[finite[-1]], z[finite[-1] + 1])
    return (
        "; weighted sums can be any numbers, so give it a value there too; or, if the layer before keeps them inside, "
        f"declare domain=({low}, {high})"
    )


def _border(curve: Curve, finite: float, other: float) -> str:
    """Where `f` ceases to be finite, between a point where it is and one where it is not."""
    for _ in range(50):
        middle = 0.5 * (finite + other)
        finite, other = (middle, other) if np.isfinite(curve.f(np.array([middle]))[0]) else (finite, middle)
    return str(float(np.round(finite, 6)) + 0.0)


def _at_infinity(curve: Curve) -> str:
    low, high = curve.record.domain or (-np.inf, np.inf)
    ends = np.array([end for end in (-np.inf, np.inf) if low <= end <= high])
    limits = np.array([curve.f(ends), curve.df(ends)])
    texts = [f"at {end}: f = {number(f)}, df = {number(df)}" for end, f, df in zip(ends, *limits, strict=True)]
    return "; ".join(texts) + (" (nan: the formula gives no number)" if np.isnan(limits).any() else "")
