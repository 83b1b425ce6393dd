"""Splits an optimizer's update into what is the same for every parameter and what is not.

``m / (1 - beta1**t)`` is written per parameter, as in the paper, but ``1 - beta1**t`` is one number
a step. `split_update` takes the largest expressions of `t` and `params` out of the update. They are
worked out once a step in float64, which also saves them from float32 (where 1 - 0.999**1 has lost
four digits), and reach the update as float32 constants. A division by such an expression becomes a
multiplication by its reciprocal.
"""

from __future__ import annotations

import ast
import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from neurosim.formulas.float32 import Translator, own_name
from neurosim.formulas.kinds import check_kinds
from neurosim.formulas.source import MATH_FUNCTIONS, namespace, parse, refuse
from neurosim.plugin import Optimizer


@dataclass
class SplitUpdate:
    """An update as two pieces of source text.

    Attributes
    ----------
    constants : list of str
        Lines of the step's part, float64: statements on the step and the params (under their
        generated names, see `own_name`) that fill ``out[0]``, ``out[1]``, ...; they need
        ``exact_math``, Python's own ``math``.
    step : str
        Generated name of the step.
    translator : Translator
        Has the float32 function of ``(w, g, *slots, *constants)``, and its helpers.
    name : str
        Name of that function.
    count : int
        How many constants there are.
    """

    constants: list[str]
    step: str
    translator: Translator
    name: str
    count: int

    @property
    def update(self) -> str:
        """Text of the float32 function and of its helpers."""
        return self.translator.source


def split_update(optimizer: Optimizer, translator: Translator | None = None) -> SplitUpdate:
    """Split the update of `optimizer`; its part for each parameter goes to `translator`, by default a new one.

    Raises
    ------
    PluginError
        Naming file and line, for anything that cannot be compiled.
    """
    (formula,) = optimizer.formulas
    function = formula.function
    node = parse(function)
    check_kinds(function, node, formula.arguments, formula.results)
    names = [argument.arg for argument in node.args.args]
    per_parameter = names[: 2 + len(optimizer.slots)]
    step = names[len(per_parameter)]
    lifter = _Lifter(function, node, set(names[len(per_parameter) :]), set(per_parameter))
    node.body = [kept for statement in node.body if (kept := lifter.statement(statement)) is not None]
    node.args.args = [ast.arg(name) for name in [*per_parameter, *lifter.names]]
    translator = Translator() if translator is None else translator
    name = translator.write(function, node, (), lifter.names)
    lines = [*lifter.statements, *(f"out[{k}] = F({text})" for k, text in enumerate(lifter.expressions))]
    return SplitUpdate(lines, own_name(step), translator, name, len(lifter.names))


class _Lifter(ast.NodeTransformer):
    """Takes step-invariant statements and expressions out of an update."""

    def __init__(
        self, function: Callable[..., Any], node: ast.FunctionDef, invariant: set[str], varying: set[str]
    ) -> None:
        self.outside = namespace(function)
        self.statements: list[str] = []
        self.expressions: list[str] = []
        self.names: list[str] = []
        self.invariant = set(invariant)
        assigned: dict[str, int] = {}
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                assigned[part.id] = assigned.get(part.id, 0) + 1
        self.once = {name for name, count in assigned.items() if count == 1 and name not in {*invariant, *varying}}
        reassigned = sorted(set(assigned) & set(invariant))
        if reassigned:
            what = f"{reassigned[0]} is assigned to"
            raise refuse(function, node, what, "give the changed value a name of its own")

    def statement(self, node: ast.stmt) -> ast.stmt | None:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in self.once and self._lifts(value):
                self.statements.append(f"{own_name(name)} = {self._text(value)}")
                self.invariant.add(name)
                return None
        return self.visit(node)  # type: ignore[no-any-return]

    def visit(self, node: ast.AST) -> Any:
        stored = isinstance(getattr(node, "ctx", None), ast.Store)
        if isinstance(node, ast.expr) and not stored and self._lifts(node) and self._has_name(node):
            return self._constant(node)
        return super().visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if isinstance(node.op, ast.Div) and self._lifts(node.right) and self._has_name(node.right):
            reciprocal = ast.BinOp(ast.Constant(1.0), ast.Div(), node.right)
            return ast.BinOp(self.visit(node.left), ast.Mult(), self._constant(reciprocal))
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.args = [self.visit(argument) for argument in node.args]
        return node

    def _constant(self, node: ast.expr) -> ast.Name:
        text = self._text(node)
        if text not in self.expressions:
            self.expressions.append(text)
            self.names.append(f"constant{len(self.names)}")
        return ast.copy_location(ast.Name(self.names[self.expressions.index(text)], ast.Load()), node)

    def _text(self, node: ast.expr) -> str:
        """The expression with generated names."""
        renamed = copy.deepcopy(node)
        for part in ast.walk(renamed):
            if isinstance(part, ast.Name):
                part.id = "exact_math" if self._is_math(part) else own_name(part.id)
        return ast.unparse(renamed)

    def _is_math(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id not in self.invariant and self.outside.get(node.id) is math

    def _has_name(self, node: ast.expr) -> bool:
        return any(isinstance(part, ast.Name) and part.id in self.invariant for part in ast.walk(node))

    def _lifts(self, node: ast.expr) -> bool:
        """Whether the expression is made of step-invariant names, numbers and math only."""
        for part in ast.walk(node):
            match part:
                case ast.Name(id=name, ctx=ast.Load()) if name not in self.invariant:
                    if not self._is_math(part):
                        return False
                case ast.Call(func=ast.Attribute(value=value, attr=attr)) if self._is_math(value):
                    if attr not in MATH_FUNCTIONS:
                        return False
                case ast.Call() | ast.Subscript():
                    return False
        return True
