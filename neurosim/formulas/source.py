"""Reading an author's function: its syntax tree, the names it sees, and which of them are integers.

A formula is a plain Python function of scalars (or of rows that it indexes) that uses arithmetic,
``if``, loops over ``range``, functions of `math` and other functions of the same kind. Everything
that rewrites formulas, for a compiler or to derive them, starts here.
"""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Callable, Container, Mapping
from typing import Any

from neurosim.errors import PluginError

# fmt: off
MATH_FUNCTIONS = frozenset({
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "copysign", "cos", "cosh", "erf", "erfc",
    "exp", "expm1", "fabs", "floor", "fmod", "hypot", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2",
    "pow", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
})
# fmt: on
OF_TWO = frozenset({"atan2", "copysign", "fmod", "hypot", "pow"})
MATH_CONSTANTS = {name: getattr(math, name) for name in ("pi", "e", "tau", "inf", "nan")}
# Where the loader of plugin files keeps the text it has loaded; the file may have changed since.
LOADED_SOURCE = "__neurosim_source__"


def parse(function: Callable[..., Any]) -> ast.FunctionDef:
    """The syntax tree of a plain function, its line numbers those of its file.

    Raises
    ------
    PluginError
        When there is no source text, or it is not one plain ``def``.
    """
    label = getattr(function, "__name__", repr(function))
    try:
        lines, first = _source_lines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError) as error:
        raise PluginError(
            f"the source of {label} cannot be read", "Write the function with def in a Python file."
        ) from error
    node = tree.body[0]
    if not isinstance(node, ast.FunctionDef):
        raise PluginError(f"{label} is not a plain function", "Write it with def, not as a lambda or a class.")
    ast.increment_lineno(node, first - 1)
    if node.decorator_list:
        raise refuse(function, node, "decorators are not compiled", "leave the decorator out")
    arguments = node.args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.defaults:
        raise refuse(
            function, node, "only plain arguments are compiled", "leave out *, ** and defaults; declare params instead"
        )
    if ast.get_docstring(node) is not None:
        node.body = node.body[1:] or [ast.Pass()]
    return node


def _source_lines(function: Callable[..., Any]) -> tuple[list[str], int]:
    """The lines of a function and the number of the first, as they were when it was loaded."""
    loaded = getattr(function, "__globals__", {}).get(LOADED_SOURCE)
    if loaded is None:
        return inspect.getsourcelines(function)
    first = function.__code__.co_firstlineno
    return inspect.getblock(loaded.splitlines(keepends=True)[first - 1 :]), first


def refuse(function: Callable[..., Any], at: ast.AST | int, what: str, instead: str) -> PluginError:
    """The error for a piece of `function`, or its line, that cannot be compiled."""
    file = getattr(getattr(function, "__code__", None), "co_filename", "?")
    line = at if isinstance(at, int) else getattr(at, "lineno", "?")
    name = getattr(function, "__name__", "?")
    return PluginError(f"{file}:{line}: in {name}: {what}", f"Instead: {instead}.")


def namespace(function: Callable[..., Any]) -> dict[str, Any]:
    """Names a function sees besides its own: its closure, then its module."""
    closure = inspect.getclosurevars(function)
    return {**closure.builtins, **closure.globals, **closure.nonlocals}


def math_function(node: ast.expr, outside: Mapping[str, Any], local: Container[str]) -> str:
    """Name of the function of `math` that an expression is, such as ``math.exp``; empty for anything else.

    `outside` are the names a function sees besides its own, which are `local`.
    """
    match node:
        case ast.Attribute(value=ast.Name(id=module), attr=name) if module not in local:
            return name if outside.get(module) is math and hasattr(math, name) else ""
        case ast.Name(id=name) if name not in local:
            found = outside.get(name)
            return str(found.__name__) if inspect.isbuiltin(found) and found.__module__ == "math" else ""
    return ""


def integer_names(node: ast.FunctionDef, arguments: set[str]) -> set[str]:
    """Names that only ever hold integers: loop variables, lengths, and sums of these."""
    assigned: dict[str, list[ast.expr | None]] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.For) and isinstance(part.target, ast.Name):
            assigned.setdefault(part.target.id, []).append(None)
        elif isinstance(part, ast.Assign) and len(part.targets) == 1 and isinstance(part.targets[0], ast.Name):
            assigned.setdefault(part.targets[0].id, []).append(part.value)
        elif isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name):
            assigned.setdefault(part.target.id, []).append(part.value)
    indexing = _indexing_names(node)

    def is_integer(value: ast.expr | None, known: set[str]) -> bool:
        match value:
            case None:
                return True
            case ast.Constant(value=int()):
                return True
            case ast.Name(id=name):
                return name in known
            case ast.Call(func=ast.Name(id="len" | "int")):
                return True
            case ast.BinOp(left=left, right=right, op=ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv() | ast.Mod()):
                return is_integer(left, known) and is_integer(right, known)
            case ast.UnaryOp(operand=operand, op=ast.USub()):
                return is_integer(operand, known)
        return False

    candidates = {
        name
        for name, values in assigned.items()
        # A name that starts as a bare literal is a float unless it is used to count or to index.
        if name in indexing or not all(isinstance(value, ast.Constant) for value in values)
    }
    # An argument is what the caller gives, whatever is assigned to it later.
    candidates -= {argument.arg for argument in node.args.args} - arguments
    while True:
        wrong = {
            name
            for name in candidates
            if not all(is_integer(value, candidates | arguments) for value in assigned[name])
        }
        if not wrong:
            return candidates | arguments
        candidates -= wrong


def indexing_arguments(function: Callable[..., Any]) -> set[int]:
    """Positions of the arguments that a function uses as an index or in ``range``."""
    node = parse(function)
    indexing = _indexing_names(node)
    return {place for place, argument in enumerate(node.args.args) if argument.arg in indexing}


def _indexing_names(node: ast.FunctionDef) -> set[str]:
    """Names that stand in an index or in ``range``."""
    return {
        name.id
        for part in ast.walk(node)
        for place in _integer_places(part)
        for name in ast.walk(place)
        if isinstance(name, ast.Name)
    }


def _integer_places(part: ast.AST) -> list[ast.expr]:
    match part:
        case ast.Subscript(slice=index):
            return [index]
        case ast.Call(func=ast.Name(id="range"), args=arguments):
            return arguments
    return []
