"""A short sheet: a single path through the network, from an input to the loss, one unit in each layer, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from neurosim.errors import UsageError
from neurosim.network.layers import Activate, BatchNorm, Dense, Dropout, Flatten, LayerNorm, Weighted, of_kind
from neurosim.training.simulator import Simulator
from neurosim.worksheet.backward import backward_phase
from neurosim.worksheet.blocks import Number, Piece, Section, in_columns
from neurosim.worksheet.forward import forward_phase
from neurosim.worksheet.losses import loss_phase
from neurosim.worksheet.names import LETTERS, Names
from neurosim.worksheet.sheet import Sheet
from neurosim.worksheet.step import Index, Step
from neurosim.worksheet.update import flat_place, rule_lines, shown_parameters

# Layers in which a path leads from one number to one number.
KINDS = (Activate, BatchNorm, Dense, Dropout, Flatten, LayerNorm)


@dataclass
class PathNames(Names):
    """The names, with the one output of each layer that is on the path.

    Attributes
    ----------
    units : sequence of int
        The units to go through in the hidden layers, from 1.
    entry : int
        The input of the first dense layer at which the path begins: the one that contributes most to the sum.
    """

    brief: ClassVar[bool] = True

    units: Sequence[int] = ()
    entry: int = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        dense = self.dense
        units = [self._strongest(layer) for layer in dense]
        units[: len(self.units)] = [unit - 1 for unit in self.units]
        y = self.step.target()
        if isinstance(y, int):
            units[-1] = y  # the loss depends on this one
        chosen = dict(zip((layer.name for layer in dense), units, strict=True))
        values = [self.input_number(dense[0], (place,)).value for place in range(dense[0].inputs)]
        weights = self.step.trace.weights[dense[0].weight.name][:, units[0]]
        index = self.entry = int(np.abs(weights * values).argmax())
        for layer in self.layers:
            index = chosen.get(layer.name, index)
            self.shown[layer.name] = [tuple(map(int, np.unravel_index(index, layer.output_shape)))]

    @property
    def dense(self) -> tuple[Dense, ...]:
        """The layers in which a path has a choice."""
        return of_kind(self.layers, Dense)

    def _strongest(self, layer: Dense) -> int:
        return int(np.abs(self.step.errors(layer)).argmax())

    def inputs_shown(self, layer: Dense, unit: int) -> list[int]:
        """The one input on the path."""
        for place in range(layer.inputs):
            source, index = self.origin(layer, (place,))
            if source is not None and self.shown[source.name] == [index]:
                return [place]
        return [self.entry]

    def units_shown(self, layer: Dense) -> list[int] | None:
        """The one unit on the path."""
        return [self.shown[layer.name][0][0]]


def path_sheet(simulator: Simulator, step: Step, units: Sequence[int]) -> Sheet:
    """The phases of a step along one path.

    Raises
    ------
    UsageError
        When no single path leads through a layer of the network, or a unit asked for does not exist.
    """
    about = simulator.scenario.scenario
    _check(about.name, step, units)
    names = PathNames(step, units=units)
    variant = f"-{simulator.scenario.variant}" if simulator.scenario.variant else ""
    sheet = Sheet(f"{about.headline}: one path", f"{about.name}{variant}-path-seed-{simulator.seed}")
    _given(sheet.section("Given"), names, simulator)
    forward_phase(sheet.section("1. Forward: from the input to the output"), names)
    loss_phase(sheet.section("2. Loss: how wrong the output is"), names)
    backward_phase(sheet.section("3. Backward: the same path, from the loss to the first weight"), names)
    _update(sheet.section("4. Update: the step against the gradient"), names)
    return sheet


def _check(name: str, step: Step, units: Sequence[int]) -> None:
    parts = step.network.parts
    others = dict.fromkeys(layer.kind for layer in parts if type(layer) not in KINDS)
    dense = of_kind(parts, Dense)
    if others or not dense:
        raise UsageError(
            f"no single path leads through {name}: it has layers of kind {', '.join(others) or parts[0].kind}",
            "A path goes through dense layers; a sheet without a path shows the whole step.",
        )
    if step.network.frozen:
        raise UsageError(
            f"no single path leads through {name}: it has frozen layers", "A sheet without a path shows the whole step."
        )
    if len(units) > len(dense) - 1:
        hidden = f"{len(dense) - 1} hidden layer{'s' * (len(dense) != 2)}"
        raise UsageError(f"{name} has {hidden}, but {len(units)} units were chosen", "Choose one for each.")
    for number, (layer, unit) in enumerate(zip(dense, units, strict=False), 1):
        if not 1 <= unit <= layer.units:
            raise UsageError(
                f"hidden layer {number} of {name} has no unit {unit}",
                f"It has {layer.units}, so a unit is a number from 1 to {layer.units}.",
            )


def _given(section: Section, names: PathNames, simulator: Simulator) -> None:
    """The sample, the path, and the numbers on it."""
    step = names.step
    variant = f", variant {simulator.scenario.variant}" if simulator.scenario.variant else ""
    trained = f"after {step.done} steps of training" if step.done else "before training"
    section.say(f"Scenario {simulator.scenario.scenario.name}{variant}, seed {simulator.seed}, {trained}.")
    section.say(step.describe(simulator.split_rows("train").count, simulator.data))
    section.say(f"The path: {' -> '.join(_stations(names))}. {_choice(names)}".rstrip())
    section.say(LETTERS + " What reaches a sum along other paths is summed up: (5 more) stands for five terms.")
    first = names.dense[0]
    value = names.input_number(first, (names.entry,)).value
    rows: list[list[Piece]] = [[names.input(first, (names.entry,)), Number(value)]]
    rows += [
        [names.parameter(parameter, layer, index), Number(float(step.before[flat_place(parameter, index)]))]
        for layer, parameter, index in shown_parameters(names)
    ]
    section.table(("name", "value") * 3, in_columns(rows, 3))


def _stations(names: PathNames) -> list[str]:
    """The numbers along the path, with dots for the layers that are left out."""
    found = [names.input(names.dense[0], (names.entry,))]
    for layer in names.layers:
        index: Index = names.shown[layer.name][0]
        if layer.name not in names.detailed:
            found += ["..."] * (found[-1] != "...")
        elif isinstance(layer, Weighted):
            found += [names.weighted(layer, index), names.output(layer, index)]
        elif not layer.passes_through:
            found.append(names.output(layer, index))
    return [*found, "L"]


def _choice(names: PathNames) -> str:
    """Why the path goes through these units."""
    hidden = names.dense[:-1]
    if not hidden:
        return ""
    if len(names.units) == len(hidden):
        return "You chose the units."
    if len(hidden) > 1:
        return "In each layer it goes through the unit with the largest gradient ∂L/∂z; others can be asked for."
    unit = names.shown[hidden[0].name][0][0] + 1
    largest = f"number {unit}, whose gradient ∂L/∂z is largest"
    return f"Of the {hidden[0].units} units it takes {largest}; another can be asked for."


def _update(section: Section, names: PathNames) -> None:
    """New weights: by the optimizer's formula if that is one line, else only its result."""
    step = names.step
    optimizer = step.training.optimizer
    for place in shown_parameters(names):
        layer, parameter, index = place
        if parameter is not getattr(layer, "weight", None):
            continue
        lines = rule_lines(names, place)
        if len(lines) == 1:
            section.blocks += lines
            continue
        name = names.parameter(parameter, layer, index)
        new, *_ = step.updated(flat_place(parameter, index))
        section.tell(f"new {name}", f"{name} after a step of {optimizer.name} with lr = {step.rate:g}", new)
