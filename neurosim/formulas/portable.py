"""An author's Python functions, such as schedules, with the same bits on every machine.

What Python's ``math`` and ``**`` give depends, in the last bits, on the C library. In `portable` functions, and in
those of the same module that they call, both are those of `neurosim.elementary`; everything else, and whatever is
raised, is as Python has it. ``gamma``, ``lgamma``, ``cbrt`` and ``dist`` stay those of the C library.
"""

from __future__ import annotations
import __future__

import ast
import functools
import math
import types
from collections.abc import Callable
from typing import Any

from neurosim.elementary import powers, scalars
from neurosim.formulas.source import MATH_FUNCTIONS, defining_node, inner_codes, whole_source

# Those that the C library has no say in.
_EXACT = frozenset({"ceil", "copysign", "fabs", "floor", "fmod", "isfinite", "isinf", "isnan", "sqrt", "trunc"})
# What a power in an author's text is replaced by.
_POWER = "__neurosim_power__"


def power(x: Any, y: Any) -> Any:
    """``x ** y``."""
    numbers = isinstance(x, int | float) and isinstance(y, int | float)
    if numbers and not (isinstance(x, int) and isinstance(y, int) and y >= 0):
        result = powers.pow(float(x), float(y))
        # The others are exact, or Python has something else for them.
        if 0.0 < abs(result) < math.inf:
            return result
    return x**y


def _as_python(name: str) -> Callable[..., Any]:
    """A function of ``math`` with our bits: where its result is not finite, what Python gives or raises."""
    ours, theirs = getattr(scalars, name), getattr(math, name)

    @functools.wraps(theirs)
    def function(*numbers: Any) -> Any:
        if len(numbers) == 2 and name == "log":
            return function(numbers[0]) / function(numbers[1])
        try:
            result = ours(*map(float, numbers))
        except (TypeError, ValueError, OverflowError):
            return theirs(*numbers)
        return result if abs(result) < math.inf else theirs(*numbers)

    return function


_FUNCTIONS = {getattr(math, name): _as_python(name) for name in sorted(MATH_FUNCTIONS - _EXACT)}
_FUNCTIONS |= {pow: power, math.exp2: functools.partial(_FUNCTIONS[math.pow], 2.0)}
_MATH = types.ModuleType("math")
vars(_MATH).update({name: _FUNCTIONS.get(value, value) for name, value in vars(math).items() if callable(value)})
vars(_MATH).update({name: value for name, value in vars(math).items() if isinstance(value, float)})


def portable(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that does the same, with the same bits on every machine.

    It sees the names of its module as they are now. Where its source cannot be read, its powers stay Python's.
    """
    made: Callable[..., Any] = _rebound(function, {})
    return made


def _rebound(value: Any, done: dict[types.FunctionType, types.FunctionType]) -> Any:
    """`value` with our functions, if it is a function of the author's, a function of ``math`` or ``math`` itself."""
    if value is math:
        return _MATH
    if isinstance(value, types.BuiltinFunctionType):
        return _FUNCTIONS.get(value, value)
    if not isinstance(value, types.FunctionType):
        return value
    if value in done:
        return done[value]
    code = _with_our_powers(value)
    names = {**value.__globals__, _POWER: power}
    names.setdefault("pow", power)
    cells = tuple(types.CellType() for _ in code.co_freevars)
    made = types.FunctionType(code, names, value.__name__, value.__defaults__, cells or None)
    made.__kwdefaults__ = value.__kwdefaults__
    done[value] = made
    for name in {*code.co_names, *(name for inner in inner_codes(code) for name in inner.co_names)}:
        if name in names and name != _POWER and _is_of(names[name], value):
            names[name] = _rebound(names[name], done)
    inside = dict(zip(value.__code__.co_freevars, value.__closure__ or (), strict=True))
    for name, cell in zip(code.co_freevars, cells, strict=True):
        known = inside[name].cell_contents
        cell.cell_contents = _rebound(known, done) if _is_of(known, value) else known
    return made


def _is_of(value: Any, function: types.FunctionType) -> bool:
    """Whether a function's module defines a value, if that is a function of Python's at all."""
    return not isinstance(value, types.FunctionType) or value.__module__ == function.__module__


_codes: dict[types.CodeType, types.CodeType] = {}
_MOST_CODES = 256


def _with_our_powers(function: types.FunctionType) -> types.CodeType:
    """The function's code, with calls in place of ``**``."""
    code = function.__code__
    if code not in _codes:
        if len(_codes) == _MOST_CODES:
            _codes.clear()
        text = whole_source(function)
        node = defining_node(text, code) if "**" in text else None
        _codes[code] = code if node is None else _rewritten(code, node)
    return _codes[code]


def _rewritten(code: types.CodeType, node: ast.FunctionDef | ast.Lambda) -> types.CodeType:
    if not any(isinstance(part, ast.Pow) for part in ast.walk(node)):
        return code
    node = ast.fix_missing_locations(_Powers().visit(node))
    result = node if isinstance(node, ast.Lambda) else ast.Name(node.name, ast.Load())
    # Inside a function that has the variables it takes from around it.
    module = ast.parse(f"def around({', '.join(code.co_freevars)}): pass")
    module.body[0].body = [*([] if isinstance(node, ast.Lambda) else [node]), ast.Return(result)]  # type: ignore[attr-defined]
    flags = code.co_flags & __future__.annotations.compiler_flag
    compiled = compile(ast.fix_missing_locations(module), code.co_filename, "exec", flags, dont_inherit=True)
    place = code.co_name, code.co_firstlineno
    made = next(inner for inner in inner_codes(compiled) if (inner.co_name, inner.co_firstlineno) == place)
    return made.replace(co_qualname=code.co_qualname)


class _Powers(ast.NodeTransformer):
    """Makes calls of powers."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Pow):
            return node
        return ast.copy_location(ast.Call(ast.Name(_POWER, ast.Load()), [node.left, node.right], []), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Pow):
            return node
        before = ast.parse(ast.unparse(node.target), mode="eval").body
        call = ast.Call(ast.Name(_POWER, ast.Load()), [before, node.value], [])
        return ast.copy_location(ast.Assign([node.target], call), node)
