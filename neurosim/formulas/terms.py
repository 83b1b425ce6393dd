"""Terms of a derivative: what is left out because it is 0 or 1, and how they are added."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from neurosim.formulas import form
from neurosim.formulas.expressions import read_expression
from neurosim.formulas.form import Binary, Const, Expression, Name, Unary

ZERO, ONE = Const(0.0), Const(1.0)
MINUS_ONE = Unary("-", ONE)


@functools.cache
def read_ours(text: str) -> Expression:
    """An expression of ours, in any names and functions of ``math``."""
    return read_expression(text)


def filled(node: form.Node, values: Mapping[str, Expression], math: str) -> Any:
    """Python of ours with values for its names, and the name that the module ``math`` has where it is put."""
    match node:
        case Name(id=name):
            return values[name]
        case form.Call() | form.Named():
            node = replace(node, written=node.written.replace("math.", f"{math}.", 1))
    return form.rebuilt(node, lambda part: filled(part, values, math))


def live_terms(terms: Expression, live: set[str]) -> Expression | None:
    """The terms of a rule whose tangents are among `live`."""
    match terms:
        case Binary(operator="+" | "-" as sign, left=left, right=right):
            first, second = live_terms(left, live), live_terms(right, live)
            if first and second:
                return replace(terms, left=first, right=second)
            return Unary("-", second) if second and sign == "-" else first or second
        case Binary(operator="/", left=left):
            numerator = live_terms(left, live)
            return numerator and replace(terms, left=numerator)
        case Binary(right=tangent):
            return terms if live_terms(tangent, live) else None
        case Name(id=name) if name in live:
            return terms
    return None


def number_of(node: Expression) -> float | None:
    """The value of a literal number; None for anything else."""
    match node:
        case Const(value=value) if not isinstance(value, bool):
            return float(value)
        case Unary(operator="-" | "+" as sign, operand=Const(value=value)) if not isinstance(value, bool):
            return -float(value) if sign == "-" else float(value)
    return None


def is_float(node: Expression, value: float) -> bool:
    """Whether an expression is this literal, with a decimal point."""
    whole = any(isinstance(part, Const) and isinstance(part.value, int) for part in form.walk([node]))
    return number_of(node) == value and not whole


def added(left: Expression | None, right: Expression | None) -> Expression | None:
    """The sum of tangents, either of which may be nothing."""
    if left is None or right is None:
        return left or right
    match right:
        case Unary(operator="-", operand=operand) if not isinstance(operand, Const):
            return Binary("-", left, operand)
    return Binary("+", left, right)


def negative(tangent: Expression | None) -> Expression | None:
    """A tangent with the other sign."""
    if tangent is None:
        return None
    if is_float(tangent, 1.0):
        return MINUS_ONE
    return ONE if is_float(tangent, -1.0) else Unary("-", tangent)
