"""The innermost loops of products with mostly zero bytes: a row of the result stays in registers.

A bitmap says which bytes are not 0, with a bit for each, from the lowest on, in words of 64. A term with a zero would
leave a sum as it is, so leaving it out does not change a bit of the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from neurosim.backends.cpu.memory import intrinsic
from neurosim.backends.cpu.product_tiles import masked_load, masked_store, places_below
from neurosim.backends.cpu.vectors import (
    FLOAT,
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

# Sums of how many vectors are made at once: a register for each, and the others are left for loading ahead.
VECTORS = tuple(count for count in (16, 8, 4, 2, 1) if count <= REGISTERS // 2)
BYTES = 256
# How many bytes a word of a bitmap is about.
WORD_BITS = 64
_WHOLE, _PARTIAL = range(2)


def _tiles(context: Any, builder: Any, vectors: Any, last: Any) -> Iterator[tuple[int, Any, Any]]:
    """Every number of vectors that a tile may have, and how they are read and written; only one alone is partial."""
    mask = places_below(builder, last)
    partial = builder.zext(builder.icmp_signed("<", last, ir.Constant(WORD, WIDTH)), WORD)
    kind = context.make_tuple(builder, types.UniTuple(types.intp, 2), [vectors, partial])
    for count, part in branches(builder, kind, [(1, _PARTIAL), *((count, _WHOLE) for count in VECTORS)]):
        if part:
            yield (
                count,
                lambda place: masked_load(builder, place, mask),
                lambda value, place: masked_store(builder, value, place, mask),
            )
        else:
            yield count, lambda place: load(builder, place, VECTOR), lambda value, place: store(builder, value, place)


@intrinsic
def add_terms(typingctx: Any, size: Any, bitmap: Any, numbers: Any, scales: Any, matrix: Any, sums: Any) -> Any:
    """Add the terms of the bytes whose bits are set to a row of sums.

    The arguments are the number of vectors and that of numbers in the last, less than a vector only of a single one;
    ``(bits, next, count)``, where the first word of the bitmap is, how many bytes further on the next one is, and how
    many there are; ``(numbers, step)``, where the bytes are; the address of a number for each byte;
    ``(matrix, pitch)``, in which there is a row for each byte, that is multiplied by its number; and ``(start, out)``,
    where the sums begin and where they go.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors, last = cgutils.unpack_tuple(builder, arguments[0], 2)
        bits, following, words = cgutils.unpack_tuple(builder, arguments[1], 3)
        numbers, step = cgutils.unpack_tuple(builder, arguments[2], 2)
        scales = arguments[3]
        matrix, pitch = cgutils.unpack_tuple(builder, arguments[4], 2)
        start, out = cgutils.unpack_tuple(builder, arguments[5], 2)
        for count, read, write in _tiles(context, builder, vectors, last):
            sums = sums_of(builder, 1, count).values()
            for v, total in enumerate(sums):
                builder.store(read(offset(builder, start, PART, v)), total)
            with cgutils.for_range(builder, words) as word:
                first = builder.mul(word.index, ir.Constant(WORD, WORD_BITS))
                left = cgutils.alloca_once(builder, WORD)
                builder.store(load(builder, offset(builder, bits, following, word.index), WORD, 8), left)
                bytes_at, rows_at = offset(builder, numbers, step, first), offset(builder, matrix, pitch, first)
                head, add, done = (builder.append_basic_block(name) for name in ("head", "add", "done"))
                builder.branch(head)
                builder.position_at_end(head)
                some = builder.icmp_unsigned("!=", builder.load(left), ir.Constant(WORD, 0))
                builder.cbranch(some, add, done)
                builder.position_at_end(add)
                now = builder.load(left)
                place = builder.cttz(now, ir.Constant(ir.IntType(1), 1))
                byte = builder.zext(load(builder, offset(builder, bytes_at, step, place), ir.IntType(8), 1), WORD)
                number = broadcast(builder, load(builder, offset(builder, scales, 4, byte), FLOAT))
                row = offset(builder, rows_at, pitch, place)
                for v, total in enumerate(sums):
                    line = read(offset(builder, row, PART, v))
                    builder.store(multiply_add(builder, number, line, builder.load(total)), total)
                builder.store(builder.and_(now, builder.sub(now, ir.Constant(WORD, 1))), left)
                builder.branch(head)
                builder.position_at_end(done)
            for v, total in enumerate(sums):
                write(builder.load(total), offset(builder, out, PART, v))
        return context.get_dummy_value()

    word = types.intp
    pair, three = types.UniTuple(word, 2), types.UniTuple(word, 3)
    return types.void(pair, three, pair, word, pair, pair), codegen


@intrinsic
def sum_lines(typingctx: Any, size: Any, matrix: Any, out: Any) -> Any:
    """Sums over the rows of some columns of a matrix.

    The arguments are the number of vectors and that of numbers in the last, as in `add_terms`; ``(matrix, pitch,
    count)``, and where the sums go.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors, last = cgutils.unpack_tuple(builder, arguments[0], 2)
        matrix, pitch, rows = cgutils.unpack_tuple(builder, arguments[1], 3)
        for count, read, write in _tiles(context, builder, vectors, last):
            sums = sums_of(builder, 1, count).values()
            for total in sums:
                builder.store(ir.Constant(VECTOR, None), total)
            with cgutils.for_range(builder, rows) as row:
                line = offset(builder, matrix, pitch, row.index)
                for v, total in enumerate(sums):
                    more = read(offset(builder, line, PART, v))
                    builder.store(builder.fadd(builder.load(total), more), total)
            for v, total in enumerate(sums):
                write(builder.load(total), offset(builder, arguments[2], PART, v))
        return context.get_dummy_value()

    pair, three = types.UniTuple(types.intp, 2), types.UniTuple(types.intp, 3)
    return types.void(pair, three, types.intp), codegen


@intrinsic
def nonzero_bytes(typingctx: Any, address: Any) -> Any:
    """A bit for each of 64 bytes, from the lowest on: whether it is not 0."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(ir.IntType(8), WORD_BITS)
        values = builder.load(builder.inttoptr(arguments[0], kind.as_pointer()), align=1)
        return builder.bitcast(builder.icmp_unsigned("!=", values, ir.Constant(kind, None)), WORD)

    return types.uint64(types.intp), codegen
