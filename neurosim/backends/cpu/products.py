"""Matrix products of blocks: plain loops for small ones, and a kernel that is called by address for the others.

All matrices are row-major float32 at an address, with a stride (in numbers) from row to row. Every number of a
result is one sum over k, from first to last, with one fused multiply-add a term, whichever of the two computes it.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.memory import call_product, floats, fma

# Up to this many multiply-adds, the loops here are faster than the kernel.
SMALL = 2048
ZERO = np.float32(0)


@compiled
def multiply(kernel, rows, columns, inner, left, left_stride, right, right_stride, out, out_stride):
    """out = left @ right, shapes (rows, inner) and (inner, columns)."""
    if rows * columns * inner > SMALL:
        arguments = (rows, columns, inner, left, left_stride, 1, right, right_stride, 0, out, out_stride)
        call_product(kernel, arguments)
        return
    for i in range(rows):
        result = floats(out + 4 * i * out_stride, columns)
        factors = floats(left + 4 * i * left_stride, inner)
        for j in range(columns):
            result[j] = ZERO
        for k in range(inner):
            factor = factors[k]
            row = floats(right + 4 * k * right_stride, columns)
            for j in range(columns):
                result[j] = fma(factor, row[j], result[j])


@compiled
def multiply_transposed_right(kernel, rows, columns, inner, left, left_stride, right, right_stride, out, out_stride):
    """out = left @ right.T, shapes (rows, inner) and (columns, inner)."""
    if rows * columns * inner > SMALL:
        arguments = (rows, columns, inner, left, left_stride, 1, right, right_stride, 1, out, out_stride)
        call_product(kernel, arguments)
        return
    for i in range(rows):
        result = floats(out + 4 * i * out_stride, columns)
        factors = floats(left + 4 * i * left_stride, inner)
        for j in range(columns):
            result[j] = ZERO
        matrix = floats(right, (columns - 1) * right_stride + inner)
        for k in range(inner):
            factor = factors[k]
            for j in range(columns):
                result[j] = fma(factor, matrix[j * right_stride + k], result[j])


@compiled
def multiply_transposed_left(kernel, rows, columns, inner, left, left_stride, right, right_stride, out, out_stride):
    """out = left.T @ right, shapes (inner, rows) and (inner, columns)."""
    if rows * columns * inner > SMALL:
        arguments = (rows, columns, inner, left, 1, left_stride, right, right_stride, 0, out, out_stride)
        call_product(kernel, arguments)
        return
    for i in range(rows):
        result = floats(out + 4 * i * out_stride, columns)
        for j in range(columns):
            result[j] = ZERO
        for k in range(inner):
            factor = floats(left + 4 * (k * left_stride + i), 1)[0]
            row = floats(right + 4 * k * right_stride, columns)
            for j in range(columns):
                result[j] = fma(factor, row[j], result[j])


@compiled
def column_sums(source, rows, stride, first, columns, out):
    """out[j] = sum over rows of source[:, first + j]."""
    sums = floats(out, columns)
    for j in range(columns):
        sums[j] = ZERO
    for i in range(rows):
        row = floats(source + 4 * (i * stride + first), columns)
        for j in range(columns):
            sums[j] += row[j]
