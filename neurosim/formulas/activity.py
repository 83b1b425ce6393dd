"""Which names of a formula depend on what is varied, and which of them stay finite."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from neurosim.formulas.rules import FLAT, RULES
from neurosim.formulas.source import math_function


class Activity:
    """Asked of expressions while their tangents are written.

    Attributes
    ----------
    node : ast.FunctionDef
        The function.
    outside : dict
        Names that it sees besides its own, which are `local`.
    rows : set of str
        Arguments of which one entry is varied.
    active : set of str
        Names that depend on what is varied.
    tame : set of str
        Names whose values and tangents stay finite while the arguments do.
    """

    node: ast.FunctionDef
    outside: dict[str, Any]
    local: set[str]
    rows: set[str]
    active: set[str]
    tame: set[str]

    def find_active(self, active: set[str]) -> set[str]:
        """Names that depend on what is varied."""
        assigned = list(assigned_names(self.node))
        while True:
            found = {name for name, value in assigned if value is not None and self.depends(value, active)}
            if found <= active:
                return active
            active = active | found

    def depends(self, node: ast.expr, active: set[str]) -> bool:
        """Whether an expression depends on what is varied, the names in `active` being those that do."""
        match node:
            case ast.Name(id=name):
                return name in active
            case ast.Subscript(value=ast.Name(id=name)):
                return name in self.rows
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                return False
            case ast.IfExp(body=body, orelse=orelse):
                return self.depends(body, active) or self.depends(orelse, active)
            case ast.BinOp(op=ast.FloorDiv()):
                return False
            case ast.Call(args=arguments):
                if self.builtin(node) in (len, int) or self.math_name(node) in FLAT:
                    return False
                rows = any(isinstance(part, ast.Name) and part.id in self.rows for part in arguments)
                return rows or any(self.depends(part, active) for part in arguments)
        return any(self.depends(part, active) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr))

    def find_tame(self, arguments: set[str]) -> set[str]:
        """Names whose values and tangents stay finite."""
        assigned = list(assigned_names(self.node))
        tame = arguments | {name for name, _ in assigned}
        while True:
            wild = {name for name, value in assigned if value is not None and not self.is_tame(value, tame)}
            if not wild & tame:
                return tame
            tame = tame - wild

    def is_tame(self, node: ast.expr, tame: set[str]) -> bool:
        """Whether an expression and its tangent stay finite, as the names in `tame` do."""
        if not self.depends(node, self.active):
            return True
        match node:
            case ast.Name(id=name):
                return name in tame
            case ast.Subscript():
                return True
            case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Mod(), left=left, right=right):
                return self.is_tame(left, tame) and self.is_tame(right, tame)
            case ast.BinOp(op=ast.Div(), left=left, right=right) if not self.depends(right, self.active):
                return self.is_tame(left, tame)
            case ast.BinOp(op=ast.Pow(), left=left, right=right) if (whole_power(right) or -1) >= 0:
                return self.is_tame(left, tame)
            case ast.UnaryOp(operand=operand):
                return self.is_tame(operand, tame)
            case ast.IfExp(body=body, orelse=orelse):
                return self.is_tame(body, tame) and self.is_tame(orelse, tame)
            case ast.Call(args=arguments):
                name = self.math_name(node)
                known = name in RULES and RULES[name].tame
                if known or name == "fabs" or self.builtin(node) in (abs, min, max, float):
                    return all(self.is_tame(argument, tame) for argument in arguments)
        return False

    def math_name(self, node: ast.Call) -> str:
        """Name of the function of `math` that is called, or an empty string."""
        return math_function(node.func, self.outside, self.local)

    def builtin(self, node: ast.Call) -> Any:
        """The built-in function that is called, or None."""
        match node.func:
            case ast.Name(id=name) if name not in self.local:
                found = self.outside.get(name)
                return found if found in (abs, min, max, float, int, len) else None
        return None


def assigned_names(node: ast.FunctionDef) -> Iterator[tuple[str, ast.expr | None]]:
    """Each name that is assigned to with what it gets; None for a loop variable."""
    for part in ast.walk(node):
        match part:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                for target, value in zip(targets, values, strict=False):
                    if isinstance(target, ast.Name):
                        yield target.id, value
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                yield name, ast.BinOp(ast.Name(name, ast.Load()), op, value)
            case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
                yield name, value
            case ast.For(target=ast.Name(id=name)):
                yield name, None


def whole_power(node: ast.expr) -> int | None:
    """The value of a literal whole exponent, such as 3 or -1; None for anything else."""
    match node:
        case ast.Constant(value=int() | float() as power) if not isinstance(power, bool) and power == int(power):
            return int(power)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as power)) if power == int(power):
            return -int(power)
    return None
