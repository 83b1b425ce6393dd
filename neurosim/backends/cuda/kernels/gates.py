"""Units that each make one number of several: gated units and maxout.

Of ``pieces * units`` inputs unit j has number j, ``units + j`` and so on, and the gate makes one number of two until
one is left. One thread does that for a unit of a row; backward it does it again, up to each piece.
"""

from neurosim.backends.cuda.blanks import gate, gate_du, gate_dv
from neurosim.backends.cuda.kernels.common import (
    BEHIND,
    COMBINE_FORWARD,
    GATE,
    INPUTS,
    OUT,
    PARAMS,
    UNITS,
    D,
    first_of,
    input_of,
    keep_gradient,
    split,
    stride_of,
)
from neurosim.backends.cuda.target import inner


@inner
def run_gate_phase(kind, net, data, s, rows, first, team):
    """A phase of such units."""
    if kind == COMBINE_FORWARD:
        combine(net, data, s, rows, first, team)
    else:
        combine_backward(net, data, s, rows, first, team)


@inner
def combined(net, data, s, row, first, unit, count):
    """What the gate makes of the first `count` numbers of a unit."""
    stages, numbers, _, _, _ = net
    value = input_of(net, data, s, row, first, unit)
    for piece in range(1, count):
        other = input_of(net, data, s, row, first, piece * stages[s, UNITS] + unit)
        value = gate(stages[s, GATE], value, other, numbers, stages[s, PARAMS])
    return value


@inner
def combine(net, data, s, rows, first, team):
    """The outputs of stage `s` for a batch."""
    stages, _, _, work, _ = net
    units = stages[s, UNITS]
    for e in range(first_of(team), rows * units, stride_of(team)):
        row, unit = split(e, units)
        work[stages[s, OUT] + e] = combined(net, data, s, row, first, unit, stages[s, INPUTS] // units)


@inner
def combine_backward(net, data, s, rows, first, team):
    """From the gradient of the outputs of stage `s` to that of the stage before it."""
    stages, numbers, _, work, _ = net
    units, behind = stages[s, UNITS], stages[s, BEHIND]
    which, at = stages[s, GATE], stages[s, PARAMS]
    for e in range(first_of(team), rows * units, stride_of(team)):
        row, unit = split(e, units)
        d = work[stages[s, D] + e]
        for piece in range(stages[s, INPUTS] // units - 1, 0, -1):
            before = combined(net, data, s, row, first, unit, piece)
            other = input_of(net, data, s, row, first, piece * units + unit)
            slope = d * gate_dv(which, before, other, numbers, at)
            keep_gradient(net, behind, row, first, piece * units + unit, slope)
            d = d * gate_du(which, before, other, numbers, at)
        keep_gradient(net, behind, row, first, unit, d)
