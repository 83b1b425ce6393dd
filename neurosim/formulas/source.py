"""The source of an author's function: its syntax tree, the names it sees, and how a part of it is refused."""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType
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
# Where a function that was made of a part of another one keeps its syntax tree.
TREE = "__neurosim_tree__"
# Where the loader of plugin files keeps the text it has loaded; the file may have changed since.
LOADED_SOURCE = "__neurosim_source__"


def parse(function: Callable[..., Any]) -> ast.FunctionDef:
    """The syntax tree of a plain function, its line numbers those of its file.

    Raises
    ------
    PluginError
        When there is no source text, or it is not one plain ``def``.
    """
    tree = getattr(function, "__dict__", {}).get(TREE)
    if isinstance(tree, ast.FunctionDef):
        return tree
    label = getattr(function, "__name__", repr(function))
    try:
        lines, first = _source_lines(function)
        parsed = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError) as error:
        raise PluginError(
            f"the source of {label} cannot be read", "Write the function with def in a Python file."
        ) from error
    node = parsed.body[0]
    if not isinstance(node, ast.FunctionDef):
        raise PluginError(f"{label} is not a plain function", "Write it with def, not as a lambda or a class.")
    ast.increment_lineno(node, first - 1)
    if node.decorator_list:
        raise refuse(function, node.lineno, "decorators are not compiled", "leave the decorator out")
    arguments = node.args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.defaults:
        instead = "leave out *, ** and defaults; declare params instead"
        raise refuse(function, node.lineno, "only plain arguments are compiled", instead)
    if ast.get_docstring(node) is not None:
        node.body = node.body[1:] or [ast.copy_location(ast.Pass(), node)]
    return node


def _source_lines(function: Callable[..., Any]) -> tuple[list[str], int]:
    """The lines of a function and the number of the first, as they were when it was loaded."""
    loaded = getattr(function, "__globals__", {}).get(LOADED_SOURCE)
    if loaded is None:
        return inspect.getsourcelines(function)
    first = function.__code__.co_firstlineno
    return inspect.getblock(loaded.splitlines(keepends=True)[first - 1 :]), first


def refuse(function: Callable[..., Any], line: int, what: str, instead: str) -> PluginError:
    """The error for something in a line of `function`, and what to write instead."""
    file = getattr(getattr(function, "__code__", None), "co_filename", "?")
    name = getattr(inspect.unwrap(function), "__name__", "?")
    return PluginError(f"{file}:{line}: in {name}: {what}", f"Instead: {instead}.")


def namespace(function: Callable[..., Any]) -> dict[str, Any]:
    """Names that a function sees besides its own: its closure, then its module."""
    closure = inspect.getclosurevars(function)
    found = {**closure.builtins, **closure.globals}
    # A generator expression is a function inside the function.
    for code in inner_codes(function.__code__):
        for name in code.co_names:
            for place in (function.__globals__, vars(builtins)):
                if name in place:
                    found.setdefault(name, place[name])
    return {**found, **closure.nonlocals}


def inner_codes(code: CodeType) -> Iterator[CodeType]:
    """The code of what is defined inside a function, however deep."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from inner_codes(constant)


def is_table(value: object) -> bool:
    """Whether a value of the module is a tuple of numbers, whose entries a formula may take."""
    return isinstance(value, tuple) and bool(value) and all(is_number(entry) for entry in value)


def is_number(value: object) -> bool:
    """Whether a value is a number that formulas may use."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def counted(count: int, what: str, several: str = "") -> str:
    """``1 number``, ``2 numbers``; `several` is the plural where it is not made with an s."""
    return f"{count} {what if count == 1 else several or what + 's'}"
