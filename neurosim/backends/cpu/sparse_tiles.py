"""The innermost loops of products with mostly zero bytes: a row of the result stays in registers.

The bytes are kept as lists of terms, which are 32-bit integers: a byte that is not 0 in the low 8 bits, and its place
above them. A term with a zero would leave a sum as it is, so leaving it out does not change a bit of the result.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from neurosim.backends.cpu.memory import intrinsic
from neurosim.backends.cpu.product_tiles import masked_load, masked_store, places_below
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
)

# Sums of how many vectors are made at once: a register for each, and the others are left for loading ahead.
VECTORS = tuple(count for count in (16, 8, 4, 2, 1) if count <= REGISTERS // 2)
# A place in a term is above this many bits.
BYTE = 8
BYTES = 2**BYTE
MASK = BYTES - 1
# How many bytes are looked at at once.
WORD_BITS = 64
_WHOLE, _PARTIAL = range(2)


@intrinsic
def add_terms(typingctx: Any, size: Any, terms: Any, scales: Any, matrix: Any, sums: Any) -> Any:
    """Add terms to a row of sums; returns the address of the first term that was not added.

    The arguments are the number of vectors and that of numbers in the last, less than a vector only of a single one;
    ``(first, end, limit)``, the addresses of the first term and of what follows the last, and the place before which
    to stop; the address of a number for each byte; ``(matrix, pitch)``, whose row at a term's place is multiplied by
    the term's number; and ``(start, out)``, where the sums begin and where they go.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vectors, last = cgutils.unpack_tuple(builder, arguments[0], 2)
        first, end, limit = cgutils.unpack_tuple(builder, arguments[1], 3)
        scales = arguments[2]
        matrix, pitch = cgutils.unpack_tuple(builder, arguments[3], 2)
        start, out = cgutils.unpack_tuple(builder, arguments[4], 2)
        limit = builder.trunc(builder.shl(limit, ir.Constant(WORD, BYTE)), INDEX)
        mask = places_below(builder, last)
        partial = builder.zext(builder.icmp_signed("<", last, ir.Constant(WORD, WIDTH)), WORD)
        kind = context.make_tuple(builder, types.UniTuple(types.intp, 2), [vectors, partial])
        reached = cgutils.alloca_once(builder, WORD)
        for count, part in branches(builder, kind, [(1, _PARTIAL), *((count, _WHOLE) for count in VECTORS)]):

            def read(place: Any, part: int = part) -> Any:
                return masked_load(builder, place, mask) if part else load(builder, place, VECTOR)

            before = builder.basic_block
            head, check, add, done = (builder.append_basic_block(name) for name in ("head", "check", "add", "done"))
            starts = [read(offset(builder, start, PART, v)) for v in range(count)]
            builder.branch(head)
            builder.position_at_end(head)
            at = builder.phi(WORD)
            at.add_incoming(first, before)
            totals = [builder.phi(VECTOR) for _ in range(count)]
            for total, value in zip(totals, starts, strict=True):
                total.add_incoming(value, before)
            builder.cbranch(builder.icmp_unsigned("<", at, end), check, done)
            builder.position_at_end(check)
            term = load(builder, at, INDEX)
            builder.cbranch(builder.icmp_unsigned("<", term, limit), add, done)
            builder.position_at_end(add)
            wide = builder.zext(term, WORD)
            byte, place = builder.and_(wide, ir.Constant(WORD, MASK)), builder.lshr(wide, ir.Constant(WORD, BYTE))
            number = broadcast(builder, load(builder, offset(builder, scales, 4, byte), FLOAT))
            row = offset(builder, matrix, pitch, place)
            for v, total in enumerate(totals):
                line = read(offset(builder, row, PART, v))
                total.add_incoming(multiply_add(builder, number, line, total), add)
            at.add_incoming(builder.add(at, ir.Constant(WORD, 4)), add)
            builder.branch(head)
            builder.position_at_end(done)
            for v, total in enumerate(totals):
                if part:
                    masked_store(builder, total, out, mask)
                else:
                    store(builder, total, offset(builder, out, PART, v))
            builder.store(at, reached)
        return builder.load(reached)

    word = types.intp
    pair, three = types.UniTuple(word, 2), types.UniTuple(word, 3)
    return word(pair, three, word, pair, pair), codegen


@intrinsic
def nonzero_bytes(typingctx: Any, address: Any) -> Any:
    """A bit for each of 64 bytes, from the lowest on: whether it is not 0."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(ir.IntType(8), WORD_BITS)
        values = builder.load(builder.inttoptr(arguments[0], kind.as_pointer()), align=1)
        return builder.bitcast(builder.icmp_unsigned("!=", values, ir.Constant(kind, None)), WORD)

    return types.uint64(types.intp), codegen


@intrinsic
def lowest_bit(typingctx: Any, word: Any) -> Any:
    """The number of the lowest bit that is set in a word that is not 0."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), codegen
