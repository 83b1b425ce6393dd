"""The products of dense stages in small networks, number by number.

What is computed. Forward, backward and update of a dense stage (see `phases`): x W, d W^T and x^T d.

How. A thread adds up one number at a time, from the first term to the last. In the update the biases are one more row
of W, whose inputs are 1.

Where the bytes go. All is in shared memory, or in the cache closest to it; neighboring threads take neighboring
numbers.

Launch geometry. The threads of a team, in turns. There are no barriers: those are between the phases.
"""

import numpy as np

from neurosim.backends.cuda.blanks import OUTPUTS, learn_layers
from neurosim.backends.cuda.kernels.common import (
    BEHIND,
    BIAS,
    BIAS_FIRST,
    DENSE,
    FROZEN,
    INPUTS,
    KIND,
    ONE,
    OUT,
    UNITS,
    WEIGHT,
    ZERO,
    D,
    X,
    Z,
    finish_unit,
    first_of,
    keep_gradient,
    learn_one,
    split,
    stride_of,
    turns_of,
    value_at,
    with_penalty,
)
from neurosim.backends.cuda.kernels.phases import judge_row
from neurosim.backends.cuda.target import cuda, float32, inner


@inner
def forward(net, data, s, rows, first, team, shared):
    """The dense stage `s` for a batch."""
    stages, _, weights, _, _ = net
    inputs, units, source = stages[s, INPUTS], stages[s, UNITS], stages[s, X]
    weight, bias = stages[s, WEIGHT], stages[s, BIAS_FIRST]
    for turn in range(turns_of(rows * units, team)):
        e = first_of(team) + turn * stride_of(team)
        if e < rows * units:
            row, unit = split(e, units)
            total = weights[np.uint32(bias + unit)] if bias >= 0 else ZERO
            for k in range(inputs):
                x = value_at(net, data, source, inputs, row, first, k)
                total = cuda.fma(x, weights[np.uint32(weight + k * units + unit)], total)
            finish_unit(net, s, row, first, unit, unit, total)


@inner
def judge_outputs(net, data, loss, rows, first, measures, team):
    """`judge_rows` for a network with a few outputs, which each thread has in registers meanwhile."""
    stages, _, _, work, _ = net
    last = stages.shape[0] - 1
    z_row, a_row = cuda.local.array(OUTPUTS, float32), cuda.local.array(OUTPUTS, float32)
    d_row = cuda.local.array(OUTPUTS, float32)
    z = stages[last, Z] if stages[last, Z] >= 0 else stages[last, OUT]
    for turn in range(turns_of(rows, team)):
        row = first_of(team) + turn * stride_of(team)
        if row < rows:
            for k in range(OUTPUTS):
                z_row[k] = work[np.uint32(z + row * OUTPUTS + k)]
                a_row[k] = work[np.uint32(stages[last, OUT] + row * OUTPUTS + k)]
            judge_row(net, data, loss, rows, first + row, measures, (z_row, a_row, d_row))
            for k in range(OUTPUTS):
                work[np.uint32(stages[last, D] + row * OUTPUTS + k)] = d_row[k]


@inner
def backward(net, s, rows, first, team, shared):
    """From the gradient of the weighted sums of the dense stage `s` to that of the stage before it."""
    stages, _, weights, work, _ = net
    inputs, units, weight, gradient = stages[s, INPUTS], stages[s, UNITS], stages[s, WEIGHT], stages[s, D]
    for turn in range(turns_of(rows * inputs, team)):
        e = first_of(team) + turn * stride_of(team)
        if e < rows * inputs:
            row, k = split(e, inputs)
            total = ZERO
            for unit in range(units):
                d = work[np.uint32(gradient + row * units + unit)]
                total = cuda.fma(d, weights[np.uint32(weight + k * units + unit)], total)
            keep_gradient(net, stages[s, BEHIND], row, first, k, total)


@inner
def learn(net, data, rows, first, learner, step, learning, team, shared):
    """Gradients of all parameters, with their update at once; without `learning` they are stored instead."""
    stages, _, _, _, _ = net
    for s in range(stages.shape[0]):
        if stages[s, KIND] == DENSE and stages[s, FROZEN] < 0:
            learn_dense(net, data, s, rows, first, learner, step, learning, team)
    learn_layers(net, rows, learner, step, learning, team)


@inner
def learn_dense(net, data, s, rows, first, learner, step, learning, team):
    """`learn` for the weights and biases of the stage `s`."""
    stages, _, _, work, _ = net
    inputs, units, source, gradient = stages[s, INPUTS], stages[s, UNITS], stages[s, X], stages[s, D]
    count = (inputs if stages[s, BIAS] < 0 else inputs + 1) * units
    for turn in range(turns_of(count, team)):
        e = first_of(team) + turn * stride_of(team)
        if e < count:
            k, unit = split(e, units)
            is_weight = k < inputs
            column = k if is_weight else 0
            g = ZERO
            for row in range(rows):
                x = value_at(net, data, source, inputs, row, first, column)
                g = cuda.fma(x if is_weight else ONE, work[np.uint32(gradient + row * units + unit)], g)
            place = np.int64(np.uint32(stages[s, WEIGHT] + e if is_weight else stages[s, BIAS] + unit))
            if is_weight:
                g = with_penalty(net, s, place, g)
            learn_one(net, place, g, learner, step, learning)
