"""The functions of `neurosim.elementary.scalars`, for compiled code.

What is worked out once a step, or once an image, takes these, in float64. They are the same Python functions, with the
same bits. A few are written anew in the operations that processors have for them. And since Adam needs a power in every
network, logarithms and powers of e do not go through Numba, which takes longer to understand them than to compile
everything else of an optimizer: the functions of `pairs` are called with numbers that write down what is done to them.
"""

from __future__ import annotations

import inspect
import types
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types as kinds
from numba.core import cgutils

from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.memory import intrinsic
from neurosim.elementary import angles, hyperbolic, pairs, powers, scalars

_DOUBLE, _WORD = ir.DoubleType(), ir.IntType(64)
# The bits of sqrt(1/2): from there on a number belongs to the next exponent.
_HALF_ROOT_BITS = int(np.float64(powers.HALF_ROOT).view(np.int64))


class _Number:
    """A float64 in a function that is being compiled; arithmetic with it becomes instructions there."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def _instruction(self, name: str, left: Any, right: Any) -> _Number:
        values = (part.value if isinstance(part, _Number) else ir.Constant(_DOUBLE, part) for part in (left, right))
        return _Number(self.builder, getattr(self.builder, name)(*values))

    def __add__(self, other: Any) -> _Number:
        return self._instruction("fadd", self, other)

    def __radd__(self, other: Any) -> _Number:
        return self._instruction("fadd", other, self)

    def __sub__(self, other: Any) -> _Number:
        return self._instruction("fsub", self, other)

    def __rsub__(self, other: Any) -> _Number:
        return self._instruction("fsub", other, self)

    def __mul__(self, other: Any) -> _Number:
        return self._instruction("fmul", self, other)

    def __rmul__(self, other: Any) -> _Number:
        return self._instruction("fmul", other, self)

    def __truediv__(self, other: Any) -> _Number:
        return self._instruction("fdiv", self, other)

    def __neg__(self) -> _Number:
        return _Number(self.builder, self.builder.fneg(self.value))

    def call(self, name: str, *others: Any) -> _Number:
        """An intrinsic function of LLVM's."""
        numbers = [self.value, *(other.value for other in others)]
        function_type = ir.FunctionType(_DOUBLE, [_DOUBLE] * len(numbers))
        function = cgutils.get_or_insert_function(self.builder.module, function_type, f"llvm.{name}.f64")
        return _Number(self.builder, self.builder.call(function, numbers))

    def entry(self, table: tuple[float, ...], place: Any) -> _Number:
        """An entry of a table."""
        values = ir.Constant(ir.ArrayType(_DOUBLE, len(table)), list(table))
        start = cgutils.global_constant(self.builder, "table", values)
        return _Number(self.builder, self.builder.load(self.builder.gep(start, [_WORD(0), place])))


def _written_exact_product(x: Any, y: Any) -> tuple[Any, Any]:
    product = x * y
    return product, x.call("fma", y, -product)


def _written_anew(names: dict[str, Any]) -> dict[str, Any]:
    """The functions of `pairs`, with our exact product."""
    names.update(vars(pairs))
    for name, value in vars(pairs).items():
        if inspect.isfunction(value):
            names[name] = types.FunctionType(value.__code__, names, name)
    names["exact_product"] = _written_exact_product
    return names


_PAIRS = _written_anew({})


def _parts_of(builder: Any, x: Any) -> tuple[Any, Any]:
    """(m, e) with m from sqrt(1/2) to sqrt(2) and x = m * 2**e, for finite x > 0."""
    tiny = builder.fcmp_ordered("<", x, _DOUBLE(2.2250738585072014e-308))
    scaled = builder.select(tiny, builder.fmul(x, _DOUBLE(2.0**54)), x)
    bits = builder.bitcast(scaled, _WORD)
    exponent = builder.ashr(builder.sub(bits, _WORD(_HALF_ROOT_BITS)), _WORD(52))
    m = builder.bitcast(builder.sub(bits, builder.shl(exponent, _WORD(52))), _DOUBLE)
    return m, builder.select(tiny, builder.sub(exponent, _WORD(54)), exponent)


@intrinsic
def exact_product(typingctx: Any, x: Any, y: Any) -> Any:
    """The product as a pair, of numbers below 1e300."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        parts = _written_exact_product(*(_Number(builder, value) for value in arguments))
        return context.make_tuple(builder, signature.return_type, [part.value for part in parts])

    return kinds.UniTuple(kinds.float64, 2)(kinds.float64, kinds.float64), codegen


@intrinsic
def split(typingctx: Any, x: Any) -> Any:
    """(m, e) with m from sqrt(1/2) to sqrt(2) and x = m * 2**e, for finite x > 0."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_tuple(builder, signature.return_type, _parts_of(builder, arguments[0]))

    return kinds.Tuple((kinds.float64, kinds.int64))(kinds.float64), codegen


@intrinsic
def log_parts(typingctx: Any, x: Any) -> Any:
    """log(x) as a pair, for finite x > 0."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        m, exponent = _parts_of(builder, arguments[0])
        number = _Number(builder, m)
        k = builder.fptosi((number * pairs.LOG_PARTS + 0.5).value, _WORD)
        center = _Number(builder, builder.sitofp(k, _DOUBLE)) / pairs.LOG_PARTS
        place = builder.sub(k, _WORD(pairs.FIRST_LOG))
        logs = number.entry(pairs.LOGS, place), number.entry(pairs.LOG_RESTS, place)
        parts = _PAIRS["log_of"](number, _Number(builder, builder.sitofp(exponent, _DOUBLE)), center, *logs)
        return context.make_tuple(builder, signature.return_type, [part.value for part in parts])

    return kinds.UniTuple(kinds.float64, 2)(kinds.float64), codegen


def _exp_parts_of(x: _Number, rest: _Number) -> tuple[Any, _Number, _Number]:
    """(n, high, low) with exp(x + rest) = (high + low) * 2**n and high from 1 to 2, for x up to 1000."""
    builder = x.builder
    whole = (x * powers.PARTS_OF_EXP + 0.5).call("floor")
    near = _PAIRS["exp_of_rest"](x, rest, whole)
    k = builder.fptosi(whole.value, _WORD)
    place = builder.and_(k, _WORD(63))
    high = x.entry(pairs.POWERS, place)
    return builder.ashr(k, _WORD(6)), high, x.entry(pairs.POWER_RESTS, place) + high * near


@intrinsic
def exp_parts(typingctx: Any, x: Any, rest: Any) -> Any:
    """(n, high, low) with exp(x + rest) = (high + low) * 2**n and high from 1 to 2, for x up to 1000."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        n, high, low = _exp_parts_of(*(_Number(builder, value) for value in arguments))
        return context.make_tuple(builder, signature.return_type, [n, high.value, low.value])

    return kinds.Tuple((kinds.int64, kinds.float64, kinds.float64))(kinds.float64, kinds.float64), codegen


def _power_of_two(builder: Any, n: Any) -> _Number:
    bits = builder.shl(builder.add(n, _WORD(1023)), _WORD(52))
    return _Number(builder, builder.bitcast(bits, _DOUBLE))


@intrinsic
def power_of_two(typingctx: Any, n: Any) -> Any:
    """2**n for n from -1022 to 1023."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _power_of_two(builder, arguments[0]).value

    return kinds.float64(kinds.int64), codegen


@intrinsic
def exp_of(typingctx: Any, x: Any, rest: Any) -> Any:
    """exp(x + rest)."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        n, high, low = _exp_parts_of(*(_Number(builder, value) for value in arguments))
        half = builder.ashr(n, _WORD(1))
        result = (high + low) * _power_of_two(builder, half) * _power_of_two(builder, builder.sub(n, half))
        for comparison, bound, beyond in ((">", powers.EXP_LARGEST, float("inf")), ("<", powers.EXP_SMALLEST, 0.0)):
            is_beyond = builder.fcmp_ordered(comparison, arguments[0], _DOUBLE(bound))
            result.value = builder.select(is_beyond, _DOUBLE(beyond), result.value)
        return result.value

    return kinds.float64(kinds.float64, kinds.float64), codegen


@compiled
def fmod(x: float, y: float) -> float:
    """The remainder of x / y, with the sign of x."""
    return np.fmod(x, y)


def _compiled() -> types.ModuleType:
    """`scalars` compiled: the functions see each other, and tables as arrays, of which an entry is found at once."""
    module = types.ModuleType("exact_math")
    names = vars(module)
    for part in (pairs, powers, angles, hyperbolic, scalars):
        names.update(vars(part))
    for name, value in names.items():
        if inspect.isfunction(value) and value.__module__.startswith(pairs.__package__):
            names[name] = compiled(types.FunctionType(value.__code__, names, name))
        elif isinstance(value, tuple):
            names[name] = np.array(value)
    names.update(fmod=fmod, exact_product=exact_product, split=split, log_parts=log_parts)
    names.update(exp_parts=exp_parts, power_of_two=power_of_two, exp_of=exp_of)
    return module


exact_math = _compiled()
