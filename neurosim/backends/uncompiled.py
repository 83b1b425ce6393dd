"""Calling a plugin's scalar functions as they are, in float64, with the arithmetic of the machine.

Python raises where floating point would carry on: ``math.exp(1000)``, ``1.0 / 0.0``. Compiled code
gives infinity and goes on, and textbook formulas count on it: ``1 / (1 + exp(-z))`` is right for
every z only if exp may overflow. So `uncompiled` rebinds a function's ``math`` (and that of the
functions it calls) to one that returns infinity and NaN, and numbers are passed as NumPy doubles,
whose division does the same. The code that runs is the author's own.
"""

from __future__ import annotations

import functools
import inspect
import math
import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_UFUNCS = {
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "atanh": np.arctanh,
    "cos": np.cos,
    "cosh": np.cosh,
    "exp": np.exp,
    "expm1": np.expm1,
    "fmod": np.fmod,
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "pow": np.float_power,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
}


class _MachineMath(types.ModuleType):
    """The ``math`` module, with the functions that would raise replaced by NumPy's."""

    def __getattr__(self, name: str) -> Any:
        return getattr(math, name)


machine_math = _MachineMath("math")
for _name, _ufunc in _UFUNCS.items():
    setattr(machine_math, _name, _ufunc)


@functools.cache
def uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with the arithmetic of the machine; its code is unchanged."""
    return _rebind(function, {})


def _rebind(function: Callable[..., Any], done: dict[Any, Any]) -> Callable[..., Any]:
    if function in done:
        return done[function]  # type: ignore[no-any-return]
    if not inspect.isfunction(function):
        return function
    names = dict(function.__globals__)
    rebound = types.FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
    done[function] = rebound
    for name in function.__code__.co_names:
        value = names.get(name)
        if value is math:
            names[name] = machine_math
        elif inspect.isfunction(value):
            names[name] = _rebind(value, done)
        elif getattr(value, "__module__", None) == "math" and name in _UFUNCS:
            names[name] = _UFUNCS[name]
    return rebound


def apply(function: Callable[..., Any], *arrays: NDArray[np.float64], params: tuple[float, ...]) -> NDArray[np.float64]:
    """``function(*numbers, *params)`` for the numbers of each place in arrays of one shape."""
    plain = uncompiled(function)
    constants = [np.float64(value) for value in params]
    with np.errstate(all="ignore"):
        numbers = (plain(*places, *constants) for places in zip(*(array.flat for array in arrays), strict=True))
        return np.fromiter(numbers, np.float64, arrays[0].size).reshape(arrays[0].shape)
