"""The phases of a training step, for `blocks` blocks of threads that work in parallel.

What is computed. Dense stages of x (rows, inputs), weights W (inputs, units) and bias b:

    forward    z = x W + b,  a = f(z),  out = a * mask
    backward   d = (d' W'^T) * mask * f'(z)          (d', W' of the next stage)
    update     dW = x^T d,  db = column sums of d,  then the optimizer

How. The three products are those of `tiles`. All else has a thread for each number or row.

Launch geometry. Any number of blocks. Each result is added up by one thread in a fixed order, so the bits do not depend
on the geometry.

A step is a program: a list of phases, each of one kind and for one stage (`neurosim.backends.cuda.table`
writes it). All blocks must finish one phase before the next begins; the caller that runs the program makes sure of
that.
"""

import numpy as np

from neurosim.backends.cuda.blanks import (
    DEPTH,
    ROWS,
    activate_row,
    loss_gradient,
    loss_of_row,
    pull_back_row,
    run_array_phase,
    run_layer_phase,
)
from neurosim.backends.cuda.kernels.clipping import add_squares, update_all
from neurosim.backends.cuda.kernels.common import (
    ACTIVATION,
    ADD_SQUARES,
    BACKWARD,
    BEHIND,
    CLIP,
    DROP,
    DROP_BACKWARD,
    DROP_FORWARD,
    DZ,
    FIND_GRADIENT_STARTS,
    FIND_STARTS,
    FINISH_ROWS,
    FORWARD,
    GATHER,
    JUDGE_ROWS,
    LEARN,
    LEFT,
    LOSS_PARAMS,
    ONE,
    OUT,
    PARAMS,
    PULL_BACK,
    RIGHT,
    UNITS,
    UPDATE,
    WHOLE_ROWS,
    ZERO,
    A,
    D,
    Z,
    first_of,
    input_of,
    keep_gradient,
    mask,
    right_answer,
    stride_of,
    through_unit,
    weight_of,
)
from neurosim.backends.cuda.kernels.starts import begin_with_shift
from neurosim.backends.cuda.kernels.tiles import backward, forward, learn
from neurosim.backends.cuda.target import cuda, float32, inner

# Programs -------------------------------------------------------------------------------------------------------


@inner
def run_phase(kind, s, net, data, loss, rows, first, learner, step, learning, measures, team):
    """One phase of a step; with `learning` other than 0 the step changes the parameters."""
    # One set for all products: only one of them is computed at a time.
    left = cuda.shared.array((DEPTH, LEFT), float32)
    right = cuda.shared.array((DEPTH, RIGHT), float32)
    result = cuda.shared.array((ROWS, RIGHT), float32)
    shared = (left, right, result)
    if kind == FORWARD:
        forward(net, data, s, rows, first, team, shared)
    elif kind == FINISH_ROWS:
        finish_rows(net, s, rows, first, team)
    elif kind == JUDGE_ROWS:
        judge_rows(net, data, loss, rows, first, measures, team)
    elif kind == PULL_BACK:
        pull_back(net, s, rows, first, team)
    elif kind == BACKWARD:
        backward(net, s, rows, first, team, shared)
    elif kind == DROP_FORWARD:
        drop_forward(net, data, s, rows, first, team)
    elif kind == DROP_BACKWARD:
        drop_backward(net, s, rows, first, team)
    elif kind in (LEARN, GATHER):
        learn(net, data, rows, first, learner, step, learning if kind == LEARN else 0, team, shared)
    elif kind == ADD_SQUARES:
        add_squares(net, loss, learner, team)
    elif kind == UPDATE:
        update_all(net, loss, learner, step, team)
    elif kind in (FIND_STARTS, FIND_GRADIENT_STARTS):
        begin_with_shift(kind, net, data, s, rows, team)
    elif kind >= CLIP:
        run_array_phase(kind, net, loss, learner, step, team)
    else:
        run_layer_phase(kind, net, data, s, rows, first, learning, team, shared)


# Forward --------------------------------------------------------------------------------------------------------


@inner
def drop_forward(net, data, s, rows, first, team):
    """A dropout stage that follows no activation."""
    stages, _, _, work, _ = net
    units = stages[s, UNITS]
    for e in range(first_of(team), rows * units, stride_of(team)):
        row = e // units
        unit = e % units
        work[stages[s, OUT] + e] = input_of(net, data, s, row, first, unit) * mask(net, s, first + row, unit)


@inner
def finish_rows(net, s, rows, first, team):
    """The row-wise activation of stage `s`, after its weighted sums: one thread per row."""
    stages, numbers, _, work, _ = net
    units = stages[s, UNITS]
    for row in range(first_of(team), rows, stride_of(team)):
        z = stages[s, Z] + row * units
        a = stages[s, A] + row * units
        activate_row(stages[s, ACTIVATION], work[z : z + units], work[a : a + units], numbers, stages[s, PARAMS])
        if stages[s, DROP] >= 0:
            for unit in range(units):
                work[stages[s, OUT] + row * units + unit] = work[a + unit] * mask(net, s, first + row, unit)


# Loss -----------------------------------------------------------------------------------------------------------


@inner
def judge_rows(net, data, loss, rows, first, measures, team):
    """Loss and right answer of each row into `measures` (rows of the epoch, 2), and the gradient of the loss.

    One thread per row.
    """
    stages, _, _, work, _ = net
    last = stages.shape[0] - 1
    units = stages[last, UNITS]
    for row in range(first_of(team), rows, stride_of(team)):
        out = stages[last, OUT] + row * units
        z = stages[last, Z] + row * units if stages[last, Z] >= 0 else out
        d = stages[last, D] + row * units
        places = (work[z : z + units], work[out : out + units], work[d : d + units])
        judge_row(net, data, loss, rows, first + row, measures, places)


@inner
def judge_row(net, data, loss, rows, row, measures, places):
    """Judge one row of an epoch, of a batch of so many `rows`: its `places` are those of z, a and the gradient.

    The gradient is that of the mean over the batch. A row without weight is left out.
    """
    _, numbers, _, _, _ = net
    _, values, classes, order, scaling = data
    z_row, a_row, d_row = places
    scale = ONE / np.float32(rows)
    source = np.uint32(order[np.uint32(row)])
    weight = weight_of(scaling, source)
    found = loss_of_row(z_row, a_row, values, classes, source, numbers, loss[LOSS_PARAMS])
    measures[np.uint32(row), 0] = weight * found if weight != ZERO else ZERO
    measures[np.uint32(row), 1] = right_answer(loss, a_row, classes, source, numbers)
    loss_gradient(z_row, a_row, values, classes, source, d_row, numbers, loss[LOSS_PARAMS])
    for unit in range(d_row.shape[0]):
        d_row[unit] = d_row[unit] * scale * weight if weight != ZERO else ZERO


# Backward -------------------------------------------------------------------------------------------------------


@inner
def pull_back(net, s, rows, first, team):
    """Turn the gradient of the output of stage `s`, in place, into that of its weighted sums."""
    stages, _, _, work, _ = net
    units, gradient = stages[s, UNITS], stages[s, D]
    if stages[s, WHOLE_ROWS] == 0:
        for e in range(first_of(team), rows * units, stride_of(team)):
            work[gradient + e] = through_unit(net, s, e // units, first, e % units, work[gradient + e])
    else:
        for row in range(first_of(team), rows, stride_of(team)):
            pull_back_whole_row(net, s, row, first)


@inner
def pull_back_whole_row(net, s, row, first):
    """`pull_back` for one row of a row-wise activation."""
    stages, numbers, _, work, _ = net
    units = stages[s, UNITS]
    z, a = stages[s, Z] + row * units, stages[s, A] + row * units
    d, dz = stages[s, D] + row * units, stages[s, DZ] + row * units
    for unit in range(units):
        work[d + unit] *= mask(net, s, first + row, unit)
    z_row, a_row = work[z : z + units], work[a : a + units]
    d_row, dz_row = work[d : d + units], work[dz : dz + units]
    pull_back_row(stages[s, ACTIVATION], z_row, a_row, d_row, dz_row, numbers, stages[s, PARAMS])
    for unit in range(units):
        d_row[unit] = dz_row[unit]


@inner
def drop_backward(net, s, rows, first, team):
    """A dropout stage that follows no activation."""
    stages, _, _, work, _ = net
    units, gradient = stages[s, UNITS], stages[s, D]
    for e in range(first_of(team), rows * units, stride_of(team)):
        row = e // units
        unit = e % units
        d = work[gradient + e] * mask(net, s, first + row, unit)
        keep_gradient(net, stages[s, BEHIND], row, first, unit, d)
