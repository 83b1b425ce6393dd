"""Low-level tools of compiled code: views at an address, calls by address, atomic words.

The engine keeps its buffers in a few flat arrays and passes addresses (integers) to kernels, so one compiled engine
can call any kernel for any shape. Views made here own nothing: no reference counts are touched in the hot loops.
"""

from __future__ import annotations

import platform
import sys
from typing import Any

from llvmlite import ir
from numba import carray, extending, types
from numba.core import cgutils

from neurosim.backends.cpu.jit import compiled

# Intrinsics are called from compiled code with the arguments after the first, which no type checker sees.
intrinsic: Any = extending.intrinsic

_WORD = ir.IntType(64)
_FLOAT = ir.FloatType()
_DOUBLE = ir.DoubleType()


def _pointer_intrinsic(target: Any) -> Any:
    """An intrinsic that reads an address as a pointer to `target`."""

    @intrinsic
    def pointer(typingctx: Any, address: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(target)(types.intp), codegen

    return pointer


_float_pointer = _pointer_intrinsic(types.float32)
_double_pointer = _pointer_intrinsic(types.float64)
_int_pointer = _pointer_intrinsic(types.int32)
_byte_pointer = _pointer_intrinsic(types.uint8)
_word_pointer = _pointer_intrinsic(types.int64)
_bitmap_pointer = _pointer_intrinsic(types.uint64)


@intrinsic
def address_of(typingctx: Any, array: Any) -> Any:
    """The address of the first element of an array.

    It does not keep the array alive: one made in a compiled function is freed after its last mention there, and has to
    be mentioned as long as its address is used.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.ptrtoint(view.data, context.get_value_type(types.intp))

    return types.intp(array), codegen


@intrinsic
def unowned(typingctx: Any, array: Any) -> Any:
    """A view of an array that does not keep it alive, as `address_of`.

    References to arrays are counted by atomic instructions, which take longer than a layer of a small network.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(array)(context, builder, arguments[0])
        for owner in ("meminfo", "parent"):
            setattr(view, owner, cgutils.get_null_value(getattr(view, owner).type))
        return view._getvalue()

    return array(array), codegen


@compiled
def floats(address: int, count: int) -> Any:
    """float32 view of `count` numbers at `address`."""
    return carray(_float_pointer(address), (count,))


@compiled
def matrix(address: int, rows: int, columns: int) -> Any:
    """float32 view (rows, columns) at `address`."""
    return carray(_float_pointer(address), (rows, columns))


@compiled
def doubles(address: int, count: int) -> Any:
    """float64 view of `count` numbers at `address`."""
    return carray(_double_pointer(address), (count,))


@compiled
def integers(address: int, count: int) -> Any:
    """int32 view of `count` numbers at `address`."""
    return carray(_int_pointer(address), (count,))


@compiled
def unsigned_bytes(address: int, count: int) -> Any:
    """uint8 view of `count` numbers at `address`."""
    return carray(_byte_pointer(address), (count,))


@compiled
def bitmaps(address: int, count: int) -> Any:
    """uint64 view of `count` words at `address`."""
    return carray(_bitmap_pointer(address), (count,))


@compiled
def words(address: int, count: int) -> Any:
    """int64 view of `count` numbers at `address`."""
    return carray(_word_pointer(address), (count,))


def _bitcast(source: Any, target: Any, meaning: str) -> Any:
    """An intrinsic that reads the bits of one type as another."""

    @intrinsic
    def cast(typingctx: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(target))

        return target(source), codegen

    cast.__doc__ = meaning
    return cast


bits_of = _bitcast(types.float32, types.int32, "The 32 bits of a float32, as an int32.")
float_of = _bitcast(types.int32, types.float32, "The float32 with these 32 bits.")
bits_of_double = _bitcast(types.float64, types.int64, "The 64 bits of a float64, as an int64.")
double_of = _bitcast(types.int64, types.float64, "The float64 with these 64 bits.")


def _caller(returns: ir.Type, numba_returns: Any, words: int, trailing: list[tuple[ir.Type, Any]]) -> Any:
    """An intrinsic that calls the function at an address: `words` integers, then `trailing` arguments."""
    llvm_types = [_WORD] * words + [kind for kind, _ in trailing]
    numba_types = [types.intp] * words + [kind for _, kind in trailing]

    @intrinsic
    def call(typingctx: Any, address: Any, arguments: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            function_type = ir.FunctionType(returns, llvm_types)
            function = builder.inttoptr(values[0], function_type.as_pointer())
            unpacked = cgutils.unpack_tuple(builder, values[1], len(numba_types))
            result = builder.call(function, unpacked)
            return context.get_dummy_value() if isinstance(returns, ir.VoidType) else result

        return numba_returns(types.intp, types.Tuple(numba_types)), codegen

    return call


# The signatures of the kernels, and the functions through which the engine calls them (see `templates.py`).
ACTIVATION = types.void(*[types.intp] * 9)
LOSS = types.float64(*[types.intp] * 9, types.float32)
LANE_LOSS = types.void(*[types.intp] * 7, types.float32)
LOSS_OF_ROWS = types.void(*[types.intp] * 9, types.float32)
UPDATE = types.void(*[types.intp] * 6)
CONSTANTS = types.void(types.intp, types.intp, types.float64, types.float64)
MAPS = types.void(*[types.intp] * 5)
LANE_STAGE = types.void(*[types.intp] * 9)
LANE_SUMS = types.void(*[types.intp] * 6)
MAP_STAGE = types.void(*[types.intp] * 10)
VECTOR_STAGE = types.void(*[types.intp] * 10)
CLIP = types.void(*[types.intp] * 10, types.float64)
PRODUCT = types.void(*[types.intp] * 11)
LANE_PRODUCT = types.void(*[types.intp] * 11)
PART = types.void(*[types.intp] * 8)
FINISH = types.void(*[types.intp] * 5, types.float64, types.float64)
LEARNED = types.void(*[types.intp] * 8)
SPARSE_GATHER = types.void(*[types.intp] * 4)
SPARSE_FORWARD = types.void(*[types.intp] * 8)
SPARSE_BACKWARD = types.void(*[types.intp] * 10)
call_activation = _caller(ir.VoidType(), types.void, 9, [])
call_loss = _caller(_DOUBLE, types.float64, 9, [(_FLOAT, types.float32)])
call_lane_loss = _caller(ir.VoidType(), types.void, 7, [(_FLOAT, types.float32)])
call_loss_of_rows = _caller(ir.VoidType(), types.void, 9, [(_FLOAT, types.float32)])
call_update = _caller(ir.VoidType(), types.void, 6, [])
call_maps = _caller(ir.VoidType(), types.void, 5, [])
call_lane_stage = _caller(ir.VoidType(), types.void, 9, [])
call_lane_sums = _caller(ir.VoidType(), types.void, 6, [])
call_map_stage = _caller(ir.VoidType(), types.void, 10, [])
call_vector_stage = _caller(ir.VoidType(), types.void, 10, [])
call_clip = _caller(ir.VoidType(), types.void, 10, [(_DOUBLE, types.float64)])
call_product = _caller(ir.VoidType(), types.void, 11, [])
call_part = _caller(ir.VoidType(), types.void, 8, [])
call_finish = _caller(ir.VoidType(), types.void, 5, [(_DOUBLE, types.float64)] * 2)
call_learned = _caller(ir.VoidType(), types.void, 8, [])
call_sparse_gather = _caller(ir.VoidType(), types.void, 4, [])
call_sparse_forward = _caller(ir.VoidType(), types.void, 8, [])
call_sparse_backward = _caller(ir.VoidType(), types.void, 10, [])
call_constants = _caller(ir.VoidType(), types.void, 2, [(_DOUBLE, types.float64)] * 2)


@intrinsic
def atomic_add(typingctx: Any, address: Any, value: Any) -> Any:
    """Add to the 64-bit word at `address`, atomically; returns the value before."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = builder.inttoptr(arguments[0], _WORD.as_pointer())
        return builder.atomic_rmw("add", word, arguments[1], "seq_cst")

    return types.intp(types.intp, types.intp), codegen


@intrinsic
def atomic_load(typingctx: Any, address: Any) -> Any:
    """The 64-bit word at `address`; everything written before it was set is then visible."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = builder.inttoptr(arguments[0], _WORD.as_pointer())
        return builder.load_atomic(word, "seq_cst", 8)

    return types.intp(types.intp), codegen


@intrinsic
def exchange_if_equal(typingctx: Any, address: Any, expected: Any, value: Any) -> Any:
    """Set the 64-bit word at `address` if it is `expected`, atomically; returns whether it was."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = builder.inttoptr(arguments[0], _WORD.as_pointer())
        return builder.extract_value(builder.cmpxchg(word, arguments[1], arguments[2], "seq_cst", "seq_cst"), 1)

    return types.boolean(types.intp, types.intp, types.intp), codegen


@intrinsic
def prefetch(typingctx: Any, address: Any) -> Any:
    """Ask for the cache line at `address`, which is read soon."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        function_type = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        # To read it, more than once; it is data.
        builder.call(function, [builder.inttoptr(arguments[0], pointer), number(0), number(2), number(1)])
        return context.get_dummy_value()

    return types.void(types.intp), codegen


@intrinsic
def yield_processor(typingctx: Any) -> Any:
    """Let another thread run on this processor (``sched_yield``, ``SwitchToThread``)."""
    name = "SwitchToThread" if sys.platform == "win32" else "sched_yield"

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function_type = ir.FunctionType(ir.IntType(32), [])
        function = cgutils.get_or_insert_function(builder.module, function_type, name)
        builder.call(function, [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def fma(typingctx: Any, x: Any, y: Any, z: Any) -> Any:
    """``x * y + z`` with one rounding, all of float32 or all of float64. The compiler neither makes nor undoes it."""
    if not x == y == z or z not in (types.float32, types.float64):
        return None
    kind, name = (_FLOAT, "llvm.fma.f32") if z == types.float32 else (_DOUBLE, "llvm.fma.f64")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name)
        return builder.call(function, arguments)

    return z(z, z, z), codegen


@intrinsic
def exchange_float_mode(typingctx: Any, mode: Any) -> Any:
    """Set the mode of this thread's floating-point unit and return the previous one (x86 and ARM; no effect elsewhere).

    A mode of -1 sets "denormals are zero": an operand or result too small for a normal float32 counts as 0. Adam's
    moments of weights without gradient decay through that range for thousands of steps, during which every operation
    on them would take a hundred cycles.
    """
    machine = platform.machine().lower()
    access: Any = _ArmMode if machine in ("aarch64", "arm64") else _X86Mode if machine in _X86 else None

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if access is None:
            return arguments[0]
        unit = access(builder)
        before = unit.load()
        flushing = builder.or_(before, ir.Constant(before.type, unit.flushing))
        wanted = arguments[0] if before.type == _WORD else builder.trunc(arguments[0], before.type)
        is_default = builder.icmp_signed("==", arguments[0], ir.Constant(_WORD, -1))
        unit.store(builder.select(is_default, flushing, wanted))
        return before if before.type == _WORD else builder.zext(before, _WORD)

    return types.intp(types.intp), codegen


_X86 = ("x86_64", "amd64", "i686")


class _X86Mode:
    """The register of an x86 processor that has the mode."""

    # Bit 15 flushes results, bit 6 reads operands as zero.
    flushing = 0x8040

    def __init__(self, builder: Any) -> None:
        self._builder = builder
        self._slot = cgutils.alloca_once(builder, ir.IntType(32))

    def load(self) -> Any:
        self._access("llvm.x86.sse.stmxcsr")
        return self._builder.load(self._slot)

    def store(self, mode: Any) -> None:
        self._builder.store(mode, self._slot)
        self._access("llvm.x86.sse.ldmxcsr")

    def _access(self, name: str) -> None:
        byte = ir.IntType(8).as_pointer()
        function_type = ir.FunctionType(ir.VoidType(), [byte])
        function = cgutils.get_or_insert_function(self._builder.module, function_type, name)
        self._builder.call(function, [self._builder.bitcast(self._slot, byte)])


class _ArmMode:
    """The register of an ARM processor of 64 bits."""

    # Both operands and results.
    flushing = 1 << 24

    def __init__(self, builder: Any) -> None:
        self._builder = builder

    def load(self) -> Any:
        return self._call(ir.FunctionType(_WORD, []), "llvm.aarch64.get.fpcr")

    def store(self, mode: Any) -> None:
        self._call(ir.FunctionType(ir.VoidType(), [_WORD]), "llvm.aarch64.set.fpcr", mode)

    def _call(self, kind: Any, name: str, *arguments: Any) -> Any:
        return self._builder.call(cgutils.get_or_insert_function(self._builder.module, kind, name), arguments)
