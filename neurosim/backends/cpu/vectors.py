"""The innermost loops of convolutions, with LLVM vectors: tiles of sums that stay in registers.

A number of a feature map is a line of `LANES` float32, one for each sample of a group, so every
multiply-add works on a whole line, whatever the number of channels. A tile is a few lines of one operand times a few
numbers (or lines) of the other; all its sums stay in registers while the loops run. Numba cannot guarantee that for an
array, so these loops are written in LLVM's intermediate language.

A processor with shorter registers works on a line in parts, with different tiles. Neither changes the order in which
the numbers of a sum are added, so the bits are the same on every processor with fused multiply-add.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target

from neurosim.backends.cpu.jit import kernel
from neurosim.backends.cpu.memory import intrinsic

LANES = 16
LINE = 4 * LANES


def _registers() -> tuple[int, int]:
    """The floats in a vector register of the processor that Numba compiles for, and the number of registers."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    if not triple.startswith(("x86", "i686")):
        return 4, 32
    flags = features.split(",")
    if "+avx512f" in flags:
        return 16, 32
    return (8, 16) if "+avx" in flags else (4, 16)


WIDTH, REGISTERS = _registers()
PART = 4 * WIDTH
# Widths of tiles, in numbers of the operand that is read at adjacent places, and how many lines of the
# other operand fit: a sum takes one register, a line another, and one is left for the first operand.
TILES = {8: 3, 6: 4, 4: 5, 2: 8, 1: 8} if REGISTERS == 32 else {6: 2, 4: 3, 2: 5, 1: 7}
# The same for products of two lines, which take all parts at once: if they have to wait for memory, the fewer lines
# they read the better.
_SUMS = REGISTERS * PART // LINE
LINE_TILES = TILES if _SUMS == 32 else {3: 2, 2: 3, 1: 5} if _SUMS == 8 else {2: 1, 1: 2}

_WORD = ir.IntType(64)
_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, WIDTH)
_LINE = ir.VectorType(_FLOAT, LANES)
_INDEX = ir.IntType(32)
# Keeps the code of linked functions alive.
_LINKED: list[Any] = []


def _load(builder: Any, address: Any, kind: ir.Type) -> Any:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=4)


def _store(builder: Any, value: Any, address: Any) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=4)


def _offset(builder: Any, address: Any, stride: Any, count: Any, more: int = 0) -> Any:
    """``address + count * stride + more`` for integers or values of either factor."""
    factors = [factor if isinstance(factor, ir.Value) else ir.Constant(_WORD, factor) for factor in (stride, count)]
    place = builder.add(address, builder.mul(*factors))
    return builder.add(place, ir.Constant(_WORD, more)) if more else place


def _broadcast(builder: Any, number: Any) -> Any:
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(_INDEX, WIDTH), [0] * WIDTH))


def _multiply_add(builder: Any, left: Any, right: Any, total: Any) -> Any:
    """A fused multiply-add, if the processor has one."""
    name = f"llvm.fmuladd.v{WIDTH}f32"
    function_type = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    function = cgutils.get_or_insert_function(builder.module, function_type, name)
    return builder.call(function, [left, right, total])


def _add_products(builder: Any, sums: dict[tuple[int, int], Any], lines: list[Any], numbers: Iterable[Any]) -> None:
    """Add the product of each of `lines` and each of `numbers` to the sum of the two."""
    for j, number in enumerate(numbers):
        for i, line in enumerate(lines):
            place = sums[i, j]
            builder.store(_multiply_add(builder, line, number, builder.load(place)), place)


def _chosen_tile(builder: Any, size: Any, tiles: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Every size of tile, each in its own branch, which runs if `size` is its (lines, numbers)."""
    lines, numbers = cgutils.unpack_tuple(builder, size, 2)
    end = builder.append_basic_block("end")
    # LINE is greater than the number of lines in any tile.
    switch = builder.switch(_offset(builder, lines, LINE, numbers), end)
    for width, most in tiles.items():
        for height in {most, min(3, most), min(2, most), 1}:
            block = builder.append_basic_block(f"tile{height}x{width}")
            switch.add_case(ir.Constant(_WORD, height + LINE * width), block)
            with builder.goto_block(block):
                yield height, width
                builder.branch(end)
    builder.position_at_end(end)


def _sums(builder: Any, height: int, width: int) -> dict[tuple[int, int], Any]:
    """Variables for the sums of a tile, which LLVM turns into registers."""
    return {key: cgutils.alloca_once(builder, _VECTOR) for key in product(range(height), range(width))}


@intrinsic
def correlation_tile(typingctx: Any, size: Any, source: Any, weight: Any, bias: Any, out: Any) -> Any:
    """`size` (positions, channels) outputs of a convolution, in one part of the lanes.

    The other arguments are ``(source, line, step)``, ``(weight, band, rows, count)``, `bias` and
    ``(out, pitch)``. Output number p is the bias plus, for each of `rows` rows, `count` lines of the
    source, at ``source + row * line + p * step``, times as many groups of adjacent weights, at
    ``weight + row * band``; it goes to ``out + p * pitch``, channel by channel.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, line, step = cgutils.unpack_tuple(builder, arguments[1], 3)
        weight, band, rows, count = cgutils.unpack_tuple(builder, arguments[2], 4)
        out, pitch = cgutils.unpack_tuple(builder, arguments[4], 2)
        for positions, channels in _chosen_tile(builder, arguments[0], TILES):
            sums = _sums(builder, positions, channels)
            for (_, c), place in sums.items():
                number = _load(builder, _offset(builder, arguments[3], 4, c), _FLOAT)
                builder.store(_broadcast(builder, number), place)
            with cgutils.for_range(builder, rows) as row:
                first = _offset(builder, source, line, row.index)
                starts = [_offset(builder, first, step, p) for p in range(positions)]
                weights = _offset(builder, weight, band, row.index)
                with cgutils.for_range(builder, count) as k:
                    lines = [_load(builder, _offset(builder, start, LINE, k.index), _VECTOR) for start in starts]
                    group = _offset(builder, weights, 4 * channels, k.index)
                    numbers = (_load(builder, _offset(builder, group, 4, c), _FLOAT) for c in range(channels))
                    _add_products(builder, sums, lines, (_broadcast(builder, number) for number in numbers))
            for (p, c), place in sums.items():
                at = _offset(builder, _offset(builder, out, pitch, p), LINE, c)
                _store(builder, builder.load(place), at)
        return context.get_dummy_value()

    word = types.intp
    pair, three, four = (types.UniTuple(word, number) for number in (2, 3, 4))
    return types.void(pair, three, four, word, pair), codegen


@intrinsic
def gradient_tile(typingctx: Any, size: Any, left: Any, right: Any, counts: Any, out: Any) -> Any:
    """Sums of `size` (adjacent lines on the left) x (adjacent lines on the right).

    The other arguments are ``(left, left_row, left_step)``, ``(right, right_row, right_step)``,
    ``(rows, count)`` and `out`. The lines on the left are at ``left + row * left_row + k * left_step``
    for `rows` rows and `count` steps each, those on the right alike; the sums of lines i and j go to
    line number ``i * channels + j`` of `out`.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, left_row, left_step = cgutils.unpack_tuple(builder, arguments[1], 3)
        right, right_row, right_step = cgutils.unpack_tuple(builder, arguments[2], 3)
        rows, count = cgutils.unpack_tuple(builder, arguments[3], 2)
        for inputs, channels in _chosen_tile(builder, arguments[0], LINE_TILES):
            parts = {part: _sums(builder, inputs, channels) for part in range(0, LINE, PART)}
            for sums in parts.values():
                for place in sums.values():
                    builder.store(ir.Constant(_VECTOR, None), place)
            with cgutils.for_range(builder, rows) as row:
                first = _offset(builder, left, left_row, row.index)
                second = _offset(builder, right, right_row, row.index)
                with cgutils.for_range(builder, count) as k:
                    for part, sums in parts.items():
                        start = _offset(builder, first, left_step, k.index)
                        lines = [_load(builder, _offset(builder, start, LINE, i, part), _VECTOR) for i in range(inputs)]
                        start = _offset(builder, second, right_step, k.index)
                        others = (
                            _load(builder, _offset(builder, start, LINE, j, part), _VECTOR) for j in range(channels)
                        )
                        _add_products(builder, sums, lines, others)
            for part, sums in parts.items():
                for (i, j), place in sums.items():
                    at = _offset(builder, arguments[4], LINE, i * channels + j, part)
                    _store(builder, builder.load(place), at)
        return context.get_dummy_value()

    word = types.intp
    pair, three = (types.UniTuple(word, number) for number in (2, 3))
    return types.void(pair, three, three, pair, word), codegen


@intrinsic
def sum_of_line(typingctx: Any, address: Any) -> Any:
    """The sum of a line's numbers: halves are added until a single number is left."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = _load(builder, arguments[0], _LINE)
        width = LANES
        while width > 1:
            width //= 2
            kind = ir.VectorType(_INDEX, width)
            halves = [
                builder.shuffle_vector(value, value, ir.Constant(kind, [start + i for i in range(width)]))
                for start in (0, width)
            ]
            value = builder.fadd(*halves)
        return builder.extract_element(value, ir.Constant(_INDEX, 0))

    return types.float32(types.intp), codegen


@intrinsic
def stack_lines(typingctx: Any, count: Any) -> Any:
    """The address of `count` lines (a constant) on the stack of the calling function."""
    if not isinstance(count, types.IntegerLiteral):
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = cgutils.alloca_once(builder, ir.ArrayType(_LINE, count.literal_value))
        return builder.ptrtoint(place, _WORD)

    return types.intp(count), codegen


def linked(words: int) -> Callable[[Any], Any]:
    """Compile a function of `words` integers now, separately; callers are linked to it and do not compile it again.

    The replacement is called from compiled code with a tuple of integers.
    """

    def link(function: Any) -> Any:
        code = kernel(types.void(*[types.intp] * words))(function)
        _LINKED.append(code)
        name = f"neurosim_{function.__name__}"
        binding.add_symbol(name, code.address)

        @intrinsic
        def call(typingctx: Any, arguments: Any) -> Any:
            def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                function_type = ir.FunctionType(ir.VoidType(), [_WORD] * words)
                target = cgutils.get_or_insert_function(builder.module, function_type, name)
                builder.call(target, cgutils.unpack_tuple(builder, values[0], words))
                return context.get_dummy_value()

            return types.void(types.UniTuple(types.intp, words)), codegen

        return call

    return link
