"""Phase 3: the backward pass: each factor of the chain rule, and each gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from neurosim.network.layers import (
    Activate,
    Activated,
    AvgPool2d,
    BatchNorm,
    Concatenation,
    Conv2d,
    Dense,
    Gated,
    GlobalAvgPool2d,
    Layer,
    LayerNorm,
    Maxout,
    MaxPool2d,
    Normalization,
    Parameter,
    Residual,
)
from neurosim.plugin import Activation, RowActivation
from neurosim.worksheet.blocks import Number, Piece, Section, computed, given
from neurosim.worksheet.forward import gate_arguments, learned_index, receptive_field, settings, weighted_sum
from neurosim.worksheet.losses import loss_slopes
from neurosim.worksheet.names import ALL, Names
from neurosim.worksheet.numbers import joined, written
from neurosim.worksheet.step import Index, largest
from neurosim.worksheet.tracing import Argument, trace

# Explains the first slope of a sheet.
DEFINITION = (
    '∂L/∂w (say "dee L by dee w") is a slope: how fast the loss L changes when w alone moves a little. Where it is '
    "positive, a larger w makes the loss larger. The slopes are worked out from the output backward, hence the name "
    "backpropagation."
)


def backward_phase(section: Section, names: Names) -> None:
    """From the loss to the first layer."""
    layers = names.step.network.layers
    section.say(DEFINITION)
    start = section if names.brief else section.section("From the loss")
    loss_slopes(start, names, names.shown[layers[-1].name])
    skipped: list[Layer] = []
    for layer in reversed(names.layers):
        if layer.name not in names.detailed:
            skipped.append(layer)
            continue
        _sum_up(section, names, skipped)
        skipped = []
        if type(layer) in _BACKWARD:
            inner = section if names.brief else section.section(names.title(layer).capitalize())
            _BACKWARD[type(layer)](inner, names, layer)
    # The first layers are always shown, so none is left here.


def _tell_chain_rule(section: Section, names: Names, inner: str, through: str, words: str = ":") -> bool:
    """State the rule where it is first used, from `inner` by way of `through` to the loss; returns whether it did."""
    first = not names.told_chain_rule
    if first:
        names.told_chain_rule = True
        section.say(
            f"The chain rule: {inner} moves {through}, and {through} moves L, so the two slopes multiply{words}"
        )
    return first


def _sum_up(section: Section, names: Names, layers: list[Layer]) -> None:
    if not layers:
        return
    first, last = names.numbers[layers[-1].name], names.numbers[layers[0].name]
    if names.brief:
        section.say(f"The gradient passes through layers {last} to {first} in the same way; they are left out here.")
        return
    inner = section.section(f"Layers {last} to {first}")
    inner.say("These work in the same way. The length of the gradient that reaches each of them for this sample:")
    rows: list[list[Piece]] = []
    for layer in layers:
        slope = float(np.sqrt((names.step.received(layer) ** 2).sum()))
        rows.append([str(names.numbers[layer.name]), layer.words, Number(slope)])
    inner.table(("layer", "what", "length of ∂L/∂a"), rows)


def _slope_number(names: Names, layer: Layer, index: Index, value: float) -> Number:
    """A gradient of a layer; computed where the sheet works it out."""
    return computed(value) if index in names.shown.get(layer.name, ()) else given(value)


def _through_activation(section: Section, names: Names, layer: Activated) -> None:
    """From the gradient of the outputs to that of the weighted sums."""
    step = names.step
    if layer is step.network.layers[-1] and step.network.pair is not None:
        return  # it came with the loss
    record = layer.activation.record
    for index in names.shown[layer.name]:
        arrives, slope = float(step.received(layer)[index]), float(step.errors(layer)[index])
        symbol, output = names.weighted(layer, index), names.output(layer, index)
        if isinstance(record, RowActivation):
            section.tell(names.slope(symbol), f"{record.name} backward, from all ∂L/∂a", slope)
            continue
        if record.name == "identity":
            section.line(names.slope(symbol), f"{names.slope(output)}, as a = z", (), slope)
            continue
        z, a = float(step.sums(layer)[index]), float(step.outputs(layer)[index])
        derivative = f"∂{output}/∂{symbol}"
        _tell_chain_rule(section, names, symbol, output)
        arguments = [
            Argument(symbol, z, computed=True),
            Argument(output, a, computed=True),
            *settings(names, layer, index),
        ]
        found = trace(record.derivative, arguments, [derivative])
        section.blocks += found.lines
        section.line(
            names.slope(symbol),
            f"{names.slope(output)}·{derivative}",
            [computed(arrives), "·", computed(found.results[0])],
            slope,
        )
    _learned(section, names, layer)


def _learned(section: Section, names: Names, layer: Activated) -> None:
    """The gradients of what an activation learns: each output's share, and the rest of the sum."""
    step, record = names.step, layer.activation.record
    if not layer.learned or layer.learned[0].frozen or not isinstance(record, Activation):
        return
    gradient = step.network.named(step.gradient)
    for parameter, slope in zip(layer.learned, record.learned_slopes.values(), strict=True):
        shown = names.shown[layer.name]
        for place in dict.fromkeys(learned_index(parameter, index) for index in shown):
            name, total = names.parameter(parameter, layer, place), float(gradient[parameter.name][place])
            symbols: list[str] = []
            numbers: list[list[Piece]] = []
            left = total
            for index in shown:
                if learned_index(parameter, index) != place:
                    continue
                symbol, output = names.weighted(layer, index), names.output(layer, index)
                z, a = float(step.sums(layer)[index]), float(step.outputs(layer)[index])
                arguments = [Argument(symbol, z, computed=True), Argument(output, a, computed=True)]
                derivative = f"∂{output}/∂{name}"
                found = trace(slope, [*arguments, *settings(names, layer, index)], [derivative])
                section.blocks += found.lines
                arrives = float(step.received(layer)[index])
                symbols.append(f"{names.slope(output)}·{derivative}")
                numbers.append([computed(arrives), "·", computed(found.results[0])])
                left -= arrives * found.results[0]
            if not step.alone or len(symbols) < _sharing(layer, parameter):
                symbols.append("(the same of all others)")
                numbers.append([given(left)])
            section.line(names.slope(name), " + ".join(symbols), joined(numbers), total)


def _sharing(layer: Activated, parameter: Parameter) -> int:
    """How many outputs of a sample have the same number of a learned parameter."""
    return math.prod(layer.output_shape) // parameter.size


def _is_frozen(section: Section, layer: Layer) -> bool:
    """Whether a layer passes the gradient on and has none of its own; says so."""
    if layer.is_frozen:
        section.say("Its parameters are frozen: they get no gradient and stay as they are.")
    return layer.is_frozen


def _dense(section: Section, names: Names, layer: Dense) -> None:
    _through_activation(section, names, layer)
    if not _is_frozen(section, layer):
        _dense_weights(section, names, layer)
    _hand_on(section, names, layer, lambda place: _dense_terms(names, layer, place), names.units_shown(layer))


def _dense_weights(section: Section, names: Names, layer: Dense) -> None:
    step = names.step
    errors = step.errors(layer)
    for index in names.shown[layer.name]:
        unit = index[0]
        for place in names.inputs_shown(layer, unit):
            value = names.input_number(layer, (place,))
            what = names.input(layer, (place,))
            parameter = names.parameter(layer.weight, layer, (place, unit))
            _weight_slope(section, names, layer, parameter, (place, unit), what, value, float(errors[unit]), index)
        if layer.bias is not None:
            parameter = names.parameter(layer.bias, layer, index)
            total = float(step.network.named(step.gradient)[layer.bias.name][index])
            own = names.slope(names.weighted(layer, index))
            if step.alone:
                section.line(names.slope(parameter), own, (), total)
            else:
                section.tell(names.slope(parameter), f"sum of {own} over the batch", total)
    _wide(section, names, layer)


def _weight_slope(
    section: Section,
    names: Names,
    layer: Dense,
    parameter: str,
    place: Index,
    what: str,
    value: Number,
    error: float,
    index: Index,
) -> None:
    """The gradient of one weight: its input times the error of its unit, plus what a penalty adds."""
    step = names.step
    total = float(step.network.named(step.gradient)[layer.weight.name][place])
    own = names.slope(names.weighted(layer, index))
    symbols = [f"{what}·{own}"]
    numbers: list[list[Piece]] = [[value, "·", computed(error)]]
    through = names.weighted(layer, index)
    words = f". ∂{through}/∂{parameter} is {what}, the number that the weight is multiplied by:"
    if _tell_chain_rule(section, names, parameter, through, words):
        symbols = [f"{own}·∂{through}/∂{parameter}"]
        numbers = [[computed(error), "·", value]]
    if not step.alone:
        symbols.append("(the same of the other rows)")
        numbers.append([given(_without_penalty(names, layer, place, total) - value.value * error)])
    penalty, weight = layer.penalty, float(step.trace.weights[layer.weight.name][place])
    if penalty.l2:
        symbols.append(f"{penalty.l2:g}·{parameter}")
        numbers.append([f"{penalty.l2:g}·", given(weight)])
    if penalty.l1:
        symbols.append(f"{penalty.l1:g}·sign({parameter})")
        numbers.append([f"{penalty.l1:g}·", given(float(np.sign(weight)))])
    section.line(names.slope(parameter), " + ".join(symbols), joined(numbers), total)


def _without_penalty(names: Names, layer: Dense, place: Index, total: float) -> float:
    weight = float(names.step.trace.weights[layer.weight.name][place])
    return total - layer.penalty.l2 * weight - layer.penalty.l1 * float(np.sign(weight))


def _wide(section: Section, names: Names, layer: Dense | Conv2d) -> None:
    """The gradients of the weights that are not shown, summed up."""
    gradient = names.step.network.named(names.step.gradient)[layer.weight.name]
    if names.brief or (names.is_whole(layer) and gradient.shape[0] <= ALL):
        return
    zeros = int((gradient == 0).sum())
    length = float(np.sqrt((gradient**2).sum()))
    section.say(
        f"The other weights of the layer work in the same way. The gradient of all {gradient.size} has length "
        f"{written(length)}; its largest component is {written(float(np.abs(gradient).max()))}, and {zeros} are 0."
    )


def _dense_terms(names: Names, layer: Dense, place: Index) -> list[tuple[str, str, Number, Number]]:
    """What an input of a dense layer gets back from each unit: weight times error."""
    weight, errors = names.step.trace.weights[layer.weight.name], names.step.errors(layer)
    return [
        (
            names.parameter(layer.weight, layer, (*place, unit)),
            names.slope(names.weighted(layer, (unit,))),
            given(weight[(*place, unit)]),
            _slope_number(names, layer, (unit,), float(errors[unit])),
        )
        for unit in range(layer.units)
    ]


def _hand_on(
    section: Section,
    names: Names,
    layer: Layer,
    terms: Callable[[Index], Any] | None,
    units: list[int] | None = None,
) -> None:
    """The gradient of the inputs, for those that the layer before has on the sheet."""
    sent = names.step.sent(layer)
    share = f" through {names.title(layer)}" if layer.name in names.branches else ""
    for source, index, place in _inputs_shown(names, layer):
        value, name = float(sent[place]), names.slope(names.output(source, index)) + share
        if terms is None:
            section.tell(name, "" if share else f"from {names.title(layer)}", value)
            continue
        symbols, numbers = weighted_sum(terms(place), units)
        section.line(name, " + ".join(symbols), joined(numbers), value)


def _inputs_shown(names: Names, layer: Layer) -> list[tuple[Layer, Index, Index]]:
    """The layer before, its outputs that are shown, and where they stand among the inputs of this one."""
    size = names.step.sent(layer)
    found = []
    for flat in range(size.size):
        place = tuple(int(part) for part in np.unravel_index(flat, size.shape))
        source, index = names.origin(layer, place)
        if source is None:
            return []
        if index in names.shown.get(source.name, ()):
            found.append((source, index, place))
    return found


def _conv2d(section: Section, names: Names, layer: Conv2d) -> None:
    _through_activation(section, names, layer)
    if not _is_frozen(section, layer):
        _conv2d_weights(section, names, layer)
    _hand_on(section, names, layer, None)


def _conv2d_weights(section: Section, names: Names, layer: Conv2d) -> None:
    step = names.step
    gradient = step.network.named(step.gradient)
    errors = step.errors(layer)
    index = names.shown[layer.name][0]
    channel = index[2]
    cells = receptive_field(layer.window, index)
    slopes = gradient[layer.weight.name][..., channel]
    kernel = largest(slopes, 1)[0]
    i, j, c = kernel
    section.say(
        f"A kernel weight is used at all {errors.shape[0]} x {errors.shape[1]} places of the map, so its gradient is "
        f"a sum over them{'' if step.alone else ' and over the rows of the batch'}. For the weight of output channel "
        f"{channel + 1} with the largest gradient:"
    )
    place = next(((y, x) for a, b, (y, x) in cells if (a, b) == (i, j)), None)
    parameter = names.parameter(layer.weight, layer, (*kernel, channel))
    total = float(slopes[kernel])
    own = names.slope(names.weighted(layer, index))
    if place is not None:
        seen = (*place, layer.first_input(channel) + c)
        value = names.input_number(layer, seen)
        term = value.value * float(errors[index])
        symbols = f"{names.input(layer, seen)}·{own} + (the other places)"
        numbers: list[Piece] = [value, "·", computed(float(errors[index])), " + ", given(total - term)]
        section.line(names.slope(parameter), symbols, numbers, total)
    else:
        section.tell(names.slope(parameter), "sum over the places of the map", total)
    if layer.bias is not None:
        parameter = names.parameter(layer.bias, layer, (channel,))
        words = f"sum of ∂L/∂z over all places of channel {channel + 1}"
        section.tell(names.slope(parameter), words, float(gradient[layer.bias.name][channel]))
    _wide(section, names, layer)


def _max_pool2d(section: Section, names: Names, layer: MaxPool2d) -> None:
    _passed(section, names, layer, "The gradient goes to the cell with the largest value, and to no other:")


def _gated(section: Section, names: Names, layer: Gated) -> None:
    """Each of the two numbers of a unit gets the gradient times the gate's derivative."""
    step = names.step
    share = f" through {names.title(layer)}" if layer.name in names.branches else ""
    for index in names.shown[layer.name]:
        if names.origin(layer, index)[0] is None:
            return  # the inputs of the network
        arguments, symbols = gate_arguments(names, layer, index[0])
        output, arrives = names.output(layer, index), float(step.received(layer)[index])
        for half, (symbol, derivative) in enumerate(zip(symbols, layer.gate.record.derivative, strict=True)):
            _tell_chain_rule(section, names, symbol, output)
            found = trace(derivative, arguments, [f"∂{output}/∂{symbol}"])
            section.blocks += found.lines
            section.line(
                names.slope(symbol) + share,
                f"{names.slope(output)}·∂{output}/∂{symbol}",
                [computed(arrives), "·", computed(found.results[0])],
                float(step.sent(layer)[index[0] + half * layer.units]),
            )


def _maxout(section: Section, names: Names, layer: Maxout) -> None:
    _passed(section, names, layer, "The gradient goes to the largest of a unit's numbers, and to no other:")


def _avg_pool2d(section: Section, names: Names, layer: AvgPool2d) -> None:
    _passed(section, names, layer, "The gradient is split evenly among the cells:")


def _global_avg_pool2d(section: Section, names: Names, layer: GlobalAvgPool2d) -> None:
    height, width, _ = layer.shape
    _passed(section, names, layer, f"Each cell gets 1/{height * width} of the gradient of its channel:")


def _normalization(section: Section, names: Names, layer: Normalization) -> None:
    if not _is_frozen(section, layer):
        _gamma_and_beta(section, names, layer)
    _passed(
        section,
        names,
        layer,
        "The running mean and deviation do not depend on the inputs, so that each gets the gradient times gamma / "
        "deviation:"
        if layer.keeps_statistics
        else "The gradient also flows through the mean and the deviation, which depend on every input:",
    )


def _gamma_and_beta(section: Section, names: Names, layer: Normalization) -> None:
    over = layer.shared_by
    gradient = names.step.network.named(names.step.gradient)
    for index in names.shown[layer.name]:
        channel = index[-1:]
        for entry, words in ((layer.gamma, "∂L/∂a·(normalized input)"), (layer.beta, "∂L/∂a")):
            name = names.slope(names.parameter(entry, layer, channel))
            section.tell(name, f"sum of {words} over {over}", float(gradient[entry.name][channel]))


def _residual(section: Section, names: Names, layer: Residual) -> None:
    _passed(
        section,
        names,
        layer,
        "The sum passes its gradient on to both branches unchanged; where they began, the two add up:",
    )


def _concatenation(section: Section, names: Names, layer: Concatenation) -> None:
    _passed(
        section,
        names,
        layer,
        "Each branch is given the gradient of its own outputs; where the branches began, what comes back adds up:",
    )


def _passed(section: Section, names: Names, layer: Layer, words: str) -> None:
    """A layer whose backward pass is described in words, with its results."""
    section.say(words)
    _hand_on(section, names, layer, None)


_BACKWARD: dict[type[Layer], Callable[[Section, Names, Any], None]] = {
    Dense: _dense,
    Conv2d: _conv2d,
    MaxPool2d: _max_pool2d,
    AvgPool2d: _avg_pool2d,
    GlobalAvgPool2d: _global_avg_pool2d,
    BatchNorm: _normalization,
    LayerNorm: _normalization,
    Activate: _through_activation,
    Gated: _gated,
    Maxout: _maxout,
    Residual: _residual,
    Concatenation: _concatenation,
}
