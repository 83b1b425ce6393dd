"""The whole sheet, from what is given to the check."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurosim.training.history import History
from neurosim.training.simulator import Simulator
from neurosim.worksheet.backward import backward_phase
from neurosim.worksheet.blocks import Number, Piece, in_columns
from neurosim.worksheet.check import check_phase
from neurosim.worksheet.choice import choose
from neurosim.worksheet.forward import forward_phase
from neurosim.worksheet.losses import loss_phase
from neurosim.worksheet.names import ALL, LETTERS, Names
from neurosim.worksheet.numbers import written
from neurosim.worksheet.path import path_sheet
from neurosim.worksheet.separation import is_perceptron, separation
from neurosim.worksheet.sheet import Sheet
from neurosim.worksheet.step import take_step
from neurosim.worksheet.update import flat_place, remembers, shown_parameters, update_phase


def explain(
    simulator: Simulator,
    sample: int | None = None,
    steps: int = 0,
    *,
    path: bool = False,
    units: Sequence[int] = (),
) -> Sheet:
    """The four phases of one training step on one sample, with their numbers.

    The numbers are those of the reference backend, in float64, from the parameters and the optimizer's state that
    `simulator` has after training; dropout is off.

    Parameters
    ----------
    simulator : Simulator
        A new one; it gets trained.
    sample : int, optional
        Number of the training row, from 0; left out, one with a large error and few gradients of 0 is picked.
    steps : int
        How many steps of the scenario are trained first.
    path : bool
        Follow a single path through the network and back, on a sheet of about twenty lines.
    units : sequence of int
        With `path`: the unit to go through in each hidden layer, counted from 1, starting with the first hidden layer;
        in the layers that are left, it is the unit with the largest gradient.

    Raises
    ------
    UsageError
        When there is no such row, step or unit, no single path through the network, or the simulator has been
        trained already.
    DivergedError
        When training diverges before that step.
    """
    start = simulator.state()
    step = take_step(simulator, sample, steps, choose)
    if path or units:
        return path_sheet(simulator, step, units)
    names = Names(step)
    about = simulator.scenario.scenario
    variant = f"-{simulator.scenario.variant}" if simulator.scenario.variant else ""
    sheet = Sheet(about.headline, f"{about.name}{variant}-seed-{simulator.seed}")
    _given(sheet, names, simulator)
    forward_phase(sheet.section("1. Forward: from the inputs to the output"), names)
    loss_phase(sheet.section("2. Loss: how wrong the output is"), names)
    backward_phase(sheet.section("3. Backward: how the loss depends on every number"), names)
    update_phase(sheet.section("4. Update: the step against the gradient"), names)
    check_phase(sheet.section("5. Check: the gradients, computed another way", answers=True), names)
    if is_perceptron(simulator):
        simulator.restore(start, History())
        separation(sheet, simulator)
    return sheet


def _given(sheet: Sheet, names: Names, simulator: Simulator) -> None:
    """The sample, the network, and the parameters before the step."""
    step, data = names.step, simulator.data
    section = sheet.section("Given")
    variant = f", variant {simulator.scenario.variant}" if simulator.scenario.variant else ""
    shape = " x ".join(map(str, step.network.input_shape))
    plural = "s" * (step.network.inputs != 1)
    section.say(
        f"Scenario {simulator.scenario.scenario.name}{variant}, seed {simulator.seed}. The network has {shape} "
        f"input{plural}, {len(names.layers)} layer{'s' * (len(names.layers) != 1)} and {step.network.size} parameters. "
        + (f"It has been trained for {step.done} steps." if step.done else "It has not been trained yet.")
    )
    rows = simulator.split_rows("train").count
    section.say(step.describe(rows, data))
    weights = simulator.network.class_weights
    if weights:
        listed = ", ".join(map(written, weights))
        section.say(f"The loss of a row is multiplied by the weight of its class: class_weights = [{listed}].")
    for name, vectors in step.vectors:
        own = (f"{key} = [{', '.join(map(written, vector))}]" for key, vector in vectors.items())
        section.say(f"In {name}, {' and '.join(own)}.")
    if step.alone:
        usual = simulator.course.batch(simulator.course.place(step.done)[0])
        if usual > 1:
            section.say(
                f"The step below learns from this sample alone. During training a batch has {usual} rows, and each "
                "gradient is the mean over them."
            )
    else:
        section.say(
            f"Batch normalization looks at the whole batch, so the step learns from {step.rows.count} rows, of which "
            f"the sample is number {step.place + 1}. L is their mean loss, and every ∂L/∂ is a slope of this mean."
        )
    section.say(LETTERS)
    x = step.inputs.ravel()
    if x.size <= 2 * ALL:
        raw = data.to_raw(x[None])[0]
        scaled = not np.allclose(raw, x)
        before = "in the data" if data.made is None else "before scaling"
        header = ["input", *([before] if scaled else []), "value"]
        labels = data.feature_labels or ("",) * x.size
        cells: list[list[Piece]] = []
        for k, value in enumerate(x):
            name = f"x[{k + 1}]" + (f" {labels[k]}" if labels[k] else "")
            cells.append([name, *([Number(float(raw[k]))] if scaled else []), Number(float(value))])
        section.table(header, cells)
    else:
        blank = int((x == x.min()).sum())
        section.say(
            f"Its {x.size} inputs range from {written(x.min())} to {written(x.max())}, with mean {written(x.mean())}; "
            f"{blank} of them have the smallest value."
        )
    shown = shown_parameters(names)
    few = "" if len(shown) == step.network.size else f" ({len(shown)} of {step.network.size}: those used below)"
    rows_of: list[list[Piece]] = [
        [names.parameter(parameter, layer, index), Number(float(step.before[flat_place(parameter, index)]))]
        for layer, parameter, index in shown
    ]
    section.table(("parameter", "value") * 3, in_columns(rows_of, 3), f"The parameters before the step{few}:")
    slots = step.training.optimizer.record.slots
    if not step.done and remembers(names):
        section.say(f"The optimizer's state ({', '.join(slots)} of each parameter) is 0 before the first step.")
