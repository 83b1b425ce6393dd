"""Matrix products of blocks: single-threaded BLAS, or plain loops where a call would cost more.

All matrices are row-major float32 at an address, with a stride (in numbers) from row to row. Which of the two computes
a product depends only on its shape, and so do the bits.
"""

from __future__ import annotations

import numpy as np

from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.memory import blas_sgemm, floats

# Below this many multiply-adds, the loops here are faster than a BLAS call.
SMALL = 2048


@compiled
def multiply(sgemm, rows, columns, inner, left, left_stride, right, right_stride, out, out_stride):
    """out = left @ right, shapes (rows, inner) and (inner, columns)."""
    if rows * columns * inner > SMALL:
        # BLAS is column-major: it sees the transposes, so it is given right.T @ left.T.
        blas_sgemm(
            sgemm,
            (0, 0),
            (columns, rows, inner),
            (right, right_stride),
            (left, left_stride),
            (out, out_stride),
        )
        return
    for i in range(rows):
        result = floats(out + 4 * i * out_stride, columns)
        factors = floats(left + 4 * i * left_stride, inner)
        for j in range(columns):
            result[j] = np.float32(0)
        for k in range(inner):
            factor = factors[k]
            row = floats(right + 4 * k * right_stride, columns)
            for j in range(columns):
                result[j] += factor * row[j]


@compiled
def multiply_transposed_right(sgemm, rows, columns, inner, left, left_stride, right, right_stride, out, out_stride):
    """out = left @ right.T, shapes (rows, inner) and (columns, inner)."""
    if rows * columns * inner > SMALL:
        blas_sgemm(
            sgemm,
            (1, 0),
            (columns, rows, inner),
            (right, right_stride),
            (left, left_stride),
            (out, out_stride),
        )
        return
    for i in range(rows):
        result = floats(out + 4 * i * out_stride, columns)
        factors = floats(left + 4 * i * left_stride, inner)
        for j in range(columns):
            row = floats(right + 4 * j * right_stride, inner)
            total = np.float32(0)
            for k in range(inner):
                total += factors[k] * row[k]
            result[j] = total


@compiled
def multiply_transposed_left(sgemm, rows, columns, inner, left, left_stride, right, right_stride, out, out_stride):
    """out = left.T @ right, shapes (inner, rows) and (inner, columns)."""
    if rows * columns * inner > SMALL:
        blas_sgemm(
            sgemm,
            (0, 1),
            (columns, rows, inner),
            (right, right_stride),
            (left, left_stride),
            (out, out_stride),
        )
        return
    for i in range(rows):
        result = floats(out + 4 * i * out_stride, columns)
        for j in range(columns):
            result[j] = np.float32(0)
        for k in range(inner):
            factor = floats(left + 4 * (k * left_stride + i), 1)[0]
            row = floats(right + 4 * k * right_stride, columns)
            for j in range(columns):
                result[j] += factor * row[j]


@compiled
def column_sums(source, rows, stride, first, columns, out):
    """out[j] = sum over rows of source[:, first + j]."""
    sums = floats(out, columns)
    for j in range(columns):
        sums[j] = np.float32(0)
    for i in range(rows):
        row = floats(source + 4 * (i * stride + first), columns)
        for j in range(columns):
            sums[j] += row[j]
