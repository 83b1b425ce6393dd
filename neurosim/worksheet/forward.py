"""Phase 1: the forward pass, layer by layer."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
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
    Dropout,
    Flatten,
    Gated,
    GlobalAvgPool2d,
    Layer,
    LayerNorm,
    Maxout,
    MaxPool2d,
    Normalization,
    Parameter,
    Pool2d,
    Residual,
    Window,
    learned_names,
)
from neurosim.plugin import RowActivation
from neurosim.worksheet.blocks import Number, Piece, Section, computed, given
from neurosim.worksheet.names import ALL, FEW, Names
from neurosim.worksheet.numbers import joined, numbered, written
from neurosim.worksheet.step import Index, largest
from neurosim.worksheet.tracing import Argument, trace


def forward_phase(section: Section, names: Names) -> None:
    """Every layer, in the order in which the data flow."""
    skipped: list[Layer] = []
    for layer in names.layers:
        if layer.name not in names.detailed:
            skipped.append(layer)
            continue
        _sum_up(section, names, skipped)
        skipped = []
        inner = section
        if names.brief and layer.passes_through:
            continue  # the numbers pass through unchanged
        if not names.brief:
            inner = section.section(f"{names.title(layer).capitalize()}: {describe(layer)}")
            _select(inner, names, layer)
        _FORWARD[type(layer)](inner, names, layer)


def describe(layer: Layer) -> str:
    """What a layer is, briefly."""
    return ", ".join([layer.words, *layer.details])


def _sum_up(section: Section, names: Names, layers: Sequence[Layer]) -> None:
    """The layers that are not shown in detail, one row each."""
    if not layers:
        return
    first, last = names.numbers[layers[0].name], names.numbers[layers[-1].name]
    if names.brief:
        section.say(f"Layers {first} to {last} work in the same way and are left out here.")
        return
    inner = section.section(f"Layers {first} to {last}")
    inner.say("These work like the layers around them. Their outputs for this sample:")
    rows: list[list[Piece]] = []
    for layer in layers:
        a = names.step.outputs(layer)
        numbers = [Number(float(value)) for value in (a.mean(), a.min(), a.max())]
        rows.append([str(names.numbers[layer.name]), describe(layer), *numbers])
    inner.table(("layer", "what", "mean a", "smallest", "largest"), rows)


def _select(section: Section, names: Names, layer: Layer) -> None:
    """Say which outputs are shown, and sum up all of them."""
    if names.is_whole(layer) or layer.passes_through:
        return
    a, shown = names.step.outputs(layer), names.shown[layer.name]
    what = "units" if a.ndim == 1 else "places of the maps"
    which = ", ".join(numbered(index) for index in shown)
    zeros = int((a == 0).sum())
    words = f"Shown: {which} of {a.size} {what}, those on which the loss depends most. "
    words += f"All {a.size}: mean a = {written(a.mean())}, from {written(a.min())} to {written(a.max())}"
    section.say(words + (f"; {zeros} of them are 0." if zeros else "."))


Term = tuple[str, str, Number, Number]


def weighted_sum(terms: Sequence[Term], chosen: Sequence[int] | None = None) -> tuple[list[str], list[list[Piece]]]:
    """Symbols and numbers of a sum of products: all terms, or some of them and the sum of the others.

    Left out, `chosen` are the largest terms.
    """
    products = np.array([weight.value * value.value for _, _, weight, value in terms])
    if chosen is None:
        chosen = [index[0] for index in largest(products, FEW)] if len(terms) > ALL else range(len(terms))
    # A single other term takes no more room than the words that would replace it.
    places = chosen if len(chosen) < len(terms) - 1 else range(len(terms))
    shown = [terms[place] for place in places]
    symbols = [f"{weight}·{value}" for weight, value, _, _ in shown]
    numbers: list[list[Piece]] = [[weight, "·", value] for _, _, weight, value in shown]
    if len(shown) < len(terms):
        rest = float(np.delete(products, list(places)).sum())
        symbols.append(f"({len(terms) - len(shown)} more)")
        numbers.append([given(rest)])
    return symbols, numbers


def _dense(section: Section, names: Names, layer: Dense) -> None:
    weight = names.step.trace.weights[layer.weight.name]
    for index in names.shown[layer.name]:
        unit = index[0]
        terms = [
            (
                names.parameter(layer.weight, layer, (place, unit)),
                names.input(layer, (place,)),
                given(weight[place, unit]),
                names.input_number(layer, (place,)),
            )
            for place in range(layer.inputs)
        ]
        _weighted(section, names, layer, index, terms)
    _row_activation(section, names, layer)


def _weighted(section: Section, names: Names, layer: Dense, index: Index, terms: Sequence[Term]) -> None:
    """A weighted sum with its bias, and the activation of it."""
    z = float(names.step.sums(layer)[index])
    symbols, numbers = weighted_sum(terms, names.inputs_shown(layer, index[0]))
    if layer.bias is not None:
        channel = index[-1:]
        symbols.append(names.parameter(layer.bias, layer, channel))
        numbers.append([given(names.step.trace.weights[layer.bias.name][channel])])
    section.line(names.weighted(layer, index), " + ".join(symbols), joined(numbers), z)
    _activation(section, names, layer, index)


def _activation(section: Section, names: Names, layer: Activated, index: Index) -> None:
    """The activation of one number, by its own formula."""
    record = layer.activation.record
    if isinstance(record, RowActivation):
        return
    z, name = float(names.step.sums(layer)[index]), names.output(layer, index)
    symbol = names.weighted(layer, index)
    if record.name == "identity":
        section.line(name, symbol, (), z)
        return
    found = trace(record.f, [Argument(symbol, z, computed=True), *settings(names, layer, index)], [name])
    lines = list(found.lines)
    if len(lines) == 1 and lines[0].formula == f"{record.name}({symbol})":
        section.blocks += lines
        return
    for line in lines[:-1]:
        section.blocks.append(line)
    last = lines[-1]
    # Its name as in textbooks, then its formula, unless that is a bare number.
    meaning = f" = {last.formula}" if last.filled else ""
    section.line(name, f"{record.name}({symbol}){meaning}", last.filled, last.value, last.note)


def settings(names: Names, layer: Activated, index: Index) -> list[Argument]:
    """The parameters of a layer's activation, for one of its outputs."""
    found = {name: Argument(name, value, setting=True) for name, value in layer.activation.params.items()}
    for name, parameter in zip(learned_names(layer.activation.record), layer.learned, strict=True):
        place = learned_index(parameter, index)
        value = float(names.step.trace.weights[parameter.name][place])
        found[name] = Argument(names.parameter(parameter, layer, place), value)
    return list(found.values())


def learned_index(parameter: Parameter, index: Index) -> Index:
    """Which number of a learned parameter of an activation is that of an output."""
    return index[-1:] if parameter.size > 1 else (0,)


def _row_activation(section: Section, names: Names, layer: Dense | Activate) -> None:
    """An activation of all units together."""
    record = layer.activation.record
    if not isinstance(record, RowActivation):
        return
    z, a = names.step.sums(layer), names.step.outputs(layer)
    symbol = f"z{names.numbers[layer.name]}"
    if record.name == "softmax" and z.ndim == 1:
        with np.errstate(over="ignore"):
            total = float(np.exp(z).sum())
        plain = math.isfinite(total) and total > 0.0
        everything = names.is_whole(layer)
        if plain:
            words = f"sum of exp({symbol}[k]) over all {z.size} units"
            if everything:
                section.line("S", words, joined([["exp(", computed(value), ")"] for value in z]), total)
            else:
                section.tell("S", words, total)
        for index in names.shown[layer.name]:
            own = names.weighted(layer, index)
            divisor = Number(total, computed=everything)
            numbers: list[Piece] = ["exp(", computed(z[index]), ") / ", divisor] if plain else []
            section.line(names.output(layer, index), f"softmax({own}) = exp({own}) / S", numbers, float(a[index]))
        return
    for index in names.shown[layer.name]:
        section.tell(names.output(layer, index), f"{record.name} of the whole row {symbol}", float(a[index]))


def _conv2d(section: Section, names: Names, layer: Conv2d) -> None:
    """A receptive field, and the sum over it."""
    index = names.shown[layer.name][0]
    *_, channel = index
    weight = names.step.trace.weights[layer.weight.name]
    cells = receptive_field(layer.window, index)
    patch = np.zeros(weight.shape[:3])
    first = layer.first_input(channel)
    for i, j, place in cells:
        for c in range(weight.shape[2]):
            patch[i, j, c] = names.input_number(layer, (*place, first + c)).value
    products = patch * weight[..., channel]
    by_channel = products.sum(axis=(0, 1))
    strongest = int(np.abs(by_channel).argmax())
    section.say(
        f"The receptive field of {names.weighted(layer, index)}: {weight.shape[0]} x {weight.shape[1]} cells of "
        f"{weight.shape[2]} input channel{'s' * (weight.shape[2] != 1)}{' of its group' * (layer.groups > 1)}, "
        f"multiplied cell by cell by the kernel of output channel {channel + 1}, and summed. Input channel "
        f"{first + strongest + 1}, which contributes most:"
    )
    for caption, grid in (
        ("what it sees", patch[..., strongest]),
        ("kernel", weight[..., strongest, channel]),
        ("products", products[..., strongest]),
    ):
        section.table((), [[Number(float(value)) for value in row] for row in grid], caption)
    z = float(names.step.sums(layer)[index])
    if weight.shape[2] <= ALL:
        symbols = [f"sum over channel {first + c + 1}" for c in range(weight.shape[2])]
        numbers: list[list[Piece]] = [[Number(float(v), computed=c == strongest)] for c, v in enumerate(by_channel)]
    else:
        symbols = [f"sum over channel {first + strongest + 1}", f"({weight.shape[2] - 1} more channels)"]
        numbers = [[computed(by_channel[strongest])], [given(by_channel.sum() - by_channel[strongest])]]
    if layer.bias is not None:
        symbols.append(names.parameter(layer.bias, layer, (channel,)))
        numbers.append([given(names.step.trace.weights[layer.bias.name][channel])])
    section.line(names.weighted(layer, index), " + ".join(symbols), joined(numbers), z)
    _activation(section, names, layer, index)


def receptive_field(window: Window, index: Index) -> list[tuple[int, int, tuple[int, int]]]:
    """The cells under the kernel for an output, without those of the padding: (i, j, (y, x)) each."""
    y, x = index[0], index[1]
    top, _, left, _ = window.padding
    height, width, _ = window.input_shape
    found = []
    for i in range(window.kernel[0]):
        for j in range(window.kernel[1]):
            place = (
                y * window.stride[0] + i * window.dilation[0] - top,
                x * window.stride[1] + j * window.dilation[1] - left,
            )
            if 0 <= place[0] < height and 0 <= place[1] < width:
                found.append((i, j, place))
    return found


def _max_pool2d(section: Section, names: Names, layer: MaxPool2d) -> None:
    for index in names.shown[layer.name]:
        symbols, numbers = _cells(names, layer, index)
        filled: list[Piece] = ["max("]
        for place, number in enumerate(numbers):
            filled += [", " if place else "", number]
        value = float(names.step.outputs(layer)[index])
        section.line(names.output(layer, index), f"max({', '.join(symbols)})", [*filled, ")"], value)


def _avg_pool2d(section: Section, names: Names, layer: AvgPool2d) -> None:
    for index in names.shown[layer.name]:
        symbols, numbers = _cells(names, layer, index)
        count = layer.counts(0)[index[0]] * layer.counts(1)[index[1]]
        filled: list[Piece] = ["(", *joined([[number] for number in numbers]), f") / {count}"]
        value = float(names.step.outputs(layer)[index])
        section.line(names.output(layer, index), f"({' + '.join(symbols)}) / {count}", filled, value)


def _cells(names: Names, layer: Pool2d, index: Index) -> tuple[list[str], list[Number]]:
    """The cells under the window at a place: what they are called, and what they hold."""
    cells = [(*place, index[2]) for _, _, place in receptive_field(layer.window, index)]
    return [names.input(layer, cell) for cell in cells], [names.input_number(layer, cell) for cell in cells]


def _global_avg_pool2d(section: Section, names: Names, layer: GlobalAvgPool2d) -> None:
    height, width, _ = layer.shape
    for index in names.shown[layer.name]:
        source = names.sources[layer.name]
        where = "the input" if source is None else f"a{names.numbers[source.name]}"
        words = f"mean of the {height * width} numbers of channel {index[0] + 1} of {where}"
        section.tell(names.output(layer, index), words, float(names.step.outputs(layer)[index]))


def _normalization(section: Section, names: Names, layer: Normalization) -> None:
    """Mean and deviation over the batch or over the channels, and how one number is normalized."""
    over = layer.over
    step = names.step
    normal, spread = step.trace.saved[layer.name]
    weights = step.trace.weights
    for index in names.shown[layer.name]:
        channel = index[-1:]
        x = names.input_number(layer, index)
        deviation = float(np.broadcast_to(spread, normal.shape)[(step.place, *index)])
        mean = x.value - float(normal[(step.place, *index)]) * deviation
        own, symbol = names.input(layer, index), numbered(index)
        kept = layer.keeps_statistics
        section.tell(f"mean{symbol}", "the running mean" if kept else f"mean of {own} over {over}", mean)
        words = f"sqrt({'running variance' if kept else f'variance over {over}'} + {layer.epsilon:g})"
        section.tell(f"deviation{symbol}", words, deviation)
        gamma, beta = given(weights[layer.gamma.name][channel]), given(weights[layer.beta.name][channel])
        names_of = [names.parameter(entry, layer, channel) for entry in (layer.gamma, layer.beta)]
        section.line(
            names.output(layer, index),
            f"{names_of[0]}·({own} - mean{symbol}) / deviation{symbol} + {names_of[1]}",
            [gamma, "·(", x, " - ", given(mean), ") / ", given(deviation), " + ", beta],
            float(step.outputs(layer)[index]),
        )


def _activate(section: Section, names: Names, layer: Activate) -> None:
    for index in names.shown[layer.name]:
        _activation(section, names, layer, index)
    _row_activation(section, names, layer)


def _gated(section: Section, names: Names, layer: Gated) -> None:
    """The gate of each unit, by its own formula."""
    for index in names.shown[layer.name]:
        arguments, symbols = gate_arguments(names, layer, index[0])
        name, record = names.output(layer, index), layer.gate.record
        *before, last = trace(record.f, arguments, [name]).lines
        section.blocks += before
        meaning = f" = {last.formula}" if last.filled else ""
        section.line(name, f"{record.name}({', '.join(symbols)}){meaning}", last.filled, last.value, last.note)


def gate_arguments(names: Names, layer: Gated, unit: int) -> tuple[list[Argument], list[str]]:
    """What the gate of a unit is called with, and what its two numbers are called."""
    places = [(unit,), (layer.units + unit,)]
    symbols = [names.input(layer, place) for place in places]
    numbers = [names.input_number(layer, place) for place in places]
    given_numbers = [
        Argument(symbol, number.value, computed=number.computed)
        for symbol, number in zip(symbols, numbers, strict=True)
    ]
    parameters = [Argument(name, value, setting=True) for name, value in layer.gate.params.items()]
    return [*given_numbers, *parameters], symbols


def _maxout(section: Section, names: Names, layer: Maxout) -> None:
    """The largest of the numbers of each unit."""
    for index in names.shown[layer.name]:
        places = [(piece * layer.units + index[0],) for piece in range(layer.pieces)]
        filled: list[Piece] = ["max("]
        for number, place in enumerate(places):
            filled += [", " if number else "", names.input_number(layer, place)]
        symbols = ", ".join(names.input(layer, place) for place in places)
        value = float(names.step.outputs(layer)[index])
        section.line(names.output(layer, index), f"max({symbols})", [*filled, ")"], value)


def _dropout(section: Section, names: Names, layer: Dropout) -> None:
    section.say(
        f"Dropout is off on this sheet, so its outputs are its inputs. During training it sets a fraction of "
        f"{layer.rate:g} of them to 0, chosen at random for each sample, and scales the others up."
    )


def _flatten(section: Section, names: Names, layer: Flatten) -> None:
    shape = " x ".join(map(str, layer.shape))
    section.say(f"The {shape} maps are read as one vector of {layer.units} numbers: row by row, channels last.")


def _residual(section: Section, names: Names, layer: Residual) -> None:
    own = layer.shortcut and not layer.is_projected
    section.say(
        "The output of its shortcut is added to that of the layers inside:"
        if own
        else "Its input is added to the output of the layers inside:"
    )
    last = layer.layers[-1]
    for index in names.shown[layer.name]:
        skip = layer.shortcut[-1] if layer.shortcut else None
        inside = names.output(last, index)
        around = names.output(skip, index) if skip is not None else names.input(layer, index)
        value = float(names.step.outputs(layer)[index])
        parts: list[list[Piece]] = [
            [names.output_number(last, index)],
            [names.output_number(skip, index) if skip is not None else names.input_number(layer, index)],
        ]
        section.line(names.output(layer, index), f"{inside} + {around}", joined(parts), value)


def _concatenation(section: Section, names: Names, layer: Concatenation) -> None:
    section.say("The outputs of its branches, one after the other:")
    for index in names.shown[layer.name]:
        *place, channel = index
        number = bisect_right(layer.starts, channel) - 1
        inner = (*place, channel - layer.starts[number])
        chain = layer.chains[number]
        source = names.output(chain[-1], inner) if chain else names.input(layer, inner)
        brought = names.output_number(chain[-1], inner) if chain else names.input_number(layer, inner)
        section.line(names.output(layer, index), source, [brought], float(names.step.outputs(layer)[index]))


_FORWARD: dict[type[Layer], Callable[[Section, Names, Any], None]] = {
    Dense: _dense,
    Conv2d: _conv2d,
    MaxPool2d: _max_pool2d,
    AvgPool2d: _avg_pool2d,
    GlobalAvgPool2d: _global_avg_pool2d,
    BatchNorm: _normalization,
    LayerNorm: _normalization,
    Activate: _activate,
    Gated: _gated,
    Maxout: _maxout,
    Dropout: _dropout,
    Flatten: _flatten,
    Residual: _residual,
    Concatenation: _concatenation,
}
