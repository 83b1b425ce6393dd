"""What to write in place of what a formula cannot contain: the words of NumPy, PyTorch and the rest of Python."""

from __future__ import annotations

import ast
import difflib
import inspect
import random
from collections.abc import Callable, Iterable
from typing import Any

from neurosim.formulas.source import MATH_FUNCTIONS

_RANDOM = "leave it out: a formula gives the same number each time; dropout is a layer, and noise belongs in a data set"
NO_TEXT = "a formula has numbers only, no text"
# Functions of arrays and of Python, by their last name, with as many arguments as they are usually given.
_CALLS: dict[str, dict[int, str]] = {
    "where": {3: "{1} if {0} else {2}"},
    "maximum": {2: "max({0}, {1})"},
    "fmax": {2: "max({0}, {1})"},
    "minimum": {2: "min({0}, {1})"},
    "fmin": {2: "min({0}, {1})"},
    "clip": {3: "min(max({0}, {1}), {2})"},
    "clamp": {3: "min(max({0}, {1}), {2})"},
    "relu": {1: "max({0}, 0.0)"},
    "sigmoid": {1: "1.0 / (1.0 + math.exp(-{0}))"},
    "expit": {1: "1.0 / (1.0 + math.exp(-{0}))"},
    "silu": {1: "{0} / (1.0 + math.exp(-{0}))"},
    "softplus": {1: "max({0}, 0.0) + math.log1p(math.exp(-abs({0})))"},
    "sign": {1: "math.copysign(1.0, {0})"},
    "square": {1: "{0} ** 2"},
    "power": {2: "{0} ** {1}"},
    "pow": {2: "{0} ** {1}"},
    "absolute": {1: "abs({0})"},
    "abs": {1: "abs({0})"},
    "sum": {1: "sum({0})"},
    "mean": {1: "sum({0}) / len({0})"},
    "max": {1: "max({0})"},
    "amax": {1: "max({0})"},
    "min": {1: "min({0})"},
    "amin": {1: "min({0})"},
    "dot": {2: "sum(v * w for v, w in zip({0}, {1})) for rows"},
    "arctan": {1: "math.atan({0})"},
    "arcsin": {1: "math.asin({0})"},
    "arccos": {1: "math.acos({0})"},
    "arctanh": {1: "math.atanh({0})"},
    "arcsinh": {1: "math.asinh({0})"},
    "arctan2": {2: "math.atan2({0}, {1})"},
    "round": {1: "math.floor({0} + 0.5)"},
    "divmod": {2: "{0} // {1} for the quotient and {0} % {1} for the remainder, on lines of their own"},
    "float32": {1: "{0}"},
    "float64": {1: "{0}"},
    "tensor": {1: "{0}"},
    "array": {1: "{0}"},
    "bool": {1: "{0} != 0.0"},
}  # fmt: skip
_OF_ROWS = {
    "sum": "sum((v - w) ** 2 for v, w in zip(a, y))",
    "mean": "sum((v - w) ** 2 for v, w in zip(a, y)) / len(a)",
    **dict.fromkeys(("max", "amax"), "max(abs(v) for v in z)"),
    **dict.fromkeys(("min", "amin"), "min(abs(v) for v in z)"),
}
_CONSTANTS = {"pi": "math.pi", "e": "math.e", "inf": "math.inf", "nan": "math.nan"}
_PROCEDURES = {
    "print": "a formula cannot print: leave it out, or call the function by itself, in a test",
    "append": "a formula remembers nothing from call to call: leave it out",
}


def of_call(node: ast.Call, found: object = None) -> str:
    """What to write in place of a call of a function that is not compiled; empty where nothing is known.

    `found` is the function, if the formula sees it.
    """
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if _is_random(node.func, found):
        return _RANDOM
    if name in _PROCEDURES:
        return _PROCEDURES[name]
    arguments = [_operand(argument) for argument in node.args]
    match node:
        case ast.Call(func=ast.Attribute(value=number)) if _is_method(name, node):
            arguments = [_operand(number), *arguments]
        case ast.Call(func=ast.Name(id="sum" | "max" | "min"), args=[ast.List(elts=parts) | ast.Tuple(elts=parts)]):
            texts = [ast.unparse(part) for part in parts]
            return " + ".join(texts) if name == "sum" else f"{name}({', '.join(texts)})"
    form = _CALLS.get(name, {}).get(len(arguments))
    if name in _OF_ROWS and node.args and not isinstance(node.args[0], ast.Name):
        return f"take it over the row, such as {_OF_ROWS[name]}"
    if form:
        return form.format(*arguments)
    real = getattr(found, "__name__", name)
    return f"math.{real}({', '.join(map(ast.unparse, node.args))})" if real in MATH_FUNCTIONS else ""


def _is_method(name: str, node: ast.Call) -> bool:
    """Whether it is written as a method of a number: with one argument less."""
    return name in _CALLS and len(node.args) + 1 in _CALLS[name] and len(node.args) not in _CALLS[name]


def _is_random(function: ast.expr, found: object) -> bool:
    """Whether a function gives random numbers."""
    parts = {part.attr if isinstance(part, ast.Attribute) else getattr(part, "id", "") for part in ast.walk(function)}
    module = str(getattr(found, "__module__", ""))
    return "random" in parts or isinstance(getattr(found, "__self__", None), random.Random) or "random" in module


def of_attribute(node: ast.Attribute) -> str:
    """What to write in place of a constant of another module; empty where nothing is known."""
    return _CONSTANTS.get(node.attr, "")


def of_math(name: str, node: ast.Call) -> str:
    """What to write in place of a function that `math` does not have, or that is not compiled."""
    known = of_call(node)
    near = _near(name, MATH_FUNCTIONS)
    if known or near:
        return known or f"math.{near}"
    return f"write it with arithmetic, a loop, and these functions of math: {', '.join(sorted(MATH_FUNCTIONS))}"


def of_name(name: str, seen: Iterable[str], function: Callable[..., Any]) -> str:
    """What to write in place of a name that is not known, given those that the formula has."""
    if name in MATH_FUNCTIONS:
        return f"math.{name}"
    outside = [key for key, value in function.__globals__.items() if isinstance(value, int | float) and key[:1] != "_"]
    return _near(name, [*seen, *outside])


def _near(name: str, known: Iterable[str]) -> str:
    """The known name that is most like another one; empty if none is."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), "")


def by_position(node: ast.Call, found: object) -> str:
    """A call with keyword arguments, written without them; empty where that is not possible."""
    if not inspect.isfunction(found) or any(isinstance(argument, ast.Starred) for argument in node.args):
        return ""
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    names = list(inspect.signature(found).parameters)[len(node.args) :]
    if None in given or set(given) != set(names):
        return ""
    arguments = [*map(ast.unparse, node.args), *(given[name] for name in names)]
    return f"{ast.unparse(node.func)}({', '.join(arguments)})"


def of_expression(node: ast.expr) -> str:
    """What to write in place of an expression of a kind that formulas do not have; empty where nothing is known."""
    match node:
        case ast.List() | ast.Tuple() | ast.ListComp() | ast.Dict() | ast.Set():
            return "give each number a name of its own; a row that is always the same is a tuple in the module"
        case ast.JoinedStr():
            return NO_TEXT
        case ast.Lambda():
            return "define it in the module, with def"
        case ast.NamedExpr(target=target, value=value):
            return f"{ast.unparse(target)} = {ast.unparse(value)} on a line of its own"
    return ""


def of_operator(node: ast.BinOp) -> str:
    """What to write in place of an operator that is not one of numbers; empty where nothing is known."""
    left, right = _operand(node.left), _operand(node.right)
    match node.op:
        case ast.BitXor():
            return f"{left} ** {right} for a power"
        case ast.MatMult():
            return f"{left} * {right} for numbers, sum(v * w for v, w in zip({left}, {right})) for rows"
    return ""


def _operand(node: ast.expr) -> str:
    text = ast.unparse(node)
    simple = ast.Name | ast.Call | ast.Attribute | ast.Subscript | ast.Constant | ast.Compare
    return text if isinstance(node, simple) else f"({text})"
