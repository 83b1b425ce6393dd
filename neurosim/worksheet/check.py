"""The end of the sheet: its gradients against finite differences of the loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurosim.worksheet.blocks import Number, Piece, Section
from neurosim.worksheet.names import Names
from neurosim.worksheet.update import flat_place, learned_parameters

# Step sizes for the difference, largest first; a smaller one is tried where a kink lies between the two points.
STEPS = (1e-5, 1e-6, 1e-7)
AGREED = 1e-6
# The slope on one side is less accurate.
SIDED = 1e-4
# Each takes two passes, so large networks are checked at fewer places.
MOST, MOST_OF_LARGE, LARGE = 40, 6, 20_000


def check_phase(section: Section, names: Names) -> bool:
    """Compare the gradients that are shown with difference quotients; returns whether all agree."""
    step = names.step
    places = learned_parameters(names)
    most = MOST if step.network.size <= LARGE else MOST_OF_LARGE
    chosen = [places[place] for place in np.unique(np.linspace(0, len(places) - 1, min(len(places), most)).astype(int))]
    section.say(
        "Checking a gradient takes no chain rule: move one weight w by a small h in both directions, and see how the "
        "loss changes. ∂L/∂w is about (L(w + h) - L(w - h)) / (2h)."
    )
    rows: list[list[Piece]] = []
    worst = 0.0
    kinks: list[str] = []
    wrong: list[str] = []
    for layer, parameter, index in chosen:
        at, name = flat_place(parameter, index), names.parameter(parameter, layer, index)
        slope = float(step.gradient[at])
        found = _difference(names, at, slope)
        if found.error <= AGREED:
            worst = max(worst, found.error)
        else:
            (kinks if found.one_sided else wrong).append(name)
        rows.append([name, Number(slope), Number(found.quotient), f"{abs(slope - found.quotient):.1e}"])
    section.table(("parameter", "gradient", "difference quotient", "difference"), rows)
    few = f" {len(chosen)} of the {len(places)} gradients above" if len(chosen) < len(places) else " gradients"
    if kinks:
        section.say(
            f"For {', '.join(kinks)} the loss has a kink right here: it is steeper on one side than on the other. The "
            "gradient is the slope on one side; a difference quotient looks at both."
        )
    if wrong:
        records = [*(layer.activation.record for layer in step.network.activated), step.network.loss.record]
        surrogates = dict.fromkeys(record.name for record in records if record.surrogate)
        why = "Either the loss jumps there, or the derivative of a plugin is wrong: neurosim plugins check will tell."
        if surrogates:
            named = " and ".join(surrogates)
            why = f"They need not: {named} is trained with another function than its derivative, on purpose."
        section.say(f"They do not agree for {', '.join(wrong)}. {why}", strong=True)
    elif len(kinks) < len(chosen):
        section.say(
            f"All{few if not kinks else ' others'} agree: their relative difference is below {_above(worst)}.",
            strong=True,
        )
    return not wrong


def _above(error: float) -> str:
    """The next power of ten."""
    return f"1e{int(np.floor(np.log10(max(error, 1e-16)))) + 1}"


@dataclass(frozen=True)
class _Found:
    """A difference quotient, how far it is from the gradient, and whether the gradient is the slope on one side."""

    quotient: float
    error: float
    one_sided: bool


def _difference(names: Names, at: int, slope: float) -> _Found:
    """The difference quotient that fits best; errors are relative, or to 1e-3 where both are small."""
    step, parameters = names.step, names.step.backend.parameters
    weight = float(step.before[at])

    def loss(value: float) -> float:
        parameters[at] = value
        return step.backend.objective(step.rows)

    def error(found: float) -> float:
        return abs(found - slope) / max(abs(found), abs(slope), 1e-3)

    try:
        quotients = []
        for size in STEPS:
            h = size * max(1.0, abs(weight))
            above, below = loss(weight + h), loss(weight - h)
            quotients.append((above - below) / (2 * h))
            if error(quotients[-1]) <= AGREED:
                break
        best = min(quotients, key=error)
        here = loss(weight)
        sides = ((above - here) / h, (here - below) / h)
        return _Found(best, error(best), min(map(error, sides)) <= SIDED)
    finally:
        parameters[at] = weight
