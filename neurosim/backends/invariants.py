"""Splits an optimizer's update into what is the same for every parameter and what is not.

``m / (1 - beta1**t)`` is written per parameter, as in the paper, but ``1 - beta1**t`` is one number
a step. `split_update` takes the largest expressions of `t` and `params` out of the update. They are
worked out once a step in float64, which also saves them from float32 (where 1 - 0.999**1 has lost
four digits), and reach the update as float32 constants. A division by such an expression becomes a
multiplication by its reciprocal.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from neurosim.backends.scalars import FloatWriter, _Unit, integer_names, namespace, parse, refuse
from neurosim.plugin import Optimizer


@dataclass
class SplitUpdate:
    """An update as two pieces of source text.

    Attributes
    ----------
    constants : list of str
        Lines of the step's part: float64 statements on ``t`` and the params that fill ``out[0]``,
        ``out[1]``, ...
    update : str
        Text of the function ``update(w, g, *slots, *constants)`` in float32, and its helpers.
    count : int
        How many constants there are.
    """

    constants: list[str]
    update: str
    name: str
    count: int


def split_update(optimizer: Optimizer) -> SplitUpdate:
    """Split the update of `optimizer`.

    Raises
    ------
    PluginError
        Naming file and line, for anything that cannot be compiled.
    """
    node = parse(optimizer.update)
    names = [argument.arg for argument in node.args.args]
    per_parameter = names[: 2 + len(optimizer.slots)]
    lifter = _Lifter(optimizer.update, node, set(names[len(per_parameter) :]), set(per_parameter))
    body = [kept for statement in node.body if (kept := lifter.statement(statement)) is not None]
    unit = _Unit()
    unit.names[optimizer.update] = node.name
    writer = FloatWriter(optimizer.update, unit, integer_names(node, set()))
    writer.local |= set(lifter.names)
    node.args = ast.arguments([], [ast.arg(name) for name in [*per_parameter, *lifter.names]], None, [], [], None, [])
    node.body = [writer.visit(statement) for statement in body]
    node.returns = None
    unit.texts.append("@scalar\n" + ast.unparse(ast.fix_missing_locations(node)))
    lines = [*lifter.statements, *(f"out[{k}] = F({text})" for k, text in enumerate(lifter.expressions))]
    return SplitUpdate(lines, "\n\n".join(unit.texts), node.name, len(lifter.names))


class _Lifter(ast.NodeTransformer):
    """Takes step-invariant statements and expressions out of an update."""

    def __init__(
        self,
        function: Callable[..., Any],
        node: ast.FunctionDef,
        invariant: set[str],
        varying: Sequence[str] | set[str],
    ) -> None:
        self.function = function
        self.outside = namespace(function)
        self.statements: list[str] = []
        self.expressions: list[str] = []
        self.names: list[str] = []
        self.invariant = set(invariant)
        assigned: dict[str, int] = {}
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                assigned[part.id] = assigned.get(part.id, 0) + 1
        # A parameter that is assigned again is no longer the same for the whole update.
        self.invariant -= set(assigned)
        self.once = {name for name, count in assigned.items() if count == 1 and name not in {*invariant, *varying}}
        reassigned = set(assigned) & set(invariant)
        if reassigned:
            name = sorted(reassigned)[0]
            raise refuse(function, node, f"{name} is assigned to", "give the changed value a name of its own")

    def statement(self, node: ast.stmt) -> ast.stmt | None:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in self.once and self._lifts(value):
                self.statements.append(f"{name} = {ast.unparse(value)}")
                self.invariant.add(name)
                return None
        return self.visit(node)  # type: ignore[no-any-return]

    def visit(self, node: ast.AST) -> Any:
        stored = isinstance(getattr(node, "ctx", None), ast.Store)
        if isinstance(node, ast.expr) and not stored and self._lifts(node) and _has_name(node):
            return self._constant(node)
        return super().visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if isinstance(node.op, ast.Div) and self._lifts(node.right) and _has_name(node.right):
            reciprocal = ast.BinOp(ast.Constant(1.0), ast.Div(), node.right)
            return ast.BinOp(self.visit(node.left), ast.Mult(), self._constant(reciprocal))
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.args = [self.visit(argument) for argument in node.args]
        return node

    def _constant(self, node: ast.expr) -> ast.Name:
        text = ast.unparse(node)
        if text not in self.expressions:
            self.expressions.append(text)
            self.names.append(f"constant_{len(self.names)}")
        return ast.copy_location(ast.Name(self.names[self.expressions.index(text)], ast.Load()), node)

    def _lifts(self, node: ast.expr) -> bool:
        """Whether the expression is made of step-invariant names, numbers and math only."""
        for part in ast.walk(node):
            match part:
                case ast.Name(id=name, ctx=ast.Load()) if name not in self.invariant:
                    if name != "math":
                        return False
                case ast.Call(func=ast.Attribute(value=ast.Name(id="math"))):
                    pass
                case ast.Call() | ast.Subscript():
                    return False
        return True


def _has_name(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Name) and part.id != "math" for part in ast.walk(node))
