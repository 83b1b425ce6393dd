"""The functions of `neurosim.elementary.scalars`, for compiled code.

What is worked out once a step, or once an image, takes these, in float64. They are the same Python functions, with the
same bits; a few are written anew, in the operations that processors have for them.
"""

from __future__ import annotations

import inspect
import types

import numpy as np

from neurosim.backends.cpu.jit import compiled
from neurosim.backends.cpu.memory import bits_of_double, double_of, fma
from neurosim.elementary import angles, hyperbolic, pairs, powers, scalars

L = np.int64


@compiled
def exact_product(x, y):  # type: ignore[no-untyped-def]
    """The product as a pair, of numbers below 1e300."""
    product = x * y
    return product, fma(x, y, -product)


@compiled
def power_of_two(n):  # type: ignore[no-untyped-def]
    """2**n for n from -1022 to 1023."""
    return double_of((L(n) + L(1023)) << L(52))


@compiled
def split(x):  # type: ignore[no-untyped-def]
    """(m, e) with m from sqrt(1/2) to sqrt(2) and x = m * 2**e, for finite x > 0."""
    tiny = x < 2.2250738585072014e-308
    bits = bits_of_double(x * 18014398509481984.0 if tiny else x)
    exponent = (bits - bits_of_double(powers.HALF_ROOT)) >> L(52)
    return double_of(bits - (exponent << L(52))), exponent - L(54) if tiny else exponent


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
    names.update(exact_product=exact_product, power_of_two=power_of_two, split=split)
    return module


exact_math = _compiled()
