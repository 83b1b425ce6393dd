"""Phase 4: the update: the optimizer's rule on one weight of each layer; old and new values of all that are shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from neurosim.backends.uncompiled import uncompiled
from neurosim.network.layers import (
    Activate,
    Activated,
    BatchNorm,
    Conv2d,
    Dense,
    Layer,
    LayerNorm,
    Normalization,
    Parameter,
    as_kind,
)
from neurosim.plugin.reductions import IS_BIAS
from neurosim.worksheet.blocks import Line, Piece, Section, computed, given
from neurosim.worksheet.forward import learned_index
from neurosim.worksheet.losses import target_symbol
from neurosim.worksheet.names import Names
from neurosim.worksheet.numbers import written
from neurosim.worksheet.step import Index, largest
from neurosim.worksheet.tracing import Argument, trace

# One row of the table: the parameter, its layer and its index.
Place = tuple[Layer, Parameter, Index]


def update_phase(section: Section, names: Names) -> None:
    """The rule worked out once for each layer, then the table."""
    step, optimizer = names.step, names.step.training.optimizer
    count = step.done + 1
    schedules = {"lr": step.training.schedule, **step.training.schedules}
    settings = step.values()

    def said(name: str) -> str:
        schedule = schedules.get(name)
        by_schedule = "" if schedule is None or schedule.name == "constant" else f" by the schedule {schedule.name}"
        return f"{name} = {written(settings[name])}{by_schedule}"

    section.say(f"The optimizer is {optimizer.name}; this is its step t = {count}, with {said('lr')}.")
    used = [name for name, value in settings.items() if name != "lr" and (value != 0.0 or name in schedules)]
    if used:
        section.say("Its other settings: " + ", ".join(map(said, used)))
    others = {name: value for name, value in step.values(is_bias=True).items() if value != settings[name]}
    if others:
        listed = ", ".join(f"{name} = {written(value)}" for name, value in others.items())
        section.say(f"For biases, gamma and beta: {listed}")
    if step.training.average is not None:
        section.say("What is measured is an average of the weights over the steps, which is not worked out here.")
    _clipping(section, names)
    places = learned_parameters(names)
    for name in dict.fromkeys(place[0].name for place in places):
        # With a gradient of 0, the rule would show nothing.
        own = [place for place in places if place[0].name == name]
        _work_out(section, names, max(own, key=lambda place: abs(step.gradient[flat_place(place[1], place[2])])))
    _perceptron(section, names, places)
    _table(section, names, places)


def shown_parameters(names: Names) -> list[Place]:
    """The weights and biases whose gradients are on the sheet."""
    shown = (layer for layer in names.layers if layer.name in names.detailed and type(layer) in _SHOWN)
    return [(layer, *place) for layer in shown for place in _SHOWN[type(layer)](names, layer)]


def learned_parameters(names: Names) -> list[Place]:
    """Those of them that are not frozen."""
    return [place for place in shown_parameters(names) if not place[1].frozen]


def _dense(names: Names, layer: Dense) -> Iterator[tuple[Parameter, Index]]:
    for (unit,) in names.shown[layer.name]:
        yield from ((layer.weight, (place, unit)) for place in names.inputs_shown(layer, unit))
        if layer.bias is not None:
            yield layer.bias, (unit,)
    yield from _activation(names, layer)


def _activation(names: Names, layer: Activated) -> Iterator[tuple[Parameter, Index]]:
    """What the activation of a layer learns."""
    for parameter in layer.learned:
        places = dict.fromkeys(learned_index(parameter, index) for index in names.shown[layer.name])
        yield from ((parameter, place) for place in places)


def _conv2d(names: Names, layer: Conv2d) -> Iterator[tuple[Parameter, Index]]:
    channel = names.shown[layer.name][0][2]
    slopes = names.step.network.named(names.step.gradient)[layer.weight.name][..., channel]
    yield layer.weight, (*largest(slopes, 1)[0], channel)
    if layer.bias is not None:
        yield layer.bias, (channel,)
    yield from _activation(names, layer)


def _normalization(names: Names, layer: Normalization) -> Iterator[tuple[Parameter, Index]]:
    for channel in dict.fromkeys(index[-1:] for index in names.shown[layer.name]):
        yield layer.gamma, channel
        yield layer.beta, channel


_SHOWN: dict[type[Layer], Callable[[Names, Any], Iterator[tuple[Parameter, Index]]]] = {
    Activate: _activation,
    Dense: _dense,
    Conv2d: _conv2d,
    BatchNorm: _normalization,
    LayerNorm: _normalization,
}


def flat_place(parameter: Parameter, index: Index) -> int:
    """The place of a number in the flat vector."""
    return parameter.offset + int(np.ravel_multi_index(index, parameter.shape))


def _clipping(section: Section, names: Names) -> None:
    """Say how the gradient is clipped before the optimizer gets it."""
    step = names.step
    training, gradient = step.training, step.gradient
    if training.clip_value is not None:
        section.say(
            f"Each component of the gradient is kept between -{training.clip_value:g} and {training.clip_value:g}."
        )
    if training.clip_norm is not None:
        length = float(np.sqrt((gradient**2).sum()))
        section.tell("length of the gradient", "sqrt(sum of the squares of its components)", length)
        if length > training.clip_norm:
            section.say(
                f"That is more than {training.clip_norm:g}, so every component is scaled down by the ratio of the two."
            )


def _work_out(section: Section, names: Names, place: Place) -> None:
    """The rule on one parameter of a layer, under a heading."""
    layer, parameter, index = place
    name = names.parameter(parameter, layer, index)
    inner = section.section(f"{names.title(layer).capitalize()}, worked out for {name}")
    inner.blocks += rule_lines(names, place)


def rule_lines(names: Names, place: Place) -> list[Line]:
    """The optimizer's own formulas on one parameter."""
    step, optimizer = names.step, names.step.training.optimizer
    layer, parameter, index = place
    at, name = flat_place(parameter, index), names.parameter(parameter, layer, index)
    rule, values = optimizer.record, step.values(is_bias=parameter.is_bias)
    slots = {slot: Argument(slot, step.state[row, at]) for row, slot in enumerate(rule.slots)}
    known = {
        "w": Argument(name, step.before[at]),
        "g": Argument(names.slope(name), step.clipped[at], computed=True),
        **slots,
        IS_BIAS: Argument(IS_BIAS, float(parameter.is_bias), setting=True),
    }
    lines: list[Line] = []
    for part in rule.parts:
        reduced = []
        for reduction in part.before:
            value = float(step.after[reduction.name][at])
            reduced.append(Line(reduction.name, reduction.words(parameter.name), (), value, told=True))
            known[reduction.name] = Argument(reduction.name, value)
        arguments = [known[key] for key in (*part.numbers, *part.helpers)]
        arguments.append(Argument("t", step.done + 1))
        arguments += [Argument(key, value, setting=True) for key, value in values.items()]
        directs = part.role == "direction"
        results = ["u" if directs else f"new {name}", *(f"new {slot}" for slot in part.results[1:])]
        found = trace(part.function, arguments, results)
        used = {word for line in found.lines for word in re.findall(r"\w+", f"{line.formula} {line.note}")}
        lines += [line for line in reduced if line.name in used]
        lines += found.lines
        if directs:
            known["u"] = Argument("u", found.results[0], computed=True)
    return lines


def _perceptron(section: Section, names: Names, places: list[Place]) -> None:
    """Rosenblatt's rule, if the step amounts to it."""
    step = names.step
    loss, pair, optimizer = step.network.loss, step.network.pair, step.training.optimizer
    extras = any(value for name, value in optimizer.params.items() if name != "lr")
    last = as_kind(step.network.layers[-1], Dense)
    if loss.name != "perceptron" or pair is None or optimizer.name != "sgd" or extras or last is None:
        return
    inner = section.section("This is Rosenblatt's perceptron rule")
    inner.say(
        "Since the gradient is (output - target) times the input, the step is: w = w + lr·(target - output)·input. "
        "A right answer changes nothing; a wrong one moves each weight by lr times its input, toward the target."
    )
    for layer, parameter, index in places:
        if layer is not last:
            continue
        at, unit = flat_place(parameter, index), index[-1]
        target = target_symbol(names, unit)
        output = names.output(last, (unit,))
        name = names.parameter(parameter, layer, index)
        y = given(float(np.asarray(step.target())[unit]))
        filled: list[Piece] = [given(step.before[at]), " + ", given(step.rate), "·(", y, " - "]
        filled += [names.output_number(last, (unit,)), ")"]
        symbols = f"{name} + lr·({target} - {output})"
        if parameter is last.weight:
            symbols += f"·{names.input(layer, index[:1])}"
            filled += ["·", names.input_number(layer, index[:1])]
        inner.line(f"new {name}", symbols, filled, step.updated(at)[0])


def remembers(names: Names) -> bool:
    """Whether the optimizer's state makes a difference: without momentum, gradient descent has no use for it."""
    optimizer = names.step.training.optimizer
    update, slots = uncompiled(optimizer.record.update), len(optimizer.record.slots)
    if not slots or optimizer.record.looks_at_arrays:
        return bool(slots)
    weights = [
        update(np.float64(1.0), np.float64(0.5), *[value] * slots, 2, *optimizer.values)[0] for value in (0.0, 1.0)
    ]
    return bool(weights[0] != weights[1])


def _table(section: Section, names: Names, places: list[Place]) -> None:
    step, slots = names.step, names.step.training.optimizer.record.slots
    inner = section.section("All parameters that are shown")
    rows: list[list[Piece]] = []
    states: list[list[Piece]] = []
    used = range(len(slots)) if remembers(names) else range(0)
    for layer, parameter, index in places:
        at, name = flat_place(parameter, index), names.parameter(parameter, layer, index)
        new, *after = step.updated(at)
        rows.append([name, computed(step.clipped[at]), given(step.before[at]), computed(new)])
        state: list[Piece] = [name]
        for row in used:
            state += [given(step.state[row, at]), computed(after[row])]
        states.append(state)
    inner.table(("parameter", "gradient", "old", "new"), rows)
    if used:
        header = [f"{slots[row]} {when}" for row in used for when in ("before", "after")]
        inner.table(("parameter", *header), states, "The optimizer's state:")
