"""The phases of layers other than dense ones and dropout: residual layers, activations, and calls to the other files.

A residual layer is a fork, the stages inside, and a join that adds the skip's output. In the backward pass the join's
gradient goes both ways: through the stages inside, and along the skip, through a shortcut if there is one. The fork
adds the two. The branches of a concatenation have forks likewise, and each ends with a part of the output.

A network is compiled with only what it needs: without this file if it has only dense layers and dropout, without those
of maps or normalizations if it has none.
"""

from neurosim.backends.cuda.blanks import (
    learn_activation,
    learn_convolution,
    learn_norm,
    learned_parts,
    run_gate_phase,
    run_map_phase,
    run_norm_phase,
)
from neurosim.backends.cuda.kernels.common import (
    ACTIVATE,
    ACTIVATE_BACKWARD,
    BATCH_NORM,
    BEHIND,
    CHANNEL_PARTS,
    CHANNELS,
    COMBINE_BACKWARD,
    COMBINE_FORWARD,
    CONVOLUTION,
    CONVOLVE,
    FIRST_CHANNEL,
    FORK_BACKWARD,
    FROZEN,
    INPUTS,
    JOIN_BACKWARD,
    JOIN_FORWARD,
    KIND,
    LAYER_NORM,
    LEARNED,
    LEARNED_PARTS,
    MAP_CHANNELS,
    OUT,
    PART_BACKWARD,
    PART_FORWARD,
    SKIP,
    SKIP_BEHIND,
    SPREAD_CONVOLUTION,
    UNITS,
    D,
    finish_unit,
    first_of,
    input_of,
    keep_gradient,
    split,
    stride_of,
    value_at,
)
from neurosim.backends.cuda.target import inner


@inner
def run_layer_phase(kind, net, data, s, rows, first, learning, team, shared):
    """A phase that `phases.run_phase` does not handle."""
    if kind == LEARNED_PARTS:
        learned_parts(net, s, rows, team)
    elif kind == ACTIVATE:
        activate_alone(net, data, s, rows, first, team)
    elif kind == ACTIVATE_BACKWARD:
        pass_back(net, s, rows, first, team)
    elif kind == JOIN_FORWARD:
        join_forward(net, data, s, rows, first, team)
    elif kind == JOIN_BACKWARD:
        join_backward(net, s, rows, first, team)
    elif kind == FORK_BACKWARD:
        fork_backward(net, s, rows, first, team)
    elif kind == PART_FORWARD:
        part_forward(net, data, s, rows, first, team)
    elif kind == PART_BACKWARD:
        part_backward(net, s, rows, first, team)
    elif kind in (COMBINE_FORWARD, COMBINE_BACKWARD):
        run_gate_phase(kind, net, data, s, rows, first, team)
    elif kind >= CHANNEL_PARTS:
        run_norm_phase(kind, net, data, s, rows, first, learning, team)
    elif kind >= CONVOLVE:
        run_map_phase(kind, net, data, s, rows, first, team, shared)


@inner
def learn_layers(net, rows, learner, step, learning, team):
    """The learning of convolutions, normalizations and activations, from sums whose parts are ready."""
    stages, _, _, _, _ = net
    for s in range(stages.shape[0]):
        if stages[s, FROZEN] >= 0:
            continue
        kind = stages[s, KIND]
        if kind in (CONVOLUTION, SPREAD_CONVOLUTION):
            learn_convolution(net, s, rows, learner, step, learning, team)
        elif kind in (BATCH_NORM, LAYER_NORM):
            learn_norm(net, s, rows, learner, step, learning, team)
        if stages[s, LEARNED] >= 0:
            learn_activation(net, s, rows, learner, step, learning, team)


@inner
def activate_alone(net, data, s, rows, first, team):
    """A separate activation; its input is the weighted sum."""
    stages, _, _, _, _ = net
    units = stages[s, UNITS]
    for e in range(first_of(team), rows * units, stride_of(team)):
        row, unit = split(e, units)
        finish_unit(net, s, row, first, unit, 0, input_of(net, data, s, row, first, unit))


@inner
def pass_back(net, s, rows, first, team):
    """Pass the gradient of stage `s` unchanged to the stage before it."""
    stages, _, _, work, _ = net
    units = stages[s, UNITS]
    for e in range(first_of(team), rows * units, stride_of(team)):
        row, unit = split(e, units)
        keep_gradient(net, stages[s, BEHIND], row, first, unit, work[stages[s, D] + e])


@inner
def join_forward(net, data, s, rows, first, team):
    """Add the output of the stages inside a residual layer and that of the skip."""
    stages, _, _, work, _ = net
    units = stages[s, UNITS]
    for e in range(first_of(team), rows * units, stride_of(team)):
        row, unit = split(e, units)
        brought = value_at(net, data, stages[s, SKIP], units, row, first, unit)
        work[stages[s, OUT] + e] = input_of(net, data, s, row, first, unit) + brought


@inner
def join_backward(net, s, rows, first, team):
    """Pass the gradient of a join to the stages inside and to those of the shortcut, if these learn."""
    stages, _, _, work, _ = net
    units, behind, shortcut = stages[s, UNITS], stages[s, BEHIND], stages[s, SKIP_BEHIND]
    for e in range(first_of(team), rows * units, stride_of(team)):
        row, unit = split(e, units)
        d = work[stages[s, D] + e]
        if behind >= 0:
            keep_gradient(net, behind, row, first, unit, d)
        if shortcut >= 0:
            keep_gradient(net, shortcut, row, first, unit, d)


@inner
def fork_backward(net, s, rows, first, team):
    """Pass the gradients through the stages inside and along the skip to the stage before."""
    stages, _, _, work, _ = net
    units = stages[s, UNITS]
    for e in range(first_of(team), rows * units, stride_of(team)):
        row, unit = split(e, units)
        d = work[stages[s, D] + e] + work[stages[s, SKIP] + e]
        keep_gradient(net, stages[s, BEHIND], row, first, unit, d)


@inner
def place_in_whole(net, s, row, k):
    """Where number `k` of a part is among the outputs that it is a part of, counted from the first row."""
    stages, _, _, _, _ = net
    cell, channel = split(k, stages[s, MAP_CHANNELS])
    return row * stages[s, UNITS] + cell * stages[s, CHANNELS] + stages[s, FIRST_CHANNEL] + channel


@inner
def part_forward(net, data, s, rows, first, team):
    """Put the outputs of a branch beside those of the others."""
    stages, _, _, work, _ = net
    inputs = stages[s, INPUTS]
    for e in range(first_of(team), rows * inputs, stride_of(team)):
        row, k = split(e, inputs)
        work[stages[s, OUT] + place_in_whole(net, s, row, k)] = input_of(net, data, s, row, first, k)


@inner
def part_backward(net, s, rows, first, team):
    """Pass a part of the gradient to the branch that it belongs to."""
    stages, _, _, work, _ = net
    inputs = stages[s, INPUTS]
    for e in range(first_of(team), rows * inputs, stride_of(team)):
        row, k = split(e, inputs)
        keep_gradient(net, stages[s, BEHIND], row, first, k, work[stages[s, D] + place_in_whole(net, s, row, k)])
