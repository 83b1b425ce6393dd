"""Activations that are typed into a page: read as formulas are, and written in JavaScript; they are never executed."""

from __future__ import annotations

import ast
import math
import re
import types
from collections.abc import Callable, Collection
from typing import Any

from neurosim.errors import PluginError, UsageError
from neurosim.formulas.javascript import Script
from neurosim.formulas.kinds import check_kinds
from neurosim.formulas.reader import read
from neurosim.formulas.source import MATH_CONSTANTS, MATH_FUNCTIONS, TREE
from neurosim.play.messages import Order
from neurosim.play.visitors import LONGEST, Visitor
from neurosim.plugin import Activation

# What an expression without a name is called.
TYPED = "typed"
# What a formula is made of: no loops, so that none goes around forever, and nothing that is a function of its own.
_PARTS = (
    ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AugAssign, ast.If, ast.IfExp, ast.BinOp,
    ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call, ast.Name, ast.Attribute, ast.Constant, ast.operator, ast.unaryop,
    ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip
_BUILTINS = ("abs", "max", "min")
_HOW = "Write an expression of z, such as z / (1 + exp(-beta * z)), or a function: def f(z, beta=1.0)."
_LARGEST = 1e15
# Where a reader of formulas says that something is: there is one formula, and its name is beside it.
_PLACE = re.compile(r"^the formula:(\d+): in \w+: ")
# Formulas of one server.
MOST_FORMULAS = 50


def read_activation(text: str, taken: Collection[str] = ()) -> Activation:
    """The activation that a text describes: an expression of z, or a ``def``.

    Names in an expression that are not known are parameters, which begin as 1. Its name is none of those `taken`.

    Raises
    ------
    NeurosimError
        For what cannot be a formula, with its line.
    """
    try:
        return _read(text, taken)
    except (RecursionError, MemoryError):
        raise UsageError("the formula is nested too deeply") from None


def _read(text: str, taken: Collection[str]) -> Activation:
    node = _parsed(text)
    for part in ast.walk(node):
        _check(part)
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id not in _BUILTINS:
            known = "a formula calls abs, max, min and functions of math"
            raise UsageError(f"line {part.lineno}: {part.func.id} cannot be compiled: {known}", _HOW)
    params = _params(node)
    names = [argument.arg for argument in node.args.args]
    if node.name in taken:
        raise UsageError(f"there is an activation {node.name} already", "Give the function another name.")
    local = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    function = _stand_in(node, [*names, *sorted(local - set(names))])
    record = Activation(node.name, function, params=params)
    # Whatever cannot be checked, derived or written in JavaScript says so here.
    check_kinds(read(function), ["number"] * (1 + len(params)), 1)
    script = Script()
    for formula in (record.f, record.derivative):
        script.add(formula)
    return record


def _parsed(text: str) -> ast.FunctionDef:
    """The text as a function, whose functions of `math` are named as such."""
    try:
        tree = ast.parse(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        raise UsageError(f"this is no formula{f': line {line} cannot be read' if line else ''}", _HOW) from None
    match tree.body:
        case [ast.FunctionDef() as node]:
            pass
        case [ast.Expr(value=value)]:
            names = {part.id: None for part in ast.walk(value) if isinstance(part, ast.Name)}
            known = {"z", "math", *MATH_FUNCTIONS, *MATH_CONSTANTS, *_BUILTINS}
            params = [name for name in names if name not in known]
            given = ast.arguments(
                posonlyargs=[],
                args=[ast.arg("z"), *(ast.arg(name) for name in params)],
                kwonlyargs=[],
                kw_defaults=[],
                defaults=[ast.Constant(1.0) for _ in params],
            )
            node = ast.FunctionDef(TYPED, given, [ast.Return(value)], [])
        case _:
            raise UsageError("a formula is one expression or one function", _HOW)
    own = {argument.arg for argument in node.args.args}
    return ast.fix_missing_locations(_Named(own).visit(node))  # type: ignore[no-any-return]


class _Named(ast.NodeTransformer):
    """Writes ``math.exp`` for ``exp``, where that is no name of the function's own."""

    def __init__(self, own: Collection[str]) -> None:
        self._own = own

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Of a function or a constant."""
        if node.id not in self._own and (node.id in MATH_FUNCTIONS or node.id in MATH_CONSTANTS):
            return ast.copy_location(ast.Attribute(ast.Name("math", ast.Load()), node.id, ast.Load()), node)
        return node


def _check(part: ast.AST) -> None:
    """Raise UsageError for what is no part of a formula."""
    line = getattr(part, "lineno", 1)
    if not isinstance(part, _PARTS) or (isinstance(part, ast.FunctionDef) and part.decorator_list):
        raise UsageError(f"line {line}: a formula has assignments, if, return, arithmetic and functions of math", _HOW)
    if isinstance(part, ast.Attribute) and not (isinstance(part.value, ast.Name) and part.value.id == "math"):
        raise UsageError(f"line {line}: a formula has no .{part.attr}", _HOW)
    if isinstance(part, ast.Constant):
        number = part.value
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise UsageError(f"line {line}: a formula has numbers only", _HOW)
        if not abs(number) <= _LARGEST:
            raise UsageError(f"line {line}: a formula has numbers of at most {_LARGEST:g}", _HOW)


def _params(node: ast.FunctionDef) -> dict[str, float]:
    """The parameters and their defaults, which are taken out of the function."""
    given = node.args
    if given.vararg or given.kwarg or given.kwonlyargs or given.posonlyargs or not given.args:
        raise UsageError("the function takes z, and parameters with defaults", _HOW)
    names, defaults = [argument.arg for argument in given.args[1:]], given.defaults
    if len(defaults) != len(names):
        raise UsageError("each parameter needs a default, such as beta=1.0", _HOW)
    found = {}
    for name, default in zip(names, defaults, strict=True):
        match default:
            case ast.Constant(value=int() | float() as number):
                found[name] = float(number)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                found[name] = -float(number)
            case _:
                raise UsageError(f"the default of {name} is a number, such as 1.0", _HOW)
    given.defaults = []
    for argument in given.args:
        argument.annotation = None
    node.returns = None
    return found


def _nothing() -> None:
    """What would run if anybody called a formula that was typed in."""


def _stand_in(node: ast.FunctionDef, names: list[str]) -> Callable[..., Any]:
    """What a reader of formulas takes for the function of a tree; it has none of its code."""
    code = _nothing.__code__.replace(
        co_name=node.name,
        co_filename="the formula",
        co_argcount=len(node.args.args),
        co_varnames=tuple(names),
        co_nlocals=len(names),
        co_names=("math", *_BUILTINS),
    )
    function = types.FunctionType(code, {"math": math}, node.name)
    function.__dict__[TREE] = node
    return function


class Reader:
    """The host of pages that train by themselves, for which it reads formulas.

    Parameters
    ----------
    taken : collection of str
        Names of activations that there are.

    Attributes
    ----------
    activations : dict of str to Activation
        Those that were typed in, by name.
    texts : dict of str to str
        What was typed.
    """

    def __init__(self, taken: Collection[str]) -> None:
        self._taken = taken
        self.activations: dict[str, Activation] = {}
        self.texts: dict[str, str] = {}

    def rest(self) -> float:
        """As long as one likes."""
        return LONGEST

    def advance(self) -> None:
        """Nothing goes on here."""

    def leave(self, visitor: Visitor) -> None:
        """Nothing is known of a visitor."""

    def obey(self, visitor: Visitor, order: Order) -> None:
        """Read a formula; anything else a page does itself."""
        if order["do"] != "formula":
            raise UsageError("this page trains by itself")
        try:
            record = read_activation(order["text"], self._taken)
            if record.name not in self.activations and len(self.activations) >= MOST_FORMULAS:
                raise UsageError(f"there are {MOST_FORMULAS} formulas already")
        except PluginError as error:
            raise UsageError(_PLACE.sub(r"line \1: ", error.message), error.hint) from error
        # The server's thread goes through them.
        self.activations = {**self.activations, record.name: record}
        self.texts = {**self.texts, record.name: order["text"]}
        visitor.tell({"formula": {"name": record.name}})
