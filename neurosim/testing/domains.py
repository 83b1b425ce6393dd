"""The outputs and targets that a loss is meant for: those that its record declares, else determined by trial.

A loss of probabilities is meant only for outputs between 0 and 1, but its record need not say so. Elsewhere its
value is not finite; or it is, because the author keeps the logarithm away from 0 with ``max(a, 1e-30)``, and there the
gradient is not meant to be the slope.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.formulas import form
from neurosim.formulas.reader import read
from neurosim.plugin import Loss
from neurosim.testing.gradients import GradientCheck, row_text
from neurosim.testing.plain import Array, Measure, Target, window

Rows = list[tuple[Array, Target]]
UNITS = (1, 4)
ROWS = 6
# Functions that are not defined for every number.
_LIMITED = frozenset({"log", "log2", "log10", "log1p", "sqrt", "pow", "acos", "asin", "acosh", "atanh"})


@dataclass(frozen=True)
class Domain:
    """Outputs that a loss may be meant for.

    Attributes
    ----------
    text : str
        A description.
    draw : function (random, units) -> array
        Draws random outputs, away from the edges of the domain.
    extremes : tuple of float
        The most extreme outputs.
    """

    text: str
    draw: Callable[[np.random.Generator, int], Array]
    extremes: tuple[float, ...]


DOMAINS = (
    Domain("any outputs", lambda random, units: 2.0 * random.normal(size=units), (-1e4, -1.0, 0.0, 1.0, 1e4)),
    Domain("outputs above 0", lambda random, units: random.uniform(0.05, 5.0, units), (0.0, 1e-10, 1.0, 1e4)),
    Domain("outputs between 0 and 1", lambda random, units: random.uniform(0.05, 0.95, units), (0.0, 1e-10, 0.5, 1.0)),
)
TARGETS: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "zeros and ones": lambda random, units: random.integers(0, 2, units).astype(np.float64),
    "between 0 and 1": lambda random, units: random.uniform(0.1, 0.9, units),
    "any numbers": lambda random, units: random.normal(size=units),
}


@dataclass
class Fit:
    """How a loss behaves in a domain.

    Attributes
    ----------
    domain : Domain
        The domain.
    rows : mapping of str to list of (outputs, target)
        Rows with a finite value, by kind of target.
    unusable : list of str
        Kinds of targets for which the value is not finite.
    check : GradientCheck
        The comparison of the gradient with the slope of the value.
    """

    domain: Domain
    rows: Mapping[str, Rows]
    unusable: list[str]
    check: GradientCheck

    @property
    def all_rows(self) -> Rows:
        """Rows of all kinds."""
        return [row for rows in self.rows.values() for row in rows]


def fitting_domain(measure: Measure) -> Fit:
    """The widest domain in which the gradient is the slope of the value; if there is none, the best guess."""
    record = measure.record
    if record.domain is not None:
        return try_domain(measure, declared(record.domain))
    fits: list[Fit] = []
    for domain in DOMAINS:
        fit = try_domain(measure, domain)
        if fit.rows and fit.check.right:
            return fit
        fits.append(fit)
        if fit.rows and not fit.unusable and not _has_limits(record):
            return fit
    finite = [fit for fit in fits if fit.rows]
    return finite[-1] if finite else fits[-1]


def declared(domain: tuple[float, float]) -> Domain:
    """The domain that a record declares."""
    low, high = domain
    if np.isinf(low) and np.isinf(high):
        return DOMAINS[0]
    (start, end), edge = window(domain), 0.05 * min(high - low, 1.0)
    text = "outputs " + (
        f"below {high:g}" if np.isinf(low) else f"above {low:g}" if np.isinf(high) else f"between {low:g} and {high:g}"
    )
    extremes = (max(low, -1e4), *(start + share * (end - start) for share in (1e-10, 0.5)), min(high, 1e4))
    return Domain(text, lambda random, units: random.uniform(start + edge, end - edge, units), extremes)


def try_domain(measure: Measure, domain: Domain) -> Fit:
    """Compare gradients and slopes at random rows of a domain."""
    rows: dict[str, Rows] = {}
    unusable = []
    for kind, drawn in draw_rows(measure.record, domain.draw).items():
        values = np.array([measure.value(a, y) for a, y in drawn])
        if np.isfinite(values).all():
            rows[kind] = drawn
        else:
            unusable.append(kind)
    fit = Fit(domain, rows, unusable, GradientCheck())
    compare(fit.check, measure, fit.all_rows, "a")
    return fit


def draw_rows(
    record: Loss, draw: Callable[[np.random.Generator, int], Array], usual: tuple[int, ...] = UNITS
) -> dict[str, Rows]:
    """Random rows with targets of every kind, with all numbers rounded to float32.

    Their widths are those that the record declares, else the `usual` ones.
    """
    random = np.random.default_rng(5)
    rows: dict[str, Rows] = {}
    kinds = {"classes": None} if record.targets == "classes" else TARGETS
    for kind, target in kinds.items():
        rows[kind] = []
        each = record.outputs_per_target
        for width in record.widths or tuple(each * targets for targets in usual):
            for _ in range(ROWS):
                a = _rounded(draw(random, width))
                y = int(random.integers(width)) if target is None else _rounded(target(random, width // each))
                rows[kind].append((a, y))
    return rows


def compare(check: GradientCheck, measure: Any, rows: Rows, name: str) -> None:
    """Compare the gradient of a loss, or of a pair, with the slopes of its value at `rows`."""
    for row, y in rows:

        def value(moved: Array, y: Target = y) -> float:
            return float(measure.value(moved, y))

        def describe(k: int, row: Array = row, y: Target = y) -> str:
            return f"d{name}[{k}] for {name} = {row_text(row)}, y = {target_text(y)}"

        check.add(value, measure.gradient(row, y), row, describe)


def target_text(y: Target) -> str:
    """A target, for people."""
    return str(y) if isinstance(y, int) else row_text(y)


def _rounded(values: Array) -> Array:
    return values.astype(np.float32).astype(np.float64)


def _has_limits(record: Loss) -> bool:
    """Whether the value is computed with functions that are not defined for every number."""
    seen: set[Any] = set()
    waiting: list[Any] = [record.value]
    while waiting:
        function = waiting.pop()
        if function in seen:
            continue
        seen.add(function)
        for part in form.walk(read(function).body):
            match part:
                case form.Call(name=name) if name in _LIMITED:
                    return True
                case form.Helper(function=helper):
                    waiting.append(helper)
                case form.Binary(operator="**", right=power):
                    if not (isinstance(power, form.Const) and isinstance(power.value, int)):
                        return True
    return False
