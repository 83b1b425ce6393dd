"""Whether a network has learned what its scenario is about, and how many of those that differ in their seed have.

Where a scenario promises that something cannot be learned, a network that does as promised is no success: see
`Scenario.expects_failure`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from neurosim.markup import measure_words
from neurosim.scenario import Scenario
from neurosim.training.history import History

# What is measured on the training rows during an epoch.
DURING = ("train_loss", "train_accuracy")


@dataclass(frozen=True)
class Judged:
    """A network, judged by what its scenario expects: the outcome of one of several that differ in their seed.

    Attributes
    ----------
    seed : int
        Its seed; ``neurosim run SCENARIO --seed SEED`` gives the same network to the bit.
    measures : dict
        Final loss and accuracy of each split, dropout off.
    success : bool or None
        Whether it has learned what the scenario is about: where failure is expected, whether it has done
        better than that; None when the scenario expects nothing.
    as_expected : bool or None
        Whether it met every expectation of the scenario; None when the scenario has none.
    epochs_to_success : int or None
        The first epoch that met what ``[expect]`` says of the training rows, as measured during
        that epoch; None if none did, if the network failed, if failure is expected, or if there is
        nothing said of them.
    """

    seed: int
    measures: dict[str, float | None]
    success: bool | None
    as_expected: bool | None
    epochs_to_success: int | None

    def record(self) -> dict[str, Any]:
        """All of it as one row of a table."""
        return {
            "seed": self.seed,
            "success": self.success,
            "as_expected": self.as_expected,
            "epochs_to_success": self.epochs_to_success,
            **self.measures,
        }


def within(values: Any, at_least: float | None, at_most: float | None) -> Any:
    """Whether a value, or each of an array, is within bounds, of which either may be missing; NaN never is."""
    low, high = -math.inf if at_least is None else at_least, math.inf if at_most is None else at_most
    return (low <= values) & (values <= high)


def meets(scenario: Scenario, measures: Mapping[str, Any], names: Collection[str] | None = None) -> bool:
    """Whether finite `measures` meet all that ``[expect]`` says, or says of these `names`; False if it says nothing."""
    bounds = {name: bound for name, bound in scenario.expect.items() if names is None or name in names}
    return bool(bounds) and all(
        _is_finite(measures.get(name)) and within(measures[name], bound.at_least, bound.at_most)
        for name, bound in bounds.items()
    )


@cache
def _loss_beside(name: str) -> str:
    """The name of the loss on the split that a measure is of."""
    return f"{name.split('_')[0]}_loss"


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def first_success(scenario: Scenario, history: History) -> int:
    """The first epoch that met what ``[expect]`` says of the training rows; 0 if none did."""
    return next((record["epoch"] for record in history if meets(scenario, record, DURING)), 0)


def judge(scenario: Scenario, seed: int, measures: Mapping[str, float | None], reached: int) -> Judged:
    """Hold one network against what its scenario expects; `reached` is what `first_success` gives."""
    # Of the splits that there are.
    own = {name: value for name, value in measures.items() if measures.get(_loss_beside(name)) is not None}
    if not scenario.expect:
        return Judged(seed, own, None, None, None)
    met = meets(scenario, own)
    if scenario.expects_failure:
        # A network that diverged has not met what is expected, but has learned nothing either.
        finite = all(_is_finite(own.get(name)) for name in scenario.expect)
        return Judged(seed, own, finite and not met, met, None)
    return Judged(seed, own, met, met, reached if met and reached > 0 else None)


def summarize(scenario: Scenario, members: Sequence[Judged]) -> dict[str, Any]:
    """Success rate with its 95% interval, quantiles of epochs to success, spread of the final loss.

    ``expects`` is "success" or "failure", or None without ``[expect]``; ``as_expected`` counts the
    networks that met it, and ``best`` has the best measures where failure is expected.
    """
    judged = [member.success for member in members if member.success is not None]
    successes = sum(judged)
    epochs = [member.epochs_to_success for member in members if member.epochs_to_success is not None]
    losses = [member.measures.get("train_loss") for member in members]
    finite = [loss for loss in losses if loss is not None and math.isfinite(loss)]
    return {
        "networks": len(members),
        "expects": ("failure" if scenario.expects_failure else "success") if judged else None,
        "as_expected": sum(bool(member.as_expected) for member in members) if judged else None,
        "best": _best(scenario, members),
        "successes": successes if judged else None,
        "success_rate": successes / len(judged) if judged else None,
        "success_interval": wilson_interval(successes, len(judged)) if judged else None,
        "epochs_to_success": quantiles(epochs),
        "final_train_loss": quantiles(finite),
        "diverged": len(losses) - len(finite),
    }


def _best(scenario: Scenario, members: Sequence[Judged]) -> dict[str, float] | None:
    """Where failure is expected, the best value that any network has reached of each measure that is bounded."""
    if not scenario.expects_failure:
        return None
    best = {}
    for name in scenario.expect:
        values = [member.measures.get(name) for member in members]
        known = [value for value in values if value is not None and math.isfinite(value)]
        if known:
            best[name] = max(known) if scenario.rises(name) else min(known)
    return best


def verdict(summary: Mapping[str, Any]) -> str:
    """What `summarize` found, in a sentence."""
    count, successes = summary["networks"], summary["successes"]
    if successes is None:
        return "not judged: the scenario has no [expect]"
    if summary["expects"] == "failure":
        best = ", ".join(f"{measure_words(name)} {shown(name, value)}" for name, value in summary["best"].items())
        remark = f" (best {best})" if best else ""
        if not successes:
            return f"as expected, none of {count:,} networks learns it{remark}"
        learn = "network does" if successes == 1 else "networks do"
        return f"against expectation, {successes:,} of {count:,} {learn} better than the scenario expects{remark}"
    low, high = summary["success_interval"]
    rate = f"{summary['success_rate']:.1%} met every expectation ({successes:,} of {count:,} networks)"
    return f"{rate}, 95% interval {low:.1%} to {high:.1%}"


def shown(name: str, value: float) -> str:
    """A measure as it is written: an accuracy in percent."""
    return f"{100 * value:.4g}%" if name.endswith("accuracy") else f"{value:.4g}"


def spread_words(spread: Mapping[str, float]) -> str:
    """Quantiles in words."""
    return f"median {spread['median']:.4g}, 10% {spread['10%']:.4g}, 90% {spread['90%']:.4g}"


def wilson_interval(successes: int, trials: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Bounds on a success rate, 95% unless `z` says otherwise (Wilson 1927)."""
    rate, weight = successes / trials, z * z / trials
    center = (rate + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * math.sqrt(rate * (1 - rate) / trials + weight / (4 * trials))
    # Rounding must not push a bound past what is certain.
    low = 0.0 if successes == 0 else center - reach
    return low, 1.0 if successes == trials else center + reach


def quantiles(values: Sequence[float]) -> dict[str, float] | None:
    """10%, median and 90% of some values; None for none."""
    if not values:
        return None
    low, middle, high = np.quantile(np.array(values, np.float64), [0.1, 0.5, 0.9]).tolist()
    return {"10%": low, "median": middle, "90%": high}
