"""What a scenario promises, held against the outcome."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.markup import measure_words
from neurosim.scenario import Claim, Scenario
from neurosim.scenario.study import names_in
from neurosim.training.history import History
from neurosim.training.recording import Recording
from neurosim.training.recording.recording import SUMMARIES
from neurosim.training.success import within


@dataclass(frozen=True)
class Expectation:
    """One promise of ``[expect]`` or ``[[claims]]`` and whether it was kept.

    Attributes
    ----------
    name : str
        The measure; for a claim in words, with the layer, the epoch and the variants.
    at_least, at_most : float or None
        The bounds.
    value : float or None
        What came out; None where the run has no such measure.
    above : float or None
        A bound that the value must not only reach.
    """

    name: str
    at_least: float | None
    at_most: float | None
    value: float | None
    above: float | None = None

    @property
    def met(self) -> bool:
        """Whether the value is within its bounds; a missing measure never is."""
        if self.value is None:
            return False
        passed = self.above is None or self.value > self.above
        return passed and bool(within(self.value, self.at_least, self.at_most))

    @property
    def text(self) -> str:
        """The promise in words."""
        parts = [f"above {self.above:g}"] if self.above is not None else []
        parts += [f"at least {self.at_least:g}"] if self.at_least is not None else []
        parts += [f"at most {self.at_most:g}"] if self.at_most is not None else []
        return f"{measure_words(self.name)} {' and '.join(parts)}"

    def as_json(self) -> dict[str, Any]:
        """The form that ``--json`` and ``summary.json`` use."""
        bounds = {"at_least": self.at_least, "at_most": self.at_most, "above": self.above}
        given = {name: bound for name, bound in bounds.items() if bound is not None}
        value = self.value if self.value is not None and math.isfinite(self.value) else None
        return {"name": self.name, "value": value, "met": self.met, **given}


@dataclass(frozen=True)
class Outcome:
    """The facts of one run that promises are held against."""

    metrics: Mapping[str, float | None]
    history: History
    recording: Recording | None

    def value(self, measure: str, layer: str | None = None, epoch: int | None = None) -> float | None:
        """A measure at the end or after an epoch, or a recorded quantity of a layer; None where there is none."""
        if layer is not None:
            if self.recording is None or (epoch is None and not self._recorded_to_end):
                return None
            return self.recording.value(measure, layer, epoch)
        if epoch is None:
            return self.metrics.get(measure)
        record = next((record for record in self.history if record["epoch"] == epoch), {})
        value: float | None = record.get(measure)
        return value

    @property
    def _recorded_to_end(self) -> bool:
        """Whether recording reached the end of the run: it may have failed on the way.

        A run that diverged has no end; there the last time counts.
        """
        loss = self.metrics.get("train_loss")
        diverged = loss is not None and not math.isfinite(loss)
        times = self.recording.epochs if self.recording is not None else []
        return diverged or (bool(times) and times[-1] >= len(self.history))


Outcomes = Mapping[str, Sequence[Outcome]]


def check_expectations(scenario: Scenario, outcome: Outcome) -> list[Expectation]:
    """Hold a run against ``[expect]`` and the claims of its scenario."""
    return check_bounds(scenario, [outcome]) + check_claims(scenario.claims, {"": [outcome]})


def check_bounds(scenario: Scenario, outcomes: Sequence[Outcome], name: str = "") -> list[Expectation]:
    """Hold the mean of some runs of one scenario, called `name`, against its ``[expect]``."""
    of = f" of {name}" if name else ""
    return [
        Expectation(f"{metric}{of}", bound.at_least, bound.at_most, _mean(outcomes, metric))
        for metric, bound in scenario.expect.items()
    ]


def check_claims(claims: Sequence[Claim], outcomes: Outcomes) -> list[Expectation]:
    """Hold the runs of each variant, by name, against claims; of several seeds the mean counts."""
    return [expectation for claim in claims for expectation in _check(claim, outcomes)]


def _check(claim: Claim, outcomes: Outcomes) -> list[Expectation]:
    subjects = claim.subjects or tuple(outcomes)
    checked = []
    for name in subjects:
        value = _mean(outcomes.get(name, ()), claim.measure, claim.layer, claim.epoch)
        what = _words(claim, claim.layer, name)
        if claim.exceeds_layer is not None:
            smaller = _mean(outcomes.get(name, ()), claim.measure, claim.exceeds_layer, claim.epoch)
            checked.append(_compared(claim, what, value, f"that of {_layer_words(claim.exceeds_layer)}", smaller))
        elif claim.exceeds is None:
            checked.append(Expectation(what, claim.at_least, claim.at_most, value))
        for other in names_in(claim.exceeds):
            smaller = _mean(outcomes.get(other, ()), claim.measure, claim.layer, claim.epoch)
            checked.append(_compared(claim, what, value, f"that of {other}", smaller))
    return checked


def _compared(claim: Claim, what: str, value: float | None, other: str, smaller: float | None) -> Expectation:
    """How far a value exceeds another: their ratio or their difference."""
    both = None if value is None or smaller is None else (value, smaller)
    if claim.times is not None:
        return Expectation(f"{what} divided by {other}", claim.times, None, None if both is None else _ratio(*both))
    above = 0.0 if claim.by is None else None
    return Expectation(f"{what} minus {other}", claim.by, None, None if both is None else both[0] - both[1], above)


def _ratio(value: float, smaller: float) -> float:
    if smaller == 0.0:
        return math.inf if value > 0.0 else math.nan
    return value / smaller


def _mean(
    outcomes: Sequence[Outcome], measure: str, layer: str | None = None, epoch: int | None = None
) -> float | None:
    """Mean over runs; None if any of them lacks the value."""
    values = [outcome.value(measure, layer, epoch) for outcome in outcomes]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def _layer_words(layer: str) -> str:
    if layer in SUMMARIES:
        return f"the {layer} of the layers"
    return f"the {layer} layer" if layer in ("first", "last") else f"layer {layer}"


def _words(claim: Claim, layer: str | None, variant: str) -> str:
    words: str = claim.measure
    if layer is not None:
        words += f" ({layer} of the layers)" if layer in SUMMARIES else f" of {_layer_words(layer)}"
    if claim.epoch is not None:
        words += " before training" if claim.epoch == 0 else f" after epoch {claim.epoch}"
    return f"{words} of {variant}" if variant else words
