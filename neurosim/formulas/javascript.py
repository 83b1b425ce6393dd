"""An author's formula as a JavaScript function, so that the page can evaluate the network itself.

What is translated was checked before by the backends: plain scalar Python, loops over rows, functions of
`math` and other functions of the same kind. All numbers are float64 there, as in the reference backend.
"""

from __future__ import annotations

import ast
import inspect
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from neurosim.errors import PluginError
from neurosim.formulas.source import MATH_CONSTANTS, math_function, namespace, parse, refuse

_RENAMED = {"fabs": "Math.abs", "isfinite": "Number.isFinite", "isnan": "Number.isNaN"}
_LACKING = {"copysign", "erf", "erfc"}
_BUILTIN = {abs: "Math.abs", min: "Math.min", max: "Math.max", float: "Number"}
_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.USub: "-", ast.UAdd: "+", ast.Not: "!",
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "===", ast.NotEq: "!==",
    ast.And: "&&", ast.Or: "||",
}  # fmt: skip


@dataclass
class Script:
    """Functions translated so far; each is an entry of the object ``FORMULAS``."""

    texts: dict[str, str] = field(default_factory=dict)
    _names: dict[Callable[..., Any], str] = field(default_factory=dict)

    def add(self, function: Callable[..., Any]) -> str:
        """Translate a function unless that is done; returns its name.

        Raises
        ------
        PluginError
            For what has no translation.
        """
        if function not in self._names:
            # A name of our own: nothing that an author has written becomes a word of the script.
            name = self._names[function] = f"f{len(self._names)}"
            self.texts[name] = _Writer(function, self).function()
        return self._names[function]

    @property
    def source(self) -> str:
        """The object as JavaScript."""
        return "const FORMULAS = {\n" + "".join(f"{name}: {text},\n" for name, text in self.texts.items()) + "};\n"


class _Writer:
    def __init__(self, function: Callable[..., Any], script: Script) -> None:
        self._function = function
        self._script = script
        self._node = parse(function)
        self._outside = namespace(function)
        self._local = list(dict.fromkeys(function.__code__.co_varnames))

    def function(self) -> str:
        arguments = [argument.arg for argument in self._node.args.args]
        others = [self._name(name) for name in self._local if name not in arguments]
        declared = f"let {', '.join(others)};\n" if others else ""
        body = declared + self._block(self._node.body)
        return f"function ({', '.join(map(self._name, arguments))}) {{\n{body}}}"

    def _name(self, name: str) -> str:
        # Behind an underscore no name is a reserved word of JavaScript; other letters than ASCII are allowed there.
        return f"_{name}"

    def _block(self, statements: list[ast.stmt]) -> str:
        return "".join(self._statement(statement) + "\n" for statement in statements)

    def _statement(self, node: ast.stmt) -> str:
        match node:
            case ast.Assign(targets=targets, value=value):
                return " = ".join([*map(self._value, targets), self._value(value)]) + ";"
            case ast.AnnAssign(target=target, value=value):
                return "" if value is None else f"{self._value(target)} = {self._value(value)};"
            case ast.AugAssign(target=target, op=operator, value=value):
                return (
                    f"{self._value(target)} = {self._binary(node, operator, self._value(target), self._value(value))};"
                )
            case ast.Return(value=value):
                return "return;" if value is None else f"return {self._value(value)};"
            case ast.If(test=test, body=body, orelse=orelse):
                rest = f" else {{\n{self._block(orelse)}}}" if orelse else ""
                return f"if ({self._value(test)}) {{\n{self._block(body)}}}{rest}"
            case ast.While(test=test, body=body):
                return f"while ({self._value(test)}) {{\n{self._block(body)}}}"
            case ast.For(target=ast.Name(id=name), iter=ast.Call(args=ends), body=body):
                return self._loop(self._name(name), [self._value(end) for end in ends], body)
            case ast.Break():
                return "break;"
            case ast.Continue():
                return "continue;"
            case ast.Pass() | ast.Expr():
                return ""
        raise self._refuse(node)

    def _loop(self, name: str, ends: list[str], body: list[ast.stmt]) -> str:
        first, last, step = (["0", *ends, "1"] if len(ends) == 1 else [*ends, "1"])[:3]
        # The name keeps its last value, as in Python.
        counter = f"k{name}"
        test = f"({step}) > 0 ? {counter} < {last} : {counter} > {last}"
        head = f"for (let {counter} = {first}; {test}; {counter} += {step})"
        return f"{head} {{\n{name} = {counter};\n{self._block(body)}}}"

    def _value(self, node: ast.expr) -> str:
        match node:
            case ast.Constant(value=bool(value)):
                return "1" if value else "0"
            case ast.Constant(value=int() | float() as value):
                return _number(value)
            case ast.Name(id=name):
                return self._name(name) if name in self._local else _number(self._constant(node, name))
            case ast.Attribute(attr=attribute) if attribute in MATH_CONSTANTS:
                return _number(MATH_CONSTANTS[attribute])
            case ast.Subscript(value=ast.Name(id=name), slice=index):
                return f"{self._name(name)}[{self._value(index)}]"
            case ast.BinOp(left=left, op=operator, right=right):
                return self._binary(node, operator, self._value(left), self._value(right))
            case ast.UnaryOp(op=operator, operand=operand) if type(operator) in _OPERATORS:
                return f"({_OPERATORS[type(operator)]}{self._value(operand)})"
            case ast.BoolOp(op=operator, values=values):
                return "(" + f" {_OPERATORS[type(operator)]} ".join(map(self._value, values)) + ")"
            case ast.Compare(left=left, ops=operators, comparators=others):
                sides = [self._value(side) for side in (left, *others)]
                pairs = zip(sides, operators, sides[1:], strict=False)
                return "(" + " && ".join(f"{a} {_OPERATORS[type(op)]} {b}" for a, op, b in pairs) + ")"
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return f"({self._value(test)} ? {self._value(body)} : {self._value(orelse)})"
            case ast.Tuple(elts=parts):
                return f"[{', '.join(map(self._value, parts))}]"
            case ast.Call():
                return self._call(node)
        raise self._refuse(node)

    def _binary(self, node: ast.AST, operator: ast.operator, left: str, right: str) -> str:
        match operator:
            case ast.Pow():
                return f"Math.pow({left}, {right})"
            case ast.FloorDiv():
                return f"Math.floor({left} / {right})"
            case ast.Mod():
                return f"lacking.floormod({left}, {right})"
        if type(operator) not in _OPERATORS:
            raise self._refuse(node)
        return f"({left} {_OPERATORS[type(operator)]} {right})"

    def _call(self, node: ast.Call) -> str:
        arguments = [
            self._name(argument.id) if isinstance(argument, ast.Name) and argument.id in self._local
            else self._value(argument)
            for argument in node.args
        ]  # fmt: skip
        listed = ", ".join(arguments)
        name = math_function(node.func, self._outside, self._local)
        if name == "fmod":
            return f"({arguments[0]} % {arguments[1]})"
        if name == "isinf":
            return f"(Math.abs({listed}) === Infinity)"
        if name:
            return f"{f'lacking.{name}' if name in _LACKING else _RENAMED.get(name, f'Math.{name}')}({listed})"
        if isinstance(node.func, ast.Name) and node.func.id not in self._local:
            if node.func.id == "len":
                return f"{listed}.length"
            target = self._outside.get(node.func.id)
            if target in _BUILTIN:
                return f"{_BUILTIN[target]}({listed})"
            if inspect.isfunction(target):
                return f"FORMULAS.{self._script.add(target)}({listed})"
        raise self._refuse(node)

    def _constant(self, node: ast.AST, name: str) -> float:
        value = self._outside.get(name)
        if isinstance(value, int | float):
            return value
        raise self._refuse(node)

    def _refuse(self, node: ast.AST) -> PluginError:
        return refuse(self._function, node, "this has no translation to JavaScript", "use arithmetic, if and math")


def _number(value: float) -> str:
    if math.isfinite(value):
        return json.dumps(value) if value >= 0 else f"({json.dumps(value)})"
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "(-Infinity)"
