"""Phase 2: the loss, and where the backward pass starts: its gradient with respect to the outputs or the sums.

The losses of every textbook are written as they stand there; others, and those of plugins, are followed in their own
source.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurosim.network.layers import Dense, as_kind
from neurosim.worksheet.blocks import Number, Piece, Section, computed, given
from neurosim.worksheet.names import Names
from neurosim.worksheet.numbers import joined
from neurosim.worksheet.step import Index, last_row, sample_loss

# Losses whose gradient with respect to the sums is output - target when the activation belongs to them.
_DIFFERENCES = ("binary_cross_entropy", "categorical_cross_entropy", "perceptron")


def loss_phase(section: Section, names: Names) -> float:
    """The loss of the sample and, in the objective, the rest of the batch and the penalties; returns the loss."""
    step = names.step
    own = sample_loss(step)
    _own_loss(section, names, own)
    if step.weight is not None:
        own = step.weight * own if step.weight else 0.0
    if step.weight is not None and step.alone:
        section.line("L", "weight·loss of the sample", [given(step.weight), "·", computed(sample_loss(step))], own)
    if not step.alone:
        words = f"mean {'loss' if step.weight is None else 'of weight·loss'} of the {step.rows.count} rows of the batch"
        section.tell("L", words, step.objective - step.backend.penalty())
    if step.network.penalized:
        section.say("Large weights have a cost too (l1·sum|w| + l2/2·sum w^2); training minimizes the sum of both:")
        section.line("L + penalty", "", [computed(own), " + ", given(step.backend.penalty())], step.objective)
    return own


def target_symbol(names: Names, unit: int) -> str:
    """``y``, or ``y[2]`` where there are several outputs."""
    return "y" if names.step.network.answers == 1 else f"y[{unit + 1}]"


def target_number(names: Names, unit: int) -> Number:
    """What output `unit` should be; for classes, 1 for the right one and 0 for the others."""
    y = names.step.target()
    return given(float(y == unit) if isinstance(y, int) else float(y[unit]))


def _plain(names: Names) -> bool:
    """Whether the loss is as in textbooks: without label smoothing or another setting that changes it."""
    loss = names.step.network.loss
    return not any(loss.values)


def _own_loss(section: Section, names: Names, value: float) -> None:
    step = names.step
    loss, last = step.network.loss, step.network.layers[-1]
    z, a, y = last_row(step)
    symbol = "L" if step.alone and step.weight is None else "loss of the sample"
    count = a.size
    places = [tuple(map(int, np.unravel_index(k, last.output_shape))) for k in range(count)]
    outputs = [names.output(last, place) for place in places]
    targets = [target_symbol(names, k) for k in range(step.network.answers)]
    wanted = [target_number(names, k) for k in range(step.network.answers)]
    numbers = [names.output_number(last, place) for place in places]
    few = count <= 4
    name = loss.name
    over = f" / {count}" if count > 1 else ""
    if name == "mse" and few:
        symbols = " + ".join(f"({o} - {t})^2" for o, t in zip(outputs, targets, strict=True))
        filled = joined([["(", o, " - ", t, ")^2"] for o, t in zip(numbers, wanted, strict=True)])
        _divided(section, symbol, symbols, filled, over, value)
    elif name == "binary_cross_entropy" and _plain(names) and count == 1 and isinstance(y, np.ndarray):
        if not 0.0 < a[0] < 1.0:
            section.line(symbol, f"-(y·ln {outputs[0]} + (1 - y)·ln(1 - {outputs[0]}))", (), value)
            return
        form = f"-(y·ln {outputs[0]} + (1 - y)·ln(1 - {outputs[0]}))"
        filled = ["-(", wanted[0], "·ln ", numbers[0], " + (1 - ", wanted[0], ")·ln(1 - ", numbers[0], "))"]
        section.line(symbol, form, filled, value)
    elif name == "categorical_cross_entropy" and _plain(names) and isinstance(y, int):
        section.line(symbol, f"-ln {outputs[y]}, the probability of the right class", ["-ln ", numbers[y]], value)
    elif name == "perceptron" and step.network.pair is not None and count == 1:
        weighted = names.weighted(last, (0,))
        form = f"({outputs[0]} - y)·{weighted}"
        section.line(symbol, form, ["(", numbers[0], " - ", wanted[0], ")·", computed(z[0])], value)
    else:
        called = f"{name}({', '.join((*outputs, *targets))})" if few else f"{name} of all {count} outputs"
        section.tell(symbol, called, value)


def _divided(section: Section, name: str, symbols: str, filled: list[Piece], over: str, value: float) -> None:
    if over:
        section.line(name, f"({symbols}){over}", ["(", *filled, f"){over}"], value)
    else:
        section.line(name, symbols, filled, value)


def loss_slopes(section: Section, names: Names, indices: Sequence[Index]) -> None:
    """Where the backward pass starts, for some outputs of the last layer.

    With respect to the weighted sums where loss and activation share one formula, else to the outputs.
    """
    step = names.step
    last, loss, pair = step.network.layers[-1], step.network.loss, step.network.pair
    share = "" if step.alone else f" / {step.rows.count}"
    factor: list[Piece] = [] if step.weight is None else [given(step.weight), "·"]
    times = "weight·" if factor else ""
    if pair is not None:
        simple = loss.name in _DIFFERENCES and _plain(names)
        section.say(
            f"The slopes of {loss.name} and {pair.activation} are combined"
            + (", because their product is simple: the output minus the target." if simple else ", as one formula.")
        )
    else:
        section.say("The slope of the loss with respect to the output:")
    received = step.received(last)
    for index in indices:
        unit = int(np.ravel_multi_index(index, last.output_shape))
        value = float(received[index])
        output, a = names.output(last, index), names.output_number(last, index)
        slope = names.slope(names.weighted(last, index) if pair is not None else output)
        if unit >= step.network.answers:  # what the loss takes beside the answers has no target of its own
            section.tell(slope, f"{times}derivative of {loss.name}{share}", value)
            continue
        target, y = target_symbol(names, unit), target_number(names, unit)
        filled: list[Piece]
        if (
            pair is not None
            and loss.name in _DIFFERENCES
            and _plain(names)
            and (step.network.outputs == 1 or loss.name != "binary_cross_entropy")
        ):
            symbols, filled = f"{output} - {target}", [a, " - ", y]
        elif loss.name == "mse" and pair is None:
            over = "" if step.network.outputs == 1 else f" / {step.network.outputs}"
            symbols, filled = f"2·({output} - {target}){over}", ["2·(", a, " - ", y, f"){over}"]
        else:
            section.tell(slope, f"{times}derivative of {loss.name}{share}", value)
            continue
        if share or times:
            symbols, filled = f"{times}({symbols}){share}", [*factor, "(", *filled, f"){share}"]
        section.line(slope, symbols, filled, value)
    if as_kind(last, Dense) and len(indices) < step.network.outputs and not names.brief:
        section.say(f"The other {step.network.outputs - len(indices)} outputs work in the same way.")
