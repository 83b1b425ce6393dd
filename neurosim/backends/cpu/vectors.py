"""Vectors in LLVM's intermediate language: what the innermost loops of products and convolutions are written with.

Numba cannot guarantee that an array stays in registers, so these loops are written in LLVM's language. A processor with
shorter registers works on a line in parts. That does not change the order in which the numbers of a sum are added, so
the bits are the same on every processor.
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
# More than the size of any tile.
MOST = 64


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

WORD = ir.IntType(64)
FLOAT = ir.FloatType()
VECTOR = ir.VectorType(FLOAT, WIDTH)
LINE_VECTOR = ir.VectorType(FLOAT, LANES)
INDEX = ir.IntType(32)
# Keeps the code of linked functions alive.
_LINKED: list[Any] = []


def load(builder: Any, address: Any, kind: ir.Type, align: int = 4) -> Any:
    """The value of some type at an address."""
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)


def store(builder: Any, value: Any, address: Any) -> None:
    """Store a value at an address."""
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=4)


def offset(builder: Any, address: Any, stride: Any, count: Any, more: int = 0) -> Any:
    """``address + count * stride + more`` for integers or values of either factor."""
    factors = [factor if isinstance(factor, ir.Value) else ir.Constant(WORD, factor) for factor in (stride, count)]
    place = builder.add(address, builder.mul(*factors))
    return builder.add(place, ir.Constant(WORD, more)) if more else place


def broadcast(builder: Any, number: Any) -> Any:
    """A vector of one number."""
    first = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), number, ir.Constant(INDEX, 0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(INDEX, WIDTH), [0] * WIDTH))


def multiply_add(builder: Any, left: Any, right: Any, total: Any) -> Any:
    """A fused multiply-add: one rounding."""
    name = f"llvm.fma.v{WIDTH}f32"
    function_type = ir.FunctionType(VECTOR, [VECTOR] * 3)
    function = cgutils.get_or_insert_function(builder.module, function_type, name)
    return builder.call(function, [left, right, total])


def branches(builder: Any, size: Any, sizes: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Every one of `sizes`, each in a branch of its own, which runs if `size`, two integers, is that one."""
    first, second = cgutils.unpack_tuple(builder, size, 2)
    end = builder.append_basic_block("end")
    switch = builder.switch(offset(builder, first, MOST, second), end)
    for this, that in sizes:
        block = builder.append_basic_block(f"tile{this}x{that}")
        switch.add_case(ir.Constant(WORD, this + MOST * that), block)
        with builder.goto_block(block):
            yield this, that
            builder.branch(end)
    builder.position_at_end(end)


def sums_of(builder: Any, height: int, width: int) -> dict[tuple[int, int], Any]:
    """Variables for the sums of a tile, which LLVM turns into registers."""
    return {key: cgutils.alloca_once(builder, VECTOR) for key in product(range(height), range(width))}


@intrinsic
def stack_lines(typingctx: Any, count: Any) -> Any:
    """The address of `count` lines (a constant) on the stack of the calling function, with any numbers in them."""
    if not isinstance(count, types.IntegerLiteral):
        return None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # Numba's own way to do this would fill them with zeros first.
        with builder.goto_entry_block():
            place = builder.alloca(ir.ArrayType(LINE_VECTOR, count.literal_value))
        return builder.ptrtoint(place, WORD)

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
                function_type = ir.FunctionType(ir.VoidType(), [WORD] * words)
                target = cgutils.get_or_insert_function(builder.module, function_type, name)
                builder.call(target, cgutils.unpack_tuple(builder, values[0], words))
                return context.get_dummy_value()

            return types.void(types.UniTuple(types.intp, words)), codegen

        return call

    return link
