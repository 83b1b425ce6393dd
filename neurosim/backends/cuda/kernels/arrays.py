"""The phases of an update that looks at whole arrays: sums of their parts, reductions, then the rule's functions.

What is computed. The sum, the largest number or the root of the sum of squares of an array's weights, gradients or
slots, of the whole network's, or of each row or column; from these and the constants of the step the rule's direction,
which takes the place of the gradient, and its update.

Launch geometry. One thread for each part of an array's sum, then one for each sum of parts, then one for each number.
Parts are added up in their order, so the bits do not depend on the geometry.
"""

import numpy as np

from neurosim.backends.cuda.blanks import CONSTANTS, call_direction, call_update
from neurosim.backends.cuda.functions import math
from neurosim.backends.cuda.kernels.clipping import scale_of_gradient
from neurosim.backends.cuda.kernels.common import (
    ARRAY_COUNT,
    ARRAYS,
    CLIP,
    CLIP_VALUE,
    DIRECT,
    DIRECTION_SUMS,
    DIRECTION_VALUES,
    DUE_COUNT,
    DUES,
    ONE,
    REDUCTIONS,
    SPREAD,
    SUMS,
    SUMS_PARTS,
    UPDATE_SUMS,
    UPDATE_VALUES,
    VALUES,
    ZERO,
    first_of,
    stride_of,
)
from neurosim.backends.cuda.target import inner, larger, smaller

# Columns of the arrays: first number, rows, columns, and whether it is of the biases.
A_START, A_ROWS, A_COLUMNS, A_BIAS, ARRAY_FIELDS = range(5)
# Columns of the reductions: their number, whether due before the update (not the direction), what they are of, what is
# summed up, what becomes of it, the scope, and the place among those that differ within an array.
R_NUMBER, R_LATE, R_SOURCE, R_MEASURE, R_AFTER, R_SCOPE, R_PLACE, DUE_FIELDS = range(8)
# Slots have their own numbers.
OF_WEIGHTS, OF_GRADIENT = -2, -1
OF_NUMBERS, OF_SIZES, OF_SQUARES, OF_LARGEST = range(4)
DIVIDED, ROOTED, COUNTED = 1, 2, 4
PER_ARRAY, PER_NETWORK, PER_ROW, PER_COLUMN = range(4)


@inner
def run_array_phase(kind, net, loss, learner, step, team):
    """A phase of the update of all parameters."""
    if kind == CLIP:
        clip_all(net, loss, learner, team)
    elif kind in (DIRECTION_SUMS, UPDATE_SUMS):
        sum_parts(net, loss, learner, 1 if kind == UPDATE_SUMS else 0, team)
    elif kind in (DIRECTION_VALUES, UPDATE_VALUES):
        find_values(net, loss, learner, 1 if kind == UPDATE_VALUES else 0, team)
    else:
        call_rule(kind, net, loss, learner, step, team)


@inner
def clip_all(net, loss, learner, team):
    """The gradient within its bounds."""
    _, numbers, _, _, _ = net
    _, gradient, _ = learner
    scale, bound = scale_of_gradient(net, loss), numbers[CLIP_VALUE]
    for k in range(first_of(team), gradient.shape[0], stride_of(team)):
        gradient[k] = smaller(larger(gradient[k] * scale, -bound), bound)


@inner
def number_of(net, learner, source, k):
    """Number `k` of what a reduction is of."""
    _, _, weights, _, _ = net
    state, gradient, _ = learner
    if source == OF_WEIGHTS:
        return weights[k]
    if source == OF_GRADIENT:
        return gradient[k]
    return state[source, k]


@inner
def measure_of(measure, net, learner, source, first, end, stride):
    """The largest number, and the sum: of squares relative to the largest number, so that none overflows."""
    largest, total = ZERO, ZERO
    for k in range(first, end, stride):
        number = number_of(net, learner, source, k)
        if measure == OF_NUMBERS:
            total += number
        elif measure == OF_SIZES:
            total += math.fabs(number)
        else:
            largest = larger(largest, math.fabs(number))
    if measure == OF_SQUARES and largest > ZERO:
        for k in range(first, end, stride):
            measured = number_of(net, learner, source, k) / largest
            total += measured * measured
    return largest, total


@inner
def value_of(measure, after, largest, total, count):
    """The value of a reduction of so many numbers."""
    if after & COUNTED:
        return np.float32(count)
    if measure == OF_LARGEST:
        return largest
    if after & DIVIDED:
        total /= np.float32(count)
    # The root of squares: a NaN among the numbers is in the largest of them.
    return largest * math.sqrt(total) if after & ROOTED else total


@inner
def sum_parts(net, loss, learner, late, team):
    """The sum of each part of each array, for each reduction that is due: one thread per part."""
    _, _, _, work, _ = net
    parts, dues = loss[SUMS_PARTS], loss[DUE_COUNT]
    for e in range(first_of(team), loss[ARRAY_COUNT] * dues * parts, stride_of(team)):
        part, d, a = e % parts, e // parts % dues, e // parts // dues
        due, array = loss[DUES] + d * DUE_FIELDS, loss[ARRAYS] + a * ARRAY_FIELDS
        if loss[due + R_LATE] == late and loss[due + R_SCOPE] <= PER_NETWORK:
            first = loss[array + A_START]
            end = first + loss[array + A_ROWS] * loss[array + A_COLUMNS]
            largest, total = measure_of(
                loss[due + R_MEASURE], net, learner, loss[due + R_SOURCE], first + part, end, parts
            )
            work[loss[SUMS] + 2 * e] = largest
            work[loss[SUMS] + 2 * e + 1] = total


@inner
def find_values(net, loss, learner, late, team):
    """The values of the reductions that are due: one thread per array, row or column."""
    dues = loss[DUE_COUNT]
    for e in range(first_of(team), loss[ARRAY_COUNT] * dues, stride_of(team)):
        d, a = e % dues, e // dues
        due = loss[DUES] + d * DUE_FIELDS
        if loss[due + R_LATE] == late and loss[due + R_SCOPE] <= PER_NETWORK:
            combine_parts(net, loss, due, d, a)
    for d in range(dues):
        due = loss[DUES] + d * DUE_FIELDS
        if loss[due + R_LATE] == late and loss[due + R_SCOPE] > PER_NETWORK:
            for a in range(loss[ARRAY_COUNT]):
                reduce_lines(net, loss, learner, due, loss[ARRAYS] + a * ARRAY_FIELDS, team)


@inner
def combine_parts(net, loss, due, d, a):
    """The value of a reduction for an array, from the parts of it or, if it is of the network, of all arrays."""
    _, _, _, work, _ = net
    parts, dues, measure = loss[SUMS_PARTS], loss[DUE_COUNT], loss[due + R_MEASURE]
    first = 0 if loss[due + R_SCOPE] == PER_NETWORK else a
    last = loss[ARRAY_COUNT] if loss[due + R_SCOPE] == PER_NETWORK else a + 1
    largest, total, count = ZERO, ZERO, 0
    for b in range(first, last):
        array = loss[ARRAYS] + b * ARRAY_FIELDS
        count += loss[array + A_ROWS] * loss[array + A_COLUMNS]
        for part in range(parts):
            largest = larger(largest, work[loss[SUMS] + 2 * ((b * dues + d) * parts + part)])
    for b in range(first, last):
        for part in range(parts):
            at = loss[SUMS] + 2 * ((b * dues + d) * parts + part)
            factor = ONE
            if measure == OF_SQUARES:
                factor = work[at] / largest if largest > ZERO else ZERO
            total += work[at + 1] * factor * factor
    value = value_of(measure, loss[due + R_AFTER], largest, total, count)
    work[loss[VALUES] + a * loss[REDUCTIONS] + loss[due + R_NUMBER]] = value


@inner
def reduce_lines(net, loss, learner, due, array, team):
    """A reduction of each row or column of an array, for each of its numbers: one thread per line."""
    _, _, _, work, _ = net
    _, gradient, _ = learner
    start, rows, columns = loss[array + A_START], loss[array + A_ROWS], loss[array + A_COLUMNS]
    by_rows = loss[due + R_SCOPE] == PER_ROW
    lines, count = (rows, columns) if by_rows else (columns, rows)
    spread = loss[SPREAD] + loss[due + R_PLACE] * gradient.shape[0]
    for line in range(first_of(team), lines, stride_of(team)):
        first = start + (line * columns if by_rows else line)
        stride = 1 if by_rows else columns
        end = first + count * stride
        largest, total = measure_of(loss[due + R_MEASURE], net, learner, loss[due + R_SOURCE], first, end, stride)
        value = value_of(loss[due + R_MEASURE], loss[due + R_AFTER], largest, total, count)
        for k in range(first, end, stride):
            work[spread + k] = value


@inner
def call_rule(kind, net, loss, learner, step, team):
    """Call a function of the rule for every number: one thread each."""
    _, _, weights, work, _ = net
    state, gradient, constants = learner
    size = gradient.shape[0]
    for a in range(loss[ARRAY_COUNT]):
        array = loss[ARRAYS] + a * ARRAY_FIELDS
        values = loss[VALUES] + a * loss[REDUCTIONS]
        first = CONSTANTS * loss[array + A_BIAS]
        start = loss[array + A_START]
        for e in range(first_of(team), loss[array + A_ROWS] * loss[array + A_COLUMNS], stride_of(team)):
            k = start + e
            spread = loss[SPREAD] + k
            if kind == DIRECT:
                call_direction(weights, state, gradient, work, k, values, spread, size, constants, step, first)
            else:
                call_update(weights, state, gradient, work, k, values, spread, size, constants, step, first)
