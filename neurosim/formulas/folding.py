"""Expressions made shorter by what is known of their names: ``v * momentum + g`` is ``g`` where momentum is 0.

What is left out is what a textbook leaves out: terms of 0, factors of 1, branches that are never taken. Infinity and
NaN are not thought of: 0 times either counts as 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from neurosim.formulas.form import (
    Binary,
    Bool,
    Choice,
    Compare,
    Const,
    Expression,
    Name,
    Named,
    Node,
    Unary,
    rebuilt,
)

ZERO, ONE = Const(0), Const(1)

COMPARED: dict[str, Callable[[float, float], bool]] = {
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
    "==": lambda x, y: x == y,
    "!=": lambda x, y: x != y,
}
_WORKED_OUT: dict[str, Callable[[float, float], float]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
}


class Folding:
    """Shortens expressions.

    Parameters
    ----------
    values : mapping of str to float
        Names that stay, such as those of settings, and what they are worth; tests on them are decided.
    counts : set of str
        Names of numbers that are never below 0, such as that of a step.
    """

    def __init__(self, values: Mapping[str, float] | None = None, counts: frozenset[str] = frozenset()) -> None:
        self._values = values or {}
        self._counts = counts

    def folded(self, node: Expression, names: Mapping[str, Expression]) -> Any:
        """The expression with other expressions for some of its names, made shorter."""
        if isinstance(node, Name):
            return names.get(node.id, node)
        if isinstance(node, Choice):
            test = self.folded(node.test, names)
            if isinstance(test, Const):
                return self.folded(node.body if test.value else node.orelse, names)
        return self._shorter(rebuilt(node, lambda part: self._part(part, names)))

    def _part(self, part: Node, names: Mapping[str, Expression]) -> Any:
        return self.folded(part, names) if isinstance(part, Expression) else part

    def _shorter(self, node: Expression) -> Expression:
        match node:
            case Unary("+", operand):
                return operand
            case Unary("-", Const(value)) if value == 0:
                return ZERO
            case Unary("-", Unary("-", operand)):
                return operand
            case Unary("not", Const(value)):
                return Const(not value)
            case Binary():
                return self._arithmetic(node)
            case Compare(operators, operands) if len(operators) == 1:
                return self._compared(node, operators[0], *operands)
            case Bool(operator, operands):
                return _joined(operator, operands)
        return node

    def value(self, node: Expression) -> float | None:
        """What an expression is worth, if that is known."""
        match node:
            case Const(value) | Named(_, value):
                return value
            case Name(name):
                return self._values.get(name)
            case Unary("-", operand):
                inner = self.value(operand)
                return None if inner is None else -inner
            case Binary(operator, left, right) if operator in _WORKED_OUT:
                first, second = self.value(left), self.value(right)
                return None if first is None or second is None else _WORKED_OUT[operator](first, second)
        return None

    def _compared(self, node: Expression, operator: str, left: Expression, right: Expression) -> Expression:
        first, second = self.value(left), self.value(right)
        if first is not None and second is not None:
            return Const(COMPARED[operator](first, second))
        if isinstance(left, Name) and left.id in self._counts and second is not None:
            if operator in ("<", "==", "<=") and (second < 0 or (second == 0 and operator == "<")):
                return Const(False)
            if operator in (">=", "!=", ">") and (second < 0 or (second == 0 and operator == ">=")):
                return Const(True)
        return node

    def _arithmetic(self, node: Binary) -> Expression:
        left, right = node.left, node.right
        first, second = _number(left), _number(right)
        operator = node.operator
        # Whole numbers only: 1 - 0.999 is easier to read than what it is in binary.
        if operator in _WORKED_OUT and _is_whole(first) and _is_whole(second):
            assert first is not None
            assert second is not None
            return _whole(_WORKED_OUT[operator](first, second))
        match operator, first, second:
            case ("+", 0, _) | ("*", 1, _):
                return right
            case ("+" | "-", _, 0) | ("*" | "/" | "**", _, 1):
                return left
            case ("*", 0, _) | ("*", _, 0) | ("/", 0, _):
                return ZERO
            case ("**", _, 0) | ("**", 1, _):
                return ONE
            case ("-", 0, _):
                return Unary("-", right)
            case ("*", -1, _):
                return Unary("-", right)
        match operator, right:
            case "+", Unary("-", operand):
                return Binary("-", left, operand)
            case "-", Unary("-", operand):
                return Binary("+", left, operand)
        return node


def _number(node: Expression) -> float | None:
    match node:
        case Const(value):
            return value
        case Unary("-", Const(value)):
            return -value
    return None


def _is_whole(value: float | None) -> bool:
    return value is not None and float(value).is_integer()


def _whole(value: float) -> Expression:
    return Const(int(value)) if value >= 0 else Unary("-", Const(int(-value)))


def _joined(operator: str, operands: tuple[Expression, ...]) -> Expression:
    """``and`` or ``or`` without what is decided."""
    ends = operator == "or"
    left: list[Expression] = []
    for operand in operands:
        if isinstance(operand, Const):
            if bool(operand.value) == ends:
                return Const(ends)
            continue
        left.append(operand)
    if not left:
        return Const(not ends)
    return left[0] if len(left) == 1 else Bool(operator, tuple(left))
