"""Calling a plugin's scalar functions uncompiled, in float64, with machine arithmetic.

Python raises where floating point arithmetic would continue: ``math.exp(1000)``, ``1.0 / 0.0``. Compiled code returns
infinity and continues, and textbook formulas rely on that: ``1 / (1 + exp(-z))`` is right for every z only if exp may
overflow. So `uncompiled` rebinds a function's ``math`` (and that of the functions it calls) to one that returns
infinity and NaN, and numbers are passed as NumPy doubles, whose division does the same. Of a row, ``max``, ``min`` and
``sorted`` keep NaN as `neurosim.formulas.rows` says, and an entry that a tuple does not have is NaN. Apart from that,
the code that runs is the author's own.

A formula whose indices or loops have to be checked while it runs (see `neurosim.formulas.guards`) is run as it is
written for compilers, with float64 in place of float32: so it gives NaN where compiled code does.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import math
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from neurosim.errors import PluginError
from neurosim.formulas import form
from neurosim.formulas.float32 import Translator
from neurosim.formulas.kinds import ArgumentKind
from neurosim.formulas.reader import read
from neurosim.formulas.source import inner_codes, is_table

# The file that translated functions come from, in a traceback.
TRANSLATED = "<translated>"

_UFUNCS = {
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "exp": np.exp,
    "expm1": np.expm1,
    "floor": np.floor,
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
    "trunc": np.trunc,
}


class _MachineMath(types.ModuleType):
    """The ``math`` module, with the functions that would raise replaced by NumPy's."""

    def __getattr__(self, name: str) -> Any:
        return getattr(math, name)


machine_math = _MachineMath("math")
_REPLACED: dict[Any, Any] = {math: machine_math}
for _name, _ufunc in _UFUNCS.items():
    setattr(machine_math, _name, _ufunc)
    _REPLACED[getattr(math, _name)] = _ufunc


def _as_double(function: Callable[..., float]) -> Callable[..., np.float64]:
    """A function of ``math`` whose result divides as the hardware does."""
    return lambda *numbers: np.float64(function(*numbers))


for _name in ("copysign", "erf", "erfc", "fabs", "hypot", "tanh"):
    _function = _as_double(getattr(math, _name))
    setattr(machine_math, _name, _function)
    _REPLACED[getattr(math, _name)] = _function


def _extreme(choose: Callable[..., Any], nothing: float, *numbers: Any) -> Any:
    """``max`` or ``min``; of a row, NaN where there is one."""
    if len(numbers) > 1:
        return choose(*numbers)
    row = list(numbers[0])
    return next((number for number in row if number != number), None) or choose(row, default=np.float64(nothing))


def _sorted(row: Iterable[float], reverse: bool = False) -> NDArray[np.float64]:
    """``sorted``, with NaN as the largest number."""
    ordered = np.sort(np.array(list(row), np.float64))
    return ordered[::-1] if reverse else ordered


def _whole(number: Any) -> int:
    """``int``; of NaN and infinity what processors give."""
    return int(number) if math.isfinite(number) else -(2**63)


class _Table(tuple[Any, ...]):
    """A tuple of numbers whose entries outside are NaN."""

    def __getitem__(self, index: SupportsIndex) -> Any:  # type: ignore[override]
        return super().__getitem__(index) if -len(self) <= index.__index__() < len(self) else np.float64(math.nan)


_BUILTIN = {
    "int": _whole,
    "max": functools.partial(_extreme, max, -math.inf),
    "min": functools.partial(_extreme, min, math.inf),
    "sorted": _sorted,
}


@functools.cache
def uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with machine arithmetic; its code is unchanged unless it needs checks."""
    try:
        formula = read(function)
        translator = Translator()
        results = None if any(isinstance(part, form.Return) and part.value for part in form.walk(formula.body)) else 0
        name = translator.add(function, _likely_kinds(formula, translator), results)
    except PluginError:  # it is no formula
        return _rebind(function, {})  # type: ignore[no-any-return]
    return executed(translator, name, np.float64) if translator.guards else _rebind(function, {})


def _likely_kinds(formula: form.Formula, translator: Translator) -> tuple[ArgumentKind, ...]:
    """What the arguments of a formula are, from their use: rows are indexed, classes are indices."""
    rows: set[str] = set()
    for part in form.walk(formula.body):
        match part:
            case form.Index(row=row) | form.Sorted(row=row) | form.Call(name="len", arguments=[form.Name(id=row)]):
                rows.add(row)
            case form.Helper(function=called, arguments=arguments) if called is not formula.function:
                kinds = _likely_kinds(read(called), translator)
                passed = (given for given, kind in zip(arguments, kinds, strict=False) if kind == "row")
                rows |= {given.id for given in passed if isinstance(given, form.Name)}
    indices = {formula.params[place] for place in translator.indexing(formula.function)}
    return tuple("row" if name in rows else "class" if name in indices else "number" for name in formula.params)


def executed(
    translator: Translator, name: str, precision: Any, guards: Mapping[str, Any] | None = None
) -> Callable[..., Any]:
    """A translated function as plain Python, with numbers of this precision, and with `guards` in place of its own."""

    def number(value: Any) -> Any:
        try:
            return precision(value)
        except OverflowError:  # of an integer
            return precision(math.inf if value > 0 else -math.inf)

    names: dict[str, Any] = {"F": number, "math": machine_math, "scalar": lambda written: written}
    names["scratch"] = lambda count: np.full(count, np.nan, precision)
    # What is raised there counts as raised by the plugin.
    names["__name__"] = translator.origins[name].function.__module__
    exec(compile(translator.source, TRANSLATED, "exec"), names)
    names |= {"times": _times, **(guards or {})}
    function: Callable[..., Any] = names[name]
    return function


def _times(x: int, y: int) -> int:
    """The product of two integers of 64 bits, which it is too."""
    return (x * y + 2**63) % 2**64 - 2**63


def _rebind(value: Any, done: dict[Any, Any]) -> Any:
    """`value` with its arithmetic replaced, if it is a function or a part of ``math``."""
    if is_table(value):
        return _Table(np.float64(entry) if isinstance(entry, float) else entry for entry in value)
    if not inspect.isfunction(value):
        try:
            return _REPLACED.get(value, value)
        except TypeError:  # not hashable, so none of those
            return value
    if value in done:
        return done[value]
    names = dict(value.__globals__)
    code = value.__code__
    cells = tuple(types.CellType() for _ in value.__closure__ or ())
    rebound = types.FunctionType(_with_numbers(code), names, value.__name__, None, cells or None)
    done[value] = rebound
    for name in {*code.co_names, *(name for inner in inner_codes(code) for name in inner.co_names)}:
        if name in _BUILTIN and names.get(name, getattr(builtins, name)) is getattr(builtins, name):
            names[name] = _BUILTIN[name]
        elif name in names:
            names[name] = _rebind(names[name], done)
    for cell, original in zip(cells, value.__closure__ or (), strict=True):
        cell.cell_contents = _rebind(original.cell_contents, done)
    return rebound


def _with_numbers(code: types.CodeType) -> types.CodeType:
    """Code with NumPy's doubles as its constants, also in what is defined inside it."""

    def changed(entry: Any) -> Any:
        if isinstance(entry, types.CodeType):
            return _with_numbers(entry)
        return np.float64(entry) if isinstance(entry, float) else entry

    return code.replace(co_consts=tuple(map(changed, code.co_consts)))


def apply(function: Callable[..., Any], *arrays: NDArray[np.float64], params: tuple[Any, ...]) -> NDArray[np.float64]:
    """``function(*numbers, *params)`` elementwise for arrays of the same shape.

    A parameter may be an array (units,): a number for each place of the last axis.
    """
    plain = uncompiled(function)
    if any(np.ndim(value) for value in params):
        shape = arrays[0].shape
        arrays += tuple(np.broadcast_to(np.asarray(value, np.float64), shape) for value in params)
        params = ()
    constants = [np.float64(value) for value in params]
    with np.errstate(all="ignore"):
        numbers = (plain(*places, *constants) for places in zip(*(array.flat for array in arrays), strict=True))
        return np.fromiter(numbers, np.float64, arrays[0].size).reshape(arrays[0].shape)
