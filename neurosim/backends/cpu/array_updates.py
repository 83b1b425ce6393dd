"""The update of an optimizer that looks at whole arrays: reductions, then its functions, for all parameters at once.

The numbers are divided into chunks, none of which is of two arrays. A chunk's sums are of its numbers in their order,
in float64, and an array's of its chunks in theirs, so that no result depends on the threads.
"""

from __future__ import annotations

from enum import IntEnum, auto

import numpy as np

from neurosim.backends.cpu.jit import compiled, kernel
from neurosim.backends.cpu.memory import FINISH, call_constants, call_part, doubles, floats, matrix, words
from neurosim.backends.cpu.team import wait
from neurosim.plugin.reductions import SCHULZ, SCHULZ_EPSILON, SCHULZ_STEPS

# What is summed up.
SUM, ABSOLUTE, SQUARES, LARGEST = range(4)
# What becomes of the sum: divided by how many numbers there are, its root taken, or that number in its place; bits.
MEAN, ROOT, COUNTED = 1, 2, 4
# A matrix of its own for each array is no reduction, but is kept like those by rows.
ARRAY, NETWORK, ROW, COLUMN, MATRIX = range(5)


FIRST_TERM, THIRD, FIFTH = (np.float32(number) for number in SCHULZ)
EPSILON, STEPS = SCHULZ_EPSILON, SCHULZ_STEPS


class Field(IntEnum):
    """Entries of the table; those in capitals of the others below are the columns of tables that it leads to."""

    PARAMETERS = 0
    GRADIENT = auto()  # the direction takes its place
    STATE = auto()
    SIZE = auto()  # how many parameters there are
    CHUNKS = auto()
    CHUNK_COUNT = auto()
    ARRAYS = auto()
    ARRAY_COUNT = auto()
    REDUCTION_COUNT = auto()
    PARTIALS = auto()  # a float64 for each chunk and reduction
    VALUES = auto()  # a float32 for each array and reduction
    SPREAD = auto()  # for each reduction by rows or columns, a float32 for each parameter
    COLUMN_SUMS = auto()  # for each thread, a float64 for each column of the widest array
    WIDEST = auto()
    MATRICES = auto()  # for each thread, room for those that an orthogonal matrix is made from
    MATRIX_COUNT = auto()
    PARTS = auto()
    PART_COUNT = auto()
    CONSTANTS = auto()
    CONSTANT_COUNT = auto()  # of each thread


(
    PARAMETERS, GRADIENT, STATE, SIZE, CHUNKS, CHUNK_COUNT, ARRAYS, ARRAY_COUNT, REDUCTION_COUNT, PARTIALS, VALUES,
    SPREAD, COLUMN_SUMS, WIDEST, MATRICES, MATRIX_COUNT, PARTS, PART_COUNT, CONSTANTS, CONSTANT_COUNT,
) = (int(field) for field in Field)  # fmt: skip
FIELDS = len(Field)
# Columns of the chunks: the array that it is of, its first number, and how many it has.
CHUNK_ARRAY, FIRST, COUNT, CHUNK_FIELDS = range(4)
# Of the arrays: the first of its chunks and their number, its first number, its rows, columns, and whether it is of
# the biases.
FIRST_CHUNK, OWN_CHUNKS, START, ROWS, COLUMNS, IS_BIAS, ARRAY_FIELDS = range(7)
# Of the parts: the function, that for its constants, where these have their parameters for weights and for biases,
# and how many bytes further on in the next step; where they go for either, and the reductions that are due before it.
(
    FUNCTION, STEP, WEIGHT_PARAMS, BIAS_PARAMS, PARAMS_STRIDE, WEIGHT_PLACE, BIAS_PLACE, DUE, DUE_COUNT, PART_FIELDS,
) = range(10)  # fmt: skip
# Of these: the number of the reduction, what it is of, what is summed up, what becomes of it, the scope, and its row
# in SPREAD.
NUMBER, SOURCE, MEASURE, AFTER, SCOPE, SPREAD_ROW, DUE_FIELDS = range(7)


@compiled
def measured(measure, address, count):
    """One of the sums over some numbers."""
    x = floats(address, count)
    total = 0.0
    if measure == SUM:
        for k in range(count):
            total += np.float64(x[k])
    elif measure == ABSOLUTE:
        for k in range(count):
            total += abs(np.float64(x[k]))
    elif measure == SQUARES:
        for k in range(count):
            total += np.float64(x[k]) * np.float64(x[k])
    else:
        for k in range(count):
            total = combined(measure, total, abs(np.float64(x[k])))
    return total


@compiled
def combined(measure, total, more):
    """Two of these sums as one; NaN stays."""
    if measure != LARGEST:
        return total + more
    return total if total >= more or total != total else more


@compiled
def finished(after, total, count):
    """The value of a reduction of so many numbers, from their sum."""
    if after & COUNTED:
        return np.float32(count)
    if after & MEAN:
        total /= count
    return np.float32(np.sqrt(total) if after & ROOT else total)


@compiled
def sum_chunks(plan, part, thread, threads):
    """The sums of this thread's chunks, and the reductions of its arrays by rows and columns."""
    chunks, arrays, count = plan[CHUNKS], plan[ARRAYS], plan[REDUCTION_COUNT]
    for d in range(part[DUE_COUNT]):
        due = words(part[DUE] + 8 * d * DUE_FIELDS, DUE_FIELDS)
        if due[SCOPE] <= NETWORK:
            for q in range(thread, plan[CHUNK_COUNT], threads):
                chunk = words(chunks + 8 * q * CHUNK_FIELDS, CHUNK_FIELDS)
                total = measured(due[MEASURE], due[SOURCE] + 4 * chunk[FIRST], chunk[COUNT])
                doubles(plan[PARTIALS] + 8 * (q * count + due[NUMBER]), 1)[0] = total
        else:
            for a in range(thread, plan[ARRAY_COUNT], threads):
                array = words(arrays + 8 * a * ARRAY_FIELDS, ARRAY_FIELDS)
                if due[SCOPE] == ROW:
                    reduce_rows(plan, due, array)
                elif due[SCOPE] == COLUMN:
                    reduce_columns(plan, due, array, thread)
                else:
                    orthogonalize(plan, due, array, thread)


@compiled
def reduce_rows(plan, due, array):
    """A reduction of each row of an array, for each of its numbers."""
    columns = array[COLUMNS]
    for i in range(array[ROWS]):
        first = array[START] + i * columns
        value = finished(due[AFTER], measured(due[MEASURE], due[SOURCE] + 4 * first, columns), columns)
        out = floats(plan[SPREAD] + 4 * (due[SPREAD_ROW] * plan[SIZE] + first), columns)
        for j in range(columns):
            out[j] = value


@compiled
def reduce_columns(plan, due, array, thread):
    """A reduction of each column of an array, for each of its numbers."""
    rows, columns, start = array[ROWS], array[COLUMNS], array[START]
    totals = doubles(plan[COLUMN_SUMS] + 8 * thread * plan[WIDEST], columns)
    for j in range(columns):
        totals[j] = 0.0
    for i in range(rows):
        row = due[SOURCE] + 4 * (start + i * columns)
        for j in range(columns):
            totals[j] = combined(due[MEASURE], totals[j], measured(due[MEASURE], row + 4 * j, 1))
    for i in range(rows):
        out = floats(plan[SPREAD] + 4 * (due[SPREAD_ROW] * plan[SIZE] + start + i * columns), columns)
        for j in range(columns):
            out[j] = finished(due[AFTER], totals[j], rows)


@compiled
def orthogonalize(plan, due, array, thread):
    """An array as a nearly orthogonal matrix, by Newton and Schulz; the shorter side counts as rows."""
    rows, columns, size = array[ROWS], array[COLUMNS], array[ROWS] * array[COLUMNS]
    place = plan[MATRICES] + 4 * thread * plan[MATRIX_COUNT]
    low, long = min(rows, columns), max(rows, columns)
    x, y = matrix(place, low, long), matrix(place + 4 * size, low, long)
    square, polynomial = matrix(place + 8 * size, low, low), matrix(place + 8 * size + 4 * low * low, low, low)
    source = matrix(due[SOURCE] + 4 * array[START], rows, columns)
    out = matrix(plan[SPREAD] + 4 * (due[SPREAD_ROW] * plan[SIZE] + array[START]), rows, columns)
    norm = np.sqrt(measured(SQUARES, due[SOURCE] + 4 * array[START], size))
    # A NaN stays.
    norm = EPSILON if norm < EPSILON else norm
    for i in range(low):
        for j in range(long):
            number = source[j, i] if rows > columns else source[i, j]
            x[i, j] = np.float32(np.float64(number) / norm)
    for _ in range(STEPS):
        for i in range(low):
            for k in range(i + 1):
                total = 0.0
                for j in range(long):
                    total += np.float64(x[i, j]) * np.float64(x[k, j])
                square[i, k] = square[k, i] = np.float32(total)
        add_products(square, square, polynomial, FIFTH, THIRD)
        add_products(polynomial, x, y, np.float32(1.0), FIRST_TERM)
        for i in range(low):
            for j in range(long):
                x[i, j] = y[i, j]
    for i in range(low):
        for j in range(long):
            if rows > columns:
                out[j, i] = x[i, j]
            else:
                out[i, j] = x[i, j]


@compiled
def add_products(left, right, out, factor, share):
    """out = factor * left @ right + share * right."""
    for i in range(left.shape[0]):
        for j in range(right.shape[1]):
            out[i, j] = np.float32(0.0)
        for k in range(left.shape[1]):
            scale = factor * left[i, k]
            for j in range(right.shape[1]):
                out[i, j] += scale * right[k, j]
        for j in range(right.shape[1]):
            out[i, j] += share * right[i, j]


@compiled
def combine_chunks(plan, part, thread, threads):
    """The values of reductions by array, for this thread's arrays, and of its share of those of the network."""
    count = plan[REDUCTION_COUNT]
    for d in range(part[DUE_COUNT]):
        due = words(part[DUE] + 8 * d * DUE_FIELDS, DUE_FIELDS)
        if due[SCOPE] == ARRAY:
            for a in range(thread, plan[ARRAY_COUNT], threads):
                array = words(plan[ARRAYS] + 8 * a * ARRAY_FIELDS, ARRAY_FIELDS)
                total = sum_of_chunks(plan, due, array[FIRST_CHUNK], array[OWN_CHUNKS])
                value = finished(due[AFTER], total, array[ROWS] * array[COLUMNS])
                floats(plan[VALUES] + 4 * (a * count + due[NUMBER]), 1)[0] = value
        elif due[SCOPE] == NETWORK and d % threads == thread:
            value = finished(due[AFTER], sum_of_chunks(plan, due, 0, plan[CHUNK_COUNT]), plan[SIZE])
            for a in range(plan[ARRAY_COUNT]):
                floats(plan[VALUES] + 4 * (a * count + due[NUMBER]), 1)[0] = value


@compiled
def sum_of_chunks(plan, due, first, chunks):
    """The sums of some chunks as one, in their order."""
    count = plan[REDUCTION_COUNT]
    total = 0.0
    for q in range(first, first + chunks):
        total = combined(due[MEASURE], total, doubles(plan[PARTIALS] + 8 * (q * count + due[NUMBER]), 1)[0])
    return total


@compiled
def call_on_chunks(plan, part, thread, threads, step, t, rate):
    """Call a function of the rule for every number of this thread's chunks."""
    mine = plan[CONSTANTS] + 4 * thread * plan[CONSTANT_COUNT]
    weight_place, bias_place = mine + 4 * part[WEIGHT_PLACE], mine + 4 * part[BIAS_PLACE]
    further = step * part[PARAMS_STRIDE]
    call_constants(part[STEP], (part[WEIGHT_PARAMS] + further, weight_place, t, rate))
    call_constants(part[STEP], (part[BIAS_PARAMS] + further, bias_place, t, rate))
    for q in range(thread, plan[CHUNK_COUNT], threads):
        chunk = words(plan[CHUNKS] + 8 * q * CHUNK_FIELDS, CHUNK_FIELDS)
        array = words(plan[ARRAYS] + 8 * chunk[CHUNK_ARRAY] * ARRAY_FIELDS, ARRAY_FIELDS)
        at = 4 * chunk[FIRST]
        constants = bias_place if array[IS_BIAS] else weight_place
        values = plan[VALUES] + 4 * chunk[CHUNK_ARRAY] * plan[REDUCTION_COUNT]
        numbers = (plan[PARAMETERS] + at, plan[GRADIENT] + at, plan[STATE] + at, plan[SIZE], chunk[COUNT])
        call_part(part[FUNCTION], (*numbers, constants, values, plan[SPREAD] + at))


@kernel(FINISH)
def finish(table, thread, threads, barrier, step, t, rate):
    """Update all parameters in step `t`, from the whole gradient; called by every thread of a team at once.

    `step` is its number, from 0, among those for which the table has the optimizer's parameters.
    """
    plan = words(table, FIELDS)
    for p in range(plan[PART_COUNT]):
        part = words(plan[PARTS] + 8 * p * PART_FIELDS, PART_FIELDS)
        if p > 0:
            wait(barrier, threads)
        if part[DUE_COUNT] > 0:
            sum_chunks(plan, part, thread, threads)
            wait(barrier, threads)
            combine_chunks(plan, part, thread, threads)
            wait(barrier, threads)
        call_on_chunks(plan, part, thread, threads, step, t, rate)
