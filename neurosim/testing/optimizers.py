"""Checks of optimizers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.backends.uncompiled import uncompiled
from neurosim.errors import PluginError
from neurosim.network.layers import choose
from neurosim.plugin import Optimizer
from neurosim.testing.agreement import make_layer, step_row, update_agreement
from neurosim.testing.array_rules import LoneRule, cases, share_left
from neurosim.testing.compiled import compiled_items
from neurosim.testing.cuda import Cases, Pending
from neurosim.testing.plain import Array, numbers, parameter_sets
from neurosim.testing.probe import PROBE
from neurosim.testing.scope import Scope, built_in
from neurosim.testing.verdicts import Verdict, attempt, excused, failed, follows, number, passed

# Tried in turn; a rule is right if one of them leads to the minimum.
RATES = (0.001, 0.01, 0.1, 1.0)
# Start, minimum and curvature of each loss 0.5 c (w - m)^2.
PROBLEMS = ((1.0, -2.0, 1.0), (-4.0, 1.0, 0.1), (0.5, 0.0, 10.0), (3.0, -1.0, 3.0))
STEPS = 2000
# The mean over the last steps counts: rules that look only at the sign oscillate around the minimum.
LAST = 50
ENOUGH = 0.01


def optimizer_items(record: Optimizer, chosen: Scope, formula: Verdict) -> list[Verdict | Pending]:
    """The items of an optimizer.

    ``formula``, ``state``, ``quadratic``, ``determinism``, ``float32``, ``reference = cpu``, ``cuda``.
    """
    compiled = formula.outcome == "passed" and "cpu" in chosen.backends
    state = attempt("state", lambda: state_verdict(record))

    def agreement() -> Verdict:
        return update_agreement(record, usable_sets(record))

    def pending() -> Pending:
        return Pending(record, cuda_cases(record), usable_sets(record))

    def after_state(item: str, look: Callable[[], Verdict]) -> Verdict:
        return attempt(item, look) if state.outcome != "failed" else follows(item, state)

    return [
        formula,
        excused(state, formula),
        after_state("quadratic", lambda: quadratic_verdict(record)),
        after_state("determinism", lambda: determinism_verdict(record, compiled=compiled)),
        *compiled_items(record, formula, chosen, agreement, pending, state),
    ]


@dataclass
class _Rule:
    """One parameter and its slots, updated by the author's function."""

    record: Optimizer
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        self.update = uncompiled(self.record.update)
        self.slots = [np.float64(0.0)] * len(self.record.slots)
        self.step = 0

    def __call__(self, w: Any, g: Any) -> Any:
        """The parameter after one more update; raises PluginError for a wrong number of results."""
        self.step += 1
        result = self.update(np.float64(w), np.float64(g), *self.slots, self.step, *self.values)
        given = result if isinstance(result, tuple) else (result,)
        expected = ["w", *self.record.slots]
        if len(given) != len(expected):
            what = f"update returns {_count(len(given))}; it must return {_count(len(expected))}"
            raise PluginError(what, f"Return {', '.join(expected)}, in this order.")
        self.slots = [np.float64(value) for value in given[1:]]
        return np.float64(given[0])


def _count(numbers: int) -> str:
    return "one number" if numbers == 1 else f"{numbers} numbers"


def _rule(record: Optimizer, values: tuple[float, ...]) -> _Rule | LoneRule:
    """One parameter and its slots."""
    return LoneRule(record, values) if record.looks_at_arrays else _Rule(record, values)


def state_verdict(record: Optimizer) -> Verdict:
    """Whether an update returns a new parameter and each slot, all finite, from slots that start at 0."""
    rule = _rule(record, numbers(record.params))
    w = np.float64(0.5)
    # Many parameters have a gradient of 0 in their first step.
    gradients = [0.0, *np.random.default_rng(3).normal(size=100), 1e4, -1e4, 1e-8, 0.0]
    for g in gradients:
        with np.errstate(all="ignore"):
            w = rule(w, g)
        state = {"w": w, **dict(zip(record.slots, rule.slots, strict=True))}
        for name, value in state.items():
            if not math.isfinite(value):
                return failed("state", f"{name} is {value} after step {rule.step}, with a gradient of {number(g)}")
    if not record.slots:
        return passed("state", f"keeps nothing; w is finite for {len(gradients)} gradients")
    kept = f"keeps {', '.join(record.slots)} ({_count(len(record.slots))} per parameter), from 0"
    return passed("state", f"{kept}, finite for {len(gradients)} gradients")


def quadratic_verdict(record: Optimizer) -> Verdict:
    """Whether a quadratic loss falls below a hundredth of its start, from several starts, with some learning rate."""
    default = record.params["lr"]
    best, best_rate = math.inf, default
    for rate in dict.fromkeys((default, *RATES)):
        left = _most_left(record, rate)
        if left < ENOUGH:
            which = "the default" if rate == default else f"the default, {default:g}, takes longer or goes too far"
            share = "less than 0.1%" if left < 0.001 else f"{left:.1%}"
            return passed(
                "quadratic",
                f"{STEPS} steps with lr = {rate:g} ({which}) leave {share} of the loss, from {len(PROBLEMS)} starts",
            )
        if left < best:
            best, best_rate = left, rate
    rates = ", ".join(f"{rate:g}" for rate in dict.fromkeys((default, *RATES)))
    outcome = f"at best {best:.0%} of the loss is left, with lr = {best_rate:g}" if best < 1.0 else "the loss grows"
    return failed(
        "quadratic",
        f"does not find the minimum of 0.5 c (w - m)^2 in {STEPS} steps with lr = {rates}: {outcome}; "
        "does the update go against the gradient?",
    )


def _most_left(record: Optimizer, rate: float) -> float:
    """The largest share of a loss that is left at the end."""
    if record.looks_at_arrays:
        shares = share_left(record, numbers({**record.params, "lr": rate}), PROBLEMS, STEPS)
        return float(shares[-LAST:].mean(axis=0).max())
    return max(_left(record, rate, *problem) for problem in PROBLEMS)


def _left(record: Optimizer, rate: float, start: float, minimum: float, curvature: float) -> float:
    """The share of the loss that is left at the end."""
    rule = _rule(record, numbers({**record.params, "lr": rate}))
    w = np.float64(start)
    first = 0.5 * curvature * (start - minimum) ** 2
    last = []
    with np.errstate(all="ignore"):
        for step in range(STEPS):
            loss = 0.5 * curvature * (w - minimum) ** 2
            if not loss < 1e6 * first:
                return math.inf
            if step >= STEPS - LAST:
                last.append(loss)
            w = rule(w, curvature * (w - minimum))
    return float(np.mean(last) / first)


def determinism_verdict(record: Optimizer, *, compiled: bool) -> Verdict:
    """Whether equal gradients give the same bits twice."""

    def plain() -> bytes:
        rule, w, random = _rule(record, numbers(record.params)), np.float64(1.0), np.random.default_rng(4)
        with np.errstate(all="ignore"):
            trail = [w := rule(w, g) for g in random.normal(size=50)]
        return np.array([*trail, *rule.slots], np.float64).tobytes()

    def on_cpu() -> bytes:
        layer = (3, choose(built_in().activations.get("identity")), choose(PROBE), choose(record))
        bench, random = make_layer("cpu", *layer), np.random.default_rng(4)
        for _ in range(10):
            bench.train_step(step_row(random, bench.network.inputs, bench.network.outputs))
        return bench.parameters.tobytes() + bench.state.tobytes()

    for where, run in [("uncompiled", plain), *([("on the CPU", on_cpu)] if compiled else [])]:
        if run() != run():
            return failed("determinism", f"two runs with the same gradients differ {where}")
    return passed("determinism", "two runs give the same bits")


def usable_sets(record: Optimizer) -> list[dict[str, float]]:
    """The defaults and, if the parameter stays finite with them, other values of the settings."""

    def is_usable(params: tuple[float, ...]) -> bool:
        rule, w = _rule(record, params), np.float64(0.5)
        with np.errstate(all="ignore"):
            for g in np.random.default_rng(3).normal(size=20):
                w = rule(w, g)
        return bool(np.isfinite(w))

    return parameter_sets(record, is_usable)


def cuda_cases(record: Optimizer) -> Cases:
    """Parameters, gradients and slots as they are after some steps."""
    if record.looks_at_arrays:
        found = cases(record, numbers(record.params))
        return {role: [column.astype(np.float32) for column in columns] for role, columns in found.items()}
    random = np.random.default_rng(6)
    rows: list[Array] = []
    for _ in range(8):
        rule, w = _rule(record, numbers(record.params)), np.float64(random.normal())
        for g in random.normal(size=5):
            rows.append(np.array([w, g, *rule.slots, rule.step + 1]))
            with np.errstate(all="ignore"):
                w = rule(w, g)
    return {"update": [column.astype(np.float32) for column in np.array(rows).T]}
