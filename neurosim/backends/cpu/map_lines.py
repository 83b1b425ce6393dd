"""What normalizations do to a line of samples, as vectors: one rounding an operation, in the order that is written.

Loops of 16 numbers at addresses would be checked for overlap each time, which takes longer than what they compute.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from neurosim.backends.cpu.memory import intrinsic
from neurosim.backends.cpu.vectors import INDEX, LANES, LINE_VECTOR, load, store

_PLACE, _NUMBER = types.intp, types.float32


def _line(builder: Any, address: Any) -> Any:
    return load(builder, address, LINE_VECTOR)


def _spread(builder: Any, number: Any) -> Any:
    """A line of one number."""
    first = builder.insert_element(ir.Constant(LINE_VECTOR, ir.Undefined), number, ir.Constant(INDEX, 0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(INDEX, LANES), [0] * LANES))


@intrinsic
def add_square(typingctx: Any, x: Any, middle: Any, total: Any) -> Any:
    """total += (x - middle) * (x - middle), for the line `x` and the number `middle`."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, middle, total = arguments
        away = builder.fsub(_line(builder, x), _spread(builder, middle))
        store(builder, builder.fadd(_line(builder, total), builder.fmul(away, away)), total)
        return context.get_dummy_value()

    return types.void(_PLACE, _NUMBER, _PLACE), codegen


@intrinsic
def normalize(typingctx: Any, x: Any, middle: Any, scale: Any, shift: Any, out: Any) -> Any:
    """out = (x - middle) * scale + shift, for the lines `x` and `out`."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, middle, scale, shift, out = arguments
        away = builder.fsub(_line(builder, x), _spread(builder, middle))
        result = builder.fadd(builder.fmul(away, _spread(builder, scale)), _spread(builder, shift))
        store(builder, result, out)
        return context.get_dummy_value()

    return types.void(_PLACE, _NUMBER, _NUMBER, _NUMBER, _PLACE), codegen


@intrinsic
def add_slopes(typingctx: Any, x: Any, slope: Any, moments: Any, products: Any, sums: Any) -> Any:
    """products += slope * ((x - middle) * scale) and sums += slope; `moments` are (middle, scale)."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, slope, moments, products, sums = arguments
        middle, scale = (_spread(builder, builder.extract_value(moments, k)) for k in range(2))
        slope = _line(builder, slope)
        normal = builder.fmul(builder.fsub(_line(builder, x), middle), scale)
        store(builder, builder.fadd(_line(builder, products), builder.fmul(slope, normal)), products)
        store(builder, builder.fadd(_line(builder, sums), slope), sums)
        return context.get_dummy_value()

    return types.void(_PLACE, _PLACE, types.UniTuple(_NUMBER, 2), _PLACE, _PLACE), codegen


@intrinsic
def normalize_slope(typingctx: Any, x: Any, slope: Any, moments: Any, means: Any, factor: Any) -> Any:
    """slope = factor * (slope - level - ((x - middle) * scale) * product).

    `moments` are (middle, scale), and `means` (product, level).
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, slope, moments, means, factor = arguments
        middle, scale = (_spread(builder, builder.extract_value(moments, k)) for k in range(2))
        product, level = (_spread(builder, builder.extract_value(means, k)) for k in range(2))
        normal = builder.fmul(builder.fsub(_line(builder, x), middle), scale)
        rest = builder.fsub(builder.fsub(_line(builder, slope), level), builder.fmul(normal, product))
        store(builder, builder.fmul(_spread(builder, factor), rest), slope)
        return context.get_dummy_value()

    pair = types.UniTuple(_NUMBER, 2)
    return types.void(_PLACE, _PLACE, pair, pair, _NUMBER), codegen
