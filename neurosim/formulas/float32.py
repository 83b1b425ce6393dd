"""From a plain Python function of scalars to float32 source text that compilers take.

A plugin author writes ordinary Python: ``0.5 * z``, ``len(a)``, ``math.exp``. Taken literally a
compiler would widen half of that to float64, since a Python literal is a double. `Translator` reads
the function's source and writes it again with every number as float32 (``F(0.5)``), module
constants put in as literals, and the functions it calls translated along with it. What cannot be
compiled is refused with the line it stands in and what to write instead.

Integers are kept where Python needs them: in indices, in ``range`` and in names that only ever
hold integers (loop variables, ``n = len(a)``); everywhere else they are read as float32.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from neurosim.formulas.kinds import ArgumentKind, check_kinds
from neurosim.formulas.source import (
    MATH_CONSTANTS,
    MATH_FUNCTIONS,
    indexing_arguments,
    integer_names,
    math_function,
    namespace,
    parse,
    refuse,
)

BUILTIN_FUNCTIONS = frozenset({"abs", "min", "max", "float"})
_STATEMENTS = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Return,
    ast.If,
    ast.For,
    ast.While,
    ast.Break,
    ast.Continue,
    ast.Pass,
    ast.Expr,
)


_PLAIN = "use assignments, if, for, while and return"
_ANY_STATEMENT = ("this statement is not compiled", _PLAIN)
_NO_EFFECT = (
    "it gets numbers and returns numbers: pass settings as params, and let an optimizer keep its slots; " + _PLAIN
)
# Statements that authors try, in their words.
_OUTSIDE: dict[type[ast.stmt], tuple[str, str]] = {
    ast.Global: ("a formula cannot change a name outside it (global)", _NO_EFFECT),
    ast.Nonlocal: ("a formula cannot change a name outside it (nonlocal)", _NO_EFFECT),
    ast.FunctionDef: ("a function inside the function is not compiled", f"define it in the module; {_PLAIN}"),
    ast.ClassDef: ("a class inside the function is not compiled", _PLAIN),
    ast.Try: ("try is not compiled", f"nothing raises here: results are infinity or NaN; {_PLAIN}"),
    ast.Raise: ("raise is not compiled", f"return math.nan; {_PLAIN}"),
    ast.Assert: ("assert is not compiled", f"test it with if; {_PLAIN}"),
    ast.Import: ("import is not compiled", f"import at the top of the file; {_PLAIN}"),
    ast.ImportFrom: ("import is not compiled", f"import at the top of the file; {_PLAIN}"),
    ast.With: ("with is not compiled", _PLAIN),
    ast.Match: ("match is not compiled", _PLAIN),
}


@dataclass(frozen=True)
class Origin:
    """Where a generated function comes from.

    `lines` are the author's lines of its statements, in the order of `ast.walk`.
    """

    function: Callable[..., Any]
    lines: tuple[int, ...]


@dataclass
class Translator:
    """Translates functions into one module; what they share is translated once.

    Names of the author's are told apart from those of the module by an underscore at their end,
    and functions of one name by a number. The text needs the names ``F`` (the float type) and
    ``math``, and the decorator ``scalar``.
    """

    texts: list[str] = field(default_factory=list)
    origins: dict[str, Origin] = field(default_factory=dict)
    _names: dict[tuple[Callable[..., Any], tuple[ArgumentKind, ...]], str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """All functions translated so far."""
        return "\n\n".join(self.texts)

    def add(
        self, function: Callable[..., Any], arguments: Sequence[ArgumentKind] = (), results: int | None = None
    ) -> str:
        """Write `function` again with float32 numbers, unless that is done; returns its name.

        Parameters
        ----------
        function : function
            A plain Python function of scalars (or of rows it indexes), calling only `math`,
            ``abs``, ``min``, ``max``, ``len``, ``range`` and other functions of the same kind.
        arguments : sequence of {"number", "row", "class"}
            What each argument is; numbers where left out.
        results : int, optional
            How many numbers it must return; 0 where it fills a row.

        Raises
        ------
        PluginError
            Naming file and line, for anything that cannot be compiled.
        """
        missing = function.__code__.co_argcount - len(arguments) if inspect.isfunction(function) else 0
        numbers: list[ArgumentKind] = ["number"] * missing
        kinds = (*arguments, *numbers)
        name = self._names.get((function, kinds))
        if name is not None and name not in self.origins:
            what = f"{function.__name__} calls itself by way of another function"
            raise refuse(function, parse(function), what, "use a loop")
        if name is not None:
            return name
        node = parse(function)
        check_kinds(function, node, kinds, results)
        return self.write(function, node, kinds)

    def write(
        self,
        function: Callable[..., Any],
        node: ast.FunctionDef,
        arguments: tuple[ArgumentKind, ...],
        extra_names: Iterable[str] = (),
    ) -> str:
        """Write a checked function from its syntax tree; `extra_names` are arguments that its author did not write."""
        name = f"{function.__name__}_{len(self._names)}_"
        self._names[function, arguments] = name
        given = [argument.arg for argument in node.args.args]
        kinds = dict(zip(given, arguments, strict=False))
        classes = {key for key, kind in kinds.items() if kind == "class"}
        rows = {key for key, kind in kinds.items() if kind == "row"}
        writer = FloatWriter(function, self, integer_names(node, classes), rows)
        writer.local |= set(extra_names)
        text = writer.write(node, name)
        lines = tuple(part.lineno for part in ast.walk(node) if isinstance(part, ast.stmt))
        self.origins[name] = Origin(function, lines)
        self.texts.append(text)
        return name

    def origin_of(self, text: str, line: int) -> tuple[Callable[..., Any], int] | None:
        """The author's function and line behind a line of generated module text, if there is one."""
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name in self.origins and line <= (node.end_lineno or 0):
                origin = self.origins[node.name]
                statements = [part for part in ast.walk(node) if isinstance(part, ast.stmt)]
                before = [
                    (part.lineno, theirs)
                    for part, theirs in zip(statements, origin.lines, strict=True)
                    if part.lineno <= line
                ]
                return (origin.function, max(before)[1]) if before else None
        return None


class FloatWriter(ast.NodeTransformer):
    """Rewrites one function body so that every number outside an index is of the float type."""

    def __init__(
        self, function: Callable[..., Any], translator: Translator, integers: set[str], rows: set[str]
    ) -> None:
        self.function = function
        self.translator = translator
        self.integers = integers
        self.rows = rows
        self.outside = namespace(function)
        self.module = getattr(function, "__globals__", {})
        self.local = set(function.__code__.co_varnames)

    def write(self, node: ast.FunctionDef, name: str) -> str:
        """Text of the function, under another name."""
        node.name = name
        node.returns = None
        for argument in node.args.args:
            argument.annotation = None
        node.body = [self.visit(statement) for statement in node.body]
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id in self.local and not hasattr(part, "ours"):
                part.id = own_name(part.id)
            elif isinstance(part, ast.arg):
                part.arg = own_name(part.arg)
        return "@scalar\n" + ast.unparse(ast.fix_missing_locations(node))

    def visit(self, node: ast.AST) -> Any:
        """Translate a node; statements that no compiler takes are refused here."""
        if isinstance(node, ast.stmt) and not isinstance(node, _STATEMENTS):
            raise refuse(self.function, node, *_OUTSIDE.get(type(node), _ANY_STATEMENT))
        return super().visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Refuse expressions outside the language of scalars; descend into the rest."""
        if isinstance(node, ast.expr) and not isinstance(
            node, ast.BinOp | ast.UnaryOp | ast.BoolOp | ast.Compare | ast.IfExp | ast.Tuple
        ):
            what = f"{ast.unparse(node)!r} is not compiled"
            raise refuse(self.function, node, what, "write scalar arithmetic with math functions")
        return super().generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool):
            return node
        if isinstance(node.value, int | float):
            return ast.copy_location(float_literal(node.value), node)
        raise refuse(self.function, node, f"{node.value!r} is not a number", "use numbers only")

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.integers and isinstance(node.ctx, ast.Load):
            return _float_of(node)
        if node.id in self.local or isinstance(node.ctx, ast.Store):
            return node
        return ast.copy_location(float_literal(self._constant(node)), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if self._is_math(node.value) and node.attr in MATH_CONSTANTS:
            return ast.copy_location(float_literal(MATH_CONSTANTS[node.attr]), node)
        raise refuse(
            self.function, node, f"{ast.unparse(node)} is not compiled", "use numbers, arguments and the math module"
        )

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        match node:
            case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=float() | int() as power)) if power == int(power):
                # A whole power stays an integer literal: compilers make multiplications of it.
                node.left = self.visit(node.left)
                node.right = ast.copy_location(ast.Constant(int(power)), node.right)
                return node
            case ast.BinOp(op=ast.MatMult() | ast.LShift() | ast.RShift() | ast.BitAnd() | ast.BitOr() | ast.BitXor()):
                raise refuse(self.function, node, "bit and matrix operators are not compiled", "use + - * / ** // %")
        node.left, node.right = self._number(node.left), self._number(node.right)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        if isinstance(node.op, ast.Invert):
            raise refuse(self.function, node, "bit and matrix operators are not compiled", "use + - * / ** // %")
        node.operand = self.visit(node.operand) if isinstance(node.op, ast.Not) else self._number(node.operand)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        node.test, node.body, node.orelse = self.visit(node.test), self._number(node.body), self._number(node.orelse)
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        if node.value is not None:
            node.value = self._number(node.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if not isinstance(node.value, ast.Name) or node.value.id not in self.local:
            raise refuse(self.function, node, f"{ast.unparse(node)} is not compiled", "index only the row arguments")
        node.slice = self._integer(node.slice)
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        match node:
            case ast.For(target=ast.Name(), iter=ast.Call(func=ast.Name(id="range")), orelse=[]):
                node.iter.args = [self._integer(argument) for argument in node.iter.args]  # type: ignore[attr-defined]
                node.body = [self.visit(statement) for statement in node.body]
                return node
        raise refuse(self.function, node, "only loops over range(...) are compiled", "for k in range(len(z))")

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        match node.targets:
            case [ast.Name(id=name)] if name in self.integers:
                node.value = self._integer(node.value)
                return node
        node.targets = [self.visit(target) for target in node.targets]
        node.value = self._number(node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        if isinstance(node.target, ast.Name) and node.target.id in self.integers:
            node.value = self._integer(node.value)
            return node
        return super().generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        plain: ast.AST = self.visit(ast.copy_location(ast.Assign([node.target], node.value), node))
        return plain

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if isinstance(node.value, ast.Constant | ast.Call):
            raise refuse(self.function, node, f"{ast.unparse(node)!r} does nothing here", "leave it out")
        return super().generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise refuse(self.function, node, "keyword and * arguments are not compiled", "pass arguments by position")
        match node.func:
            case ast.Attribute(value=base, attr=attr) if self._is_math(base):
                if attr not in MATH_FUNCTIONS:
                    raise refuse(self.function, node, f"math.{attr} is not compiled", "use another function of math")
                node.func = ast.Attribute(_ours("math"), attr, ast.Load())
            case ast.Attribute(attr=attr):
                instead = f"write math.{attr}" if attr in MATH_FUNCTIONS else "use the math module"
                raise refuse(self.function, node, f"{ast.unparse(node.func)} is not compiled", instead)
            case ast.Name(id="len") if "len" not in self.local:
                return _float_of(self._integer(node))
            case ast.Name(id="int") if "int" not in self.local:
                return _float_of(self._integer(node))
            case ast.Name(id="float") if "float" not in self.local:
                return self._number(node.args[0])
            case ast.Name(id=name) if name in BUILTIN_FUNCTIONS and self.outside.get(name) in (abs, min, max):
                pass
            case ast.Name(id=name) if name not in self.local:
                return self._call(node, name)
            case _:
                raise refuse(self.function, node, f"{ast.unparse(node)!r} is not compiled", "call functions by name")
        node.args = [self._number(argument) for argument in node.args]
        return node

    def _call(self, node: ast.Call, name: str) -> ast.AST:
        """A call of a function of `math`, or of another one of the author's, which is translated too."""
        target = self.outside.get(name)
        from_math = math_function(node.func, self.outside, self.local)
        if from_math in MATH_FUNCTIONS:
            node.func = _ours(f"math.{from_math}")
            node.args = [self._number(argument) for argument in node.args]
            return node
        if not inspect.isfunction(target):
            raise refuse(self.function, node.func, f"{name} cannot be called here", "call math functions or your own")
        indexing = indexing_arguments(target)
        kinds: list[ArgumentKind] = []
        for place, argument in enumerate(node.args):
            if isinstance(argument, ast.Name) and argument.id in self.rows:
                kinds.append("row")
            elif place in indexing and self._is_integer(argument):
                kinds.append("class")
                node.args[place] = self._integer(argument)
            else:
                kinds.append("number")
                node.args[place] = self._number(argument)
        node.func = _ours(self.translator.add(target, kinds))
        return node

    def _is_integer(self, node: ast.expr) -> bool:
        return all(part.id in self.integers for part in ast.walk(node) if isinstance(part, ast.Name))

    def _number(self, node: ast.expr) -> ast.expr:
        """An expression in a place where a number is needed; a truth value becomes 0 or 1."""
        truth = isinstance(node, ast.Compare | ast.BoolOp) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        )
        translated: ast.expr = self.visit(node)
        return _float_of(translated) if truth else translated

    def _constant(self, node: ast.Name) -> float:
        value = self.outside.get(node.id)
        if isinstance(value, bool) or not isinstance(value, int | float):
            what = f"{node.id} is not known" if value is None else f"{node.id} is not a number"
            raise refuse(self.function, node, what, "use arguments and numbers; pass settings as params")
        return value

    def _is_math(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and self.outside.get(node.id, self.module.get(node.id)) is math

    def _integer(self, node: ast.expr) -> ast.expr:
        """Check an integer expression (an index, a range bound); it stays as it is written."""
        match node:
            case ast.Call(func=ast.Name(id="int"), args=[argument]):
                # The whole part of any number.
                node.args = [self.visit(argument)]
                node.func = _ours("int")
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name()]):
                node.func = _ours("len")
            case ast.Name(id=name) if name not in self.local:
                value = self._constant(node)
                if value != int(value):
                    raise refuse(self.function, node, f"{name} is not an integer", "index with integers")
                return ast.copy_location(ast.Constant(int(value)), node)
            case ast.Name() | ast.Constant():
                pass
            case ast.BinOp():
                node.left, node.right = self._integer(node.left), self._integer(node.right)
            case ast.UnaryOp():
                node.operand = self._integer(node.operand)
            case _:
                what = f"{ast.unparse(node)} is not an integer"
                raise refuse(self.function, node, what, "index with loop variables, or write int(...)")
        return node


def own_name(name: str) -> str:
    """How a name of the author's is written in generated text; none of ours ends like this."""
    return f"{name}_"


def _ours(name: str) -> ast.Name:
    """A name that the generated module provides."""
    node = ast.Name(name, ast.Load())
    node.ours = True  # type: ignore[attr-defined]
    return node


def float_literal(value: float) -> ast.expr:
    """``F(value)``, also for infinity and NaN."""
    if math.isfinite(value):
        number: ast.expr = ast.Constant(float(value))
    else:
        number = ast.Attribute(_ours("math"), "nan" if math.isnan(value) else "inf", ast.Load())
        if value < 0:
            number = ast.UnaryOp(ast.USub(), number)
    return ast.Call(_ours("F"), [number], [])


def _float_of(node: ast.expr) -> ast.Call:
    return ast.copy_location(ast.Call(_ours("F"), [node], []), node)
