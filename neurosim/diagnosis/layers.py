"""Diseases of layers: what the forward signals and the backward gradients look like in each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from neurosim.diagnosis import remedies
from neurosim.diagnosis.evidence import Evidence
from neurosim.diagnosis.finding import Bars, Finding, Remedy
from neurosim.diagnosis.suspicion import Suspicion
from neurosim.diagnosis.words import number

DEAD, SATURATED, STUCK = 0.5, 0.5, 0.75
VANISHED, NOTHING, EXPLODED = 1e-3, 1e-6, 100.0


def symmetric_start(evidence: Evidence) -> Suspicion | None:
    """Units that start alike and are moved alike."""
    alike = {name: distinct for name, (distinct, units) in evidence.alike.items() if distinct == 1 and units > 1}
    if not alike:
        return None
    worst = next(iter(alike))
    units = evidence.alike[worst][1]
    finding = Finding(
        "symmetric_start",
        "A symmetric start: all units of a layer begin alike",
        f"The {units} units of {worst} have the same initial weights and the same gradients, so every step moves them "
        "alike: however many units there are, they do the work of one.",
        f"different units in {worst}",
        1,
        2,
        "Goodfellow, Bengio and Courville 2016, section 8.4: the start must break the symmetry between units",
        _bars(
            "Share of distinct units in each layer, at the start", {n: d / u for n, (d, u) in evidence.alike.items()}
        ),
        "units that become different, and a loss that falls",
    )
    return Suspicion(finding, _some(remedies.usual_init(evidence.scenario)))


def dead_units(evidence: Evidence) -> Suspicion | None:
    """Units through which no gradient flows back for any row."""
    shares = (evidence.end or evidence.start).dead
    worst = max(shares, key=lambda name: shares[name], default="")
    if not worst or shares[worst] < DEAD:
        return None
    at_start = max(evidence.start.dead.values(), default=0.0) >= DEAD
    when = ", as they were at the start" if at_start else ""
    finding = Finding(
        "dead_units",
        "Dead units",
        f"{shares[worst]:.0%} of the units of {worst} are dead{when}: for every row their activation is flat, so no "
        "gradient flows through them and they no longer learn.",
        f"share of dead units in {worst}",
        shares[worst],
        DEAD,
        "Stanford CS231n, notes on neural networks 1: with too high a learning rate, as much as 40% of a network can "
        "be dead. Half of a layer is our limit; Lu et al. 2019 (arXiv:1903.06733) on how it happens",
        _bars("Share of dead units in each layer", shares, DEAD),
        "units that respond to some rows, so that gradients pass through them and the loss falls",
    )
    cures = _some(
        remedies.free_bias(evidence.scenario) if at_start else (),
        remedies.usual_init(evidence.scenario) if at_start else (),
        remedies.activation(evidence.scenario, "leaky_relu"),
    )
    return Suspicion(finding, cures, rates=not at_start, goal="alive", note=not evidence.poor)


def saturation(evidence: Evidence) -> Suspicion | None:
    """Activations at the flat ends of sigmoid, tanh and similar functions."""
    start, end = evidence.start.saturated, evidence.end.saturated if evidence.end is not None else {}
    late = evidence.poor and max(end.values(), default=0.0) >= STUCK
    early = max(start.values(), default=0.0) >= SATURATED
    if not (early or late):
        return None
    shares, limit = (start, SATURATED) if early else (end, STUCK)
    worst = max(shares, key=lambda name: shares[name])
    when = "at the start" if early else "at the end, and little was learned"
    finding = Finding(
        "saturation",
        "Saturated units",
        f"{shares[worst]:.0%} of the activations of {worst} lie where the function is flat ({when}): hardly any "
        "gradient passes through there.",
        f"share of saturated activations in {worst}",
        shares[worst],
        limit,
        "Glorot and Bengio 2010, section 3, describe saturated layers; our limit is half of the activations, or three "
        "quarters at the end",
        _bars("Share of saturated activations in each layer", shares, limit),
        "fewer saturated activations, and a loss that falls",
    )
    cures = _some(
        remedies.usual_init(evidence.scenario) if early else (), remedies.activation(evidence.scenario, "relu")
    )
    return Suspicion(finding, cures, rates=not early)


def vanishing_gradient(evidence: Evidence) -> Suspicion | None:
    """Gradients that shrink on their way back."""
    gradients = evidence.start.gradients
    if not evidence.poor or len(gradients) < 2:
        return None
    largest = max(gradients.values())
    if not math.isfinite(largest) or largest == 0:
        return None
    worst = min(gradients, key=lambda name: gradients[name])
    ratio = gradients[worst] / largest
    beside = max(_beside(evidence).values(), default=math.inf)
    if ratio >= VANISHED and beside >= NOTHING:
        return None
    shrinks = ratio < VANISHED
    words = (
        f"At the start, the gradient of {worst} is {number(ratio, 1)} times the largest one of a layer: gradients "
        "shrink on their way back, and the layers near the input hardly learn."
        if shrinks
        else f"At the start, no layer's gradient is longer than {number(beside, 1)} times its weights: signals die out "
        "on their way through the network, and so do the gradients that come back."
    )
    # A shrinking chain of sigmoids needs another activation; a start that is too small, another initializer.
    start, other = remedies.usual_init(evidence.scenario), remedies.activation(evidence.scenario, "relu")
    finding = Finding(
        "vanishing_gradient",
        "Vanishing gradients",
        words,
        "smallest gradient of a layer, relative to the largest"
        if shrinks
        else "largest gradient, relative to its weights",
        ratio if shrinks else beside,
        VANISHED if shrinks else NOTHING,
        "Hochreiter 1991; Glorot and Bengio 2010 (figure 7); the limit is ours: no shipped scenario that learns is "
        "near it",
        _bars("Gradient of each layer at the start", gradients, logarithmic=True),
        "gradients of about the same length in all layers",
    )
    return Suspicion(finding, _some(other, start) if shrinks else _some(start, other))


def exploding_gradient(evidence: Evidence) -> Suspicion | None:
    """Gradients that are long compared with the weights."""
    beside = _beside(evidence)
    worst = max(beside, key=lambda name: beside[name], default="")
    if not evidence.poor or not worst or beside[worst] <= EXPLODED:
        return None
    finding = Finding(
        "exploding_gradient",
        "Exploding gradients",
        f"At the start, the gradient of {worst} is {number(beside[worst])} times as long as its weights: a single step "
        "throws them far off.",
        f"gradient of {worst}, relative to its weights",
        beside[worst],
        EXPLODED,
        "Pascanu, Mikolov and Bengio 2013 (arXiv:1211.5063); the limit is ours: no shipped network that learns "
        "exceeds it, except one with a start that is bad on purpose",
        _bars("Gradient of each layer relative to its weights, at the start", beside, EXPLODED, logarithmic=True),
        "gradients shorter than the weights, and a loss that falls",
    )
    return Suspicion(finding, _some(remedies.usual_init(evidence.scenario), ("training.clip_norm=1",)))


def _some(*found: Remedy) -> tuple[Remedy, ...]:
    """Those that change anything."""
    return tuple(remedy for remedy in found if remedy)


def _beside(evidence: Evidence) -> dict[str, float]:
    """The length of each layer's gradient, relative to its weights."""
    state = evidence.start
    found = {}
    for name, gradient in state.gradients.items():
        length = state.weights.get(name, 0.0)
        if length > 0:
            found[name] = gradient / length if math.isfinite(gradient) else math.inf
    return found


def _bars(
    title: str, values: Mapping[str, float], threshold: float | None = None, *, logarithmic: bool = False
) -> Bars:
    return Bars(title, tuple(values), tuple(values.values()), threshold, logarithmic)
