"""The source of an author's function: its syntax tree, the names it sees, and how a part of it is refused."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import math
import textwrap
from collections.abc import Callable, Iterable, Iterator
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
# What Python calls a function without a name.
LAMBDA = "<lambda>"
# Where the loader of plugin files keeps the text it has loaded; the file may have changed since.
LOADED_SOURCE = "__neurosim_source__"
# Where a derived function keeps the text of all that was derived along with it.
DERIVATION = "__neurosim_derivation__"


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
    if getattr(function, "__name__", "") == LAMBDA:
        return _parse_lambda(function)
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
        raise refuse(function, node.lineno, "decorators cannot be compiled", "leave the decorator out")
    arguments = node.args
    _check_arguments(function, node.name, arguments, node.lineno)
    if ast.get_docstring(node) is not None:
        node.body = node.body[1:] or [ast.copy_location(ast.Pass(), node)]
    return node


def _check_arguments(function: Callable[..., Any], name: str, arguments: ast.arguments, line: int) -> None:
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs:
        instead = "leave out *, ** and defaults; declare params instead"
        raise refuse(function, line, "only plain arguments are compiled", instead)
    if arguments.defaults:
        names = [argument.arg for argument in arguments.args]
        defaults = dict(zip(names[-len(arguments.defaults) :], map(ast.unparse, arguments.defaults), strict=True))
        params = ", ".join(f'"{key}": {value}' for key, value in defaults.items())
        instead = f"def {name}({', '.join(names)}), and in the record params={{{params}}}"
        raise refuse(function, line, f"the default of {' and '.join(defaults)} cannot be compiled", instead)


def _parse_lambda(function: Callable[..., Any]) -> ast.FunctionDef:
    """A lambda as a function that returns its expression."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    found = [
        node
        for node in ast.walk(_tree(whole_source(function)))
        if isinstance(node, ast.Lambda)
        and node.lineno == code.co_firstlineno
        and tuple(argument.arg for argument in node.args.args) == names
    ]
    if len(found) > 1:
        places = [(line, start) for line, _, start, end in code.co_positions() if line and end]
        found = [node for node in found if places and _covers(node, places)]
        found.sort(key=lambda node: (node.end_lineno, node.end_col_offset))
    if not found:
        raise PluginError("the source of a lambda cannot be read", "Write the function with def in a Python file.")
    node = found[0]
    _check_arguments(function, "name", node.args, node.lineno)
    body = ast.copy_location(ast.Return(node.body), node.body)
    return ast.copy_location(ast.FunctionDef(identifier(function), node.args, [body], []), node)


def defining_node(text: str, code: CodeType) -> ast.FunctionDef | ast.Lambda | None:
    """Where the text of a file defines a function, as a tree that may be changed; None where it does not."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    found: list[ast.FunctionDef | ast.Lambda] = []
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) if name == code.co_name:
                if min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) == code.co_firstlineno:
                    found.append(node)
            case ast.Lambda(lineno=line) if code.co_name == LAMBDA and line == code.co_firstlineno:
                found.append(node)
    if len(found) > 1:
        places = [(line, start) for line, _, start, end in code.co_positions() if line and end]
        found = [node for node in found if isinstance(node, ast.Lambda) and places and _covers(node, places)]
    return found[0] if found else None


def _covers(node: ast.Lambda, places: Iterable[tuple[int, int | None]]) -> bool:
    """Whether all code at these places is that of a lambda."""
    body = node.body
    start, end = (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)
    return all(start <= (line, column or 0) < end for line, column in places)


@functools.lru_cache(maxsize=8)
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


def whole_source(function: Callable[..., Any]) -> str:
    """The text of the file that a function is from, as it was when it was loaded; empty where there is none."""
    loaded = getattr(function, "__globals__", {}).get(LOADED_SOURCE)
    if loaded is not None:
        return str(loaded)
    try:
        return "".join(inspect.findsource(function)[0])
    except OSError:
        return ""


def identifier(function: Callable[..., Any]) -> str:
    """A function's name, or one for a lambda."""
    return "formula" if function.__name__ == LAMBDA else function.__name__


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
    name = getattr(inspect.unwrap(function), "__name__", "?").replace(LAMBDA, "the lambda")
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
