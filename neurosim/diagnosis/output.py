"""Diseases of the output: what the last layer can answer, and what the loss and the targets require."""

from __future__ import annotations

import math

from neurosim.diagnosis import remedies
from neurosim.diagnosis.evidence import Evidence
from neurosim.diagnosis.finding import Bars, Finding
from neurosim.diagnosis.suspicion import Suspicion
from neurosim.diagnosis.words import number
from neurosim.scenario import Scenario

BEYOND = 0.05
SQUASHING = ("softmax", "sigmoid", "tanh", "hard_sigmoid")


def unreachable_targets(evidence: Evidence) -> Suspicion | None:
    """Targets outside the range of the output activation."""
    found = evidence.output
    if found.beyond < BEYOND:
        return None
    name = remedies.activation_of(evidence.scenario.network.layers[-1])
    targets = evidence.targets
    low, high = (targets.low, targets.high) if targets is not None else (0.0, 1.0)
    finding = Finding(
        "unreachable_targets",
        "The output cannot reach the targets",
        f"{name.capitalize()} as the activation of the output gives {_range(found.low, found.high)}, but the targets "
        f"range from {number(low, 3)} to {number(high, 3)}. What lies outside can never be reached, however long the "
        "network is trained.",
        "share of the targets' variance that lies out of reach",
        found.beyond,
        BEYOND,
        "Goodfellow, Bengio and Courville 2016, section 6.2.2.1: outputs for values are linear; the limit is ours",
        Bars(
            "Share of the targets' variance",
            ("out of reach", "within reach"),
            (found.beyond, max(0.0, 1 - found.beyond)),
        ),
        "outputs of either sign, and a loss that falls further",
    )
    return Suspicion(finding, (remedies.output_activation(evidence.scenario, "identity"),))


def no_probabilities(evidence: Evidence) -> Suspicion | None:
    """A loss that takes the logarithm of probabilities, after an output that gives other numbers."""
    loss = evidence.scenario.network.loss.record
    partner = next((pair.activation for pair in loss.from_logits if pair.activation in ("sigmoid", "softmax")), None)
    low, high = evidence.output.low, evidence.output.high
    if partner is None or (low >= 0 and high <= 1):
        return None
    name = remedies.activation_of(evidence.scenario.network.layers[-1])
    finding = Finding(
        "no_probabilities",
        "The outputs are not probabilities",
        f"{evidence.scenario.network.loss.name} takes the logarithm of the outputs and so needs numbers from 0 to 1. "
        f"{name.capitalize()} as the activation of the output gives {_range(low, high)}.",
        "how far the outputs can go beyond 0 and 1",
        max(-low, high - 1),
        0,
        "Bishop 2006, Pattern Recognition and Machine Learning, section 5.2: each cross-entropy has its own output "
        "activation",
        Bars("Smallest and largest output", ("smallest", "largest"), (low, high)),
        "a loss that falls from the first epochs on",
    )
    return Suspicion(finding, (remedies.output_activation(evidence.scenario, partner),))


def squashed_twice(evidence: Evidence) -> Suspicion | None:
    """Two activations in a row at the output, with no weights in between."""
    places = _doubled(evidence.scenario)
    if places is None:
        return None
    layers = evidence.scenario.network.layers
    first, last = (remedies.activation_of(layers[place]) for place in places)
    sure = ""
    if first == last == "softmax" and evidence.classes > 1:
        most = math.e / (math.e + evidence.classes - 1)
        sure = (
            f" The second softmax only gets numbers from 0 to 1, so no answer can be surer than {most:.0%}, and "
            f"the loss cannot fall below {-math.log(most):.2f}."
        )
    finding = Finding(
        "squashed_twice",
        f"{last.capitalize()} comes after {first}" if first != last else f"{last.capitalize()} twice",
        f"The outputs go through {first} and then through {last}, with no weights in between.{sure} The gradient "
        "has to pass back through both, and becomes small.",
        "activations in a row at the output",
        2,
        1,
        "Bridle 1990: softmax takes the weighted sums themselves",
        Bars("Activations at the output", ("here", "usual"), (2, 1)),
        "answers that become surer, and a loss that falls further",
    )
    return Suspicion(finding, ((f"network.layers.{places[0]}.activation=identity",),), confirm=True)


def _doubled(scenario: Scenario) -> tuple[int, int] | None:
    """Places of two activations at the output with nothing that learns in between; None if there is only one."""
    layers = scenario.network.layers
    last = len(layers) - 1
    if layers[last].inside or layers[last].learns or remedies.activation_of(layers[last]) not in SQUASHING:
        return None
    first = last - 1
    while first >= 0 and layers[first].passes_through:
        first -= 1
    if first < 0 or layers[first].inside or remedies.activation_of(layers[first]) == "identity":
        return None
    return first, last


def _range(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return "any number"
    if math.isinf(high):
        return f"no number below {number(low, 3)}" if low else "no negative number"
    if math.isinf(low):
        return f"no number above {number(high, 3)}"
    return f"numbers from {number(low, 3)} to {number(high, 3)}"
