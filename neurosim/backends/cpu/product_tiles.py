"""The innermost loops of matrix products: tiles of the result that stay in registers.

A tile is some rows times some vectors of columns. Every number of it is one sum over k, from first to last, with one
fused multiply-add a term: so neither the size of tiles, nor the width of vectors, nor how a product is cut into blocks
changes a bit of the result.

The operand that is read by vectors is packed first: for each k a line of `vectors` vectors, those of the next k behind
it. The other one is read number by number where it is.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from neurosim.backends.cpu.memory import intrinsic
from neurosim.backends.cpu.vectors import (
    FLOAT,
    INDEX,
    PART,
    REGISTERS,
    VECTOR,
    WIDTH,
    WORD,
    branches,
    broadcast,
    load,
    multiply_add,
    offset,
    store,
    sums_of,
)

# The most vectors in a row of a tile, and the numbers of rows: a sum takes one register, a vector another, and one is
# left for the number that both rows and vectors are multiplied by.
VECTORS = {16: 3, 8: 2}.get(WIDTH, 4 if REGISTERS == 32 else 2)
HEIGHTS = (8, 4, 2, 1) if WIDTH == 16 else (6, 4, 2, 1)
TALLEST = HEIGHTS[0]
SIZES = [(height, vectors) for vectors in range(1, VECTORS + 1) for height in HEIGHTS]
# The most columns that a tile has.
COLUMNS = VECTORS * WIDTH
# Rows and columns of a block that is transposed in registers.
BLOCK = 8
_MASK = ir.VectorType(ir.IntType(1), WIDTH)
_POINTER = VECTOR.as_pointer()


def places_below(builder: Any, count: Any) -> Any:
    """The first `count` places of a vector."""
    kind = ir.VectorType(INDEX, WIDTH)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), builder.trunc(count, INDEX), ir.Constant(INDEX, 0))
    limit = builder.shuffle_vector(first, first, ir.Constant(kind, [0] * WIDTH))
    return builder.icmp_signed("<", ir.Constant(kind, list(range(WIDTH))), limit)


def masked_load(builder: Any, address: Any, mask: Any) -> Any:
    """A vector of which only the places in `mask` are read; the others are 0."""
    name = f"llvm.masked.load.v{WIDTH}f32.p0"
    kind = ir.FunctionType(VECTOR, [_POINTER, INDEX, _MASK, VECTOR])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    place = builder.inttoptr(address, _POINTER)
    return builder.call(function, [place, ir.Constant(INDEX, 4), mask, ir.Constant(VECTOR, None)])


def masked_store(builder: Any, value: Any, address: Any, mask: Any) -> None:
    """Store the places in `mask`."""
    name = f"llvm.masked.store.v{WIDTH}f32.p0"
    kind = ir.FunctionType(ir.VoidType(), [VECTOR, _POINTER, INDEX, _MASK])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    builder.call(function, [value, builder.inttoptr(address, _POINTER), ir.Constant(INDEX, 4), mask])


@intrinsic
def product_tile(typingctx: Any, size: Any, left: Any, panel: Any, count: Any, out: Any) -> Any:
    """`size` (rows, vectors) of a product, over `count` values of k.

    The other arguments are ``(left, row, step)``, `panel`, `count` and ``(out, pitch, last, new)``. Number (i, k) of
    the left operand is at ``left + i * row + k * step``, line k of the right one at ``panel + k * vectors * PART``.
    The sums of row i begin at ``out + i * pitch``; of their last vector only the first `last` numbers exist. They are
    added to what is there, unless `new`.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, row, step = cgutils.unpack_tuple(builder, arguments[1], 3)
        panel, count = arguments[2], arguments[3]
        out, pitch, last, new = cgutils.unpack_tuple(builder, arguments[4], 4)
        full = builder.icmp_signed("==", last, ir.Constant(WORD, WIDTH))
        is_new = builder.icmp_signed("!=", new, ir.Constant(WORD, 0))
        mask = places_below(builder, last)
        adjacent = builder.icmp_signed("==", row, ir.Constant(WORD, 4))
        for height, vectors in branches(builder, arguments[0], SIZES):
            sums = sums_of(builder, height, vectors)
            places = {(i, v): offset(builder, out, pitch, i, PART * v) for i in range(height) for v in range(vectors)}
            for place in sums.values():
                builder.store(ir.Constant(VECTOR, None), place)
            with builder.if_then(builder.not_(is_new)):
                for (i, v), place in sums.items():
                    if v < vectors - 1:
                        builder.store(load(builder, places[i, v], VECTOR), place)
                        continue
                    with builder.if_else(full, likely=True) as (whole, partial):
                        with whole:
                            builder.store(load(builder, places[i, v], VECTOR), place)
                        with partial:
                            builder.store(masked_load(builder, places[i, v], mask), place)

            def multiply(
                numbers_at: Any, k: Any, sums: Any = sums, height: int = height, vectors: int = vectors
            ) -> None:
                line = offset(builder, panel, PART * vectors, k)
                lines = [load(builder, offset(builder, line, PART, v), VECTOR) for v in range(vectors)]
                for i in range(height):
                    number = broadcast(builder, load(builder, numbers_at(i, k), FLOAT))
                    for v in range(vectors):
                        total = builder.load(sums[i, v])
                        builder.store(multiply_add(builder, number, lines[v], total), sums[i, v])

            # Strides that are known make addresses that cost nothing.
            with builder.if_else(adjacent) as (down, across):
                with down, cgutils.for_range(builder, count) as k:
                    multiply(lambda i, k: offset(builder, offset(builder, left, step, k), 4, i), k.index)
                with across:
                    starts = [offset(builder, left, row, i) for i in range(height)]
                    with cgutils.for_range(builder, count) as k:
                        multiply(lambda i, k, starts=starts: offset(builder, starts[i], 4, k), k.index)
            for i in range(height):
                for v in range(vectors):
                    value = builder.load(sums[i, v])
                    if v < vectors - 1:
                        store(builder, value, places[i, v])
                        continue
                    with builder.if_else(full, likely=True) as (whole, partial):
                        with whole:
                            store(builder, value, places[i, v])
                        with partial:
                            masked_store(builder, value, places[i, v], mask)
        return context.get_dummy_value()

    word = types.intp
    pair, three, four = (types.UniTuple(word, number) for number in (2, 3, 4))
    return types.void(pair, three, word, word, four), codegen


@intrinsic
def pack_lines(typingctx: Any, vectors: Any, source: Any, count: Any, panel: Any) -> Any:
    """Copy `count` lines of `vectors` vectors, of whose last only the first `last` numbers exist, to a panel.

    The arguments are ``(vectors, last)``, ``(source, stride)``, `count` and `panel`; what does not exist becomes 0.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors, last = cgutils.unpack_tuple(builder, arguments[0], 2)
        source, stride = cgutils.unpack_tuple(builder, arguments[1], 2)
        size = context.make_tuple(builder, types.UniTuple(types.intp, 2), [vectors, ir.Constant(WORD, 0)])
        mask = places_below(builder, last)
        full = builder.icmp_signed("==", last, ir.Constant(WORD, WIDTH))
        for number, _ in branches(builder, size, [(number, 0) for number in range(1, VECTORS + 1)]):

            def copy(read_last: Any, number: int = number) -> None:
                with cgutils.for_range(builder, arguments[2]) as k:
                    start = offset(builder, source, stride, k.index)
                    target = offset(builder, arguments[3], PART * number, k.index)
                    for v in range(number):
                        at = offset(builder, start, PART, v)
                        value = load(builder, at, VECTOR) if v < number - 1 else read_last(at)
                        store(builder, value, offset(builder, target, PART, v))

            with builder.if_else(full, likely=True) as (whole, partial):
                with whole:
                    copy(lambda at: load(builder, at, VECTOR))
                with partial:
                    copy(lambda at: masked_load(builder, at, mask))
        return context.get_dummy_value()

    pair = types.UniTuple(types.intp, 2)
    return types.void(pair, pair, types.intp, types.intp), codegen


@intrinsic
def transpose_block(typingctx: Any, source: Any, stride: Any, target: Any, pitch: Any) -> Any:
    """Copy `BLOCK` rows of as many numbers, `stride` bytes apart, to columns of rows that are `pitch` bytes apart."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, stride, target, pitch = arguments
        kind = ir.VectorType(FLOAT, BLOCK)
        rows = [load(builder, offset(builder, source, stride, i), kind) for i in range(BLOCK)]
        half = BLOCK // 2
        # Perfect shuffles, three times: each moves a bit of the row's number to the column's.
        low = [place // 2 + place % 2 * BLOCK for place in range(BLOCK)]
        masks = [ir.Constant(ir.VectorType(INDEX, BLOCK), [first + more for first in low]) for more in (0, half)]
        for _ in range(BLOCK.bit_length() - 1):
            pairs = [(rows[i], rows[i + half]) for i in range(half)]
            rows = [builder.shuffle_vector(*pair, mask) for pair in pairs for mask in masks]
        for i, row in enumerate(rows):
            store(builder, row, offset(builder, target, pitch, i))
        return context.get_dummy_value()

    return types.void(*[types.intp] * 4), codegen
