"""Loading four adjacent numbers of a matrix with one load of 16 bytes, for kernels.

A thread that loads 4 bytes at a time needs four instructions, and four addresses, where one is enough. Numba has no
way to request the wide load, so on a GPU this is a function of one machine instruction; in the simulator it is plain
Python, which refuses whatever would be a fault on a GPU.
"""

from __future__ import annotations

import importlib
from typing import Any

from neurosim.backends.cuda.target import simulated

WIDE = 4


def _load_in_python(matrix: Any, row: Any, column: Any) -> tuple[Any, ...]:
    row, column = int(row), int(column)
    if (row * matrix.shape[1] + column) % WIDE:
        raise ValueError(f"load of 16 bytes at ({row}, {column}): not a multiple of 16 bytes from the start")
    if not 0 <= column <= matrix.shape[1] - WIDE:
        raise ValueError(f"load of 16 bytes at ({row}, {column}): reaches out of the row")
    return tuple(matrix[row, column + k] for k in range(WIDE))


def _instruction() -> Any:
    """The function for a GPU: ``ld.global.v4.f32``."""
    # As text, since `target` is the only module that imports numba.cuda.
    intrinsic = importlib.import_module("numba.cuda.extending").intrinsic
    types = importlib.import_module("numba.cuda").types
    from llvmlite import ir

    word, number = ir.IntType(64), ir.FloatType()
    four = ir.LiteralStructType([number] * WIDE)

    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        matrix = context.make_array(signature.args[0])(context, builder, arguments[0])
        row, column = (
            context.cast(builder, value, given, types.uint64)
            for value, given in zip(arguments[1:], signature.args[1:], strict=True)
        )
        place = builder.add(builder.mul(row, builder.extract_value(matrix.shape, 1)), column)
        address = builder.ptrtoint(builder.gep(matrix.data, [place]), word)
        # Declared to have a side effect, so that the compiler keeps the load where it is in the kernel, long before
        # its numbers are needed.
        load = ir.InlineAsm(
            ir.FunctionType(four, [word]), "ld.global.v4.f32 {$0, $1, $2, $3}, [$4];", "=f,=f,=f,=f,l", side_effect=True
        )
        loaded = builder.call(load, [address])
        result = ir.Constant(ir.ArrayType(number, WIDE), ir.Undefined)
        for k in range(WIDE):
            result = builder.insert_value(result, builder.extract_value(loaded, k), k)
        return result

    @intrinsic
    def load_four(typingctx, matrix, row, column):  # type: ignore[no-untyped-def]
        return types.UniTuple(types.float32, WIDE)(matrix, row, column), lower

    return load_four


load_four = _load_in_python if simulated() else _instruction()
load_four.__doc__ = """Numbers `column` to ``column + 3`` of row `row` of a float32 matrix.

Both the matrix in memory and the position in it must be at multiples of 16 bytes: that is the case for separate
arrays, rows of a multiple of four numbers, and columns that are multiples of four.
"""
