"""Products of matrices: one sum over k, from first to last, with one fused multiply-add a term."""

import ctypes
from fractions import Fraction

import numpy as np
import pytest

from neurosim.backends.cpu.jit import entry
from neurosim.backends.cpu.large_products import DEPTH, product
from neurosim.backends.cpu.memory import address_of, fma
from neurosim.backends.cpu.product_tiles import COLUMNS, TALLEST
from neurosim.backends.cpu.products import multiply, multiply_transposed_left, multiply_transposed_right

KERNEL = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 11)(product.address)
BORDER = 5
UNTOUCHED = np.float32(7)


@entry
def plain(left, right, out):
    for i in range(left.shape[0]):
        for j in range(right.shape[1]):
            total = np.float32(0)
            for k in range(left.shape[1]):
                total = fma(left[i, k], right[k, j], total)
            out[i, j] = total


@entry
def in_blocks(how, kernel, left, right, out):
    """The product by the functions that the engine calls."""
    rows, columns, pitch = out.shape[0] - 1, out.shape[1] - BORDER, out.shape[1]
    a, b, c = address_of(left), address_of(right), address_of(out)
    if how == 0:
        multiply(kernel, rows, columns, left.shape[1], a, left.shape[1], b, right.shape[1], c, pitch)
    elif how == 1:
        multiply_transposed_right(kernel, rows, columns, left.shape[1], a, left.shape[1], b, right.shape[1], c, pitch)
    else:
        multiply_transposed_left(kernel, rows, columns, left.shape[0], a, left.shape[1], b, right.shape[1], c, pitch)


def numbers(*shape):
    """Of very different sizes, so that every rounding shows."""
    random = np.random.default_rng(shape)
    return (random.standard_normal(shape) * 10.0 ** random.uniform(-4, 4, shape)).astype(np.float32)


def rounded(exact):
    """A fraction as float32, ties to even; for numbers of usual size."""
    near = np.float32(float(exact))
    return min(
        (np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))),
        key=lambda number: (abs(Fraction(float(number)) - exact), int(number.view(np.int32)) & 1),
    )


def test_fused_multiply_add_rounds_once():
    x = numbers(1, 40)
    y, out = numbers(40, 1), np.zeros((1, 1), np.float32)
    plain(x, y, out)
    total = np.float32(0)
    for a, b in zip(x[0], y[:, 0], strict=True):
        total = rounded(Fraction(float(a)) * Fraction(float(b)) + Fraction(float(total)))
    assert out[0, 0] == total
    # 1 + 2**-24 lies between two numbers: a product that is rounded first would lose it.
    near = np.float32(1 + 2**-12)
    plain(np.array([[1.0, near]], np.float32), np.array([[-1.0], [near]], np.float32), out)
    assert out[0, 0] == np.float32(Fraction(float(near)) ** 2 - 1)


# Rows, columns and terms: tiles of all sizes, whole and partial vectors, one panel and several.
SHAPES = [
    (1, 1, 1),
    (3, 5, 7),
    (TALLEST, COLUMNS, 10),
    (TALLEST + 7, COLUMNS + 1, 33),
    (64, 10, 128),
    (17, 49, 300),
    (9, 2 * COLUMNS - 3, 2 * DEPTH + 1),
    (5, 100, 1000),
    (1, 1000, 3),
    (200, 1, 30),
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("how", range(3), ids=["plain", "right transposed", "left transposed"])
def test_every_number_is_one_sum_in_order(how, shape):
    rows, columns, inner = shape
    left, right = numbers(rows, inner), numbers(inner, columns)
    expected = np.zeros((rows, columns), np.float32)
    plain(left, right, expected)
    if how == 1:
        right = np.ascontiguousarray(right.T)
    elif how == 2:
        left = np.ascontiguousarray(left.T)
    found = [np.full((rows + 1, columns + BORDER), UNTOUCHED) for _ in range(2)]
    in_blocks(how, product.address, left, right, found[0])
    # Small ones, too, by the kernel for large ones.
    row, step = (1, rows) if how == 2 else (inner, 1)
    operands = left.ctypes.data, row, step, right.ctypes.data, right.shape[1], how == 1
    KERNEL(rows, columns, inner, *operands, found[1].ctypes.data, columns + BORDER)
    for out in found:
        np.testing.assert_array_equal(out[:rows, :columns].view(np.int32), expected.view(np.int32))
        assert (out[rows:] == UNTOUCHED).all()
        assert (out[:, columns:] == UNTOUCHED).all()


def test_infinity_and_nan_go_through():
    left, right = np.ones((20, 30), np.float32), np.ones((30, 20), np.float32)
    left[3, 4], right[5, 6] = np.inf, np.nan
    out, expected = np.full((21, 25), UNTOUCHED), np.zeros((20, 20), np.float32)
    in_blocks(0, product.address, left, right, out)
    plain(left, right, expected)
    np.testing.assert_array_equal(out[:20, :20], expected)
    assert np.isnan(expected[:, 6]).all()
    assert expected[3, 0] == np.inf
