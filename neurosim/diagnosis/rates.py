"""Diseases of the learning rate: steps that are too long, or too short."""

from __future__ import annotations

import math

from neurosim.diagnosis.curves import losses
from neurosim.diagnosis.evidence import Evidence
from neurosim.diagnosis.finding import Finding
from neurosim.diagnosis.suspicion import Suspicion
from neurosim.diagnosis.words import number

FAST, SLOW, STAYED, HALF = 0.1, 1e-3, 0.25, 0.5
RATIO = "Stanford CS231n, notes on neural networks 3: about 1/1000 of the weights in each step is usual"


def rate_too_high(evidence: Evidence) -> Suspicion | None:
    """Steps that are long compared with the weights, in a run that failed or learned little."""
    ratio = evidence.largest_update
    if not (evidence.failure or (evidence.poor and ratio > FAST)):
        return None
    words = f"{evidence.failure[:1].upper()}{evidence.failure[1:]}. " if evidence.failure else ""
    layer = max(evidence.update_ratio, key=lambda name: evidence.update_ratio[name], default="")
    if not math.isfinite(ratio):
        words += "Within the first steps of training, numbers became infinite or NaN."
    elif ratio >= 1:
        times = f"{number(ratio)} times"
        words += f"In each of the first steps the weights of {layer} moved by {times} their own length."
    else:
        words += f"In each of the first steps the weights of {layer} moved by {ratio:.0%} of their length."
    finding = Finding(
        "rate_too_high",
        "The learning rate is too high",
        words,
        "distance that the weights move in a step, relative to their length",
        ratio,
        FAST,
        f"{RATIO}; a hundred times that is our limit. Bengio 2012 (arXiv:1206.5533), section 3.1.1, on rates that "
        "make the loss grow",
        losses(evidence),
        "a loss that falls from epoch to epoch",
    )
    return Suspicion(finding, (("training.clip_norm=1",),), rates=True)


def rate_too_low(evidence: Evidence) -> Suspicion | None:
    """Weights that have hardly left their start, in a run that learned little."""
    ratio = evidence.largest_update
    distance = max(evidence.distance.values(), default=math.inf)
    # Without a step no rate is to blame.
    if evidence.failure or not evidence.steps[1] or ratio >= SLOW or distance >= STAYED:
        return None
    if evidence.losses is None or evidence.losses[1] == 0 or evidence.losses[1] < HALF * evidence.losses[0]:
        return None
    finding = Finding(
        "rate_too_low",
        "The learning rate is too low",
        f"The weights moved by {number(ratio)} of their length in a step at the start, and by {number(distance)} in "
        "the whole run: training ended when it had hardly begun.",
        "distance that the weights move in a step, relative to their length",
        ratio,
        SLOW,
        RATIO,
        losses(evidence),
        "a loss that falls further in as many epochs",
    )
    return Suspicion(finding, rates=True)


def unsuited_rate(evidence: Evidence) -> Suspicion | None:
    """A rate with which little is learned, for whatever reason, while another one does better."""
    rate = evidence.scenario.optimizer.params.get("lr")
    if not evidence.poor or not isinstance(rate, int | float):
        return None
    finding = Finding(
        "unsuited_rate",
        "Another learning rate does better",
        f"With a learning rate of {rate:g}, little was learned. Others were tried, each for the same few steps from "
        "the same start, and with one of them the loss falls further.",
        "share of what there is to learn that was learned",
        max(evidence.skill or 0.0, 0.0),
        0.5,
        "Smith 2015 (arXiv:1506.01186): a range test of learning rates",
        losses(evidence),
        "a loss that falls further in as many epochs",
    )
    return Suspicion(finding, rates=True, confirm=True)
